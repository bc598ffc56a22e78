/* SPDX-License-Identifier: Apache-2.0 */
/* version.c - `shoal version`: this command, and shoald when it answers. */
#include "src/cli/cli.h"

static void print_daemon(const struct screen *screen, const json_t *daemon)
{
	const char *version = json_string_value(json_object_get(daemon, "version"));
	const char *generation = json_string_value(json_object_get(daemon, "generation"));

	screen_line(screen, STYLE_PLAIN, "shoald %s, config generation %s", version ? version : "?",
		    generation ? generation : "?");
}

static enum ctl_exit run_version(struct cli *cli, const struct cli_command *command)
{
	json_t *daemon = NULL, *result;
	struct err err = { 0 };
	enum ctl_exit status;

	if (cli->args.n_words > 0)
		return cli_fail(cli, CTL_USAGE, "version: takes no '%s'", cli->args.words[0]);
	/* Not to reach shoald is no failure here: the question was answered. */
	status = cli_ask(cli, command, NULL, &daemon, &err);
	if (cli->is_json) {
		result = json_pack("{s:s, s:O?}", "version", SHOAL_VERSION, "shoald",
				   status == CTL_DONE ? daemon : NULL);
		cli_print_json(cli, result);
		json_decref(result);
	} else {
		screen_line(&cli->screen, STYLE_PLAIN, "shoal %s", SHOAL_VERSION);
		if (status == CTL_DONE)
			print_daemon(&cli->screen, daemon);
		else
			screen_line(&cli->screen, STYLE_DIM, "%s", err.text);
	}
	json_decref(daemon);
	return CTL_DONE;
}

const struct cli_behaviour cli_version = {
	.about = "Prints the version of this command; of shoald too when it can be reached.\n",
	.run = run_version,
};
