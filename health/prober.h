/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prober.h - shoald's side of probe.sock and exec.sock: hands the targets to shoal-probe, those
 * that run a program to shoal-exec, and takes their verdicts.
 *
 * Each is a process of its own that connects here (SOCK_SEQPACKET, health/message.h). It
 * schedules, probes and judges (rise, fall); what arrives are judgements: at once when state or
 * reason changes, and a heartbeat each second. If it dies, states hold: after it reconnected it
 * is given the targets with the last judgement.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "health/latency.h"
#include "health/output.h"
#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/usec.h"
#include "src/config/config.h"
#include "src/core/core.h"

struct event_base;
struct prober;

enum prober_daemon {
	PROBER_PROBE, /* shoal-probe: all checks but exec */
	PROBER_EXEC,  /* shoal-exec: those */
	PROBER_DAEMON_MAX,
};

struct prober_callbacks {
	/*
	 * Indices are those of the config last given to prober_set_config(). Comes when state or
	 * reason changes, and now and then while a real is not up, with newer evidence.
	 */
	void (*verdict)(const struct core_verdict *verdict, void *arg);
	void (*life)(bool connected, void *arg);      /* of shoal-probe; NULL: not wanted */
	void (*exec_life)(bool connected, void *arg); /* of shoal-exec; NULL: not wanted */
	/*
	 * Whether marked packets for this real get onto the wire, and have since `since`: asked
	 * before a result is believed that a broken probe path could have made up (silence through
	 * the tunnel, which is all that shows of a lost filter or mapping; or a real that came up).
	 * When it says no, the real keeps its state, the verdict's reason is "probe path", and the
	 * prober starts judging it anew. NULL: the path is always whole.
	 */
	bool (*path_is_whole)(uint32_t pool, uint32_t real, usec_t since, void *arg);
	void *arg;
};

/*
 * prober_new - listen on socket_path (mode 0660, group as the directory's); an old socket file is
 * replaced. callbacks are copied. Returns 0 or a negative errno with the sentence.
 */
int prober_new(struct event_base *base, const char *socket_path,
	       const struct prober_callbacks *callbacks, struct prober **ret, struct err *err);
void prober_free(struct prober *prober);

/*
 * prober_listen_exec - listen for shoal-exec, too; before that nobody runs exec checks.
 * @group: who may connect; NULL, or one that does not exist or is not ours to give: as with
 *         prober_new().
 */
int prober_listen_exec(struct prober *prober, const char *socket_path, const char *group,
		       struct err *err);

/*
 * prober_set_sources - the addresses tunnelled probes are sent from, one for each family of VIP:
 * encap-source, or the uplink's address. NULL: none known, the kernel chooses. Copied. Affected
 * targets are handed over anew with the judgement they have.
 */
void prober_set_sources(struct prober *prober, const struct addr *source4,
			const struct addr *source6);

/*
 * prober_set_mtu - the largest outer packet towards the reals, and the largest of a client: what
 * `mtu-probe` sends. 0: not known, then none are sent.
 */
void prober_set_mtu(struct prober *prober, uint32_t mtu_bytes, uint32_t client_mtu_bytes);

/*
 * prober_set_config - probe every real of every pool a service uses, each check at one service
 * (the first VIP and port of the pool; a check's own port wins). A target of which nothing changed
 * goes on undisturbed; one whose check changed starts from the judgement it had.
 * @config: is read until the next prober_set_config() or prober_free(); the former one must live
 *          until this returns.
 * Returns 0; -EINVAL when a check has no port to go to; what reading a CA file gave; or -ENOMEM.
 * After an error the former targets stay in force.
 */
int prober_set_config(struct prober *prober, const struct config *config, struct err *err);

/* A number that changes when the bytes of any CA file do that is in use. */
uint64_t prober_cas(const struct prober *prober);

struct message_probe_done;

/* One probe for somebody who watches. */
struct prober_trial {
	uint32_t pool, real, check; /* check: in the pool's list */
	/* Once, from the loop; NULL: the prober went away. It may ask for another. */
	void (*done)(void *arg, const struct message_probe_done *done);
	void *arg;
};

