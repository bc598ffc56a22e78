/* SPDX-License-Identifier: Apache-2.0 */
#include "src/config/value.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#define PCRE2_CODE_UNIT_WIDTH 8

#include <net/if.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/addr.h"
#include "src/base/usec.h"
#include "src/config/config.h"
#include "src/base/suggest.h"

#define TEXT_MAX  1024 /* characters of a free text */
#define BYTES_MAX 1024

/* ---- numbers ---- */

/* Leading decimal digits; *rest gets what follows. -EINVAL: none, -ERANGE: more than 64 bits. */
static int digits(const char *text, uint64_t *ret, const char **rest)
{
	uint64_t value = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (value > (UINT64_MAX - 9) / 10)
			return -ERANGE;
		value = value * 10 + (uint64_t)(*p - '0');
	}
	if (p == text)
		return -EINVAL;
	*ret = value;
	*rest = p;
	return 0;
}

struct unit {
	const char *word;
	uint64_t factor;
};

/* The largest first: printing takes the first that divides. */
static const struct unit duration_units[] = {
	{ "d", 86400 * USEC_PER_SEC }, { "h", 3600 * USEC_PER_SEC }, { "m", 60 * USEC_PER_SEC },
	{ "s", USEC_PER_SEC },         { "ms", USEC_PER_MSEC },      { NULL, 0 },
};
static const struct unit count_units[] = {
	{ "G", 1000000000 }, { "M", 1000000 }, { "k", 1000 }, { "", 1 }, { NULL, 0 },
};
static const struct unit pps_units[] = {
	{ "Gpps", 1000000000 }, { "Mpps", 1000000 }, { "kpps", 1000 }, { "pps", 1 }, { NULL, 0 },
};
static const struct unit percent_units[] = { { "%", 1 }, { NULL, 0 } };
static const struct unit plain_units[] = { { "", 1 }, { NULL, 0 } };

static int parse_units(const struct unit *units, const char *text, uint64_t *ret)
{
	uint64_t value;
	const char *rest;
	int r = digits(text, &value, &rest);

	if (r < 0)
		return r;
	for (; units->word; units++) {
		if (strcmp(units->word, rest) != 0)
			continue;
		if (value > UINT64_MAX / units->factor)
			return -ERANGE;
		*ret = value * units->factor;
		return 0;
	}
	return -EINVAL;
}

static void print_units(const struct unit *units, uint64_t value, struct text *out)
{
	if (value == 0 && units == duration_units) {
		text_add(out, "0s");
		return;
	}
	while (units[1].word && (value == 0 || value % units->factor != 0))
		units++;
	text_add(out, "%" PRIu64 "%s", value / units->factor, units->word);
}

static const struct unit *units_of(enum value_type type)
{
	switch ((int)type) {
	case VALUE_DURATION:
		return duration_units;
	case VALUE_COUNT:
		return count_units;
	case VALUE_PPS:
		return pps_units;
	case VALUE_PERCENT:
		return percent_units;
	default:
		return plain_units;
	}
}

static bool is_number(enum value_type type)
{
	return units_of(type) != plain_units || type == VALUE_NUMBER || type == VALUE_PORT;
}

static void store(size_t size, uint64_t value, void *ret)
{
	if (size == sizeof(uint64_t))
		memcpy(ret, &value, sizeof(value));
	else if (size == sizeof(uint32_t))
		memcpy(ret, &(uint32_t){ (uint32_t)value }, sizeof(uint32_t));
	else
		memcpy(ret, &(uint16_t){ (uint16_t)value }, sizeof(uint16_t));
}

static uint64_t fetch(size_t size, const void *field)
{
	uint64_t wide;
	uint32_t word;
	uint16_t half;

	if (size == sizeof(wide)) {
		memcpy(&wide, field, sizeof(wide));
		return wide;
	}
	if (size == sizeof(word)) {
		memcpy(&word, field, sizeof(word));
		return word;
	}
	memcpy(&half, field, sizeof(half));
	return half;
}

