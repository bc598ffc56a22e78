/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.h - one line an event to standard error: `notice vip_state vip=... from=... to=...`.
 *
 * Only the outer layers log (daemons, reconciler, ports); base, config, core and codecs return
 * errors. Under systemd the level is a journal prefix and the journal stamps the time; elsewhere
 * the line starts with the wall clock.
 */
#pragma once

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERR,    /* we gave up on something */
	LOG_LEVEL_WARN,   /* we go on; the line says how */
	LOG_LEVEL_NOTICE, /* a state an operator cares about changed */
	LOG_LEVEL_INFO,   /* life cycle */
	LOG_LEVEL_DEBUG,  /* one per decision */
	LOG_LEVEL_MAX,
};

/* "err", "warn", "notice", "info", "debug". */
const char *log_level_str(enum log_level level);

/* Name the program once, before anything logs; ident must outlive the process. */
void log_init(const char *ident, enum log_level most);

/*
 * log_set_tap - hand every event up to info to one more reader, whatever is printed: the word and
 * its pairs, which live as long as the call. It must not log. NULL ends it.
 */
void log_set_tap(void (*tap)(enum log_level level, const char *event, const char *pairs, void *arg),
		 void *arg);

/*
 * log_event - one line. event is a constant word; fmt yields `key=value` pairs separated by
 * spaces. Text from outside goes through log_quote() first. Newlines never reach the output.
 */
void log_event(enum log_level level, const char *event, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_err(event, ...)    log_event(LOG_LEVEL_ERR, event, __VA_ARGS__)
#define log_warn(event, ...)   log_event(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_notice(event, ...) log_event(LOG_LEVEL_NOTICE, event, __VA_ARGS__)
#define log_info(event, ...)   log_event(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...)  log_event(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

/*
 * log_quote - text as a log value: in double quotes when it is empty or holds a space, quote or
 * equals sign; control bytes and quotes escaped (\xNN, \"). Writes at most size bytes including
 * the NUL into buf, which it returns.
 */
const char *log_quote(char *buf, unsigned size, const char *text);

#define LOG_QUOTE(text) log_quote((char[512]){ 0 }, 512, (text))
