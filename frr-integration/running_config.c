/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/running_config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 128

const char *running_after(const char *text, const char *words)
{
	size_t len = strlen(words);

	if (strncmp(text, words, len) != 0)
		return NULL;
	if (text[len] == '\0')
		return text + len;
	return text[len] == ' ' ? text + len + 1 : NULL;
}

/* ---- lines ---- */

/* Words that open something at the top of a file, and close what was not closed by exit. */
static bool is_top_level(const char *text)
{
	static const char *const words[] = {
		"router", "route-map", "ip",  "ipv6", "interface", "bfd",
		"vrf",    "line",      "log", "frr",  "hostname",  "service",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (running_after(text, words[i]))
			return true;
	return false;
}

/* Where the lines behind a top-level line stand. */
static enum running_section opened_by(const char *text)
{
	const char *router = running_after(text, "router bgp");

	if (router && !strstr(router, " vrf ") && !strstr(router, " view "))
		return RUNNING_BGP;
	if (running_after(text, "route-map"))
		return RUNNING_MAP;
	if (running_after(text, "router") || running_after(text, "interface") ||
	    running_after(text, "bfd") || running_after(text, "vrf") || running_after(text, "line"))
		return RUNNING_OTHER;
	return RUNNING_TOP;
}

static bool is_in_bgp(enum running_section section)
{
	return section == RUNNING_BGP || section == RUNNING_IPV4 || section == RUNNING_IPV6;
}

static enum running_section family_opened_by(const char *text)
{
	const char *family = running_after(text, "address-family");

	if (strcmp(family, "ipv4 unicast") == 0 || strcmp(family, "ipv4") == 0)
		return RUNNING_IPV4;
	if (strcmp(family, "ipv6 unicast") == 0 || strcmp(family, "ipv6") == 0)
		return RUNNING_IPV6;
	return RUNNING_OTHER;
}

struct reader {
	struct running_config *config;
	enum running_section section;
	bool is_foreign_family; /* inside one of BGP's that we do not look at */
	size_t head;
	size_t head_indent; /* of the head's line */
};

static void add_line(struct reader *reader, const char *text)
{
	struct running_config *config = reader->config;

	config->lines[config->n_lines++] = (struct running_line){
		.section = reader->section,
		.text = text,
		.head = reader->head,
	};
}

/* An exit that stands deeper than the head ends a node within, as segment-routing of BGP is. */
static bool is_exit_within(const struct reader *reader, size_t indent)
{
	return reader->section != RUNNING_TOP && indent > reader->head_indent;
}

static void take_line(struct reader *reader, const char *text, size_t indent)
{
	if (strcmp(text, "exit-address-family") == 0) {
		if (is_in_bgp(reader->section) || reader->is_foreign_family)
			reader->section = RUNNING_BGP;
		reader->is_foreign_family = false;
	} else if (strcmp(text, "exit") == 0 || strcmp(text, "end") == 0) {
		if (!is_exit_within(reader, indent))
			reader->section = RUNNING_TOP;
	} else if (is_in_bgp(reader->section) && running_after(text, "address-family")) {
		reader->section = family_opened_by(text);
		reader->is_foreign_family = reader->section == RUNNING_OTHER;
	} else if (reader->section == RUNNING_TOP || is_top_level(text)) {
		reader->section = RUNNING_TOP;
		reader->head = reader->config->n_lines;
		reader->head_indent = indent;
		add_line(reader, text);
		reader->section = opened_by(text);
	} else {
		add_line(reader, text);
	}
}

static size_t count_lines(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void trim(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
}

int running_config_parse(const char *text, struct running_config *ret, struct err *err)
{
	struct running_config config = { .text = strdup(text) };
	struct reader reader = { .config = &config };
	char *save = NULL;

	config.lines = calloc(count_lines(text), sizeof(config.lines[0]));
	if (!config.text || !config.lines) {
		running_config_fini(&config);
		return err_set(err, -ENOMEM, "configuration: %m");
	}
	for (char *line = strtok_r(config.text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		size_t indent = strspn(line, " \t");

		line += indent;
		trim(line);
		if (*line && *line != '!' && *line != '#')
			take_line(&reader, line, indent);
	}
	*ret = config;
	return 0;
}

void running_config_fini(struct running_config *config)
{
	/* Lines were cut in place: wipe by them, the text has NULs in it. */
	for (size_t i = 0; i < config->n_lines; i++) {
		char *line = config->text + (config->lines[i].text - config->text);

		explicit_bzero(line, strlen(line));
	}
	free(config->text);
	free(config->lines);
	memset(config, 0, sizeof(*config));
}

const char *running_find(const struct running_config *config, enum running_section section,
			 const char *words)
{
	for (size_t i = 0; i < config->n_lines; i++) {
		const char *rest = config->lines[i].section == section
					   ? running_after(config->lines[i].text, words)
					   : NULL;

		if (rest)
			return rest;
	}
	return NULL;
}

const char *running_instance(const struct running_config *config)
{
	for (size_t i = 0; i < config->n_lines; i++)
		if (config->lines[i].section == RUNNING_TOP &&
		    opened_by(config->lines[i].text) == RUNNING_BGP)
			return running_after(config->lines[i].text, "router bgp");
	return NULL;
}

/* ---- neighbours ---- */

/* `neighbor KEY ...` without these words; `interface` and `v6only` are no news of an interface. */
static const char *after_neighbour(const char *text, const char *key)
{
	const char *rest = running_after(text, "neighbor");
	const char *inner;

	rest = rest ? running_after(rest, key) : NULL;
	inner = rest ? running_after(rest, "interface") : NULL;
	if (!inner)
		return rest;
	rest = running_after(inner, "v6only");
	return rest ? rest : inner;
}

/* running_after(), where "#" at the end of words stands for what begins with a digit. */
static const char *after_words(const char *text, const char *words)
{
	size_t len = strlen(words);

	if (len == 0 || words[len - 1] != '#')
		return running_after(text, words);
	if (strncmp(text, words, len - 1) != 0 || !isdigit((unsigned char)text[len - 1]))
		return NULL;
	return text + len - 1;
}

/* The neighbour's own line; *ret_no when it is one that says no. */
static const char *own_line(const struct running_config *config, enum running_section section,
			    const char *key, const char *words, bool *ret_no)
{
	*ret_no = false;
	for (size_t i = 0; i < config->n_lines; i++) {
		const char *text = config->lines[i].text, *rest, *no;

		if (config->lines[i].section != section)
			continue;
		no = running_after(text, "no");
		rest = after_neighbour(no ? no : text, key);
		rest = rest ? after_words(rest, words) : NULL;
		if (!rest)
			continue;
		*ret_no = no != NULL;
		return rest;
	}
	return NULL;
}

static bool group_of(const struct running_config *config, const char *key, char group[WORD_MAX])
{
	bool is_no;
	const char *name = own_line(config, RUNNING_BGP, key, "peer-group", &is_no);

	if (!name || !*name || is_no)
		return false;
	snprintf(group, WORD_MAX, "%.*s", (int)strcspn(name, " "), name);
	return true;
}

bool running_has_neighbour(const struct running_config *config, const char *key)
{
	bool is_no;

	return own_line(config, RUNNING_BGP, key, "remote-as", &is_no) ||
	       own_line(config, RUNNING_BGP, key, "peer-group", &is_no);
}

const char *running_neighbour(const struct running_config *config, enum running_section section,
			      const char *key, const char *words)
{
	char group[WORD_MAX];
	bool is_no;
	const char *rest = own_line(config, section, key, words, &is_no);

	if (!rest && group_of(config, key, group))
		rest = own_line(config, section, group, words, &is_no);
	return is_no ? NULL : rest;
}

bool running_is_activated(const struct running_config *config, bool is_v6, const char *key)
{
	char group[WORD_MAX];
	bool is_no;
	const char *rest = own_line(config, running_family(is_v6), key, "activate", &is_no);

	if (!rest && group_of(config, key, group))
		rest = own_line(config, running_family(is_v6), group, "activate", &is_no);
	if (rest)
		return !is_no;
	if (is_v6)
		return running_find(config, RUNNING_BGP, "bgp default ipv6-unicast");
	return !running_find(config, RUNNING_BGP, "no bgp default ipv4-unicast");
}

/* A filter of the neighbour or group itself: KIND NAME DIRECTION. */
static bool own_filter(const struct running_config *config, bool is_v6, const char *key,
		       const char *kind, const char *direction, char *buf, size_t size)
{
	for (size_t i = 0; i < config->n_lines; i++) {
		const char *rest, *way;

		if (config->lines[i].section != running_family(is_v6))
			continue;
		rest = after_neighbour(config->lines[i].text, key);
		rest = rest ? running_after(rest, kind) : NULL;
		way = rest ? strrchr(rest, ' ') : NULL;
		if (!way || strcmp(way + 1, direction) != 0)
			continue;
		snprintf(buf, size, "%.*s", (int)(way - rest), rest);
		return true;
	}
	return false;
}

bool running_filter(const struct running_config *config, bool is_v6, const char *key,
		    const char *kind, const char *direction, char *buf, size_t size)
{
	char group[WORD_MAX];

	if (own_filter(config, is_v6, key, kind, direction, buf, size))
		return true;
	return group_of(config, key, group) &&
	       own_filter(config, is_v6, group, kind, direction, buf, size);
}

/* A line that makes a neighbour, not one that makes a group or sets something. */
static bool makes_neighbour(const char *text, char key[WORD_MAX])
{
	const char *rest = running_after(text, "neighbor"), *more;

	if (!rest)
		return false;
	snprintf(key, WORD_MAX, "%.*s", (int)strcspn(rest, " "), rest);
	more = after_neighbour(text, key);
	if (!more)
		return false;
	if (running_after(more, "remote-as"))
		return true;
	more = running_after(more, "peer-group");
	return more && *more;
}

/* Whether the name is a peer group's. */
static bool is_group(const struct running_config *config, const char *key)
{
	bool is_no;
	const char *rest = own_line(config, RUNNING_BGP, key, "peer-group", &is_no);

	return rest && !*rest;
}

static bool is_made_before(const struct running_config *config, size_t end, const char *key)
{
	char other[WORD_MAX];

	for (size_t i = 0; i < end; i++)
		if (config->lines[i].section == RUNNING_BGP &&
		    makes_neighbour(config->lines[i].text, other) && strcmp(other, key) == 0)
			return true;
	return false;
}

void running_each_neighbour(const struct running_config *config,
			    void (*fn)(void *arg, const char *key), void *arg)
{
	char key[WORD_MAX];

	for (size_t i = 0; i < config->n_lines; i++)
		if (config->lines[i].section == RUNNING_BGP &&
		    makes_neighbour(config->lines[i].text, key) && !is_group(config, key) &&
		    !is_made_before(config, i, key))
			fn(arg, key);
}
