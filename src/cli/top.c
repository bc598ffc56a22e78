/* SPDX-License-Identifier: Apache-2.0 */
/*
 * top.c - `shoal top`: VIPs and reals with their rates on a terminal, drawn anew each turn. A row
 * is entered: VIP, its services, the reals of one's pool, why one is as it is.
 *
 * Each page is made of rows of texts from the last answers of shoald, kept as they came; what is
 * drawn is printable text only. shoald that is away is said, and asked again.
 */
#include <curses.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/cli/cli.h"
#include "src/cli/printable.h"
#include "src/cli/render.h"

#define INTERVAL_US (2 * USEC_PER_SEC)
#define LEAST_US    (200 * USEC_PER_MSEC)
#define COLUMNS_MAX 8
#define PAGES_MAX   6
#define FILTER_MAX  64
#define HEAD_LINES  3 /* node, path, titles */

enum kind { PAGE_VIPS, PAGE_REALS, PAGE_SERVICES, PAGE_POOL, PAGE_WHY };

struct page {
	enum kind kind;
	char subject[160]; /* a VIP, a pool, a thing to explain */
	size_t selected, top;
	size_t sort; /* column */
	bool is_reversed;
};

struct cell {
	char text[160];
	double value; /* sorts by it where the column holds numbers */
};

struct row {
	struct cell cells[COLUMNS_MAX];
	char enter[160]; /* the subject of the page behind it */
	enum style style;
};

struct top {
	struct cli *cli;
	usec_t every_us, asked_at, before_at;
	json_t *status, *vips, *reals, *vips_before, *reals_before;
	char *why; /* the text of the page of that kind */
	char silence[256];
	struct page pages[PAGES_MAX];
	size_t n_pages;
	struct row *rows;
	size_t n_rows, room;
	char filter[FILTER_MAX];
	bool is_typing, is_over;
};

static struct page *page_of(struct top *top)
{
	return &top->pages[top->n_pages - 1];
}

/* ---- asking ---- */

static json_t *ask(struct top *top, const char *name, json_t *args)
{
	json_t *result = NULL;
	struct err err = { 0 };
	const struct cli_command *command = cli_find(name, &err);

	if (cli_ask(top->cli, command, args, &result, &err) != CTL_DONE) {
		snprintf(top->silence, sizeof(top->silence), "%.255s", err.text);
		json_decref(result);
		result = NULL;
	}
	json_decref(args);
	return result;
}

static void take(json_t **now, json_t **before, json_t *answer)
{
	if (!answer)
		return;
	json_decref(*before);
	*before = *now;
	*now = answer;
}

static void explain(struct top *top, const char *thing)
{
	struct screen screen = top->cli->screen;
	json_t *result = ask(top, "why", json_pack("{s:s}", "thing", thing));
	char *text = NULL;
	size_t len;

	if (!result)
		return;
	screen.out = open_memstream(&text, &len);
	screen.has_color = false;
	screen.width = (unsigned)COLS;
	if (screen.out) {
		render_why(&screen, result);
		fclose(screen.out);
		free(top->why);
		top->why = text;
	}
	json_decref(result);
}

static void refresh_answers(struct top *top)
{
	usec_t now = usec_now();
	json_t *status;

	top->silence[0] = '\0';
	status = ask(top, "status", json_pack("{s:b}", "brief", 1));
	if (status) {
		json_decref(top->status);
		top->status = status;
		take(&top->vips, &top->vips_before, ask(top, "vips", json_object()));
		take(&top->reals, &top->reals_before,
		     ask(top, "reals", json_pack("{s:b}", "brief", 1)));
		top->before_at = top->asked_at;
	}
	top->asked_at = now;
	if (page_of(top)->kind == PAGE_WHY && status)
		explain(top, page_of(top)->subject);
}

/* ---- rates ---- */

static const json_t *find_same(const json_t *list, const json_t *item, const char *a, const char *b)
{
	const json_t *other;
	size_t i;

	json_array_foreach (list, i, other) {
		if (strcmp(get_text(other, a), get_text(item, a)) == 0 &&
		    strcmp(get_text(other, b), get_text(item, b)) == 0)
			return other;
	}
	return NULL;
}

