/* SPDX-License-Identifier: Apache-2.0 */
#include "src/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

static const struct {
	const char *name;
	int priority; /* syslog(3) number, as sd-daemon(3) prefixes it */
} levels[LOG_LEVEL_MAX] = {
	[LOG_LEVEL_ERR] = { "err", 3 },       [LOG_LEVEL_WARN] = { "warn", 4 },
	[LOG_LEVEL_NOTICE] = { "notice", 5 }, [LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
};

static struct {
	const char *ident;
	enum log_level most;
	bool to_journal;
	void (*tap)(enum log_level level, const char *event, const char *pairs, void *arg);
	void *tap_arg;
} log_state = { .ident = "shoal", .most = LOG_LEVEL_INFO };

const char *log_level_str(enum log_level level)
{
	return level < LOG_LEVEL_MAX ? levels[level].name : "?";
}

void log_init(const char *ident, enum log_level most)
{
	log_state.ident = ident;
	log_state.most = most;
	log_state.to_journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_set_tap(void (*tap)(enum log_level level, const char *event, const char *pairs, void *arg),
		 void *arg)
{
	log_state.tap = tap;
	log_state.tap_arg = arg;
}

static size_t stamp_print(char *buf, size_t size)
{
	struct timespec ts;
	struct tm tm;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	len = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	len += (size_t)snprintf(buf + len, size - len, ".%03ldZ ", ts.tv_nsec / 1000000);
	return len;
}

static void print_line(enum log_level level, const char *event, const char *pairs)
{
	char line[LINE_MAX_BYTES];
	size_t len;
	int n;

	if (log_state.to_journal)
		len = (size_t)snprintf(line, sizeof(line), "<%d>", levels[level].priority);
	else
		len = stamp_print(line, sizeof(line));
	n = snprintf(line + len, sizeof(line) - len - 1, "%s %s %s %s", log_state.ident,
		     levels[level].name, event, pairs);
	if (n > 0)
		len += (size_t)n < sizeof(line) - len - 1 ? (size_t)n : sizeof(line) - len - 2;
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* nowhere left to say so */
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
	bool is_tapped = log_state.tap && level <= LOG_LEVEL_INFO;
	char pairs[LINE_MAX_BYTES];
	va_list ap;

	if (level > log_state.most && !is_tapped)
		return;
	va_start(ap, fmt);
	vsnprintf(pairs, sizeof(pairs), fmt, ap);
	va_end(ap);
	for (char *p = pairs; *p; p++)
		if (*p == '\n')
			*p = ' ';
	if (level <= log_state.most)
		print_line(level, event, pairs);
	if (is_tapped)
		log_state.tap(level, event, pairs, log_state.tap_arg);
}

const char *log_quote(char *buf, unsigned size, const char *text)
{
	bool plain = *text != '\0' && strpbrk(text, " \"=\\") == NULL;
	unsigned len = 0;

	for (const char *p = text; plain && *p; p++)
		plain = (unsigned char)*p > 0x20 && (unsigned char)*p != 0x7f;
	if (plain) {
		snprintf(buf, size, "%s", text);
		return buf;
	}
	if (size < 8)
		return "";
	buf[len++] = '"';
	for (const char *p = text; *p && len + 6 < size; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\') {
			buf[len++] = '\\';
			buf[len++] = (char)c;
		} else if (c < 0x20 || c == 0x7f) {
			len += (unsigned)snprintf(buf + len, size - len, "\\x%02x", c);
		} else {
			buf[len++] = (char)c;
		}
	}
	buf[len++] = '"';
	buf[len] = '\0';
	return buf;
}
