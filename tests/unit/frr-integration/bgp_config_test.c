/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of `show running-config`, and the route-maps it is compared with. */
#include "frr-integration/bgp_config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "frr-integration/vty_frame.h"
#include "tests/lib/test.h"

/* As FRR 8.4.4 prints it: a VRF's instance beside the default one, foreign lines and maps. */
static const char running[] =
	"frr version 8.4.4\nfrr defaults traditional\n!\nhostname vm\n!\n"
	"bgp route-map delay-timer 1\n"
	"router bgp 65100\n bgp router-id 10.255.1.1\n no bgp default ipv4-unicast\n"
	" no bgp network import-check\n !\n segment-routing srv6\n  locator MAIN\n exit\n"
	" neighbor 10.2.1.1 remote-as external\n"
	" neighbor 10.2.1.1 password network 9.9.9.9/32\n !\n"
	" address-family ipv4 unicast\n"
	"  network 10.0.0.0/8 backdoor\n"
	"  network 198.18.0.2/32 route-map SHOAL-VIP-eec80e1eeb8f95ce-DRAIN\n"
	"  network 198.18.0.1/32 route-map SHOAL-VIP-PLAIN\n"
	"  network 198.18.1.0/24\n"
	"  neighbor 10.2.1.1 activate\n"
	" exit-address-family\n !\n"
	" address-family ipv4 multicast\n  network 198.18.5.5/32\n exit-address-family\n !\n"
	" address-family ipv6 unicast\n"
	"  network 2001:db8:1::1/128 route-map SHOAL-VIP-PLAIN\n"
	" exit-address-family\n!\nexit\n!\n"
	"router bgp 65001 vrf RED\n address-family ipv4 unicast\n  network 198.18.6.6/32\n"
	" exit-address-family\nexit\n!\n"
	"ip prefix-list VIP4 seq 5 permit 198.18.0.0/15 ge 32\n!\n"
	"route-map SHOAL-OUT4 permit 10\n match ip address prefix-list VIP4\nexit\n!\n"
	"route-map SHOAL-VIP-PLAIN permit 10\nexit\n!\n"
	"route-map SHOAL-VIP-PLAIN-DRAIN permit 10\n set community graceful-shutdown\nexit\n!\n"
	"route-map SHOAL-VIP-eec80e1eeb8f95ce permit 10\n"
	" set community 65010:100\n set large-community 65010:2:1 65010:1:2\n set metric 50\n"
	" set local-preference 200\nexit\n!\n"
	"route-map SHOAL-VIP-0123456789abcdef permit 10\n match interface eth0\nexit\n!\n"
	"route-map SHOAL-VIP-0123456789abcdee permit 10\nexit\n!\n"
	"route-map SHOAL-VIP-0123456789abcdee deny 20\nexit\n!\n!\n";

static struct bgp_config parse(const char *text)
{
	struct bgp_config config;
	struct err err;

	if (bgp_config_parse(text, &config, &err) < 0)
		fail_msg("%s", err.text);
	return config;
}

static const struct bgp_config_line *find(const struct bgp_config *config, const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return bgp_config_find_line(config, &prefix);
}

TEST(bgp_config, reads_version_and_instance)
{
	struct bgp_config config = parse(running);

	assert_string_equal(config.version, "8.4.4");
	assert_int_equal(config.major, 8);
	assert_int_equal(config.minor, 4);
	assert_true(config.has_instance);
	assert_int_equal(config.as, 65100);
	bgp_config_fini(&config);
}

TEST(bgp_config, reads_the_unicast_lines_of_the_default_instance)
{
	struct bgp_config config = parse(running);

	assert_int_equal(config.n_lines, 5);
	assert_string_equal(find(&config, "198.18.0.1/32")->map, "SHOAL-VIP-PLAIN");
	assert_string_equal(find(&config, "198.18.0.2/32")->map,
			    "SHOAL-VIP-eec80e1eeb8f95ce-DRAIN");
	assert_string_equal(find(&config, "2001:db8:1::1/128")->map, "SHOAL-VIP-PLAIN");
	assert_string_equal(find(&config, "198.18.1.0/24")->map, "");
	assert_true(find(&config, "10.0.0.0/8")->has_more);
	assert_false(find(&config, "198.18.0.1/32")->has_more);
	assert_null(find(&config, "198.18.5.5/32"));
	assert_null(find(&config, "198.18.6.6/32"));
	assert_null(find(&config, "9.9.9.9/32"));
	bgp_config_fini(&config);
}

TEST(bgp_config, judges_only_our_maps)
{
	struct bgp_config config = parse(running);
	struct route_attrs attrs = { 0 };

	assert_int_equal(config.n_maps, 5);
	assert_null(bgp_config_find_map(&config, "SHOAL-OUT4"));
	assert_true(bgp_config_map_is(&config, "SHOAL-VIP-PLAIN", &attrs));
	assert_false(bgp_config_map_is(&config, "SHOAL-VIP-PLAIN-DRAIN", &attrs));
	route_attrs_add(&attrs, ROUTE_GRACEFUL_SHUTDOWN);
	assert_true(bgp_config_map_is(&config, "SHOAL-VIP-PLAIN-DRAIN", &attrs));
	assert_false(bgp_config_find_map(&config, "SHOAL-VIP-0123456789abcdef")->is_pure);
	assert_false(bgp_config_find_map(&config, "SHOAL-VIP-0123456789abcdee")->is_pure);
	bgp_config_fini(&config);
}

