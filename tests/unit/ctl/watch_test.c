/* SPDX-License-Identifier: Apache-2.0 */
/* watch_test.c - watched pools: what is counted from when on, who deviates, and when it ends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/ctl/view.h"
#include "src/ctl/watch.h"
#include "tests/lib/fake_parts.h"
#include "tests/lib/test.h"

#define HEAD                                                                                       \
	"node: {name: lb1, uplinks: [eth0]}\n"                                                     \
	"routing: {vty: /run/frr, local-as: 65010, vip-ranges: [203.0.113.0/24],\n"                \
	"          peers: {tor1: 10.0.1.1}}\n"                                                     \
	"pools:\n"
#define VIPS                                                                                       \
	"vips:\n  www: {address: 203.0.113.10, services: [{tcp: 80, pool: web},\n"                 \
	"                                                 {udp: 53, pool: dns}]}\n"
#define DNS "  dns: {check: none, reals: {d: 10.1.9.1}}\n"

static const char first_yaml[] =
	HEAD "  web: {check: none, reals: {a: 10.1.0.1, b: 10.1.0.2, c: 10.1.0.3}}\n" DNS VIPS;
/* Other reals, and the pool in another place. */
static const char next_yaml[] =
	HEAD DNS "  web: {check: none, reals: {d: 10.1.0.4, c: 10.1.0.3, a: 10.1.0.1}}\n" VIPS;
static const char without_yaml[] =
	HEAD DNS "vips:\n  www: {address: 203.0.113.10, services: [{udp: 53, pool: dns}]}\n";

static struct config *config;
static struct site site;
static struct commands_context context;

static void use(const char *yaml)
{
	struct config_report report = { 0 };

	if (config_parse("shoal.yaml", yaml, strlen(yaml), CONFIG_NEED_NODE, &config, &report) < 0)
		fail_msg("%s", report.text);
	config_report_fini(&report);
	site.core = core_new(config, 1);
	assert_non_null(site.core);
}

/* As a reload, for who only looks. */
static void reload(const char *yaml)
{
	core_free(site.core);
	config_free(config);
	use(yaml);
	context.core = site.core;
	context.config_loaded_wall_us++;
}

static int set_up(void **state)
{
	(void)state;
	site = (struct site){ .now = 1000 * USEC_PER_SEC };
	use(first_yaml);
	fake_parts_init(&site);
	context = fake_context(&site);
	context.watches = watches_new(&context);
	return context.watches ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	watches_free(context.watches);
	core_free(site.core);
	config_free(config);
	return 0;
}

static uint32_t pool(const char *name)
{
	return find_pool(site.core, name);
}

static int start(const char *name, usec_t for_us, bool *ret_is_already)
{
	const struct watches_words words = { "alice (uid 1000)", "why not", for_us };
	struct err err;

	return watches_start(context.watches, pool(name), &words, site.now, ret_is_already, &err);
}

static void watch_web(void)
{
	bool is_already = true;

	assert_int_equal(start("web", 0, &is_already), 0);
	assert_false(is_already);
}

static struct view view_at(void)
{
	return (struct view){ .daemon = &context, .now = site.now, .wall_us = 1795335242000000 };
}

static void count(unsigned real, uint64_t syns, uint64_t again)
{
	parts.syns[0][real].first += syns;
	parts.syns[0][real].again += again;
}

static json_t *syns_of(const char *name)
{
	struct view view = view_at();
	uint32_t of, real;

	assert_true(find_real(site.core, name, &of, &real));
	return view_syns(&view, of, real);
}

static void expect(const char *name, json_int_t syns, json_int_t again)
{
	json_t *object = syns_of(name);

	assert_int_equal(json_integer_value(json_object_get(object, "connections")), syns);
	assert_int_equal(json_integer_value(json_object_get(object, "retransmissions")), again);
	json_decref(object);
}

static bool deviates(const char *name)
{
	json_t *object = syns_of(name);
	bool is = json_is_true(json_object_get(object, "is_deviating"));

	json_decref(object);
	return is;
}

static bool is_watched(const char *name)
{
	struct view view = view_at();
	json_t *watch = view_watch(&view, pool(name));
	bool is = json_is_object(watch);

	json_decref(watch);
	return is;
}

TEST(watch, counts_from_its_beginning_on)
{
	count(1, 1000, 500);
	assert_false(is_watched("web"));
	watch_web();
	expect("web/a", 0, 0);
	count(1, 90, 10);
	count(2, 5, 0);
	expect("web/a", 90, 10);
	expect("web/b", 5, 0);
	expect("web/c", 0, 0);
	assert_false(is_watched("dns"));
}

TEST(watch, sums_up_its_pool)
{
	struct view view = view_at();
	json_t *watch;

	watch_web();
	count(1, 90, 10);
	count(2, 110, 90);
	watch = view_watch(&view, pool("web"));
	assert_int_equal(json_integer_value(json_object_get(watch, "connections")), 200);
	assert_int_equal(json_integer_value(json_object_get(watch, "retransmissions")), 100);
	assert_true(json_real_value(json_object_get(watch, "retransmitted_percent")) == 33.33);
	assert_true(json_real_value(json_object_get(watch, "median_percent")) == 10);
	assert_true(json_real_value(json_object_get(watch, "left_s")) == 600);
	assert_string_equal(json_string_value(json_object_get(watch, "reason")), "why not");
	json_decref(watch);
}

