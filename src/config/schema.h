/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.h - the one table of everything a config file may hold.
 *
 * A schema is the list of keys of one kind of mapping; each row says what the key holds, its
 * default as the file would spell it, its bounds, where it goes in the structs of config.h, and
 * what it means. read.c, print.c and reference.c walk the rows and know no key by name.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/config/arena.h"
#include "src/config/config.h"
#include "src/config/value.h"

#define SCHEMA_ROWS_MAX 64

struct load;
struct node;
struct schema;
struct schema_row;

enum row_form {
	ROW_VALUE,   /* one value */
	ROW_LIST,    /* a list of values; one value alone is a list of one */
	ROW_SECTION, /* a mapping of fixed keys */
	ROW_OBJECTS, /* a mapping of names to objects */
	ROW_LINES,   /* a list of services */
	ROW_SPECIAL, /* read and printed by functions of its own */
};

enum row_flag {
	ROW_REQUIRED = 1U << 0,
	ROW_REQUIRED_BY_NODE = 1U << 1, /* only with CONFIG_NEED_NODE */
	ROW_BLOCK = 1U << 2,            /* a section printed over several lines */
	/*
	 * Read, checked and printed, but without effect so far: a value other than the default
	 * gives a warning. Whoever makes it work deletes the flag.
	 */
	ROW_NOT_CARRIED_OUT = 1U << 3,
};

/* A key whose value has a shape of its own. */
struct schema_special {
	const char *written; /* for sentences and the reference */
	void (*read)(struct load *load, const struct schema_row *row, const struct node *node,
		     void *object);
	/* Append the value as one line of YAML. */
	void (*print)(const struct config *config, const struct schema_row *row, const void *object,
		      struct text *out);
};

struct schema_row {
	const char *key;
	enum row_form form;
	unsigned flags; /* enum row_flag */
	struct value_spec value;
	size_t offset; /* of the field in the object; of a section: of its struct */
	/*
	 * Beside the field, 0: none. Of a value or section: a bool that says it is given; of lists
	 * and objects: their size_t count.
	 */
	size_t beside;
	const char *fallback;        /* the default, as the file would spell it */
	const char *unset;           /* the word that leaves the field 0 or NULL: auto, none */
	const char *zero_hint;       /* what to do instead of writing 0 */
	uint32_t items_max;          /* of lists and objects; 0: no bound */
	uint32_t variants;           /* bits of the object's variant that have this key; 0: all */
	const struct schema *schema; /* of sections, objects and lines */
	const struct schema_special *special;
	const char *meaning;
};

struct schema {
	const char *noun; /* "pool" */
	size_t size;      /* of the struct */
	const struct schema_row *rows;
	size_t n_rows;
	const char *shorthand; /* the key that a value alone stands for; NULL: none */
	bool is_short;         /* printed as the shorthand */
	bool is_flow;          /* objects are printed on one line each */
	/* The enum field that rows' variants refer to, and its words. */
	size_t variant_offset;
	const struct value_word *variant_words;
	const char *meaning; /* what such a mapping is, for the reference */
};

/* The whole file. */
extern const struct schema schema_top;

/* A line of `services`: what is read before it becomes one service a port. */
struct service_line {
	struct config_service service;
	const uint16_t *ports[2]; /* tcp, udp */
	size_t n_ports[2];
	const struct node *const *port_nodes[2];
};

/* The type of a row in words: "duration, 10ms to 1h", "auto | native | generic". */
void schema_print_type(const struct schema_row *row, struct text *out);

/* Whether an object has a row's key at all. */
bool schema_row_applies(const struct schema *schema, const struct schema_row *row,
			const void *object);

/* The value of one row as YAML on one line. print.c */
void schema_print_value(const struct config *config, const struct schema_row *row,
			const void *object, struct text *out);

/* Append text as a YAML scalar, quoted when it has to be. print.c */
void schema_print_scalar(const char *text, struct text *out);

/* The whole config, canonically. print.c */
void schema_print_config(const struct config *config, struct text *out);

/* Specials, in special.c. */
extern const struct schema_special special_check, special_pool, special_ports, special_peer,
	special_floor, special_source_routes;
