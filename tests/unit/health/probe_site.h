/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_site.h - the real shoal-probe as a child, and this process as shoald with the real
 * prober.c: each pool has one check and one real, 127.0.0.1. No root is needed.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "health/message.h"
#include "health/prober.h"

#define POOLS_MAX 64
#define DEADLINE  (10 * USEC_PER_SEC) /* for what takes well under a second */

struct pool {
	struct config_check check;
	uint32_t check_index;
	struct config_real real;
	struct config_service service;
	struct core_verdict verdict; /* the last */
	unsigned n_verdicts;
};

struct site {
	struct event_base *base;
	struct prober *prober;
	char directory[64], socket[96];
	pid_t pid;           /* of shoal-probe */
	struct rlimit files; /* of shoal-probe; 0: as it is */
	bool without_net_raw;
	struct pool pools[POOLS_MAX];
	uint32_t n_pools;
	struct config_check checks[POOLS_MAX];
	struct config_pool config_pools[POOLS_MAX];
	struct config_service services[POOLS_MAX];
	struct config_vip vip;
	struct config config;
	bool is_connected, path_is_broken;
};

/* The program, before anything else. */
void site_set_program(const char *path);
const char *site_program(void);

void site_init(struct site *site);
void site_fini(struct site *site);
/* Whose check may be changed until site_configure(). */
struct pool *site_add(struct site *site, enum config_check_type type, uint16_t port);
void site_configure(struct site *site);
void shoald_start(struct site *site);
void daemon_start(struct site *site);
/* Returns what waitpid() says. */
int daemon_stop(struct site *site, int signo);

/* What somebody who watches a probe was told. */
struct watched {
	struct message_probe_done done;
	unsigned n, n_gone;
};
/* Have the pool's check tried; returns the ticket. */
uint64_t site_try(struct site *site, uint32_t pool, struct watched *watched);
/* The same, and wait for it. */
void site_watch(struct site *site, uint32_t pool, struct watched *watched);
/* Fail unless these texts are in steps in this order, the times never go back, and a step has
 * failed when the probe has, the last one. NULL ends them. */
void expect_steps(const struct watched *watched, const char *const *steps);

/* Run the loop until the condition holds; false when it does not within the deadline. */
#define WAIT_FOR(site, condition)                                                                  \
	({                                                                                         \
		usec_t give_up_ = usec_now() + DEADLINE;                                           \
		while (!(condition) && usec_now() < give_up_)                                      \
			event_base_loop((site)->base, EVLOOP_ONCE);                                \
		(condition);                                                                       \
	})

void run_for(struct site *site, usec_t us);
/* Fail unless a verdict with all this comes; evidence is a part of it. */
void expect(struct site *site, struct pool *pool, enum real_state state, enum probe_reason reason,
	    const char *evidence);
