/* SPDX-License-Identifier: Apache-2.0 */
/*
 * run.c - from the command line to one command: options, abbreviations, the table.
 */
#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "src/cli/cli.h"
#include "src/cli/printable.h"
#include "src/base/auto.h"

const struct cli_command cli_commands[] = {
#define X(word, is_admin, args_help, help) { #word, is_admin, args_help, help, &cli_##word },
	COMMANDS_SERVED(X) COMMANDS_LOCAL(X)
#undef X
#define X(word, name, is_admin, args_help, help) { name, is_admin, args_help, help, &cli_##word },
		COMMANDS_HYPHENED(X)
#undef X
			{ .name = NULL },
};

const struct args_option cli_options[] = {
	{ "json", NULL, "print the result as JSON; docs/cli.md lists the fields" },
	{ "socket", "PATH", "the control socket to ask, whatever the run directory" },
	{ "run-dir", "DIR", "where read.sock and admin.sock are; default " CLI_RUN_DIR },
	{ "help", NULL, "what the command does and takes" },
	{ .name = NULL },
};

const struct args_option cli_watch_options[] = {
	{ "watch", "[INTERVAL]", "again and again, as 500ms or 5s; default 2s" },
	{ .name = NULL },
};

static const struct args_option no_options[] = { { .name = NULL } };

static const char *command_name(size_t i, const void *arg)
{
	const struct cli_command *commands = arg;

	return commands[i].name;
}

const struct cli_command *cli_find(const char *word, struct err *err)
{
	int i = args_match(word, "command", command_name, cli_commands, err);

	return i < 0 ? NULL : &cli_commands[i];
}

void cli_print_json(const struct cli *cli, const json_t *result)
{
	json_dumpf(result, cli->screen.out,
		   (cli->is_line ? JSON_COMPACT : JSON_INDENT(2)) | JSON_ENSURE_ASCII |
			   JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
	fputc('\n', cli->screen.out);
}

static void print_failure(const struct cli *cli, enum ctl_exit status, const char *sentence)
{
	AUTO(freep) char *safe = printable_copy(sentence, cli->screen.has_utf8);

	if (cli->is_json) {
		json_t *object =
			json_pack("{s:s, s:i}", "error", safe ? safe : "", "exit", (int)status);

		cli_print_json(cli, object);
		json_decref(object);
	} else {
		fprintf(cli->errors, "shoal: %s\n", safe ? safe : "");
	}
}

enum ctl_exit cli_fail(const struct cli *cli, enum ctl_exit status, const char *fmt, ...)
{
	char sentence[ERR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, args);
	va_end(args);
	print_failure(cli, status, sentence);
	return status;
}

/* Take over the options all commands share, wherever they stood. */
static void take_options(struct cli *cli)
{
	const char *run_dir = args_value(&cli->args, "run-dir");

	cli->is_json = args_has(&cli->args, "json");
	cli->socket = args_value(&cli->args, "socket");
	cli->run_dir = run_dir ? run_dir : CLI_RUN_DIR;
}

static enum ctl_exit run_command(struct cli *cli, const struct cli_command *command, int argc,
				 char **argv)
{
	const struct args_option *const tables[] = {
		command->behaviour->options ? command->behaviour->options : no_options,
		command->behaviour->is_watchable ? cli_watch_options : no_options,
		cli_options,
		NULL,
	};
	enum ctl_exit (*run)(struct cli *, const struct cli_command *);
	struct err err;
	int r = args_parse(&cli->args, tables, argc, argv, ARGS_TAKE_ALL, &err);

	take_options(cli);
	if (r < 0)
		return cli_fail(cli, CTL_USAGE, "%s: %s; see 'shoal help %s'", command->name,
				err.text, command->name);
	if (args_has(&cli->args, "help")) {
		cli->args.n_words = 1;
		cli->args.words[0] = command->name;
		command = cli_find("help", &err);
	}
	run = command->behaviour->run ? command->behaviour->run : cli_run_served;
	return args_has(&cli->args, "watch") ? cli_watch(cli, command, run) : run(cli, command);
}

static enum ctl_exit run_line(struct cli *cli, int argc, char **argv)
{
	const struct args_option *const tables[] = { cli_options, NULL };
	const struct cli_command *command;
	struct err err;
	int taken = args_parse(&cli->args, tables, argc, argv, ARGS_STOP_AT_WORD, &err);

	take_options(cli);
	if (taken < 0)
		return cli_fail(cli, CTL_USAGE, "%s; see 'shoal help'", err.text);
	command = cli_find(taken < argc ? argv[taken] : "help", &err);
	if (!command)
		return cli_fail(cli, CTL_USAGE, "%s; see 'shoal help'", err.text);
	if (taken < argc)
		taken++;
	return run_command(cli, command, argc - taken, argv + taken);
}

enum ctl_exit cli_main(int argc, char **argv, FILE *out, FILE *errors)
{
	struct cli cli = { .errors = errors };
	enum ctl_exit status;

	setlocale(LC_CTYPE, "");
	screen_init(&cli.screen, out);
	status = run_line(&cli, argc - 1, argv + 1);
	args_fini(&cli.args);
	/* An answer that did not reach its reader is no success. */
	if (fflush(out) != 0 && status == CTL_DONE)
		status = CTL_FAILED;
	return status;
}
