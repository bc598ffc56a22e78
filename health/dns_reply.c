/* SPDX-License-Identifier: Apache-2.0 */
#include "health/dns_reply.h"

#include <ares.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "src/base/addr.h"
#include "src/config/config.h"

#define HEADER_LEN 12
#define FIXED_LEN  10 /* type, class, TTL, length of a record */
#define CLASS_IN   1
#define IS_REPLY   0x8000
#define OPCODE     0x7800
#define IS_CUT     0x0200
#define RCODE      0x000f
#define LABEL_KIND 0xc0

/* What a record's data consists of, field by field. */
enum field {
	FIELD_END,
	FIELD_IPV4,
	FIELD_IPV6,
	FIELD_NAME,
	FIELD_INT8,
	FIELD_INT16,
	FIELD_INT32,
	FIELD_TAG,     /* a length and letters */
	FIELD_STRINGS, /* lengths and bytes, to the end */
	FIELD_REST,    /* one string to the end */
};

#define FIELDS_MAX 8

static const struct layout {
	uint16_t record;
	enum field fields[FIELDS_MAX];
} layouts[] = {
	{ CONFIG_RECORD_A, { FIELD_IPV4 } },
	{ CONFIG_RECORD_AAAA, { FIELD_IPV6 } },
	{ CONFIG_RECORD_NS, { FIELD_NAME } },
	{ CONFIG_RECORD_CNAME, { FIELD_NAME } },
	{ CONFIG_RECORD_PTR, { FIELD_NAME } },
	{ CONFIG_RECORD_MX, { FIELD_INT16, FIELD_NAME } },
	{ CONFIG_RECORD_TXT, { FIELD_STRINGS } },
	{ CONFIG_RECORD_SRV, { FIELD_INT16, FIELD_INT16, FIELD_INT16, FIELD_NAME } },
	{ CONFIG_RECORD_CAA, { FIELD_INT8, FIELD_TAG, FIELD_REST } },
	{ CONFIG_RECORD_SOA,
	  { FIELD_NAME, FIELD_NAME, FIELD_INT32, FIELD_INT32, FIELD_INT32, FIELD_INT32,
	    FIELD_INT32 } },
};

static const enum field *fields_of(uint16_t record)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
		if (layouts[i].record == record)
			return layouts[i].fields;
	return NULL;
}

/* ---- writing, cut at the end of the room ---- */

struct out {
	char *text;
	size_t len;
};

static void put_char(struct out *out, char c)
{
	if (out->len + 1 < DNS_TEXT_MAX)
		out->text[out->len++] = c;
	out->text[out->len] = '\0';
}

static void put_text(struct out *out, const char *text)
{
	for (; *text; text++)
		put_char(out, *text);
}

static void put_space(struct out *out)
{
	if (out->len > 0)
		put_char(out, ' ');
}

static void put_number(struct out *out, uint32_t number)
{
	char text[16];

	snprintf(text, sizeof(text), "%" PRIu32, number);
	put_text(out, text);
}

/* Whether an odd number of backslashes stands before the end. */
static bool ends_in_escape(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[len - 1 - n] == '\\')
		n++;
	return n % 2 == 1;
}

static bool has_last_dot(const char *name, size_t len)
{
	return len > 0 && name[len - 1] == '.' && !ends_in_escape(name, len - 1);
}

/* Lower case, with its dot at the end. */
static void put_name(struct out *out, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		put_char(out, (char)tolower((unsigned char)name[i]));
	if (!has_last_dot(name, len))
		put_char(out, '.');
}

static void put_byte(struct out *out, uint8_t byte)
{
	char text[8];

	if (byte == '"' || byte == '\\')
		snprintf(text, sizeof(text), "\\%c", byte);
	else if (byte < 0x20 || byte > 0x7e)
		snprintf(text, sizeof(text), "\\%03u", byte);
	else
		snprintf(text, sizeof(text), "%c", byte);
	put_text(out, text);
}

static void put_string(struct out *out, const uint8_t *bytes, size_t len)
{
	put_char(out, '"');
	for (size_t i = 0; i < len; i++)
		put_byte(out, bytes[i]);
	put_char(out, '"');
}

