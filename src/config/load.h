/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load.h - one loading of a config file: what its steps (read, check) share.
 *
 * read.c fills the structs of config.h by the schema and marks each field with the node it came
 * from; check.c looks at the whole and points at those marks. Fields do not move once marked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "src/config/arena.h"
#include "src/config/config.h"
#include "src/config/document.h"
#include "src/config/findings.h"
#include "src/config/index.h"

struct mark {
	const void *field;
	const struct node *node;
	bool is_good; /* the field holds what the node says */
};

struct load {
	enum config_need need;
	struct arena *arena;   /* of the config */
	struct arena *scratch; /* freed when loading ends */
	struct findings *findings;
	struct config *config;
	struct index marks; /* from a field's address to its struct mark */
	struct index check_names, pool_names;
	unsigned suggestions; /* given so far; each costs a walk over all names */
};

/* A finding at a node; NULL is the file as a whole. */
void load_error(struct load *load, const struct node *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void load_warn(struct load *load, const struct node *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Remember where a field was given. */
void load_mark(struct load *load, const void *field, const struct node *node, bool is_good);

/* The node a field was given by; NULL when the file is silent on it. */
const struct node *load_node(const struct load *load, const void *field);

/* The same, or that of the object around it: for sentences on defaults. */
const struct node *load_node_or(const struct load *load, const void *field, const void *object);

/* False when the file gave something for the field that could not be read. */
bool load_is_good(const struct load *load, const void *field);

/* Fill load->config from the tree. */
void read_config(struct load *load, const struct node *root);

/* What only shows when everything is read. */
void check_config(struct load *load);