TEST(bgp_config, reads_every_attribute_whatever_the_order)
{
	static const char *const communities[] = { "65010:100" };
	static const char *const large[] = { "65010:1:2", "65010:2:1" };
	const struct config_vip vip = { .name = "www",
					.communities = communities,
					.n_communities = 1,
					.large_communities = large,
					.n_large_communities = 2,
					.has_med = true,
					.med = 50,
					.has_local_preference = true,
					.local_preference = 200 };
	struct bgp_config config = parse(running);
	struct route_attrs attrs;

	assert_int_equal(route_attrs_of(&vip, &attrs, NULL), 0);
	assert_true(bgp_config_map_is(&config, "SHOAL-VIP-eec80e1eeb8f95ce", &attrs));
	attrs.med = 51;
	assert_false(bgp_config_map_is(&config, "SHOAL-VIP-eec80e1eeb8f95ce", &attrs));
	bgp_config_fini(&config);
}

/* What a twin is made of comes back as bgpd prints it, and another is no twin. */
static void expect_twin(enum config_drain_add add, const char *const *sets, size_t n)
{
	const struct config_routing routing = { .local_as = 65010, .drain_add = add };
	struct route_attrs twin = { 0 }, read = { 0 };
	char command[4096];
	unsigned i = 0;

	assert_int_equal(route_attrs_drain(&routing, &twin), 0);
	for (; route_map_command("X", &twin, i, command, sizeof(command)); i++) {
		if (i == 0)
			continue;
		assert_true(i <= n);
		assert_string_equal(command, sets[i - 1]);
		assert_int_equal(route_attrs_parse_set(&read, command + strlen("set ")), 0);
	}
	assert_int_equal(i, n + 1);
	assert_true(route_attrs_eq(&twin, &read));
	read.n_prepends++;
	assert_false(route_attrs_eq(&twin, &read));
}

TEST(bgp_config, a_twin_carries_what_the_config_adds_to_a_drain)
{
	static const char *const plain[] = { "set community 65535:0" };
	static const char *const prepend[] = { "set community 65535:0",
					       "set as-path prepend 65010 65010 65010" };
	static const char *const med[] = { "set community 65535:0", "set metric 4294967295" };
	struct route_attrs attrs = { 0 };

	expect_twin(CONFIG_DRAIN_ADD_NONE, plain, 1);
	expect_twin(CONFIG_DRAIN_ADD_PREPEND, prepend, 2);
	expect_twin(CONFIG_DRAIN_ADD_MED, med, 2);
	assert_true(route_attrs_parse_set(&attrs, "as-path prepend 65010 65011") < 0);
	assert_true(route_attrs_parse_set(&attrs, "as-path prepend last-as 3") < 0);
	assert_true(route_attrs_parse_set(&attrs, "as-path exclude 65010") < 0);
}

TEST(bgp_config, without_router_bgp_has_no_instance)
{
	struct bgp_config config = parse("frr version 9.1\n!\nrouter bgp 65001 vrf RED\n!\nexit\n");

	assert_false(config.has_instance);
	assert_int_equal(config.major, 9);
	bgp_config_fini(&config);
}

TEST(bgp_config, reads_dotted_as_numbers)
{
	struct bgp_config config =
		parse("frr version 10.1.2\nrouter bgp 1.10 as-notation dot\nexit\n");

	assert_true(config.has_instance);
	assert_int_equal(config.as, 65546);
	bgp_config_fini(&config);
}

TEST(bgp_config, refuses_what_is_not_frr)
{
	static const char *const bad[] = { "", "% Unknown command: show running-config\n",
					   "router bgp 65100\n" };
	struct bgp_config config;
	struct err err;

	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(bgp_config_parse(bad[i], &config, &err), -EBADMSG);
		assert_non_null(strstr(err.text, "frr version"));
	}
}

TEST(bgp_config, an_unreadable_version_is_no_version)
{
	struct bgp_config config = parse("frr version master-g1234\n");

	assert_int_equal(config.major, 0);
	assert_string_equal(config.version, "master-g1234");
	bgp_config_fini(&config);
}

/* ---- route-maps ---- */

TEST(route_map, the_plain_one_has_a_name_people_can_read)
{
	const struct route_attrs attrs = { 0 };
	char name[ROUTE_MAP_NAME_MAX];

	assert_string_equal(route_map_name(&attrs, false, name), "SHOAL-VIP-PLAIN");
	assert_string_equal(route_map_name(&attrs, true, name), ROUTE_MAP_PLAIN_DRAIN);
}