TEST(watch, of_a_real_programmed_anew_begins_at_nothing)
{
	count(1, 1000, 500);
	watch_web();
	parts.syns[0][1] = (struct dataplane_syns){ 7, 1 };
	expect("web/a", 7, 1);
}

TEST(real, deviates_far_above_the_median)
{
	watch_web();
	count(1, 1000, 10);
	count(2, 1000, 12);
	count(3, 1000, 300);
	assert_false(deviates("web/a"));
	assert_false(deviates("web/b"));
	assert_true(deviates("web/c"));
}

TEST(real, does_not_deviate_when_all_are_alike_or_little_is_known)
{
	watch_web();
	for (unsigned i = 1; i <= 3; i++)
		count(i, 1000, 300);
	for (const char *const *name = (const char *const[]){ "web/a", "web/b", "web/c", NULL };
	     *name; name++)
		assert_false(deviates(*name));
	site.now += 2 * USEC_PER_SEC;
	memset(parts.syns, 0, sizeof(parts.syns));
	reload(first_yaml);
	count(1, 1000, 0);
	count(2, 1000, 0);
	count(3, 3, 9); /* less than ten again */
	assert_false(deviates("web/c"));
	count(3, 100000, 10); /* and less than 1 per cent */
	assert_false(deviates("web/c"));
}

TEST(real, of_two_deviates_against_the_better_one)
{
	watch_web();
	count(1, 1000, 0);
	count(2, 1000, 300);
	assert_true(deviates("web/b"));
	assert_false(deviates("web/a"));
}

TEST(watch, ends_by_time)
{
	watch_web();
	site.now += 599 * USEC_PER_SEC;
	watches_tick(context.watches, site.now);
	assert_true(is_watched("web"));
	assert_true(parts.is_watched[0]);
	site.now += USEC_PER_SEC;
	watches_tick(context.watches, site.now);
	assert_false(is_watched("web"));
	assert_false(parts.is_watched[0]);
}

TEST(watch, given_once_more_goes_on_with_another_end)
{
	bool is_already = false;

	watch_web();
	count(1, 90, 10);
	site.now += 599 * USEC_PER_SEC;
	assert_int_equal(start("web", 3600 * USEC_PER_SEC, &is_already), 0);
	assert_true(is_already);
	site.now += 3000 * USEC_PER_SEC;
	watches_tick(context.watches, site.now);
	assert_true(is_watched("web"));
	expect("web/a", 90, 10);
}

TEST(watch, ends_by_word)
{
	watch_web();
	watches_end(context.watches, pool("web"), "operator");
	assert_false(is_watched("web"));
	assert_false(parts.is_watched[0]);
	watches_end(context.watches, pool("web"), "operator");
}

TEST(watch, needs_tcp_and_a_ring)
{
	bool is_already;

	assert_int_equal(start("dns", 0, &is_already), -ENOENT);
	parts.has_no_ring = true;
	assert_int_equal(start("web", 0, &is_already), -ENOENT);
	assert_false(is_watched("web"));
}

TEST(watch, is_given_anew_to_a_ring_that_came_later)
{
	watch_web();
	parts.is_watched[0] = false;
	watches_tick(context.watches, site.now + 1);
	assert_true(parts.is_watched[0]);
}

TEST(watch, goes_over_to_another_config)
{
	count(3, 1000, 500);
	watch_web();
	count(1, 90, 10);
	count(3, 20, 0);
	count(4, 4000, 400); /* of another pool, until then */
	reload(next_yaml);
	expect("web/a", 90, 10);
	expect("web/c", 20, 0);
	expect("web/d", 0, 0);
	count(4, 3, 0);
	expect("web/d", 3, 0);
	watches_tick(context.watches, site.now + 1);
	assert_true(parts.is_watched[pool("web")]);
	expect("web/a", 90, 10);
}

TEST(watch, ends_with_its_pool)
{
	watch_web();
	reload(without_yaml);
	watches_tick(context.watches, site.now + 1);
	reload(first_yaml);
	assert_false(is_watched("web"));
}

TEST(watches, end_with_the_process)
{
	watch_web();
	watches_free(context.watches);
	context.watches = NULL;
	assert_false(parts.is_watched[0]);
	assert_false(is_watched("web"));
}

int main(void)
{
#define F(scope, name) cmocka_unit_test_setup_teardown(scope##_##name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		F(watch, counts_from_its_beginning_on),
		F(watch, sums_up_its_pool),
		F(watch, of_a_real_programmed_anew_begins_at_nothing),
		F(real, deviates_far_above_the_median),
		F(real, does_not_deviate_when_all_are_alike_or_little_is_known),
		F(real, of_two_deviates_against_the_better_one),
		F(watch, ends_by_time),
		F(watch, given_once_more_goes_on_with_another_end),
		F(watch, ends_by_word),
		F(watch, needs_tcp_and_a_ring),
		F(watch, is_given_anew_to_a_ring_that_came_later),
		F(watch, goes_over_to_another_config),
		F(watch, ends_with_its_pool),
		F(watches, end_with_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
