/* SPDX-License-Identifier: Apache-2.0 */
#include "src/config/load.h"

#include <string.h>

static const struct place *place_of(const struct node *at)
{
	static const struct place whole_file;

	return at ? &at->place : &whole_file;
}

void load_error(struct load *load, const struct node *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	findings_vadd(load->findings, true, place_of(at), fmt, ap);
	va_end(ap);
}

void load_warn(struct load *load, const struct node *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	findings_vadd(load->findings, false, place_of(at), fmt, ap);
	va_end(ap);
}

void load_mark(struct load *load, const void *field, const struct node *node, bool is_good)
{
	struct mark *mark = arena_alloc(load->scratch, sizeof(*mark));

	*mark = (struct mark){ .field = field, .node = node, .is_good = is_good };
	index_add(&load->marks, &mark->field, sizeof(mark->field), (size_t)mark);
}

static const struct mark *find_mark(const struct load *load, const void *field)
{
	size_t value = index_find(&load->marks, &field, sizeof(field));

	return value == INDEX_NONE ? NULL : (const struct mark *)value;
}

const struct node *load_node(const struct load *load, const void *field)
{
	const struct mark *mark = find_mark(load, field);

	return mark ? mark->node : NULL;
}

const struct node *load_node_or(const struct load *load, const void *field, const void *object)
{
	const struct node *node = load_node(load, field);

	return node ? node : load_node(load, object);
}

bool load_is_good(const struct load *load, const void *field)
{
	const struct mark *mark = find_mark(load, field);

	return !mark || mark->is_good;
}
