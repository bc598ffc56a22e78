/* SPDX-License-Identifier: Apache-2.0 */
#include "src/cli/screen.h"

#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/cli/printable.h"

static const char *const style_codes[STYLE_MAX] = {
	[STYLE_PLAIN] = "",        [STYLE_BOLD] = "\033[1m",  [STYLE_DIM] = "\033[2m",
	[STYLE_GOOD] = "\033[32m", [STYLE_WARN] = "\033[33m", [STYLE_BAD] = "\033[1;31m",
};

static const char *const glyphs[GLYPH_MAX][2] = {
	[GLYPH_TEE] = { "|-", "├─" },    [GLYPH_ELBOW] = { "`-", "└─" },
	[GLYPH_BAR] = { "| ", "│ " },    [GLYPH_ARROW] = { "->", "→" },
	[GLYPH_ELLIPSIS] = { "~", "…" },
};

/* COLUMNS wins, so that scripts and tests can ask for a width. */
static unsigned find_width(int fd, bool is_terminal)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;

	if (columns && atoi(columns) > 0)
		return (unsigned)atoi(columns);
	if (!is_terminal)
		return 0;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

void screen_init(struct screen *screen, FILE *out)
{
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
	bool is_terminal = isatty(fileno(out));

	*screen = (struct screen){
		.out = out,
		.width = find_width(fileno(out), is_terminal),
		.has_color = is_terminal && !(no_color && *no_color) && term &&
			     strcmp(term, "dumb") != 0,
		.has_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
	};
}

void screen_put(const struct screen *screen, enum style style, const char *text)
{
	AUTO(freep) char *safe = printable_copy(text, screen->has_utf8);
	bool is_styled = screen->has_color && style != STYLE_PLAIN && *text;

	if (!safe)
		return;
	if (is_styled)
		fputs(style_codes[style], screen->out);
	fputs(safe, screen->out);
	if (is_styled)
		fputs("\033[0m", screen->out);
}

static void put_formatted(const struct screen *screen, enum style style, const char *fmt,
			  va_list args) __attribute__((format(printf, 3, 0)));

static void put_formatted(const struct screen *screen, enum style style, const char *fmt,
			  va_list args)
{
	AUTO(freep) char *text = NULL;

	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	else
		screen_put(screen, style, text);
}

void screen_printf(const struct screen *screen, enum style style, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_formatted(screen, style, fmt, args);
	va_end(args);
}

void screen_newline(const struct screen *screen)
{
	fputc('\n', screen->out);
}

void screen_line(const struct screen *screen, enum style style, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	put_formatted(screen, style, fmt, args);
	va_end(args);
	screen_newline(screen);
}

void screen_lines(const struct screen *screen, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		screen_line(screen, STYLE_PLAIN, "%.*s", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

const char *screen_glyph(const struct screen *screen, enum glyph glyph)
{
	return glyphs[glyph][screen->has_utf8];
}
