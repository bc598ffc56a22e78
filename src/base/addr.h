/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addr.h - IPv4 and IPv6 addresses and prefixes as values.
 *
 * An address is held as 16 bytes in network order, IPv4 in its mapped form (::ffff:a.b.c.d), so
 * that compare, hash and the BPF maps need one form. Two addresses are equal when all bytes are.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDR_TEXT_MAX   46 /* INET6_ADDRSTRLEN */
#define PREFIX_TEXT_MAX 50

struct addr {
	uint8_t bytes[16]; /* network order; IPv4 as ::ffff:a.b.c.d */
};

struct prefix {
	struct addr addr; /* host bits are zero */
	uint8_t len;      /* in bits of its own family: 0..32 or 0..128 */
};

/* True for an IPv4 address. */
bool addr_is_ipv4(const struct addr *addr);

/* AF_INET or AF_INET6. */
int addr_family(const struct addr *addr);

/* The 4 or 16 bytes of the address in its own family; *ret_len gets 4 or 16. */
const uint8_t *addr_raw(const struct addr *addr, size_t *ret_len);

/* From 4 (AF_INET) or 16 (AF_INET6) bytes in network order. */
struct addr addr_from_raw(int family, const void *raw);

/*
 * addr_parse - "10.0.0.1" or "2001:db8::1", nothing around it.
 * Returns 0 or -EINVAL. A mapped IPv6 text (::ffff:1.2.3.4) gives the IPv4 address.
 */
int addr_parse(const char *text, struct addr *ret);

/*
 * addr_parse_port - "192.0.2.1:40000" or "[2001:db8::1]:443"; ports from 1 on.
 * Returns 0 or -EINVAL.
 */
int addr_parse_port(const char *text, struct addr *ret, uint16_t *ret_port);

/* The canonical text (RFC 5952 for IPv6) into buf; returns buf. */
const char *addr_print(const struct addr *addr, char buf[ADDR_TEXT_MAX]);

#define ADDR_STR(addr) addr_print((addr), (char[ADDR_TEXT_MAX]){ 0 })

/* <0, 0, >0: IPv4 before IPv6, then by bytes. */
int addr_cmp(const struct addr *a, const struct addr *b);

static inline bool addr_eq(const struct addr *a, const struct addr *b)
{
	return addr_cmp(a, b) == 0;
}

/*
 * prefix_parse - "203.0.113.0/24"; without "/len" a host prefix.
 * Returns 0, -EINVAL when it is none, -EDOM when host bits are set.
 */
int prefix_parse(const char *text, struct prefix *ret);

/* "203.0.113.10/32", always with the length; returns buf. */
const char *prefix_print(const struct prefix *prefix, char buf[PREFIX_TEXT_MAX]);

#define PREFIX_STR(prefix) prefix_print((prefix), (char[PREFIX_TEXT_MAX]){ 0 })

/* Order by address, then length. */
int prefix_cmp(const struct prefix *a, const struct prefix *b);

static inline bool prefix_eq(const struct prefix *a, const struct prefix *b)
{
	return prefix_cmp(a, b) == 0;
}

/* True when addr lies inside prefix (same family). */
bool prefix_has_addr(const struct prefix *prefix, const struct addr *addr);

/* True when inner lies inside outer, or equals it. */
bool prefix_has_prefix(const struct prefix *outer, const struct prefix *inner);

/* True for /32 of IPv4 and /128 of IPv6. */
bool prefix_is_host(const struct prefix *prefix);
