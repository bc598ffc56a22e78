/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ready.c - `shoal ready`: asks shoald, compares with the config file, and with --timeout asks
 * again until it is so. Not to reach shoald is what a rollout waits for, too.
 */
#include "src/cli/ready.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/cli/cli.h"
#include "src/cli/render.h"
#include "src/config/config.h"

#define AGAIN_US (500 * USEC_PER_MSEC)

static const struct args_option ready_options[] = {
	{ "timeout", "T", "waits that long, as 60s, and tells what changes" },
	{ .name = NULL },
};

/* The generation of the file shoald was started with, into buf; NULL where it is not readable. */
static const char *file_generation(const json_t *status, char buf[CONFIG_GENERATION_LEN + 1])
{
	const char *file = get_text(json_object_get(status, "config"), "file");
	struct config_report report = { 0 };
	struct config *config = NULL;
	int r = *file ? config_load(file, CONFIG_NEED_NODE, &config, &report) : -ENOENT;

	config_report_fini(&report);
	if (r < 0)
		return NULL;
	strcpy(buf, config->generation);
	config_free(config);
	return buf;
}

/* A screen leaves out most of many VIPs that serve; here each counts. */
static enum ctl_exit ask_vips(const struct cli *cli, json_t *status, struct err *err)
{
	const struct cli_command *command = cli_find("vips", err);
	json_t *args = json_object(), *vips = NULL;
	enum ctl_exit r = cli_ask(cli, command, args, &vips, err);

	json_decref(args);
	if (r == CTL_DONE)
		json_object_set(status, "vips", json_object_get(vips, "vips"));
	json_decref(vips);
	return r;
}

/* The verdict now; NULL with the status and the sentence. */
static json_t *ask(const struct cli *cli, const json_t *names, enum ctl_exit *ret_status,
		   struct err *err)
{
	struct err not_found = { 0 };
	const struct cli_command *command = cli_find("status", &not_found);
	json_t *args = json_pack("{s:b}", "brief", 1), *status = NULL, *verdict;
	char generation[CONFIG_GENERATION_LEN + 1];

	*ret_status = cli_ask(cli, command, args, &status, err);
	json_decref(args);
	if (*ret_status == CTL_DONE && json_object_get(status, "n_vips"))
		*ret_status = ask_vips(cli, status, err);
	if (*ret_status != CTL_DONE) {
		json_decref(status);
		return NULL;
	}
	verdict = ready_judge(status, file_generation(status, generation), names, err);
	json_decref(status);
	if (!verdict)
		*ret_status = CTL_USAGE;
	return verdict;
}

/* What keeps it, the first of several, when it is another than told before. */
static void tell(const struct cli *cli, const char *text, char told[512])
{
	uint64_t now = usec_wall();
	char clock[UNITS_TEXT_MAX];

	if (cli->is_json || strncmp(text, told, 511) == 0)
		return;
	snprintf(told, 512, "%.511s", text);
	screen_printf(&cli->screen, STYLE_DIM, "%s  ", units_clock(now, now, clock));
	screen_line(&cli->screen, STYLE_PLAIN, "%s", text);
	fflush(cli->screen.out);
}

static const char *first_reason(const json_t *verdict)
{
	return get_text(json_array_get(json_object_get(verdict, "reasons"), 0), "text");
}

static void pause_us(usec_t us)
{
	struct timespec time = { .tv_nsec = (long)us * 1000 };

	nanosleep(&time, NULL);
}

/* Ask until it is ready, or the time is over. Another status than these two does not go by. */
static json_t *wait_for(const struct cli *cli, const json_t *names, usec_t until,
			enum ctl_exit *ret_status, struct err *err)
{
	char told[512] = "";

	for (;;) {
		json_t *verdict = ask(cli, names, ret_status, err);
		bool is_final =
			verdict ? get_bool(verdict, "is_ready") : *ret_status != CTL_NOT_REACHABLE;

		if (is_final || usec_now() >= until)
			return verdict;
		tell(cli, verdict ? first_reason(verdict) : err->text, told);
		json_decref(verdict);
		pause_us(AGAIN_US);
	}
}

static int read_timeout(const struct cli *cli, usec_t *ret, struct err *err)
{
	const char *text = args_value(&cli->args, "timeout");

	*ret = 0;
	if (text && units_parse_duration(text, ret, err) < 0)
		return err_prefix(err, -EINVAL, "--timeout");
	return 0;
}

static enum ctl_exit show(const struct cli *cli, json_t *verdict)
{
	bool is_ready = get_bool(verdict, "is_ready");

	if (cli->is_json)
		cli_print_json(cli, verdict);
	else
		render_ready(&cli->screen, verdict);
	json_decref(verdict);
	return is_ready ? CTL_DONE : CTL_REFUSED;
}

static enum ctl_exit run_ready(struct cli *cli, const struct cli_command *command)
{
	struct err err = { 0 };
	enum ctl_exit status;
	usec_t timeout;
	json_t *args, *verdict;

	if (read_timeout(cli, &timeout, &err) < 0 || !(args = cli_ask_names(cli, &err)))
		return cli_fail(cli, CTL_USAGE, "ready: %s; see 'shoal help %s'", err.text,
				command->name);
	verdict = wait_for(cli, json_object_get(args, "names"), usec_add(usec_now(), timeout),
			   &status, &err);
	json_decref(args);
	return verdict ? show(cli, verdict) : cli_fail(cli, status, "ready: %s", err.text);
}

const struct cli_behaviour cli_ready = {
	.about = "For rollouts: go on to the next node when this one serves. Without a VIP: not\n"
		 "drained or fenced, XDP on every uplink, bgpd and enough peers, shoal-probe, the\n"
		 "config file in force as it is, and every VIP announced in enough peers. VIPs "
		 "that\n"
		 "operators drained or withdrew by name are planned and do not count. With VIPs:\n"
		 "the same, of those VIPs.\n"
		 "\n"
		 "Exit status 0: ready; 4: not yet, with each reason; 3: shoald does not answer.\n",
	.options = ready_options,
	.run = run_ready,
};
