/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drains.h - drains of the node and of VIPs, and operators' orders on reals, which outlive the
 * process and the boot: one small file each under STATE-DIR/drains, written and synced before the
 * command that asked for it is answered.
 *
 * The file is called `node`, `vip-` and the prefix with '/' as '_', or `real-ADDRESS_POOL`. Its
 * content is one JSON object {"v":1,"owner":...,"reason":...,"wall_us":...,"until_us":...}; of a
 * node or VIP also "boot" and "given_us", the boot and the moment of the boot clock it was given
 * at; of a real "order":"drained" or "disabled". `order-` and a prefix is an operator's word on a
 * VIP, as a drain with "order":"announce" or "withdraw"; unreadable it means withdraw. A file that
 * cannot be read still means drained: erring to that side loses capacity, never traffic. The same
 * goes for the directory.
 */
#pragma once

#include <stddef.h>

#include "src/base/addr.h"
#include "src/base/err.h"
#include "src/core/core.h"

/* Make STATE-DIR/drains when it is missing. */
int drains_init(const char *state_dir, struct err *err);

/* Store a drain; vip NULL is the node. Where, whether and by force are not stored. When it fails,
 * here as below, the file is as it was before, or the sentence says otherwise. */
int drains_store(const char *state_dir, const struct prefix *vip, const struct core_drain *drain,
		 struct err *err);

/* End a drain; one that is not there is fine. */
int drains_clear(const char *state_dir, const struct prefix *vip, struct err *err);

/*
 * drains_load - call found() for each drain stored, vip NULL for the node.
 * Returns 0; a negative errno when the directory could not be read, after a call of found() that
 * drains the node.
 */
int drains_load(const char *state_dir,
		void (*found)(const struct prefix *vip, const struct core_drain *drain, void *arg),
		void *arg, struct err *err);

/* Store, end and load an operator's word on a VIP; the index in *order means nothing. */
int drains_store_vip(const char *state_dir, const struct prefix *vip,
		     const struct core_vip_order *order, struct err *err);
int drains_clear_vip(const char *state_dir, const struct prefix *vip, struct err *err);
int drains_load_vips(const char *state_dir,
		     void (*found)(const struct prefix *vip, const struct core_vip_order *order,
				   void *arg),
		     void *arg, struct err *err);

/* A real is its address in a pool. */
struct drains_real {
	char pool[CONFIG_NAME_MAX + 1];
	struct addr addr;
};

/* Store, end and load what operators asked of reals; as the above. */
int drains_store_real(const char *state_dir, const struct drains_real *real,
		      const struct core_order *order, struct err *err);
int drains_clear_real(const char *state_dir, const struct drains_real *real, struct err *err);
int drains_load_reals(const char *state_dir,
		      void (*found)(const struct drains_real *real, const struct core_order *order,
				    void *arg),
		      void *arg, struct err *err);
