/* SPDX-License-Identifier: Apache-2.0 */
/*
 * read.c - the tree of a file into the structs of config.h, by the rows of the schema.
 *
 * What cannot be read is reported and left at its default, so that the rest is still looked at.
 * Defaults go through the same parsers as the file's own text.
 */
#include "src/config/read.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/suggest.h"

/* Suggestions look at every known name; a file full of mistakes gets this many. */
#define SUGGESTIONS_MAX 200

static void read_rows(struct load *load, const struct schema *schema, const struct node *map,
		      const struct node *where, void *object);

static void *field_of(void *object, size_t offset)
{
	return (char *)object + offset;
}

static bool is_required(const struct load *load, const struct schema_row *row)
{
	if (row->flags & ROW_REQUIRED)
		return true;
	return (row->flags & ROW_REQUIRED_BY_NODE) && load->need == CONFIG_NEED_NODE;
}

/* ---- values ---- */

const char *read_scalar(struct load *load, const char *key, const char *written,
			const struct node *node)
{
	if (node->kind == NODE_SCALAR)
		return node->is_refused ? NULL : node->text;
	load_error(load, node, "%s: %s where one value is expected; write %s", key, NODE_WHAT(node),
		   written);
	return NULL;
}

bool read_value(struct load *load, const struct schema_row *row, const struct node *node, void *ret)
{
	const char *text = read_scalar(load, row->key, value_kind(row->value.type)->written, node);
	struct err err;

	if (!text)
		return false;
	if (value_parse(&row->value, text, load->arena, ret, &err) == 0)
		return true;
	if (row->zero_hint && strcmp(text, "0") == 0)
		load_error(load, node, "%s: 0 is out of bounds; %s", row->key, row->zero_hint);
	else
		load_error(load, node, "%s: %s", row->key, err.text);
	return false;
}

static void set_default(struct load *load, const struct schema_row *row, void *field)
{
	struct err err;
	int r = 0;

	if (row->fallback)
		r = value_parse(&row->value, row->fallback, load->arena, field, &err);
	assert(r >= 0); /* else the schema has a default that cannot be read */
}

static void read_value_row(struct load *load, const struct schema_row *row, const struct node *node,
			   void *object)
{
	void *field = field_of(object, row->offset);
	bool is_good;

	if (!node) {
		set_default(load, row, field);
		return;
	}
	if (row->unset && node->kind == NODE_SCALAR && strcmp(node->text, row->unset) == 0) {
		load_mark(load, field, node, true);
		return;
	}
	is_good = read_value(load, row, node, field);
	if (!is_good)
		set_default(load, row, field);
	else if (row->beside)
		*(bool *)field_of(object, row->beside) = true;
	load_mark(load, field, node, is_good);
}

/* ---- lists of values ---- */

const struct node *read_next(const struct node *list, const struct node *cursor)
{
	if (list->kind == NODE_LIST)
		return cursor ? cursor->next : list->first;
	return cursor ? NULL : list;
}

size_t read_count(const struct node *list)
{
	return list->kind == NODE_LIST ? list->n_children : 1;
}

static void set_many(void *object, const struct schema_row *row, void *elements, size_t n)
{
	memcpy(field_of(object, row->offset), &elements, sizeof(elements));
	memcpy(field_of(object, row->beside), &n, sizeof(n));
}

/* Whether an equal element was there before, by the canonical text. */
static bool is_repeated(struct load *load, const struct schema_row *row, struct index *seen,
			const void *element, const struct node *node)
{
	struct text text = { .arena = load->scratch };

	value_print(&row->value, element, &text);
	if (index_add(seen, text.bytes, text.len, 0) == INDEX_NONE)
		return false;
	load_error(load, node, "%s: '%s' is there twice", row->key, text.bytes);
	return true;
}

static bool has_room(struct load *load, const struct schema_row *row, const struct node *node,
		     size_t n)
{
	if (!row->items_max || n <= row->items_max)
		return true;
	load_error(load, node_name(node), "%s: %zu are too many; at most %u are possible", row->key,
		   n, row->items_max);
	return false;
}

