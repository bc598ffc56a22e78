/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load_test.c - good files: what the structs hold, defaults, and the canonical print.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "src/config/config.h"
#include "tests/lib/test.h"

static const char small[] =
	"pools:\n"
	"  web: {reals: {a: 10.1.0.11, b: 10.1.0.12}}\n"
	"vips:\n"
	"  www: {address: 203.0.113.10, services: [{tcp: [80, 443], pool: web}]}\n";

/* A good config of a text, with as many warnings as expected. */
static struct config *load(const char *text, enum config_need need, unsigned warnings)
{
	struct config *config = NULL;
	struct config_report report;
	int r = config_parse("test.yaml", text, strlen(text), need, &config, &report);

	if (r < 0 || report.warnings != warnings)
		print_error("%s", report.text);
	assert_int_equal(r, 0);
	assert_int_equal(report.warnings, warnings);
	config_report_fini(&report);
	return config;
}

TEST(config, needs_only_pools_and_vips_for_services)
{
	struct config *config = load(small, CONFIG_NEED_SERVICES, 0);

	assert_int_equal(config->n_pools, 1);
	assert_int_equal(config->pools[0].n_reals, 2);
	assert_string_equal(config->pools[0].reals[1].name, "b");
	assert_string_equal(ADDR_STR(&config->pools[0].reals[1].addr), "10.1.0.12");
	assert_int_equal(config->vips[0].n_services, 2);
	assert_int_equal(config->vips[0].services[1].port, 443);
	assert_int_equal(config->vips[0].services[1].proto, IPPROTO_TCP);
	assert_false(config->routing.present);
	config_free(config);
}

TEST(config, print_parses_to_the_same_print_and_generation)
{
	struct config *config = load(small, CONFIG_NEED_SERVICES, 0), *again;
	char *first, *second;

	assert_int_equal(config_print(config, &first), 0);
	again = load(first, CONFIG_NEED_SERVICES, 0);
	assert_int_equal(config_print(again, &second), 0);
	assert_string_equal(first, second);
	assert_string_equal(config->generation, again->generation);
	assert_int_equal(strlen(config->generation), CONFIG_GENERATION_LEN);
	free(first);
	free(second);
	config_free(config);
	config_free(again);
}

/* A whole node in as few words as possible: everything else is default. */
static const char least[] =
	"node: {name: lb1, uplinks: eth0}\n"
	"routing: {local-as: 65010, vip-ranges: 203.0.113.0/24,\n"
	"          peers: {tor1: 10.0.2.1, tor2: eth1}}\n"
	"checks: {up: {type: https}}\n"
	"pools: {web: {check: up, reals: {a: 10.1.0.11}}}\n"
	"vips: {www: {address: 203.0.113.10, services: {tcp: 443, pool: web}}}\n";

TEST(defaults, of_node_and_routing_are_the_documented_ones)
{
	struct config *config = load(least, CONFIG_NEED_NODE, 0);
	const struct config_node *node = &config->node;
	const struct config_routing *routing = &config->routing;

	assert_string_equal(config->file, "test.yaml");
	assert_string_equal(node->name, "lb1");
	assert_int_equal(node->n_uplinks, 1);
	assert_string_equal(node->uplinks[0], "eth0");
	assert_int_equal(node->xdp_mode, CONFIG_XDP_AUTO);
	assert_false(node->has_next_hop_mac || node->has_encap_source4 || node->has_encap_source6);
	assert_int_equal(node->mtu_bytes | node->client_mtu_bytes, 0);
	assert_int_equal(node->flow_table, 4000000);
	assert_null(node->hash_key_file);
	assert_int_equal(node->idle_us, 900 * USEC_PER_SEC);
	assert_true(routing->present);
	assert_string_equal(routing->vty, "/run/frr");
	assert_int_equal(routing->require_peers, 1);
	assert_int_equal(routing->warm_up_us, 5 * USEC_PER_SEC);
	assert_int_equal(routing->hold_down_us, 30 * USEC_PER_SEC);
	assert_int_equal(routing->linger_us, 5 * USEC_PER_SEC);
	assert_int_equal(routing->drain_until_pps, 50);
	assert_int_equal(routing->drain_timeout_us, 300 * USEC_PER_SEC);
	assert_int_equal(routing->on_controller_loss.hold_us, 60 * USEC_PER_SEC);
	assert_int_equal(routing->on_controller_loss.then, CONFIG_LOSS_DRAIN);
	assert_int_equal(routing->on_dataplane_loss.hold_us, 2 * USEC_PER_SEC);
	assert_int_equal(routing->on_dataplane_loss.then, CONFIG_LOSS_WITHDRAW);
	assert_int_equal(routing->common_mode_then, CONFIG_LOSS_KEEP);
	assert_null(routing->peers[0].interface);
	assert_string_equal(routing->peers[1].interface, "eth1");
	assert_string_equal(config->web_listen, "127.0.0.1:9108");
	config_free(config);
}