/*
 * prober_try - run a check of a real now, told step by step and not judged. Returns 0 with a ticket
 * to cancel it by; -ENOTCONN when its prober is not there, -ENOENT when no service uses the pool,
 * -EBUSY when too many are under way.
 */
int prober_try(struct prober *prober, const struct prober_trial *trial, uint64_t *ret_ticket,
	       struct err *err);
/* Nobody wants to know any more: done() will not be called. */
void prober_try_cancel(struct prober *prober, uint64_t ticket);

/*
 * prober_adopt - at start, before anybody connects: the judgement that a check of a real begins
 * from.
 */
void prober_adopt(struct prober *prober, uint32_t pool, uint32_t real, uint32_t check,
		  enum real_state state, enum real_sign sign);

/*
 * prober_output - what the program of an exec check wrote in the last run that was told; borrowed
 * until the loop goes on. False: nothing, or it is not known.
 */
bool prober_output(const struct prober *prober, uint32_t pool, uint32_t real, uint32_t check,
		   struct output *ret);

/*
 * prober_reset - have a real judged anew, beginning at once. Its state stays until results change
 * it. False when nobody can: shoal-probe is not there, or the real has no check that runs.
 */
bool prober_reset(struct prober *prober, uint32_t pool, uint32_t real);

/*
 * The marks of tunnelled probes: one for each distinct (real address, encap, GUE port), numbered so
 * that a pair keeps its mark over reloads and, collisions aside, over restarts. After each
 * prober_set_config() the caller gives all of them to health_path_set(), and those that are gone to
 * health_path_del(). Valid until the next prober_set_config().
 */
struct prober_mark {
	uint32_t mark; /* HEALTH_MARK_BASE | 1..65535 */
	struct addr real;
	enum config_encap encap;
	uint16_t gue_port;    /* 0 for ipip */
	uint32_t pool, index; /* one of the reals that use it */
};

const struct prober_mark *prober_marks(const struct prober *prober, size_t *ret_n);
const uint32_t *prober_marks_gone(const struct prober *prober, size_t *ret_n);
/* The mark of a real of the config; 0 when no tunnelled check probes it. */
uint32_t prober_mark(const struct prober *prober, uint32_t pool, uint32_t real);

/* What is known of a daemon; valid as long as the prober, and changing with it. */
struct prober_life {
	bool is_connected;
	size_t n_targets;    /* 0: it has nothing to do */
	usec_t patience_us;  /* without a verdict for longer, it counts as gone */
	usec_t last_verdict; /* when one that counts was sent, or a heartbeat with some; 0: never */
	usec_t waits_since;  /* when a reload first gave it something to do; 0: a start did */
	uint64_t n_probes;   /* that ended, as its heartbeats say */
	uint64_t n_late;     /* of them late */
	usec_t p99_late_us;  /* start against plan, in the last second */
};

/* When it counts as gone, if no further verdict comes; 0: there was none since the start. */
usec_t prober_fresh_until(const struct prober_life *life);

/* Whether it need give no verdicts, or one is young enough. */
bool prober_is_fresh(const struct prober *prober, enum prober_daemon daemon, usec_t now);

const struct prober_life *prober_life(const struct prober *prober, enum prober_daemon daemon);

/* The same of shoal-probe. */
bool prober_is_connected(const struct prober *prober);
/* How many targets there are; 0: nothing to probe, no verdicts to wait for. */
size_t prober_n_targets(const struct prober *prober);
/* When the last verdict or heartbeat with fresh verdicts was sent; 0: never. */
usec_t prober_last_verdict(const struct prober *prober);
/* Probes run so far, as the heartbeats say. */
uint64_t prober_n_probes(const struct prober *prober);
/* Of them late, and the 99th percentile of lateness in the last second, as the heartbeats say. */
uint64_t prober_n_late(const struct prober *prober);
usec_t prober_p99_late(const struct prober *prober);

/*
 * prober_latency - how long the passing probes of a pool's reals took: within the last minute or
 * two, and since the daemons started (never less than before, but for a start).
 */
void prober_latency(const struct prober *prober, uint32_t pool, struct latency *ret_recent,
		    struct latency *ret_total);