TEST(route_map, names_follow_the_attributes_alone)
{
	static const char *const one[] = { "65010:100", "no-export" };
	static const char *const two[] = { "65535:65281", "65010:100", "65010:100" };
	const struct config_vip a = { .name = "a", .communities = one, .n_communities = 2 };
	const struct config_vip b = { .name = "b", .communities = two, .n_communities = 3 };
	struct route_attrs attrs_a, attrs_b;
	char name_a[ROUTE_MAP_NAME_MAX], name_b[ROUTE_MAP_NAME_MAX];

	assert_int_equal(route_attrs_of(&a, &attrs_a, NULL), 0);
	assert_int_equal(route_attrs_of(&b, &attrs_b, NULL), 0);
	assert_true(route_attrs_eq(&attrs_a, &attrs_b));
	assert_string_equal(route_map_name(&attrs_a, false, name_a),
			    route_map_name(&attrs_b, false, name_b));
	/* Golden: every node and version has to arrive at the same. */
	assert_string_equal(name_a, "SHOAL-VIP-0211d7a386dd7468");
	attrs_b.has_med = true;
	assert_string_not_equal(name_a, route_map_name(&attrs_b, false, name_b));
}

TEST(route_map, ours_are_told_from_the_operators)
{
	assert_true(route_map_is_ours("SHOAL-VIP-PLAIN"));
	assert_true(route_map_is_ours("SHOAL-VIP-0123456789abcdef-DRAIN"));
	assert_true(route_map_is_drain("SHOAL-VIP-PLAIN-DRAIN"));
	assert_false(route_map_is_drain("SHOAL-VIP-PLAIN"));
	assert_false(route_map_is_drain("SHOAL-DRAIN"));
	assert_false(route_map_is_ours("SHOAL-OUT4"));
	assert_false(route_map_is_ours("SHOAL-VIP-OUT"));
	assert_false(route_map_is_ours("SHOAL-VIP-0123456789abcdefg"));
	assert_false(route_map_is_ours(""));
}

/* What we write, printed back by bgpd, is what we want. */
TEST(route_map, commands_read_back_as_the_same_attributes)
{
	static const char *const communities[] = { "65010:1", "blackhole", "65010:2" };
	static const char *const large[] = { "4200000000:1:2" };
	const struct config_vip vip = { .name = "www",
					.communities = communities,
					.n_communities = 3,
					.large_communities = large,
					.n_large_communities = 1,
					.has_med = true,
					.has_local_preference = true };
	struct route_attrs attrs, read = { 0 };
	char line[VTY_COMMAND_MAX + 2];
	unsigned i = 1;

	assert_int_equal(route_attrs_of(&vip, &attrs, NULL), 0);
	assert_true(route_map_command("M", &attrs, 0, line, sizeof(line)));
	assert_string_equal(line, "route-map M permit 10");
	for (; route_map_command("M", &attrs, i, line, sizeof(line)); i++) {
		assert_memory_equal(line, "set ", 4);
		assert_int_equal(route_attrs_parse_set(&read, line + 4), 0);
	}
	assert_int_equal(i, 5);
	assert_true(route_attrs_eq(&attrs, &read));
}

TEST(route_map, lines_we_never_write_are_refused)
{
	static const char *const bad[] = { "community",           "community 1",
					   "community 65536:1",   "community 1:2 additive",
					   "metric +5",           "metric 4294967296",
					   "large-community 1:2", "as-path prepend",
					   "community none",      "metric" };
	struct route_attrs attrs = { 0 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(route_attrs_parse_set(&attrs, bad[i]), -EINVAL);
}

TEST(route_map, a_full_list_is_an_error)
{
	struct route_attrs attrs = { 0 };

	for (uint32_t i = 0; i < ROUTE_COMMUNITIES_MAX; i++)
		assert_int_equal(route_attrs_add(&attrs, i), 0);
	assert_int_equal(route_attrs_add(&attrs, 3), 0);
	assert_int_equal(route_attrs_add(&attrs, 4711), -E2BIG);
}

RUN_TESTS(T(bgp_config, reads_version_and_instance),
	  T(bgp_config, reads_the_unicast_lines_of_the_default_instance),
	  T(bgp_config, judges_only_our_maps),
	  T(bgp_config, reads_every_attribute_whatever_the_order),
	  T(bgp_config, a_twin_carries_what_the_config_adds_to_a_drain),
	  T(bgp_config, without_router_bgp_has_no_instance), T(bgp_config, reads_dotted_as_numbers),
	  T(bgp_config, refuses_what_is_not_frr),
	  T(bgp_config, an_unreadable_version_is_no_version),
	  T(route_map, the_plain_one_has_a_name_people_can_read),
	  T(route_map, names_follow_the_attributes_alone),
	  T(route_map, ours_are_told_from_the_operators),
	  T(route_map, commands_read_back_as_the_same_attributes),
	  T(route_map, lines_we_never_write_are_refused), T(route_map, a_full_list_is_an_error))
