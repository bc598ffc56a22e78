/* SPDX-License-Identifier: Apache-2.0 */
/* shoald's end of probe.sock against a prober played by the test, packet by packet. */
#include "health/prober.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "health/message.h"
#include "health/path.h"
#include "src/base/log.h"
#include "tests/lib/test.h"

/* ---- a config: two pools, three reals each at most ---- */

struct site {
	struct config_check checks[3];
	uint32_t web_checks[2], dns_checks[1];
	struct config_real web_reals[3], dns_reals[2];
	struct config_pool pools[3];
	struct config_service services4[3], services6[1];
	struct config_vip vips[2];
	struct config config;
};

static struct addr ip(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct config_check check(const char *name, enum config_check_type type, enum config_via via)
{
	static const struct config_range ok = { 200, 299 };

	return (struct config_check){
		.name = name,
		.type = type,
		.path = "/",
		.status = &ok,
		.n_status = 1,
		.interval_us = 2000000,
		.fast_interval_us = 500000,
		.slow_interval_us = 10000000,
		.timeout_us = 1000000,
		.jitter_percent = 20,
		.rise = 3,
		.fall = 3,
		.via = via,
		.verify = true,
	};
}

static void site_init(struct site *s)
{
	memset(s, 0, sizeof(*s));
	s->checks[0] = check("tcp", CONFIG_CHECK_TCP, CONFIG_VIA_TUNNEL);
	s->checks[1] = check("http", CONFIG_CHECK_HTTP, CONFIG_VIA_DIRECT);
	s->checks[2] = check("dns-tcp", CONFIG_CHECK_TCP, CONFIG_VIA_TUNNEL);
	s->checks[2].port = 53;
	s->web_checks[1] = 1;
	s->dns_checks[0] = 2;
	s->web_reals[0] = (struct config_real){ .name = "web1", .addr = ip("10.1.0.11") };
	s->web_reals[1] = (struct config_real){ .name = "web2", .addr = ip("10.1.0.12") };
	s->web_reals[2] = (struct config_real){ .name = "web3", .addr = ip("2001:db8:1::13") };
	s->dns_reals[0] = (struct config_real){ .name = "dns1", .addr = ip("10.1.0.11") };
	s->dns_reals[1] = (struct config_real){ .name = "dns2", .addr = ip("10.1.0.22") };
	s->pools[0] = (struct config_pool){ .name = "web",
					    .checks = s->web_checks,
					    .n_checks = 2,
					    .reals = s->web_reals,
					    .n_reals = 3 };
	s->pools[1] = (struct config_pool){ .name = "dns",
					    .checks = s->dns_checks,
					    .n_checks = 1,
					    .reals = s->dns_reals,
					    .n_reals = 2 };
	s->pools[2] = s->pools[0]; /* no service uses it */
	s->pools[2].name = "idle";
	s->services4[0] = (struct config_service){ .proto = IPPROTO_UDP, .port = 443 };
	s->services4[1] = (struct config_service){ .proto = IPPROTO_TCP, .port = 443 };
	s->services4[2] = (struct config_service){ .proto = IPPROTO_TCP, .port = 80 };
	s->services6[0] = (struct config_service){ .proto = IPPROTO_UDP, .port = 53, .pool = 1 };
	s->vips[0] = (struct config_vip){ .name = "www",
					  .prefix = { .addr = ip("203.0.113.10"), .len = 32 },
					  .services = s->services4,
					  .n_services = 3 };
	s->vips[1] = (struct config_vip){ .name = "ns",
					  .prefix = { .addr = ip("2001:db8:cafe::53"), .len = 128 },
					  .services = s->services6,
					  .n_services = 1 };
	s->config = (struct config){ .checks = s->checks,
				     .n_checks = 3,
				     .pools = s->pools,
				     .n_pools = 3,
				     .vips = s->vips,
				     .n_vips = 2 };
}

#define N_TARGETS 8 /* web: 3 reals x 2 checks, dns: 2 reals */

/* ---- the prober under test, and the one the test plays ---- */

struct world {
	struct event_base *base;
	struct prober *prober;
	char directory[64], path[96];
	int fd; /* the played prober */
	struct core_verdict verdict;
	unsigned n_verdicts, n_up, n_down;
	bool path_is_broken;
};

static void on_verdict(const struct core_verdict *verdict, void *arg)
{
	struct world *w = arg;

	w->verdict = *verdict;
	w->n_verdicts++;
}

static void on_life(bool connected, void *arg)
{
	struct world *w = arg;

	*(connected ? &w->n_up : &w->n_down) += 1;
}

static bool path_is_whole(uint32_t pool, uint32_t real, usec_t since, void *arg)
{
	const struct world *w = arg;

	assert_int_equal(pool, 0);
	assert_in_range(real, 0, 2);
	assert_int_equal(since, 4711);
	return !w->path_is_broken;
}

static void turn(struct world *w)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
}

