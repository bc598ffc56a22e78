/* SPDX-License-Identifier: Apache-2.0 */
/*
 * args.h - words and options of a command line, from tables of options. Names may be shortened as
 * long as one name fits; options may stand anywhere; "--" ends them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"

struct args_option {
	const char *name; /* "timeout" for --timeout */
	/* "T": it takes one; "[T]": a time may follow; NULL: it is a switch. */
	const char *value;
	const char *help;
};

struct args_found {
	const struct args_option *option;
	const char *value; /* NULL for a switch */
};

/* Borrows every string from argv and the tables; args_fini() frees the arrays. */
struct args {
	const char **words;
	size_t n_words;
	struct args_found *found;
	size_t n_found;
};

enum args_stop { ARGS_TAKE_ALL, ARGS_STOP_AT_WORD };

/*
 * args_parse - take argv[0..argc-1] apart, adding to *args (zeroed at first).
 * @tables: option tables, each ended by a NULL name; NULL ends the list. A table may be NULL-named
 *          at once.
 * Returns how many of argv were taken (all, or up to the first word), or -EINVAL or -ENOMEM with
 * the sentence.
 */
int args_parse(struct args *args, const struct args_option *const *tables, int argc, char **argv,
	       enum args_stop stop, struct err *err);
void args_fini(struct args *args);

bool args_has(const struct args *args, const char *name);
/* The last value given, or NULL. */
const char *args_value(const struct args *args, const char *name);

/*
 * args_match - the index of the name that word is, or shortens unambiguously. name(i, arg) gives
 * the names, NULL ends them. Returns -ENOENT when none fits, with the one probably meant; -EINVAL
 * when several do, listed; kind ("command") is for the sentence.
 */
int args_match(const char *word, const char *kind, const char *(*name)(size_t i, const void *arg),
	       const void *arg, struct err *err);
