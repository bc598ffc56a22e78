/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/fpm_compare.h"
#include "frr-integration/fpm_table.h"
#include "tests/unit/frr-integration/fpm_frames.h"

/* ---- a table that wants 10.1.0.11, 10.1.0.12, fd00:b::11 and 203.0.113.0/24 ---- */

static struct addr addr_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct fpm_interest interest_of(const char *const *addrs, const char *range)
{
	struct fpm_interest interest = { .addrs = calloc(16, sizeof(struct addr)),
					 .ranges = calloc(1, sizeof(struct prefix)) };

	while (*addrs)
		interest.addrs[interest.n_addrs++] = addr_of(*addrs++);
	if (range) {
		assert_int_equal(prefix_parse(range, &interest.ranges[0]), 0);
		interest.n_ranges = 1;
	}
	fpm_interest_sort(&interest);
	return interest;
}

#define INTEREST(range, ...) interest_of((const char *const[]){ __VA_ARGS__, NULL }, range)

static struct fpm_table *make_table(void)
{
	struct fpm_interest interest =
		INTEREST("203.0.113.0/24", "10.1.0.12", "fd00:b::11", "10.1.0.11", "10.1.0.12");
	struct fpm_table *table = fpm_table_new();

	assert_int_equal(interest.n_addrs, 3);
	fpm_table_want(table, &interest);
	fpm_table_begin(table);
	return table;
}

static void on_message(const struct fpm_message *message, void *arg)
{
	fpm_table_take(arg, message, 1000);
}

static void feed(struct fpm_table *table, const struct frame *frame)
{
	struct err err = { "" };

	if (fpm_frame_decode(frame->bytes, frame->n, on_message, table, &err) < 0)
		fail_msg("%s", err.text);
}

static void send_route(struct fpm_table *table, const char *prefix, const char *gateway)
{
	struct frame frame;

	frame_route(&frame, RTM_NEWROUTE, prefix, 0);
	frame_gateway(&frame, gateway, 3);
	feed(table, &frame);
}

static void send_no_route(struct fpm_table *table, const char *prefix)
{
	struct frame frame;

	frame_route(&frame, RTM_DELROUTE, prefix, 0);
	feed(table, &frame);
}

static const char *found(const struct fpm_table *table, const char *text)
{
	static char buf[PREFIX_TEXT_MAX];
	struct addr addr = addr_of(text);
	const struct fpm_route *route = fpm_table_find(table, &addr);

	return route ? prefix_print(&route->prefix, buf) : "none";
}

TEST(fpm_table, finds_the_most_specific_route)
{
	struct fpm_table *table = make_table();

	assert_string_equal(found(table, "10.1.0.11"), "none");
	send_route(table, "0.0.0.0/0", "10.0.1.1");
	send_route(table, "10.0.0.0/8", "10.0.1.1");
	send_route(table, "10.1.0.11/32", "10.0.1.1");
	send_route(table, "::/0", "fd00::1");
	assert_string_equal(found(table, "10.1.0.11"), "10.1.0.11/32");
	assert_string_equal(found(table, "10.1.0.12"), "10.0.0.0/8");
	assert_string_equal(found(table, "203.0.113.9"), "0.0.0.0/0");
	assert_string_equal(found(table, "fd00:b::11"), "::/0");
	send_no_route(table, "10.0.0.0/8");
	assert_string_equal(found(table, "10.1.0.12"), "0.0.0.0/0");
	fpm_table_free(table);
}

