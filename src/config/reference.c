/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference.c - the reference page of all keys, from the schema: Markdown and roff.
 *
 * One walk over the schema, two sets of marks. The texts of the schema are plain; each form
 * escapes what it has to.
 */
#include <stdlib.h>
#include <string.h>

#include "src/config/arena.h"
#include "src/config/config.h"
#include "src/config/schema.h"
#include "src/config/value.h"

struct writer {
	FILE *out;
	enum config_reference form;
	jmp_buf oom;
	struct arena *arena;
};

/* ---- marks ---- */

static void write_escaped(const struct writer *w, const char *text)
{
	bool at_start = true;

	for (; *text; at_start = *text == '\n', text++) {
		if (w->form == CONFIG_REFERENCE_MARKDOWN)
			fputs(*text == '|' ? "\\|" : (char[2]){ *text, '\0' }, w->out);
		else if (*text == '\\')
			fputs("\\e", w->out);
		else if (*text == '-')
			fputs("\\-", w->out);
		else if (*text == '`')
			fputs("", w->out);
		else if (at_start && (*text == '.' || *text == '\''))
			fprintf(w->out, "\\&%c", *text);
		else
			fputc(*text, w->out);
	}
}

static void write_heading(const struct writer *w, const char *text)
{
	fputs(w->form == CONFIG_REFERENCE_MARKDOWN ? "\n## " : ".SH ", w->out);
	write_escaped(w, text);
	fputs("\n", w->out);
}

static void write_paragraph(const struct writer *w, const char *text)
{
	fputs(w->form == CONFIG_REFERENCE_MARKDOWN ? "\n" : ".PP\n", w->out);
	write_escaped(w, text);
	fputs("\n", w->out);
}

static void write_preformatted(const struct writer *w, const char *text)
{
	fputs(w->form == CONFIG_REFERENCE_MARKDOWN ? "\n```yaml\n" : ".PP\n.nf\n.RS\n", w->out);
	if (w->form == CONFIG_REFERENCE_MARKDOWN)
		fputs(text, w->out);
	else
		write_escaped(w, text);
	fputs(w->form == CONFIG_REFERENCE_MARKDOWN ? "```\n" : ".RE\n.fi\n", w->out);
}

static void begin_table(const struct writer *w, const char *head, const char *rule)
{
	if (w->form == CONFIG_REFERENCE_MARKDOWN)
		fprintf(w->out, "\n%s\n%s\n", head, rule);
}

/* ---- rows ---- */

static const char *type_of(const struct writer *w, const struct schema_row *row)
{
	struct text text = { .arena = w->arena };

	schema_print_type(row, &text);
	return text.bytes;
}

static const char *default_of(const struct schema_row *row)
{
	if (row->fallback)
		return *row->fallback ? row->fallback : "[]";
	if (row->unset)
		return row->unset;
	if (row->flags & ROW_REQUIRED)
		return "required";
	if (row->flags & ROW_REQUIRED_BY_NODE)
		return "required by shoald";
	return row->form == ROW_SPECIAL && row->special == &special_floor ? "none" : "";
}

/* "https, tls": the variants that have a key. */
static const char *variants_of(const struct writer *w, const struct schema *schema,
			       const struct schema_row *row)
{
	struct text text = { .arena = w->arena };

	text_add(&text, "%s", "");
	for (const struct value_word *v = schema->variant_words; v && v->word && row->variants; v++)
		if (row->variants & (1U << v->value))
			text_add(&text, "%s%s", text.len ? ", " : "", v->word);
	return text.bytes;
}

static void write_meaning(const struct writer *w, const struct schema *schema,
			  const struct schema_row *row, unsigned flags)
{
	const char *variants = variants_of(w, schema, row);

	write_escaped(w, row->meaning);
	if (*variants) {
		fputs(" Only for ", w->out);
		write_escaped(w, variants);
		fputs(".", w->out);
	}
	if ((row->flags | flags) & ROW_NOT_CARRIED_OUT)
		fputs(w->form == CONFIG_REFERENCE_MARKDOWN
			      ? " *Read but not carried out by this version.*"
			      : " \\fIRead but not carried out by this version.\\fP",
		      w->out);
}

static void write_row(const struct writer *w, const struct schema *schema,
		      const struct schema_row *row, const char *prefix, unsigned flags)
{
	if (w->form == CONFIG_REFERENCE_MARKDOWN) {
		fprintf(w->out, "| `%s%s` | ", prefix, row->key);
		write_escaped(w, type_of(w, row));
		fprintf(w->out, " | %s | ", default_of(row));
		write_meaning(w, schema, row, flags);
		fputs(" |\n", w->out);
		return;
	}
	fputs(".TP\n\\fB", w->out);
	write_escaped(w, prefix);
	write_escaped(w, row->key);
	fputs("\\fP: ", w->out);
	write_escaped(w, type_of(w, row));
	if (*default_of(row)) {
		fputs(" (", w->out);
		write_escaped(w, default_of(row));
		fputs(")", w->out);
	}
	fputs("\n", w->out);
	write_meaning(w, schema, row, flags);
	fputs("\n", w->out);
}

/* Rows that hold other mappings are described under a heading of their own. */
static bool has_own_heading(const struct schema_row *row)
{
	return row->form == ROW_OBJECTS || row->form == ROW_LINES || (row->flags & ROW_BLOCK);
}