/* The widest bounds that the field can hold. */
static void bounds(const struct value_spec *spec, uint64_t *ret_min, uint64_t *ret_max)
{
	size_t size = value_kind(spec->type)->size;

	*ret_min = spec->min;
	*ret_max = spec->max;
	if (spec->type == VALUE_PORT && spec->min == 0)
		*ret_min = 1;
	if (spec->max == 0)
		*ret_max = size == 8 ? UINT64_MAX : size == 4 ? UINT32_MAX : UINT16_MAX;
}

static int refuse(const struct value_spec *spec, const char *text, struct err *err)
{
	const struct value_kind *kind = value_kind(spec->type);

	if (*text == '\0')
		return err_set(err, -EINVAL, "nothing is given; write %s", kind->written);
	return err_set(err, -EINVAL, "'%.80s' is no %s; write %s", text, kind->word, kind->written);
}

static int refuse_bounds(const struct value_spec *spec, const char *text, struct arena *arena,
			 struct err *err)
{
	struct text allowed = { .arena = arena };

	value_print_bounds(spec, &allowed);
	return err_set(err, -EINVAL, "'%.80s' is out of bounds; allowed is %s", text,
		       allowed.bytes);
}

static int parse_number(const struct value_spec *spec, const char *text, struct arena *arena,
			void *ret, struct err *err)
{
	uint64_t value = 0, min, max;
	int r = parse_units(units_of(spec->type), text, &value);

	if (r == -EINVAL)
		return refuse(spec, text, err);
	bounds(spec, &min, &max);
	if (r < 0 || value < min || value > max)
		return refuse_bounds(spec, text, arena, err);
	store(value_kind(spec->type)->size, value, ret);
	return 0;
}

static void print_number(const struct value_spec *spec, const void *value, struct text *out)
{
	print_units(units_of(spec->type), fetch(value_kind(spec->type)->size, value), out);
}

void value_print_bounds(const struct value_spec *spec, struct text *out)
{
	const struct unit *units = units_of(spec->type);
	uint64_t min, max;

	if (!is_number(spec->type) ||
	    (spec->type != VALUE_PORT && spec->min == 0 && spec->max == 0))
		return;
	bounds(spec, &min, &max);
	print_units(units, min, out);
	text_add(out, " to ");
	print_units(units, max, out);
}

/* ---- words ---- */

static int parse_bool(const struct value_spec *spec, const char *text, struct arena *arena,
		      void *ret, struct err *err)
{
	(void)arena;
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return refuse(spec, text, err);
	*(bool *)ret = text[0] == 't';
	return 0;
}

static void print_bool(const struct value_spec *spec, const void *value, struct text *out)
{
	(void)spec;
	text_add(out, "%s", *(const bool *)value ? "true" : "false");
}

static int refuse_word(const struct value_word *words, const char *text, struct arena *arena,
		       struct err *err)
{
	struct suggest suggest = { .word = text };
	struct text known = { .arena = arena };

	for (const struct value_word *w = words; w->word; w++) {
		suggest_try(&suggest, w->word);
		text_add(&known, "%s%s", w == words ? "" : w[1].word ? ", " : " or ", w->word);
	}
	if (suggest.best)
		return err_set(err, -EINVAL, "'%.80s' is not known, did you mean '%s'? (%s)", text,
			       suggest.best, known.bytes);
	return err_set(err, -EINVAL, "'%.80s' is not known; write %s", text, known.bytes);
}

static int parse_enum(const struct value_spec *spec, const char *text, struct arena *arena,
		      void *ret, struct err *err)
{
	for (const struct value_word *w = spec->words; w->word; w++) {
		if (strcmp(w->word, text) == 0) {
			memcpy(ret, &w->value, sizeof(w->value));
			return 0;
		}
	}
	return refuse_word(spec->words, text, arena, err);
}

const char *value_word_of(const struct value_word *words, unsigned value)
{
	for (; words->word; words++)
		if (words->value == value)
			return words->word;
	return "?";
}

static void print_enum(const struct value_spec *spec, const void *value, struct text *out)
{
	unsigned word;

	memcpy(&word, value, sizeof(word));
	text_add(out, "%s", value_word_of(spec->words, word));
}

/* ---- addresses ---- */