/* ---- a packet ---- */

struct cursor {
	const uint8_t *packet;
	size_t at, end; /* end: of what may be read now */
	size_t len;     /* of the packet */
};

static bool has(const struct cursor *c, size_t n)
{
	return c->end - c->at >= n;
}

static uint32_t read_int(struct cursor *c, size_t width)
{
	uint32_t value = 0;

	for (size_t i = 0; i < width; i++)
		value = value << 8 | c->packet[c->at++];
	return value;
}

/* Past a name without looking at what a pointer leads to. */
static bool skip_name(struct cursor *c)
{
	while (has(c, 1)) {
		uint8_t label = c->packet[c->at++];

		if (label == 0)
			return true;
		if ((label & LABEL_KIND) == LABEL_KIND)
			return has(c, 1) && ++c->at;
		if ((label & LABEL_KIND) != 0 || !has(c, label))
			return false;
		c->at += label;
	}
	return false;
}

/* The name at the cursor, to be freed with ares_free_string(); NULL: there is none. */
static char *read_name(struct cursor *c)
{
	char *name = NULL;
	long used = 0;

	if (!has(c, 1) || ares_expand_name(c->packet + c->at, c->packet, (int)c->len, &name,
					   &used) != ARES_SUCCESS)
		return NULL;
	if (used < 0 || !has(c, (size_t)used)) {
		ares_free_string(name);
		return NULL;
	}
	c->at += (size_t)used;
	return name;
}

static bool print_name(struct cursor *c, struct out *out)
{
	char *name = read_name(c);

	if (!name)
		return false;
	put_name(out, name);
	ares_free_string(name);
	return true;
}

static bool print_address(struct cursor *c, size_t len, struct out *out)
{
	struct addr addr = { .bytes = { [10] = 0xff, [11] = 0xff } };

	if (!has(c, len))
		return false;
	memcpy(addr.bytes + sizeof(addr.bytes) - len, c->packet + c->at, len);
	c->at += len;
	put_text(out, ADDR_STR(&addr));
	return true;
}

static bool print_number(struct cursor *c, size_t width, struct out *out)
{
	if (!has(c, width))
		return false;
	put_number(out, read_int(c, width));
	return true;
}

static bool print_tag(struct cursor *c, struct out *out)
{
	size_t len = has(c, 1) ? read_int(c, 1) : 0;

	if (len == 0 || !has(c, len))
		return false;
	for (size_t i = 0; i < len; i++)
		put_char(out, (char)tolower(c->packet[c->at + i]));
	c->at += len;
	return true;
}

static bool print_strings(struct cursor *c, struct out *out)
{
	while (has(c, 1)) {
		size_t len = read_int(c, 1);

		if (!has(c, len))
			return false;
		put_space(out);
		put_string(out, c->packet + c->at, len);
		c->at += len;
	}
	return true;
}

static bool print_rest(struct cursor *c, struct out *out)
{
	put_string(out, c->packet + c->at, c->end - c->at);
	c->at = c->end;
	return true;
}

static bool print_field(struct cursor *c, enum field field, struct out *out)
{
	if (field != FIELD_STRINGS)
		put_space(out);
	switch (field) {
	case FIELD_IPV4:
		return print_address(c, 4, out);
	case FIELD_IPV6:
		return print_address(c, 16, out);
	case FIELD_NAME:
		return print_name(c, out);
	case FIELD_INT8:
		return print_number(c, 1, out);
	case FIELD_INT16:
		return print_number(c, 2, out);
	case FIELD_INT32:
		return print_number(c, 4, out);
	case FIELD_TAG:
		return print_tag(c, out);
	case FIELD_STRINGS:
		return print_strings(c, out);
	case FIELD_REST:
		return print_rest(c, out);
	case FIELD_END:
		break;
	}
	return true;
}

/* The data of one record, which is all of it from the cursor to its end. */
static bool print_record(struct cursor *c, const enum field *fields, char text[DNS_TEXT_MAX])
{
	struct out out = { .text = text };

	text[0] = '\0';
	for (size_t i = 0; fields[i] != FIELD_END; i++)
		if (!print_field(c, fields[i], &out))
			return false;
	return c->at == c->end;
}

