/* SPDX-License-Identifier: Apache-2.0 */
/* check.c - `shoal check FILE`: read a config as shoald would, say what is wrong, change nothing.
 */
#include <errno.h>
#include <string.h>

#include "src/cli/cli.h"
#include "src/config/config.h"

struct totals {
	size_t services, reals;
};

static struct totals count(const struct config *config)
{
	struct totals totals = { 0 };

	for (size_t i = 0; i < config->n_vips; i++)
		totals.services += config->vips[i].n_services;
	for (size_t i = 0; i < config->n_pools; i++)
		totals.reals += config->pools[i].n_reals;
	return totals;
}

/* What shoald would miss in a file that is enough for check and simulate; NULL: nothing. */
static const char *what_is_missing(const struct config *config)
{
	bool has_node = config->node.name && config->node.n_uplinks > 0;

	if (!has_node && !config->routing.present)
		return "no node and routing sections: enough for check and simulate, not for "
		       "shoald";
	if (!has_node)
		return "no node section: enough for check and simulate, not for shoald";
	if (!config->routing.present)
		return "no routing section: enough for check and simulate, not for shoald";
	return NULL;
}

/* A number and what its noun ends in, for "%zu VIP%s". */
#define COUNTED(n) (n), (n) == 1 ? "" : "s"

static void print_text(const struct cli *cli, const char *file, const struct config *config,
		       const struct config_report *report)
{
	const struct screen *screen = &cli->screen;

	if (report->text)
		screen_lines(screen, report->text);
	if (!config) {
		screen_line(screen, STYLE_BAD, "%s: %u error%s", file, report->errors,
			    report->errors == 1 ? "" : "s");
		return;
	}
	screen_line(screen, STYLE_GOOD,
		    "%s: ok, generation %s, %zu VIP%s, %zu service%s, %zu pool%s, %zu real%s", file,
		    config->generation, COUNTED(config->n_vips), COUNTED(count(config).services),
		    COUNTED(config->n_pools), COUNTED(count(config).reals));
	if (what_is_missing(config))
		screen_line(screen, STYLE_WARN, "note: %s", what_is_missing(config));
}

static void print_json(const struct cli *cli, const char *file, const struct config *config,
		       const struct config_report *report)
{
	json_t *result = json_pack("{s:s, s:b, s:i, s:i, s:b, s:s}", "file", file, "is_ok",
				   config != NULL, "errors", (int)report->errors, "warnings",
				   (int)report->warnings, "is_syntax", report->is_syntax, "report",
				   report->text ? report->text : "");

	if (config) {
		json_t *more = json_pack(
			"{s:s, s:I, s:I, s:I, s:I, s:s?}", "generation", config->generation, "vips",
			(json_int_t)config->n_vips, "services", (json_int_t)count(config).services,
			"pools", (json_int_t)config->n_pools, "reals",
			(json_int_t)count(config).reals, "note", what_is_missing(config));

		json_object_update_missing(result, more);
		json_decref(more);
	}
	cli_print_json(cli, result);
	json_decref(result);
}

static enum ctl_exit run_check(struct cli *cli, const struct cli_command *command)
{
	struct config_report report = { 0 };
	struct config *config = NULL;
	enum ctl_exit status = CTL_DONE;
	const char *file;
	int r;

	(void)command;
	if (cli->args.n_words != 1)
		return cli_fail(cli, CTL_USAGE, "check: name one file; see 'shoal help check'");
	file = cli->args.words[0];
	r = config_load(file, CONFIG_NEED_SERVICES, &config, &report);
	if (r < 0 && r != -EINVAL && report.errors == 0)
		status = cli_fail(cli, CTL_USAGE, "%s: %s", file,
				  report.text ? report.text : strerror(-r));
	else if (cli->is_json)
		print_json(cli, file, config, &report);
	else
		print_text(cli, file, config, &report);
	if (r < 0)
		status = CTL_USAGE;
	config_free(config);
	config_report_fini(&report);
	return status;
}

const struct cli_behaviour cli_check = {
	.about =
		"Reads the file as shoald would: the first syntax error, or every other one, with\n"
		"the place in the file. Needs no shoald and no permission; nothing is changed.\n"
		"Exits with 0 for a good file and 2 for a bad one.\n",
	.run = run_check,
};