static int compare_communities(const void *a, const void *b)
{
	return value_community_cmp(*(const char *const *)a, *(const char *const *)b);
}

static void read_elements(struct load *load, const struct schema_row *row, const struct node *list,
			  void *object)
{
	size_t size = value_kind(row->value.type)->size, n = 0;
	char *elements = arena_array(load->arena, read_count(list), size);
	struct index seen = { .arena = load->scratch };

	for (const struct node *node = NULL; (node = read_next(list, node));) {
		char *element = elements + n * size;

		if (!read_value(load, row, node, element) ||
		    is_repeated(load, row, &seen, element, node))
			continue;
		load_mark(load, element, node, true);
		n++;
	}
	/* Marks of elements are lost by sorting; only route attributes are sorted. */
	if (row->value.type == VALUE_COMMUNITY || row->value.type == VALUE_LARGE_COMMUNITY)
		qsort(elements, n, size, compare_communities);
	set_many(object, row, elements, n);
}

/* A default list has one element or, as "", none. */
static void set_default_list(struct load *load, const struct schema_row *row, void *object)
{
	void *element;

	if (!row->fallback || !*row->fallback)
		return;
	element = arena_alloc(load->arena, value_kind(row->value.type)->size);
	set_default(load, row, element);
	set_many(object, row, element, 1);
}

static void read_list_row(struct load *load, const struct schema_row *row, const struct node *node,
			  void *object)
{
	if (!node) {
		set_default_list(load, row, object);
		return;
	}
	load_mark(load, field_of(object, row->offset), node, true);
	if (node->kind == NODE_MAP) {
		load_error(load, node_name(node), "%s: a mapping where a list is expected",
			   row->key);
		return;
	}
	if (read_count(node) == 0 && is_required(load, row))
		load_error(load, node, "%s: the list is empty", row->key);
	if (has_room(load, row, node, read_count(node)))
		read_elements(load, row, node, object);
}

/* ---- mappings ---- */

static const struct schema_row *find_row(const struct schema *schema, const char *key)
{
	for (size_t i = 0; i < schema->n_rows; i++)
		if (strcmp(schema->rows[i].key, key) == 0)
			return &schema->rows[i];
	return NULL;
}

/* Someone wrote a secret itself where the schema takes the name of a file. */
static const char *file_key_for(const struct schema *schema, const char *key)
{
	for (size_t i = 0; i < schema->n_rows; i++) {
		const char *known = schema->rows[i].key;
		size_t len = strlen(key);

		if (strncmp(known, key, len) == 0 && strcmp(known + len, "-file") == 0)
			return known;
	}
	return NULL;
}

/* The mapping elsewhere in the file that has a key, or NULL. */
static const struct schema *find_home(const struct schema *schema, const char *key)
{
	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct schema *inner = schema->rows[i].schema;
		const struct schema *home = NULL;

		if (inner)
			home = find_row(inner, key) ? inner : find_home(inner, key);
		if (home)
			return home;
	}
	return NULL;
}

static const char *place_of(const struct schema *schema)
{
	return schema == &schema_top ? "the file" : schema->noun;
}

static void report_unknown_key(struct load *load, const struct schema *schema,
			       const struct node *node)
{
	const char *key = node->key->text, *file_key = file_key_for(schema, key);
	const struct schema *home = find_home(&schema_top, key);
	struct suggest suggest = { .word = key };
	struct text known = { .arena = load->scratch };

	for (size_t i = 0; i < schema->n_rows; i++) {
		suggest_try(&suggest, schema->rows[i].key);
		text_add(&known, "%s%s", i ? ", " : "", schema->rows[i].key);
	}
	if (file_key)
		load_error(load, node->key,
			   "unknown key '%s' in %s; secrets are read from files, write %s", key,
			   place_of(schema), file_key);
	else if (suggest.best)
		load_error(load, node->key, "unknown key '%s' in %s, did you mean '%s'?", key,
			   place_of(schema), suggest.best);
	else if (home)
		load_error(load, node->key, "unknown key '%s' in %s; it belongs in %s", key,
			   place_of(schema), home->noun);
	else
		load_error(load, node->key, "unknown key '%s' in %s; known are %s", key,
			   place_of(schema), known.bytes);
}