/* ---- the sections ---- */

static bool is_same_name(const char *a, const char *b)
{
	size_t len = strlen(b);

	if (len > 0 && b[len - 1] == '.')
		len--;
	return strlen(a) == len && strncasecmp(a, b, len) == 0;
}

static enum dns_fault read_question(struct cursor *c, const struct dns_question *question)
{
	char *name = read_name(c);
	bool is_same = name && is_same_name(name, question->name);

	ares_free_string(name);
	if (!name || !has(c, 4))
		return DNS_MALFORMED;
	is_same &= read_int(c, 2) == question->record;
	is_same &= read_int(c, 2) == CLASS_IN;
	return is_same ? DNS_FINE : DNS_OTHER_QUESTION;
}

struct taker {
	const struct dns_question *question;
	void (*take)(const char *text, void *arg);
	void *arg;
};

/* One record: false when it is malformed. */
static bool read_record(struct cursor *c, const struct taker *taker, unsigned *n_records)
{
	const enum field *fields = fields_of(taker->question->record);
	char text[DNS_TEXT_MAX];
	uint32_t type, class;
	size_t len, end = c->end;
	bool is_good = true;

	if (!skip_name(c) || !has(c, FIXED_LEN))
		return false;
	type = read_int(c, 2);
	class = read_int(c, 2);
	read_int(c, 4);
	len = read_int(c, 2);
	if (!has(c, len))
		return false;
	c->end = c->at + len;
	if (type == taker->question->record && class == CLASS_IN && fields) {
		is_good = print_record(c, fields, text);
		*n_records += is_good;
		if (is_good)
			taker->take(text, taker->arg);
	}
	c->at = c->end;
	c->end = end;
	return is_good;
}

static bool read_records(struct cursor *c, const struct taker *taker, unsigned n,
			 struct dns_reply *ret)
{
	for (unsigned i = 0; i < n && i < DNS_RECORDS_MAX; i++)
		if (!read_record(c, taker, &ret->n_records))
			return ret->is_truncated; /* cut in the middle */
	return true;
}

enum dns_fault dns_reply_read(const uint8_t *bytes, size_t len, const struct dns_question *question,
			      void (*take)(const char *text, void *arg), void *arg,
			      struct dns_reply *ret)
{
	struct cursor c = { .packet = bytes, .end = len, .len = len };
	struct taker taker = { question, take, arg };
	uint32_t flags, n_questions, n_answers;

	if (len < HEADER_LEN)
		return DNS_MALFORMED;
	if (read_int(&c, 2) != question->id)
		return DNS_OTHER_ID;
	flags = read_int(&c, 2);
	n_questions = read_int(&c, 2);
	n_answers = read_int(&c, 2);
	c.at = HEADER_LEN;
	if (!(flags & IS_REPLY))
		return DNS_NO_REPLY;
	*ret = (struct dns_reply){ .rcode = flags & RCODE, .is_truncated = flags & IS_CUT };
	if ((flags & OPCODE) || n_questions > 1)
		return DNS_MALFORMED;
	/* Who cannot read a question need not repeat it. */
	if (n_questions == 0)
		return ret->rcode != 0 ? DNS_FINE : DNS_MALFORMED;
	switch (read_question(&c, question)) {
	case DNS_FINE:
		return read_records(&c, &taker, n_answers, ret) ? DNS_FINE : DNS_MALFORMED;
	case DNS_OTHER_QUESTION:
		return DNS_OTHER_QUESTION;
	case DNS_OTHER_ID:
	case DNS_NO_REPLY:
	case DNS_MALFORMED:
		break;
	}
	return DNS_MALFORMED;
}

/* ---- what somebody wrote ---- */

