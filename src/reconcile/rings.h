/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rings.h - from what the core wants of a pool to the slots of its ring in the data plane.
 *
 * While reals only leave, the ring as it stands is the base of the next overlay (see ring.h): only
 * the slots of those that left are found, given to their heirs and stored. Everything else starts
 * from the base ring, kept in bases.h.
 */
#pragma once

#include "src/base/err.h"
#include "src/core/core.h"
#include "src/dataplane/dataplane.h"

struct rings;

/* What a ring was last written from; all zero: not known. */
struct rings_written {
	bool *serves;  /* per real of the config */
	bool is_plain; /* nobody withheld a slot, and the base ring was that of the config */
};
void rings_written_fini(struct rings_written *written);

struct rings *rings_new(struct dataplane *dataplane); /* NULL when memory is short */
void rings_free(struct rings *rings);

/*
 * rings_write - make the ring what the core wants of the pool.
 * @written: of this ring; brought up to date, and forgotten when the write fails.
 * Returns 0, -ENOENT when a real is not programmed, or another negative errno.
 */
int rings_write(struct rings *rings, uint32_t ring, const struct config_pool *pool,
		const struct desired_pool *desired, struct rings_written *written,
		uint32_t *ret_changed, struct err *err);

/*
 * rings_mend - the ring is as the core wants it, but for slots that somebody else changed: put
 * these back. Errors as rings_write().
 */
int rings_mend(struct rings *rings, uint32_t ring, const struct config_pool *pool,
	       const struct desired_pool *desired, uint32_t *ret_changed, struct err *err);

/* The owners in the base ring as real indices, none for dead reals; see dataplane_ring_seed(). */
int rings_seed(struct rings *rings, uint32_t ring, const struct core_pool *pool, struct err *err);

/* After a reload: forget base rings that no pool of the config has. */
void rings_config_changed(struct rings *rings, const struct config *config);