/* Sort the children of a mapping to the rows; the first of duplicates counts. */
static void match_keys(struct load *load, const struct schema *schema, const struct node *map,
		       const struct node **found)
{
	for (const struct node *node = map->first; node; node = node->next) {
		const struct schema_row *row = find_row(schema, node->key->text);

		if (!row)
			report_unknown_key(load, schema, node);
		else if (!found[row - schema->rows])
			found[row - schema->rows] = node;
	}
}

static bool expect_map(struct load *load, const char *key, const struct node *node)
{
	if (node->kind == NODE_MAP)
		return true;
	load_error(load, node->kind == NODE_SCALAR && node->text[0] ? node : node_name(node),
		   "%s: %s where a mapping is expected", key, NODE_WHAT(node));
	return false;
}

static void read_section_row(struct load *load, const struct schema_row *row,
			     const struct node *node, void *object)
{
	void *section = field_of(object, row->offset);
	const struct node *map = node && expect_map(load, row->key, node) ? node : NULL;

	if (map && row->beside)
		*(bool *)field_of(object, row->beside) = true;
	if (map)
		load_mark(load, row, node, true);
	if (!node || map)
		read_rows(load, row->schema, map, node ? node_name(node) : NULL, section);
}

/* ---- objects with names ---- */

static void read_name(struct load *load, const struct schema *schema, const struct node *node,
		      void *object)
{
	const struct value_spec spec = { .type = VALUE_NAME };
	const char *text = node->key->text;
	struct err err;
	bool is_good;

	is_good = value_parse(&spec, text, load->arena, object, &err) == 0;
	if (!is_good) {
		/* Other sentences still want to name it. */
		text = arena_text(load->arena, text, strlen(text));
		memcpy(object, &text, sizeof(text));
		load_error(load, node->key, "name of a %s: %s", schema->noun, err.text);
	}
	load_mark(load, object, node->key, is_good);
}

static void read_object(struct load *load, const struct schema *schema, const struct node *node,
			void *object)
{
	if (schema->shorthand && node->kind == NODE_SCALAR) {
		/* The scalar stands for a mapping of one key. */
		struct node *alone = arena_alloc(load->scratch, sizeof(*alone));
		struct node *key = arena_alloc(load->scratch, sizeof(*key));
		struct node *map = arena_alloc(load->scratch, sizeof(*map));

		*key = (struct node){ .kind = NODE_SCALAR,
				      .place = node->place,
				      .text = schema->shorthand };
		*alone = *node;
		alone->key = key;
		alone->next = NULL;
		*map = (struct node){ .kind = NODE_MAP,
				      .place = node->place,
				      .key = node->key,
				      .first = alone,
				      .n_children = 1 };
		node = map;
	}
	if (expect_map(load, node->key->text, node))
		read_rows(load, schema, node, node->key, object);
}

/* References and duplicates are found through an index of names. */
static struct index *names_of(struct load *load, const struct schema_row *row)
{
	if (strcmp(row->key, "checks") == 0)
		return &load->check_names;
	if (strcmp(row->key, "pools") == 0)
		return &load->pool_names;
	return NULL;
}

static void read_objects_row(struct load *load, const struct schema_row *row,
			     const struct node *node, void *object)
{
	const struct schema *schema = row->schema;
	struct index *names = names_of(load, row);
	char *objects;
	size_t n = 0;

	if (!node)
		return;
	load_mark(load, field_of(object, row->offset), node, true);
	if (!expect_map(load, row->key, node) || !has_room(load, row, node, node->n_children))
		return;
	objects = arena_array(load->arena, node->n_children, schema->size);
	/* Counted up front: special keys look objects up while later ones are still being read. */
	set_many(object, row, objects, node->n_children);
	for (const struct node *child = node->first; child; child = child->next, n++) {
		void *one = objects + n * schema->size;

		read_name(load, schema, child, one);
		if (names)
			index_add(names, child->key->text, strlen(child->key->text), n);
		read_object(load, schema, child, one);
	}
}

