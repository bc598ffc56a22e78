/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metric.c - by hand where it is hot: a scrape of a large node has 60,000 samples, and printf would
 * take most of the time they need.
 */
#include "src/ctl/metric.h"

#include <stdio.h>
#include <string.h>

static void put(struct metric_text *out, const char *text, size_t len)
{
	memcpy(out->text + out->len, text, len);
	out->len += len;
}

static void put_text(struct metric_text *out, const char *text)
{
	put(out, text, strlen(text));
}

static void put_char(struct metric_text *out, char c)
{
	out->text[out->len++] = c;
}

/* Cut where a sample would become too long; config names are far shorter. */
static void put_value(struct metric_text *out, const char *value)
{
	size_t end = out->len + METRIC_SAMPLE_MAX / 8;

	for (; *value && out->len < end; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			put_char(out, '\\');
		put_char(out, *value == '\n' ? 'n' : *value);
	}
}

static void put_labels(struct metric_text *out, const char *const *labels)
{
	char before = '{';

	for (; labels[0]; labels += 2) {
		put_char(out, before);
		put_text(out, labels[0]);
		put(out, "=\"", 2);
		put_value(out, labels[1]);
		put_char(out, '"');
		before = ',';
	}
	if (before == ',')
		put_char(out, '}');
	put_char(out, ' ');
}

static bool has_room(const struct metric_text *out)
{
	return out->size - out->len >= METRIC_SAMPLE_MAX;
}

static void put_name(struct metric_text *out, const char *suffix)
{
	put(out, "shoal_", 6);
	put_text(out, out->name);
	put_text(out, suffix);
}

void metric_begin(struct metric_text *out, const char *word, const char *type, const char *help)
{
	out->name = word;
	if (!has_room(out))
		return;
	put_text(out, "# HELP shoal_");
	put_text(out, word);
	put_char(out, ' ');
	put_text(out, help);
	put_text(out, ".\n# TYPE shoal_");
	put_text(out, word);
	put_char(out, ' ');
	put_text(out, type);
	put_char(out, '\n');
}

void metric_real(struct metric_text *out, const char *suffix, const char *const *labels,
		 double value)
{
	if (!has_room(out))
		return;
	put_name(out, suffix);
	put_labels(out, labels);
	out->len += (size_t)snprintf(out->text + out->len, 64, "%.15g\n", value);
}

void metric_count(struct metric_text *out, const char *suffix, const char *const *labels,
		  uint64_t value)
{
	char digits[24], *at = digits + sizeof(digits);

	if (!has_room(out))
		return;
	put_name(out, suffix);
	put_labels(out, labels);
	*--at = '\n';
	do
		*--at = (char)('0' + value % 10);
	while ((value /= 10) > 0);
	put(out, at, (size_t)(digits + sizeof(digits) - at));
}
