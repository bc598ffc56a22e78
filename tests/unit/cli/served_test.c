/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command `shoal` against shoald's own table of commands, in this process on a fake site: what
 * it prints, and its exit status. SHOAL names the program under test.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <grp.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/log.h"
#include "src/ctl/commands.h"
#include "src/ctl/watch.h"
#include "tests/lib/config_builder.h"
#include "tests/lib/fake_parts.h"
#include "tests/lib/test.h"
#include "tests/unit/ctl/server.h"

#define OUTPUT_MAX 65536
#define ARGS_MAX   16

/* A node with one VIP, and what the last command printed. */
struct node {
	struct config_builder builder;
	struct site site;
	struct commands_context context;
	struct server server;
	pid_t child;
	int pipe[2];
	char output[OUTPUT_MAX];
	size_t len;
};

extern char **environ;

static void node_start(struct node *node)
{
	uint32_t web, www;

	build_start(&node->builder);
	node->builder.config.node.name = "lb1";
	node->builder.config.file = "shoal.yaml";
	web = build_pool(&node->builder, "web", 3);
	www = build_vip(&node->builder, "203.0.113.10/32");
	build_service(&node->builder, www, 443, web);
	site_start(&node->site, build_finish(&node->builder));
	fake_parts_init(&node->site);
	site_serve(&node->site);
	site_pass(&node->site, 60 * USEC_PER_SEC);
	node->context = fake_context(&node->site);
	server_start(&node->server, commands_table, &node->context);
	node->context.base = node->server.base;
	node->context.watches = watches_new(&node->context);
	assert_non_null(node->context.watches);
}

static void node_stop(struct node *node)
{
	server_stop(&node->server);
	watches_free(node->context.watches);
	site_stop(&node->site);
}

/* Start the command; its standard output and error come through the pipe. */
static void begin(struct node *node, char **argv)
{
	posix_spawn_file_actions_t actions;

	node->len = 0;
	assert_int_equal(pipe2(node->pipe, O_CLOEXEC | O_NONBLOCK), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, node->pipe[1], STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, node->pipe[1], STDERR_FILENO);
	assert_int_equal(posix_spawn(&node->child, getenv("SHOAL"), &actions, NULL, argv, environ),
			 0);
	posix_spawn_file_actions_destroy(&actions);
	close(node->pipe[1]);
}

/* One turn of shoald's loop, and what the command printed meanwhile. */
static void turn(struct node *node)
{
	ssize_t n;

	server_turn(&node->server);
	n = read(node->pipe[0], node->output + node->len, OUTPUT_MAX - 1 - node->len);
	if (n > 0)
		node->len += (size_t)n;
	node->output[node->len] = '\0';
	usleep(1000);
}

static int end(struct node *node)
{
	int status;

	for (int i = 0; i < 10000; i++) {
		if (waitpid(node->child, &status, WNOHANG) == node->child) {
			turn(node);
			close(node->pipe[0]);
			return WEXITSTATUS(status);
		}
		turn(node);
	}
	kill(node->child, SIGKILL);
	fail_msg("the command does not end: %s", node->output);
	return -1;
}

/*
 * `shoal status` as nobody, or as whoever we are when that is not root. The program is opened
 * first: nobody may lack the way to it.
 */
static void begin_as_nobody(struct node *node)
{
	static char name[] = "shoal", run_dir[] = "--run-dir", status[] = "status";
	char *argv[] = { name, run_dir, node->server.dir, status, NULL };
	int fd = open(getenv("SHOAL"), O_RDONLY | O_CLOEXEC);

	node->len = 0;
	assert_true(fd >= 0);
	assert_int_equal(pipe2(node->pipe, O_CLOEXEC | O_NONBLOCK), 0);
	node->child = fork();
	if (node->child == 0) {
		dup2(node->pipe[1], STDOUT_FILENO);
		dup2(node->pipe[1], STDERR_FILENO);
		if (geteuid() == 0 &&
		    (setgroups(0, NULL) < 0 || setgid(65534) < 0 || setuid(65534) < 0))
			_exit(99);
		fexecve(fd, argv, environ);
		_exit(98);
	}
	close(node->pipe[1]);
	close(fd);
}

/* argv from words; the run directory is put in front. */
static void begin_words(struct node *node, va_list words)
{
	static char name[] = "shoal", run_dir[] = "--run-dir";
	char *argv[ARGS_MAX] = { name, run_dir, node->server.dir };

	for (size_t i = 3; i < ARGS_MAX - 1 && (argv[i] = va_arg(words, char *)) != NULL; i++)
		continue;
	begin(node, argv);
}

static void start_shoal(struct node *node, ...)
{
	va_list words;

	va_start(words, node);
	begin_words(node, words);
	va_end(words);
}

static int run_shoal(struct node *node, ...)
{
	va_list words;

	va_start(words, node);
	begin_words(node, words);
	va_end(words);
	return end(node);
}

#define SHOAL(node, ...) run_shoal((node), __VA_ARGS__, NULL)

static void assert_said(const struct node *node, const char *text)
{
	if (!strstr(node->output, text))
		fail_msg("'%s' is not in:\n%s", text, node->output);
}

/* ---- looking ---- */

