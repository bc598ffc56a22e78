/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frr_doctor_private.h - shared by the doctor's files.
 *
 *   frr_doctor.c           daemons, the instance, what is saved, ports; the list of checks
 *   frr_doctor_peer.c      each peer's session
 *   frr_doctor_policy.c    what each peer is sent
 */
#pragma once

#include "frr-integration/bgp_config.h"
#include "frr-integration/bgp_json.h"
#include "frr-integration/frr_doctor.h"
#include "frr-integration/running_config.h"

struct frr_doctor {
	const struct config *config;
	const struct frr_options *options;
	const struct frr_facts *facts;
	struct diagnosis *diagnosis;
	struct running_config bgpd, zebra, saved;
	struct bgp_summary summary;
	bool has_instance; /* one of local-as */
};

/* One configured peer under a check. */
struct frr_patient {
	struct frr_doctor *doctor;
	const struct config_peer *peer;
	const struct frr_peer_options *said;
	size_t index;
	char key[ADDR_TEXT_MAX];                        /* as bgpd calls it */
	char name[CONFIG_NAME_MAX + ADDR_TEXT_MAX + 8]; /* "tor1 (10.0.1.1)" */
};

/*
 * A command that gives FRR these lines (one each, indentation does not matter), malloc'ed; NULL
 * when memory is short.
 */
char *frr_fix(const struct frr_doctor *doctor, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same behind `router bgp`, and inside an address family. */
char *frr_fix_bgp(const struct frr_doctor *doctor, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
char *frr_fix_family(const struct frr_doctor *doctor, bool is_v6, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A command as it stands. */
char *frr_fix_command(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* `vtysh -c 'show ...'`: for findings whose cause is elsewhere. */
char *frr_fix_show(const struct frr_doctor *doctor, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void frr_doctor_session(struct frr_patient *patient);
void frr_doctor_policy(struct frr_patient *patient);
