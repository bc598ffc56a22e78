/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units.h - numbers as people read them. Each prints into the caller's buffer and returns it.
 */
#pragma once

#include <stdint.h>

#include "src/base/err.h"
#include "src/base/usec.h"

#define UNITS_TEXT_MAX 32

/* "0.4s", "12s", "3m12s", "2h05m", "12d3h". */
const char *units_age(double seconds, char buf[UNITS_TEXT_MAX]);
/* "0", "950", "4.1k", "2.31M", "1.2G": three digits are enough. */
const char *units_count(uint64_t n, char buf[UNITS_TEXT_MAX]);
/* Wall-clock time: "08:14:02" today, "2026-11-21 08:14" before. now_us decides what today is. */
const char *units_clock(uint64_t wall_us, uint64_t now_us, char buf[UNITS_TEXT_MAX]);

#define UNITS_AGE(seconds) units_age((seconds), (char[UNITS_TEXT_MAX]){ 0 })
#define UNITS_COUNT(n)     units_count((n), (char[UNITS_TEXT_MAX]){ 0 })

/* "30s", "5m", "1h30m", "500ms" into microseconds; -EINVAL with the sentence. */
int units_parse_duration(const char *text, usec_t *ret, struct err *err);
/* "500", "64k", "16M", "1G" (of 1024) into bytes; -EINVAL with the sentence. */
int units_parse_size(const char *text, uint64_t *ret, struct err *err);
