/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.h - what shoald and shoal-probe say to each other over probe.sock (SOCK_SEQPACKET).
 *
 * One message is one packet of at most MESSAGE_MAX bytes: kind, version of the protocol, length,
 * then fields in a fixed order, integers little-endian, strings with their length. A decoder
 * accepts a packet only when every length, range and enum is right and nothing is left over, so
 * what comes out of it needs no second look. Neither side trusts the other: shoal-probe reads
 * answers of strangers, and shoald may be of another release.
 *
 *   shoal-probe                         shoald
 *     HELLO  ---------------------------->    the version is compared first, on both sides
 *            <----------------------------  HELLO
 *            <----------------------------  REMOVE..., CA..., TARGET..., TARGETS_END
 *     VERDICT, HEARTBEAT, LATENCY ------->
 *     OUTPUT, before the VERDICT --------->   of a program, by shoal-exec alone
 *            <----------------------------  after a reload: only what changed, then TARGETS_END
 *            <----------------------------  PROBE_NOW: somebody watches
 *     PROBE_DONE ------------------------>
 *            <----------------------------  VOID: a judgement that shoald could not believe,
 *                                               or one that an operator wants made anew
 *
 * The id of a target is a hash of all it consists of: the same id means nothing changed, on this
 * connection or the next, so a target that stays keeps its schedule and its judgement.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "health/latency.h"
#include "health/output.h"
#include "health/trace.h"
#include "src/base/addr.h"
#include "src/base/usec.h"
#include "src/config/config.h"
#include "src/core/core.h"

#define MESSAGE_VERSION       7
#define MESSAGE_MAX           (16 * 1024) /* bytes of the largest packet */
#define MESSAGE_PROGRAM_MAX   32          /* each string: bytes with the NUL */
#define MESSAGE_PATH_MAX      1024
#define MESSAGE_HOST_MAX      256
#define MESSAGE_RANGES_MAX    16
#define MESSAGE_TEXTS_MAX     64
#define MESSAGE_TEXT_MAX      1024 /* bytes of one */
#define MESSAGE_CA_CHUNK_MAX  (MESSAGE_MAX - 64)
#define MESSAGE_CA_MAX        (4U << 20) /* bytes of one set of certificates */
#define MESSAGE_RESULTS_MAX   1000       /* largest rise and fall */
#define MESSAGE_TIME_MAX_US   (24 * 3600 * USEC_PER_SEC)
#define MESSAGE_EXPIRY_MAX_US (365 * MESSAGE_TIME_MAX_US)

enum message_kind {
	MESSAGE_HELLO = 1,
	MESSAGE_CA,
	MESSAGE_TARGET,
	MESSAGE_REMOVE,
	MESSAGE_TARGETS_END,
	MESSAGE_VERDICT,
	MESSAGE_HEARTBEAT,
	MESSAGE_VOID,
	MESSAGE_LATENCY,
	MESSAGE_PROBE_NOW,
	MESSAGE_PROBE_DONE,
	MESSAGE_OUTPUT,
	MESSAGE_KIND_MAX,
};

/* First in both directions. */
struct message_hello {
	char program[MESSAGE_PROGRAM_MAX]; /* "shoal-probe 0.1.0", for logs */
};

/* A part of the PEM bytes that https targets verify against; parts come in order. */
struct message_ca {
	uint64_t id; /* never 0 */
	uint32_t total_bytes, offset;
	uint32_t len;         /* of this part, 1..MESSAGE_CA_CHUNK_MAX */
	const uint8_t *bytes; /* encode: borrowed; decode: points into the packet */
};

/* What texts of a check are for; a kind of check reads those it knows. */
enum message_text_key {
	MESSAGE_TEXT_SNI = 1,
	MESSAGE_TEXT_HEADER, /* many: "Name: value" */
	MESSAGE_TEXT_BODY_CONTAINS,
	MESSAGE_TEXT_BODY_MATCHES,
	MESSAGE_TEXT_ALPN, /* many */
	MESSAGE_TEXT_SERVICE,
	MESSAGE_TEXT_QUERY,
	MESSAGE_TEXT_ANSWER, /* many */
	MESSAGE_TEXT_SEND,   /* any bytes, as is the next */
	MESSAGE_TEXT_EXPECT,
	MESSAGE_TEXT_ARGUMENT,    /* many: argv in its order */
	MESSAGE_TEXT_ENVIRONMENT, /* many: "NAME=value" */
	MESSAGE_TEXT_KEY_MAX,
};

struct message_text {
	enum message_text_key key;
	uint16_t len;         /* 0..MESSAGE_TEXT_MAX */
	const uint8_t *bytes; /* encode: borrowed; decode: points into the packet */
};