static int parse_address(const struct value_spec *spec, const char *text, struct arena *arena,
			 void *ret, struct err *err)
{
	struct addr addr;

	(void)arena;
	if (addr_parse(text, &addr) < 0) {
		if (strchr(text, '/'))
			return err_set(err, -EINVAL, "'%.80s' is a prefix; write one address",
				       text);
		return refuse(spec, text, err);
	}
	if (spec->type == VALUE_IPV4 && !addr_is_ipv4(&addr))
		return refuse(spec, text, err);
	if (spec->type == VALUE_IPV6 && addr_is_ipv4(&addr))
		return refuse(spec, text, err);
	memcpy(ret, &addr, sizeof(addr));
	return 0;
}

static void print_address(const struct value_spec *spec, const void *value, struct text *out)
{
	(void)spec;
	text_add(out, "%s", ADDR_STR((const struct addr *)value));
}

/* The prefix with its host bits cleared, for "did you mean". */
static void clear_host_bits(struct prefix *prefix)
{
	unsigned bits = prefix->len + (addr_is_ipv4(&prefix->addr) ? 96U : 0U);

	for (unsigned i = bits; i < 128; i++)
		prefix->addr.bytes[i / 8] &= (uint8_t) ~(0x80U >> (i % 8));
}

static int refuse_host_bits(const char *text, struct err *err)
{
	struct prefix prefix = { .len = (uint8_t)atoi(strchr(text, '/') + 1) };
	char head[ADDR_TEXT_MAX] = "";

	memcpy(head, text, (size_t)(strchr(text, '/') - text));
	addr_parse(head, &prefix.addr);
	clear_host_bits(&prefix);
	return err_set(err, -EINVAL, "'%s' has bits set behind its length, did you mean '%s'?",
		       text, PREFIX_STR(&prefix));
}

static int parse_prefix(const struct value_spec *spec, const char *text, struct arena *arena,
			void *ret, struct err *err)
{
	int r;

	(void)arena;
	r = prefix_parse(text, ret);
	if (r == -EDOM)
		return refuse_host_bits(text, err);
	return r < 0 ? refuse(spec, text, err) : 0;
}

static void print_prefix(const struct value_spec *spec, const void *value, struct text *out)
{
	const struct prefix *prefix = value;

	(void)spec;
	text_add(out, "%s", prefix_is_host(prefix) ? ADDR_STR(&prefix->addr) : PREFIX_STR(prefix));
}

static int parse_mac(const struct value_spec *spec, const char *text, struct arena *arena,
		     void *ret, struct err *err)
{
	uint8_t mac[6];

	(void)arena;
	if (strlen(text) != 17)
		return refuse(spec, text, err);
	for (size_t i = 0; i < 6; i++) {
		const char *p = text + i * 3;
		char pair[3] = { p[0], p[1], '\0' };

		if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1]))
			return refuse(spec, text, err);
		if (i < 5 && p[2] != ':')
			return refuse(spec, text, err);
		mac[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	if ((mac[0] & 1) || memcmp(mac, (uint8_t[6]){ 0 }, 6) == 0)
		return err_set(err, -EINVAL, "'%s' is no address of one station", text);
	memcpy(ret, mac, sizeof(mac));
	return 0;
}

static void print_mac(const struct value_spec *spec, const void *value, struct text *out)
{
	const uint8_t *mac = value;

	(void)spec;
	text_add(out, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		 mac[5]);
}

/* ---- ranges: HTTP status, exit codes ---- */

static int parse_range(const struct value_spec *spec, const char *text, struct arena *arena,
		       void *ret, struct err *err)
{
	bool is_status = spec->type == VALUE_STATUS;
	uint64_t first, last, min = is_status ? 100 : 0, max = is_status ? 599 : 255;
	const char *rest;

	(void)arena;
	if (digits(text, &first, &rest) < 0)
		return refuse(spec, text, err);
	last = first;
	if (*rest == '-' && digits(rest + 1, &last, &rest) < 0)
		return refuse(spec, text, err);
	if (*rest != '\0')
		return refuse(spec, text, err);
	if (first < min || last > max || first > last)
		return err_set(err, -EINVAL,
			       "'%.80s' is out of bounds; allowed is %" PRIu64 " to %" PRIu64, text,
			       min, max);
	*(struct config_range *)ret = (struct config_range){ (uint32_t)first, (uint32_t)last };
	return 0;
}

