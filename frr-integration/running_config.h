/* SPDX-License-Identifier: Apache-2.0 */
/*
 * running_config.h - an FRR configuration as lines that know where they stand, and what holds for a
 * neighbour, peer groups included. For `show running-config` and for files, with or without
 * indentation and closing `exit`. What Shoal's announcer needs of it is read by bgp_config.h.
 *
 * Passwords stand in it: lines are compared, never printed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"

enum running_section {
	RUNNING_TOP,
	RUNNING_BGP, /* the default instance, outside address families */
	RUNNING_IPV4,
	RUNNING_IPV6, /* its unicast families */
	RUNNING_MAP,  /* inside a route-map entry */
	RUNNING_OTHER,
};

struct running_line {
	enum running_section section;
	const char *text; /* without indentation and trailing blanks */
	size_t head;      /* RUNNING_MAP: the line that opened the entry */
};

struct running_config {
	char *text; /* owns the lines' text */
	struct running_line *lines;
	size_t n_lines;
};

/* Returns 0 or -ENOMEM. End it with running_config_fini(), which wipes the text. */
int running_config_parse(const char *text, struct running_config *ret, struct err *err);
void running_config_fini(struct running_config *config);

/* What follows words in text: "" when nothing does, NULL when text does not begin with them. */
const char *running_after(const char *text, const char *words);

/* What follows words on the first line of the section that begins with them; NULL: no such line. */
const char *running_find(const struct running_config *config, enum running_section section,
			 const char *words);

/* The AS of the default BGP instance as it is written, with what follows; NULL: there is none. */
const char *running_instance(const struct running_config *config);

/* The section of an address family. */
static inline enum running_section running_family(bool is_v6)
{
	return is_v6 ? RUNNING_IPV6 : RUNNING_IPV4;
}

/* Whether the neighbour is configured at all. */
bool running_has_neighbour(const struct running_config *config, const char *key);

/*
 * running_neighbour - what holds for a neighbour: what follows words on its own line, else on its
 * peer group's. "#" as the last of the words stands for a number, which is returned. NULL when
 * neither has one, or its own says no.
 */
const char *running_neighbour(const struct running_config *config, enum running_section section,
			      const char *key, const char *words);

/* Whether routes of the family are exchanged with it. */
bool running_is_activated(const struct running_config *config, bool is_v6, const char *key);

/*
 * running_filter - the name of its filter ("route-map", "prefix-list", ...) in a direction ("in",
 * "out") into buf. False when it has none.
 */
bool running_filter(const struct running_config *config, bool is_v6, const char *key,
		    const char *kind, const char *direction, char *buf, size_t size);

/* Calls fn for each neighbour, peer groups left out, once. */
void running_each_neighbour(const struct running_config *config,
			    void (*fn)(void *arg, const char *key), void *arg);