TEST(fpm_table, keeps_only_what_leads_to_an_address_or_touches_a_range)
{
	struct fpm_table *table = make_table();
	static const char *const kept[] = { "0.0.0.0/0",      "10.1.0.0/28", "203.0.0.0/8",
					    "203.0.113.7/32", "fd00::/16",   "203.0.113.0/24" };
	static const char *const passed[] = { "10.1.0.0/29", "10.1.0.16/28", "203.0.112.0/24",
					      "fd00:c::/32", "10.1.0.13/32", "192.0.2.0/24" };

	for (size_t i = 0; i < 6; i++) {
		send_route(table, kept[i], kept[i][0] == 'f' ? "fd00::1" : "10.0.1.1");
		assert_int_equal(fpm_table_stats(table)->n_routes, i + 1);
	}
	for (size_t i = 0; i < 6; i++)
		send_route(table, passed[i], passed[i][0] == 'f' ? "fd00::1" : "10.0.1.1");
	assert_int_equal(fpm_table_stats(table)->n_routes, 6);
	assert_int_equal(fpm_table_stats(table)->routes_passed, 6);
	fpm_table_free(table);
}

TEST(fpm_table, leaves_other_tables_alone)
{
	struct fpm_table *table = make_table();
	struct frame frame;
	struct nlmsghdr *hdr = frame_route(&frame, RTM_NEWROUTE, "10.0.0.0/8", 0);

	((struct rtmsg *)NLMSG_DATA(hdr))->rtm_table = 100;
	feed(table, &frame);
	assert_string_equal(found(table, "10.1.0.11"), "none");
	fpm_table_free(table);
}

TEST(fpm_table, drops_what_a_new_config_does_not_ask_about)
{
	struct fpm_interest interest = INTEREST(NULL, "10.1.0.12");
	struct fpm_table *table = make_table();

	send_route(table, "10.1.0.11/32", "10.0.1.1");
	send_route(table, "10.1.0.12/32", "10.0.1.1");
	send_route(table, "203.0.113.7/32", "10.0.1.1");
	fpm_table_want(table, &interest);
	assert_string_equal(found(table, "10.1.0.11"), "none");
	assert_string_equal(found(table, "10.1.0.12"), "10.1.0.12/32");
	assert_int_equal(fpm_table_stats(table)->n_routes, 1);
	fpm_table_free(table);
}

TEST(fpm_table, sees_whether_an_interest_holds_another)
{
	struct fpm_interest all = INTEREST("203.0.113.0/24", "10.1.0.11", "10.1.0.12"),
			    fewer = INTEREST("203.0.113.128/25", "10.1.0.12", "203.0.113.9"),
			    other = INTEREST(NULL, "10.1.0.13"),
			    wider = INTEREST("203.0.112.0/23", "10.1.0.11");

	assert_true(fpm_interest_contains(&all, &all));
	assert_true(fpm_interest_contains(&all, &fewer));
	assert_false(fpm_interest_contains(&all, &other));
	assert_false(fpm_interest_contains(&all, &wider));
	fpm_interest_fini(&all);
	fpm_interest_fini(&fewer);
	fpm_interest_fini(&other);
	fpm_interest_fini(&wider);
}

/* ---- mark and sweep ---- */

TEST(fpm_table, sweeps_what_was_not_sent_again)
{
	struct fpm_table *table = make_table();
	struct addr addr = addr_of("10.1.0.11");

	send_route(table, "10.0.0.0/8", "10.0.1.1");
	send_route(table, "10.1.0.11/32", "10.0.1.1");
	fpm_table_begin(table);
	assert_true(fpm_table_find(table, &addr)->is_stale);
	send_route(table, "10.0.0.0/8", "10.0.1.1");
	assert_int_equal(fpm_table_stats(table)->n_stale, 1);
	assert_int_equal(fpm_table_sweep(table), 1);
	assert_string_equal(found(table, "10.1.0.11"), "10.0.0.0/8");
	assert_false(fpm_table_find(table, &addr)->is_stale);
	assert_int_equal(fpm_table_stats(table)->n_stale, 0);
	fpm_table_free(table);
}

/* ---- next hops ---- */

static void send_hop(struct fpm_table *table, uint32_t id, const char *gateway)
{
	struct addr addr = addr_of(gateway);
	uint32_t ifindex = 3;
	struct frame frame;
	size_t len;
	const uint8_t *raw = addr_raw(&addr, &len);

	frame_next_hop(&frame, RTM_NEWNEXTHOP, id);
	frame_put(&frame, NHA_GATEWAY, raw, len);
	frame_put(&frame, NHA_OIF, &ifindex, sizeof(ifindex));
	feed(table, &frame);
}