static void print_range(const struct value_spec *spec, const void *value, struct text *out)
{
	const struct config_range *range = value;

	(void)spec;
	text_add(out, "%" PRIu32, range->first);
	if (range->last != range->first)
		text_add(out, "-%" PRIu32, range->last);
}

/* ---- bytes ---- */

/* One character or escape at *text, which moves behind it; -1: no escape that is known. */
static int unescape(const char **text)
{
	static const char letters[] = "rnt0\\", bytes[] = "\r\n\t\0\\";
	const char *p = *text, *letter;
	char pair[3] = "";

	*text = p + 1;
	if (*p != '\\')
		return (unsigned char)*p;
	letter = p[1] ? strchr(letters, p[1]) : NULL;
	*text = p + 2;
	if (letter)
		return (unsigned char)bytes[letter - letters];
	if (p[1] != 'x' || !isxdigit((unsigned char)p[2]) || !isxdigit((unsigned char)p[3]))
		return -1;
	memcpy(pair, p + 2, 2);
	*text = p + 4;
	return (int)strtoul(pair, NULL, 16);
}

static int parse_bytes(const struct value_spec *spec, const char *text, struct arena *arena,
		       void *ret, struct err *err)
{
	uint8_t *bytes = arena_alloc(arena, strlen(text) + 1);
	size_t len = 0;

	for (const char *p = text; *p;) {
		int byte = unescape(&p);

		if (byte < 0)
			return refuse(spec, text, err);
		bytes[len++] = (uint8_t)byte;
	}
	if (len == 0 || len > BYTES_MAX)
		return refuse(spec, len ? "(more than 1024 bytes)" : "", err);
	*(struct config_bytes *)ret = (struct config_bytes){ bytes, len };
	return 0;
}

static void print_bytes(const struct value_spec *spec, const void *value, struct text *out)
{
	const struct config_bytes *bytes = value;

	(void)spec;
	for (size_t i = 0; i < bytes->len; i++) {
		uint8_t byte = bytes->bytes[i];

		if (byte == '\\')
			text_add(out, "\\\\");
		else if (byte == '\r' || byte == '\n')
			text_add(out, byte == '\r' ? "\\r" : "\\n");
		else if (byte < ' ' || byte > '~')
			text_add(out, "\\x%02x", byte);
		else
			text_add(out, "%c", byte);
	}
}

/* ---- texts ---- */

static bool is_name(const char *text)
{
	size_t len =
		strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	/* Names become arguments and file names: neither an option nor a hidden file. */
	return len >= 1 && len <= CONFIG_NAME_MAX && text[len] == '\0' && text[0] != '-' &&
	       text[0] != '.';
}

static bool is_interface(const char *text)
{
	size_t len = strlen(text);

	if (len == 0 || len >= IFNAMSIZ || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return false;
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || (unsigned char)*text > '~' ||
		    strchr("/:", *text))
			return false;
	return true;
}

static bool is_file(const char *text)
{
	return text[0] == '/' && text[1] != '\0' && strlen(text) < PATH_MAX;
}

static bool is_printable_ascii(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

static bool is_url_path(const char *text)
{
	return text[0] == '/' && strlen(text) <= 1023 && is_printable_ascii(text) &&
	       !strchr(text, '#');
}

static bool is_host(const char *text)
{
	size_t len =
		strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
			     ":[]");

	return len >= 1 && len <= 253 && text[len] == '\0';
}

static bool is_port(const char *text)
{
	uint64_t port;
	const char *rest;

	return digits(text, &port, &rest) == 0 && *rest == '\0' && port >= 1 && port <= 65535;
}

/* 127.0.0.1:9108 or [::1]:9108 */
static bool is_listen(const char *text)
{
	const char *colon = strrchr(text, ':');
	char head[ADDR_TEXT_MAX] = "";
	struct addr addr;
	size_t len;

	if (!colon || !is_port(colon + 1))
		return false;
	len = (size_t)(colon - text);
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return false;
	}
	if (len >= sizeof(head))
		return false;
	memcpy(head, text, len);
	return addr_parse(head, &addr) == 0;
}