static int world_connect(const struct world *w)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);

	strcpy(sun.sun_path, w->path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static void say(struct world *w, const struct message *m)
{
	uint8_t buf[MESSAGE_MAX];
	int len = message_encode(m, buf);

	assert_true(len > 0);
	assert_int_equal(send(w->fd, buf, (size_t)len, 0), len);
	turn(w);
}

static void say_hello(struct world *w)
{
	say(w, &(struct message){ .kind = MESSAGE_HELLO, .hello.program = "test" });
}

static void world_init(struct world *w)
{
	const struct prober_callbacks callbacks = {
		.verdict = on_verdict, .life = on_life, .path_is_whole = path_is_whole, .arg = w
	};
	struct err err;

	memset(w, 0, sizeof(*w));
	log_init("test", LOG_LEVEL_ERR);
	w->base = event_base_new();
	strcpy(w->directory, "/tmp/shoal-prober-test-XXXXXX");
	assert_non_null(mkdtemp(w->directory));
	snprintf(w->path, sizeof(w->path), "%s/probe.sock", w->directory);
	assert_int_equal(prober_new(w->base, w->path, &callbacks, &w->prober, &err), 0);
	w->fd = world_connect(w);
	turn(w);
}

static void world_fini(struct world *w)
{
	if (w->fd >= 0)
		close(w->fd);
	prober_free(w->prober);
	event_base_free(w->base);
	assert_int_equal(rmdir(w->directory), 0); /* the socket file is gone */
}

/* What the prober was told until nothing more comes. */
struct told {
	struct message_target targets[64];
	uint64_t removed[64];
	struct message_void last_void;
	unsigned n_voids, n_hello, n_targets, n_removed, n_end, n_other;
};

static bool hear_one(struct world *w, struct told *told)
{
	uint8_t buf[MESSAGE_MAX];
	ssize_t n = recv(w->fd, buf, sizeof(buf), 0);
	struct message m;

	if (n <= 0)
		return false;
	assert_int_equal(message_decode(buf, (size_t)n, &m), 0);
	if (m.kind == MESSAGE_TARGET)
		told->targets[told->n_targets++] = m.target;
	else if (m.kind == MESSAGE_REMOVE)
		told->removed[told->n_removed++] = m.remove.id;
	else if (m.kind == MESSAGE_VOID)
		told->last_void = m.void_, told->n_voids++;
	else if (m.kind == MESSAGE_HELLO)
		told->n_hello++;
	else if (m.kind == MESSAGE_TARGETS_END)
		told->n_end++;
	else
		told->n_other++;
	return true;
}

static struct told hear(struct world *w)
{
	struct told told = { 0 };

	turn(w);
	while (hear_one(w, &told))
		turn(w);
	return told;
}

static bool is_cut_off(struct world *w)
{
	uint8_t byte;

	turn(w);
	return recv(w->fd, &byte, 1, 0) == 0;
}

static void verdict_of(struct world *w, uint64_t id, enum real_state state,
		       enum probe_reason reason)
{
	say(w, &(struct message){
		       .kind = MESSAGE_VERDICT,
		       .verdict = { .id = id,
				    .state = state,
				    .reason = reason,
				    .in_a_row = 3,
				    .sign = state == REAL_DOWN ? REAL_SIGN_GONE : REAL_SIGN_ANSWERS,
				    .row_started = 4711,
				    .told_at = usec_now(),
				    .evidence = "connect: Connection refused" } });
}

static void verdict_for(struct world *w, uint64_t id, enum real_state state)
{
	verdict_of(w, id, state, PROBE_REFUSED);
}

/* ---- the tests ---- */

TEST(prober, sends_every_target_after_the_hello)
{
	struct world w;
	struct site site;
	struct told told;

	world_init(&w);
	site_init(&site);
	assert_int_equal(prober_set_config(w.prober, &site.config, NULL), 0);
	assert_int_equal(prober_n_targets(w.prober), N_TARGETS);
	told = hear(&w);
	assert_int_equal(told.n_hello + told.n_targets, 0);
	assert_false(prober_is_connected(w.prober));
	say_hello(&w);
	told = hear(&w);
	assert_true(prober_is_connected(w.prober));
	assert_int_equal(w.n_up, 1);
	assert_int_equal(told.n_hello, 1);
	assert_int_equal(told.n_targets, N_TARGETS);
	assert_int_equal(told.n_end, 1);
	world_fini(&w);
}

/* pool web: the first TCP service wins over the UDP one before it; dns: the check's own port. */
TEST(prober, aims_at_vip_through_the_tunnel_and_at_the_real_directly)
{
	struct world w;
	struct site site;
	struct told told;
	struct addr source4 = ip("10.0.2.2"), source6 = ip("2001:db8:2::2");

	world_init(&w);
	site_init(&site);
	prober_set_sources(w.prober, &source4, &source6);
	assert_int_equal(prober_set_config(w.prober, &site.config, NULL), 0);
	say_hello(&w);
	told = hear(&w);
	for (unsigned i = 0; i < 3; i++) { /* web, tcp, tunnel */
		const struct message_target *t = &told.targets[i];

		assert_true(addr_eq(&t->addr, &site.vips[0].prefix.addr));
		assert_int_equal(t->port, 443);
		assert_int_equal(t->mark, prober_mark(w.prober, 0, i));
		assert_true(t->has_source && addr_eq(&t->source, &source4));
	}
	for (unsigned i = 3; i < 6; i++) { /* web, http, direct */
		const struct message_target *t = &told.targets[i];

		assert_true(addr_eq(&t->addr, &site.web_reals[i - 3].addr));
		assert_int_equal(t->mark, 0);
		assert_false(t->has_source);
		assert_string_equal(t->path, "/");
	}
	assert_int_equal(told.targets[6].port, 53); /* dns */
	assert_true(addr_eq(&told.targets[6].addr, &site.vips[1].prefix.addr));
	assert_true(addr_eq(&told.targets[6].source, &source6));
	world_fini(&w);
}

TEST(prober, reaches_a_local_real_at_the_vip_without_a_tunnel)
{
	struct world w;
	struct site site;
	struct told told;

	world_init(&w);
	site_init(&site);
	site.web_reals[1].is_local = true;
	assert_int_equal(prober_set_config(w.prober, &site.config, NULL), 0);
	say_hello(&w);
	told = hear(&w);
	assert_int_equal(told.targets[1].via, CONFIG_VIA_DIRECT);
	assert_true(addr_eq(&told.targets[1].addr, &site.vips[0].prefix.addr));
	assert_int_equal(told.targets[1].mark, 0);
	assert_int_equal(prober_mark(w.prober, 0, 1), 0);
	world_fini(&w);
}

TEST(prober, passes_verdicts_on_with_the_indices_of_the_config)
{
	struct world w;
	struct site site;
	struct told told;

	world_init(&w);
	site_init(&site);
	prober_set_config(w.prober, &site.config, NULL);
	say_hello(&w);
	told = hear(&w);
	assert_int_equal(prober_last_verdict(w.prober), 0);
	verdict_for(&w, told.targets[4].id, REAL_DOWN); /* web, check 1, real 1 */
	assert_int_equal(w.n_verdicts, 1);
	assert_int_equal(w.verdict.pool, 0);
	assert_int_equal(w.verdict.check, 1);
	assert_int_equal(w.verdict.real, 1);
	assert_int_equal(w.verdict.state, REAL_DOWN);
	assert_int_equal(w.verdict.reason, PROBE_REFUSED);
	assert_string_equal(w.verdict.evidence, "connect: Connection refused");
	assert_int_not_equal(prober_last_verdict(w.prober), 0);
	verdict_for(&w, 12345, REAL_DOWN); /* of a target long gone */
	assert_int_equal(w.n_verdicts, 1);
	assert_false(is_cut_off(&w));
	world_fini(&w);
}

TEST(prober, says_nothing_when_a_reload_changes_nothing)
{
	struct world w;
	struct site site, same;
	struct told told;

	world_init(&w);
	site_init(&site);
	site_init(&same);
	prober_set_config(w.prober, &site.config, NULL);
	say_hello(&w);
	hear(&w);
	prober_set_config(w.prober, &same.config, NULL);
	told = hear(&w);
	assert_int_equal(told.n_targets + told.n_removed, 0);
	assert_int_equal(told.n_end, 1);
	world_fini(&w);
}

TEST(prober, sends_only_the_difference_and_keeps_the_judgement)
{
	struct world w;
	struct site site, next;
	struct told before, told;

	world_init(&w);
	site_init(&site);
	site_init(&next);
	prober_set_config(w.prober, &site.config, NULL);
	say_hello(&w);
	before = hear(&w);
	verdict_for(&w, before.targets[1].id, REAL_UP);
	next.checks[0].rise = 5;          /* web, tcp: three targets change */
	next.pools[1].n_reals = 1;        /* dns2 leaves */
	next.web_reals[0].name = "other"; /* a name is no identity */
	prober_set_config(w.prober, &next.config, NULL);
	told = hear(&w);
	assert_int_equal(told.n_targets, 3);
	assert_int_equal(told.n_removed, 4);
	assert_int_equal(told.targets[1].rise, 5);
	assert_int_equal(told.targets[1].state, REAL_UP);
	assert_int_equal(told.targets[0].state, REAL_UNKNOWN);
	world_fini(&w);
}

TEST(prober, finds_the_real_again_when_the_order_changed)
{
	struct world w;
	struct site site, next;
	struct told told;

	world_init(&w);
	site_init(&site);
	site_init(&next);
	prober_set_config(w.prober, &site.config, NULL);
	say_hello(&w);
	told = hear(&w);
	next.web_reals[0] = site.web_reals[2];
	next.web_reals[2] = site.web_reals[0];
	prober_set_config(w.prober, &next.config, NULL);
	assert_int_equal(hear(&w).n_targets, 0);
	verdict_for(&w, told.targets[0].id, REAL_UP); /* 10.1.0.11 is real 2 now */
	assert_int_equal(w.verdict.real, 2);
	world_fini(&w);
}

TEST(prober, finds_the_check_again_when_the_order_changed)
{
	struct world w;
	struct site site, next;
	struct told told;

	world_init(&w);
	site_init(&site);
	site_init(&next);
	prober_set_config(w.prober, &site.config, NULL);
	say_hello(&w);
	told = hear(&w);
	verdict_for(&w, told.targets[0].id, REAL_UP); /* 10.1.0.11 by tcp */
	next.web_checks[0] = 1;
	next.web_checks[1] = 0;
	prober_set_config(w.prober, &next.config, NULL);
	told = hear(&w);
	assert_int_equal(told.n_targets, 6);
	assert_int_equal(told.targets[0].type, CONFIG_CHECK_HTTP);
	assert_int_equal(told.targets[0].state, REAL_UNKNOWN);
	assert_int_equal(told.targets[3].type, CONFIG_CHECK_TCP);
	assert_int_equal(told.targets[3].state, REAL_UP);
	world_fini(&w);
}

TEST(prober, gives_a_new_connection_the_last_judgement)
{
	struct world w;
	struct site site;
	struct told told;

	world_init(&w);
	site_init(&site);
	prober_set_config(w.prober, &site.config, NULL);
	say_hello(&w);
	told = hear(&w);
	verdict_for(&w, told.targets[2].id, REAL_DOWN);
	close(w.fd);
	turn(&w);
	assert_int_equal(w.n_down, 1);
	assert_false(prober_is_connected(w.prober));
	w.fd = world_connect(&w);
	say_hello(&w);
	told = hear(&w);
	assert_int_equal(told.n_targets, N_TARGETS);
	assert_int_equal(told.targets[2].state, REAL_DOWN);
	assert_int_equal(w.n_up, 2);
	world_fini(&w);
}

TEST(prober, tells_a_reset_of_every_check_of_the_real)
{
	struct world w;
	struct site site;
	struct told told;

	world_init(&w);
	site_init(&site);
	assert_false(prober_reset(w.prober, 0, 1));
	prober_set_config(w.prober, &site.config, NULL);
	assert_false(prober_reset(w.prober, 0, 1));
	say_hello(&w);
	told = hear(&w);
	verdict_for(&w, told.targets[1].id, REAL_DOWN);
	assert_true(prober_reset(w.prober, 0, 1));
	assert_true(prober_reset(w.prober, 0, 1));
	told = hear(&w);
	assert_true(told.n_voids >= site.config.pools[0].n_checks);
	assert_true(told.last_void.is_reset);
	world_fini(&w);
}

TEST(prober, a_newer_connection_replaces_the_older)
{
	struct world w;
	struct site site;
	int old;

	world_init(&w);
	site_init(&site);
	prober_set_config(w.prober, &site.config, NULL);
	say_hello(&w);
	hear(&w);
	old = w.fd;
	w.fd = world_connect(&w);
	say_hello(&w);
	assert_int_equal(hear(&w).n_targets, N_TARGETS);
	close(old);
	turn(&w);
	assert_true(prober_is_connected(w.prober));
	world_fini(&w);
}

static void refused_after(const void *packet, size_t len, bool hello)
{
	struct world w;

	world_init(&w);
	if (hello)
		say_hello(&w);
	hear(&w);
	assert_int_equal(send(w.fd, packet, len, 0), len);
	assert_true(is_cut_off(&w));
	assert_false(prober_is_connected(w.prober));
	world_fini(&w);
}

TEST(prober, drops_who_breaks_the_protocol)
{
	static const uint8_t garbage[] = "GET / HTTP/1.0\r\n\r\n", huge[MESSAGE_MAX + 1] = { 1 };
	uint8_t packet[MESSAGE_MAX];
	struct message m = { .kind = MESSAGE_HELLO, .hello.program = "twice" };
	int len = message_encode(&m, packet);

	refused_after(garbage, sizeof(garbage), false);
	refused_after(garbage, sizeof(garbage), true);
	refused_after(huge, sizeof(huge), true);
	refused_after(packet, (size_t)len, true);
	packet[1] = MESSAGE_VERSION + 1;
	refused_after(packet, (size_t)len, false);
	m = (struct message){ .kind = MESSAGE_HEARTBEAT };
	len = message_encode(&m, packet);
	refused_after(packet, (size_t)len, false); /* before the hello */
	m = (struct message){ .kind = MESSAGE_REMOVE, .remove.id = 1 };
	len = message_encode(&m, packet);
	refused_after(packet, (size_t)len, true); /* shoald says that, not the prober */
}

static void heartbeat_of(struct world *w, uint64_t probes, uint64_t verdicts, usec_t told_at)
{
	say(w,
	    &(struct message){
		    .kind = MESSAGE_HEARTBEAT,
		    .heartbeat = { .probes = probes, .verdicts = verdicts, .told_at = told_at } });
}

static void heartbeat(struct world *w, uint64_t probes, uint64_t verdicts)
{
	heartbeat_of(w, probes, verdicts, usec_now());
}

TEST(prober, counts_only_heartbeats_with_fresh_verdicts_as_life)
{
	struct world w;

	world_init(&w);
	say_hello(&w);
	heartbeat(&w, 100, 90); /* counted before this connection: not fresh */
	assert_int_equal(prober_last_verdict(w.prober), 0);
	heartbeat(&w, 110, 90); /* probes that gave no verdict */
	assert_int_equal(prober_last_verdict(w.prober), 0);
	heartbeat(&w, 120, 91);
	assert_int_not_equal(prober_last_verdict(w.prober), 0);
	assert_int_equal(prober_n_probes(w.prober), 120);
	world_fini(&w);
}

/* They waited in the socket while shoald was stopped, and shoal-probe may be gone since. */
TEST(prober, what_was_said_long_ago_is_no_life_now)
{
	usec_t now = usec_now(), before;
	struct world w;

	world_init(&w);
	say_hello(&w);
	heartbeat_of(&w, 100, 90, now - 60 * USEC_PER_SEC);
	heartbeat_of(&w, 110, 95, now - 59 * USEC_PER_SEC);
	assert_int_equal(prober_last_verdict(w.prober), now - 59 * USEC_PER_SEC);
	heartbeat(&w, 120, 99);
	before = prober_last_verdict(w.prober);
	assert_true(before >= now);
	heartbeat_of(&w, 130, 105, now - 58 * USEC_PER_SEC); /* nor does it go back */
	assert_int_equal(prober_last_verdict(w.prober), before);
	heartbeat_of(&w, 140, 110, USEC_NEVER); /* nor lies it in the time to come */
	assert_true(prober_last_verdict(w.prober) <= usec_now());
	world_fini(&w);
}

/* More than a socket holds: it goes on when the other side reads. */
TEST(prober, sends_thousands_of_targets_as_the_socket_takes_them)
{
	struct world w;
	struct site site;
	struct config_real *reals = calloc(5000, sizeof(*reals));
	struct told told = { 0 };
	unsigned n = 0;

	world_init(&w);
	site_init(&site);
	for (uint32_t i = 0; i < 5000; i++) {
		uint8_t raw[4] = { 10, 1, (uint8_t)(i >> 8), (uint8_t)i };

		reals[i] = (struct config_real){ .name = "r", .addr = addr_from_raw(AF_INET, raw) };
	}
	site.pools[0].reals = reals;
	site.pools[0].n_reals = 5000;
	assert_int_equal(prober_set_config(w.prober, &site.config, NULL), 0);
	say_hello(&w);
	while (told.n_end == 0 && hear_one(&w, &told)) {
		n += told.n_targets;
		told.n_targets = 0;
		event_base_loop(w.base, EVLOOP_NONBLOCK);
	}
	assert_int_equal(told.n_end, 1);
	assert_int_equal(n, 10002);
	world_fini(&w);
	free(reals);
}

/* Web, check tcp through the tunnel: targets 0 to 2; check http directly: 3 to 5. */
TEST(prober, believes_no_silence_while_the_probe_path_is_broken)
{
	struct world w;
	struct site site;
	struct told told;
	uint64_t tunnelled, direct;

	world_init(&w);
	site_init(&site);
	prober_set_config(w.prober, &site.config, NULL);
	say_hello(&w);
	told = hear(&w);
	tunnelled = told.targets[1].id;
	direct = told.targets[4].id;
	verdict_of(&w, tunnelled, REAL_UP, PROBE_OK);
	assert_int_equal(w.verdict.state, REAL_UP);
	w.path_is_broken = true;
	verdict_of(&w, tunnelled, REAL_UP, PROBE_TIMEOUT); /* the first of the row */
	assert_int_equal(w.verdict.reason, PROBE_PROBE_PATH);
	assert_int_equal(hear(&w).n_voids, 0);
	verdict_of(&w, tunnelled, REAL_DOWN, PROBE_TIMEOUT);
	assert_int_equal(w.verdict.state, REAL_UP);
	assert_int_equal(w.verdict.sign, REAL_SIGN_ANSWERS);
	assert_int_equal(w.verdict.reason, PROBE_PROBE_PATH);
	assert_int_equal(w.verdict.real, 1);
	told = hear(&w);
	assert_int_equal(told.n_voids, 1);
	assert_int_equal(told.last_void.id, tunnelled);
	assert_int_equal(told.last_void.state, REAL_UP);
	verdict_of(&w, tunnelled, REAL_UP, PROBE_PROBE_PATH); /* the prober saw it itself */
	assert_string_equal(w.verdict.evidence, "connect: Connection refused");
	verdict_of(&w, direct, REAL_DOWN, PROBE_TIMEOUT); /* goes no tunnel */
	assert_int_equal(w.verdict.state, REAL_DOWN);
	assert_int_equal(w.verdict.sign, REAL_SIGN_GONE);
	verdict_of(&w, tunnelled, REAL_DOWN, PROBE_REFUSED); /* somebody answered */
	assert_int_equal(w.verdict.state, REAL_DOWN);
	verdict_of(&w, tunnelled, REAL_UP, PROBE_OK); /* who, if not the real? */
	assert_int_equal(w.verdict.state, REAL_DOWN);
	assert_int_equal(w.verdict.reason, PROBE_PROBE_PATH);
	w.path_is_broken = false;
	verdict_of(&w, tunnelled, REAL_UP, PROBE_OK);
	assert_int_equal(w.verdict.state, REAL_UP);
	world_fini(&w);
}

TEST(prober, numbers_each_real_and_encapsulation_once)
{
	struct world w;
	struct site site;
	const struct prober_mark *marks;
	size_t n;

	world_init(&w);
	site_init(&site);
	prober_set_config(w.prober, &site.config, NULL);
	marks = prober_marks(w.prober, &n);
	assert_int_equal(n, 4); /* 10.1.0.11 is in both pools */
	assert_int_equal(prober_mark(w.prober, 0, 0), prober_mark(w.prober, 1, 0));
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(marks[i].mark & HEALTH_MARK_MASK, HEALTH_MARK_BASE);
		assert_int_not_equal(marks[i].mark & ~HEALTH_MARK_MASK, 0);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(marks[i].mark, marks[j].mark);
	}
	assert_int_equal(prober_mark(w.prober, 2, 0), 0); /* no service uses that pool */
	world_fini(&w);
}

