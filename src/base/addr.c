/* SPDX-License-Identifier: Apache-2.0 */
#include "src/base/addr.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

/* Bytes as a number: tables of thousands of VIPs are searched and compared all the time. */
static uint64_t high_half(const struct addr *addr)
{
	uint64_t word;

	memcpy(&word, addr->bytes, sizeof(word));
	return be64toh(word);
}

static uint64_t low_half(const struct addr *addr)
{
	uint64_t word;

	memcpy(&word, addr->bytes + sizeof(word), sizeof(word));
	return be64toh(word);
}

bool addr_is_ipv4(const struct addr *addr)
{
	return high_half(addr) == 0 && low_half(addr) >> 32 == 0xffff;
}

int addr_family(const struct addr *addr)
{
	return addr_is_ipv4(addr) ? AF_INET : AF_INET6;
}

const uint8_t *addr_raw(const struct addr *addr, size_t *ret_len)
{
	bool v4 = addr_is_ipv4(addr);

	*ret_len = v4 ? 4 : 16;
	return addr->bytes + (v4 ? sizeof(mapped) : 0);
}

struct addr addr_from_raw(int family, const void *raw)
{
	struct addr addr;

	if (family == AF_INET) {
		memcpy(addr.bytes, mapped, sizeof(mapped));
		memcpy(addr.bytes + sizeof(mapped), raw, 4);
	} else {
		memcpy(addr.bytes, raw, 16);
	}
	return addr;
}

int addr_parse(const char *text, struct addr *ret)
{
	uint8_t raw[16];

	if (inet_pton(AF_INET, text, raw) == 1)
		*ret = addr_from_raw(AF_INET, raw);
	else if (inet_pton(AF_INET6, text, raw) == 1)
		*ret = addr_from_raw(AF_INET6, raw);
	else
		return -EINVAL;
	return 0;
}

/* Decimal digits and nothing else. */
static int port_parse(const char *text, uint16_t *ret)
{
	char *end;
	unsigned long port;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	port = strtoul(text, &end, 10);
	if (*end || port == 0 || port > UINT16_MAX)
		return -EINVAL;
	*ret = (uint16_t)port;
	return 0;
}

int addr_parse_port(const char *text, struct addr *ret, uint16_t *ret_port)
{
	const char *colon = strrchr(text, ':'), *end = colon;
	bool is_bracketed = *text == '[';
	char address[ADDR_TEXT_MAX];
	struct addr addr;
	uint16_t port;

	if (!colon || (is_bracketed && end[-1] != ']'))
		return -EINVAL;
	text += is_bracketed;
	end -= is_bracketed;
	if (end <= text || (size_t)(end - text) >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, (size_t)(end - text));
	address[end - text] = '\0';
	/* Brackets tell the colons of an address from the one before the port. */
	if (is_bracketed != (strchr(address, ':') != NULL))
		return -EINVAL;
	if (addr_parse(address, &addr) < 0 || port_parse(colon + 1, &port) < 0)
		return -EINVAL;
	*ret = addr;
	*ret_port = port;
	return 0;
}

const char *addr_print(const struct addr *addr, char buf[ADDR_TEXT_MAX])
{
	size_t len;

	inet_ntop(addr_family(addr), addr_raw(addr, &len), buf, ADDR_TEXT_MAX);
	return buf;
}

int addr_cmp(const struct addr *a, const struct addr *b)
{
	uint64_t a_high = high_half(a), b_high = high_half(b);
	uint64_t a_low = low_half(a), b_low = low_half(b);
	bool a4 = addr_is_ipv4(a), b4 = addr_is_ipv4(b);

	if (a4 != b4)
		return a4 ? -1 : 1;
	if (a_high != b_high)
		return a_high < b_high ? -1 : 1;
	return (a_low > b_low) - (a_low < b_low);
}

/* How many leading bits of the 16 bytes a prefix fixes. */
static unsigned prefix_bits(const struct prefix *prefix)
{
	return prefix->len + (addr_is_ipv4(&prefix->addr) ? 96U : 0U);
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00U >> rest);

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) & mask) == 0;
}

static bool host_bits_are_zero(const struct prefix *prefix)
{
	unsigned bits = prefix_bits(prefix);

	for (unsigned i = bits; i < 128; i++)
		if (prefix->addr.bytes[i / 8] & (0x80U >> (i % 8)))
			return false;
	return true;
}

int prefix_parse(const char *text, struct prefix *ret)
{
	char head[ADDR_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct prefix prefix;
	unsigned max;

	if (len >= sizeof(head))
		return -EINVAL;
	memcpy(head, text, len);
	head[len] = '\0';
	if (addr_parse(head, &prefix.addr) < 0)
		return -EINVAL;
	max = addr_is_ipv4(&prefix.addr) ? 32 : 128;
	prefix.len = (uint8_t)max;
	if (slash) {
		unsigned value = 0;
		const char *p = slash + 1;

		if (*p == '\0' || strlen(p) > 3)
			return -EINVAL;
		for (; *p; p++) {
			if (*p < '0' || *p > '9')
				return -EINVAL;
			value = value * 10 + (unsigned)(*p - '0');
		}
		if (value > max)
			return -EINVAL;
		prefix.len = (uint8_t)value;
	}
	if (!host_bits_are_zero(&prefix))
		return -EDOM;
	*ret = prefix;
	return 0;
}

const char *prefix_print(const struct prefix *prefix, char buf[PREFIX_TEXT_MAX])
{
	snprintf(buf, PREFIX_TEXT_MAX, "%s/%u", ADDR_STR(&prefix->addr), prefix->len);
	return buf;
}

int prefix_cmp(const struct prefix *a, const struct prefix *b)
{
	int order = addr_cmp(&a->addr, &b->addr);

	return order ? order : (int)a->len - (int)b->len;
}

bool prefix_has_addr(const struct prefix *prefix, const struct addr *addr)
{
	return addr_is_ipv4(&prefix->addr) == addr_is_ipv4(addr) &&
	       bits_equal(prefix->addr.bytes, addr->bytes, prefix_bits(prefix));
}

bool prefix_has_prefix(const struct prefix *outer, const struct prefix *inner)
{
	return inner->len >= outer->len && prefix_has_addr(outer, &inner->addr);
}

bool prefix_is_host(const struct prefix *prefix)
{
	return prefix_bits(prefix) == 128;
}
