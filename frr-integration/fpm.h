/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fpm.h - the FPM listener: what zebra installed, as zebra itself tells it.
 *
 * zebra (`-M fpm` or `-M dplane_fpm_nl`) connects to routing.fpm and sends every route of its; here
 * those towards reals, peers and vip-ranges are kept, and compared with the kernel's own. It is a
 * second view for operators: nothing is decided by it, and a zebra that dies, hangs or talks
 * nonsense changes no announcement and no next hop.
 *
 * The port takes one connection at a time, on the loopback. Any local process can be the one that
 * connects: frames are bounded, a connection that tells nothing or stops within a frame ends, one
 * bad frame ends it too, one that has long been quiet loses its place to one that tells routes, and
 * nothing is ever sent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frr-integration/fpm_compare.h"
#include "frr-integration/fpm_table.h"
#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/base/usec.h"
#include "src/config/config.h"

struct event_base;
struct fpm;

enum fpm_state {
	FPM_OFF,     /* routing.fpm is none */
	FPM_CLOSED,  /* the port could not be taken; tried again */
	FPM_WAITING, /* nobody has connected yet */
	FPM_SYNCING, /* connected, and not all is sent again */
	FPM_SYNCED,
	FPM_GONE, /* was connected; what is known is from then */
	FPM_STATE_MAX,
};

const char *fpm_state_str(enum fpm_state state);

/* The limits, of which tests set shorter ones; all 0: as they should be. */
struct fpm_limits {
	usec_t first_us;  /* until a connection told a route or next hop */
	usec_t frame_us;  /* from the first byte of a frame to its last */
	usec_t quiet_us;  /* without a route or next hop: everything was sent again */
	usec_t sync_us;   /* the same, when it is never quiet */
	usec_t retry_us;  /* between two tries to take the port */
	usec_t resend_us; /* between two connections ended for a new config */
	usec_t yield_us;  /* without a route or next hop: the place may be another's */
};

struct fpm_options {
	struct event_base *base;
	const struct config *config; /* read in the call only */
	fpm_ask_fn ask;              /* the kernel; NULL: nothing is compared */
	void *ask_arg;
	struct fpm_limits limits;
};

/* Start listening. A port in use is no error here, it is a state. 0 or -ENOMEM. */
int fpm_new(const struct fpm_options *options, struct fpm **ret, struct err *err);
void fpm_free(struct fpm *fpm);

/*
 * fpm_reload - another config. What it newly asks about zebra has sent long ago: the connection is
 * ended so that zebra sends all again, at most every 30 s. Without memory the former interest
 * stays, with a line in the log.
 */
void fpm_reload(struct fpm *fpm, const struct config *config);

#define FPM_SENTENCE_MAX 256

struct fpm_life {
	enum fpm_state state;
	usec_t since; /* of the connection, of its end when gone */
	usec_t last_frame;
	usec_t last_message;  /* of a route or next hop; 0: none yet */
	uint64_t connections; /* accepted */
	uint64_t refused;     /* came while another was there */
	uint64_t faults;      /* connections ended for what was sent */
	uint64_t resends;     /* ended so that all is sent again */
	uint64_t frames, messages;
	bool has_groups; /* this zebra sends next-hop objects: -M dplane_fpm_nl */
	bool is_short;   /* not all that was wanted found room */
	char listen[64];
	char sentence[FPM_SENTENCE_MAX];
	char fault[FPM_SENTENCE_MAX]; /* the last, or empty */
	usec_t fault_at;
	size_t n_routes, n_stale, n_compared, n_differ;
	usec_t differ_since; /* the oldest difference; 0: none */
	struct addr differ_addr;
	enum fpm_difference difference;
};

/* As it is now; valid until the next call. */
const struct fpm_life *fpm_life(struct fpm *fpm);

/* The two ways to an address; pointers are valid until the event loop goes on. */
struct fpm_way {
	const struct fpm_route *zebra;   /* NULL: none that is known */
	int n_hops;                      /* negative: zebra has not told all of them */
	const struct fpm_hop *hops;      /* as zebra resolves them */
	const struct fpm_target *kernel; /* NULL: never asked about */
};

void fpm_way(struct fpm *fpm, const struct addr *addr, struct fpm_way *ret);

#define FPM_INTERFACE_MAX 16
/* The name of an interface, "#7" when there is none of that number any more; returns buf. */
const char *fpm_interface(const struct fpm *fpm, uint32_t ifindex, char buf[FPM_INTERFACE_MAX]);