TEST(prober, marks_stay_over_reload_and_those_gone_are_named)
{
	struct world w;
	struct site site, next;
	const uint32_t *gone;
	uint32_t was, dns2;
	size_t n;

	world_init(&w);
	site_init(&site);
	site_init(&next);
	prober_set_config(w.prober, &site.config, NULL);
	was = prober_mark(w.prober, 0, 2);
	dns2 = prober_mark(w.prober, 1, 1);
	next.pools[0].encap = CONFIG_ENCAP_GUE;
	next.pools[0].gue_port = 6080;
	next.pools[1].n_reals = 1;
	prober_set_config(w.prober, &next.config, NULL);
	assert_int_not_equal(prober_mark(w.prober, 0, 2), was);
	assert_int_not_equal(prober_mark(w.prober, 0, 0), prober_mark(w.prober, 1, 0));
	gone = prober_marks_gone(w.prober, &n);
	assert_int_equal(n, 3); /* ipip to 10.1.0.12, to 2001:db8:1::13, and to dns2 */
	assert_true(gone[0] == dns2 || gone[1] == dns2 || gone[2] == dns2);
	world_fini(&w);
}

TEST(prober, names_a_check_without_a_port)
{
	struct world w;
	struct site site;
	struct err err;

	world_init(&w);
	site_init(&site);
	site.checks[2].port = 0; /* the only service of dns is UDP */
	assert_int_equal(prober_set_config(w.prober, &site.config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "check 'dns-tcp' of pool 'dns' needs a port of its own"));
	assert_int_equal(prober_n_targets(w.prober), 0);
	world_fini(&w);
}

