/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check.h - what a kind of check is to the rest of shoal-probe and shoal-exec.
 *
 * A probe is one run of a target's check. It begins with a connection (dial.h); once that stands,
 * the kind takes the descriptor and goes on. Whatever happens, a probe ends with exactly one call
 * of probe_end(), or with stop() when it is cut off. The evidence is only put into words when
 * somebody will read it, which in the steady state is never.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "health/dial.h"
#include "health/message.h"
#include "health/trace.h"
#include "src/base/usec.h"
#include "src/config/config.h"
#include "src/core/reason.h"

struct event_base;
struct probe;
struct ca;

/* What a check asks for; of the target, constant while it lives. */
struct check_spec {
	enum config_check_type type;
	struct dial_options dial;
	usec_t timeout_us;
	char *path, *host;           /* never NULL; host "": the address */
	struct config_range *ranges; /* HTTP status or exit codes */
	uint32_t n_ranges;
	enum config_method method;
	enum config_http_version http_version;
	enum config_transport transport;
	enum config_record record;
	enum config_rcode rcode;
	bool tls, verify;
	usec_t expiry_warning_us; /* 0: none */
	uint64_t ca_id;           /* 0: none */
	struct check_text *texts;
	uint32_t n_texts;
	void *own; /* what the kind's prepare() made of it */
};

/* A text of a check; there is a NUL behind its bytes. */
struct check_text {
	enum message_text_key key;
	size_t len;
	const char *bytes;
};

/* Copy what a message asks for. Returns 0 or -ENOMEM. The spec is to be freed either way. */
int check_spec_fill(struct check_spec *spec, const struct message_target *message);
void check_spec_free(struct check_spec *spec);

/* The first text with a key; NULL: none. */
const struct check_text *check_text(const struct check_spec *spec, enum message_text_key key);
/* The next one with the same key; NULL: that was the last. */
const struct check_text *check_text_next(const struct check_spec *spec,
					 const struct check_text *text);

struct check_kind {
	/* Make spec->own of a spec, and drop it again; NULL: nothing to make. 0 or -ENOMEM. */
	int (*prepare)(struct check_spec *spec);
	void (*forget)(struct check_spec *spec);
	/* Begin without a connection; NULL: the probe is dialled, and connected() called. It may
	 * end the probe before it returns. */
	void (*start)(struct probe *probe, struct event_base *base);
	/* Whether one more may begin now, as far as memory goes; NULL: always. A patient one leaves
	 * room for others: its target did not answer last time, or is new. */
	bool (*has_room)(const struct check_spec *spec, bool is_patient);
	/* The connection stands: go on. fd is this function's to close. */
	void (*connected)(struct probe *probe, int fd);
	/* Cut a probe off that is past its connection; no probe_end() after that. */
	void (*stop)(struct probe *probe);
	/* What the probe is waiting for, past its connection: "the status line". */
	const char *(*waiting_for)(const struct probe *probe);
};

struct probe {
	struct dial dial;
	const struct check_spec *spec;
	usec_t started;
	bool has_connected;   /* somebody answered, whatever comes of it */
	void *run;            /* the kind's own */
	uint64_t cert_ends;   /* of a probe that passed: Unix seconds, where a warning is due */
	bool has_output;      /* the run that ends wrote this, of exec alone: */
	struct output output; /* good until probe_end() returns */
	struct event_base *base;
	struct trace *trace; /* NULL: nobody watches */
};

/*
 * probe_step - for whoever watches this probe: what it has just done, "TLS handshake, TLSv1.3",
 * with printf's arguments. Where nobody watches, they are not even evaluated.
 */
#define probe_step(probe, ...) ((probe)->trace ? probe_note_step((probe), __VA_ARGS__) : (void)0)
/* What comes next, in constant words, "TLS handshake": the step that is said to have failed when
 * the probe ends before it is done. */
#define probe_doing(probe, words)                                                                  \
	((probe)->trace ? (void)((probe)->trace->doing = (words)) : (void)0)
void probe_note_step(struct probe *probe, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Once: a probe of what spec asks for, which outlives it. */
void probe_init(struct probe *probe, const struct check_spec *spec);
/* Run it from now on; it may have ended when this returns. The timeout is the caller's to keep. */
void probe_begin(struct probe *probe, struct event_base *base);
/* Stop what runs, without probe_end(). Returns what it was waiting for, good until the next call.
 */
const char *probe_cut_off(struct probe *probe);

/*
 * probe_end - the probe is over; implemented by targets.c. The probe may be started again, but not
 * before this returns. fmt is the evidence; what it prints is cut to size and made printable.
 */
void probe_end(struct probe *probe, enum probe_reason reason, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Milliseconds since the start of the probe, for evidence. */
double probe_msec(const struct probe *probe);

/* The kind that a spec asks for: kinds.c for shoal-probe, exec.c for shoal-exec. */
const struct check_kind *check_kind_of(const struct check_spec *spec);
extern const struct check_kind check_unknown; /* what this process cannot do */

extern const struct check_kind check_tcp;
extern const struct check_kind check_http; /* and https, grpc */
extern const struct check_kind check_tls;
extern const struct check_kind check_udp;
extern const struct check_kind check_icmp;
extern const struct check_kind check_dns_udp, check_dns_tcp;

/* Once, before the process locks itself up; base outlives http_fini(). */
int http_init(struct event_base *base);
void http_fini(void);
int tls_init(void);
void tls_fini(void);
