/* SPDX-License-Identifier: Apache-2.0 */
/* help.c - `shoal help`, from the tables. */
#include <stdio.h>
#include <string.h>

#include "src/cli/cli.h"

static const char exit_statuses[] =
	"Exit status: 0 done, 1 failed, 2 usage or bad config, 3 shoald not reachable,\n"
	"4 refused or not safe yet, 5 no permission.\n";

static void print_options(const struct screen *screen, const struct args_option *options)
{
	for (; options && options->name; options++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", options->name, options->value ? " " : "",
			 options->value ? options->value : "");
		screen_line(screen, STYLE_PLAIN, "  %-20s  %s", left, options->help);
	}
}

/* A command as it is typed: "drain [VIP...] [--wait]". */
static void print_usage(const struct screen *screen, const struct cli_command *command)
{
	screen_printf(screen, STYLE_BOLD, "  shoal %s", command->name);
	screen_line(screen, STYLE_PLAIN, "%s%s", *command->args_help ? " " : "",
		    command->args_help);
}

static void print_command(const struct screen *screen, const struct cli_command *command)
{
	print_usage(screen, command);
	screen_line(screen, STYLE_PLAIN, "  %s%s", command->help,
		    command->is_admin ? " (admin.sock)" : "");
	screen_newline(screen);
	if (command->behaviour->about)
		screen_lines(screen, command->behaviour->about);
	if (command->behaviour->options || command->behaviour->is_watchable) {
		screen_newline(screen);
		screen_line(screen, STYLE_BOLD, "Options");
		print_options(screen, command->behaviour->options);
	}
	if (command->behaviour->is_watchable)
		print_options(screen, cli_watch_options);
	screen_newline(screen);
	screen_line(screen, STYLE_BOLD, "Options of every command");
	print_options(screen, cli_options);
	screen_newline(screen);
	screen_lines(screen, exit_statuses);
}

static void print_all(const struct screen *screen)
{
	screen_line(screen, STYLE_BOLD,
		    "shoal [--json] [--socket PATH] [--run-dir DIR] COMMAND [ARGUMENT...]");
	screen_newline(screen);
	for (const struct cli_command *command = cli_commands; command->name; command++) {
		screen_printf(screen, STYLE_BOLD, "  %-11s", command->name);
		screen_line(screen, STYLE_PLAIN, " %s", command->help);
	}
	screen_newline(screen);
	screen_lines(screen,
		     "'shoal help COMMAND' says more. Commands and options may be shortened "
		     "while one fits.\n");
	screen_lines(screen, exit_statuses);
}

static void add_options(json_t *list, const struct args_option *option)
{
	for (; option && option->name; option++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s?, s:s}", "name", option->name, "value",
						option->value, "help", option->help));
}

static json_t *command_json(const struct cli_command *command)
{
	json_t *options = json_array();

	add_options(options, command->behaviour->options);
	if (command->behaviour->is_watchable)
		add_options(options, cli_watch_options);
	return json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", command->name, "args",
			 command->args_help, "help", command->help, "is_admin", command->is_admin,
			 "options", options);
}

static void print_json(const struct cli *cli, const struct cli_command *only)
{
	json_t *commands = json_array(), *result;

	for (const struct cli_command *command = cli_commands; command->name; command++)
		if (!only || only == command)
			json_array_append_new(commands, command_json(command));
	result = json_pack("{s:o}", "commands", commands);
	cli_print_json(cli, result);
	json_decref(result);
}

static enum ctl_exit run_help(struct cli *cli, const struct cli_command *command)
{
	const struct cli_command *only = NULL;
	struct err err;

	(void)command;
	if (cli->args.n_words > 1)
		return cli_fail(cli, CTL_USAGE, "help: name one command");
	if (cli->args.n_words == 1) {
		only = cli_find(cli->args.words[0], &err);
		if (!only)
			return cli_fail(cli, CTL_USAGE, "help: %s", err.text);
	}
	if (cli->is_json)
		print_json(cli, only);
	else if (only)
		print_command(&cli->screen, only);
	else
		print_all(&cli->screen);
	return CTL_DONE;
}

const struct cli_behaviour cli_help = {
	.about = "Without a word: all commands. With one: what it does, takes and answers.\n",
	.run = run_help,
};
