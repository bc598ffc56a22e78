/* SPDX-License-Identifier: Apache-2.0 */
/*
 * roster.h - shoald's list of targets: which checks of which reals a config asks to probe, where,
 * and with which mark. Built whole from a config, compared with the former one, never edited; who
 * knows what on the other side of the socket is noted in it by prober.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "health/message.h"
#include "health/prober.h"

#define ROSTER_NONE     UINT32_MAX
#define ROSTER_WORDS    8 /* of the environment of a program */
#define ROSTER_WORD_MAX 320

/* One check of one real. */
struct roster_entry {
	uint64_t id;
	uint32_t pool, real, check; /* check: index into the pool's list */
	enum real_state state;      /* the last judgement that came, or was kept */
	enum real_sign sign;        /* the same of the address */
	bool is_sent;               /* the prober of this connection has it */
	bool is_tunnelled;
	enum prober_daemon daemon; /* that runs it */
	bool void_is_due;          /* it is to hear that its judgement did not count, */
	bool is_reset;             /* or that an operator wants another */
};

/* PEM bytes; shared by all checks with the same content. */
struct roster_ca {
	uint64_t id;
	char *bytes;
	uint32_t len;
	uint32_t n_sent; /* bytes the prober of this connection has */
};

/* How long the passing probes of a pool took, as each daemon tells. */
struct roster_group {
	uint64_t id;
	struct latency_window latency[PROBER_DAEMON_MAX];
};

struct roster {
	const struct config *config; /* borrowed */
	bool has_source4, has_source6;
	struct addr source4, source6;
	uint32_t mtu_bytes, client_mtu_bytes;

	struct roster_entry *entries; /* by pool, check, real */
	uint32_t n_entries;
	/* For each daemon: its entries, and the longest time between two results of one of them. */
	uint32_t n_of[PROBER_DAEMON_MAX];
	usec_t pause_us[PROBER_DAEMON_MAX];
	uint32_t *first; /* of each pool, into entries; ROSTER_NONE: no service uses it */
	uint32_t *by_id; /* entries in the order of their ids */

	struct roster_group *groups;    /* of each pool, by the pool's name */
	const struct config_vip **vips; /* of each pool: where tunnelled probes go */
	uint16_t *ports, *udp_ports;    /* of each pool: the first of each protocol, 0: none */

	uint64_t *check_ca; /* of each check of the config: id of its CA, 0: none */
	struct roster_ca *cas;
	uint32_t n_cas;

	char (*words)[ROSTER_WORD_MAX]; /* what the last roster_target() borrows from */

	struct prober_mark *marks; /* in the order of their keys */
	size_t n_marks;
};

struct roster_options {
	const struct config *config;
	const struct addr *source4, *source6; /* NULL: none */
	uint32_t mtu_bytes, client_mtu_bytes; /* 0: not known */
	const struct roster *former;          /* whose marks and judgements are kept; NULL: none */
};

/* Returns 0, -EINVAL, -ENOMEM or what reading a CA file gave, with the sentence. */
int roster_new(const struct roster_options *options, struct roster **ret, struct err *err);
void roster_free(struct roster *roster);

/* The group with an id; NULL: none. */
struct roster_group *roster_find_group(const struct roster *roster, uint64_t id);

/* The entry with an id; NULL: none. */
struct roster_entry *roster_find(const struct roster *roster, uint64_t id);

/* What to tell a prober about an entry; valid until the next. Never fails: roster_new() checked
 * that it can be sent. */
void roster_target(const struct roster *roster, const struct roster_entry *entry,
		   struct message_target *ret);

/* The mark of a real, 0: none. */
uint32_t roster_mark(const struct roster *roster, uint32_t pool, uint32_t real);

/* Marks of former that roster does not have, into ret (room for former->n_marks). */
size_t roster_marks_gone(const struct roster *roster, const struct roster *former, uint32_t *ret);
