/* SPDX-License-Identifier: Apache-2.0 */
#include "src/config/findings.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENTENCE_MAX 1000
#define WINDOW       110 /* columns of a line that are shown */
#define WINDOW_LEAD  60  /* of them before the caret, when the line is longer */

/*
 * One character of the file: its length in bytes, and whether it can be shown as it is. Bytes that
 * are no UTF-8, and control characters of either range, cannot.
 */
static size_t char_len(const char *bytes, size_t len, bool *ret_shown)
{
	unsigned char c = (unsigned char)bytes[0];
	size_t n = c < 0x80 ? 1 : (c & 0xe0) == 0xc0 ? 2 : (c & 0xf0) == 0xe0 ? 3 : 4;

	*ret_shown = c >= 0x20 && c != 0x7f && (c < 0x80 || (c >= 0xc2 && c < 0xf5)) && n <= len;
	if (!*ret_shown)
		return 1;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)bytes[i] & 0xc0) != 0x80) {
			*ret_shown = false;
			return 1;
		}
	}
	if (n == 2 && c == 0xc2 && (unsigned char)bytes[1] < 0xa0)
		*ret_shown = false;
	return n;
}

/* The length of the line break at the start of bytes, 0: none. YAML 1.1 breaks lines at these. */
static size_t break_len(const char *bytes, size_t len)
{
	if (len >= 2 && bytes[0] == '\r' && bytes[1] == '\n')
		return 2;
	if (len >= 1 && (bytes[0] == '\n' || bytes[0] == '\r'))
		return 1;
	if (len >= 2 && memcmp(bytes, "\xc2\x85", 2) == 0)
		return 2;
	if (len >= 3 &&
	    (memcmp(bytes, "\xe2\x80\xa8", 3) == 0 || !memcmp(bytes, "\xe2\x80\xa9", 3)))
		return 3;
	return 0;
}

/* Append one character, or a mark in place of one that cannot be shown; returns its length. */
static size_t add_char(struct text *out, const char *bytes, size_t len)
{
	bool shown;
	size_t n = char_len(bytes, len, &shown);

	if (shown)
		text_add_bytes(out, bytes, n);
	else
		text_add_bytes(out, *bytes == '\t' ? " " : "?", 1);
	return n;
}

static void add_sentence(struct text *out, const char *sentence)
{
	for (size_t i = 0, len = strlen(sentence); i < len;)
		i += add_char(out, sentence + i, len - i);
}

/* Append characters up to the end of the line, n_chars at most. */
static void add_line(struct text *out, const char *bytes, size_t len, size_t n_chars)
{
	for (size_t i = 0; i < len && n_chars && !break_len(bytes + i, len - i); n_chars--)
		i += add_char(out, bytes + i, len - i);
}

struct place findings_place_of(const struct findings *findings, size_t offset)
{
	struct place place = { .line = 1, .column = 1, .width = 1 };

	for (size_t i = 0, n; i < findings->len && i < offset; i += n) {
		bool shown;

		n = break_len(findings->text + i, findings->len - i);
		if (n) {
			place.line++;
			place.column = 1;
		} else {
			n = char_len(findings->text + i, findings->len - i, &shown);
			place.column++;
		}
	}
	return place;
}

static bool is_kept(const struct findings *findings, bool is_error)
{
	return (is_error ? findings->errors : findings->warnings) <= FINDINGS_SHOWN_MAX;
}

void findings_vadd(struct findings *findings, bool is_error, const struct place *place,
		   const char *fmt, va_list ap)
{
	struct text shown = { .arena = findings->arena };
	char sentence[SENTENCE_MAX];

	if (is_error)
		findings->errors++;
	else
		findings->warnings++;
	if (!is_kept(findings, is_error))
		return;
	if (findings->n == findings->n_room) {
		size_t room = findings->n_room ? findings->n_room * 2 : 16;
		struct finding *list = arena_array(findings->arena, room, sizeof(*list));

		if (findings->n)
			memcpy(list, findings->list, findings->n * sizeof(*list));
		findings->list = list;
		findings->n_room = room;
	}
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	add_sentence(&shown, sentence);
	findings->list[findings->n] = (struct finding){
		.place = *place,
		.is_error = is_error,
		.order = findings->n,
		.sentence = shown.bytes,
	};
	findings->n++;
}

