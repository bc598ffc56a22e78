/* SPDX-License-Identifier: Apache-2.0 */
/*
 * document.h - a YAML text as a tree of nodes that know where they stand.
 *
 * Built on libyaml's events. Only what a configuration needs is taken: one document of mappings,
 * lists and scalars, scalars all as text (the schema gives them types, so `no` is a word and 08 is
 * what it looks like). Anchors, aliases and tags are refused, nesting is bounded, a key stands once
 * in its mapping. JSON is read too, being a subset.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "src/config/arena.h"
#include "src/config/findings.h"

#define DOCUMENT_DEPTH_MAX 16

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	struct place place;
	const char *text;       /* of a scalar */
	bool is_refused;        /* a scalar that was reported already; text is "" */
	const struct node *key; /* in a mapping: the scalar before the colon */
	const struct node *first, *next;
	size_t n_children; /* of a list or mapping */
};

/*
 * document_parse - the tree of findings->text, in arena.
 * Returns the root, or NULL after a finding was added: *ret_is_syntax says whether it is one of
 * YAML syntax, in which case it is the only one. Duplicate keys and control characters are errors
 * that do not end the parsing; the later of two equal keys is left out.
 */
const struct node *document_parse(struct arena *arena, struct findings *findings,
				  bool *ret_is_syntax);

/* The key of a node in a mapping, else the node itself: where to point for "this thing". */
const struct node *node_name(const struct node *node);

/* "a mapping", "a list", "nothing", "the text 'x'": for sentences, valid until the next call. */
const char *node_what(const struct node *node, char *buf, size_t size);

#define NODE_WHAT(node) node_what((node), (char[80]){ 0 }, 80)
