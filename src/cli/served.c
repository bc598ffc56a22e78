/* SPDX-License-Identifier: Apache-2.0 */
/*
 * served.c - asking shoald: which socket, and what to say when nobody answers.
 */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/auto.h"
#include "src/cli/cli.h"
#include "src/cli/units.h"
#include "src/ctl/client.h"
#include "src/ctl/parts.h"

#define PATIENCE_US (10 * USEC_PER_SEC)

/* The group that may use a socket: of the file, or what the packages make it; into buf. */
static const char *group_of(const char *path, bool is_admin, char *buf, size_t size)
{
	struct group entry, *group = NULL;
	struct stat st;

	if (stat(path, &st) == 0 && st.st_gid != 0 &&
	    getgrgid_r(st.st_gid, &entry, buf, size, &group) == 0 && group)
		return group->gr_name;
	return is_admin ? "shoal-admin" : "shoal";
}

static enum ctl_exit explain_open(const char *path, bool is_admin, int error, struct err *err)
{
	char group[4096];

	if (error == -ENOENT || error == -ECONNREFUSED) {
		err_set(err, error, "shoald is not running (%s); start it: systemctl start shoald",
			path);
		return CTL_NOT_REACHABLE;
	}
	if (error == -EACCES || error == -EPERM) {
		err_set(err, error, "no permission on %s: be root or a member of group %s", path,
			group_of(path, is_admin, group, sizeof(group)));
		return CTL_PERMISSION;
	}
	return CTL_NOT_REACHABLE;
}

static char *socket_path(const struct cli *cli, const char *name)
{
	char *path;

	if (cli->socket)
		return strdup(cli->socket);
	return asprintf(&path, "%s/%s", cli->run_dir, name) < 0 ? NULL : path;
}

/* Open one socket; on failure explain it. */
static enum ctl_exit open_socket(const struct cli *cli, bool is_admin, struct client **ret,
				 struct err *err)
{
	AUTO(freep) char *path = socket_path(cli, is_admin ? "admin.sock" : "read.sock");
	int r;

	if (!path) {
		err_set(err, -ENOMEM, "out of memory");
		return CTL_FAILED;
	}
	r = client_open(path, ret, err);
	return r < 0 ? explain_open(path, is_admin, r, err) : CTL_DONE;
}

/* Who may only use admin.sock may look there too. */
static enum ctl_exit open_for(const struct cli *cli, bool is_admin, struct client **ret,
			      struct err *err)
{
	enum ctl_exit status = open_socket(cli, is_admin, ret, err);

	if (status == CTL_PERMISSION && !is_admin && open_socket(cli, true, ret, NULL) == CTL_DONE)
		return CTL_DONE;
	return status;
}

/* What comes before the answer: progress is shown, parts of lists are put together. */
struct interim {
	const struct cli *cli;
	json_t *lists;
	bool is_broken;
};

static bool take_part(const json_t *part, void *arg)
{
	struct interim *interim = arg;

	interim->is_broken = !parts_add(interim->lists, part);
	return !interim->is_broken;
}

static void print_progress(const char *line, void *arg)
{
	const struct cli *cli = ((const struct interim *)arg)->cli;
	uint64_t now = usec_wall();
	char clock[UNITS_TEXT_MAX];

	if (cli->is_json)
		return;
	screen_printf(&cli->screen, STYLE_DIM, "%s  ", units_clock(now, now, clock));
	screen_line(&cli->screen, STYLE_PLAIN, "%s", line);
	fflush(cli->screen.out);
}

/* Take the answer apart: its result and status. */
static enum ctl_exit take_answer(json_t *answer, json_t **ret_result, struct err *err)
{
	const char *sentence = json_string_value(json_object_get(answer, "error"));
	json_int_t status = json_integer_value(json_object_get(answer, "exit"));

	*ret_result = json_incref(json_object_get(answer, "result"));
	if (json_is_true(json_object_get(answer, "ok")))
		return CTL_DONE;
	err_set(err, -EPROTO, "%s", sentence ? sentence : "refused without a reason");
	return status >= CTL_FAILED && status <= CTL_PERMISSION ? (enum ctl_exit)status
								: CTL_FAILED;
}

