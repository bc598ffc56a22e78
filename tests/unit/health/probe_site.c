/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/health/probe_site.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/log.h"
#include "tests/lib/test.h"

static const char *program;

void site_set_program(const char *path)
{
	program = path;
}

const char *site_program(void)
{
	return program;
}

static const struct config_range good_status = { 200, 299 };

struct pool *site_add(struct site *site, enum config_check_type type, uint16_t port)
{
	struct pool *pool = &site->pools[site->n_pools++];

	pool->check = (struct config_check){
		.name = "check",
		.type = type,
		.path = "/healthz",
		.status = &good_status,
		.n_status = 1,
		.port = port,
		.interval_us = 50 * USEC_PER_MSEC,
		.fast_interval_us = 20 * USEC_PER_MSEC,
		.slow_interval_us = 100 * USEC_PER_MSEC,
		.timeout_us = 300 * USEC_PER_MSEC,
		.jitter_percent = 20,
		.rise = 2,
		.fall = 2,
		.via = CONFIG_VIA_DIRECT,
		.verify = true,
	};
	pool->real.name = "real";
	pool->service.proto = IPPROTO_TCP;
	pool->service.port = 80;
	assert_int_equal(addr_parse("127.0.0.1", &pool->real.addr), 0);
	return pool;
}

void site_configure(struct site *site)
{
	static char names[POOLS_MAX][16];
	struct err err = { .text = "" };

	for (uint32_t i = 0; i < site->n_pools; i++) {
		struct pool *pool = &site->pools[i];

		snprintf(names[i], sizeof(names[i]), "p%u", i);
		pool->check_index = i;
		site->checks[i] = pool->check;
		site->services[i] = pool->service;
		site->services[i].pool = i;
		site->config_pools[i] = (struct config_pool){ .name = names[i],
							      .checks = &pool->check_index,
							      .n_checks = 1,
							      .reals = &pool->real,
							      .n_reals = 1 };
	}
	site->vip = (struct config_vip){ .name = "vip",
					 .services = site->services,
					 .n_services = site->n_pools,
					 .prefix = { .len = 32 } };
	site->vip.prefix.addr = site->pools[0].real.addr; /* all on loopback */
	site->config = (struct config){ .checks = site->checks,
					.n_checks = site->n_pools,
					.pools = site->config_pools,
					.n_pools = site->n_pools,
					.vips = &site->vip,
					.n_vips = 1 };
	if (prober_set_config(site->prober, &site->config, &err) < 0)
		fail_msg("%s", err.text);
}

static void on_verdict(const struct core_verdict *verdict, void *arg)
{
	struct site *site = arg;
	struct pool *pool = &site->pools[verdict->pool];

	pool->verdict = *verdict;
	pool->n_verdicts++;
}

static void on_life(bool connected, void *arg)
{
	((struct site *)arg)->is_connected = connected;
}

static bool path_is_whole(uint32_t pool __attribute__((unused)),
			  uint32_t real __attribute__((unused)), usec_t since, void *arg)
{
	assert_true(since == 0 || (since <= usec_now() && since + DEADLINE > usec_now()));
	return !((struct site *)arg)->path_is_broken;
}

static void child_restrict(const struct site *site)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (site->files.rlim_max != 0)
		setrlimit(RLIMIT_NOFILE, &site->files);
	if (site->without_net_raw)
		prctl(PR_CAPBSET_DROP, 13 /* CAP_NET_RAW */, 0, 0, 0);
	/* Looking for leaks at exit takes what the filter refuses. */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
}

void daemon_start(struct site *site)
{
	site->pid = fork();
	if (site->pid == 0) {
		child_restrict(site);
		execl(program, "shoal-probe", "--socket", site->socket, NULL);
		_exit(127);
	}
}

int daemon_stop(struct site *site, int signo)
{
	int status = 0;

	kill(site->pid, signo);
	waitpid(site->pid, &status, 0);
	site->pid = 0;
	return status;
}

