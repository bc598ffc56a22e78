/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/export_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 256

/* ---- prefix lists ---- */

struct list_entry {
	bool is_permit, is_any;
	struct prefix prefix;
	unsigned ge, le; /* 0: not said */
};

/* `[seq N] permit|deny PREFIX|any [ge N] [le N]`. */
static bool parse_entry(const char *text, struct list_entry *ret)
{
	char copy[NAME_MAX_BYTES], *save = NULL, *word;

	snprintf(copy, sizeof(copy), "%s", text);
	word = strtok_r(copy, " ", &save);
	if (word && strcmp(word, "seq") == 0) {
		strtok_r(NULL, " ", &save);
		word = strtok_r(NULL, " ", &save);
	}
	if (!word || (strcmp(word, "permit") != 0 && strcmp(word, "deny") != 0))
		return false;
	*ret = (struct list_entry){ .is_permit = strcmp(word, "permit") == 0 };
	word = strtok_r(NULL, " ", &save);
	ret->is_any = word && strcmp(word, "any") == 0;
	if (!word || (!ret->is_any && prefix_parse(word, &ret->prefix) < 0))
		return false;
	while ((word = strtok_r(NULL, " ", &save))) {
		const char *number = strtok_r(NULL, " ", &save);

		if (!number)
			return false;
		*(strcmp(word, "ge") == 0 ? &ret->ge : &ret->le) =
			(unsigned)strtoul(number, NULL, 10);
	}
	return true;
}

/* Without ge and le the length is exact; with ge alone longer ones match, with le alone from it on.
 */
static bool entry_matches(const struct list_entry *entry, const struct prefix *prefix)
{
	if (entry->is_any)
		return true;
	if (!prefix_has_prefix(&entry->prefix, prefix))
		return false;
	if (!entry->ge && !entry->le)
		return prefix->len == entry->prefix.len;
	return prefix->len >= entry->ge && (!entry->le || prefix->len <= entry->le);
}

enum policy_verdict policy_list(const struct running_config *config, bool is_v6, const char *name,
				const struct prefix *prefix)
{
	const char *words = is_v6 ? "ipv6 prefix-list" : "ip prefix-list";

	for (size_t i = 0; i < config->n_lines; i++) {
		const char *rest = config->lines[i].section == RUNNING_TOP
					   ? running_after(config->lines[i].text, words)
					   : NULL;
		struct list_entry entry;

		rest = rest ? running_after(rest, name) : NULL;
		if (rest && parse_entry(rest, &entry) && entry_matches(&entry, prefix))
			return entry.is_permit ? POLICY_PERMIT : POLICY_DENY;
	}
	return POLICY_DENY;
}

/* ---- route-maps ---- */

enum entry_verdict { ENTRY_NO, ENTRY_YES, ENTRY_UNKNOWN };

/* One line of an entry; set lines do not matter. */
static enum entry_verdict line_matches(const struct running_config *config, bool is_v6,
				       const char *text, const struct prefix *prefix)
{
	const char *match = running_after(text, "match"), *list;

	if (running_after(text, "call") || running_after(text, "continue") ||
	    running_after(text, "on-match"))
		return ENTRY_UNKNOWN;
	if (!match)
		return ENTRY_YES;
	list = running_after(match, is_v6 ? "ipv6 address prefix-list" : "ip address prefix-list");
	if (list)
		return policy_list(config, is_v6, list, prefix) == POLICY_PERMIT ? ENTRY_YES
										 : ENTRY_NO;
	/* The other family's lists never match. */
	if (running_after(match, is_v6 ? "ip address" : "ipv6 address"))
		return ENTRY_NO;
	return ENTRY_UNKNOWN;
}

/* All match lines of an entry have to hold; one that certainly does not decides. */
static enum entry_verdict entry_verdict(const struct running_config *config, bool is_v6,
					size_t head, const struct prefix *prefix)
{
	enum entry_verdict verdict = ENTRY_YES;

	for (size_t i = head + 1; i < config->n_lines; i++) {
		enum entry_verdict one;

		if (config->lines[i].section != RUNNING_MAP || config->lines[i].head != head)
			break;
		one = line_matches(config, is_v6, config->lines[i].text, prefix);
		if (one == ENTRY_NO)
			return ENTRY_NO;
		if (one == ENTRY_UNKNOWN)
			verdict = ENTRY_UNKNOWN;
	}
	return verdict;
}

enum policy_verdict policy_map(const struct running_config *config, bool is_v6, const char *name,
			       const struct prefix *prefix)
{
	for (size_t i = 0; i < config->n_lines; i++) {
		const char *rest = config->lines[i].section == RUNNING_TOP
					   ? running_after(config->lines[i].text, "route-map")
					   : NULL;
		enum entry_verdict verdict;

		rest = rest ? running_after(rest, name) : NULL;
		if (!rest)
			continue;
		verdict = entry_verdict(config, is_v6, i, prefix);
		if (verdict == ENTRY_UNKNOWN)
			return POLICY_UNKNOWN;
		if (verdict == ENTRY_YES)
			return running_after(rest, "permit") ? POLICY_PERMIT : POLICY_DENY;
	}
	return POLICY_DENY;
}

/* ---- a neighbour ---- */

static const char *const filter_kinds[] = { "route-map", "prefix-list", "distribute-list",
					    "filter-list" };

bool policy_exists(const struct running_config *config, bool is_v6, const char *key,
		   const char *direction)
{
	char name[NAME_MAX_BYTES];

	for (size_t i = 0; i < sizeof(filter_kinds) / sizeof(filter_kinds[0]); i++)
		if (running_filter(config, is_v6, key, filter_kinds[i], direction, name,
				   sizeof(name)))
			return true;
	return false;
}

enum policy_verdict policy_out(const struct running_config *config, const char *key,
			       const struct prefix *prefix)
{
	bool is_v6 = !addr_is_ipv4(&prefix->addr);
	enum policy_verdict verdict = POLICY_PERMIT;
	char name[NAME_MAX_BYTES];

	if (running_filter(config, is_v6, key, "route-map", "out", name, sizeof(name)))
		verdict = policy_map(config, is_v6, name, prefix);
	if (verdict != POLICY_DENY &&
	    running_filter(config, is_v6, key, "prefix-list", "out", name, sizeof(name)) &&
	    policy_list(config, is_v6, name, prefix) == POLICY_DENY)
		return POLICY_DENY;
	if (verdict == POLICY_PERMIT &&
	    (running_filter(config, is_v6, key, "distribute-list", "out", name, sizeof(name)) ||
	     running_filter(config, is_v6, key, "filter-list", "out", name, sizeof(name))))
		return POLICY_UNKNOWN;
	return verdict;
}