enum ctl_exit cli_ask_parts(const struct cli *cli, const struct cli_command *command, json_t *args,
			    const struct cli_parts *parts, json_t **ret_result, struct err *err)
{
	struct client_question question = {
		.command = command->name,
		.args = args,
		.patience_us = command->behaviour->is_slow ? 0 : PATIENCE_US,
		.progress = parts->progress,
		.part = parts->part,
		.arg = parts->arg,
		.stop = parts->stop,
	};
	struct client *client = NULL;
	json_t *answer = NULL;
	enum ctl_exit status;
	int r;

	*ret_result = NULL;
	status = open_for(cli, command->is_admin, &client, err);
	if (status != CTL_DONE)
		return status;
	r = client_ask(client, &question, &answer, err);
	if (r == 0)
		status = take_answer(answer, ret_result, err);
	else if (r != -ECANCELED)
		status = CTL_NOT_REACHABLE;
	json_decref(answer);
	client_close(client);
	return status;
}

enum ctl_exit cli_ask(const struct cli *cli, const struct cli_command *command, json_t *args,
		      json_t **ret_result, struct err *err)
{
	struct interim interim = { .cli = cli, .lists = json_object() };
	const struct cli_parts parts = { .progress = print_progress,
					 .part = take_part,
					 .arg = &interim };
	enum ctl_exit status = cli_ask_parts(cli, command, args, &parts, ret_result, err);

	if (interim.is_broken) {
		err_set(err, -EPROTO, "a part of the answer fits nowhere");
		status = CTL_FAILED;
	}
	if (status == CTL_DONE)
		parts_join(*ret_result, interim.lists);
	json_decref(interim.lists);
	return status;
}

/* A refusal in JSON: the sentence, the status and what came with it. */
static void print_json_refusal(const struct cli *cli, enum ctl_exit status, const char *sentence,
			       json_t *result)
{
	json_t *object = json_pack("{s:s, s:i, s:O*}", "error", sentence, "exit", (int)status,
				   "result", result);

	cli_print_json(cli, object);
	json_decref(object);
}

static enum ctl_exit show_answer(const struct cli *cli, const struct cli_command *command,
				 enum ctl_exit status, json_t *result, const struct err *err)
{
	const struct cli_behaviour *behaviour = command->behaviour;

	if (status != CTL_DONE && cli->is_json) {
		print_json_refusal(cli, status, err->text, result);
	} else if (status != CTL_DONE) {
		if (result && behaviour->render_refusal)
			behaviour->render_refusal(&cli->screen, result);
		fflush(cli->screen.out);
		return cli_fail(cli, status, "%s: %s", command->name, err->text);
	} else if (cli->is_json) {
		cli_print_json(cli, result);
	} else {
		behaviour->render(&cli->screen, result);
	}
	return status;
}

enum ctl_exit cli_run_served(struct cli *cli, const struct cli_command *command)
{
	json_t *result = NULL, *args;
	enum ctl_exit status;
	struct err err;

	args = command->behaviour->ask(cli, &err);
	if (!args)
		return cli_fail(cli, CTL_USAGE, "%s: %s; see 'shoal help %s'", command->name,
				err.text, command->name);
	status = cli_ask(cli, command, args, &result, &err);
	json_decref(args);
	status = show_answer(cli, command, status, result, &err);
	json_decref(result);
	return status;
}

json_t *cli_ask_nothing(const struct cli *cli, struct err *err)
{
	if (cli->args.n_words > 0) {
		err_set(err, -EINVAL, "takes no '%s'", cli->args.words[0]);
		return NULL;
	}
	return json_object();
}

json_t *cli_ask_names(const struct cli *cli, struct err *err)
{
	json_t *names = json_array();

	for (size_t i = 0; i < cli->args.n_words; i++) {
		json_t *name = json_string(cli->args.words[i]);

		if (!name) {
			err_set(err, -EINVAL, "argument %zu is not UTF-8", i + 1);
			json_decref(names);
			return NULL;
		}
		json_array_append_new(names, name);
	}
	return json_pack("{s:o}", "names", names);
}

json_t *cli_ask_thing(const struct cli *cli, struct err *err)
{
	json_t *args;

	if (cli->args.n_words != 1) {
		err_set(err, -EINVAL,
			"name one thing: a VIP, a service, a pool, POOL/REAL, a peer, or node");
		return NULL;
	}
	args = json_pack("{s:s}", "thing", cli->args.words[0]);
	if (!args)
		err_set(err, -EINVAL, "the argument is not UTF-8");
	return args;
}
