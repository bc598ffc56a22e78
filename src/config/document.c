/* SPDX-License-Identifier: Apache-2.0 */
#include "src/config/document.h"

#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "src/config/index.h"

/* A linear search is quicker than an index in small mappings. */
#define SMALL_MAP 8

struct builder {
	struct arena *arena;
	struct findings *findings;
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
	bool is_stopped; /* a syntax error was found */
};

/* Which remedy goes with which problem of libyaml's. */
static const struct {
	const char *problem, *hint;
} hints[] = {
	{ "cannot start any token", "; quote text that begins with @, ` or %" },
	{ "mapping values are not allowed",
	  "; look for a wrong indent, or quote text with ': ' in it" },
	{ "did not find expected key", "; look for a wrong indent" },
	{ "did not find expected '-' indicator", "; look for a wrong indent" },
	{ "could not find expected ':'", "; a key wants a colon and a space behind it" },
	{ "did not find expected ',' or '}'", "; is a comma or a closing brace missing?" },
	{ "did not find expected ',' or ']'", "; is a comma or a closing bracket missing?" },
};

/* The remedy for the parser's problem, to go behind it. */
static const char *hint_for(const yaml_parser_t *parser, const char *problem)
{
	/* The scanner stands at the character that stopped it. */
	if (parser->error == YAML_SCANNER_ERROR && parser->unread > 0 &&
	    *parser->buffer.pointer == '\t')
		return "; it is a tab: indent with spaces";
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
		if (strstr(problem, hints[i].problem))
			return hints[i].hint;
	return "";
}

static struct place place_between(const yaml_mark_t *start, const yaml_mark_t *end)
{
	return (struct place){
		.line = start->line + 1,
		.column = start->column + 1,
		.width = end->line == start->line && end->column > start->column
				 ? end->column - start->column
				 : 1,
	};
}

/* The first syntax error ends everything. */
static void stop(struct builder *b, const struct place *place, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static void stop(struct builder *b, const struct place *place, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	findings_vadd(b->findings, true, place, fmt, ap);
	va_end(ap);
	b->is_stopped = true;
}

static void stop_here(struct builder *b, const char *sentence)
{
	struct place place = place_between(&b->event.start_mark, &b->event.end_mark);

	stop(b, &place, "%s", sentence);
}

/* The encoding is wrong, or a character is not allowed; libyaml gives a byte offset. */
static void stop_by_reader(struct builder *b)
{
	struct place place = findings_place_of(b->findings, b->parser.problem_offset);

	if (b->parser.problem_value >= 0)
		stop(b, &place, "YAML: %s (0x%02x)", b->parser.problem,
		     (unsigned)b->parser.problem_value);
	else
		stop(b, &place, "YAML: %s", b->parser.problem);
}

static void stop_by_parser(struct builder *b)
{
	const yaml_parser_t *parser = &b->parser;
	struct place place = place_between(&parser->problem_mark, &parser->problem_mark);
	struct place end = findings_place_of(b->findings, b->findings->len);
	const char *problem = parser->problem ? parser->problem : "cannot be read";

	if (place.line > end.line)
		place = end; /* libyaml ends the last line itself */
	if (parser->context && parser->context_mark.line != parser->problem_mark.line)
		stop(b, &place, "YAML: %s, %s that begins at line %zu%s", problem, parser->context,
		     parser->context_mark.line + 1, hint_for(parser, problem));
	else
		stop(b, &place, "YAML: %s%s", problem, hint_for(parser, problem));
}

/* Fetch the next event; false: stopped. */
static bool next_event(struct builder *b)
{
	if (b->has_event)
		yaml_event_delete(&b->event);
	b->has_event = yaml_parser_parse(&b->parser, &b->event) != 0;
	if (b->has_event)
		return true;
	if (b->parser.error == YAML_MEMORY_ERROR)
		arena_exhausted(b->arena);
	if (b->parser.error == YAML_READER_ERROR)
		stop_by_reader(b);
	else
		stop_by_parser(b);
	return false;
}

static struct node *new_node(struct builder *b, enum node_kind kind)
{
	struct node *node = arena_alloc(b->arena, sizeof(*node));

	node->kind = kind;
	node->place = place_between(&b->event.start_mark, &b->event.end_mark);
	return node;
}

static bool has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			return true;
		if (c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] < 0xa0)
			return true;
	}
	return false;
}

static struct node *build_scalar(struct builder *b)
{
	const char *text = (const char *)b->event.data.scalar.value;
	size_t len = b->event.data.scalar.length;
	struct node *node = new_node(b, NODE_SCALAR);

	if (has_control(text, len)) {
		findings_add(b->findings, true, &node->place,
			     "text must not hold control characters or line breaks");
		node->is_refused = true;
		len = 0;
	}
	node->text = arena_text(b->arena, text, len);
	return node;
}

/* True when the event carries an anchor or a tag that is not the one it has anyway. */
static bool is_decorated(const yaml_event_t *event)
{
	switch ((int)event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor || event->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor || event->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor || event->data.mapping_start.tag;
	default:
		return false;
	}
}

static struct node *build_node(struct builder *b, unsigned depth);

static void add_child(struct node *parent, struct node **last, struct node *child)
{
	if (*last)
		(*last)->next = child;
	else
		parent->first = child;
	*last = child;
	parent->n_children++;
}

static struct node *build_list(struct builder *b, unsigned depth)
{
	struct node *list = new_node(b, NODE_LIST), *last = NULL;