static void send_group(struct fpm_table *table, uint32_t id, uint32_t a, uint32_t b)
{
	const struct nexthop_grp members[] = { { .id = a }, { .id = b, .weight = 4 } };
	struct frame frame;

	frame_next_hop(&frame, RTM_NEWNEXTHOP, id);
	frame_put(&frame, NHA_GROUP, members, sizeof(members));
	feed(table, &frame);
}

static void send_no_hop(struct fpm_table *table, uint32_t id)
{
	struct frame frame;

	frame_next_hop(&frame, RTM_DELNEXTHOP, id);
	feed(table, &frame);
}

static int hops_to(const struct fpm_table *table, const char *text, struct fpm_hop *hops)
{
	struct addr addr = addr_of(text);

	return fpm_table_hops(table, fpm_table_find(table, &addr), hops, FPM_HOPS_MAX);
}

TEST(fpm_table, resolves_groups_whatever_the_order)
{
	struct fpm_table *table = make_table();
	struct fpm_hop hops[FPM_HOPS_MAX];
	struct frame frame;

	frame_route(&frame, RTM_NEWROUTE, "10.1.0.0/16", 18);
	feed(table, &frame);
	assert_int_equal(hops_to(table, "10.1.0.11", hops), -ENOENT);
	send_group(table, 18, 17, 19);
	send_hop(table, 19, "10.0.1.3");
	assert_int_equal(hops_to(table, "10.1.0.11", hops), -ENOENT);
	send_hop(table, 17, "10.0.1.1");
	assert_int_equal(hops_to(table, "10.1.0.11", hops), 2);
	assert_string_equal(ADDR_STR(&hops[0].gateway), "10.0.1.1");
	assert_string_equal(ADDR_STR(&hops[1].gateway), "10.0.1.3");
	assert_int_equal(hops[1].weight, 5);
	send_hop(table, 18, "10.0.1.9"); /* the number means one next hop from now on */
	assert_int_equal(hops_to(table, "10.1.0.11", hops), 1);
	send_no_hop(table, 18);
	assert_int_equal(hops_to(table, "10.1.0.11", hops), -ENOENT);
	fpm_table_free(table);
}

TEST(fpm_table, is_not_led_in_circles)
{
	struct fpm_table *table = make_table();
	struct fpm_hop hops[FPM_HOPS_MAX];
	struct frame frame;

	frame_route(&frame, RTM_NEWROUTE, "10.1.0.0/16", 18);
	feed(table, &frame);
	send_group(table, 18, 18, 18);
	assert_int_equal(hops_to(table, "10.1.0.11", hops), -ENOENT);
	fpm_table_free(table);
}

TEST(fpm_table, sweeps_next_hops_too)
{
	struct fpm_table *table = make_table();

	send_hop(table, 17, "10.0.1.1");
	send_hop(table, 19, "10.0.1.3");
	fpm_table_begin(table);
	send_hop(table, 19, "10.0.1.3");
	fpm_table_sweep(table);
	assert_int_equal(fpm_table_stats(table)->n_hops, 1);
	fpm_table_free(table);
}

/* ---- memory ---- */

static void send_numbered(struct fpm_table *table, struct frame *frame, uint32_t net)
{
	struct rtattr *dst = (struct rtattr *)(void *)((char *)frame_hdr(frame) +
						       NLMSG_LENGTH(sizeof(struct rtmsg)));
	uint32_t raw = htonl(net);

	memcpy(RTA_DATA(dst), &raw, sizeof(raw));
	feed(table, frame);
}

