/* SPDX-License-Identifier: Apache-2.0 */
/*
 * print.c - the canonical print: every setting with its value, in the order of the schema.
 *
 * Equal configs print alike, and what is printed parses to the same config; the generation is the
 * hash of these bytes. Secrets are never in a config, only the names of their files.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "src/config/index.h"
#include "src/config/schema.h"

static const void *field_of(const void *object, size_t offset)
{
	return (const char *)object + offset;
}

/* The elements and the count of a list or of objects. */
static const char *elements_of(const struct schema_row *row, const void *object, size_t *ret_n)
{
	const char *elements;

	memcpy(&elements, field_of(object, row->offset), sizeof(elements));
	memcpy(ret_n, field_of(object, row->beside), sizeof(*ret_n));
	return elements;
}

/* ---- on one line ---- */

void schema_print_scalar(const char *text, struct text *out)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	size_t plain = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "._/%-");

	if (text[0] && text[plain] == '\0' && (strchr(letters, text[0]) || text[0] == '/')) {
		text_add(out, "%s", text);
		return;
	}
	text_add(out, "\"");
	for (; *text; text++)
		text_add(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
	text_add(out, "\"");
}

/* Whether a value stands for "not set". */
static bool is_unset(const struct schema_row *row, const void *object)
{
	static const unsigned char zeroes[sizeof(struct prefix)];

	if (!row->unset)
		return false;
	if (row->beside)
		return !*(const bool *)field_of(object, row->beside);
	return memcmp(field_of(object, row->offset), zeroes, value_kind(row->value.type)->size) ==
	       0;
}

static void print_one(const struct schema_row *row, const void *field, struct text *out)
{
	struct text plain = { .arena = out->arena };

	value_print(&row->value, field, &plain);
	schema_print_scalar(plain.len ? plain.bytes : "", out);
}

static void print_list(const struct schema_row *row, const void *object, struct text *out)
{
	size_t n, size = value_kind(row->value.type)->size;
	const char *elements = elements_of(row, object, &n);

	text_add(out, "[");
	for (size_t i = 0; i < n; i++) {
		text_add(out, "%s", i ? ", " : "");
		print_one(row, elements + i * size, out);
	}
	text_add(out, "]");
}

/* False for what is not there: the other protocol's ports, keys of another type of check. */
static bool is_printed(const struct config *config, const struct schema *schema,
		       const struct schema_row *row, const void *object, struct arena *arena)
{
	struct text value = { .arena = arena };

	if (!schema_row_applies(schema, row, object))
		return false;
	if (row->form != ROW_SPECIAL)
		return true;
	row->special->print(config, row, object, &value);
	return value.len > 0;
}

static void print_flow(const struct config *config, const struct schema *schema, const void *object,
		       struct text *out)
{
	const char *comma = "";

	text_add(out, "{");
	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct schema_row *row = &schema->rows[i];

		if (!is_printed(config, schema, row, object, out->arena))
			continue;
		text_add(out, "%s%s: ", comma, row->key);
		schema_print_value(config, row, object, out);
		comma = ", ";
	}
	text_add(out, "}");
}

void schema_print_value(const struct config *config, const struct schema_row *row,
			const void *object, struct text *out)
{
	if (row->form == ROW_LIST)
		print_list(row, object, out);
	else if (row->form == ROW_SECTION)
		print_flow(config, row->schema, field_of(object, row->offset), out);
	else if (row->form == ROW_SPECIAL)
		row->special->print(config, row, object, out);
	else if (is_unset(row, object))
		text_add(out, "%s", row->unset);
	else
		print_one(row, field_of(object, row->offset), out);
}

/* ---- over several lines ---- */

static void print_block(const struct config *config, const struct schema *schema,
			const void *object, int indent, struct text *out);

static void print_object(const struct config *config, const struct schema *schema,
			 const void *object, int indent, struct text *out)
{
	const char *name;

	memcpy(&name, object, sizeof(name));
	text_add(out, "%*s", indent, "");
	schema_print_scalar(name, out);
	text_add(out, ":");
	if (schema->is_short) {
		text_add(out, " ");
		schema_print_value(config, &schema->rows[0], object, out);
	} else if (schema->is_flow) {
		text_add(out, " ");
		print_flow(config, schema, object, out);
	}
	text_add(out, "\n");
	if (!schema->is_short && !schema->is_flow)
		print_block(config, schema, object, indent + 2, out);
}

static void print_objects(const struct config *config, const struct schema_row *row,
			  const void *object, int indent, struct text *out)
{
	size_t n, size = row->schema->size;
	const char *objects = elements_of(row, object, &n);

	if (row->form == ROW_LINES)
		size = sizeof(struct config_service);
	text_add(out, n ? "\n" : row->form == ROW_LINES ? " []\n" : " {}\n");
	for (size_t i = 0; i < n; i++) {
		if (row->form == ROW_OBJECTS) {
			print_object(config, row->schema, objects + i * size, indent + 2, out);
			continue;
		}
		text_add(out, "%*s- ", indent + 2, "");
		print_flow(config, row->schema, objects + i * size, out);
		text_add(out, "\n");
	}
}

/* What the file did not give and what has no word for that: only in files without a node. */
static bool is_missing(const struct schema_row *row, const void *object)
{
	static const unsigned char zeroes[sizeof(struct prefix)];

	if (row->form == ROW_SECTION && row->beside)
		return !*(const bool *)field_of(object, row->beside);
	if (row->form != ROW_VALUE || row->unset || !(row->flags & ROW_REQUIRED_BY_NODE))
		return false;
	return memcmp(field_of(object, row->offset), zeroes, value_kind(row->value.type)->size) ==
	       0;
}

static void print_block(const struct config *config, const struct schema *schema,
			const void *object, int indent, struct text *out)
{
	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct schema_row *row = &schema->rows[i];

		if (is_missing(row, object) || !is_printed(config, schema, row, object, out->arena))
			continue;
		text_add(out, "%*s%s:", indent, "", row->key);
		if (row->form == ROW_OBJECTS || row->form == ROW_LINES) {
			print_objects(config, row, object, indent, out);
		} else if (row->flags & ROW_BLOCK) {
			text_add(out, "\n");
			print_block(config, row->schema, field_of(object, row->offset), indent + 2,
				    out);
		} else {
			text_add(out, " ");
			schema_print_value(config, row, object, out);
			text_add(out, "\n");
		}
	}
}

void schema_print_config(const struct config *config, struct text *out)
{
	print_block(config, &schema_top, config, 0, out);
}