TEST(prober, names_a_ca_file_that_is_missing)
{
	struct world w;
	struct site site;
	struct err err;

	world_init(&w);
	site_init(&site);
	site.checks[1].type = CONFIG_CHECK_HTTPS;
	site.checks[1].ca_file = "/nonexistent/ca.pem";
	assert_int_equal(prober_set_config(w.prober, &site.config, &err), -ENOENT);
	assert_string_equal(err.text, "check 'http': CA file '/nonexistent/ca.pem': No such file "
				      "or directory");
	world_fini(&w);
}

/* A file of so many lines behind its head. */
static void write_lines(const char *path, const char *head, int n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fprintf(f, "%s\n", head);
	for (int i = 0; i < n; i++)
		fputs("certificate bytes\n", f);
	fclose(f);
}

TEST(prober, passes_certificates_on_as_bytes_and_reads_them_anew)
{
	struct world w;
	struct site site;
	struct told told;
	char path[128];
	uint64_t cas;

	world_init(&w);
	site_init(&site);
	snprintf(path, sizeof(path), "%s/ca.pem", w.directory);
	write_lines(path, "-----BEGIN CERTIFICATE-----", 5000);
	site.checks[1].type = CONFIG_CHECK_HTTPS;
	site.checks[1].ca_file = path;
	assert_int_equal(prober_set_config(w.prober, &site.config, NULL), 0);
	cas = prober_cas(w.prober);
	say_hello(&w);
	told = hear(&w);
	assert_int_equal(told.n_other, (90028 + MESSAGE_CA_CHUNK_MAX - 1) / MESSAGE_CA_CHUNK_MAX);
	assert_int_equal(told.n_targets, N_TARGETS);
	assert_int_not_equal(told.targets[3].ca, 0);
	assert_int_equal(told.targets[0].ca, 0);
	write_lines(path, "-----BEGIN CERTIFICATE-----", 1);
	assert_int_equal(prober_set_config(w.prober, &site.config, NULL), 0);
	assert_int_not_equal(prober_cas(w.prober), cas);
	told = hear(&w);
	assert_int_equal(told.n_other, 1);
	assert_true(told.n_targets > 0 && told.n_targets == told.n_removed);
	assert_int_equal(told.targets[0].type, CONFIG_CHECK_HTTPS);
	unlink(path);
	world_fini(&w);
}

