/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decap.h - the parts of shoal-decap, the program on a real that opens the balancers' tunnels.
 *
 * Attached is by XDP (native, else generic), or by tc ingress. With a bpffs, link and counters are
 * pinned there; without one the attachment is held by the interface itself. Either way it outlives
 * the process.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bpf/decap_abi.h"
#include "src/base/addr.h"
#include "src/base/err.h"

#define DECAP_BPFFS    "/sys/fs/bpf/shoal-decap"
#define DECAP_GUE_PORT 6080

enum decap_mode { DECAP_MODE_AUTO, DECAP_MODE_NATIVE, DECAP_MODE_GENERIC, DECAP_MODE_TC };

const char *decap_mode_str(enum decap_mode mode);

struct decap_options {
	const char *ifname;
	const char *bpffs; /* directory for pins */
	enum decap_mode mode;
	uint16_t gue_port;   /* host order */
	uint16_t match_port; /* of GUE whose inner source is put right by tc; 0: none */
	uint32_t server_id;  /* of this real in TCP options; 0: ids are not looked at */
	struct prefix vips[256];
	size_t n_vips; /* 0: every address on lo */
};

struct decap_attached {
	enum decap_mode mode; /* never auto */
	size_t n_own, n_vips;
	bool is_pinned;
	char generic_why[96]; /* why auto did not take native XDP, or "" */
};

/*
 * decap_attach - attach, or replace an attachment of ours (its addresses and VIPs are read anew,
 * its counters start at 0).
 * Returns 0; -ENODEV; -EBUSY when a foreign XDP program is there and tc was not asked for; -EPERM.
 */
int decap_attach(const struct decap_options *options, struct decap_attached *ret, struct err *err);

/* Returns 0, or -ENOENT when nothing of ours is attached there. */
int decap_detach(const struct decap_options *options, struct err *err);

/* How we are attached to the interface and what was counted; -ENOENT when we are not. */
int decap_status(const struct decap_options *options, enum decap_mode *ret_mode,
		 struct decap_counts *ret, struct err *err);

/* The VIPs that decap_attach() would take: those given, else the addresses on lo. */
int decap_vips(struct decap_options *options, struct err *err);

/*
 * decap_check - one line for each thing about the real's set-up, "ok", "warn" or "bad" and the
 * remedy. Returns how many are bad.
 */
int decap_check(const struct decap_options *options, FILE *out);
