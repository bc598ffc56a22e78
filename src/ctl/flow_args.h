/* SPDX-License-Identifier: Apache-2.0 */
/* flow_args.h - a flow as the commands flow and flows name it; for both ends of the socket. */
#pragma once

#include <jansson.h>

#include "src/base/err.h"
#include "src/dataplane/dataplane.h"

/* "proto", "source" and "destination" of args. Returns 0 or -EINVAL with the sentence. */
int flow_args_parse(const json_t *args, struct dataplane_flow *ret, struct err *err);
