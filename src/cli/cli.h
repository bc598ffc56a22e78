/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - the command `shoal`: what all its commands share.
 *
 * A served command asks shoald over a control socket and renders the JSON result; a local one does
 * its work here. --json prints the result itself, so text and JSON cannot disagree.
 */
#pragma once

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "src/base/err.h"
#include "src/base/usec.h"
#include "src/cli/args.h"
#include "src/cli/screen.h"
#include "src/ctl/command_list.h"
#include "src/ctl/ctl.h"

#define CLI_RUN_DIR "/run/shoal"

struct cli {
	struct screen screen; /* standard output */
	FILE *errors;         /* standard error */
	bool is_json;
	bool is_line;        /* JSON in one line */
	const char *socket;  /* --socket, or NULL */
	const char *run_dir; /* --run-dir, or the default */
	struct args args;
};

struct cli_command;

/* One for each command, cli_NAME, in the file that implements it. */
struct cli_behaviour {
	const char *about;                 /* paragraphs of `shoal help NAME` */
	const struct args_option *options; /* ended by a NULL name; NULL: none of its own */
	/* Do it and return the exit status. NULL: ask shoald. */
	enum ctl_exit (*run)(struct cli *cli, const struct cli_command *command);
	/* The arguments for shoald; NULL with the sentence when the words make no sense. */
	json_t *(*ask)(const struct cli *cli, struct err *err);
	void (*render)(const struct screen *screen, const json_t *result);
	/* What belongs to a refusal, when it carries a result. */
	void (*render_refusal)(const struct screen *screen, const json_t *result);
	bool is_slow;      /* shoald may be silent for long */
	bool is_watchable; /* takes --watch: asked and shown again and again */
};

struct cli_command {
	const char *name;
	bool is_admin;
	const char *args_help, *help;
	const struct cli_behaviour *behaviour;
};

#define X(word, is_admin, args_help, help) extern const struct cli_behaviour cli_##word;
COMMANDS_SERVED(X)
COMMANDS_LOCAL(X)
#undef X
#define X(word, name, is_admin, args_help, help) extern const struct cli_behaviour cli_##word;
COMMANDS_HYPHENED(X)
#undef X

/* All commands in the order of help, ended by a NULL name. */
extern const struct cli_command cli_commands[];
/* The options every command takes, and those of commands that are watchable. */
extern const struct args_option cli_options[];
extern const struct args_option cli_watch_options[];

/* The whole command line; argv[0] is skipped. Returns the exit status. */
enum ctl_exit cli_main(int argc, char **argv, FILE *out, FILE *errors);

/* The command a word names or shortens, or NULL with the sentence. */
const struct cli_command *cli_find(const char *word, struct err *err);

/* Say what went wrong, as text or JSON, and return the status. */
enum ctl_exit cli_fail(const struct cli *cli, enum ctl_exit status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Print a result as JSON. */
void cli_print_json(const struct cli *cli, const json_t *result);

/*
 * cli_ask - one question to shoald on the socket the command needs.
 * *ret_result is the caller's reference, NULL when there is none.
 * Returns CTL_DONE, or the status of a refusal or of not reaching shoald, with the sentence.
 */
enum ctl_exit cli_ask(const struct cli *cli, const struct cli_command *command, json_t *args,
		      json_t **ret_result, struct err *err);

/* For results that come bit by bit; part and stop as in struct client_question. */
struct cli_parts {
	void (*progress)(const char *line, void *arg);
	bool (*part)(const json_t *part, void *arg);
	void *arg;
	const volatile sig_atomic_t *stop;
};
/* cli_ask() for those; CTL_DONE without a result when part() or *stop ended it. */
enum ctl_exit cli_ask_parts(const struct cli *cli, const struct cli_command *command, json_t *args,
			    const struct cli_parts *parts, json_t **ret_result, struct err *err);

/* The `run` of served commands. */
enum ctl_exit cli_run_served(struct cli *cli, const struct cli_command *command);

/*
 * cli_watch - do a command again and again, every --watch, until it is interrupted: a terminal is
 * drawn anew each time, else one answer follows another (JSON: a line each).
 * @once: does it once, on cli->screen and cli->errors.
 * Returns when the first time fails, or nobody reads any more.
 */
enum ctl_exit cli_watch(struct cli *cli, const struct cli_command *command,
			enum ctl_exit (*once)(struct cli *cli, const struct cli_command *command));

/* ask functions: no words; words as {"names": [...]}; exactly one as {"thing": "..."}. */
json_t *cli_ask_nothing(const struct cli *cli, struct err *err);
json_t *cli_ask_names(const struct cli *cli, struct err *err);
json_t *cli_ask_thing(const struct cli *cli, struct err *err);