TEST(prober, keeps_the_former_certificates_when_a_file_holds_none)
{
	struct world w;
	struct site site;
	struct err err;
	char path[128];
	uint64_t cas;

	world_init(&w);
	site_init(&site);
	snprintf(path, sizeof(path), "%s/ca.pem", w.directory);
	write_lines(path, "-----BEGIN CERTIFICATE-----", 1);
	site.checks[1].type = CONFIG_CHECK_HTTPS;
	site.checks[1].ca_file = path;
	assert_int_equal(prober_set_config(w.prober, &site.config, NULL), 0);
	cas = prober_cas(w.prober);
	write_lines(path, "-----BEGIN PRIVATE KEY-----", 1);
	assert_int_equal(prober_set_config(w.prober, &site.config, &err), -EINVAL);
	assert_non_null(strstr(err.text, "ca.pem': holds no certificate in PEM format"));
	assert_int_equal(prober_cas(w.prober), cas);
	unlink(path);
	world_fini(&w);
}

TEST(prober, new_sources_are_handed_over)
{
	struct world w;
	struct site site;
	struct told told;
	struct addr source = ip("10.0.2.9");

	world_init(&w);
	site_init(&site);
	prober_set_config(w.prober, &site.config, NULL);
	say_hello(&w);
	hear(&w);
	prober_set_sources(w.prober, &source, NULL);
	told = hear(&w);
	assert_int_equal(told.n_targets, 3); /* tunnelled to the IPv4 VIP */
	assert_int_equal(told.n_removed, 3);
	prober_set_sources(w.prober, &source, NULL);
	assert_int_equal(hear(&w).n_end, 0);
	world_fini(&w);
}

