/* SPDX-License-Identifier: Apache-2.0 */
/*
 * value.h - the types of single values in the config file: how each is written, read into a
 * field of the config's structs, and printed back.
 *
 * One row per type (value_kinds). The reference page takes the words and examples from the same
 * rows, so a type is described where it is read. Printing is canonical: equal values print alike,
 * and what is printed reads back to the same value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"
#include "src/config/arena.h"

enum value_type {
	VALUE_DURATION, /* usec_t */
	VALUE_COUNT,    /* uint64_t: 4M, 100k */
	VALUE_PPS,      /* uint64_t: 50pps */
	VALUE_NUMBER,   /* uint32_t */
	VALUE_PERCENT,  /* uint32_t: 20% */
	VALUE_PORT,     /* uint16_t, never 0 */
	VALUE_BOOL,     /* bool */
	VALUE_ENUM,     /* any enum of config.h */
	VALUE_ADDRESS,  /* struct addr */
	VALUE_IPV4,     /* struct addr */
	VALUE_IPV6,     /* struct addr */
	VALUE_PREFIX,   /* struct prefix */
	VALUE_MAC,      /* uint8_t[6] */
	VALUE_STATUS,   /* struct config_range */
	VALUE_EXIT,     /* struct config_range */
	VALUE_BYTES,    /* struct config_bytes */
	VALUE_NAME,     /* const char *, as are the rest */
	VALUE_INTERFACE,
	VALUE_FILE,
	VALUE_URL_PATH,
	VALUE_HOST,
	VALUE_LISTEN,
	VALUE_HEADER,
	VALUE_TEXT,
	VALUE_TOKEN,
	VALUE_REGEX,
	VALUE_DNS_NAME,
	VALUE_COMMUNITY,
	VALUE_LARGE_COMMUNITY,
	VALUE_TYPE_MAX,
};

struct value_word {
	const char *word; /* NULL ends a list */
	unsigned value;
};

/* What a setting may hold. */
struct value_spec {
	enum value_type type;
	uint64_t min, max;              /* of numbers; both 0: as wide as the type */
	const struct value_word *words; /* of VALUE_ENUM */
};

/* How a type is called and written, for sentences and the reference. */
struct value_kind {
	const char *word;    /* "duration" */
	const char *written; /* "a number and a unit, like 500ms, 2s, 5m, 4h or 1d" */
	size_t size;         /* of its field */
};

const struct value_kind *value_kind(enum value_type type);

/*
 * value_parse - text into the field at ret, which has the size of the type.
 * @arena: owns what strings point to.
 * Returns 0, or -EINVAL with the part of a sentence that goes after "KEY: ".
 */
int value_parse(const struct value_spec *spec, const char *text, struct arena *arena, void *ret,
		struct err *err);

/* Append the canonical text of the field at value, not quoted for YAML. NULL strings print "". */
void value_print(const struct value_spec *spec, const void *value, struct text *out);

/* "10ms to 1h", empty when the type bounds itself. */
void value_print_bounds(const struct value_spec *spec, struct text *out);

/* The word of an enum's value in a list of words. */
const char *value_word_of(const struct value_word *words, unsigned value);

/* Order of two communities as bgpd sorts them; both as value_print() gives them. */
int value_community_cmp(const char *a, const char *b);
