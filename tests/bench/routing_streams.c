/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/routing_streams.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/usec.h"
#include "tests/bench/routing_site.h"

#define STREAMS_MAX 256
#define ECHO_PORT   7
#define LATE_S      10 /* a busy machine answers late, which is no loss */

struct streams {
	pid_t pid;
	int fd; /* closed: stop; then the counts come out */
	struct pollfd polls[STREAMS_MAX];
	unsigned n;
	uint64_t sent, answered;
};

static int open_stream(const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(ECHO_PORT) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, address, &to.sin_addr);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		site_die("UDP to %s: %s", address, strerror(errno));
	return fd;
}

/* Take what came back until a moment. */
static void hear_until(struct streams *streams, usec_t until)
{
	for (usec_t now = usec_now(); now < until; now = usec_now()) {
		char answer[64];

		poll(streams->polls, streams->n, (int)((until - now) / USEC_PER_MSEC) + 1);
		for (unsigned i = 0; i < streams->n; i++)
			while (recv(streams->polls[i].fd, answer, sizeof(answer), 0) > 0)
				streams->answered++;
	}
}

static bool is_to_stop(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, 0) > 0;
}

/* The streams take turns, so that datagrams leave evenly. */
static void run(struct streams *streams, int control, unsigned pps)
{
	usec_t gap = USEC_PER_SEC / pps / streams->n, next = usec_now();
	uint64_t counts[2];

	for (unsigned i = 0; !is_to_stop(control); i = (i + 1) % streams->n) {
		streams->sent += send(streams->polls[i].fd, "bench\n", 6, 0) == 6;
		next += gap;
		hear_until(streams, next);
	}
	for (int i = 0; i < LATE_S && streams->answered < streams->sent; i++)
		hear_until(streams, usec_now() + USEC_PER_SEC);
	counts[0] = streams->sent;
	counts[1] = streams->answered;
	_exit(write(control, counts, sizeof(counts)) != sizeof(counts));
}

struct streams *streams_start(const char *netns, const char *address, unsigned n, unsigned pps)
{
	struct streams *streams = calloc(1, sizeof(*streams));
	int home = site_enter(netns), pair[2];

	if (!streams || n > STREAMS_MAX ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		site_die("cannot make %u streams", n);
	streams->n = n;
	for (unsigned i = 0; i < n; i++)
		streams->polls[i] = (struct pollfd){ .fd = open_stream(address), .events = POLLIN };
	streams->pid = fork();
	if (streams->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		run(streams, pair[1], pps);
	}
	site_leave(home);
	close(pair[1]);
	streams->fd = pair[0];
	for (unsigned i = 0; i < n; i++)
		close(streams->polls[i].fd);
	return streams;
}

void streams_stop(struct streams *streams, uint64_t *ret_sent, uint64_t *ret_lost)
{
	uint64_t counts[2] = { 0, 0 };

	shutdown(streams->fd, SHUT_WR);
	if (read(streams->fd, counts, sizeof(counts)) != sizeof(counts) || counts[0] == 0)
		site_die("the streams ended by themselves");
	waitpid(streams->pid, NULL, 0);
	close(streams->fd);
	free(streams);
	*ret_sent = counts[0];
	*ret_lost = counts[0] > counts[1] ? counts[0] - counts[1] : 0;
}