TEST(served, every_command_that_looks_answers_in_text_and_json)
{
	static const char *const lines[][2] = {
		{ "status", "serving 1/1 VIPs" },
		{ "vips", "203.0.113.10:443/tcp" },
		{ "pools", "quorum" },
		{ "reals", "10.1.0.1" },
		{ "peers", "Established" },
		{ "routes", "announce" },
		{ "version", "shoald " SHOAL_VERSION },
	};
	struct node node = { 0 };

	node_start(&node);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		json_t *result;

		assert_int_equal(SHOAL(&node, lines[i][0]), CTL_DONE);
		assert_said(&node, lines[i][1]);
		assert_int_equal(SHOAL(&node, lines[i][0], "--json"), CTL_DONE);
		result = json_loads(node.output, 0, NULL);
		assert_true(json_is_object(result));
		json_decref(result);
	}
	node_stop(&node);
}

TEST(served, explains_every_kind_of_thing)
{
	struct node node = { 0 };

	node_start(&node);
	assert_int_equal(SHOAL(&node, "why", "203.0.113.10"), CTL_DONE);
	assert_said(&node, "announced and proved in enough peers");
	assert_int_equal(SHOAL(&node, "why", "web"), CTL_DONE);
	assert_said(&node, "pool web");
	assert_int_equal(SHOAL(&node, "why", "10.1.0.1"), CTL_DONE);
	assert_said(&node, "10.1.0.1");
	assert_int_equal(SHOAL(&node, "why", "node"), CTL_DONE);
	assert_said(&node, "in service");
	assert_int_equal(SHOAL(&node, "why", "10.0.2.1"), CTL_DONE);
	assert_said(&node, "peer ");
	assert_int_equal(SHOAL(&node, "why", "vip0/r2"), CTL_DONE);
	assert_said(&node, "real r2");
	assert_int_equal(SHOAL(&node, "why", "203.0.113.10/r9"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "why", "vip0:443/tcp"), CTL_DONE);
	assert_said(&node, "forwards: programmed, self-tested");
	assert_said(&node, "pool web");
	node_stop(&node);
}

TEST(served, unknown_names_are_usage_errors_with_a_suggestion)
{
	struct node node = { 0 };

	node_start(&node);
	assert_int_equal(SHOAL(&node, "why", "wbe"), CTL_USAGE);
	assert_said(&node,
		    "shoal: why: no VIP, service, pool, real or peer 'wbe', did you mean 'web'?");
	assert_int_equal(SHOAL(&node, "pools", "wbe"), CTL_USAGE);
	assert_said(&node, "no pool 'wbe', did you mean 'web'?");
	assert_int_equal(SHOAL(&node, "reals", "web/none"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "reals", "wbe/r2"), CTL_USAGE);
	assert_said(&node, "no pool or POOL/REAL 'wbe/r2', did you mean 'web/r2'?");
	assert_int_equal(SHOAL(&node, "why", "wbe/r2"), CTL_USAGE);
	assert_said(&node, "did you mean 'web/r2'?");
	assert_int_equal(SHOAL(&node, "reals", "web", "web"), CTL_USAGE);
	assert_said(&node, "'web' is named twice");
	assert_int_equal(SHOAL(&node, "drain", "web"), CTL_USAGE);
	assert_said(&node, "no VIP 'web'");
	assert_false(core_node(node.site.core)->is_drained);
	node_stop(&node);
}

TEST(served, a_flow_is_read_strictly)
{
	struct node node = { 0 };

	node_start(&node);
	assert_int_equal(SHOAL(&node, "flow", "tcp", "192.0.2.1:4000", "203.0.113.10:443"),
			 CTL_DONE);
	assert_said(&node, "goes to    this host: passed, not-a-vip");
	assert_int_equal(SHOAL(&node, "flow", "icmp", "192.0.2.1:4000", "203.0.113.10:443"),
			 CTL_USAGE);
	assert_said(&node, "a flow is of tcp or udp, not of 'icmp'");
	assert_int_equal(SHOAL(&node, "flow", "tcp", "192.0.2.1", "203.0.113.10:443"), CTL_USAGE);
	assert_said(&node, "'192.0.2.1' is no source");
	assert_int_equal(SHOAL(&node, "flow", "tcp", "[2001:db8::1]:1", "203.0.113.10:443"),
			 CTL_USAGE);
	assert_said(&node, "different families");
	assert_int_equal(SHOAL(&node, "flow", "tcp", "192.0.2.1:4000"), CTL_USAGE);
	node_stop(&node);
}

TEST(served, flows_are_looked_at_by_all_and_purged_by_admins)
{
	struct node node = { 0 };

	node_start(&node);
	assert_int_equal(SHOAL(&node, "flows", "--socket", node.server.read_path), CTL_DONE);
	assert_said(&node, "0 of 4194304 entries used");
	assert_int_equal(SHOAL(&node, "flows", "find", "tcp", "192.0.2.1:4000", "203.0.113.10:443"),
			 CTL_FAILED);
	assert_said(&node, "the flow is not remembered");
	assert_int_equal(SHOAL(&node, "flows", "purge", "--all", "--socket", node.server.read_path),
			 CTL_PERMISSION);
	assert_said(&node, "answered on admin.sock only");
	assert_int_equal(SHOAL(&node, "flows", "purge", "--all"), CTL_DONE);
	assert_said(&node, "0 flows forgotten");
	assert_int_equal(SHOAL(&node, "flows", "purge"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "flows", "purge", "--all", "--stale"), CTL_USAGE);
	assert_said(&node, "purge takes one of");
	assert_int_equal(SHOAL(&node, "flows", "--real", "web/none"), CTL_FAILED);
	assert_int_equal(SHOAL(&node, "flows", "--stale"), CTL_USAGE);
	node_stop(&node);
}

