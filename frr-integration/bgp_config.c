/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/bgp_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 4096

enum section {
	SECTION_NONE,
	SECTION_BGP,       /* the default instance, outside address families */
	SECTION_UNICAST,   /* its IPv4 or IPv6 unicast family */
	SECTION_OTHER_AF,  /* another family of it */
	SECTION_ROUTE_MAP, /* an entry of one of our maps */
};

struct reader {
	struct bgp_config *config;
	enum section section;
	size_t lines_size, maps_size;
	bool is_v6; /* of SECTION_UNICAST */
};

/* What follows word and a space at the start of text, or NULL. */
static const char *after(const char *text, const char *word)
{
	size_t len = strlen(word);

	return strncmp(text, word, len) == 0 && text[len] == ' ' ? text + len + 1 : NULL;
}

/* Room for one more element; items, n and size belong together. */
static void *grow(void *items, size_t n, size_t *size, size_t item_bytes)
{
	size_t wanted = *size ? *size * 2 : 16;
	void *bigger;

	if (n < *size)
		return items;
	bigger = realloc(items, wanted * item_bytes);
	if (bigger)
		*size = wanted;
	return bigger;
}

static void parse_version(struct bgp_config *config, const char *text)
{
	snprintf(config->version, sizeof(config->version), "%.31s", text);
	if (sscanf(text, "%u.%u", &config->major, &config->minor) != 2)
		config->major = 0;
}

bool bgp_as_parse(const char *text, uint32_t *ret, const char **ret_rest)
{
	unsigned long high, low;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	high = strtoul(text, &end, 10);
	if (*end == '.') {
		if (end[1] < '0' || end[1] > '9')
			return false;
		low = strtoul(end + 1, &end, 10);
		if (high > UINT16_MAX || low > UINT16_MAX)
			return false;
		high = high << 16 | low;
	}
	if (high > UINT32_MAX || (*end != '\0' && *end != ' '))
		return false;
	*ret = (uint32_t)high;
	*ret_rest = end;
	return true;
}

/* `router bgp AS [vrf|view NAME] [as-notation ...]`: only the default instance is entered. */
static void enter_bgp(struct reader *reader, const char *text)
{
	const char *rest;
	uint32_t as;

	reader->section = SECTION_NONE;
	if (!bgp_as_parse(text, &as, &rest) || after(rest, " vrf") || after(rest, " view"))
		return;
	reader->config->has_instance = true;
	reader->config->as = as;
	reader->config->import_check = true; /* unless a line says otherwise */
	reader->section = SECTION_BGP;
}

static void enter_family(struct reader *reader, const char *text)
{
	reader->is_v6 = strcmp(text, "ipv6 unicast") == 0;
	if (reader->is_v6 || strcmp(text, "ipv4 unicast") == 0)
		reader->section = SECTION_UNICAST;
	else
		reader->section = SECTION_OTHER_AF;
}

/* `network PREFIX [route-map NAME] [anything]`, from behind "network ". */
static int add_line(struct reader *reader, const char *text)
{
	struct bgp_config *config = reader->config;
	struct bgp_config_line *lines, line = { 0 };
	char copy[LINE_MAX_BYTES], *save = NULL, *word;

	snprintf(copy, sizeof(copy), "%s", text);
	word = strtok_r(copy, " ", &save);
	if (!word || prefix_parse(word, &line.prefix) < 0 ||
	    addr_is_ipv4(&line.prefix.addr) == reader->is_v6)
		return 0;
	while ((word = strtok_r(NULL, " ", &save))) {
		if (strcmp(word, "route-map") == 0 && (word = strtok_r(NULL, " ", &save)))
			snprintf(line.map, sizeof(line.map), "%s", word);
		else
			line.has_more = true;
	}
	lines = grow(config->lines, config->n_lines, &reader->lines_size, sizeof(line));
	if (!lines)
		return -ENOMEM;
	config->lines = lines;
	config->lines[config->n_lines++] = line;
	return 0;
}

/* `route-map NAME permit|deny SEQ`, from behind "route-map ". */
static int enter_map(struct reader *reader, const char *text)
{
	struct bgp_config *config = reader->config;
	struct bgp_config_map *maps;
	char name[ROUTE_MAP_NAME_MAX];
	size_t len = strcspn(text, " ");

	reader->section = SECTION_NONE;
	if (len >= sizeof(name))
		return 0;
	memcpy(name, text, len);
	name[len] = '\0';
	if (!route_map_is_ours(name))
		return 0;
	reader->section = SECTION_ROUTE_MAP;
	/* The entries of one map stand together. */
	if (config->n_maps > 0 && strcmp(config->maps[config->n_maps - 1].name, name) == 0) {
		config->maps[config->n_maps - 1].is_pure = false;
		return 0;
	}
	maps = grow(config->maps, config->n_maps, &reader->maps_size, sizeof(*maps));
	if (!maps)
		return -ENOMEM;
	config->maps = maps;
	memset(&maps[config->n_maps], 0, sizeof(*maps));
	memcpy(maps[config->n_maps].name, name, len + 1);
	maps[config->n_maps].is_pure = strcmp(text + len, " permit 10") == 0;
	config->n_maps++;
	return 0;
}