TEST(fpm_table, lets_a_full_table_pass_without_growing)
{
	struct fpm_table *table = make_table();
	struct frame frame;
	size_t before;

	frame_route(&frame, RTM_NEWROUTE, "10.0.0.0/24", 0);
	frame_gateway(&frame, "10.0.1.1", 3);
	before = mallinfo2().uordblks;
	for (uint32_t i = 0; i < 1000000; i++)
		send_numbered(table, &frame, 0x01000000 + (i << 8));
	assert_int_equal(fpm_table_stats(table)->n_routes, 1); /* 10.1.0.0/24 */
	assert_true(mallinfo2().uordblks < before + 65536);
	fpm_table_free(table);
}

TEST(fpm_table, bounds_what_a_range_or_numbers_can_cost)
{
	struct fpm_interest interest = INTEREST("16.0.0.0/4", "10.1.0.11");
	struct fpm_table *table = make_table();
	size_t before = mallinfo2().uordblks;
	struct frame frame;

	fpm_table_want(table, &interest);
	for (uint32_t i = 1; i <= FPM_TABLE_HOPS_MAX + 10; i++)
		send_hop(table, i, "10.0.1.1");
	assert_int_equal(fpm_table_stats(table)->n_hops, FPM_TABLE_HOPS_MAX);
	assert_int_equal(fpm_table_stats(table)->no_room, 10);
	frame_route(&frame, RTM_NEWROUTE, "16.0.0.0/32", 0);
	frame_gateway(&frame, "10.0.1.1", 3);
	for (uint32_t i = 0; i < 400000; i++)
		send_numbered(table, &frame, 0x10000000 + i);
	assert_true(fpm_table_stats(table)->no_room > 100000);
	assert_true(fpm_table_is_short(table));
	assert_true(mallinfo2().uordblks < before + FPM_TABLE_BYTES_MAX + (1U << 20));
	/* what was not sent again gives way to what is */
	fpm_table_begin(table);
	send_numbered(table, &frame, 0x11000000);
	send_hop(table, 1, "10.0.1.1");
	assert_false(fpm_table_is_short(table));
	assert_int_equal(fpm_table_stats(table)->n_routes, 1);
	fpm_table_begin(table);
	fpm_table_sweep(table);
	assert_int_equal(fpm_table_stats(table)->n_bytes, 0);
	fpm_table_free(table);
}

/* ---- against the kernel ---- */

struct kernel {
	struct frame frame;
	int error;
};

static int ask(void *arg, const struct addr *dst, fpm_answer_fn answer, void *answer_arg)
{
	struct kernel *kernel = arg;

	(void)dst;
	if (kernel->error == 0)
		answer(frame_hdr(&kernel->frame), answer_arg);
	return kernel->error;
}

static struct kernel kernel_route(const char *prefix, const char *gateway)
{
	struct kernel kernel = { .error = 0 };

	frame_route(&kernel.frame, RTM_NEWROUTE, prefix, 0);
	if (gateway)
		frame_gateway(&kernel.frame, gateway, 3);
	return kernel;
}

static enum fpm_difference compared(const struct fpm_table *table, struct kernel *kernel)
{
	struct fpm_target target = { .addr = addr_of("10.1.0.11") };
	enum fpm_difference difference;

	fpm_target_compare(&target, table, ask, kernel, 1000);
	difference = target.difference;
	free(target.kernel);
	return difference;
}

TEST(fpm_compare, sees_each_difference)
{
	struct kernel same = kernel_route("10.1.0.0/16", "10.0.1.1"),
		      other = kernel_route("10.1.0.0/16", "10.0.1.2"),
		      wider = kernel_route("0.0.0.0/0", "10.0.1.1"),
		      narrower = kernel_route("10.1.0.11/32", "10.0.1.1"),
		      none = { .error = -ENETUNREACH }, drops = { .error = -EINVAL };
	struct fpm_table *table = make_table();

	assert_int_equal(compared(table, &none), FPM_SAME);
	assert_int_equal(compared(table, &same), FPM_ZEBRA_LACKS);
	send_route(table, "10.1.0.0/16", "10.0.1.1");
	assert_int_equal(compared(table, &same), FPM_SAME);
	assert_int_equal(compared(table, &other), FPM_OTHER_HOPS);
	assert_int_equal(compared(table, &wider), FPM_KERNEL_LACKS);
	assert_int_equal(compared(table, &none), FPM_KERNEL_LACKS);
	assert_int_equal(compared(table, &narrower), FPM_ZEBRA_LACKS);
	assert_int_equal(compared(table, &drops), FPM_OTHER_TYPE);
	fpm_table_free(table);
}