TEST(served, a_capture_ends_by_its_time_and_refuses_what_makes_no_sense)
{
	struct node node = { 0 };

	node_start(&node);
	assert_int_equal(SHOAL(&node, "capture", "--for", "50ms"), CTL_DONE);
	assert_said(&node, "0 packets, 0 lost");
	assert_int_equal(SHOAL(&node, "capture", "--for", "50ms", "--service",
			       "203.0.113.10:443/tcp", "--real", "web/10.1.0.1", "--reason",
			       "no-real"),
			 CTL_DONE);
	assert_int_equal(SHOAL(&node, "capture", "--for", "2h"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "capture", "--sample", "7"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "capture", "--count", "0"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "capture", "--size", "much"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "capture", "--reason", "unheard-of"), CTL_USAGE);
	assert_said(&node, "no reason 'unheard-of'");
	assert_int_equal(SHOAL(&node, "capture", "--reason", "\xff"), CTL_USAGE);
	assert_said(&node, "--reason: not UTF-8");
	assert_int_equal(SHOAL(&node, "capture", "--service", "203.0.113.10:1/tcp"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "capture", "-w", "/nonexistent/file"), CTL_FAILED);
	assert_int_equal(SHOAL(&node, "capture", "--socket", node.server.read_path),
			 CTL_PERMISSION);
	node_stop(&node);
}

static void assert_file(const char *path, const char *text)
{
	char buf[64] = "";
	FILE *file = fopen(path, "re");

	assert_non_null(file);
	buf[fread(buf, 1, sizeof(buf) - 1, file)] = '\0';
	assert_memory_equal(buf, text, strlen(text));
	fclose(file);
}

TEST(served, a_capture_that_is_refused_leaves_its_file)
{
	struct node node = { 0 };
	char path[96];
	FILE *file;

	node_start(&node);
	snprintf(path, sizeof(path), "%s/capture", node.server.dir);
	assert_int_equal(SHOAL(&node, "capture", "-w", path, "--reason", "none"), CTL_USAGE);
	assert_int_equal(access(path, F_OK), -1);
	file = fopen(path, "we");
	fputs("an older capture", file);
	fclose(file);
	assert_int_equal(SHOAL(&node, "capture", "-w", path, "--reason", "none"), CTL_USAGE);
	assert_file(path, "an older capture");
	assert_int_equal(SHOAL(&node, "capture", "-w", path, "--for", "20ms"), CTL_DONE);
	assert_file(path, "\n\r\r\n"); /* as pcapng begins */
	unlink(path);
	node_stop(&node);
}

/* ---- reaching shoald ---- */

/* ---- top, on a terminal of its own ---- */

static void begin_top(struct node *node)
{
	static char name[] = "shoal", run_dir[] = "--run-dir", top[] = "top",
		    every[] = "--every=200ms";
	char *argv[] = { name, run_dir, node->server.dir, top, every, NULL };
	struct winsize size = { .ws_row = 24, .ws_col = 80 };

	node->len = 0;
	node->child = forkpty(&node->pipe[0], NULL, NULL, &size);
	if (node->child == 0) {
		setenv("TERM", "xterm", 1);
		unsetenv("LINES");
		unsetenv("COLUMNS");
		execv(getenv("SHOAL"), argv);
		_exit(98);
	}
	fcntl(node->pipe[0], F_SETFL, O_NONBLOCK);
}

/* Press keys, have all drawn anew, and wait until the screen shows a text. */
static void press(struct node *node, const char *keys, const char *text)
{
	for (int i = 0; i < 20000; i++) {
		/* Once more where the key before was still being drawn. */
		if (i % 400 == 0) {
			node->len = 0;
			assert_int_equal(write(node->pipe[0], i ? "" : keys, i ? 0 : strlen(keys)),
					 i ? 0 : strlen(keys));
			assert_int_equal(write(node->pipe[0], "\f", 1), 1);
		}
		turn(node);
		if (strstr(node->output, text))
			return;
		if (node->len > OUTPUT_MAX - 8192)
			node->len = 0;
	}
	fail_msg("top never shows '%s': %s", text, node->output);
}

