/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/json_scan.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define DEPTH_MAX      32
#define NAME_MAX_BYTES 256

struct scan {
	const char *at, *end;
	char name[NAME_MAX_BYTES]; /* the last one read */
	/* The members to tell, of the root's `field`. */
	const char *field;
	json_name_fn *fn;
	void *arg;
	bool is_found;
};

/* Who looks at the members of an object. */
enum interest { NOBODY, ROOT, FIELD };

static int skip_value(struct scan *scan, unsigned depth);
static int skip_object(struct scan *scan, unsigned depth, enum interest interest);

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct scan *scan)
{
	while (scan->at < scan->end && is_space(*scan->at))
		scan->at++;
}

/* The next character that means something, which is taken when it is this one. */
static bool take(struct scan *scan, char c)
{
	skip_space(scan);
	if (scan->at == scan->end || *scan->at != c)
		return false;
	scan->at++;
	return true;
}

/* From behind the opening quote to behind the closing one. */
static int skip_text(struct scan *scan)
{
	for (; scan->at < scan->end; scan->at++) {
		if (*scan->at == '"') {
			scan->at++;
			return 0;
		}
		if ((unsigned char)*scan->at < 0x20)
			return -EBADMSG;
		if (*scan->at == '\\' && ++scan->at == scan->end)
			return -EBADMSG;
	}
	return -EBADMSG;
}

static int take_name(struct scan *scan)
{
	const char *from;
	size_t n = 0;

	if (!take(scan, '"'))
		return -EBADMSG;
	from = scan->at;
	if (skip_text(scan) < 0)
		return -EBADMSG;
	for (; from < scan->at - 1; from++) {
		if (from[0] == '\\' && from[1] == '/')
			continue;
		if (n == sizeof(scan->name) - 1)
			return -EBADMSG;
		scan->name[n++] = *from;
	}
	scan->name[n] = '\0';
	return 0;
}

/* A number, true, false or null; which one it is and whether it is well made is nobody's concern.
 */
static int skip_scalar(struct scan *scan)
{
	const char *from = scan->at;

	while (scan->at < scan->end && *scan->at &&
	       strchr("+-.0123456789EINaefilnrstuy", *scan->at))
		scan->at++;
	return scan->at > from ? 0 : -EBADMSG;
}

static int skip_list(struct scan *scan, unsigned depth)
{
	if (take(scan, ']'))
		return 0;
	do {
		int r = skip_value(scan, depth);

		if (r < 0)
			return r;
	} while (take(scan, ','));
	return take(scan, ']') ? 0 : -EBADMSG;
}

/* A member's value, from behind its name; the name has been told to whom it concerns. */
static int skip_member(struct scan *scan, unsigned depth, enum interest interest)
{
	if (!take(scan, ':'))
		return -EBADMSG;
	if (interest != ROOT || strcmp(scan->name, scan->field) != 0 || !take(scan, '{'))
		return skip_value(scan, depth);
	scan->is_found = true;
	return skip_object(scan, depth, FIELD);
}

/* From behind the opening brace to behind the closing one. */
static int skip_object(struct scan *scan, unsigned depth, enum interest interest)
{
	if (take(scan, '}'))
		return 0;
	do {
		int r = take_name(scan);

		if (r == 0 && interest == FIELD)
			r = scan->fn(scan->arg, scan->name);
		if (r == 0)
			r = skip_member(scan, depth, interest);
		if (r < 0)
			return r;
	} while (take(scan, ','));
	return take(scan, '}') ? 0 : -EBADMSG;
}

static int skip_value(struct scan *scan, unsigned depth)
{
	if (depth == DEPTH_MAX)
		return -EBADMSG;
	if (take(scan, '{'))
		return skip_object(scan, depth + 1, NOBODY);
	if (take(scan, '['))
		return skip_list(scan, depth + 1);
	if (take(scan, '"'))
		return skip_text(scan);
	return skip_scalar(scan);
}

int json_scan_names(const char *text, size_t len, const char *field, json_name_fn *fn, void *arg)
{
	struct scan scan = { .at = text, .end = text + len, .field = field, .fn = fn, .arg = arg };
	int r;

	if (!take(&scan, '{'))
		return -EBADMSG;
	r = skip_object(&scan, 1, ROOT);
	if (r < 0)
		return r;
	skip_space(&scan);
	if (scan.at != scan.end)
		return -EBADMSG;
	return scan.is_found ? 0 : -ENOENT;
}