TEST(defaults, of_checks_pools_and_vips_are_the_documented_ones)
{
	struct config *config = load(least, CONFIG_NEED_NODE, 0);
	const struct config_check *check = &config->checks[0];
	const struct config_pool *pool = &config->pools[0];
	const struct config_vip *vip = &config->vips[0];

	assert_string_equal(check->path, "/");
	assert_null(check->host);
	assert_int_equal(check->n_status, 1);
	assert_int_equal(check->status[0].first, 200);
	assert_int_equal(check->status[0].last, 299);
	assert_int_equal(check->port, 0);
	assert_int_equal(check->interval_us, 2 * USEC_PER_SEC);
	assert_int_equal(check->fast_interval_us, 500 * USEC_PER_MSEC);
	assert_int_equal(check->slow_interval_us, 10 * USEC_PER_SEC);
	assert_int_equal(check->timeout_us, USEC_PER_SEC);
	assert_int_equal(check->jitter_percent, 20);
	assert_int_equal(check->rise, 3);
	assert_int_equal(check->fall, 2);
	assert_int_equal(check->via, CONFIG_VIA_TUNNEL);
	assert_int_equal(pool->n_checks, 1);
	assert_int_equal(pool->checks[0], 0);
	assert_int_equal(pool->encap, CONFIG_ENCAP_IPIP);
	assert_int_equal(pool->gue_port, 6080);
	assert_int_equal(pool->quorum_return, 1);
	assert_int_equal(pool->quorum_stay, 1);
	assert_int_equal(pool->all_down, CONFIG_ALL_DOWN_WITHDRAW);
	assert_int_equal(pool->reals[0].weight, 1);
	assert_false(pool->reals[0].is_backup || pool->reals[0].is_local);
	assert_true(prefix_is_host(&vip->prefix));
	assert_int_equal(vip->announce_when, CONFIG_ANNOUNCE_ALL);
	assert_int_equal(vip->unserved, CONFIG_UNSERVED_DROP);
	assert_false(vip->has_med || vip->has_local_preference);
	assert_int_equal(vip->services[0].hash, CONFIG_HASH_5_TUPLE);
	assert_int_equal(vip->services[0].server_ids, CONFIG_SERVER_IDS_NONE);
	config_free(config);
}

