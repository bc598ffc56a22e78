/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server.h - a control server in this process, on sockets in a directory of its own, and raw
 * clients that write bytes and read lines while the event loop turns.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

#include "src/ctl/ctl.h"

struct server {
	char dir[64];
	char read_path[96], admin_path[96];
	struct event_base *base;
	struct ctl *ctl;
};

/* Start with these commands; fails the test when it cannot. */
void server_start(struct server *server, const struct ctl_command *commands, void *context);
void server_stop(struct server *server);

/* Turn the loop until nothing is left to do at once. */
void server_turn(struct server *server);

/* A non-blocking connection to a path. */
int server_connect(const char *path);
/* Write all bytes, turning the loop. */
void server_write(struct server *server, int fd, const char *data, size_t len);
void server_say(struct server *server, int fd, const char *text);
/* The next line without its end, for free(); NULL when the server closed or said nothing. */
char *server_line(struct server *server, int fd);
/* True when the server closed the connection and nothing is left to read. */
bool server_has_closed(struct server *server, int fd);
