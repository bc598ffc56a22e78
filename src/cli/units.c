/* SPDX-License-Identifier: Apache-2.0 */
#include "src/cli/units.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *units_age(double seconds, char buf[UNITS_TEXT_MAX])
{
	uint64_t s = seconds > 0 ? (uint64_t)seconds : 0;

	if (seconds < 9.95)
		snprintf(buf, UNITS_TEXT_MAX, "%.1fs", seconds > 0 ? seconds : 0.0);
	else if (s < 60)
		snprintf(buf, UNITS_TEXT_MAX, "%us", (unsigned)s);
	else if (s < 3600)
		snprintf(buf, UNITS_TEXT_MAX, "%um%02us", (unsigned)(s / 60), (unsigned)(s % 60));
	else if (s < 86400)
		snprintf(buf, UNITS_TEXT_MAX, "%uh%02um", (unsigned)(s / 3600),
			 (unsigned)(s % 3600 / 60));
	else
		snprintf(buf, UNITS_TEXT_MAX, "%llud%uh", (unsigned long long)(s / 86400),
			 (unsigned)(s % 86400 / 3600));
	return buf;
}

const char *units_count(uint64_t n, char buf[UNITS_TEXT_MAX])
{
	static const char suffixes[] = "kMGTPE";
	double value = (double)n;
	int i = -1;

	if (n < 1000) {
		snprintf(buf, UNITS_TEXT_MAX, "%u", (unsigned)n);
		return buf;
	}
	/* 999.5 of one unit reads as 1000 of it: take the next unit instead. */
	while (value >= 999.5) {
		value /= 1000;
		i++;
	}
	snprintf(buf, UNITS_TEXT_MAX, "%.*f%c",
		 value < 9.995   ? 2
		 : value < 99.95 ? 1
				 : 0,
		 value, suffixes[i]);
	return buf;
}

const char *units_clock(uint64_t wall_us, uint64_t now_us, char buf[UNITS_TEXT_MAX])
{
	time_t then = (time_t)(wall_us / USEC_PER_SEC), now = (time_t)(now_us / USEC_PER_SEC);
	struct tm then_tm, now_tm;
	bool is_today;

	localtime_r(&then, &then_tm);
	localtime_r(&now, &now_tm);
	is_today = then_tm.tm_year == now_tm.tm_year && then_tm.tm_yday == now_tm.tm_yday;
	strftime(buf, UNITS_TEXT_MAX, is_today ? "%H:%M:%S" : "%Y-%m-%d %H:%M", &then_tm);
	return buf;
}

static usec_t unit_us(const char *unit, size_t len)
{
	static const struct {
		const char *name;
		usec_t us;
	} rows[] = {
		{ "ms", USEC_PER_MSEC },       { "s", USEC_PER_SEC },
		{ "m", 60 * USEC_PER_SEC },    { "h", 3600 * USEC_PER_SEC },
		{ "d", 86400 * USEC_PER_SEC },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strlen(rows[i].name) == len && strncmp(rows[i].name, unit, len) == 0)
			return rows[i].us;
	return 0;
}

int units_parse_duration(const char *text, usec_t *ret, struct err *err)
{
	const char *p = text;
	usec_t total = 0;

	do {
		size_t digits = strspn(p, "0123456789"), letters = strspn(p + digits, "msdh");
		usec_t unit = unit_us(p + digits, letters);

		if (digits == 0 || digits > 9 || unit == 0)
			return err_set(err, -EINVAL, "'%s' is no duration; write 30s, 5m or 1h30m",
				       text);
		total += strtoull(p, NULL, 10) * unit;
		p += digits + letters;
	} while (*p);
	*ret = total;
	return 0;
}

int units_parse_size(const char *text, uint64_t *ret, struct err *err)
{
	static const char letters[] = "kMG";
	size_t digits = strspn(text, "0123456789");
	const char *letter = text[digits] ? strchr(letters, text[digits]) : NULL;
	unsigned shift = letter ? 10 * (unsigned)(letter - letters + 1) : 0;

	if (digits == 0 || digits > 9 || (text[digits] && (!letter || text[digits + 1])))
		return err_set(err, -EINVAL, "'%s' is no size; write 500000, 64k or 16M", text);
	*ret = strtoull(text, NULL, 10) << shift;
	return 0;
}