TEST(config, resolves_names_in_any_order_and_sorts_route_attributes)
{
	static const char text[] =
		"vips:\n"
		"  www:\n"
		"    services: [{source-routes: {198.51.100.0/24: b}, udp: any, pool: two, quic: "
		"true}]\n"
		"    communities: [no-export, '65010:100', '65010:99']\n"
		"    med: 0\n"
		"    address: 2001:db8::1\n"
		"pools:\n"
		"  one: {reals: {a: 10.0.0.1}}\n"
		"  two: {check: [y, x], reals: {a: 10.0.0.1, b: {weight: 7, address: 10.0.0.2}}}\n"
		"checks: {x: {type: tcp, port: 1}, y: {type: tcp, port: 2}}\n";
	struct config *config = load(text, CONFIG_NEED_SERVICES, 2);
	const struct config_vip *vip = &config->vips[0];
	const struct config_service *service = &vip->services[0];
	char buf[CONFIG_SERVICE_TEXT_MAX];

	assert_int_equal(config->pools[1].checks[0], 1);
	assert_int_equal(config->pools[1].checks[1], 0);
	assert_int_equal(config->pools[1].reals[1].weight, 7);
	assert_int_equal(service->pool, 1);
	assert_int_equal(service->proto, IPPROTO_UDP);
	assert_int_equal(service->port, 0);
	assert_int_equal(service->source_routes[0].real, 1);
	/* Ids lead within the pool unless the file says more. */
	assert_int_equal(service->server_ids, CONFIG_SERVER_IDS_POOL);
	assert_string_equal(vip->communities[0], "65010:99");
	assert_string_equal(vip->communities[1], "65010:100");
	assert_string_equal(vip->communities[2], "no-export");
	assert_true(vip->has_med);
	assert_int_equal(vip->med, 0);
	assert_string_equal(config_service_print(vip, service, buf), "[2001:db8::1]:any/udp");
	config_free(config);
}

TEST(config, reads_words_as_what_their_key_holds)
{
	static const char text[] =
		"node: {name: no, uplinks: [on], next-hop: 02:00:00:00:00:01}\n"
		"pools: {yes: {reals: {null: 10.0.0.1, 0x1: '10.0.0.2', ~: 10.0.0.3}}}\n"
		"vips: {}\n";
	struct config *config = NULL;
	struct config_report report;

	/* `~` is no name; the others are. */
	assert_int_equal(
		config_parse("f", text, strlen(text), CONFIG_NEED_SERVICES, &config, &report),
		-EINVAL);
	assert_int_equal(report.errors, 1);
	assert_non_null(strstr(report.text, "f:2:56: error: name of a real: '~' is no name"));
	config_report_fini(&report);
}

TEST(config, carries_out_all_that_it_reads)
{
	static const char text[] =
		"node: {mss-clamp: auto, flow-table: 4000k, idle: 15m}\n"
		"web: {listen: '127.0.0.1:9108'}\n"
		"pools: {p: {ring: handover, slow-start: none, depool-floor: none,\n"
		"            all-down: withdraw, reals: {a: 10.0.0.1}}}\n"
		"vips: {v: {address: 203.0.113.1, services: [\n"
		"  {tcp: 80, pool: p, track: moving, rate: none, server-ids: none}]}}\n";

	config_free(load(text, CONFIG_NEED_SERVICES, 0));
	config_free(load("web: {listen: none}\n"
			 "pools: {p: {all-down: open, depool-floor: 1,\n"
			 "  reals: {a: {address: 10.0.0.1, server-id: 7}}}}\n"
			 "vips: {v: {address: 203.0.113.1, services: [{tcp: 80, pool: p}]}}\n",
			 CONFIG_NEED_SERVICES, 0));
}

TEST(config, is_the_same_in_block_flow_and_json)
{
	struct config *block = load(small, CONFIG_NEED_SERVICES, 0), *json;

	json = load("{\"vips\": {\"www\": {\"address\": \"203.0.113.10/32\", \"services\":\n"
		    "  [{\"pool\": \"web\", \"tcp\": [80, 443]}]}},\n"
		    " \"pools\": {\"web\": {\"reals\": {\"a\": {\"address\": \"10.1.0.11\"},\n"
		    "  \"b\": \"10.1.0.12\"}}}}",
		    CONFIG_NEED_SERVICES, 0);
	assert_string_equal(block->generation, json->generation);
	config_free(block);
	config_free(json);
	config_free(NULL);
}

RUN_TESTS(T(config, needs_only_pools_and_vips_for_services),
	  T(config, print_parses_to_the_same_print_and_generation),
	  T(defaults, of_node_and_routing_are_the_documented_ones),
	  T(defaults, of_checks_pools_and_vips_are_the_documented_ones),
	  T(config, resolves_names_in_any_order_and_sorts_route_attributes),
	  T(config, reads_words_as_what_their_key_holds), T(config, carries_out_all_that_it_reads),
	  T(config, is_the_same_in_block_flow_and_json))
