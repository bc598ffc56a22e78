/* SPDX-License-Identifier: Apache-2.0 */
/* The FPM listener against zebras that come, go, restart, stay silent and talk nonsense. */
#include "frr-integration/fpm.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/log.h"
#include "tests/unit/frr-integration/fpm_frames.h"

#define PATIENCE (10 * USEC_PER_SEC)

static struct config_real reals[] = { { .name = "web1" }, { .name = "web2" }, { .name = "web3" } };
static struct config_pool pools[] = { { .name = "web", .reals = reals, .n_reals = 2 } };
static struct prefix ranges[1];
static char listen_at[32];
static struct config config = { .pools = pools, .n_pools = 1 };

static struct {
	struct event_base *base;
	struct fpm *fpm;
	uint16_t port;
	int zebra; /* our end */
	int kernel_error;
} t;

/* What the kernel answers to every question: a route through 10.0.1.1, or an error. */
static int ask(void *arg, const struct addr *dst, fpm_answer_fn answer, void *answer_arg)
{
	struct frame frame;

	(void)arg;
	(void)dst;
	frame_route(&frame, RTM_NEWROUTE, "10.1.0.0/16", 0);
	frame_gateway(&frame, "10.0.1.1", 3);
	if (t.kernel_error == 0)
		answer(frame_hdr(&frame), answer_arg);
	return t.kernel_error;
}

static const struct fpm_limits quick = {
	.first_us = 1 * USEC_PER_SEC,
	.frame_us = 300 * USEC_PER_MSEC,
	.quiet_us = 200 * USEC_PER_MSEC,
	.sync_us = 5 * USEC_PER_SEC,
	.retry_us = 300 * USEC_PER_MSEC,
	.resend_us = 1 * USEC_PER_SEC,
	.yield_us = 500 * USEC_PER_MSEC,
};

static uint16_t free_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	close(fd);
	return ntohs(in.sin_port);
}

