/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay.h - hands what a stranger sends to a library in rations.
 *
 * OpenSSL and libcurl's HTTP/2 read on for as long as a socket has more, whether or not anything
 * comes of it: who floods them with frames or records that mean nothing holds this whole process,
 * timers and all. So they get a socket that holds little, and what passes between it and the
 * connection passes here, a few KiB a turn of the event loop and never more than RELAY_MAX in all.
 *
 * libcurl calls connect() on whatever it is given, so a socket pair will not do: each relay listens
 * on an abstract name of its own until this process, and nobody else, has connected.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>

#define RELAY_MAX      (1280 * 1024) /* bytes from the stranger: a body of 1 MiB, and more */
#define RELAY_NAME_MAX 16

struct relay;

/*
 * relay_start - a relay between the connected socket `outer` and whoever of this process connects
 * to the abstract name ret_name, which has no zero at its beginning.
 * Takes outer, also when it fails. NULL: no memory or descriptors; errno says which.
 */
struct relay *relay_start(struct event_base *base, int outer, char ret_name[RELAY_NAME_MAX]);
void relay_stop(struct relay *relay);

/* Whether the stranger sent more than RELAY_MAX; nothing more passes then. */
bool relay_is_flooded(const struct relay *relay);
/* Whether the stranger said anything at all. */
bool relay_has_received(const struct relay *relay);
/* The errno that the connection ended with, once the library has read all that came before; 0: it
 * did not end, or in order. */
int relay_error(const struct relay *relay);