TEST(prober, socket_is_closed_to_others_and_replaces_a_left_over)
{
	struct world w;
	struct prober *second;
	const struct prober_callbacks none = { 0 };
	struct err err;
	struct stat st;

	world_init(&w);
	assert_int_equal(stat(w.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	assert_int_equal(prober_new(w.base, w.path, &none, &second, &err), 0);
	prober_free(second);
	assert_int_equal(prober_new(w.base, "/nonexistent/probe.sock", &none, &second, &err),
			 -ENOENT);
	assert_string_equal(err.text, "probe socket '/nonexistent/probe.sock': No such file or "
				      "directory");
	assert_int_equal(prober_new(w.base, w.directory, &none, &second, &err), -EEXIST);
	world_fini(&w);
}

/* ---- the second daemon ---- */

/* Pool web is judged by a program, too. Returns the other side of exec.sock. */
static struct world exec_world(struct world *w, struct site *site)
{
	static const char *const argv[] = { "/usr/local/lib/shoal/replicas", "--max-lag", "10" };
	static const struct config_range zero = { 0, 0 };
	struct world exec;

	site_init(site);
	site->checks[1].type = CONFIG_CHECK_EXEC;
	site->checks[1].argv = argv;
	site->checks[1].n_argv = 3;
	site->checks[1].exit_codes = &zero;
	site->checks[1].n_exit_codes = 1;
	assert_int_equal(prober_set_config(w->prober, &site->config, NULL), 0);
	exec = *w;
	snprintf(exec.path, sizeof(exec.path), "%s/exec.sock", w->directory);
	assert_int_equal(prober_listen_exec(w->prober, exec.path, NULL, NULL), 0);
	exec.fd = world_connect(&exec);
	turn(w);
	return exec;
}

TEST(prober, programs_are_told_to_shoal_exec_alone)
{
	struct world w, exec;
	struct site site;
	struct told told;

	world_init(&w);
	exec = exec_world(&w, &site);
	say_hello(&w);
	told = hear(&w);
	assert_int_equal(told.n_targets, N_TARGETS - 3);
	for (unsigned i = 0; i < told.n_targets; i++)
		assert_int_not_equal(told.targets[i].type, CONFIG_CHECK_EXEC);
	assert_int_equal(prober_life(w.prober, PROBER_EXEC)->is_connected, false);
	say_hello(&exec);
	told = hear(&exec);
	assert_int_equal(told.n_targets, 3);
	assert_int_equal(told.n_end, 1);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(told.targets[i].type, CONFIG_CHECK_EXEC);
		assert_int_equal(told.targets[i].mark, 0);
		assert_false(told.targets[i].has_real); /* whose life nobody asks for */
		/* argv; VIP, real, its name, pool, check, port and protocol; the node has no name
		 */
		assert_int_equal(told.targets[i].n_texts, 3 + 7);
	}
	assert_int_equal(prober_life(w.prober, PROBER_EXEC)->n_targets, 3);
	assert_int_equal(prober_life(w.prober, PROBER_PROBE)->n_targets, N_TARGETS - 3);
	assert_true(prober_life(w.prober, PROBER_EXEC)->is_connected);
	close(exec.fd);
	world_fini(&w);
}

TEST(prober, each_is_believed_about_its_own_targets_only)
{
	struct world w, exec;
	struct site site;
	struct told ours, theirs;

	world_init(&w);
	exec = exec_world(&w, &site);
	say_hello(&w);
	ours = hear(&w);
	say_hello(&exec);
	theirs = hear(&exec);
	verdict_for(&exec, ours.targets[0].id, REAL_DOWN);
	verdict_for(&w, theirs.targets[0].id, REAL_DOWN);
	assert_int_equal(w.n_verdicts, 0);
	verdict_for(&exec, theirs.targets[1].id, REAL_DOWN);
	assert_int_equal(w.n_verdicts, 1);
	assert_int_equal(w.verdict.check, 1);
	assert_int_equal(w.verdict.real, 1);
	assert_int_equal(prober_last_verdict(w.prober), 0);
	assert_int_not_equal(prober_life(w.prober, PROBER_EXEC)->last_verdict, 0);
	close(exec.fd);
	world_fini(&w);
}

TEST(prober, losing_one_leaves_the_other_connected)
{
	struct world w, exec;
	struct site site;
	struct told before, told;

	world_init(&w);
	exec = exec_world(&w, &site);
	say_hello(&w);
	hear(&w);
	say_hello(&exec);
	before = hear(&exec);
	verdict_for(&exec, before.targets[0].id, REAL_UP);
	close(exec.fd);
	turn(&w);
	assert_false(prober_life(w.prober, PROBER_EXEC)->is_connected);
	assert_true(prober_is_connected(w.prober));
	assert_int_equal(hear(&w).n_targets, 0);
	exec.fd = world_connect(&exec);
	say_hello(&exec);
	told = hear(&exec);
	assert_int_equal(told.n_targets, 3);
	assert_int_equal(told.targets[0].state, REAL_UP); /* the last judgement */
	close(exec.fd);
	world_fini(&w);
}

TEST(prober, each_must_give_verdicts_of_its_own)
{
	struct world w, exec;
	struct site site, none;
	struct told told;
	usec_t now;

	world_init(&w);
	site_init(&none);
	assert_int_equal(prober_set_config(w.prober, &none.config, NULL), 0);
	assert_true(prober_is_fresh(w.prober, PROBER_EXEC, usec_now())); /* nothing to do */
	assert_false(prober_is_fresh(w.prober, PROBER_PROBE, usec_now()));
	exec = exec_world(&w, &site);
	now = usec_now();
	/* A reload gave it something to do: it has the time that it has between two verdicts. */
	assert_true(prober_is_fresh(w.prober, PROBER_EXEC, now));
	assert_false(prober_is_fresh(w.prober, PROBER_EXEC, now + 30 * USEC_PER_SEC));
	say_hello(&exec);
	told = hear(&exec);
	verdict_for(&exec, told.targets[0].id, REAL_UP);
	now = usec_now();
	assert_true(prober_is_fresh(w.prober, PROBER_EXEC, now + 29 * USEC_PER_SEC));
	assert_false(prober_is_fresh(w.prober, PROBER_EXEC, now + 30 * USEC_PER_SEC));
	assert_false(prober_is_fresh(w.prober, PROBER_PROBE, now));
	site.checks[1].slow_interval_us = 60 * USEC_PER_SEC; /* and 1 s timeout, twice */
	assert_int_equal(prober_set_config(w.prober, &site.config, NULL), 0);
	assert_true(prober_is_fresh(w.prober, PROBER_EXEC, now + 121 * USEC_PER_SEC));
	assert_false(prober_is_fresh(w.prober, PROBER_EXEC, now + 122 * USEC_PER_SEC));
	close(exec.fd);
	world_fini(&w);
}

RUN_TESTS(T(prober, sends_every_target_after_the_hello),
	  T(prober, aims_at_vip_through_the_tunnel_and_at_the_real_directly),
	  T(prober, reaches_a_local_real_at_the_vip_without_a_tunnel),
	  T(prober, passes_verdicts_on_with_the_indices_of_the_config),
	  T(prober, says_nothing_when_a_reload_changes_nothing),
	  T(prober, sends_only_the_difference_and_keeps_the_judgement),
	  T(prober, finds_the_real_again_when_the_order_changed),
	  T(prober, finds_the_check_again_when_the_order_changed),
	  T(prober, gives_a_new_connection_the_last_judgement),
	  T(prober, tells_a_reset_of_every_check_of_the_real),
	  T(prober, a_newer_connection_replaces_the_older),
	  T(prober, drops_who_breaks_the_protocol),
	  T(prober, counts_only_heartbeats_with_fresh_verdicts_as_life),
	  T(prober, what_was_said_long_ago_is_no_life_now),
	  T(prober, sends_thousands_of_targets_as_the_socket_takes_them),
	  T(prober, believes_no_silence_while_the_probe_path_is_broken),
	  T(prober, numbers_each_real_and_encapsulation_once),
	  T(prober, marks_stay_over_reload_and_those_gone_are_named),
	  T(prober, names_a_check_without_a_port), T(prober, names_a_ca_file_that_is_missing),
	  T(prober, passes_certificates_on_as_bytes_and_reads_them_anew),
	  T(prober, keeps_the_former_certificates_when_a_file_holds_none),
	  T(prober, new_sources_are_handed_over),
	  T(prober, socket_is_closed_to_others_and_replaces_a_left_over),
	  T(prober, programs_are_told_to_shoal_exec_alone),
	  T(prober, each_is_believed_about_its_own_targets_only),
	  T(prober, losing_one_leaves_the_other_connected),
	  T(prober, each_must_give_verdicts_of_its_own))
