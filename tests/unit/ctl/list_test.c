/* SPDX-License-Identifier: Apache-2.0 */
/* list_test.c - long lists: whole, in order, a bit at a time, whatever happens between two bits. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/ctl/commands.h"
#include "src/ctl/parts.h"
#include "tests/lib/fake_parts.h"
#include "tests/lib/test.h"
#include "tests/unit/ctl/server.h"

#define N_BIG          10000
#define LINE_MAX_BYTES (256 * 1024)

/* A core of a config with two pools, and control sockets on it. */
struct node {
	struct config *config;
	struct site site;
	struct commands_context context;
	struct server server;
	int fd;
};

static struct config *make_config(unsigned n_reals)
{
	struct config_report report = { 0 };
	struct config *config = NULL;
	size_t len;
	char *text;
	FILE *out = open_memstream(&text, &len);

	fputs("node: {name: lb1, uplinks: [eth0]}\n"
	      "routing: {vty: /run/frr, local-as: 65010, vip-ranges: [203.0.113.0/24],\n"
	      "          peers: {tor1: 10.0.1.1}}\n"
	      "checks: {alive: {type: tcp}}\n"
	      "pools:\n  small: {check: alive, reals: {a: 10.9.0.1, b: 10.9.0.2}}\n"
	      "  big:\n    check: alive\n    reals:\n",
	      out);
	for (unsigned i = 0; i < n_reals; i++)
		fprintf(out, "      r%u: 10.%u.%u.%u\n", i, 100 + i / 65536, i / 256 % 256,
			i % 256);
	fputs("vips:\n  www: {address: 203.0.113.10, services: [{tcp: 80, pool: big}]}\n", out);
	fclose(out);
	if (config_parse("shoal.yaml", text, len, CONFIG_NEED_NODE, &config, &report) < 0)
		fail_msg("%s", report.text);
	config_report_fini(&report);
	free(text);
	return config;
}

static void start(struct node *node)
{
	memset(node, 0, sizeof(*node));
	node->config = make_config(N_BIG);
	node->site.core = core_new(node->config, 1);
	node->site.now = 1000 * USEC_PER_SEC;
	fake_parts_init(&node->site);
	node->context = fake_context(&node->site);
	server_start(&node->server, commands_table, &node->context);
	node->context.base = node->server.base;
	node->fd = server_connect(node->server.read_path);
}

static void stop(struct node *node)
{
	close(node->fd);
	server_stop(&node->server);
	core_free(node->site.core);
	config_free(node->config);
}

static json_t *read_answer(struct node *node, int fd)
{
	char *line = server_line(&node->server, fd);
	json_t *answer;

	assert_non_null(line);
	assert_true(strlen(line) < LINE_MAX_BYTES);
	answer = json_loads(line, 0, NULL);
	assert_non_null(answer);
	free(line);
	return answer;
}

/* Parts into lists until the answer comes; *n_parts counts on. */
static json_t *read_result(struct node *node, json_t *lists, unsigned *n_parts)
{
	for (;;) {
		json_t *answer = read_answer(node, node->fd);
		const json_t *part = json_object_get(answer, "part");
		json_t *result;

		if (part) {
			assert_true(parts_add(lists, part));
			json_decref(answer);
			(*n_parts)++;
			continue;
		}
		assert_true(json_is_true(json_object_get(answer, "ok")));
		result = json_incref(json_object_get(answer, "result"));
		parts_join(result, lists);
		json_decref(answer);
		return result;
	}
}

static void assert_reals(const json_t *result, unsigned n_big)
{
	const json_t *reals = json_object_get(result, "reals"), *real;
	char name[16];
	size_t i;

	assert_int_equal(json_array_size(reals), n_big + 2);
	assert_true(json_is_array(json_object_get(result, "removed")));
	json_array_foreach (reals, i, real) {
		snprintf(name, sizeof(name), i < 2 ? (i ? "b" : "a") : "r%zu", i - 2);
		assert_string_equal(json_string_value(json_object_get(real, "name")), name);
	}
}

TEST(list, ten_thousand_reals_come_whole_in_order_and_others_get_their_turn)
{
	unsigned n_parts = 0, n_versions = 0;
	json_t *lists = json_object(), *result;
	struct node node;
	int other;

	start(&node);
	other = server_connect(node.server.read_path);
	server_say(&node.server, node.fd, "{\"v\":1,\"command\":\"reals\"}\n");
	while (n_parts < 50) { /* somebody asks between the bits, and is answered before the end */
		json_t *answer = read_answer(&node, node.fd);

		assert_true(parts_add(lists, json_object_get(answer, "part")));
		json_decref(answer);
		n_parts++;
		server_say(&node.server, other, "{\"v\":1,\"command\":\"version\"}\n");
		answer = read_answer(&node, other);
		assert_true(json_is_true(json_object_get(answer, "ok")));
		json_decref(answer);
		n_versions++;
	}
	assert_int_equal(n_versions, 50);
	result = read_result(&node, lists, &n_parts);
	assert_reals(result, N_BIG);
	assert_true(n_parts >= N_BIG / 128);
	json_decref(result);
	json_decref(lists);
	close(other);
	stop(&node);
}