/* Name: value. What a connection needs for itself is not for the config to say. */
static bool is_header(const char *text)
{
	static const char *const own[] = { "host:", "connection:", "content-length:",
					   "transfer-encoding:", "upgrade:" };
	size_t name = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				   "!#$%&'*+.^_`|~-");

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (strncasecmp(text, own[i], strlen(own[i])) == 0)
			return false;
	if (name == 0 || text[name] != ':' || strlen(text) > TEXT_MAX)
		return false;
	for (text += name; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static bool is_text(const char *text)
{
	return *text != '\0' && strlen(text) <= TEXT_MAX;
}

static bool is_token(const char *text)
{
	size_t len = strlen(text);

	return len >= 1 && len <= 63 && is_printable_ascii(text);
}

static bool is_dns_name(const char *text)
{
	size_t len = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				  "._-");
	size_t label = 0;

	if (len == 0 || len > 253 || text[len] != '\0')
		return false;
	for (size_t i = 0; i < len; i++) {
		label = text[i] == '.' ? 0 : label + 1;
		if (label > 63 || (text[i] == '.' && (i > 0 ? text[i - 1] == '.' : len > 1)))
			return false;
	}
	return true;
}

static int keep_text(const char *text, struct arena *arena, void *ret)
{
	const char *copy = arena_text(arena, text, strlen(text));

	memcpy(ret, &copy, sizeof(copy));
	return 0;
}

static int parse_text(const struct value_spec *spec, const char *text, struct arena *arena,
		      void *ret, struct err *err)
{
	static bool (*const is_valid[VALUE_TYPE_MAX])(const char *text) = {
		[VALUE_NAME] = is_name,     [VALUE_INTERFACE] = is_interface,
		[VALUE_FILE] = is_file,     [VALUE_URL_PATH] = is_url_path,
		[VALUE_HOST] = is_host,     [VALUE_LISTEN] = is_listen,
		[VALUE_HEADER] = is_header, [VALUE_TEXT] = is_text,
		[VALUE_TOKEN] = is_token,   [VALUE_DNS_NAME] = is_dns_name,
	};

	if (!is_valid[spec->type](text))
		return refuse(spec, text, err);
	return keep_text(text, arena, ret);
}

/* The pattern is compiled here to find its mistakes, and anew by whoever matches. */
static int parse_regex(const struct value_spec *spec, const char *text, struct arena *arena,
		       void *ret, struct err *err)
{
	pcre2_code *code;
	PCRE2_SIZE offset;
	PCRE2_UCHAR why[128] = "";
	int error;

	if (!is_text(text))
		return refuse(spec, text, err);
	code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_NEVER_BACKSLASH_C,
			     &error, &offset, NULL);
	if (!code) {
		pcre2_get_error_message(error, why, sizeof(why));
		return err_set(err, -EINVAL,
			       "'%.80s' is no regular expression: %s, at character %zu", text,
			       (const char *)why, offset + 1);
	}
	pcre2_code_free(code);
	return keep_text(text, arena, ret);
}

static void print_text(const struct value_spec *spec, const void *value, struct text *out)
{
	const char *text;

	(void)spec;
	memcpy(&text, value, sizeof(text));
	text_add(out, "%s", text ? text : "");
}

/* ---- communities ---- */

/* The words bgpd prints for well-known values. Source: RFC 1997, 7611, 7999, 8326, 9494. */
static const struct value_word community_words[] = {
	{ "graceful-shutdown", 0xffff0000 },
	{ "accept-own", 0xffff0001 },
	{ "llgr-stale", 0xffff0006 },
	{ "no-llgr", 0xffff0007 },
	{ "accept-own-nexthop", 0xffff0008 },
	{ "blackhole", 0xffff029a },
	{ "no-export", 0xffffff01 },
	{ "no-advertise", 0xffffff02 },
	{ "local-AS", 0xffffff03 },
	{ "no-peer", 0xffffff04 },
	{ NULL, 0 },
};