/* The next word, quoted or not, into bytes; returns its length, -1: none, or it has no end. */
static int next_word(const char **text, uint8_t bytes[DNS_TEXT_MAX], bool *ret_is_quoted)
{
	const char *p = *text + strspn(*text, " \t");
	const bool is_quoted = *p == '"';
	const char *ends = is_quoted ? "\"" : " \t";
	int n = 0;

	*ret_is_quoted = is_quoted;
	if (*p == '\0')
		return -1;
	for (p += is_quoted; *p && !strchr(ends, *p); p++) {
		unsigned byte = (uint8_t)*p;

		if (n == DNS_TEXT_MAX - 1)
			return -1;
		if (*p == '\\' && sscanf(p + 1, "%3u", &byte) == 1 && isdigit((uint8_t)p[1]) &&
		    isdigit((uint8_t)p[2]) && isdigit((uint8_t)p[3]) && byte < 256)
			p += 3;
		else if (*p == '\\' && p[1])
			byte = (uint8_t) * ++p;
		bytes[n++] = (uint8_t)byte;
	}
	if (is_quoted && *p++ != '"')
		return -1;
	*text = p;
	return n;
}

/* A word as it stands: names keep their escapes. */
static bool plain_word(const char **text, char word[DNS_TEXT_MAX])
{
	const char *p = *text + strspn(*text, " \t");
	size_t len = strcspn(p, " \t");

	if (len == 0 || len >= DNS_TEXT_MAX)
		return false;
	memcpy(word, p, len);
	word[len] = '\0';
	*text = p + len;
	return true;
}

static bool take_number(const char *word, enum field field, struct out *out)
{
	uint64_t max = field == FIELD_INT8    ? UINT8_MAX
		       : field == FIELD_INT16 ? UINT16_MAX
					      : UINT32_MAX;
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(word, &end, 10);
	if (!isdigit((uint8_t)word[0]) || *end || errno || value > max)
		return false;
	put_number(out, (uint32_t)value);
	return true;
}

static bool take_address(const char *word, bool is_ipv4, struct out *out)
{
	struct addr addr;

	if (addr_parse(word, &addr) < 0 || addr_is_ipv4(&addr) != is_ipv4)
		return false;
	put_text(out, ADDR_STR(&addr));
	return true;
}

static bool take_strings(const char **text, bool only_one, struct out *out)
{
	uint8_t bytes[DNS_TEXT_MAX];
	bool is_quoted;
	int n = next_word(text, bytes, &is_quoted);

	if (n < 0)
		return false;
	for (; n >= 0; n = only_one ? -1 : next_word(text, bytes, &is_quoted)) {
		if (!only_one)
			put_space(out);
		put_string(out, bytes, (size_t)n);
	}
	return true;
}

static bool take_field(const char **text, enum field field, struct out *out)
{
	char word[DNS_TEXT_MAX];

	if (field == FIELD_STRINGS)
		return take_strings(text, false, out);
	put_space(out);
	if (field == FIELD_REST)
		return take_strings(text, true, out);
	if (!plain_word(text, word) || ends_in_escape(word, strlen(word)))
		return false;
	if (field == FIELD_NAME)
		put_name(out, word);
	else if (field == FIELD_IPV4 || field == FIELD_IPV6)
		return take_address(word, field == FIELD_IPV4, out);
	else if (field == FIELD_TAG)
		for (const char *p = word; *p; p++)
			put_char(out, (char)tolower((uint8_t)*p));
	else
		return take_number(word, field, out);
	return true;
}

/* One string unless it is written as several: the YAML around it takes quotes away. */
static bool take_txt(const char *text, struct out *out)
{
	const char *p = text + strspn(text, " \t");

	if (*p == '"' && take_strings(&p, false, out) && p[strspn(p, " \t")] == '\0')
		return true;
	out->len = 0;
	put_string(out, (const uint8_t *)text, strlen(text));
	return true;
}

bool dns_text_canonical(uint16_t record, const char *text, char ret[DNS_TEXT_MAX])
{
	const enum field *fields = fields_of(record);
	struct out out = { .text = ret };

	ret[0] = '\0';
	if (record == CONFIG_RECORD_TXT)
		return take_txt(text, &out);
	for (size_t i = 0; fields && fields[i] != FIELD_END; i++)
		if (!take_field(&text, fields[i], &out))
			return false;
	return fields && text[strspn(text, " \t")] == '\0';
}
