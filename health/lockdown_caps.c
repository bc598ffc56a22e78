/* SPDX-License-Identifier: Apache-2.0 */
/* lockdown_caps.c - what shoal-probe and shoal-exec both give up. */
#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "health/lockdown.h"

static int capget_all(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &header, data) < 0 ? -errno : 0;
}

static int capset_all(const struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

/* Of the first 32 capabilities those in keep stay where they are held; *ret_held says which. */
static int drop_others(uint32_t keep, uint32_t *ret_held, struct err *err)
{
	struct __user_cap_data_struct data[2] = { 0 };
	int r;

	/* The bounding set is only ours to shrink while we hold CAP_SETPCAP; without it, and with
	 * no_new_privs, nothing can be gained through it anyway. */
	for (unsigned long cap = 0; cap < 64; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_set(err, -errno, "no_new_privs cannot be set: %m");
	r = capget_all(data);
	if (r < 0)
		return err_set(err, r, "capabilities cannot be read: %m");
	data[0].permitted &= keep;
	data[0].effective = data[0].permitted;
	data[0].inheritable = 0;
	data[1] = (struct __user_cap_data_struct){ 0 };
	r = capset_all(data);
	if (r < 0)
		return err_set(err, r, "capabilities cannot be dropped: %m");
	*ret_held = data[0].permitted;
	return 0;
}

int lockdown_capabilities(bool *ret_has_net_raw, struct err *err)
{
	uint32_t held = 0;
	int r = drop_others(1U << CAP_NET_RAW, &held, err);

	if (r == 0)
		*ret_has_net_raw = held != 0;
	return r;
}

int lockdown_all_capabilities(struct err *err)
{
	uint32_t held;

	return drop_others(0, &held, err);
}