TEST(served, top_opens_what_is_selected_sorts_and_filters)
{
	struct winsize wide = { .ws_row = 40, .ws_col = 140 };
	struct node node = { 0 };
	int status;

	node_start(&node);
	begin_top(&node);
	press(&node, "", "203.0.113.10/32");
	press(&node, "\r", "203.0.113.10:443/tcp");
	press(&node, "\r", "web/r2");
	press(&node, "/r1\r", "/r1");
	press(&node, "\r", "real r1");
	press(&node, "\033", "web/r1");
	press(&node, "e", "EVIDENCE");
	press(&node, "ssr", "web/r3");
	ioctl(node.pipe[0], TIOCSWINSZ, &wide);
	press(&node, "v", "PREFIX");
	site_verdict_all(&node.site, REAL_DOWN);
	site_run(&node.site);
	press(&node, "", "too few healthy reals");
	press(&node, "w", "no quorum");
	assert_int_equal(write(node.pipe[0], "q", 1), 1);
	for (int i = 0; i < 20000 && waitpid(node.child, &status, WNOHANG) == 0; i++)
		turn(&node);
	assert_int_equal(WEXITSTATUS(status), 0);
	close(node.pipe[0]);
	node_stop(&node);
}

TEST(served, top_needs_a_terminal)
{
	struct node node = { 0 };

	node_start(&node);
	assert_int_equal(SHOAL(&node, "top"), CTL_USAGE);
	assert_said(&node, "status --watch --json");
	node_stop(&node);
}

TEST(served, balance_asks_twice)
{
	struct node node = { 0 };
	json_t *result;

	node_start(&node);
	assert_int_equal(SHOAL(&node, "balance", "web", "--for", "100ms", "--json"), CTL_DONE);
	result = json_loads(node.output, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(result, "pools")), 1);
	json_decref(result);
	assert_int_equal(SHOAL(&node, "balance", "--for=0.1ms"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "balance", "weeb", "--for", "100ms"), CTL_USAGE);
	assert_said(&node, "did you mean 'web'?");
	node_stop(&node);
}

/* The config file of this site is none that could be compared. */
TEST(served, ready_waits_and_tells_what_keeps_it)
{
	struct node node = { 0 };

	node_start(&node);
	assert_int_equal(SHOAL(&node, "ready"), CTL_DONE);
	assert_said(&node, "1 of 1 VIPs serve");
	assert_int_equal(SHOAL(&node, "ready", "vip1"), CTL_USAGE);
	assert_said(&node, "did you mean 'vip0'?");
	site_verdict_all(&node.site, REAL_DOWN);
	site_run(&node.site);
	assert_int_equal(SHOAL(&node, "ready", "--json"), CTL_REFUSED);
	assert_said(&node, "too few healthy reals");
	start_shoal(&node, "ready", "203.0.113.10", "--timeout", "60s", NULL);
	for (int i = 0; i < 10000 && !strstr(node.output, "too few healthy reals"); i++)
		turn(&node);
	site_verdict_all(&node.site, REAL_UP);
	site_run(&node.site);
	site_pass(&node.site, 60 * USEC_PER_SEC);
	assert_int_equal(end(&node), CTL_DONE);
	assert_said(&node, "ready      1 of 1 VIPs serve");
	assert_int_equal(SHOAL(&node, "vip", "vip0", "withdraw"), CTL_DONE);
	assert_int_equal(SHOAL(&node, "ready"), CTL_DONE);
	assert_said(&node, "1 taken out by operators");
	assert_int_equal(SHOAL(&node, "ready", "vip0"), CTL_REFUSED);
	node_stop(&node);
}

