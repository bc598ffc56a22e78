/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors_known.c - reading vectors.known: where Shoal differs from upstream on purpose.
 */
#include "tests/packet/vectors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/base/auto.h"

/* One line "SUITE INDEX RULE [INDEX] # reason" when it is about this vector. */
static int parse_line(const char *line, const char *suite, unsigned index, struct vector_known *ret)
{
	static const struct {
		const char *word;
		enum vector_rule rule;
	} rules[] = {
		{ "checksum", VECTOR_CHECKSUM },
		{ "like", VECTOR_LIKE },
		{ "passed", VECTOR_PASSED },
		{ "unchecked", VECTOR_UNCHECKED },
	};
	char name[64], word[32];
	unsigned number, like = 0;

	if (line[0] == '#' || line[0] == '\n')
		return 0;
	if (sscanf(line, "%63s %u %31s %u", name, &number, word, &like) < 3 || !strchr(line, '#'))
		return -EINVAL;
	if (strcmp(name, suite) || number != index)
		return 0;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (strcmp(word, rules[i].word))
			continue;
		*ret = (struct vector_known){ .rule = rules[i].rule, .like = like };
		return 1;
	}
	return -EINVAL;
}

int vector_known_find(const char *suite, unsigned index, struct vector_known *ret, struct err *err)
{
	AUTO(file_closep) FILE *file = fopen(VECTORS_KNOWN, "re");
	char line[512];

	*ret = (struct vector_known){ .rule = VECTOR_EQUAL };
	if (!file)
		return err_set(err, -errno, "'%s': %m", VECTORS_KNOWN);
	while (fgets(line, sizeof(line), file)) {
		int r = parse_line(line, suite, index, ret);

		if (r < 0)
			return err_set(err, r, "'%s': bad line: %s", VECTORS_KNOWN, line);
		if (r > 0)
			return 0;
	}
	return 0;
}
