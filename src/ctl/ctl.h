/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl.h - the control sockets: bounded JSON lines on read.sock, admin.sock and web.sock.
 *
 * The socket is the permission: read.sock (root:shoal 0660) takes commands that only look,
 * admin.sock (root:shoal-admin 0660) takes all. web.sock (root:shoal-web 0660) takes what read.sock
 * takes and a few commands of its own, which are made for shoal-web and no operator. One table of
 * commands (commands.c) drives server, help and client. shoald never blocks on a client: bounded
 * request line (64 KiB), bounded answer queue (4 MiB), slow readers are dropped.
 *
 * Request: {"v":1,"command":"status","args":{...}}\n
 * Answer:  {"v":1,"ok":true,"result":{...}}\n
 *          {"v":1,"ok":false,"exit":2,"error":"one sentence"}\n
 * A command that takes a while first sends any number of {"v":1,"progress":"line"}\n; one whose
 * result comes bit by bit, of {"v":1,"part":{...}}\n. Parts of lists are put together by parts.h.
 * A result that is text and long comes as {"v":1,"text":{"at":A,"bytes":N}}\n and then N bytes,
 * which stand in the text from byte A on; what stood there and behind it is void.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "src/base/err.h"

struct event_base;
struct ctl;
struct ctl_request;

#define CTL_VERSION  1
#define CTL_LINE_MAX (64 * 1024)

/* Clients at once on each socket: lookers cannot keep the one who acts out. */
#define CTL_READERS_MAX 48
#define CTL_ADMINS_MAX  16
#define CTL_WEBS_MAX    4

/* Exit statuses of the command `shoal`, also "exit" in answers. */
enum ctl_exit {
	CTL_DONE = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_NOT_REACHABLE = 3,
	CTL_REFUSED = 4, /* refused, or not safe yet */
	CTL_PERMISSION = 5,
};

struct ctl_command {
	const char *name;
	bool is_admin;         /* only on admin.sock */
	const char *args_help; /* "[VIP...] [--wait] [--timeout T] [--reason TEXT]" */
	const char *help;      /* one line */
	/*
	 * Answers with ctl_answer() or ctl_refuse(), now or later; context is ctl_new()'s. The
	 * request lives until answered; when the client goes away first, later answers go nowhere.
	 */
	void (*run)(struct ctl_request *request, const json_t *args, void *context);
};

struct ctl_options {
	const char *read_path, *admin_path;
	const char *read_group, *admin_group;   /* NULL: leave the group as it is */
	const char *web_path, *web_group;       /* NULL path: no such socket */
	const struct ctl_command *commands;     /* ended by a NULL name */
	const struct ctl_command *web_commands; /* only on web_path, beside those that look */
	void *context;
};

/*
 * ctl_new - create the socket files (0660, in their groups) and answer on them.
 * A stale socket file is replaced. Returns 0; -EADDRINUSE when a live daemon answers there,
 * -ENOTSOCK when something else has the name, -ENOENT for an unknown group, another negative errno.
 * ctl_free() removes the files, and is fine with requests still open.
 */
int ctl_new(struct event_base *base, const struct ctl_options *options, struct ctl **ret,
	    struct err *err);
void ctl_free(struct ctl *ctl);

/* End the request with a result; takes the reference. */
void ctl_answer(struct ctl_request *request, json_t *result);
/* End it with an exit status and one sentence. */
void ctl_refuse(struct ctl_request *request, enum ctl_exit status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with what belongs to the refusal, as "result" of the answer; takes the reference. */
void ctl_refuse_with(struct ctl_request *request, enum ctl_exit status, json_t *result,
		     const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* One line of progress on the way. */
void ctl_progress(struct ctl_request *request, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* A bit of the result on the way; takes the reference. */
void ctl_part(struct ctl_request *request, json_t *part);
/* A bit of a result that is text: len bytes that stand from byte `at` on. */
void ctl_text(struct ctl_request *request, size_t at, const char *text, size_t len);
/* Bytes sent that the client has not read: who sends many parts waits while it is much. */
size_t ctl_request_unread(const struct ctl_request *request);
/* True on admin.sock: for commands of which only a part changes something. */
bool ctl_request_is_admin(const struct ctl_request *request);
/*
 * "alice (uid 1000)", the peer as the kernel knows it, for owners and logs; "uid 1000" when the uid
 * has no name. Printable ASCII, valid while the request lives.
 */
const char *ctl_request_owner(const struct ctl_request *request);
/* False once the client has gone away: stop working for it. */
bool ctl_request_is_alive(const struct ctl_request *request);
/*
 * Be told when the client goes away, or the sockets close, before the request is answered. The
 * request still has to be ended with ctl_answer() or ctl_refuse(); doing it in gone() is fine.
 */
void ctl_request_watch(struct ctl_request *request, void (*gone)(void *arg), void *arg);
/*
 * For an answer too long for one turn of the loop: turn() is called once in each from now on, while
 * the client has read most of what was sent, until the request is ended. Together with
 * ctl_request_watch(), for nobody calls it once the client is gone.
 */
void ctl_request_turns(struct ctl_request *request, void (*turn)(void *arg), void *arg);