/* One check of one real: what to connect to, how, how often, and how to judge. */
struct message_target {
	uint64_t id; /* never 0 */
	enum config_check_type type;
	enum config_via via;
	struct addr addr; /* connect to this: the VIP (tunnel) or the real (direct) */
	uint16_t port;    /* 0: icmp and exec alone */
	uint32_t mark;    /* SO_MARK; 0: none */
	bool has_source;
	struct addr source; /* bind to this */
	usec_t interval_us, fast_interval_us, slow_interval_us, timeout_us;
	uint32_t jitter_percent; /* 0..100 */
	uint32_t rise, fall;     /* 1..MESSAGE_RESULTS_MAX */
	bool has_real;           /* false: this host itself, or nobody asks */
	struct addr real;        /* whose signs of life are looked for while the check is silent */
	uint64_t group;          /* whose latencies are counted together, never 0 */
	enum real_state state;   /* the last judgement; not part of the id, */
	enum real_sign sign;     /* nor is this */
	uint64_t ca;             /* id of the CA bytes (TLS), 0: none */
	char path[MESSAGE_PATH_MAX], host[MESSAGE_HOST_MAX]; /* host "": the address */
	uint32_t n_ranges;
	struct config_range ranges[MESSAGE_RANGES_MAX]; /* HTTP status or exit codes */
	enum config_method method;
	enum config_http_version http_version;
	enum config_transport transport;
	enum config_record record;
	enum config_rcode rcode;
	bool tls, verify;
	usec_t expiry_warning_us, mtu_probe_us; /* 0: none */
	uint32_t mtu_bytes; /* of a packet of full size on this way; 0: not known, or not asked for
			     */
	uint32_t n_texts;
	struct message_text texts[MESSAGE_TEXTS_MAX];
};

struct message_remove {
	uint64_t id;
};

/* Every target has been sent; those of an earlier connection that were not named are to go. */
struct message_targets_end {
	uint32_t n_targets; /* how many there are now */
};

struct message_verdict {
	uint64_t id;
	enum real_state state;
	enum probe_reason reason;
	uint32_t in_a_row;   /* equal results so far */
	enum real_sign sign; /* of the address */
	usec_t latency_us;   /* of the last probe, from its start to its result */
	usec_t row_started;  /* start of the first of those equal results; 0: there is none */
	uint64_t cert_ends;  /* soon, in Unix seconds; 0: not soon, or not known */
	usec_t next_due;     /* when the next probe is planned */
	usec_t told_at;      /* when it was sent; it may wait long for a reader that is stopped */
	char evidence[CORE_EVIDENCE_MAX]; /* printable ASCII */
};

/*
 * The answer to a judgement that came by a broken probe path: it does not count, the target is in
 * `state` as before, and is judged from nothing again.
 */
struct message_void {
	uint64_t id;
	enum real_state state;
	bool is_reset; /* no such doubt: an operator wants it judged anew, and at once */
};

/* Probe a target once for somebody who watches; it is not judged by that. */
struct message_probe_now {
	uint64_t ticket; /* never 0 */
	uint64_t id;
};

/* How that went; comes once for each ticket. */
struct message_probe_done {
	uint64_t ticket;
	enum probe_reason reason;
	usec_t latency_us;
	char evidence[CORE_EVIDENCE_MAX]; /* printable ASCII */
	struct trace trace;
	struct output output; /* decode: points into the packet */
};

/* What a program wrote in the run that the next verdict of the target is about. */
struct message_output {
	uint64_t id;
	struct output output; /* decode: points into the packet */
};

/* Each second; counts since shoal-probe started. */
struct message_heartbeat {
	uint64_t probes;    /* ended, with any reason */
	uint64_t verdicts;  /* of them with a result that counts */
	uint64_t late;      /* of them not run or not judged for lateness */
	uint32_t n_targets; /* now */
	uint32_t n_running; /* now */
	usec_t p99_late_us; /* start against plan, over the last second */
	usec_t told_at;     /* as of a verdict */
};

/*
 * How long the passing probes of a group of targets took, since shoal-probe started; sent for
 * groups of which something changed, a part of them each second.
 */
struct message_latency {
	uint64_t group;
	struct latency counts;
};

struct message {
	enum message_kind kind;
	union {
		struct message_hello hello;
		struct message_ca ca;
		struct message_target target;
		struct message_remove remove;
		struct message_targets_end targets_end;
		struct message_verdict verdict;
		struct message_heartbeat heartbeat;
		struct message_void void_;
		struct message_latency latency;
		struct message_probe_now probe_now;
		struct message_probe_done probe_done;
		struct message_output output;
	};
};

/*
 * message_encode - one packet.
 * Returns its length, or -EINVAL when a field is out of range (a bug, or a value that the caller
 * should have refused).
 */
int message_encode(const struct message *message, uint8_t buf[MESSAGE_MAX]);

/*
 * message_decode - the checked content of a packet.
 * Returns 0, -EPROTONOSUPPORT for another version of the protocol, or -EBADMSG.
 */
int message_decode(const uint8_t *packet, size_t len, struct message *ret);

/*
 * message_target_id - the id of a target: a hash of every field that shapes its probes.
 * @owner: what tells apart targets that probe the same thing (pool name, check index).
 * Never 0. The fields id, group, state and sign of the target do not count.
 */
uint64_t message_target_id(const struct message_target *target, const char *owner);

/* FNV-1a, 64 bits, of bytes; seed 0 starts. Never 0. */
uint64_t message_hash(uint64_t seed, const void *bytes, size_t len);
