/* SPDX-License-Identifier: Apache-2.0 */
#include "src/base/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define LAST      16 /* so many are not for strangers */
#define N_RESERVE 8
#define LIMIT_MAX 65536 /* more help nobody, and cost where limits are walked through */

static int reserve[N_RESERVE] = { -1, -1, -1, -1, -1, -1, -1, -1 };

unsigned long descriptors_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 0 : (unsigned long)limit.rlim_cur;
}

static bool take_reserve(void)
{
	for (unsigned i = 0; i < N_RESERVE; i++) {
		if (reserve[i] < 0)
			reserve[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (reserve[i] < 0)
			return false;
	}
	return true;
}

static void release_reserve(void)
{
	for (unsigned i = 0; i < N_RESERVE; i++) {
		if (reserve[i] >= 0)
			close(reserve[i]);
		reserve[i] = -1;
	}
}

void descriptors_init(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max &&
	    limit.rlim_cur < LIMIT_MAX) {
		limit.rlim_cur = limit.rlim_max < LIMIT_MAX ? limit.rlim_max : LIMIT_MAX;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	take_reserve();
}

bool descriptors_are_last(int fd)
{
	return (unsigned long)fd + LAST >= descriptors_limit();
}

bool descriptors_keep(void)
{
	bool are_short = !take_reserve();
	int fd = -1;

	if (!are_short) {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		are_short = fd < 0 || descriptors_are_last(fd);
	}
	if (fd >= 0)
		close(fd);
	if (are_short)
		release_reserve();
	return are_short;
}