/* ---- services ---- */

static bool uses_server_ids(const struct config_service *service)
{
	return service->quic || service->tcp_server_id || service->stable_udp;
}

/* Ids lead within the pool unless the line says otherwise. */
static void settle_server_ids(struct load *load, struct service_line *line)
{
	struct config_service *service = &line->service;
	const struct node *node = load_node(load, &service->server_ids);

	if (!uses_server_ids(service)) {
		if (service->server_ids != CONFIG_SERVER_IDS_NONE)
			load_error(load, node,
				   "server-ids: nothing without quic, tcp-server-id or stable-udp");
		return;
	}
	if (service->server_ids == CONFIG_SERVER_IDS_NONE && node &&
	    load_is_good(load, &service->server_ids))
		load_error(load, node, "server-ids: a service that uses ids needs pool or any");
	if (service->server_ids == CONFIG_SERVER_IDS_NONE)
		service->server_ids = CONFIG_SERVER_IDS_POOL;
}

static void expand_line(struct load *load, const struct service_line *line, const struct node *node,
			struct config_service *services, size_t *n)
{
	static const uint8_t protos[2] = { IPPROTO_TCP, IPPROTO_UDP };
	const struct node *pool = load_node(load, &line->service.pool);

	for (size_t p = 0; p < 2; p++) {
		for (size_t i = 0; i < line->n_ports[p]; i++) {
			struct config_service *service = &services[(*n)++];

			*service = line->service;
			service->proto = protos[p];
			service->port = line->ports[p][i];
			load_mark(load, service, node, true);
			load_mark(load, &service->port, line->port_nodes[p][i], true);
			if (pool)
				load_mark(load, &service->pool, pool,
					  load_is_good(load, &line->service.pool));
		}
	}
}

static struct service_line *read_line(struct load *load, const struct schema *schema,
				      const struct node *node)
{
	struct service_line *line = arena_alloc(load->scratch, schema->size);

	if (node->kind != NODE_MAP) {
		load_error(load, node,
			   "services: %s where a line like {tcp: 80, pool: NAME} is expected",
			   NODE_WHAT(node));
		return line;
	}
	line->service.pool = UINT32_MAX;
	read_rows(load, schema, node, node, line);
	settle_server_ids(load, line);
	check_service_line(load, line);
	if (!load_node(load, &line->ports[0]) && !load_node(load, &line->ports[1]))
		load_error(load, node, "a service needs tcp or udp: PORT, [PORTS] or any");
	return line;
}

static void read_lines_row(struct load *load, const struct schema_row *row, const struct node *node,
			   void *object)
{
	struct service_line **lines;
	struct config_service *services;
	size_t n_lines = 0, n = 0;

	if (!node)
		return;
	load_mark(load, field_of(object, row->offset), node, true);
	if (node->kind == NODE_SCALAR && node->text[0] == '\0') {
		load_error(load, node_name(node), "%s: nothing where a list is expected", row->key);
		return;
	}
	if (read_count(node) == 0)
		load_error(load, node, "%s: the list is empty", row->key);
	lines = arena_array(load->scratch, read_count(node), sizeof(*lines));
	for (const struct node *child = NULL; (child = read_next(node, child)); n_lines++) {
		lines[n_lines] = read_line(load, row->schema, child);
		n += lines[n_lines]->n_ports[0] + lines[n_lines]->n_ports[1];
	}
	services = arena_array(load->arena, n, sizeof(*services));
	n = n_lines = 0;
	for (const struct node *child = NULL; (child = read_next(node, child)); n_lines++)
		expand_line(load, lines[n_lines], child, services, &n);
	set_many(object, row, services, n);
}

/* ---- rows ---- */

