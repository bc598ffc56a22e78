/* SPDX-License-Identifier: Apache-2.0 */
/* flow_args.h - a flow as the commands flow and flows name it; for both ends of the socket. */
#pragma once

#include <jansson.h>

#include "src/base/err.h"
#include "src/dataplane/dataplane.h"

/* "proto", "source" and "destination" of args. Returns 0 or -EINVAL with the sentence. */
int flow_args_parse(const json_t *args, struct dataplane_flow *ret, struct err *err);

/*
 * How a packet ends that has this outcome: "sent", "passed" to the host or "dropped". vip: its VIP
 * in the config, which says what becomes of unserved packets; NULL: it has none.
 */
const char *flow_verdict(const char *outcome, const struct config_vip *vip);