static void take_map_line(struct reader *reader, const char *text)
{
	struct bgp_config_map *map = &reader->config->maps[reader->config->n_maps - 1];
	const char *set = after(text, "set");

	if (!set || route_attrs_parse_set(&map->attrs, set) < 0)
		map->is_pure = false;
}

static int take_top_line(struct reader *reader, const char *text)
{
	const char *rest;

	reader->section = SECTION_NONE;
	if ((rest = after(text, "frr version")))
		parse_version(reader->config, rest);
	else if ((rest = after(text, "router bgp")))
		enter_bgp(reader, rest);
	else if ((rest = after(text, "route-map")))
		return enter_map(reader, rest);
	return 0;
}

static int take_inner_line(struct reader *reader, const char *text)
{
	const char *rest;

	switch (reader->section) {
	case SECTION_NONE:
		return 0;
	case SECTION_ROUTE_MAP:
		take_map_line(reader, text);
		return 0;
	case SECTION_BGP:
		if ((rest = after(text, "address-family")))
			enter_family(reader, rest);
		else if (strcmp(text, "no bgp network import-check") == 0)
			reader->config->import_check = false;
		return 0;
	case SECTION_UNICAST:
	case SECTION_OTHER_AF:
		if (strcmp(text, "exit-address-family") == 0)
			reader->section = SECTION_BGP;
		else if (reader->section == SECTION_UNICAST && (rest = after(text, "network")))
			return add_line(reader, rest);
		return 0;
	}
	return 0;
}

static int take_line(struct reader *reader, const char *line)
{
	const char *text = line + strspn(line, " ");

	if (*text == '!' || *text == '\0') /* separators; one also stands inside router bgp */
		return 0;
	if (strcmp(line, "exit") == 0 || strcmp(line, "end") == 0) { /* not of a node within */
		reader->section = SECTION_NONE;
		return 0;
	}
	return text == line ? take_top_line(reader, text) : take_inner_line(reader, text);
}

static int take_text(struct reader *reader, const char *text)
{
	char line[LINE_MAX_BYTES];

	while (*text) {
		size_t len = strcspn(text, "\r\n");
		size_t kept = len < sizeof(line) ? len : sizeof(line) - 1;
		int r;

		memcpy(line, text, kept);
		while (kept > 0 && line[kept - 1] == ' ')
			kept--;
		line[kept] = '\0';
		r = take_line(reader, line);
		if (r < 0)
			return r;
		text += len;
		text += strspn(text, "\r\n");
	}
	return 0;
}

static int compare_lines(const void *a, const void *b)
{
	const struct bgp_config_line *line_a = a, *line_b = b;

	return prefix_cmp(&line_a->prefix, &line_b->prefix);
}

static int compare_maps(const void *a, const void *b)
{
	const struct bgp_config_map *map_a = a, *map_b = b;

	return strcmp(map_a->name, map_b->name);
}

int bgp_config_parse(const char *text, struct bgp_config *ret, struct err *err)
{
	struct bgp_config config = { 0 };
	struct reader reader = { .config = &config };
	int r = take_text(&reader, text);

	if (r == 0 && config.version[0] == '\0')
		r = -EBADMSG;
	if (r < 0) {
		bgp_config_fini(&config);
		if (r == -EBADMSG)
			return err_set(err, r,
				       "'show running-config': no line 'frr version', "
				       "this is not FRR's answer");
		return err_set(err, r, "'show running-config': %m");
	}
	if (config.n_lines > 0)
		qsort(config.lines, config.n_lines, sizeof(config.lines[0]), compare_lines);
	if (config.n_maps > 0)
		qsort(config.maps, config.n_maps, sizeof(config.maps[0]), compare_maps);
	*ret = config;
	return 0;
}

void bgp_config_fini(struct bgp_config *config)
{
	free(config->lines);
	free(config->maps);
	memset(config, 0, sizeof(*config));
}

const struct bgp_config_line *bgp_config_find_line(const struct bgp_config *config,
						   const struct prefix *prefix)
{
	struct bgp_config_line key = { .prefix = *prefix };

	if (config->n_lines == 0)
		return NULL;
	return bsearch(&key, config->lines, config->n_lines, sizeof(key), compare_lines);
}

static int compare_name(const void *name, const void *map)
{
	return strcmp(name, ((const struct bgp_config_map *)map)->name);
}

const struct bgp_config_map *bgp_config_find_map(const struct bgp_config *config, const char *name)
{
	if (config->n_maps == 0)
		return NULL;
	return bsearch(name, config->maps, config->n_maps, sizeof(config->maps[0]), compare_name);
}

bool bgp_config_map_is(const struct bgp_config *config, const char *name,
		       const struct route_attrs *attrs)
{
	const struct bgp_config_map *map = bgp_config_find_map(config, name);

	return map && map->is_pure && route_attrs_eq(&map->attrs, attrs);
}
