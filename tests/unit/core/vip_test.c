/* SPDX-License-Identifier: Apache-2.0 */
/* vip_test.c - when a VIP is announced and withdrawn, for which reason, and how it returns. */
#include "tests/lib/config_builder.h"
#include "tests/lib/site.h"
#include "tests/lib/test.h"

/* One VIP with two services on one pool of three reals. */
static const struct config *small(struct config_builder *b)
{
	uint32_t pool, vip;

	build_start(b);
	pool = build_pool(b, "web", 3);
	vip = build_vip(b, "203.0.113.10/32");
	build_service(b, vip, 80, pool);
	build_service(b, vip, 443, pool);
	return build_finish(b);
}

static void expect(const struct site *s, enum vip_state state, enum vip_reason reason)
{
	assert_string_equal(vip_state_str(site_vip(s, 0)->state), vip_state_str(state));
	assert_string_equal(vip_reason_str(site_vip(s, 0)->reason), vip_reason_str(reason));
}

TEST(vip, is_announced_bottom_up)
{
	struct config_builder b;
	struct site s;

	site_start(&s, small(&b));
	site_facts_good(&s);
	site_run(&s);
	expect(&s, VIP_WITHDRAWN, VIP_REASON_STARTING);
	site_verdict_all(&s, REAL_UP);
	site_trace_clear(&s);
	site_run(&s);
	expect(&s, VIP_ANNOUNCED, VIP_REASON_SERVING);
	assert_int_equal(site_vip(&s, 0)->peers, 2);
	assert_true(site_trace_find(&s, OP_RING_SET, 0) >= 0);
	assert_true(site_trace_find(&s, OP_SERVICE_SET, 0) > site_trace_find(&s, OP_RING_SET, 0));
	assert_true(site_trace_find(&s, OP_SELF_TEST, 1) > site_trace_find(&s, OP_SERVICE_SET, 1));
	assert_true(site_trace_find(&s, OP_ROUTE_ANNOUNCE, 0) >
		    site_trace_find(&s, OP_SELF_TEST, 1));
	site_stop(&s);
}

RUN_TESTS(T(vip, is_announced_bottom_up))