static unsigned count_lines(const char *text)
{
	unsigned n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

TEST(served, a_watched_list_comes_again_a_line_each_in_json)
{
	struct node node = { 0 };
	json_t *line;
	char *next;

	node_start(&node);
	start_shoal(&node, "pools", "--watch", "100ms", "--json", NULL);
	for (int i = 0; i < 10000 && count_lines(node.output) < 3; i++)
		turn(&node);
	kill(node.child, SIGINT);
	waitpid(node.child, NULL, 0);
	next = strchr(node.output, '\n');
	assert_non_null(next);
	*next = '\0';
	line = json_loads(node.output, 0, NULL);
	assert_int_equal(json_array_size(json_object_get(line, "pools")), 1);
	json_decref(line);
	line = json_loads(next + 1, JSON_DISABLE_EOF_CHECK, NULL);
	assert_true(json_is_object(line));
	json_decref(line);
	node_stop(&node);
	close(node.pipe[0]);
}

TEST(served, a_watch_that_cannot_begin_says_why)
{
	struct node node = { 0 };

	node_start(&node);
	assert_int_equal(SHOAL(&node, "vips", "nobody", "--watch"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "vips", "--watch=1ms"), CTL_USAGE);
	assert_said(&node, "--watch: from 100ms to 1d");
	assert_int_equal(SHOAL(&node, "vips", "--watch", "--socket", "/nowhere"),
			 CTL_NOT_REACHABLE);
	assert_said(&node, "start it: systemctl start shoald");
	assert_int_equal(SHOAL(&node, "drain", "--watch"), CTL_USAGE);
	node_stop(&node);
}

TEST(served, says_how_to_start_what_does_not_run)
{
	struct node node = { 0 };

	snprintf(node.server.dir, sizeof(node.server.dir), "/nonexistent");
	node.server.base = event_base_new();
	assert_int_equal(SHOAL(&node, "status"), CTL_NOT_REACHABLE);
	assert_said(&node, "shoald is not running (/nonexistent/read.sock); start it: systemctl "
			   "start shoald");
	assert_int_equal(SHOAL(&node, "status", "--json"), CTL_NOT_REACHABLE);
	assert_said(&node, "\"exit\": 3");
	assert_int_equal(SHOAL(&node, "version"), CTL_DONE);
	assert_said(&node, "shoal " SHOAL_VERSION);
	event_base_free(node.server.base);
}

TEST(served, an_admin_command_on_the_read_socket_is_no_permission)
{
	struct node node = { 0 };

	node_start(&node);
	assert_int_equal(SHOAL(&node, "undrain", "--socket", node.server.read_path),
			 CTL_PERMISSION);
	assert_said(&node, "answered on admin.sock only");
	node_stop(&node);
}

TEST(served, names_the_group_without_permission)
{
	struct node node = { 0 };

	node_start(&node);
	chmod(node.server.read_path, 0);
	chmod(node.server.admin_path, 0);
	begin_as_nobody(&node);
	assert_int_equal(end(&node), CTL_PERMISSION);
	assert_said(&node, "be root or a member of group");
	node_stop(&node);
}

/* ---- drain ---- */

TEST(served, drains_and_undrains_with_owner_and_reason)
{
	const struct core_node *core;
	struct node node = { 0 };

	node_start(&node);
	core = core_node(node.site.core);
	assert_int_equal(SHOAL(&node, "drain", "--reason", "kernel"), CTL_DONE);
	assert_said(&node, "the node is being drained");
	assert_true(core->is_drained);
	assert_string_equal(core->drain.reason, "kernel");
	assert_non_null(strstr(core->drain.owner, "uid "));
	assert_int_equal(SHOAL(&node, "drain"), CTL_DONE);
	assert_said(&node, "was drained already");
	assert_int_equal(SHOAL(&node, "drain", "--force"), CTL_DONE);
	assert_true(core->drain.force);
	assert_int_equal(SHOAL(&node, "drain", "--for", "4h"), CTL_DONE);
	assert_int_equal(core->drain.until_us - core->drain.wall_us, 4 * 3600 * USEC_PER_SEC);
	assert_int_equal(SHOAL(&node, "status"), CTL_DONE);
	assert_said(&node, "ends in 4h00m");
	assert_int_equal(SHOAL(&node, "undrain", "node"), CTL_DONE);
	assert_false(core->is_drained);
	assert_int_equal(SHOAL(&node, "undrain"), CTL_DONE);
	assert_said(&node, "was not drained");
	node_stop(&node);
}

TEST(served, drains_single_vips)
{
	struct node node = { 0 };

	node_start(&node);
	assert_int_equal(SHOAL(&node, "drain", "203.0.113.10"), CTL_DONE);
	assert_true(core_vip(node.site.core, 0)->is_drained);
	assert_false(core_node(node.site.core)->is_drained);
	assert_int_equal(SHOAL(&node, "undrain"), CTL_DONE);
	assert_said(&node, "still drained of themselves");
	assert_int_equal(SHOAL(&node, "undrain", "203.0.113.10"), CTL_DONE);
	assert_false(core_vip(node.site.core, 0)->is_drained);
	node_stop(&node);
}

TEST(served, takes_one_real_out_and_puts_it_back)
{
	const struct core_order *order = &parts.orders[0][0];
	struct node node = { 0 };

	node_start(&node);
	assert_int_equal(
		SHOAL(&node, "real", "web/r1", "drain", "--for", "4h", "--reason", "disk swap"),
		CTL_DONE);
	assert_said(&node, "web/r1 is drained for 4h00m");
	assert_int_equal(order->order, REAL_DRAINED);
	assert_string_equal(order->reason, "disk swap");
	assert_non_null(strstr(order->owner, "uid "));
	assert_int_equal(order->until_us - order->wall_us, 4 * 3600 * USEC_PER_SEC);
	assert_int_equal(SHOAL(&node, "status"), CTL_DONE);
	assert_said(&node, "shoal real web/r1 enable");
	assert_int_equal(SHOAL(&node, "real", "web/r1", "disable"), CTL_DONE);
	assert_int_equal(order->order, REAL_DISABLED);
	assert_int_equal(SHOAL(&node, "real", "web/r1", "reset"), CTL_DONE);
	assert_int_equal(parts.n_resets, 1);
	assert_int_equal(order->order, REAL_DISABLED);
	assert_int_equal(SHOAL(&node, "real", "web/r1", "enable"), CTL_DONE);
	assert_int_equal(order->order, REAL_ORDER_NONE);
	assert_int_equal(SHOAL(&node, "real", "web/r1", "en"), CTL_DONE);
	assert_said(&node, "was enabled already");
	node_stop(&node);
}

TEST(served, says_what_taking_a_real_out_costs)
{
	struct node node = { 0 };
	size_t n;

	node_start(&node);
	n = core_pool(node.site.core, 0)->config->n_reals;
	for (size_t i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "web/%s",
			 core_pool(node.site.core, 0)->config->reals[i].name);
		assert_int_equal(SHOAL(&node, "real", name, "drain"), CTL_DONE);
	}
	assert_said(&node, "pool web has lost its quorum by this");
	assert_int_equal(SHOAL(&node, "real", "web/r1", "enable"), CTL_DONE);
	node_stop(&node);
}

