/* SPDX-License-Identifier: Apache-2.0 */
/*
 * printable.h - text from outside made harmless for a terminal: control bytes, bytes that are not
 * UTF-8, and code points that move the cursor or turn the writing direction come out as \xNN or
 * \uNNNN. What servers, peers and config files say is never printed raw.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * printable_copy - a copy that is safe to print; malloc'ed, NULL when memory is short.
 * @has_utf8: the terminal shows UTF-8; otherwise everything beyond ASCII is escaped too.
 */
char *printable_copy(const char *text, bool has_utf8);

/* How many columns a printable text takes: its code points. */
size_t printable_width(const char *text);

/* How many bytes of a printable text fill at most this many columns. */
size_t printable_cut(const char *text, size_t columns);
