/* SPDX-License-Identifier: Apache-2.0 */
/* The command events: which ones, in which order, what follows, and what a slow reader costs. */
#include "src/ctl/events.h"

#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/ctl/event_text.h"
#include "src/ctl/pairs.h"
#include "tests/lib/fake_parts.h"
#include "tests/lib/test.h"
#include "tests/unit/ctl/server.h"

static const char yaml[] =
	"node: {name: lb1, uplinks: [eth0]}\n"
	"routing: {vty: /run/frr, local-as: 65010, vip-ranges: [203.0.113.0/24],\n"
	"          peers: {tor1: 10.0.1.1}}\n"
	"checks: {alive: {type: tcp}}\n"
	"pools: {web: {check: alive, reals: {web1: 10.9.0.1, web2: 10.9.0.2}}}\n"
	"vips: {www: {address: 203.0.113.10, services: [{tcp: 80, pool: web}]}}\n";

struct node {
	char dir[64];
	struct config *config;
	struct site site;
	struct commands_context context;
	struct server server;
	int fd;
};

static void on_fresh(void *arg)
{
	struct node *node = arg;

	if (node->context.events)
		events_fresh(node->context.events);
}

static void start(struct node *node)
{
	struct config_report report = { 0 };
	struct recorder_options options = { .size = 64 * IMAGE_BLOCK,
					    .fresh = on_fresh,
					    .arg = node };
	struct err err;

	memset(node, 0, sizeof(*node));
	snprintf(node->dir, sizeof(node->dir), "/tmp/events_test-XXXXXX");
	assert_non_null(mkdtemp(node->dir));
	options.state_dir = node->dir;
	options.run_dir = "/nonexistent"; /* only in memory, and in the state file */
	if (config_parse("shoal.yaml", yaml, strlen(yaml), CONFIG_NEED_NODE, &node->config,
			 &report) < 0)
		fail_msg("%s", report.text);
	config_report_fini(&report);
	node->site.core = core_new(node->config, 1);
	node->site.now = 1000 * USEC_PER_SEC;
	fake_parts_init(&node->site);
	node->context = fake_context(&node->site);
	assert_int_equal(recorder_new(&options, &node->context.recorder, &err), 0);
	server_start(&node->server, commands_table, &node->context);
	node->context.base = node->server.base;
	node->context.events = events_new(node->server.base, node->context.recorder);
	assert_non_null(node->context.events);
	node->fd = server_connect(node->server.read_path);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void stop(struct node *node)
{
	close(node->fd);
	ctl_free(node->server.ctl);
	node->server.ctl = NULL;
	events_free(node->context.events);
	recorder_free(node->context.recorder);
	server_stop(&node->server);
	core_free(node->site.core);
	config_free(node->config);
	nftw(node->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void note(struct node *node, const char *event, const char *pairs)
{
	recorder_note(node->context.recorder, LOG_LEVEL_NOTICE, event, pairs);
}

static void ask(struct node *node, const char *args)
{
	char line[512];

	snprintf(line, sizeof(line), "{\"v\":1,\"command\":\"events\",\"args\":%s}\n", args);
	server_say(&node->server, node->fd, line);
}

static json_t *read_line(struct node *node)
{
	char *line = server_line(&node->server, node->fd);
	json_t *answer;

	assert_non_null(line);
	answer = json_loads(line, 0, NULL);
	free(line);
	assert_non_null(answer);
	return answer;
}

/* The numbers of the next part's events as "3 4 7 "; "" when the answer ended. */
static void read_part(struct node *node, char *buf, size_t size)
{
	json_t *line = read_line(node), *item;
	size_t i, len = 0;

	buf[0] = '\0';
	json_array_foreach (json_object_get(json_object_get(line, "part"), "items"), i, item)
		len += (size_t)snprintf(
			buf + len, size - len, "%lld ",
			(long long)json_integer_value(json_object_get(item, "seq")));
	if (buf[0] == '\0')
		assert_true(json_is_true(json_object_get(line, "ok")));
	json_decref(line);
}

static void expect(struct node *node, const char *args, const char *numbers)
{
	char all[4096] = "", part[1024];

	ask(node, args);
	do {
		read_part(node, part, sizeof(part));
		strncat(all, part, sizeof(all) - strlen(all) - 1);
	} while (part[0]);
	assert_string_equal(all, numbers);
}

static void note_some(struct node *node)
{
	note(node, "start", "version=1");                                           /* 1 */
	note(node, "vip_state", "vip=www prefix=203.0.113.10/32 from=a to=b");      /* 2 */
	note(node, "real_state", "pool=web real=web1 from=up to=down");             /* 3 */
	note(node, "drain", "what=203.0.113.10/32 owner=\"bob (uid 7)\" reason=x"); /* 4 */
	note(node, "real_life", "real=10.9.0.1 life=dead");                         /* 5 */
	note(node, "peer", "peer=tor1 from=up to=down");                            /* 6 */
	note(node, "vip_state", "vip=- prefix=203.0.113.99/32 from=a to=b");        /* 7 */
	note(node, "real_state", "pool=old real=web1 from=up to=down");             /* 8 */
}

TEST(events, are_told_by_what_they_name)
{
	struct node node;

	start(&node);
	note_some(&node);
	expect(&node, "{}", "1 2 3 4 5 6 7 8 ");
	expect(&node, "{\"limit\":3}", "6 7 8 ");
	expect(&node, "{\"after\":6}", "7 8 ");
	expect(&node, "{\"vip\":\"www\"}", "2 4 ");
	expect(&node, "{\"vip\":\"203.0.113.10\"}", "2 4 ");
	expect(&node, "{\"vip\":\"203.0.113.99/32\"}", "7 "); /* gone from the config */
	expect(&node, "{\"pool\":\"web\"}", "3 ");
	expect(&node, "{\"real\":\"web/web1\"}", "3 5 ");
	expect(&node, "{\"real\":\"10.9.0.1\"}", "3 5 ");
	expect(&node, "{\"real\":\"old/web1\"}", "8 ");
	expect(&node, "{\"peer\":\"tor1\"}", "6 ");
	expect(&node, "{\"vip\":\"nothing\"}", "");
	expect(&node, "{\"vip\":\"www\",\"limit\":1}", "4 ");
	stop(&node);
}

TEST(events, refuse_what_is_no_question)
{
	static const char *const bad[] = {
		"{\"since_us\":\"x\"}", "{\"limit\":-1}",  "{\"vip\":1}",
		"{\"vip\":\"\"}",       "{\"after\":1.5}", "{\"pool\":\"a\",\"real\":\"b\"}"
	};
	struct node node;

	start(&node);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *line;

		ask(&node, bad[i]);
		line = read_line(&node);
		assert_int_equal(json_integer_value(json_object_get(line, "exit")), CTL_USAGE);
		json_decref(line);
	}
	stop(&node);
}

TEST(events, come_to_who_follows_in_their_order)
{
	char part[1024];
	struct node node;

	start(&node);
	note_some(&node);
	ask(&node, "{\"follow\":true,\"limit\":1}");
	read_part(&node, part, sizeof(part));
	assert_string_equal(part, "8 ");
	for (unsigned i = 9; i < 40; i++) {
		char expected[8];

		note(&node, "vip_state", "vip=www to=announced");
		read_part(&node, part, sizeof(part));
		snprintf(expected, sizeof(expected), "%u ", i);
		assert_string_equal(part, expected);
	}
	stop(&node);
}

/* While he does not read, nothing is kept for him but his place; the ring goes over it. */
TEST(events, who_reads_too_slowly_is_told_what_he_missed)
{
	unsigned long missed = 0, seen = 0, last = 0;
	struct node node;
	json_t *line;

	start(&node);
	note(&node, "start", "version=1");
	ask(&node, "{\"follow\":true,\"limit\":1}");
	json_decref(read_line(&node));
	for (unsigned i = 0; i < 20000; i++) {
		note(&node, "vip_state", "vip=www prefix=203.0.113.10/32 from=a to=b reason=c");
		if (i % 100 == 0)
			server_turn(&node.server);
	}
	while (last < 20001) {
		json_t *items, *item;
		const char *progress;
		size_t i;

		line = read_line(&node);
		items = json_object_get(json_object_get(line, "part"), "items");
		progress = json_string_value(json_object_get(line, "progress"));
		if (progress)
			missed += strtoul(progress, NULL, 10);
		json_array_foreach (items, i, item) {
			last = (unsigned long)json_integer_value(json_object_get(item, "seq"));
			seen++;
		}
		json_decref(line);
	}
	assert_true(missed > 0);
	assert_int_equal(missed + seen, 20000);
	stop(&node);
}

TEST(events, are_sentences)
{
	static const struct {
		const char *event, *pairs, *text;
	} rows[] = {
		{ "vip_state",
		  "vip=www prefix=203.0.113.10/32 from=announced to=withdrawn reason=no-quorum",
		  "vip www: announced -> withdrawn, no-quorum" },
		{ "vip_state",
		  "vip=- prefix=203.0.113.10/32 from=announced to=withdrawn reason=removed",
		  "vip 203.0.113.10/32: announced -> withdrawn, removed" },
		{ "real_state",
		  "pool=web real=web1 from=up to=down reason=http-status evidence=\"HTTP 503 "
		  "\\\"x\\\"\"",
		  "real web/web1: up -> down, http-status: HTTP 503 \"x\"" },
		{ "real_state", "pool=web real=web1 from=up to=down reason=timeout evidence=\"\"",
		  "real web/web1: up -> down, timeout" },
		{ "state", "repeated=4 error=\"No space\"",
		  "state: repeated=4 error=\"No space\"" },
		{ "reload", "repeated=2 error=\"bad file\"",
		  "reload failed: bad file, 2 times more" },
		{ "operator", "command=drain owner=\"bob (uid 7)\"", "bob (uid 7): drain" },
		{ "evil", "a=\"\\x1b[2J\"", "evil: a=\"\\x1b[2J\"" },
		{ "unheard", "", "unheard: " },
	};
	char buf[EVENT_TEXT_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(event_text(rows[i].event, rows[i].pairs, buf), rows[i].text);
}

TEST(pairs, are_taken_apart_whatever_comes)
{
	json_t *object = pairs_json(" a=1 word b=\"x \\\"y\\\" \\\\z\" c= d=\"open \x1b e=f");
	char value[4];

	assert_string_equal(json_string_value(json_object_get(object, "a")), "1");
	assert_string_equal(json_string_value(json_object_get(object, "b")), "x \"y\" \\z");
	assert_string_equal(json_string_value(json_object_get(object, "c")), "");
	assert_string_equal(json_string_value(json_object_get(object, "d")), "open ? e=f");
	assert_int_equal(json_object_size(object), 4);
	json_decref(object);
	assert_true(pairs_find("a=12345", "a", value, sizeof(value)));
	assert_string_equal(value, "123");
	assert_false(pairs_find("aa=1 b", "a", value, sizeof(value)));
}

RUN_TESTS(T(events, are_told_by_what_they_name), T(events, refuse_what_is_no_question),
	  T(events, come_to_who_follows_in_their_order),
	  T(events, who_reads_too_slowly_is_told_what_he_missed), T(events, are_sentences),
	  T(pairs, are_taken_apart_whatever_comes))