static double rate(const struct top *top, const json_t *before, const json_t *now, const char *key)
{
	uint64_t then = get_count(before, key), is = get_count(now, key);

	if (!before || is < then || top->asked_at <= top->before_at)
		return 0;
	return (double)(is - then) * (double)USEC_PER_SEC /
	       (double)(top->asked_at - top->before_at);
}

/* ---- rows ---- */

static struct row *add_row(struct top *top)
{
	if (top->n_rows == top->room) {
		size_t room = top->room ? 2 * top->room : 64;
		struct row *rows = reallocarray(top->rows, room, sizeof(*rows));

		if (!rows)
			return NULL;
		top->rows = rows;
		top->room = room;
	}
	top->rows[top->n_rows] = (struct row){ 0 };
	return &top->rows[top->n_rows++];
}

static void set(struct row *row, size_t column, double value, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void set(struct row *row, size_t column, double value, const char *fmt, ...)
{
	AUTO(freep) char *text = NULL, *safe = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	safe = text ? printable_copy(text, false) : NULL;
	snprintf(row->cells[column].text, sizeof(row->cells[column].text), "%s", safe ? safe : "");
	row->cells[column].value = value;
}

static void add_vips(struct top *top)
{
	const json_t *vip;
	size_t i;

	json_array_foreach (json_object_get(top->vips, "vips"), i, vip) {
		const json_t *pool = json_array_get(json_object_get(vip, "pools"), 0);
		const char *reason = get_text(vip, "reason");
		double pps = (double)get_count(vip, "pps");
		struct row *row = add_row(top);

		if (!row)
			return;
		set(row, 0, 0, "%s", get_text(vip, "name"));
		set(row, 1, 0, "%s", get_text(vip, "prefix"));
		set(row, 2, 0, "%s", get_text(vip, "state"));
		set(row, 3, get_real(vip, "age_s"), "%s", GET_AGE(vip));
		set(row, 4, (double)get_count(pool, "usable"), "%u/%u",
		    (unsigned)get_count(pool, "usable"), (unsigned)get_count(pool, "total"));
		set(row, 5, pps, "%s", UNITS_COUNT((uint64_t)pps));
		set(row, 6, (double)get_count(vip, "peers"), "%u",
		    (unsigned)get_count(vip, "peers"));
		set(row, 7, 0, "%s", strcmp(reason, "serving") ? get_text(vip, "sentence") : "");
		row->style = style_of_vip(vip);
		snprintf(row->enter, sizeof(row->enter), "%s", get_text(vip, "name"));
	}
}

static const json_t *find_vip(const json_t *vips, const char *name)
{
	const json_t *vip;
	size_t i;

	json_array_foreach (json_object_get(vips, "vips"), i, vip) {
		if (strcmp(get_text(vip, "name"), name) == 0)
			return vip;
	}
	return NULL;
}

static void add_services(struct top *top, const char *name)
{
	const json_t *now = find_vip(top->vips, name), *then = find_vip(top->vips_before, name);
	const json_t *service;
	size_t i;

	json_array_foreach (json_object_get(now, "services"), i, service) {
		const json_t *before =
			find_same(json_object_get(then, "services"), service, "service", "pool");
		double pps = rate(top, before, service, "packets");
		double bps = rate(top, before, service, "bytes") * 8;
		bool is_well =
			get_bool(service, "is_programmed") && get_bool(service, "is_self_tested");
		struct row *row = add_row(top);

		if (!row)
			return;
		set(row, 0, 0, "%s", get_text(service, "service"));
		set(row, 1, 0, "%s", get_text(service, "pool"));
		set(row, 2, 0, "%s",
		    !get_bool(service, "is_programmed") ? "not programmed"
		    : is_well                           ? "proven"
							: "not tested");
		set(row, 3, pps, "%s", UNITS_COUNT((uint64_t)pps));
		set(row, 4, bps, "%s", UNITS_COUNT((uint64_t)bps));
		set(row, 5, (double)get_count(service, "packets"), "%s",
		    UNITS_COUNT(get_count(service, "packets")));
		row->style = is_well ? STYLE_PLAIN : STYLE_WARN;
		snprintf(row->enter, sizeof(row->enter), "%s", get_text(service, "pool"));
	}
}

/* Of all pools, or of one. */
static void add_reals(struct top *top, const char *pool)
{
	const json_t *before = json_object_get(top->reals_before, "reals"), *real;
	size_t i;

	json_array_foreach (json_object_get(top->reals, "reals"), i, real) {
		double pps;
		struct row *row;

		if (pool && strcmp(get_text(real, "pool"), pool) != 0)
			continue;
		row = add_row(top);
		if (!row)
			return;
		pps = rate(top, find_same(before, real, "pool", "name"), real, "packets");
		set(row, 0, 0, "%s/%s", get_text(real, "pool"), get_text(real, "name"));
		set(row, 1, 0, "%s", get_text(real, "address"));
		set(row, 2, 0, "%s", get_text(real, "state"));
		set(row, 3, get_real(real, "age_s"), "%s", GET_AGE(real));
		set(row, 4, (double)get_count(real, "weight"), "%u",
		    (unsigned)get_count(real, "weight"));
		set(row, 5, 0, "%s", get_text(json_object_get(real, "flows"), "life"));
		set(row, 6, pps, "%s", UNITS_COUNT((uint64_t)pps));
		set(row, 7, 0, "%s", get_text(real, "evidence"));
		row->style = style_of_real(get_text(real, "state"));
		snprintf(row->enter, sizeof(row->enter), "%.79s/%.79s", get_text(real, "pool"),
			 get_text(real, "name"));
	}
}

static void add_lines(struct top *top)
{
	for (const char *p = top->why ? top->why : ""; *p;) {
		size_t len = strcspn(p, "\n");
		struct row *row = add_row(top);

		if (!row)
			return;
		/* The renderer escaped what it printed. */
		snprintf(row->cells[0].text, sizeof(row->cells[0].text), "%.*s", (int)len, p);
		p += len + (p[len] == '\n');
	}
}

/* ---- pages ---- */

static const struct {
	const char *titles[COLUMNS_MAX];
	unsigned numbers; /* bits of columns that sort and align as such */
} layouts[] = {
	[PAGE_VIPS] = { { "VIP", "PREFIX", "STATE", "SINCE", "REALS", "PPS", "PEERS", "WHY" },
			0x78 },
	[PAGE_REALS] = { { "REAL", "ADDRESS", "STATE", "SINCE", "WEIGHT", "FLOWS", "PPS",
			   "EVIDENCE" },
			 0x58 },
	[PAGE_SERVICES] = { { "SERVICE", "POOL", "DATA PLANE", "PPS", "BPS", "PACKETS" }, 0x38 },
	[PAGE_POOL] = { { "REAL", "ADDRESS", "STATE", "SINCE", "WEIGHT", "FLOWS", "PPS",
			  "EVIDENCE" },
			0x58 },
	[PAGE_WHY] = { { "" }, 0 },
};

static bool fits_filter(const struct top *top, const struct row *row)
{
	if (!top->filter[0])
		return true;
	for (size_t c = 0; c < COLUMNS_MAX; c++)
		if (strcasestr(row->cells[c].text, top->filter))
			return true;
	return false;
}

static void filter_rows(struct top *top)
{
	size_t n = 0;

	for (size_t i = 0; i < top->n_rows; i++)
		if (fits_filter(top, &top->rows[i]))
			top->rows[n++] = top->rows[i];
	top->n_rows = n;
}

static int compare_rows(const void *a, const void *b, void *arg)
{
	const struct page *page = arg;
	const struct cell *x = &((const struct row *)a)->cells[page->sort];
	const struct cell *y = &((const struct row *)b)->cells[page->sort];
	int r;

	if (layouts[page->kind].numbers & 1U << page->sort)
		r = x->value < y->value ? 1 : x->value > y->value ? -1 : 0; /* most first */
	else
		r = strcmp(x->text, y->text);
	return page->is_reversed ? -r : r;
}

static void make_rows(struct top *top)
{
	struct page *page = page_of(top);

	top->n_rows = 0;
	switch (page->kind) {
	case PAGE_VIPS:
		add_vips(top);
		break;
	case PAGE_REALS:
		add_reals(top, NULL);
		break;
	case PAGE_SERVICES:
		add_services(top, page->subject);
		break;
	case PAGE_POOL:
		add_reals(top, page->subject);
		break;
	case PAGE_WHY:
		add_lines(top);
		break;
	}
	filter_rows(top);
	if (page->kind != PAGE_WHY && top->n_rows > 1)
		qsort_r(top->rows, top->n_rows, sizeof(top->rows[0]), compare_rows, page);
	if (page->selected >= top->n_rows)
		page->selected = top->n_rows ? top->n_rows - 1 : 0;
}

/* ---- drawing ---- */

static int attribute_of(enum style style)
{
	static const short pairs[STYLE_MAX] = {
		[STYLE_GOOD] = 1, [STYLE_WARN] = 2, [STYLE_BAD] = 3
	};

	if (style == STYLE_DIM)
		return A_DIM;
	return has_colors() && pairs[style] ? (int)COLOR_PAIR(pairs[style]) : 0;
}

static void measure(const struct top *top, enum kind kind, size_t widths[COLUMNS_MAX])
{
	for (size_t c = 0; c < COLUMNS_MAX; c++) {
		widths[c] = layouts[kind].titles[c] ? strlen(layouts[kind].titles[c]) : 0;
		for (size_t i = 0; i < top->n_rows; i++) {
			size_t len = printable_width(top->rows[i].cells[c].text);

			widths[c] = len > widths[c] ? len : widths[c];
		}
	}
}

/* A cell in its column; nothing beyond the right edge. */
static int put_cell(int y, int x, const char *text, size_t width, bool is_right)
{
	size_t len = printable_width(text), pad = width > len ? width - len : 0;
	int left = COLS - x;

	if (left <= 0)
		return x;
	if (is_right && (int)pad < left)
		mvaddnstr(y, x + (int)pad, text, (int)printable_cut(text, (size_t)left - pad));
	else if (!is_right)
		mvaddnstr(y, x, text, (int)printable_cut(text, (size_t)left));
	return x + (int)width + 2;
}

static void draw_row(const struct top *top, int y, const struct row *row, const size_t *widths,
		     enum kind kind)
{
	bool is_selected = row == &top->rows[top->pages[top->n_pages - 1].selected];
	int x = 0, style = attribute_of(row->style);

	if (is_selected && kind != PAGE_WHY)
		attron(A_REVERSE);
	move(y, 0);
	clrtoeol();
	if (is_selected && kind != PAGE_WHY)
		mvhline(y, 0, ' ', COLS);
	for (size_t c = 0; c < COLUMNS_MAX && layouts[kind].titles[c]; c++) {
		if (c == 2)
			attron(style);
		x = put_cell(y, x, row->cells[c].text, widths[c], layouts[kind].numbers & 1U << c);
		if (c == 2)
			attroff(style);
	}
	attroff(A_REVERSE);
}

static void draw_titles(const struct page *page, const size_t *widths)
{
	char title[40];
	int x = 0;

	attron(A_BOLD);
	for (size_t c = 0; c < COLUMNS_MAX && layouts[page->kind].titles[c]; c++) {
		snprintf(title, sizeof(title), "%s", layouts[page->kind].titles[c]);
		if (c == page->sort && page->kind != PAGE_WHY)
			attron(A_UNDERLINE);
		x = put_cell(2, x, title, widths[c], layouts[page->kind].numbers & 1U << c);
		attroff(A_UNDERLINE);
	}
	attroff(A_BOLD);
}

static void draw_head(struct top *top)
{
	const json_t *dataplane = json_object_get(top->status, "dataplane");
	size_t alarms = json_array_size(json_object_get(top->status, "alarms"));
	AUTO(freep) char *node = printable_copy(get_text(top->status, "node"), false);
	AUTO(freep) char *silence = printable_copy(top->silence, false);
	int x;

	mvprintw(0, 0, "%.20s   %s pps   %zu alarm%s%s", node ? node : "",
		 UNITS_COUNT(get_count(dataplane, "pps")), alarms, alarms == 1 ? "" : "s",
		 get_bool(top->status, "is_drained") ? "   DRAINED" : "");
	x = getcurx(stdscr) + 3;
	if (silence && *silence && x < COLS) {
		attron(attribute_of(STYLE_BAD));
		mvaddnstr(0, x, silence, COLS - x);
		attroff(attribute_of(STYLE_BAD));
	}
	move(1, 0);
	for (size_t i = 0; i < top->n_pages; i++) {
		static const char *const names[] = { "VIPs", "reals", "", "pool ", "why " };
		AUTO(freep) char *subject = printable_copy(top->pages[i].subject, false);

		printw("%s%s%.60s", i ? " > " : "", names[top->pages[i].kind],
		       subject ? subject : "");
	}
	if (top->filter[0] || top->is_typing)
		printw("   /%s%s", top->filter, top->is_typing ? "_" : "");
}

static void draw_foot(const struct top *top)
{
	static const char keys[] =
		"q quit  enter open  esc back  v VIPs  e reals  w why  s sort  r reverse  / filter";

	attron(A_DIM);
	mvaddnstr(LINES - 1, 0, keys, COLS - 1);
	attroff(A_DIM);
	if (top->n_rows == 0)
		mvaddstr(HEAD_LINES, 0,
			 top->filter[0] ? "nothing fits the filter" : "nothing here");
}

static void draw(struct top *top)
{
	struct page *page = page_of(top);
	size_t widths[COLUMNS_MAX],
		lines = LINES > HEAD_LINES + 2 ? (size_t)LINES - HEAD_LINES - 1 : 1;

	make_rows(top);
	if (page->selected < page->top)
		page->top = page->selected;
	if (page->selected >= page->top + lines)
		page->top = page->selected - lines + 1;
	measure(top, page->kind, widths);
	erase();
	draw_head(top);
	draw_titles(page, widths);
	for (size_t i = 0; i < lines && page->top + i < top->n_rows; i++)
		draw_row(top, HEAD_LINES + (int)i, &top->rows[page->top + i], widths, page->kind);
	draw_foot(top);
	refresh();
}

/* ---- keys ---- */

static void open_page(struct top *top, enum kind kind, const char *subject)
{
	struct page *page;

	if (top->n_pages == PAGES_MAX)
		return;
	page = &top->pages[top->n_pages++];
	*page = (struct page){ .kind = kind };
	snprintf(page->subject, sizeof(page->subject), "%s", subject);
	top->filter[0] = '\0';
	if (kind == PAGE_WHY)
		explain(top, subject);
}

static void start_with(struct top *top, enum kind kind)
{
	top->n_pages = 0;
	open_page(top, kind, "");
}

static void enter(struct top *top)
{
	static const enum kind behind[] = {
		[PAGE_VIPS] = PAGE_SERVICES, [PAGE_SERVICES] = PAGE_POOL, [PAGE_POOL] = PAGE_WHY,
		[PAGE_REALS] = PAGE_WHY,     [PAGE_WHY] = PAGE_WHY,
	};
	struct page *page = page_of(top);

	if (page->kind != PAGE_WHY && page->selected < top->n_rows)
		open_page(top, behind[page->kind], top->rows[page->selected].enter);
}

/* Why the selected row is as it is. */
static void ask_why(struct top *top)
{
	struct page *page = page_of(top);

	if (page->kind == PAGE_WHY || page->selected >= top->n_rows)
		return;
	open_page(top, PAGE_WHY,
		  page->kind == PAGE_SERVICES ? top->rows[page->selected].cells[0].text
					      : top->rows[page->selected].enter);
}

static void back(struct top *top)
{
	if (top->filter[0])
		top->filter[0] = '\0';
	else if (top->n_pages > 1)
		top->n_pages--;
}

static void type(struct top *top, int key)
{
	size_t len = strlen(top->filter);

	if (key == '\n' || key == '\r' || key == KEY_ENTER || key == 27) {
		top->is_typing = false;
		if (key == 27)
			top->filter[0] = '\0';
	} else if ((key == KEY_BACKSPACE || key == 127 || key == 8) && len > 0) {
		top->filter[len - 1] = '\0';
	} else if (key >= ' ' && key < 127 && len + 1 < FILTER_MAX) {
		top->filter[len] = (char)key;
		top->filter[len + 1] = '\0';
	}
}

static void move_by(struct top *top, long lines)
{
	struct page *page = page_of(top);
	long to = (long)page->selected + lines;

	page->selected = to < 0 ? 0 : (size_t)to;
}

static void next_sort(struct page *page)
{
	page->sort++;
	if (page->sort == COLUMNS_MAX || !layouts[page->kind].titles[page->sort])
		page->sort = 0;
}

static void press(struct top *top, int key)
{
	if (top->is_typing) {
		type(top, key);
		return;
	}
	switch (key) {
	case 'q':
		top->is_over = true;
		break;
	case KEY_UP:
	case 'k':
		move_by(top, -1);
		break;
	case KEY_DOWN:
	case 'j':
		move_by(top, 1);
		break;
	case KEY_PPAGE:
		move_by(top, -(LINES - HEAD_LINES - 1));
		break;
	case KEY_NPAGE:
		move_by(top, LINES - HEAD_LINES - 1);
		break;
	case '\n':
	case '\r':
	case KEY_ENTER:
	case KEY_RIGHT:
		enter(top);
		break;
	case 27:
	case KEY_LEFT:
	case KEY_BACKSPACE:
	case 127:
		back(top);
		break;
	case 'v':
		start_with(top, PAGE_VIPS);
		break;
	case 'e':
		start_with(top, PAGE_REALS);
		break;
	case 'w':
		ask_why(top);
		break;
	case 's':
		next_sort(page_of(top));
		break;
	case 'r':
		page_of(top)->is_reversed ^= true;
		break;
	case '/':
		top->is_typing = true;
		break;
	case 12: /* ^L */
		clearok(stdscr, TRUE);
		break;
	default:
		break;
	}
}

static void go_on(struct top *top)
{
	refresh_answers(top);
	while (!top->is_over) {
		usec_t now = usec_now(), due = usec_add(top->asked_at, top->every_us);
		int key;

		draw(top);
		timeout(due > now ? (int)((due - now) / USEC_PER_MSEC) + 1 : 0);
		key = getch();
		if (key != ERR)
			press(top, key);
		else
			refresh_answers(top);
	}
}

/* ---- the command ---- */

static const struct args_option top_options[] = {
	{ "every", "T", "how often shoald is asked, as 500ms; default: 2s" },
	{ .name = NULL },
};

static bool start_curses(void)
{
	set_escdelay(50);
	if (!newterm(NULL, stdout, stdin))
		return false;
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	curs_set(0);
	if (has_colors() && !getenv("NO_COLOR")) {
		start_color();
		use_default_colors();
		init_pair(1, COLOR_GREEN, -1);
		init_pair(2, COLOR_YELLOW, -1);
		init_pair(3, COLOR_RED, -1);
	}
	return true;
}

static void top_fini(struct top *top)
{
	json_decref(top->status);
	json_decref(top->vips);
	json_decref(top->reals);
	json_decref(top->vips_before);
	json_decref(top->reals_before);
	free(top->why);
	free(top->rows);
}

static int read_every(const struct cli *cli, usec_t *ret, struct err *err)
{
	const char *text = args_value(&cli->args, "every");

	*ret = INTERVAL_US;
	if (text && units_parse_duration(text, ret, err) < 0)
		return err_prefix(err, -EINVAL, "--every");
	if (*ret < LEAST_US || *ret > 3600 * USEC_PER_SEC)
		return err_set(err, -EINVAL, "--every: from 200ms to 1h");
	return 0;
}

static enum ctl_exit run_top(struct cli *cli, const struct cli_command *command)
{
	struct top top = { .cli = cli };
	json_t *status = NULL, *args;
	enum ctl_exit first;
	struct err err = { 0 };

	if (cli->args.n_words > 0 || read_every(cli, &top.every_us, &err) < 0)
		return cli_fail(cli, CTL_USAGE, "top: %s; see 'shoal help %s'",
				*err.text ? err.text : "takes no word", command->name);
	if (cli->is_json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return cli_fail(cli, CTL_USAGE,
				"top: needs a terminal; for a program there is "
				"'shoal status --watch --json'");
	/* Before the screen is taken: how to start it is said where it stays. */
	args = json_pack("{s:b}", "brief", 1);
	first = cli_ask(cli, cli_find("status", &err), args, &status, &err);
	json_decref(args);
	json_decref(status);
	if (first != CTL_DONE)
		return cli_fail(cli, first, "top: %s", err.text);
	if (!start_curses())
		return cli_fail(cli, CTL_FAILED, "top: the terminal '%s' is not known",
				getenv("TERM") ?: "");
	start_with(&top, PAGE_VIPS);
	go_on(&top);
	endwin();
	top_fini(&top);
	return CTL_DONE;
}

const struct cli_behaviour cli_top = {
	.about = "VIPs with their state and rates, drawn anew every two seconds. Enter opens what "
		 "is\n"
		 "selected: a VIP's services, the reals of a service's pool, why a real is as it "
		 "is;\n"
		 "esc goes back. v: VIPs, e: all reals, w: why the row is so, s: sort by the next\n"
		 "column, r: the other way round, /: only rows with a text, q: quit.\n",
	.options = top_options,
	.run = run_top,
};