/* A finding on a row that has no effect so far, unless it is left at its default. */
static void warn_without_effect(struct load *load, const struct schema *schema,
				const struct schema_row *row, const struct node *node,
				const void *object)
{
	struct text given = { .arena = load->scratch }, fallback = { .arena = load->scratch };
	void *plain = arena_alloc(load->scratch, schema->size);

	schema_print_value(load->config, row, object, &given);
	/* The default of a row, printed: the row read without a node. */
	if (row->form == ROW_SECTION)
		read_section_row(load, row, NULL, plain);
	else if (row->form == ROW_LIST)
		read_list_row(load, row, NULL, plain);
	else if (row->form == ROW_VALUE)
		read_value_row(load, row, NULL, plain);
	schema_print_value(load->config, row, plain, &fallback);
	if (given.len != fallback.len || memcmp(given.bytes, fallback.bytes, given.len) != 0)
		load_warn(load, node->key, "%s is read but not carried out by this version",
			  row->key);
}

/* "http, https": the types that have a row's key. */
static const char *types_with(struct load *load, const struct schema *schema,
			      const struct schema_row *row)
{
	struct text text = { .arena = load->scratch };

	for (const struct value_word *word = schema->variant_words; word->word; word++)
		if (row->variants & (1U << word->value))
			text_add(&text, "%s%s", text.len ? ", " : "", word->word);
	return text.bytes;
}

static bool is_applicable(struct load *load, const struct schema *schema,
			  const struct schema_row *row, const struct node *node, const void *object)
{
	const char *type = (const char *)object + schema->variant_offset;
	unsigned variant;

	if (schema_row_applies(schema, row, object))
		return true;
	/* Without a readable type nothing can be said on the keys that go with it. */
	if (!node || !load_node(load, type) || !load_is_good(load, type))
		return false;
	memcpy(&variant, type, sizeof(variant));
	load_error(load, node->key, "%s: a %s of type %s has no such key; there it is with %s",
		   row->key, schema->noun, value_word_of(schema->variant_words, variant),
		   types_with(load, schema, row));
	return false;
}

static void read_row(struct load *load, const struct schema *schema, const struct schema_row *row,
		     const struct node *node, void *object)
{
	switch (row->form) {
	case ROW_VALUE:
		read_value_row(load, row, node, object);
		break;
	case ROW_LIST:
		read_list_row(load, row, node, object);
		break;
	case ROW_SECTION:
		read_section_row(load, row, node, object);
		break;
	case ROW_OBJECTS:
		read_objects_row(load, row, node, object);
		break;
	case ROW_LINES:
		read_lines_row(load, row, node, object);
		break;
	case ROW_SPECIAL:
		if (node)
			row->special->read(load, row, node, object);
		break;
	}
	if (node && (row->flags & ROW_NOT_CARRIED_OUT))
		warn_without_effect(load, schema, row, node, object);
}

/* One mapping into one object; map NULL: all defaults. where: what lacks a required key. */
static void read_rows(struct load *load, const struct schema *schema, const struct node *map,
		      const struct node *where, void *object)
{
	const struct node *found[SCHEMA_ROWS_MAX] = { 0 };

	assert(schema->n_rows <= SCHEMA_ROWS_MAX);
	if (map)
		match_keys(load, schema, map, found);
	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct schema_row *row = &schema->rows[i];

		if (!is_applicable(load, schema, row, found[i], object))
			continue;
		if (map && !found[i] && is_required(load, row))
			load_error(load, where, "%s has no '%s'", place_of(schema), row->key);
		read_row(load, schema, row, found[i], object);
	}
}

void read_unknown_name(struct load *load, const struct node *node, const char *noun, size_t n,
		       const char *(*name_at)(const void *objects, size_t i), const void *objects)
{
	struct suggest suggest = { .word = node->text };

	if (load->suggestions < SUGGESTIONS_MAX) {
		load->suggestions++;
		for (size_t i = 0; i < n; i++)
			if (name_at(objects, i))
				suggest_try(&suggest, name_at(objects, i));
	}
	if (suggest.best)
		load_error(load, node, "there is no %s '%s', did you mean '%s'?", noun, node->text,
			   suggest.best);
	else
		load_error(load, node, "there is no %s '%s'", noun, node->text);
}

void read_config(struct load *load, const struct node *root)
{
	if (root->kind != NODE_MAP) {
		load_error(load, root, "%s where a mapping of sections is expected",
			   NODE_WHAT(root));
		return;
	}
	read_rows(load, &schema_top, root, NULL, load->config);
}
