/* SPDX-License-Identifier: Apache-2.0 */
/*
 * remedy.h - for every reason that a VIP or a check can have, what would change it and the command
 * that does or shows more. One row a reason; a test holds that none lacks.
 */
#pragma once

#include "src/core/reason.h"

struct remedy {
	const char *text;
	const char *command; /* of a check NULL: `shoal probe POOL/REAL` */
};

/* Of a VIP that is not as its checks alone would have it; of some the caller knows better. */
const struct remedy *remedy_of_vip(enum vip_reason reason);
/* Of a real whose last probe ended so. */
const struct remedy *remedy_of_probe(enum probe_reason reason);
