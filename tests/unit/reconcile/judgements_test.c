/* SPDX-License-Identifier: Apache-2.0 */
/* The state file: what one shoald knew the next begins from; what cannot be trusted is not used. */
#include "src/reconcile/judgements.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "tests/lib/site.h"
#include "tests/lib/config_builder.h"
#include "tests/lib/test.h"

#define S USEC_PER_SEC

struct node {
	char dir[64];
	struct config_builder b;
	struct site site;
};

static void path_of(const struct node *w, const char *name, char path[128])
{
	snprintf(path, 128, "%s/%s", w->dir, name);
}

/* Two reals of three judged by two checks, an announced VIP. */
static void node_new(struct node *w)
{
	*w = (struct node){ .dir = "/tmp/shoal-state.XXXXXX" };
	assert_non_null(mkdtemp(w->dir));
	build_start(&w->b);
	build_pool(&w->b, "web", 3);
	w->b.pools[0].n_checks = 2;
	w->b.pool_checks[0][1] = 1;
	build_service(&w->b, build_vip(&w->b, "203.0.113.10/32"), 80, 0);
	site_start(&w->site, build_finish(&w->b));
	site_facts_good(&w->site);
}

static void node_end(struct node *w)
{
	static const char *const names[] = { "state", "state.bad", ".state.new" };
	char path[128];

	site_stop(&w->site);
	for (size_t i = 0; i < 3; i++) {
		path_of(w, names[i], path);
		unlink(path);
	}
	rmdir(w->dir);
}

static void judge(struct node *w, uint32_t real, enum real_state state)
{
	for (uint32_t c = 0; c < 2; c++)
		site_check(&w->site, 0, real, c, state,
			   state == REAL_UP ? PROBE_OK : PROBE_REFUSED);
}

static void store(struct node *w)
{
	struct err err;

	if (judgements_store(w->dir, w->site.core, w->site.now, &err) < 0)
		fail_msg("%s", err.text);
}

/* Another shoald, some time later, on the same directory; what it said of the file. */
static int restart(struct node *w, usec_t later, usec_t tick)
{
	const struct judgements_sink sink = { judgements_adopt, judgements_adopt_flaps, NULL };
	struct judgements_sink to = sink;
	struct err err;

	w->site.now += later;
	site_restart(&w->site, build_finish(&w->b), false);
	to.arg = w->site.core;
	return judgements_load(w->dir, tick, w->site.now, &to, &err);
}

static const struct core_real *real(const struct node *w, uint32_t i)
{
	return &core_pool(w->site.core, 0)->reals[i];
}

TEST(judgements, a_restart_begins_from_the_last)
{
	struct node w;
	usec_t since;

	node_new(&w);
	judge(&w, 0, REAL_UP);
	w.site.now += 7 * S;
	judge(&w, 1, REAL_DOWN);
	since = w.site.now;
	w.site.now += 60 * S;
	store(&w);
	assert_int_equal(restart(&w, 3 * S, 0), 1);
	assert_int_equal(real(&w, 0)->state, REAL_UP);
	assert_int_equal(real(&w, 1)->state, REAL_DOWN);
	assert_int_equal(real(&w, 1)->since, since);
	assert_int_equal(real(&w, 1)->reason, PROBE_REFUSED);
	assert_string_equal(real(&w, 1)->evidence, "as told");
	assert_int_equal(real(&w, 2)->state, REAL_UNKNOWN);
	assert_int_equal(core_pool(w.site.core, 0)->checks[2].since, since);
	node_end(&w);
}

TEST(judgements, are_kept_when_the_next_verdict_says_the_same)
{
	struct node w;
	usec_t since;

	node_new(&w);
	judge(&w, 0, REAL_UP);
	since = w.site.now;
	w.site.now += 60 * S;
	store(&w);
	restart(&w, S, 0);
	judge(&w, 0, REAL_UP);
	assert_int_equal(real(&w, 0)->since, since);
	judge(&w, 0, REAL_DOWN);
	assert_int_equal(real(&w, 0)->state, REAL_DOWN);
	node_end(&w);
}

TEST(judgements, of_one_check_do_not_judge_the_real)
{
	struct node w;

	node_new(&w);
	site_check(&w.site, 0, 0, 0, REAL_UP, PROBE_OK);
	store(&w);
	restart(&w, S, 0);
	assert_int_equal(real(&w, 0)->state, REAL_UNKNOWN);
	node_end(&w);
}

TEST(judgements, that_are_old_are_not_used_unless_the_tick_is_younger)
{
	struct node w;

	node_new(&w);
	judge(&w, 0, REAL_UP);
	store(&w);
	assert_int_equal(restart(&w, JUDGEMENTS_KEPT_US + S, 0), 0);
	assert_int_equal(real(&w, 0)->state, REAL_UNKNOWN);
	assert_int_equal(restart(&w, 0, w.site.now - 10 * S), 1);
	assert_int_equal(real(&w, 0)->state, REAL_UP);
	/* A stamp of the future is nobody's. */
	assert_int_equal(restart(&w, 0, w.site.now + 10 * S), 0);
	node_end(&w);
}

static void write_state(const struct node *w, const char *text)
{
	AUTO(file_closep) FILE *f = NULL;
	char path[128];

	path_of(w, "state", path);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
}

static bool is_there(const struct node *w, const char *name)
{
	char path[128];

	path_of(w, name, path);
	return access(path, F_OK) == 0;
}

