/* SPDX-License-Identifier: Apache-2.0 */
#include "src/base/diagnosis.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_room(struct diagnosis *diagnosis)
{
	size_t size = diagnosis->size ? diagnosis->size * 2 : 16;
	void *items;

	if (diagnosis->n < diagnosis->size)
		return true;
	items = realloc(diagnosis->items, size * sizeof(diagnosis->items[0]));
	if (!items)
		return false;
	diagnosis->items = items;
	diagnosis->size = size;
	return true;
}

void diagnosis_add(struct diagnosis *diagnosis, enum severity severity, const char *check,
		   char *fix, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	if (len < 0 || !has_room(diagnosis)) {
		diagnosis->is_cut = true;
		if (len >= 0)
			free(text);
		free(fix);
		return;
	}
	diagnosis->items[diagnosis->n++] = (struct diagnosis_finding){
		.severity = severity,
		.check = check,
		.text = text,
		.fix = fix,
	};
}

void diagnosis_fini(struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->n; i++) {
		free(diagnosis->items[i].text);
		free(diagnosis->items[i].fix);
	}
	free(diagnosis->items);
	memset(diagnosis, 0, sizeof(*diagnosis));
}

size_t diagnosis_count(const struct diagnosis *diagnosis, enum severity severity)
{
	size_t n = 0;

	for (size_t i = 0; i < diagnosis->n; i++)
		n += diagnosis->items[i].severity == severity;
	return n;
}

const char *severity_str(enum severity severity)
{
	static const char *const words[] = {
		[SEVERITY_ERROR] = "error",
		[SEVERITY_WARNING] = "warning",
		[SEVERITY_NOTE] = "note",
		[SEVERITY_OK] = "ok",
	};

	return words[severity];
}
