/* SPDX-License-Identifier: Apache-2.0 */
/* event_text.h - an event as a sentence for people, the same in the command, the JSON and the page.
 */
#pragma once

#include <stddef.h>

#define EVENT_TEXT_MAX 512

/*
 * event_text - "vip www: announced -> withdrawn, quorum-lost" from the word and the pairs of a log
 * line; the pairs themselves for words that have no sentence. Returns buf.
 */
const char *event_text(const char *event, const char *pairs, char buf[EVENT_TEXT_MAX]);