static int start(void **state)
{
	struct fpm_options options = { .config = &config, .ask = ask, .limits = quick };
	struct err err = { "" };

	(void)state;
	log_init("fpm_test", LOG_LEVEL_ERR);
	t.base = options.base = event_base_new();
	t.port = free_port();
	t.zebra = -1;
	t.kernel_error = 0;
	for (int i = 0; i < 3; i++) {
		char text[16];

		snprintf(text, sizeof(text), "10.1.0.1%d", i + 1);
		assert_int_equal(addr_parse(text, &reals[i].addr), 0);
	}
	pools[0].n_reals = 2;
	assert_int_equal(prefix_parse("203.0.113.0/24", &ranges[0]), 0);
	snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%u", t.port);
	config.routing.fpm = listen_at;
	config.routing.vip_ranges = ranges;
	config.routing.n_vip_ranges = 1;
	if (fpm_new(&options, &t.fpm, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	if (t.zebra >= 0)
		close(t.zebra);
	fpm_free(t.fpm);
	event_base_free(t.base);
	return 0;
}

/* ---- the world ---- */

static int dial(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(t.port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static void zebra_starts(void)
{
	t.zebra = dial();
}

static void zebra_dies(void)
{
	close(t.zebra);
	t.zebra = -1;
}

static void say(const void *bytes, size_t n)
{
	assert_int_equal(send(t.zebra, bytes, n, MSG_NOSIGNAL), n);
}

static void say_route(uint16_t type, const char *prefix, const char *gateway)
{
	struct frame frame;

	frame_route(&frame, type, prefix, 0);
	frame_gateway(&frame, gateway, 3);
	say(frame.bytes, frame.n);
}

/* Turn the loop until it is so. */
static void wait_for(bool (*is_so)(void), const char *what)
{
	const struct timeval turn = { .tv_usec = 10000 };
	usec_t until = usec_now() + PATIENCE;

	while (!is_so()) {
		if (usec_now() > until)
			fail_msg("not within 10 s: %s; %s", what, fpm_life(t.fpm)->sentence);
		event_base_loopexit(t.base, &turn);
		event_base_dispatch(t.base);
	}
}
#define WAIT_FOR(is_so) wait_for(is_so, #is_so)

static bool is_state(enum fpm_state state)
{
	return fpm_life(t.fpm)->state == state;
}

static bool is_syncing(void)
{
	return is_state(FPM_SYNCING);
}

static bool is_synced(void)
{
	return is_state(FPM_SYNCED);
}

static bool is_gone(void)
{
	return is_state(FPM_GONE);
}

static bool is_closed(void)
{
	return is_state(FPM_CLOSED);
}

static bool is_waiting(void)
{
	return is_state(FPM_WAITING);
}

static bool is_second(void)
{
	return fpm_life(t.fpm)->connections == 2;
}

static bool has_fault(void)
{
	return fpm_life(t.fpm)->faults > 0;
}

static bool has_refused(void)
{
	return fpm_life(t.fpm)->refused > 0;
}

static bool is_quiet(void)
{
	return usec_now() - fpm_life(t.fpm)->last_message > quick.yield_us;
}

static bool has_asked_for_all(void)
{
	return fpm_life(t.fpm)->resends > 0;
}

static bool is_compared(void)
{
	return fpm_life(t.fpm)->n_compared == 2;
}

static bool differs(void)
{
	return fpm_life(t.fpm)->n_differ == 2;
}

static bool is_as_the_kernel(void)
{
	return fpm_life(t.fpm)->n_compared == 2 && fpm_life(t.fpm)->n_differ == 0;
}

/* The route towards web1, "stale" when it is from before, or "none". */
static const char *way(void)
{
	static char buf[PREFIX_TEXT_MAX];
	struct fpm_way way;

	fpm_way(t.fpm, &reals[0].addr, &way);
	if (!way.zebra)
		return "none";
	return way.zebra->is_stale ? "stale" : prefix_print(&way.zebra->prefix, buf);
}

static bool has_way(void)
{
	return strcmp(way(), "10.1.0.0/16") == 0;
}

static bool has_no_way(void)
{
	return strcmp(way(), "none") == 0;
}

static void zebra_is_synced(void)
{
	zebra_starts();
	say_route(RTM_NEWROUTE, "10.1.0.0/16", "10.0.1.1");
	WAIT_FOR(is_synced);
}

/* ---- a zebra as it should be ---- */

TEST(fpm, takes_what_zebra_sends)
{
	assert_true(is_state(FPM_WAITING));
	zebra_starts();
	WAIT_FOR(is_syncing);
	say_route(RTM_NEWROUTE, "10.1.0.0/16", "10.0.1.1");
	WAIT_FOR(has_way);
	WAIT_FOR(is_synced);
	say_route(RTM_DELROUTE, "10.1.0.0/16", "10.0.1.1");
	WAIT_FOR(has_no_way);
	assert_int_equal(fpm_life(t.fpm)->frames, 2);
	assert_int_equal(fpm_life(t.fpm)->faults, 0);
}

TEST(fpm, takes_frames_in_any_pieces)
{
	uint8_t bytes[FPM_FRAME_MAX];
	size_t n = frames_load("dplane_fpm_nl-8.4.4.bin", bytes, sizeof(bytes));
	const struct timeval turn = { .tv_usec = 100 };

	zebra_starts();
	for (size_t at = 0; at < n; at += 7) {
		say(bytes + at, n - at < 7 ? n - at : 7);
		event_base_loopexit(t.base, &turn);
		event_base_dispatch(t.base);
	}
	WAIT_FOR(is_synced);
	assert_int_equal(fpm_life(t.fpm)->faults, 0);
	assert_int_equal(fpm_life(t.fpm)->messages, 29);
	assert_true(fpm_life(t.fpm)->has_groups);
}

TEST(fpm, sweeps_what_a_restarted_zebra_has_not)
{
	zebra_is_synced();
	zebra_dies();
	WAIT_FOR(is_gone);
	assert_string_equal(way(), "10.1.0.0/16"); /* as of then */
	zebra_starts();
	WAIT_FOR(is_syncing);
	assert_string_equal(way(), "stale");
	say_route(RTM_NEWROUTE, "0.0.0.0/0", "10.0.1.1");
	WAIT_FOR(is_synced);
	assert_string_equal(way(), "0.0.0.0/0");
	assert_int_equal(fpm_life(t.fpm)->connections, 2);
	assert_int_equal(fpm_life(t.fpm)->faults, 0);
}

TEST(fpm, takes_a_zebra_that_is_back_before_its_end_was_seen)
{
	int former;

	zebra_is_synced();
	former = t.zebra;
	close(former);
	zebra_starts(); /* both are pending in the loop */
	say_route(RTM_NEWROUTE, "10.1.0.0/16", "10.0.1.1");
	WAIT_FOR(is_second);
	WAIT_FOR(is_synced);
	assert_int_equal(fpm_life(t.fpm)->refused, 0);
}

/* ---- against the kernel ---- */

TEST(fpm, tells_where_the_kernel_differs)
{
	zebra_is_synced();
	WAIT_FOR(is_compared);
	assert_int_equal(fpm_life(t.fpm)->n_differ, 0);
	t.kernel_error = -ENETUNREACH;
	WAIT_FOR(differs);
	assert_int_equal(fpm_life(t.fpm)->difference, FPM_KERNEL_LACKS);
	assert_true(fpm_life(t.fpm)->differ_since > 0);
	t.kernel_error = 0;
	WAIT_FOR(is_as_the_kernel);
}

TEST(fpm, compares_nothing_without_zebra)
{
	zebra_is_synced();
	WAIT_FOR(is_compared);
	zebra_dies();
	WAIT_FOR(is_gone);
	assert_int_equal(fpm_life(t.fpm)->n_compared, 0);
}

/* ---- strangers ---- */

static void falls_over(const void *bytes, size_t n, const char *sentence)
{
	char byte;

	zebra_starts();
	say(bytes, n);
	WAIT_FOR(has_fault);
	assert_string_equal(fpm_life(t.fpm)->fault, sentence);
	assert_int_equal(fpm_life(t.fpm)->faults, 1);
	assert_true(is_gone());
	assert_true(recv(t.zebra, &byte, 1, 0) <= 0); /* hung up */
	zebra_dies();
	zebra_is_synced(); /* the next one is welcome */
}

TEST(fpm, ends_a_connection_over_garbage)
{
	falls_over("GET / HTTP/1.1\r\n\r\n", 18, "frame of version 71, and only 1 is understood");
}

TEST(fpm, ends_a_connection_over_an_oversized_frame)
{
	falls_over("\1\1\xff\xff", 4, "frame of 65535 bytes, more than 16384");
}

TEST(fpm, ends_a_connection_over_a_malformed_message)
{
	struct frame frame;

	frame_route(&frame, RTM_NEWROUTE, "10.0.0.0/8", 0);
	frame_put(&frame, RTA_GATEWAY, "\1", 1);
	falls_over(frame.bytes, frame.n, "netlink message with a malformed gateway");
}

TEST(fpm, ends_a_connection_that_stops_within_a_frame)
{
	falls_over("\1\1\0\x40zebra", 9, "a frame that does not end");
}

TEST(fpm, ends_a_connection_that_says_nothing)
{
	falls_over("", 0, "connected, and sent neither a route nor a next hop");
}

TEST(fpm, ends_a_connection_that_tells_nothing_of_routes)
{
	struct frame frame;

	frame_route(&frame, RTM_NEWNEIGH, "10.1.0.0/16", 0);
	falls_over(frame.bytes, frame.n, "connected, and sent neither a route nor a next hop");
}

TEST(fpm, calls_a_cut_frame_at_the_end_a_fault)
{
	zebra_is_synced();
	say("\1\1\0", 3);
	zebra_dies();
	WAIT_FOR(has_fault);
	assert_string_equal(fpm_life(t.fpm)->fault, "the connection ended within a frame");
}

TEST(fpm, refuses_a_second_connection)
{
	int other;
	char byte;

	zebra_is_synced();
	say_route(RTM_NEWROUTE, "10.1.0.0/16", "10.0.1.1");
	other = dial();
	WAIT_FOR(has_refused);
	assert_int_equal(recv(other, &byte, 1, 0), 0);
	close(other);
	assert_true(is_synced());
	say_route(RTM_DELROUTE, "10.1.0.0/16", "10.0.1.1");
	WAIT_FOR(has_no_way);
}

TEST(fpm, gives_the_place_of_a_quiet_connection_to_one_that_tells_routes)
{
	struct frame frame;
	int squatter, silent;
	char byte;

	zebra_is_synced();
	squatter = t.zebra;
	WAIT_FOR(is_quiet);
	silent = dial(); /* says nothing: ends nobody's connection */
	WAIT_FOR(has_refused);
	close(silent);
	assert_int_equal(fpm_life(t.fpm)->connections, 1);
	zebra_starts();
	frame_route(&frame, RTM_NEWROUTE, "0.0.0.0/0", 0);
	frame_gateway(&frame, "10.0.1.1", 3);
	say(frame.bytes, frame.n / 2);
	say(frame.bytes + frame.n / 2, frame.n - frame.n / 2);
	WAIT_FOR(is_second);
	assert_true(recv(squatter, &byte, 1, 0) <= 0);
	close(squatter);
	WAIT_FOR(is_synced);
	assert_string_equal(way(), "0.0.0.0/0");
}

static bool has_refused_two(void)
{
	return fpm_life(t.fpm)->refused == 2;
}

TEST(fpm, keeps_a_quiet_zebra_when_others_tell_nonsense)
{
	int nonsense, gone;

	zebra_is_synced();
	WAIT_FOR(is_quiet);
	nonsense = dial();
	assert_int_equal(send(nonsense, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL), 18);
	WAIT_FOR(has_refused);
	gone = dial();
	close(gone);
	WAIT_FOR(has_refused_two);
	close(nonsense);
	assert_true(is_synced());
	assert_int_equal(fpm_life(t.fpm)->connections, 1);
	assert_string_equal(way(), "10.1.0.0/16");
}

static uint64_t connections_wanted;

static bool has_been_there(void)
{
	return fpm_life(t.fpm)->connections == connections_wanted && is_gone();
}

TEST(fpm, does_not_let_others_fill_the_log)
{
	char line[512];
	unsigned lines = 0;
	FILE *log = tmpfile();
	int former = dup(STDERR_FILENO);

	assert_non_null(log);
	log_init("fpm_test", LOG_LEVEL_INFO);
	dup2(fileno(log), STDERR_FILENO);
	for (connections_wanted = 1; connections_wanted <= 20; connections_wanted++) {
		zebra_starts();
		zebra_dies();
		WAIT_FOR(has_been_there);
	}
	dup2(former, STDERR_FILENO);
	close(former);
	rewind(log);
	while (fgets(line, sizeof(line), log))
		lines += strstr(line, "connected=") != NULL;
	fclose(log);
	assert_in_range(lines, 2, 12);
}

/* ---- config ---- */

TEST(fpm, makes_zebra_send_all_again_when_the_config_asks_about_more)
{
	char byte;

	zebra_is_synced();
	pools[0].n_reals = 3;
	fpm_reload(t.fpm, &config);
	assert_true(is_syncing());
	WAIT_FOR(has_asked_for_all);
	assert_int_equal(recv(t.zebra, &byte, 1, 0), 0);
	zebra_dies();
	zebra_is_synced();
	assert_int_equal(fpm_life(t.fpm)->faults, 0);
}

TEST(fpm, leaves_the_connection_alone_when_the_config_asks_no_more)
{
	zebra_is_synced();
	pools[0].n_reals = 1;
	fpm_reload(t.fpm, &config);
	assert_true(is_synced());
	assert_true(has_way());
	assert_int_equal(fpm_life(t.fpm)->resends, 0);
}

TEST(fpm, takes_another_port_or_none)
{
	zebra_is_synced();
	config.routing.fpm = NULL;
	fpm_reload(t.fpm, &config);
	assert_true(is_state(FPM_OFF));
	zebra_dies();
	t.port = free_port();
	snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%u", t.port);
	config.routing.fpm = listen_at;
	fpm_reload(t.fpm, &config);
	zebra_is_synced();
}

TEST(fpm, says_so_when_the_port_is_taken)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int other = socket(AF_INET, SOCK_STREAM, 0);
	char text[96];

	in.sin_port = htons(free_port());
	assert_int_equal(bind(other, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(other, 1), 0);
	t.port = ntohs(in.sin_port);
	snprintf(listen_at, sizeof(listen_at), "127.0.0.1:%u", t.port);
	fpm_reload(t.fpm, &config);
	assert_true(is_closed());
	snprintf(text, sizeof(text), "cannot listen on %s (routing.fpm): Address already in use",
		 listen_at);
	assert_string_equal(fpm_life(t.fpm)->sentence, text);
	close(other);
	WAIT_FOR(is_waiting);
	zebra_is_synced();
}

#define TF(name) cmocka_unit_test_setup_teardown(fpm_##name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TF(takes_what_zebra_sends),
		TF(takes_frames_in_any_pieces),
		TF(sweeps_what_a_restarted_zebra_has_not),
		TF(takes_a_zebra_that_is_back_before_its_end_was_seen),
		TF(tells_where_the_kernel_differs),
		TF(compares_nothing_without_zebra),
		TF(ends_a_connection_over_garbage),
		TF(ends_a_connection_over_an_oversized_frame),
		TF(ends_a_connection_over_a_malformed_message),
		TF(ends_a_connection_that_stops_within_a_frame),
		TF(ends_a_connection_that_says_nothing),
		TF(calls_a_cut_frame_at_the_end_a_fault),
		TF(refuses_a_second_connection),
		TF(ends_a_connection_that_tells_nothing_of_routes),
		TF(gives_the_place_of_a_quiet_connection_to_one_that_tells_routes),
		TF(keeps_a_quiet_zebra_when_others_tell_nonsense),
		TF(does_not_let_others_fill_the_log),
		TF(makes_zebra_send_all_again_when_the_config_asks_about_more),
		TF(leaves_the_connection_alone_when_the_config_asks_no_more),
		TF(takes_another_port_or_none),
		TF(says_so_when_the_port_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