void findings_add(struct findings *findings, bool is_error, const struct place *place,
		  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	findings_vadd(findings, is_error, place, fmt, ap);
	va_end(ap);
}

static int compare(const void *a_, const void *b_)
{
	const struct finding *a = a_, *b = b_;

	if (a->is_error != b->is_error)
		return a->is_error ? -1 : 1;
	if (a->place.line != b->place.line)
		return a->place.line < b->place.line ? -1 : 1;
	if (a->place.column != b->place.column)
		return a->place.column < b->place.column ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* Where a walk through the file stands; it only goes forward, as the findings are sorted. */
struct cursor {
	size_t line, column;
	size_t at; /* byte offset */
};

/* Go forward to a place; false when the file ends before. */
static bool cursor_move(const struct findings *findings, struct cursor *cursor, size_t line,
			size_t column)
{
	while (cursor->line < line || (cursor->line == line && cursor->column < column)) {
		const char *bytes = findings->text + cursor->at;
		size_t len = findings->len - cursor->at, n = break_len(bytes, len);
		bool shown;

		if (len == 0 || (n && cursor->line == line))
			return cursor->line == line;
		if (n) {
			cursor->line++;
			cursor->column = 1;
		} else {
			n = char_len(bytes, len, &shown);
			cursor->column++;
		}
		cursor->at += n;
	}
	return true;
}

/* The source line, or the part of it around the place, and a caret and tildes under the place. */
static void add_source(const struct findings *findings, struct cursor *cursor,
		       const struct place *place, struct text *out)
{
	bool is_cut = place->column > WINDOW;
	size_t first = is_cut ? place->column - WINDOW_LEAD : 1, caret = place->column - first + 1;

	if (!cursor_move(findings, cursor, place->line, first))
		return;
	if (is_cut)
		caret += 3;
	text_add(out, "%5zu | %s", place->line, is_cut ? "..." : "");
	add_line(out, findings->text + cursor->at, findings->len - cursor->at, WINDOW);
	text_add(out, "\n      | %*s^", (int)caret - 1, "");
	for (size_t i = 1; i < place->width && caret + i <= WINDOW; i++)
		text_add_bytes(out, "~", 1);
	text_add_bytes(out, "\n", 1);
}

static void add_finding(const struct findings *findings, const struct finding *finding,
			struct cursor *cursor, struct text *out)
{
	const struct place *place = &finding->place;
	const char *kind = finding->is_error ? "error" : "warning";

	add_sentence(out, findings->file);
	if (place->line == 0) {
		text_add(out, ": %s: %s\n", kind, finding->sentence);
		return;
	}
	text_add(out, ":%zu:%zu: %s: %s\n", place->line, place->column, kind, finding->sentence);
	add_source(findings, cursor, place, out);
}

static void add_rest(unsigned found, const char *kind, struct text *out)
{
	if (found > FINDINGS_SHOWN_MAX)
		text_add(out, "and %u more %s\n", found - FINDINGS_SHOWN_MAX, kind);
}

void findings_print(struct findings *findings, struct text *out)
{
	struct cursor cursor = { .line = 1, .column = 1 };
	size_t i = 0;

	if (findings->n)
		qsort(findings->list, findings->n, sizeof(*findings->list), compare);
	for (; i < findings->n && findings->list[i].is_error; i++)
		add_finding(findings, &findings->list[i], &cursor, out);
	add_rest(findings->errors, "errors", out);
	cursor = (struct cursor){ .line = 1, .column = 1 };
	for (; i < findings->n; i++)
		add_finding(findings, &findings->list[i], &cursor, out);
	add_rest(findings->warnings, "warnings", out);
}