TEST(judgements, of_another_boot_are_not_used)
{
	struct node w;

	node_new(&w);
	write_state(&w, "shoal-state 1 another-boot 1000000000\n"
			"check web 10.1.0.1 http-ok up ok 3 1000 ok\nend 1\n");
	assert_int_equal(restart(&w, S, w.site.now), 0);
	assert_int_equal(real(&w, 0)->state, REAL_UNKNOWN);
	assert_true(is_there(&w, "state"));
	node_end(&w);
}

TEST(judgements, in_a_torn_or_foreign_file_are_set_aside)
{
	static const char *const texts[] = {
		"",
		"{\"v\":1}\n",
		"shoal-state 2 boot 1\nend 0\n",
		"shoal-state 1 boot\nend 0\n",
		"shoal-state 1 boot 1\n",
		"shoal-state 1 boot 1\ncheck web 10.1.0.1 http-ok up ok 3 1000 HTTP 2",
		"shoal-state 1 boot 1\ncheck web 10.1.0.1 http-ok up ok 3 1000\n",
		"shoal-state 1 boot 1\ncheck web 10.1.0.1 http-ok up ok 3 1000\nend 2\n",
		"shoal-state 1 boot 1\ncheck web 10.1.0.1 http-ok sideways ok 3 1000\nend 1\n",
		"shoal-state 1 boot 1\ncheck web 10.1.0.1 http-ok up fine 3 1000\nend 1\n",
		"shoal-state 1 boot 1\ncheck web 10.1.0 http-ok up ok 3 1000\nend 1\n",
		"shoal-state 1 boot 1\ncheck web 10.1.0.1 http-ok up ok -3 1000\nend 1\n",
		"shoal-state 1 boot 1\ncheck web 10.1.0.1 http-ok up ok 3 1000 a\001b\nend 1\n",
		"shoal-state 1 boot 1\nvip 203.0.113.10/32 0 0\nend 1\n",
		"shoal-state 1 boot 1\nvip 203.0.113.10/32 0 5 6\nend 1\n",
		"shoal-state 1 boot 1\nend 0\nmore\n",
	};
	struct node w;

	node_new(&w);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		write_state(&w, texts[i]);
		assert_int_equal(restart(&w, 0, 0), -EBADMSG);
		assert_false(is_there(&w, "state"));
		assert_true(is_there(&w, "state.bad"));
		assert_int_equal(restart(&w, 0, 0), 0);
	}
	node_end(&w);
}

TEST(judgements, for_what_the_config_no_longer_has_are_ignored)
{
	struct node w;

	node_new(&w);
	judge(&w, 0, REAL_UP);
	judge(&w, 2, REAL_DOWN);
	store(&w);
	build_start(&w.b);
	build_pool(&w.b, "web", 2);
	assert_int_equal(restart(&w, S, 0), 1);
	assert_int_equal(real(&w, 0)->state, REAL_UP); /* its other check is gone */
	assert_int_equal(real(&w, 1)->state, REAL_UNKNOWN);
	node_end(&w);
}

/* Let the VIP fail and return, n times. */
static void flap(struct node *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		for (uint32_t r = 0; r < 3; r++)
			judge(w, r, REAL_DOWN);
		site_run(&w->site);
		for (uint32_t r = 0; r < 3; r++)
			judge(w, r, REAL_UP);
		site_run(&w->site);
		if (i < n - 1)
			site_pass(&w->site, 40 * S);
	}
}

TEST(judgements, a_vip_that_flapped_stays_held_down)
{
	struct core_flaps flaps;
	usec_t until;
	struct node w;

	node_new(&w);
	for (uint32_t r = 0; r < 3; r++)
		judge(&w, r, REAL_UP);
	site_run(&w.site);
	site_pass(&w.site, 60 * S);
	flap(&w, 2);
	assert_true(core_flaps(w.site.core, 0, &flaps));
	until = flaps.hold_down_until;
	assert_true(until > w.site.now);
	store(&w);
	w.site.world.routes[0].used = false; /* bgpd holds nothing of it */
	assert_int_equal(restart(&w, S, 0), 1);
	site_facts_good(&w.site);
	site_run(&w.site);
	assert_int_equal(site_vip(&w.site, 0)->state, VIP_WITHDRAWN);
	assert_int_equal(site_vip(&w.site, 0)->reason, VIP_REASON_HOLD_DOWN);
	assert_int_equal(site_vip(&w.site, 0)->flaps, 2);
	site_pass(&w.site, until - w.site.now + S);
	assert_int_equal(site_vip(&w.site, 0)->state, VIP_ANNOUNCED);
	node_end(&w);
}

TEST(judgements, a_directory_that_is_away_is_named)
{
	struct node w;
	struct err err;

	node_new(&w);
	assert_true(judgements_store("/tmp/shoal-no-such-dir", w.site.core, 1, &err) < 0);
	assert_non_null(strstr(err.text, "/tmp/shoal-no-such-dir/state"));
	node_end(&w);
}

RUN_TESTS(T(judgements, a_restart_begins_from_the_last),
	  T(judgements, are_kept_when_the_next_verdict_says_the_same),
	  T(judgements, of_one_check_do_not_judge_the_real),
	  T(judgements, that_are_old_are_not_used_unless_the_tick_is_younger),
	  T(judgements, of_another_boot_are_not_used),
	  T(judgements, in_a_torn_or_foreign_file_are_set_aside),
	  T(judgements, for_what_the_config_no_longer_has_are_ignored),
	  T(judgements, a_vip_that_flapped_stays_held_down),
	  T(judgements, a_directory_that_is_away_is_named))
