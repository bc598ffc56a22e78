/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.c - `shoal events`: what was recorded, shown as it comes. With --json a document, or with
 * --follow a line an event.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/cli/cli.h"
#include "src/cli/render.h"
#include "src/cli/units.h"

static const struct args_option events_options[] = {
	{ "since", "WHEN", "from then on; without it the newest 100" },
	{ "until", "WHEN", "up to then" },
	{ "last", "N", "the newest N of them" },
	{ "vip", "VIP", "of a VIP, by name, address or prefix" },
	{ "pool", "POOL", "of a pool and its reals" },
	{ "real", "POOL/REAL", "of a real, also by its address" },
	{ "peer", "PEER", "of a BGP peer" },
	{ "follow", NULL, "and each that comes, until interrupted" },
	{ .name = NULL },
};

static volatile sig_atomic_t is_stopped;

static void on_signal(int number)
{
	(void)number;
	is_stopped = 1;
}

/* ---- when ---- */

static bool parse_format(const char *text, const char *format, struct tm *tm)
{
	const char *end = strptime(text, format, tm);

	return end && *end == '\0';
}

/* A time of day is the last one there was. */
static bool parse_clock(const char *text, uint64_t now_us, uint64_t *ret)
{
	static const char *const formats[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M",
					       "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d",
					       "%H:%M:%S",          "%H:%M" };
	time_t now = (time_t)(now_us / USEC_PER_SEC), then;

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tm tm;

		localtime_r(&now, &tm);
		tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
		tm.tm_isdst = -1;
		if (!parse_format(text, formats[i], &tm))
			continue;
		then = mktime(&tm);
		if (i >= 4 && then > now)
			then -= 86400;
		if (then < 0)
			return false;
		*ret = (uint64_t)then * USEC_PER_SEC;
		return true;
	}
	return false;
}

static int parse_when(const char *text, uint64_t now_us, uint64_t *ret, struct err *err)
{
	usec_t ago;

	if (strcmp(text, "boot") == 0) {
		*ret = now_us > usec_now() ? now_us - usec_now() : 1;
		return 0;
	}
	if (units_parse_duration(text, &ago, NULL) == 0) {
		*ret = ago < now_us ? now_us - ago : 1;
		return 0;
	}
	if (parse_clock(text, now_us, ret))
		return 0;
	return err_set(err, -EINVAL,
		       "'%s' is no time; write 1h for an hour ago, 08:14, 2026-11-21, "
		       "\"2026-11-21 08:14\" or boot",
		       text);
}

/* ---- asking ---- */

static int add_when(const struct cli *cli, const char *option, const char *key, json_t *args,
		    struct err *err)
{
	const char *text = args_value(&cli->args, option);
	uint64_t when = 0;

	if (!text)
		return 0;
	if (parse_when(text, usec_wall(), &when, err) < 0)
		return err_prefix(err, -EINVAL, "--%s", option);
	json_object_set_new(args, key, json_integer((json_int_t)when));
	return 0;
}

static int add_last(const struct cli *cli, json_t *args, struct err *err)
{
	const char *text = args_value(&cli->args, "last");
	uint64_t n;

	if (!text)
		return 0;
	if (units_parse_size(text, &n, err) < 0 || n == 0)
		return err_set(err, -EINVAL, "--last: write a number of events, as 20");
	json_object_set_new(args, "limit", json_integer((json_int_t)n));
	return 0;
}

static int add_name(const struct cli *cli, const char *option, json_t *args, struct err *err)
{
	const char *text = args_value(&cli->args, option);
	json_t *name;

	if (!text)
		return 0;
	name = json_string(text);
	if (!name)
		return err_set(err, -EINVAL, "--%s: the name is not UTF-8", option);
	json_object_set_new(args, option, name);
	return 0;
}

static json_t *ask_events(const struct cli *cli, struct err *err)
{
	static const char *const names[] = { "vip", "pool", "real", "peer" };
	json_t *args = cli_ask_nothing(cli, err);
	int r = args ? 0 : -EINVAL;

	if (r == 0)
		r = add_when(cli, "since", "since_us", args, err);
	if (r == 0)
		r = add_when(cli, "until", "until_us", args, err);
	if (r == 0)
		r = add_last(cli, args, err);
	for (size_t i = 0; r == 0 && i < sizeof(names) / sizeof(names[0]); i++)
		r = add_name(cli, names[i], args, err);
	if (r == 0 && args_has(&cli->args, "follow")) {
		json_object_set_new(args, "follow", json_true());
		if (args_has(&cli->args, "until"))
			r = err_set(err, -EINVAL, "--until does not go with --follow");
	}
	if (r < 0) {
		json_decref(args);
		return NULL;
	}
	return args;
}

/* ---- showing ---- */

struct shower {
	const struct cli *cli;
	json_t *all; /* for one document; NULL: shown as they come */
};

static void print_line(const struct cli *cli, const json_t *event)
{
	json_dumpf(event, cli->screen.out,
		   JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15));
	fputc('\n', cli->screen.out);
}

static bool take_part(const json_t *part, void *arg)
{
	const struct shower *shower = arg;
	json_t *items = json_object_get(part, "items"), *item;
	size_t i;

	if (shower->all) {
		json_array_extend(shower->all, items);
		return true;
	}
	if (shower->cli->is_json) {
		json_array_foreach (items, i, item)
			print_line(shower->cli, item);
	} else {
		json_t *result = json_pack("{s:O}", "events", items);

		render_events(&shower->cli->screen, result);
		json_decref(result);
	}
	return fflush(shower->cli->screen.out) == 0; /* nobody reads any more: enough */
}

static void take_progress(const char *line, void *arg)
{
	const struct shower *shower = arg;

	fprintf(shower->cli->errors, "shoal: events: %s\n", line);
}

static enum ctl_exit show_events(struct cli *cli, const struct cli_command *command, json_t *args)
{
	bool is_document = cli->is_json && !args_has(&cli->args, "follow");
	struct shower shower = { cli, is_document ? json_array() : NULL };
	const struct cli_parts parts = { take_progress, take_part, &shower, &is_stopped };
	json_t *result = NULL;
	struct err err;
	enum ctl_exit status = cli_ask_parts(cli, command, args, &parts, &result, &err);

	json_decref(result);
	result = is_document ? json_pack("{s:O}", "events", shower.all) : NULL;
	if (status != CTL_DONE)
		cli_fail(cli, status, "events: %s", err.text);
	else if (is_document)
		cli_print_json(cli, result);
	json_decref(result);
	json_decref(shower.all);
	return status;
}

static enum ctl_exit run_events(struct cli *cli, const struct cli_command *command)
{
	const struct sigaction action = { .sa_handler = on_signal };
	struct err err;
	json_t *args = ask_events(cli, &err);
	enum ctl_exit status;

	if (!args)
		return cli_fail(cli, CTL_USAGE, "events: %s; see 'shoal help events'", err.text);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	status = show_events(cli, command, args);
	json_decref(args);
	return status;
}

const struct cli_behaviour cli_events = {
	.about = "What the flight recorder of shoald holds, the newest last: states of VIPs,\n"
		 "reals, peers and uplinks with their reasons, operators' commands and who gave\n"
		 "them, config generations, what was said to FRR, alarms, starts and stops. It\n"
		 "outlives restarts, crashes and reboots; docs/events.md says how far it goes "
		 "back.\n"
		 "\n"
		 "WHEN is a time ago (90s, 1h30m), a time of day, a date, both, or boot. With\n"
		 "--follow each event is shown as it comes; with --json a line each.\n",
	.options = events_options,
	.run = run_events,
	.is_slow = true,
};