TEST(fpm_compare, does_not_judge_what_is_not_of_the_main_table)
{
	struct kernel local = kernel_route("10.1.0.11/32", NULL),
		      rule = kernel_route("0.0.0.0/0", "10.0.9.9"), deaf = { .error = -ETIMEDOUT };
	struct fpm_table *table = make_table();

	((struct rtmsg *)NLMSG_DATA(frame_hdr(&local.frame)))->rtm_type = RTN_LOCAL;
	((struct rtmsg *)NLMSG_DATA(frame_hdr(&rule.frame)))->rtm_table = 100;
	send_route(table, "10.1.0.0/16", "10.0.1.1");
	assert_int_equal(compared(table, &local), FPM_NOT_COMPARED);
	assert_int_equal(compared(table, &rule), FPM_NOT_COMPARED);
	assert_int_equal(compared(table, &deaf), FPM_NOT_COMPARED);
	fpm_table_free(table);
}

TEST(fpm_compare, takes_next_hops_by_number_where_the_kernel_tells_no_more)
{
	struct kernel kernel = { .error = 0 };
	struct fpm_table *table = make_table();
	struct frame frame;

	frame_route(&frame, RTM_NEWROUTE, "10.1.0.0/16", 18);
	feed(table, &frame);
	send_hop(table, 18, "10.0.1.1");
	frame_route(&kernel.frame, RTM_NEWROUTE, "10.1.0.0/16", 18);
	assert_int_equal(compared(table, &kernel), FPM_SAME);
	frame_route(&kernel.frame, RTM_NEWROUTE, "10.1.0.0/16", 99);
	assert_int_equal(compared(table, &kernel), FPM_NOT_COMPARED);
	fpm_table_free(table);
}

TEST(fpm_compare, remembers_since_when_it_differs)
{
	struct kernel none = { .error = -ENETUNREACH },
		      same = kernel_route("10.1.0.0/16", "10.0.1.1");
	struct fpm_target target = { .addr = addr_of("10.1.0.11") };
	struct fpm_table *table = make_table();

	send_route(table, "10.1.0.0/16", "10.0.1.1");
	fpm_target_compare(&target, table, ask, &none, 1000);
	fpm_target_compare(&target, table, ask, &none, 2000);
	assert_int_equal(target.since, 1000);
	fpm_target_compare(&target, table, ask, &same, 3000);
	assert_int_equal(target.since, 0);
	fpm_target_compare(&target, table, ask, &none, 4000);
	assert_int_equal(target.since, 4000);
	free(target.kernel);
	fpm_table_free(table);
}

RUN_TESTS(T(fpm_table, finds_the_most_specific_route),
	  T(fpm_table, keeps_only_what_leads_to_an_address_or_touches_a_range),
	  T(fpm_table, leaves_other_tables_alone),
	  T(fpm_table, drops_what_a_new_config_does_not_ask_about),
	  T(fpm_table, sees_whether_an_interest_holds_another),
	  T(fpm_table, sweeps_what_was_not_sent_again),
	  T(fpm_table, resolves_groups_whatever_the_order), T(fpm_table, is_not_led_in_circles),
	  T(fpm_table, sweeps_next_hops_too), T(fpm_table, lets_a_full_table_pass_without_growing),
	  T(fpm_table, bounds_what_a_range_or_numbers_can_cost),
	  T(fpm_compare, sees_each_difference),
	  T(fpm_compare, does_not_judge_what_is_not_of_the_main_table),
	  T(fpm_compare, takes_next_hops_by_number_where_the_kernel_tells_no_more),
	  T(fpm_compare, remembers_since_when_it_differs))
