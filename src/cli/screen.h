/* SPDX-License-Identifier: Apache-2.0 */
/*
 * screen.h - where text for people goes: a stream with a width, with or without colours and UTF-8.
 * All text passes printable_copy(), so renderers never think about it.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

enum style {
	STYLE_PLAIN,
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_GOOD,
	STYLE_WARN,
	STYLE_BAD,
	STYLE_MAX,
};

struct screen {
	FILE *out;
	unsigned width; /* columns; 0: as wide as it comes (no terminal) */
	bool has_color, has_utf8;
};

/* Look at the stream, the locale, COLUMNS, NO_COLOR and TERM. */
void screen_init(struct screen *screen, FILE *out);

/* Text in a style, without a line end; control bytes in it come out escaped. */
void screen_put(const struct screen *screen, enum style style, const char *text);
void screen_printf(const struct screen *screen, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void screen_newline(const struct screen *screen);
/* screen_printf() and the end of the line. */
void screen_line(const struct screen *screen, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Text of several lines; each line end ends a line. */
void screen_lines(const struct screen *screen, const char *text);

/* Drawing characters, or what ASCII has for them. */
enum glyph {
	GLYPH_TEE,      /* a branch with more below */
	GLYPH_ELBOW,    /* the last branch */
	GLYPH_BAR,      /* a branch passing by */
	GLYPH_ARROW,    /* points at the command to type */
	GLYPH_ELLIPSIS, /* text was cut here */
	GLYPH_MAX,
};
const char *screen_glyph(const struct screen *screen, enum glyph glyph);