TEST(list, a_reload_on_the_way_begins_it_anew)
{
	struct config *next = make_config(300);
	json_t *lists = json_object(), *result;
	unsigned n_parts = 0;
	struct node node;

	start(&node);
	server_say(&node.server, node.fd, "{\"v\":1,\"command\":\"reals\"}\n");
	while (n_parts++ < 20) {
		json_t *answer = read_answer(&node, node.fd);

		assert_true(parts_add(lists, json_object_get(answer, "part")));
		json_decref(answer);
	}
	assert_int_equal(core_reload(node.site.core, next, node.site.now), 0);
	config_free(node.config);
	node.config = next;
	result = read_result(&node, lists, &n_parts);
	assert_reals(result, 300);
	json_decref(result);
	json_decref(lists);
	stop(&node);
}

TEST(list, a_client_may_go_in_the_middle)
{
	struct node node;

	start(&node);
	server_say(&node.server, node.fd, "{\"v\":1,\"command\":\"reals\"}\n");
	close(node.fd);
	server_turn(&node.server);
	node.fd = server_connect(node.server.read_path);
	server_say(&node.server, node.fd, "{\"v\":1,\"command\":\"reals\"}\n");
	stop(&node); /* and the sockets may close there */
}

TEST(list, many_names_are_found_and_listed_in_their_order)
{
	json_t *names = json_array(), *lists = json_object(), *result, *real;
	json_t *request = json_pack("{s:i, s:s, s:{s:O}}", "v", 1, "command", "reals", "args",
				    "names", names);
	unsigned n_parts = 0;
	struct node node;
	char *line;
	size_t i;

	for (i = 0; i < 1000; i++)
		json_array_append_new(names, json_sprintf("big/r%zu", 9999 - i));
	start(&node);
	line = json_dumps(request, JSON_COMPACT);
	server_say(&node.server, node.fd, line);
	server_say(&node.server, node.fd, "\n");
	free(line);
	result = read_result(&node, lists, &n_parts);
	json_array_foreach (json_object_get(result, "reals"), i, real) {
		char name[16];

		snprintf(name, sizeof(name), "r%zu", 9999 - i);
		assert_string_equal(json_string_value(json_object_get(real, "name")), name);
	}
	assert_int_equal(i, 1000);
	json_decref(result);
	json_decref(lists);
	json_decref(request);
	json_decref(names);
	stop(&node);
}

TEST(list, a_name_that_is_nothing_refuses_the_whole)
{
	struct node node;
	json_t *answer;

	start(&node);
	server_say(&node.server, node.fd,
		   "{\"v\":1,\"command\":\"reals\",\"args\":{\"names\":[\"small/c\"]}}\n");
	answer = read_answer(&node, node.fd);
	assert_int_equal(json_integer_value(json_object_get(answer, "exit")), CTL_USAGE);
	assert_non_null(strstr(json_string_value(json_object_get(answer, "error")), "small/c"));
	json_decref(answer);
	stop(&node);
}

TEST(list, the_status_nests_the_reals_in_their_pools)
{
	json_t *lists = json_object(), *result, *pools;
	unsigned n_parts = 0;
	struct node node;

	start(&node);
	server_say(&node.server, node.fd, "{\"v\":1,\"command\":\"status\"}\n");
	result = read_result(&node, lists, &n_parts);
	pools = json_object_get(result, "pools");
	assert_int_equal(json_array_size(pools), 2);
	assert_int_equal(json_array_size(json_object_get(json_array_get(pools, 0), "reals")), 2);
	assert_int_equal(json_array_size(json_object_get(json_array_get(pools, 1), "reals")),
			 N_BIG);
	assert_int_equal(json_array_size(json_object_get(result, "vips")), 1);
	json_decref(result);
	json_decref(lists);
	stop(&node);
}

TEST(list, parts_that_fit_nowhere_are_refused)
{
	static const char *const parts_of[] = {
		"{}",
		"{\"path\":[],\"at\":0,\"items\":[]}",
		"{\"path\":[\"a\"],\"at\":1,\"items\":[]}",
		"{\"path\":[\"a\"],\"at\":-1,\"items\":[]}",
		"{\"path\":[\"a\"],\"at\":0,\"items\":{}}",
		"{\"path\":[\"a\",0,\"b\"],\"at\":0,\"items\":[]}",
		"{\"path\":[0],\"at\":0,\"items\":[]}",
		"{\"path\":\"a\",\"at\":0,\"items\":[]}",
	};

	for (size_t i = 0; i < sizeof(parts_of) / sizeof(parts_of[0]); i++) {
		json_t *lists = json_object(), *part = json_loads(parts_of[i], 0, NULL);

		assert_false(parts_add(lists, part));
		json_decref(part);
		json_decref(lists);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(list, ten_thousand_reals_come_whole_in_order_and_others_get_their_turn),
		T(list, a_reload_on_the_way_begins_it_anew),
		T(list, a_client_may_go_in_the_middle),
		T(list, many_names_are_found_and_listed_in_their_order),
		T(list, a_name_that_is_nothing_refuses_the_whole),
		T(list, the_status_nests_the_reals_in_their_pools),
		T(list, parts_that_fit_nowhere_are_refused),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