TEST(served, watches_a_pool_and_ends_it)
{
	struct node node;

	node_start(&node);
	assert_int_equal(SHOAL(&node, "reals"), CTL_DONE);
	assert_null(strstr(node.output, "watched"));
	assert_int_equal(SHOAL(&node, "pool", "web", "watch", "--off"), CTL_DONE);
	assert_said(&node, "web was not watched");
	assert_int_equal(SHOAL(&node, "pool", "web", "watch", "--reason", "slow pages"), CTL_DONE);
	assert_said(&node, "web is watched for 10m00s");
	assert_true(parts.is_watched[0]);
	parts.syns[0][1] = (struct dataplane_syns){ 90, 10 };
	assert_int_equal(SHOAL(&node, "status"), CTL_DONE);
	assert_said(&node, "\"slow pages\", ends in ");
	assert_said(&node, "90 new connections, 10 SYN retransmissions (10.0%)");
	assert_int_equal(SHOAL(&node, "reals", "web/r1"), CTL_DONE);
	assert_said(&node, "10.0%");
	assert_int_equal(SHOAL(&node, "why", "web/r1"), CTL_DONE);
	assert_said(&node, "90 new connections, 10 SYN retransmissions");
	assert_int_equal(SHOAL(&node, "pool", "web", "watch", "--for", "1h"), CTL_DONE);
	assert_said(&node, "web is watched, as before, for 1h00m");
	assert_int_equal(SHOAL(&node, "pool", "web", "watch", "--off"), CTL_DONE);
	assert_said(&node, "no longer watched");
	assert_said(&node, "90 new connections");
	assert_false(parts.is_watched[0]);
	assert_int_equal(SHOAL(&node, "reals"), CTL_DONE);
	assert_null(strstr(node.output, "watched"));
	node_stop(&node);
}

TEST(served, refuses_watches_that_make_no_sense)
{
	struct node node;

	node_start(&node);
	assert_int_equal(SHOAL(&node, "pool", "web"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "pool", "web", "wash"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "pool", "nobody", "watch"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "pool", "web", "watch", "--for", "25h"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "pool", "web", "watch", "--for", "0s"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "pool", "web", "watch", "--off", "--for", "1h"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "pool", "web", "watch", "--reason", "a\nb"), CTL_USAGE);
	parts.has_no_ring = true;
	assert_int_equal(SHOAL(&node, "pool", "web", "watch"), CTL_REFUSED);
	assert_said(&node, "its ring is not in the data plane yet");
	node_stop(&node);
}

TEST(served, announces_and_withdraws_a_vip_by_hand)
{
	struct node node = { 0 };

	node_start(&node);
	assert_int_equal(SHOAL(&node, "vip", "vip0", "withdraw", "--reason", "attack"), CTL_DONE);
	assert_said(&node, "vip0 is withdrawn by hand, until: shoal vip vip0 auto");
	assert_int_equal(site_vip(&node.site, 0)->order, VIP_ORDER_WITHDRAW);
	assert_int_equal(SHOAL(&node, "status"), CTL_DONE);
	assert_said(&node, "WITHDRAWN  vip0 by ");
	assert_said(&node, "\"attack\"");
	assert_int_equal(SHOAL(&node, "vip", "vip0", "auto"), CTL_DONE);
	assert_said(&node, "vip0 is left to its checks");
	assert_int_equal(SHOAL(&node, "vip", "vip0", "auto"), CTL_DONE);
	assert_said(&node, "vip0 was left to its checks");
	site_verdict_all(&node.site, REAL_DOWN);
	site_run(&node.site);
	assert_int_equal(SHOAL(&node, "vip", "vip0", "an", "--for", "10m"), CTL_DONE);
	assert_said(&node, "announced by hand, whatever its checks say, for 10m");
	assert_said(&node, "! its checks would withdraw it");
	assert_int_equal(SHOAL(&node, "drain"), CTL_DONE);
	assert_int_equal(SHOAL(&node, "vip", "vip0", "announce"), CTL_DONE);
	assert_said(&node, "! the node is drained, which is stronger: shoal undrain");
	node_stop(&node);
}

TEST(served, refuses_words_on_vips_that_make_no_sense)
{
	struct node node = { 0 };

	node_start(&node);
	assert_int_equal(SHOAL(&node, "vip", "vip0"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "vip", "vip0", "announc", "now"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "vip", "vip0", "anounce"), CTL_USAGE);
	assert_said(&node, "did you mean 'announce'?");
	assert_int_equal(SHOAL(&node, "vip", "vipp0", "withdraw"), CTL_USAGE);
	assert_said(&node, "did you mean 'vip0'?");
	assert_int_equal(SHOAL(&node, "vip", "vip0", "auto", "--for", "1h"), CTL_USAGE);
	assert_int_equal(site_vip(&node.site, 0)->order, VIP_ORDER_NONE);
	node_stop(&node);
}

TEST(served, refuses_words_on_reals_that_make_no_sense)
{
	struct node node = { 0 };

	node_start(&node);
	assert_int_equal(SHOAL(&node, "real", "web/r1"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "real", "web/r1", "kill"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "real", "web/nobody", "drain"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "real", "web/r1", "enable", "--for", "4h"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "real", "web/r1", "drain", "--for", "0s"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "real", "web/r1", "drain", "--reason", "a\nb"), CTL_USAGE);
	assert_int_equal(parts.orders[0][0].order, REAL_ORDER_NONE);
	node_stop(&node);
}

