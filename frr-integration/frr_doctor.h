/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frr_doctor.h - the running FRR compared with what `shoal frr-config` would write, finding by
 * finding, each with the command that mends it.
 *
 * Judged is what matters to VIPs, not whether lines are the same: sessions may be configured by
 * peer groups, policies may be the operator's own. Pure: facts in, findings out.
 */
#pragma once

#include "frr-integration/frr_config.h"
#include "frr-integration/frr_facts.h"
#include "src/base/diagnosis.h"
#include "src/config/config.h"

/* Returns 0, or -ENOMEM with the sentence; findings so far stay. */
int frr_doctor(const struct config *config, const struct frr_options *options,
	       const struct frr_facts *facts, struct diagnosis *diagnosis, struct err *err);
