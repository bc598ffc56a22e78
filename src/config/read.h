/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.h - pieces of reading by the schema that the special keys need too.
 */
#pragma once

#include "src/config/load.h"
#include "src/config/schema.h"

/* The text of a scalar that stands where key wants one; NULL after an error. */
const char *read_scalar(struct load *load, const char *key, const char *written,
			const struct node *node);

/* One value of a row into the field at ret; false after an error. */
bool read_value(struct load *load, const struct schema_row *row, const struct node *node,
		void *ret);

/*
 * The elements of a list, or the one node that stands in its place: start with *cursor NULL,
 * NULL ends. read_count() says how many there will be.
 */
const struct node *read_next(const struct node *list, const struct node *cursor);
size_t read_count(const struct node *list);

/* Whether the settings of a line of services fit together; its pool's reals are read. */
void check_service_line(struct load *load, const struct service_line *line);

/*
 * "no pool 'wbe', did you mean 'web'?" at a node. name_at() gives the name of the i-th object.
 */
void read_unknown_name(struct load *load, const struct node *node, const char *noun, size_t n,
		       const char *(*name_at)(const void *objects, size_t i), const void *objects);
