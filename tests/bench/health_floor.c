/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/health_floor.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "health/lateness.h"

#define BATCH 64U

static void fail(const char *what)
{
	fprintf(stderr, "health: floor: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* CPU time of this thread. */
static double ran_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int open_to(const struct servers *servers, uint32_t index)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(servers->port) };
	struct addr addr = servers_addr(index % servers->n);
	size_t len;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(&to.sin_addr, addr_raw(&addr, &len), sizeof(to.sin_addr));
	if (fd < 0 ||
	    (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS))
		fail("connect");
	return fd;
}

static void close_by_reset(int fd)
{
	const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
}

/* Wait until every descriptor of a batch is ready. */
static void await(const int *fds, short events)
{
	for (uint32_t i = 0; i < BATCH; i++) {
		struct pollfd wait = { .fd = fds[i], .events = events };

		if (poll(&wait, 1, 10000) != 1 || (wait.revents & events) == 0)
			fail("a server does not answer");
	}
}

static void ask_all(const int *fds)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: 127.1.0.1\r\n"
				      "User-Agent: floor\r\nAccept: */*\r\n\r\n";
	char response[4096];

	for (uint32_t i = 0; i < BATCH; i++)
		if (send(fds[i], request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
			fail("send");
	await(fds, POLLIN);
	for (uint32_t i = 0; i < BATCH; i++)
		if (recv(fds[i], response, sizeof(response), 0) <= 0)
			fail("receive");
}

static double measure(const struct servers *servers, uint32_t n, bool is_http)
{
	double from = ran_us();
	int fds[BATCH];

	for (uint32_t done = 0; done < n; done += BATCH) {
		for (uint32_t i = 0; i < BATCH; i++)
			fds[i] = open_to(servers, done + i);
		await(fds, POLLOUT);
		if (is_http)
			ask_all(fds);
		for (uint32_t i = 0; i < BATCH; i++)
			close_by_reset(fds[i]);
	}
	return (ran_us() - from) / (double)((n + BATCH - 1) / BATCH * BATCH);
}

double floor_tcp_us(const struct servers *servers, uint32_t n)
{
	return measure(servers, n, false);
}

double floor_http_us(const struct servers *servers, uint32_t n)
{
	return measure(servers, n, true);
}

/* ---- lateness ---- */

/* One second of starts, each planned a millisecond after the one before, however late that was. */
static usec_t sleep_a_second(usec_t *planned)
{
	struct lateness lateness = { 0 };

	for (int i = 0; i < 1000; i++) {
		usec_t now = usec_now();

		*planned += USEC_PER_MSEC;
		if (now < *planned)
			usleep((useconds_t)(*planned - now));
		now = usec_now();
		lateness_add(&lateness, now > *planned ? now - *planned : 0);
	}
	return lateness_percentile(&lateness, 99);
}

/* Each second's figure is sent; who reads them may end us at any time. */
static void sleep_on(int fd)
{
	usec_t planned = usec_now();

	for (;;) {
		usec_t p99 = sleep_a_second(&planned);

		if (write(fd, &p99, sizeof(p99)) != sizeof(p99))
			exit(1);
	}
}

void sleeper_start(struct sleeper *sleeper, const struct apart *apart)
{
	int pair[2];

	if (pipe(pair) < 0 || (sleeper->pid = fork()) < 0)
		fail("sleeper");
	if (sleeper->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		apart_pin(apart, APART_PROBER);
		sleep_on(pair[1]);
	}
	close(pair[1]);
	sleeper->fd = pair[0];
}

usec_t sleeper_stop(struct sleeper *sleeper)
{
	usec_t worst = 0, p99;

	kill(sleeper->pid, SIGKILL);
	waitpid(sleeper->pid, NULL, 0);
	while (read(sleeper->fd, &p99, sizeof(p99)) == sizeof(p99))
		worst = p99 > worst ? p99 : worst;
	close(sleeper->fd);
	return worst;
}
