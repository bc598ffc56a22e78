/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_scan.h - the names of an object's members out of a long JSON text, without making a tree
 * of it. An Adj-RIB-Out has 300 bytes a route of which the name is all we want; as a tree of
 * jansson's it costs twelve allocations a route.
 */
#pragma once

#include <stddef.h>

/* A member's name, ended by NUL, "\/" as "/"; other escapes stand as they are. Negative: stop. */
typedef int json_name_fn(void *arg, const char *name);

/*
 * json_scan_names - tell the names of the members of the object `field` of the root object.
 * Returns 0; -ENOENT when the root has no such object; -EBADMSG when the text is no JSON object,
 * has anything behind it, nests too deep or has a name longer than 255 bytes; or what @fn returned.
 * @fn may have been called before that is found.
 */
int json_scan_names(const char *text, size_t len, const char *field, json_name_fn *fn, void *arg);