/* n numbers up to max with colons between them and nothing else. */
static bool parse_parts(const char *text, size_t n, uint64_t max, uint32_t *ret)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t part;

		if (digits(text, &part, &text) < 0 || part > max)
			return false;
		if (*text++ != (i + 1 < n ? ':' : '\0'))
			return false;
		ret[i] = (uint32_t)part;
	}
	return true;
}

static bool community_number(const char *text, uint32_t *ret)
{
	uint32_t parts[2];

	for (const struct value_word *w = community_words; w->word; w++) {
		if (strcasecmp(w->word, text) == 0) {
			*ret = w->value;
			return true;
		}
	}
	if (!parse_parts(text, 2, 65535, parts))
		return false;
	*ret = parts[0] << 16 | parts[1];
	return true;
}

static int parse_community(const struct value_spec *spec, const char *text, struct arena *arena,
			   void *ret, struct err *err)
{
	char plain[32];
	uint32_t number;

	if (!community_number(text, &number))
		return refuse(spec, text, err);
	if (number == 0xffff0000)
		return err_set(err, -EINVAL,
			       "'%s' marks a drained VIP; `shoal drain` sets it, the file must not",
			       text);
	for (const struct value_word *w = community_words; w->word; w++)
		if (w->value == number)
			return keep_text(w->word, arena, ret);
	snprintf(plain, sizeof(plain), "%u:%u", number >> 16, number & 0xffff);
	return keep_text(plain, arena, ret);
}

static int parse_large_community(const struct value_spec *spec, const char *text,
				 struct arena *arena, void *ret, struct err *err)
{
	uint32_t parts[3];
	char plain[48];

	if (!parse_parts(text, 3, UINT32_MAX, parts))
		return refuse(spec, text, err);
	snprintf(plain, sizeof(plain), "%u:%u:%u", parts[0], parts[1], parts[2]);
	return keep_text(plain, arena, ret);
}