TEST(served, refuses_a_reason_that_would_not_fit)
{
	struct node node = { 0 };
	char reason[CORE_REASON_MAX + 1];

	memset(reason, 'r', CORE_REASON_MAX);
	reason[CORE_REASON_MAX] = '\0';
	node_start(&node);
	assert_int_equal(SHOAL(&node, "drain", "--reason", reason), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "drain", "--reason", "two\nlines"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "drain", "--for", "0s"), CTL_USAGE);
	assert_false(core_node(node.site.core)->is_drained);
	node_stop(&node);
}

/* Let time pass on the site, with this traffic, until the command said something or ended. */
static void pass_until_said(struct node *node, uint64_t pps, const char *text)
{
	for (int i = 0; i < 3000 && !strstr(node->output, text); i++) {
		if (i % 100 == 0) {
			site_traffic(&node->site, 0, pps);
			site_run(&node->site);
			site_pass(&node->site, USEC_PER_SEC);
		}
		turn(node);
	}
	assert_said(node, text);
}

TEST(served, waits_for_a_drain_and_tells_each_step)
{
	struct node node = { 0 };

	node_start(&node);
	site_traffic(&node.site, 0, 5000);
	start_shoal(&node, "drain", "--wait", NULL);
	pass_until_said(&node, 5000, "65535:0 on 1 VIP, seen in the Adj-RIB-Out of enough peers");
	assert_said(&node, "traffic 5000 pps");
	pass_until_said(&node, 10, "traffic 10 pps, 99 % of 5000 pps gone");
	pass_until_said(&node, 0, "withdrawn from every peer");
	pass_until_said(&node, 0, "SAFE  1 VIP withdrawn");
	assert_int_equal(end(&node), CTL_DONE);
	assert_int_equal(core_vip(node.site.core, 0)->state, VIP_WITHDRAWN);
	node_stop(&node);
}

TEST(served, a_drain_that_is_late_is_not_safe_yet)
{
	struct node node = { 0 };

	node_start(&node);
	site_traffic(&node.site, 0, 5000);
	assert_int_equal(SHOAL(&node, "drain", "--wait", "--timeout", "1s"), CTL_REFUSED);
	assert_said(&node, "not safe yet: 1 of 1 VIPs left");
	assert_said(&node, "5000 pps): traffic is still falling; the drain stays");
	assert_true(core_node(node.site.core)->is_drained);
	node_stop(&node);
}

TEST(served, a_drain_whose_traffic_stays_ends_early)
{
	struct node node = { 0 };

	node_start(&node);
	site_traffic(&node.site, 0, 5000);
	start_shoal(&node, "drain", "--wait", NULL);
	pass_until_said(&node, 5000, "65535:0 on");
	for (int i = 0; i < 310; i++) {
		site_traffic(&node.site, 0, 5000);
		site_pass(&node.site, USEC_PER_SEC);
	}
	assert_true(core_vip(node.site.core, 0)->is_drain_stuck);
	assert_int_equal(end(&node), CTL_REFUSED);
	assert_said(&node, "nobody else announces them, or the peers ignore 65535:0; the drain "
			   "stays and goes on when it does; --force withdraws all the same");
	node_stop(&node);
}

TEST(served, a_client_that_says_how_long_waits_on_past_what_is_stuck)
{
	struct node node = { 0 };

	node_start(&node);
	site_traffic(&node.site, 0, 5000);
	start_shoal(&node, "drain", "--wait", "--timeout", "1h", NULL);
	pass_until_said(&node, 5000, "65535:0 on");
	for (int i = 0; i < 310; i++) {
		site_traffic(&node.site, 0, 5000);
		site_pass(&node.site, USEC_PER_SEC);
	}
	assert_true(core_vip(node.site.core, 0)->is_drain_stuck);
	pass_until_said(&node, 5000, "1 VIP stuck");
	site_traffic(&node.site, 0, 10);
	site_pass(&node.site, 10 * USEC_PER_SEC);
	assert_int_equal(end(&node), CTL_DONE);
	assert_said(&node, "SAFE");
	node_stop(&node);
}

TEST(served, a_drain_of_a_shutdown_is_the_nodes_and_names_its_owner)
{
	struct node node = { 0 };
	const struct core_node *core;

	node_start(&node);
	core = core_node(node.site.core);
	assert_int_equal(SHOAL(&node, "drain", "--shutdown", "vip0"), CTL_USAGE);
	assert_false(core->is_drained);
	assert_int_equal(SHOAL(&node, "drain", "--shutdown"), CTL_DONE);
	assert_string_equal(core->drain.owner, CORE_OWNER_SHUTDOWN);
	node_stop(&node);
}

TEST(served, an_undrain_ends_the_wait)
{
	struct node node = { 0 };

	node_start(&node);
	site_traffic(&node.site, 0, 5000);
	start_shoal(&node, "drain", "--wait", NULL);
	pass_until_said(&node, 5000, "65535:0 on");
	site_drain(&node.site, CORE_NONE, false, false);
	assert_int_equal(end(&node), CTL_REFUSED);
	assert_said(&node, "the drain was ended meanwhile");
	node_stop(&node);
}