	while (next_event(b) && b->event.type != YAML_SEQUENCE_END_EVENT) {
		struct node *child = build_node(b, depth + 1);

		if (!child)
			return NULL;
		add_child(list, &last, child);
	}
	return b->is_stopped ? NULL : list;
}

static const struct node *find_key(const struct node *map, const char *key)
{
	for (const struct node *n = map->first; n; n = n->next)
		if (strcmp(n->key->text, key) == 0)
			return n->key;
	return NULL;
}

/* The keys of one mapping; the index is used once there are many. */
struct keys {
	struct index index; /* from name to its struct node */
};

static const struct node *find_first(struct keys *keys, const struct node *map,
				     const struct node *key)
{
	size_t found;

	if (map->n_children < SMALL_MAP)
		return find_key(map, key->text);
	if (map->n_children == SMALL_MAP)
		for (const struct node *n = map->first; n; n = n->next)
			index_add(&keys->index, n->key->text, strlen(n->key->text), (size_t)n->key);
	found = index_add(&keys->index, key->text, strlen(key->text), (size_t)key);
	return found == INDEX_NONE ? NULL : (const struct node *)found;
}

/* Add a child, unless its key is there already. */
static void add_entry(struct builder *b, struct keys *keys, struct node *map, struct node **last,
		      struct node *child)
{
	const struct node *first = find_first(keys, map, child->key);

	if (first)
		findings_add(b->findings, true, &child->key->place,
			     "duplicate key '%s', first at line %zu", child->key->text,
			     first->place.line);
	else
		add_child(map, last, child);
}

static struct node *build_map(struct builder *b, unsigned depth)
{
	struct node *map = new_node(b, NODE_MAP), *last = NULL;
	struct keys keys = { .index.arena = b->arena };

	while (next_event(b) && b->event.type != YAML_MAPPING_END_EVENT) {
		const struct node *key;
		struct node *child;

		if (b->event.type != YAML_SCALAR_EVENT && b->event.type != YAML_ALIAS_EVENT) {
			stop_here(b, "a key must be a word, not a list or mapping");
			return NULL;
		}
		key = build_node(b, depth + 1);
		if (!key || !next_event(b))
			return NULL;
		child = build_node(b, depth + 1);
		if (!child)
			return NULL;
		child->key = key;
		add_entry(b, &keys, map, &last, child);
	}
	return b->is_stopped ? NULL : map;
}

/* The node that the current event begins; NULL: stopped. */
static struct node *build_node(struct builder *b, unsigned depth)
{
	if (depth > DOCUMENT_DEPTH_MAX)
		stop_here(b, "nested too deeply");
	else if (is_decorated(&b->event))
		stop_here(b, "anchors and tags are not used here; write the value itself");
	else if (b->event.type == YAML_ALIAS_EVENT)
		stop_here(b, "aliases are not used here (quote text that begins with *)");
	else if (b->event.type == YAML_SCALAR_EVENT)
		return build_scalar(b);
	else if (b->event.type == YAML_SEQUENCE_START_EVENT)
		return build_list(b, depth);
	else
		return build_map(b, depth);
	return NULL;
}

/* One document; NULL without a syntax error: the file holds none. */
static struct node *build_document(struct builder *b)
{
	struct node *root;

	if (!next_event(b) || !next_event(b)) /* stream start; document start or stream end */
		return NULL;
	if (b->event.type == YAML_STREAM_END_EVENT)
		return NULL;
	if (!next_event(b))
		return NULL;
	root = build_node(b, 1);
	if (!root || !next_event(b) || !next_event(b)) /* document end; stream end */
		return NULL;
	if (b->event.type != YAML_STREAM_END_EVENT) {
		stop_here(b, "a second document begins here; the file must hold one");
		return NULL;
	}
	return root;
}

/* Parse with what was set up; NULL with *ret_is_syntax false: there is no document. */
static const struct node *parse(struct builder *b)
{
	const unsigned char *text = (const unsigned char *)b->findings->text;

	yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b->parser, text, b->findings->len);
	return build_document(b);
}

static void end(struct builder *b)
{
	if (b->has_event)
		yaml_event_delete(&b->event);
	yaml_parser_delete(&b->parser);
}

const struct node *document_parse(struct arena *arena, struct findings *findings,
				  bool *ret_is_syntax)
{
	struct builder *b = arena_alloc(arena, sizeof(*b));
	const struct node *root;
	jmp_buf oom, *outer;

	b->arena = arena;
	b->findings = findings;
	outer = arena_catch(arena, &oom);
	if (!yaml_parser_initialize(&b->parser))
		longjmp(*outer, 1);
	if (setjmp(oom)) {
		/* libyaml's memory is not in the arena. */
		end(b);
		arena_catch(arena, outer);
		longjmp(*outer, 1);
	}
	root = parse(b);
	*ret_is_syntax = b->is_stopped;
	if (!root && !b->is_stopped)
		findings_add(findings, true, &(struct place){ 0 }, "the file is empty");
	end(b);
	arena_catch(arena, outer);
	return root;
}

const struct node *node_name(const struct node *node)
{
	return node->key ? node->key : node;
}

const char *node_what(const struct node *node, char *buf, size_t size)
{
	if (node->kind == NODE_MAP)
		return "a mapping";
	if (node->kind == NODE_LIST)
		return "a list";
	if (node->text[0] == '\0')
		return "nothing";
	snprintf(buf, size, "'%.60s'", node->text);
	return buf;
}