void shoald_start(struct site *site)
{
	const struct prober_callbacks callbacks = {
		.verdict = on_verdict, .life = on_life, .path_is_whole = path_is_whole, .arg = site
	};
	struct err err = { .text = "" };

	if (prober_new(site->base, site->socket, &callbacks, &site->prober, &err) < 0)
		fail_msg("%s", err.text);
}

void site_init(struct site *site)
{
	memset(site, 0, sizeof(*site));
	log_init("test", LOG_LEVEL_ERR);
	site->base = event_base_new();
	strcpy(site->directory, "/tmp/shoal-probe-test-XXXXXX");
	assert_non_null(mkdtemp(site->directory));
	snprintf(site->socket, sizeof(site->socket), "%s/probe.sock", site->directory);
	shoald_start(site);
}

void site_fini(struct site *site)
{
	if (site->pid)
		assert_int_equal(daemon_stop(site, SIGTERM), 0);
	prober_free(site->prober);
	event_base_free(site->base);
	rmdir(site->directory);
}

void run_for(struct site *site, usec_t us)
{
	struct timeval tv = { .tv_sec = (time_t)(us / USEC_PER_SEC),
			      .tv_usec = (suseconds_t)(us % USEC_PER_SEC) };

	event_base_loopexit(site->base, &tv);
	event_base_dispatch(site->base);
}

void expect(struct site *site, struct pool *pool, enum real_state state, enum probe_reason reason,
	    const char *evidence)
{
	if (!WAIT_FOR(site, pool->verdict.state == state && pool->verdict.reason == reason) ||
	    !strstr(pool->verdict.evidence, evidence))
		fail_msg("pool %ld: state %d reason %d evidence '%s'; wanted %d %d '%s'",
			 pool - site->pools, (int)pool->verdict.state, (int)pool->verdict.reason,
			 pool->verdict.evidence, (int)state, (int)reason, evidence);
}

/* ---- watched probes ---- */

static void on_watched(void *arg, const struct message_probe_done *done)
{
	struct watched *watched = arg;

	if (done)
		watched->done = *done;
	watched->done.output.bytes = NULL;
	watched->n++;
	watched->n_gone += !done;
}

uint64_t site_try(struct site *site, uint32_t pool, struct watched *watched)
{
	const struct prober_trial trial = { .pool = pool, .done = on_watched, .arg = watched };
	struct err err = { .text = "" };
	uint64_t ticket;

	*watched = (struct watched){ 0 };
	if (prober_try(site->prober, &trial, &ticket, &err) < 0)
		fail_msg("%s", err.text);
	return ticket;
}

void site_watch(struct site *site, uint32_t pool, struct watched *watched)
{
	site_try(site, pool, watched);
	assert_true(WAIT_FOR(site, watched->n == 1));
}

static void fail_steps(const struct watched *watched, const char *missing)
{
	const struct trace *trace = &watched->done.trace;

	for (uint32_t i = 0; i < trace->n_steps; i++)
		print_message("%8.3f %s\n", (double)trace->steps[i].at_us / 1000,
			      trace->steps[i].text);
	fail_msg("no step '%s' there; reason %d, '%s'", missing, (int)watched->done.reason,
		 watched->done.evidence);
}

void expect_steps(const struct watched *watched, const char *const *steps)
{
	const struct trace *trace = &watched->done.trace;
	bool is_bad = watched->done.reason != PROBE_OK;
	usec_t before = 0;

	for (uint32_t i = 0; i < trace->n_steps; i++) {
		const struct trace_step *step = &trace->steps[i];

		if (*steps && strstr(step->text, *steps))
			steps++;
		assert_true(step->at_us >= before);
		assert_int_equal(step->has_failed, is_bad && i + 1 == trace->n_steps);
		before = step->at_us;
	}
	if (*steps)
		fail_steps(watched, *steps);
	assert_true(watched->done.latency_us >= before);
}
