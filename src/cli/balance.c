/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balance.c - `shoal balance`: asks shoald twice and judges what went where between. With --sources
 * it also looks at packets of the hottest real of each pool, which is a capture.
 */
#include "src/cli/balance.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "src/cli/cli.h"
#include "src/cli/render.h"

#define FOR_DEFAULT     (5 * USEC_PER_SEC)
#define FOR_MAX         (3600 * USEC_PER_SEC)
#define SOURCE_PACKETS  1000
#define SOURCE_FOR_US   (2 * USEC_PER_SEC)
#define SOURCE_HEAD_LEN 64

static const struct args_option balance_options[] = {
	{ "for", "T", "how long to look, as 30s; default: 5s" },
	{ "sources", NULL, "also look at packets of hot reals for heavy sources (admin.sock)" },
	{ .name = NULL },
};

static int read_for(const struct cli *cli, usec_t *ret, struct err *err)
{
	const char *text = args_value(&cli->args, "for");

	*ret = FOR_DEFAULT;
	if (text && units_parse_duration(text, ret, err) < 0)
		return err_prefix(err, -EINVAL, "--for");
	if (*ret < 100 * USEC_PER_MSEC || *ret > FOR_MAX)
		return err_set(err, -EINVAL, "--for: from 100ms to 1h");
	return 0;
}

static void pause_us(usec_t us)
{
	struct timespec time = { .tv_sec = (time_t)(us / USEC_PER_SEC),
				 .tv_nsec = (long)(us % USEC_PER_SEC) * 1000 };

	nanosleep(&time, NULL);
}

static json_t *ask_twice(const struct cli *cli, const struct cli_command *command, json_t *args,
			 usec_t span, enum ctl_exit *ret_status, struct err *err)
{
	json_t *before = NULL, *after = NULL, *judged = NULL;

	*ret_status = cli_ask(cli, command, args, &before, err);
	if (*ret_status == CTL_DONE) {
		pause_us(span);
		*ret_status = cli_ask(cli, command, args, &after, err);
	}
	if (*ret_status == CTL_DONE)
		judged = balance_judge(before, after);
	json_decref(before);
	json_decref(after);
	return judged;
}

/* ---- sources ---- */

static bool count_packet(const json_t *packet, void *arg)
{
	balance_count_source(arg, get_text(json_object_get(packet, "before"), "head"));
	return true;
}

static json_t *hottest(json_t *pool)
{
	json_t *real, *hottest = NULL;
	size_t i;

	json_array_foreach (json_object_get(pool, "reals"), i, real) {
		if (strcmp(get_text(real, "verdict"), "hot") == 0 &&
		    (!hottest ||
		     get_real(real, "seen_percent") > get_real(hottest, "seen_percent")))
			hottest = real;
	}
	return hottest;
}

static enum ctl_exit look_at_sources(const struct cli *cli, const json_t *pool, json_t *real,
				     struct err *err)
{
	const struct cli_command *command = cli_find("capture", err);
	json_t *sources = json_object(), *result = NULL, *args;
	const struct cli_parts parts = { .part = count_packet, .arg = sources };
	enum ctl_exit status;
	char name[256];

	snprintf(name, sizeof(name), "%s/%s", get_text(pool, "pool"), get_text(real, "real"));
	args = json_pack("{s:s, s:i, s:I, s:i}", "real", name, "count", SOURCE_PACKETS, "for_us",
			 (json_int_t)SOURCE_FOR_US, "head_bytes", SOURCE_HEAD_LEN);
	status = cli_ask_parts(cli, command, args, &parts, &result, err);
	if (status == CTL_DONE)
		balance_blame_sources(real, sources);
	json_decref(args);
	json_decref(result);
	json_decref(sources);
	return status;
}

static enum ctl_exit add_sources(const struct cli *cli, const json_t *judged, struct err *err)
{
	enum ctl_exit status = CTL_DONE;
	json_t *pool;
	size_t i;

	json_array_foreach (json_object_get(judged, "pools"), i, pool) {
		json_t *real = hottest(pool);

		if (real && status == CTL_DONE)
			status = look_at_sources(cli, pool, real, err);
	}
	return status;
}

/* ---- the command ---- */

static enum ctl_exit run_balance(struct cli *cli, const struct cli_command *command)
{
	struct err err = { 0 };
	enum ctl_exit status;
	json_t *args, *judged;
	usec_t span;

	if (read_for(cli, &span, &err) < 0 || !(args = cli_ask_names(cli, &err)))
		return cli_fail(cli, CTL_USAGE, "balance: %s; see 'shoal help %s'", err.text,
				command->name);
	judged = ask_twice(cli, command, args, span, &status, &err);
	json_decref(args);
	if (judged && args_has(&cli->args, "sources"))
		status = add_sources(cli, judged, &err);
	if (status != CTL_DONE)
		status = cli_fail(cli, status, "balance: %s", err.text);
	else if (cli->is_json)
		cli_print_json(cli, judged);
	else
		render_balance(&cli->screen, judged);
	json_decref(judged);
	return status;
}

const struct cli_behaviour cli_balance = {
	.about =
		"Counts for a while and compares, for each real, the share of its pool's traffic\n"
		"that the ring gives it (its slots: weights, slow start, floor and failures are "
		"in\n"
		"them) with what it had: new connections while the pool is watched, else packets.\n"
		"What is more than chance, and more than a quarter, is HOT or COLD, with what\n"
		"explains it.\n",
	.options = balance_options,
	.run = run_balance,
	.is_watchable = true,
};
