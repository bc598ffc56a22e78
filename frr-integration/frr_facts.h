/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frr_facts.h - what FRR on this host says of itself, read once: for whoever judges it afterwards.
 * Only reading commands are sent; shoald is not needed and not disturbed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "src/base/err.h"
#include "src/config/config.h"

enum frr_daemon_id { FRR_BGPD, FRR_ZEBRA, FRR_BFDD, FRR_DAEMONS };

struct frr_daemon {
	int reason; /* 0: it answered; else the negative errno of not reaching it */
	char sentence[ERR_TEXT_MAX];
	char *config; /* `show running-config`; NULL without an answer */
	char *state;  /* bgpd: the summary, bfdd: its peers, as JSON; else NULL */
};

/* Every text is owned and may be NULL. */
struct frr_facts {
	struct frr_daemon daemons[FRR_DAEMONS];
	/* bgpd's Adj-RIB-Out of each peer of the config, IPv4 and IPv6, as JSON. */
	char *(*advertised)[2];
	size_t n_peers;
	char *saved_file;   /* which file FRR reads at boot; NULL: none was found */
	char *saved;        /* its text */
	int saved_reason;   /* why it could not be read; 0: it could, or is not there */
	char *listeners[2]; /* /proc/net/tcp and tcp6 of our network namespace */
	bool has_socket;    /* bgpd's vty socket could be looked at */
	bool is_group_ok;   /* and its group may use it */
	char socket_group[64];
};

/*
 * frr_facts_read - ask bgpd, zebra and bfdd below routing.vty, and look at the files.
 * @saved_file: NULL: frr.conf or bgpd.conf in the directory of /etc/frr that goes with routing.vty.
 * What does not answer is part of the facts. Returns 0 or -ENOMEM; end with frr_facts_fini().
 */
int frr_facts_read(const struct config *config, const char *saved_file, struct frr_facts *ret,
		   struct err *err);
void frr_facts_fini(struct frr_facts *facts);

/* "bgpd", "zebra", "bfdd". */
const char *frr_daemon_str(enum frr_daemon_id id);