TEST(served, a_killed_command_leaves_the_drain)
{
	struct node node = { 0 };

	node_start(&node);
	site_traffic(&node.site, 0, 5000);
	start_shoal(&node, "drain", "--wait", NULL);
	pass_until_said(&node, 5000, "65535:0 on");
	kill(node.child, SIGKILL);
	end(&node);
	turn(&node);
	assert_true(core_node(node.site.core)->is_drained);
	node_stop(&node);
}

/* ---- reload ---- */

TEST(served, reload_prints_the_report_and_keeps_the_config)
{
	struct node node = { 0 };

	node_start(&node);
	fake_reload_text = "shoal.yaml:1:1: error: something\n";
	fake_reload_result = -EINVAL;
	assert_int_equal(SHOAL(&node, "reload"), CTL_USAGE);
	assert_said(&node, "shoal.yaml:1:1: error: something\n");
	assert_said(&node, "shoal: reload: 2 errors; the running config (generation ");
	assert_said(&node, "is unchanged");
	fake_reload_result = -EBUSY;
	assert_int_equal(SHOAL(&node, "reload"), CTL_REFUSED);
	fake_reload_result = -ENOMEM;
	assert_int_equal(SHOAL(&node, "reload", "--json"), CTL_FAILED);
	fake_reload_result = 0;
	assert_int_equal(SHOAL(&node, "reload"), CTL_DONE);
	assert_said(&node, "nothing changed");
	node_stop(&node);
}

TEST(served, a_reload_on_trial_says_until_when_and_is_confirmed_once)
{
	struct node node = { 0 };

	node_start(&node);
	fake_reload_result = 0;
	fake_reload_text = NULL;
	assert_int_equal(SHOAL(&node, "reload", "--confirm", "5m"), CTL_DONE);
	assert_int_equal(fake_confirm_us, 300 * USEC_PER_SEC);
	assert_int_equal(SHOAL(&node, "confirm"), CTL_REFUSED);
	assert_said(&node, "no reload waits to be confirmed");
	parts.config.trial = "pending";
	parts.config.former = "1f0e2d3c4b5a6978";
	parts.config.left_us = 240 * USEC_PER_SEC;
	assert_int_equal(SHOAL(&node, "reload"), CTL_DONE);
	assert_int_equal(fake_confirm_us, 0);
	assert_said(&node, "goes back to generation 1f0e2d3c4b5a6978 in 4m00s unless confirmed");
	assert_int_equal(SHOAL(&node, "confirm"), CTL_DONE);
	assert_said(&node, " stays");
	assert_int_equal(SHOAL(&node, "reload", "--confirm", "0s"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "reload", "--confirm", "8d"), CTL_USAGE);
	assert_int_equal(SHOAL(&node, "reload", "--confirm"), CTL_USAGE);
	node_stop(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(served, every_command_that_looks_answers_in_text_and_json),
		T(served, explains_every_kind_of_thing),
		T(served, a_flow_is_read_strictly),
		T(served, flows_are_looked_at_by_all_and_purged_by_admins),
		T(served, a_capture_ends_by_its_time_and_refuses_what_makes_no_sense),
		T(served, a_capture_that_is_refused_leaves_its_file),
		T(served, unknown_names_are_usage_errors_with_a_suggestion),
		T(served, top_opens_what_is_selected_sorts_and_filters),
		T(served, top_needs_a_terminal),
		T(served, balance_asks_twice),
		T(served, ready_waits_and_tells_what_keeps_it),
		T(served, a_watched_list_comes_again_a_line_each_in_json),
		T(served, a_watch_that_cannot_begin_says_why),
		T(served, says_how_to_start_what_does_not_run),
		T(served, an_admin_command_on_the_read_socket_is_no_permission),
		T(served, names_the_group_without_permission),
		T(served, drains_and_undrains_with_owner_and_reason),
		T(served, drains_single_vips),
		T(served, takes_one_real_out_and_puts_it_back),
		T(served, says_what_taking_a_real_out_costs),
		T(served, watches_a_pool_and_ends_it),
		T(served, refuses_watches_that_make_no_sense),
		T(served, announces_and_withdraws_a_vip_by_hand),
		T(served, refuses_words_on_vips_that_make_no_sense),
		T(served, refuses_words_on_reals_that_make_no_sense),
		T(served, refuses_a_reason_that_would_not_fit),
		T(served, waits_for_a_drain_and_tells_each_step),
		T(served, a_drain_that_is_late_is_not_safe_yet),
		T(served, a_drain_whose_traffic_stays_ends_early),
		T(served, a_client_that_says_how_long_waits_on_past_what_is_stuck),
		T(served, a_drain_of_a_shutdown_is_the_nodes_and_names_its_owner),
		T(served, an_undrain_ends_the_wait),
		T(served, a_killed_command_leaves_the_drain),
		T(served, reload_prints_the_report_and_keeps_the_config),
		T(served, a_reload_on_trial_says_until_when_and_is_confirmed_once),
	};

	log_init("cli-served", LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
