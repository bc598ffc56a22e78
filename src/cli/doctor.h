/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.h - the parts of `shoal doctor`. Each looks at one thing around Shoal on this node and
 * adds findings; what it found well it says, too (SEVERITY_OK), so that a check that could not look
 * is never taken for one that found nothing.
 */
#pragma once

#include <jansson.h>

#include "src/base/diagnosis.h"
#include "src/cli/cli.h"
#include "src/cli/frr_options.h"
#include "src/config/config.h"

struct checkup {
	const struct cli *cli;
	const struct frr_wishes *wishes;
	const struct config *config; /* of the wishes */
	json_t *status;              /* of shoald, brief; NULL: it does not answer */
	const char *silence;         /* then why */
	struct diagnosis diagnosis;
};

/* A command that mends something, for diagnosis_add(); NULL when memory is short. */
char *doctor_fix(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void doctor_kernel(struct checkup *checkup);
void doctor_daemons(struct checkup *checkup);
void doctor_uplinks(struct checkup *checkup);
void doctor_reals(struct checkup *checkup);
void doctor_vips(struct checkup *checkup);
void doctor_firewall(struct checkup *checkup);

/* The largest outer packet that goes to a real of this pool, in bytes at L3, when the uplink
 * carries `uplink_mtu`. */
uint32_t doctor_outer_bytes(const struct config *config, const struct config_pool *pool,
			    const struct config_real *real, uint32_t uplink_mtu);