int value_community_cmp(const char *a, const char *b)
{
	uint32_t x[3] = { 0 }, y[3] = { 0 };

	if (!community_number(a, x))
		parse_parts(a, 3, UINT32_MAX, x);
	if (!community_number(b, y))
		parse_parts(b, 3, UINT32_MAX, y);
	for (size_t i = 0; i < 3; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

/* ---- the table ---- */

static const struct {
	struct value_kind kind;
	int (*parse)(const struct value_spec *spec, const char *text, struct arena *arena,
		     void *ret, struct err *err);
	void (*print)(const struct value_spec *spec, const void *value, struct text *out);
} kinds[VALUE_TYPE_MAX] = {
	[VALUE_DURATION] = { { "duration", "a number and a unit: 500ms, 2s, 5m, 4h, 1d",
			       sizeof(usec_t) },
			     parse_number,
			     print_number },
	[VALUE_COUNT] = { { "count", "a number, with k, M or G behind it for 10^3, 10^6 and 10^9",
			    sizeof(uint64_t) },
			  parse_number,
			  print_number },
	[VALUE_PPS] = { { "packet rate", "a number with pps, kpps or Mpps behind it, like 50pps",
			  sizeof(uint64_t) },
			parse_number,
			print_number },
	[VALUE_NUMBER] = { { "number", "a plain number", sizeof(uint32_t) },
			   parse_number,
			   print_number },
	[VALUE_PERCENT] = { { "percentage", "a number with % behind it, like 20%",
			      sizeof(uint32_t) },
			    parse_number,
			    print_number },
	[VALUE_PORT] = { { "port", "a number from 1 to 65535", sizeof(uint16_t) },
			 parse_number,
			 print_number },
	[VALUE_BOOL] = { { "switch", "true or false", sizeof(bool) }, parse_bool, print_bool },
	[VALUE_ENUM] = { { "word", "one of the words", sizeof(unsigned) }, parse_enum, print_enum },
	[VALUE_ADDRESS] = { { "address",
			      "an IPv4 or IPv6 address, like 10.1.0.11 or "
			      "\"2001:db8::11\"",
			      sizeof(struct addr) },
			    parse_address,
			    print_address },
	[VALUE_IPV4] = { { "IPv4 address", "one like 10.0.2.2", sizeof(struct addr) },
			 parse_address,
			 print_address },
	[VALUE_IPV6] = { { "IPv6 address", "one like \"2001:db8::2\"", sizeof(struct addr) },
			 parse_address,
			 print_address },
	[VALUE_PREFIX] = { { "prefix",
			     "an address or prefix, like 203.0.113.0/24 or "
			     "\"2001:db8::/48\"",
			     sizeof(struct prefix) },
			   parse_prefix,
			   print_prefix },
	[VALUE_MAC] = { { "MAC address", "six bytes, like 02:00:00:00:00:01", 6 },
			parse_mac,
			print_mac },
	[VALUE_STATUS] = { { "HTTP status", "a status or a range of them, like 200 or 200-299",
			     sizeof(struct config_range) },
			   parse_range,
			   print_range },
	[VALUE_EXIT] = { { "exit code", "an exit code or a range of them, like 0 or 0-2",
			   sizeof(struct config_range) },
			 parse_range,
			 print_range },
	[VALUE_BYTES] = { { "text",
			    "1 to 1024 bytes, with \\r, \\n, \\t, \\0, \\xNN and \\\\ for those "
			    "that "
			    "cannot be written, like 'PING\\r\\n'",
			    sizeof(struct config_bytes) },
			  parse_bytes,
			  print_bytes },
	[VALUE_NAME] = { { "name",
			   "1 to 63 letters, digits, dots, underscores and dashes, not beginning "
			   "with "
			   "a dot or dash",
			   sizeof(char *) },
			 parse_text,
			 print_text },
	[VALUE_INTERFACE] = { { "interface name",
				"1 to 15 characters without spaces, / and :", sizeof(char *) },
			      parse_text,
			      print_text },
	[VALUE_FILE] = { { "file name", "an absolute path", sizeof(char *) },
			 parse_text,
			 print_text },
	[VALUE_URL_PATH] = { { "URL path", "a path that begins with / and holds no spaces",
			       sizeof(char *) },
			     parse_text,
			     print_text },
	[VALUE_HOST] = { { "host", "a host name or address", sizeof(char *) },
			 parse_text,
			 print_text },
	[VALUE_LISTEN] = { { "address and port", "one like 127.0.0.1:9108 or \"[::1]:9108\"",
			     sizeof(char *) },
			   parse_text,
			   print_text },
	[VALUE_HEADER] = { { "header",
			     "one like \"X-Probe: yes\"; not Host, Connection, Upgrade, "
			     "Content-Length or "
			     "Transfer-Encoding",
			     sizeof(char *) },
			   parse_text,
			   print_text },
	[VALUE_TEXT] = { { "text", "1 to 1024 characters", sizeof(char *) },
			 parse_text,
			 print_text },
	[VALUE_TOKEN] = { { "word", "1 to 63 characters without spaces", sizeof(char *) },
			  parse_text,
			  print_text },
	[VALUE_REGEX] = { { "regular expression",
			    "a Perl-compatible one (PCRE2), like 'status: (ok|warn)'",
			    sizeof(char *) },
			  parse_regex,
			  print_text },
	[VALUE_DNS_NAME] = { { "DNS name", "one like www.example.net", sizeof(char *) },
			     parse_text,
			     print_text },
	[VALUE_COMMUNITY] = { { "community",
				"two numbers up to 65535 like \"65010:100\", or no-export, "
				"no-advertise, local-AS, no-peer or blackhole",
				sizeof(char *) },
			      parse_community,
			      print_text },
	[VALUE_LARGE_COMMUNITY] = { { "large community",
				      "three numbers up to 4294967295, like \"65010:1:2\"",
				      sizeof(char *) },
				    parse_large_community,
				    print_text },
};

const struct value_kind *value_kind(enum value_type type)
{
	return &kinds[type].kind;
}

int value_parse(const struct value_spec *spec, const char *text, struct arena *arena, void *ret,
		struct err *err)
{
	return kinds[spec->type].parse(spec, text, arena, ret, err);
}

void value_print(const struct value_spec *spec, const void *value, struct text *out)
{
	kinds[spec->type].print(spec, value, out);
}