/* flags: those of the sections around the rows. */
static void write_rows(const struct writer *w, const struct schema *schema, const char *prefix,
		       unsigned flags)
{
	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct schema_row *row = &schema->rows[i];
		struct text inner = { .arena = w->arena };

		if (has_own_heading(row))
			continue;
		if (row->form != ROW_SECTION) {
			write_row(w, schema, row, prefix, flags);
			continue;
		}
		text_add(&inner, "%s%s.", prefix, row->key);
		write_rows(w, row->schema, inner.bytes, flags | row->flags);
	}
}

/* ---- schemas ---- */

static void write_schema(const struct writer *w, const struct schema *schema, const char *path,
			 unsigned flags)
{
	write_heading(w, path);
	write_paragraph(w, schema->meaning);
	begin_table(w, "| key | holds | default | meaning |", "|---|---|---|---|");
	write_rows(w, schema, "", flags);
}

static void write_schemas(const struct writer *w, const struct schema *schema, const char *path)
{
	for (size_t i = 0; i < schema->n_rows; i++) {
		const struct schema_row *row = &schema->rows[i];
		struct text inner = { .arena = w->arena };

		if (!has_own_heading(row) && schema != &schema_top)
			continue;
		text_add(&inner, "%s%s%s", path, row->key,
			 row->form == ROW_OBJECTS ? ".NAME"
			 : row->form == ROW_LINES ? "[]"
						  : "");
		write_schema(w, row->schema, inner.bytes, row->flags);
		text_add(&inner, ".");
		write_schemas(w, row->schema, inner.bytes);
	}
}

static void write_types(const struct writer *w)
{
	write_heading(w, "Values");
	write_paragraph(w,
			"Every value is read as what its key holds: quotes make no difference, and "
			"a word like no is a word. Where a list stands, one value alone is a list "
			"of one. An IPv6 address or anything with a colon is best quoted.");
	begin_table(w, "| value | is written as |", "|---|---|");
	for (enum value_type type = 0; type < VALUE_TYPE_MAX; type++) {
		const struct value_kind *kind = value_kind(type);

		if (type == VALUE_ENUM)
			continue;
		if (w->form == CONFIG_REFERENCE_MARKDOWN)
			fprintf(w->out, "| %s | %s |\n", kind->word, kind->written);
		else
			fprintf(w->out, ".TP\n\\fB%s\\fP\n", kind->word);
		if (w->form == CONFIG_REFERENCE_ROFF) {
			write_escaped(w, kind->written);
			fputs("\n", w->out);
		}
	}
}

/* ---- the page ---- */

static const char example[] =
	"node: {name: lb1, uplinks: [eth0]}\n"
	"routing:\n"
	"  local-as: 65010\n"
	"  vip-ranges: [203.0.113.0/24]\n"
	"  peers: {tor1: 10.0.2.1}\n"
	"checks:\n"
	"  http-ok: {type: http, path: /healthz}\n"
	"pools:\n"
	"  web:\n"
	"    check: http-ok\n"
	"    reals: {web1: 10.1.0.11, web2: {address: 10.1.0.12, weight: 2}}\n"
	"vips:\n"
	"  www:\n"
	"    address: 203.0.113.10\n"
	"    services:\n"
	"      - {tcp: [80, 443], pool: web}\n";

static void write_front(const struct writer *w)
{
	if (w->form == CONFIG_REFERENCE_MARKDOWN) {
		fputs("# Configuration reference\n\n", w->out);
		fputs("<!-- Written by `config-reference --markdown` from src/config/schema.c; "
		      "change it there. -->\n",
		      w->out);
	} else {
		fputs(".\\\" Written by config-reference --roff from src/config/schema.c.\n"
		      ".TH SHOAL.YAML 5 \"\" \"shoal " SHOAL_VERSION "\"\n"
		      ".SH NAME\nshoal.yaml \\- configuration of the Shoal load balancer\n"
		      ".SH DESCRIPTION\n",
		      w->out);
	}
	write_paragraph(
		w, "One file, by default /etc/shoal/shoal.yaml, in YAML or JSON, of at most "
		   "16 MiB. Anchors, aliases and tags are not used. `shoal check FILE` reads it "
		   "and says what is wrong with it; `shoal reload` goes over to it. A bad file "
		   "leaves the running configuration untouched.");
	write_preformatted(w, example);
	write_paragraph(
		w, "Names are 1 to 63 letters, digits, dots, underscores and dashes. They are "
		   "for people: running state belongs to addresses and survives a renaming. The "
		   "order of keys does not matter, and a thing may be named before it is "
		   "described. Unknown keys are errors. Secrets are only read from files that "
		   "are named here.");
}

static void write_all(struct writer *w)
{
	if (setjmp(w->oom))
		return;
	write_front(w);
	write_schemas(w, &schema_top, "");
	write_types(w);
}

void config_write_reference(FILE *out, enum config_reference form)
{
	struct writer *w = calloc(1, sizeof(*w));

	if (!w)
		return;
	w->out = out;
	w->form = form;
	w->arena = arena_new(&w->oom);
	if (w->arena)
		write_all(w);
	arena_free(w->arena);
	free(w);
}
