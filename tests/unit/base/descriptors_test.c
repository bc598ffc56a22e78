/* SPDX-License-Identifier: Apache-2.0 */
/* Out of descriptors: strangers first, the reserve lets the daemon go on, and it comes back. */
#include "src/base/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/lib/test.h"

static void limit_to(rlim_t soft)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = soft;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static unsigned open_all(int *fds, unsigned max)
{
	unsigned n = 0;

	while (n < max && (fds[n] = open("/dev/null", O_RDONLY)) >= 0)
		n++;
	return n;
}

TEST(descriptors, that_are_the_last_are_not_for_strangers)
{
	struct rlimit limit;
	int fd;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	descriptors_init();
	limit_to(64);
	assert_false(descriptors_keep());
	fd = open("/dev/null", O_RDONLY);
	assert_false(descriptors_are_last(fd));
	assert_int_equal(dup2(fd, 47), 47);
	assert_false(descriptors_are_last(47));
	assert_true(descriptors_are_last(48));
	close(47);
	close(fd);
	limit_to(limit.rlim_cur);
}

TEST(descriptors, in_reserve_are_let_go_and_taken_again)
{
	int fds[128], fd;
	unsigned n;

	descriptors_init();
	limit_to(64);
	n = open_all(fds, 128);
	assert_true(open("/dev/null", O_RDONLY) < 0);
	assert_true(descriptors_keep());
	fd = open("/dev/null", O_RDONLY);
	assert_true(fd >= 0);
	close(fd);
	/* Also when the limit falls beneath what is open. */
	limit_to(16);
	assert_true(descriptors_keep());
	fd = open("/dev/null", O_RDONLY);
	assert_true(fd >= 0);
	close(fd);
	limit_to(64);
	while (n > 0)
		close(fds[--n]);
	assert_false(descriptors_keep());
}

RUN_TESTS(T(descriptors, that_are_the_last_are_not_for_strangers),
	  T(descriptors, in_reserve_are_let_go_and_taken_again))
