/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow.c - `shoal flow` and `shoal flows`.
 *
 * With --with the answer of shoald is put beside what a config that is not in force would make of
 * it: its ring is built here, by the code that builds rings, from the config and the health that
 * shoald tells.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/base/auto.h"
#include "src/cli/cli.h"
#include "src/cli/render.h"
#include "src/ctl/flow_args.h"
#include "src/dataplane/dataplane.h"

static const struct args_option flow_options[] = {
	{ "syn", NULL, "the packet that opens a TCP flow" },
	{ "with", "FILE", "also what that config would make of it" },
	{ .name = NULL },
};

/* PROTO SRC:PORT DST:PORT from the n-th word on, into args. */
static int add_flow(const struct cli *cli, size_t n, json_t *args, struct err *err)
{
	static const char *const keys[] = { "proto", "source", "destination" };
	struct dataplane_flow flow;

	if (cli->args.n_words != n + 3)
		return err_set(err, -EINVAL,
			       "name a flow: PROTO SRC:PORT DST:PORT, as tcp 192.0.2.1:40000 "
			       "203.0.113.10:443");
	for (size_t i = 0; i < 3; i++) {
		json_t *word = json_string(cli->args.words[n + i]);

		if (!word)
			return err_set(err, -EINVAL, "argument %zu is not UTF-8", n + i + 1);
		json_object_set_new(args, keys[i], word);
	}
	return flow_args_parse(args, &flow, err);
}

/* ---- what a config would make of it ---- */

#define KEY_MAX (ADDR_TEXT_MAX + 256)

static const char *key_of(const char *pool, const char *address, char buf[KEY_MAX])
{
	snprintf(buf, KEY_MAX, "%s %.200s", address, pool);
	return buf;
}

/* The reals of `shoal reals` by address and pool, and by address alone the first of each. */
static json_t *index_judged(json_t *reals)
{
	json_t *index = json_object(), *real;
	char key[KEY_MAX];
	size_t i;

	json_array_foreach (reals, i, real) {
		const char *address = get_text(real, "address");

		json_object_set(index, key_of(get_text(real, "pool"), address, key), real);
		if (!json_object_get(index, address))
			json_object_set(index, address, real);
	}
	return index;
}

/* The real with this pool and address, else with this address. */
static const json_t *find_judged(const json_t *index, const struct config_pool *pool,
				 const struct addr *addr)
{
	char key[KEY_MAX];
	const json_t *real = json_object_get(index, key_of(pool->name, ADDR_STR(addr), key));

	return real ? real : json_object_get(index, ADDR_STR(addr));
}

/* A real that nothing is known of counts as one that takes new flows. */
static void judge(const struct config_pool *pool, const struct config_real *real,
		  struct ring_real *ret, void *arg)
{
	const json_t *judged = find_judged(arg, pool, &real->addr);

	ret->takes_new_flows = !judged || get_bool(judged, "takes_new_flows");
	if (judged && get_has(judged, "share_percent") && ret->takes_new_flows)
		ret->withheld = (uint16_t)(RING_PARTS -
					   RING_PARTS * get_count(judged, "share_percent") / 100);
}

static const char *outcome_of(const struct dataplane_foresight *seen)
{
	if (!seen->vip)
		return "not-a-vip";
	if (!seen->service)
		return "unserved";
	if (seen->is_dropped)
		return "source-dropped";
	if (!seen->real)
		return "no-real";
	return seen->real->is_local ? "local-real" : "forwarded";
}

/* Whether a flow that goes to a real now goes on there: its slot would remember. */
static bool stays(const json_t *now, const struct dataplane_foresight *seen)
{
	const json_t *real = json_object_get(now, "real");

	if (!seen->real || !json_is_object(real))
		return false;
	if (strcmp(get_text(real, "address"), ADDR_STR(&seen->real->addr)) == 0)
		return true;
	return seen->service->track != CONFIG_TRACK_NONE &&
	       strcmp(get_text(now, "pool"), seen->pool->name) == 0 &&
	       get_count(now, "slot") == seen->slot;
}

static json_t *describe(const struct config *config, const json_t *now,
			const struct dataplane_foresight *seen)
{
	char text[CONFIG_SERVICE_TEXT_MAX];
	const char *outcome = outcome_of(seen);
	json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "file", config->file, "generation",
				   config->generation, "outcome", outcome, "verdict",
				   flow_verdict(outcome, seen->vip));

	if (seen->vip)
		json_object_set_new(object, "vip", json_string(seen->vip->name));
	if (!seen->service)
		return object;
	json_object_set_new(object, "service",
			    json_string(config_service_print(seen->vip, seen->service, text)));
	json_object_set_new(object, "pool", json_string(seen->pool->name));
	json_object_set_new(object, "slot", json_integer(seen->slot));
	if (seen->real) {
		json_object_set_new(object, "why", json_string(seen->why));
		json_object_set_new(object, "real",
				    json_pack("{s:s, s:s, s:s}", "pool", seen->pool->name, "real",
					      seen->real->name, "address",
					      ADDR_STR(&seen->real->addr)));
	}
	json_object_set_new(object, "is_kept", json_boolean(stays(now, seen)));
	return object;
}

/* The reals as shoald knows them, for find_judged(); the caller's reference. */
static enum ctl_exit ask_reals(const struct cli *cli, json_t **ret, struct err *err)
{
	const struct cli_command *command = cli_find("reals", err);
	json_t *args = json_object(), *result = NULL;
	enum ctl_exit status = cli_ask(cli, command, args, &result, err);

	*ret = index_judged(json_object_get(result, "reals"));
	json_decref(result);
	json_decref(args);
	return status;
}

static enum ctl_exit foresee(const struct cli *cli, const struct config *config, const json_t *args,
			     json_t *now, struct err *err)
{
	struct dataplane_foresight seen;
	struct dataplane_flow flow;
	json_t *reals = NULL;
	enum ctl_exit status;

	if (flow_args_parse(args, &flow, err) < 0)
		return CTL_USAGE;
	status = ask_reals(cli, &reals, err);
	if (status == CTL_DONE && dataplane_foresee(config, &flow, judge, reals, &seen, err) < 0) {
		err_prefix(err, -EINVAL, "--with");
		status = CTL_FAILED;
	}
	if (status == CTL_DONE)
		json_object_set_new(now, "with", describe(config, now, &seen));
	json_decref(reals);
	return status;
}

static enum ctl_exit add_with(const struct cli *cli, const char *file, const json_t *args,
			      json_t *now, struct err *err)
{
	struct config_report report = { 0 };
	struct config *config = NULL;
	enum ctl_exit status = CTL_USAGE;

	if (config_load(file, CONFIG_NEED_SERVICES, &config, &report) == 0) {
		status = foresee(cli, config, args, now, err);
	} else {
		if (report.text)
			fputs(report.text, cli->errors);
		err_set(err, -EINVAL, "--with %s is no good config", file);
	}
	config_free(config);
	config_report_fini(&report);
	return status;
}

static enum ctl_exit run_flow(struct cli *cli, const struct cli_command *command)
{
	const char *with = args_value(&cli->args, "with");
	json_t *args = json_object(), *now = NULL;
	enum ctl_exit status = CTL_USAGE;
	struct err err = { "" };

	json_object_set_new(args, "is_syn", json_boolean(args_has(&cli->args, "syn")));
	if (add_flow(cli, 0, args, &err) == 0)
		status = cli_ask(cli, command, args, &now, &err);
	if (status == CTL_DONE && with)
		status = add_with(cli, with, args, now, &err);
	if (status != CTL_DONE)
		status = cli_fail(cli, status, "flow: %s%s", err.text,
				  status == CTL_USAGE ? "; see 'shoal help flow'" : "");
	else if (cli->is_json)
		cli_print_json(cli, now);
	else
		render_flow(&cli->screen, now);
	json_decref(now);
	json_decref(args);
	return status;
}

const struct cli_behaviour cli_flow = {
	.about = "Asks the tables that packets meet, by the code they meet: VIP, service, slot and "
		 "its\n"
		 "state, what the flow table remembers, the real and why, and where its packets "
		 "leave.\n"
		 "Server ids are in packets, not here: of a service that uses them a packet with "
		 "an\n"
		 "id may go elsewhere. --with reads another config and says where new flows would "
		 "go\n"
		 "by it, with the reals as healthy as they are now, and whether a flow that is "
		 "there\n"
		 "stays.\n",
	.options = flow_options,
	.run = run_flow,
};

/* ---- flows ---- */

static const struct args_option flows_options[] = {
	{ "real", "POOL/REAL", "of that real" },
	{ "service", "SERVICE", "of the reals of its pool, also those of other services" },
	{ "stale", NULL, "purge: what is older than idle, or of a dead real" },
	{ "all", NULL, "purge: everything" },
	{ .name = NULL },
};

static int add_options(const struct cli *cli, json_t *args, struct err *err)
{
	static const char *const texts[] = { "real", "service" };

	for (size_t i = 0; i < 2; i++) {
		const char *value = args_value(&cli->args, texts[i]);
		json_t *text = value ? json_string(value) : NULL;

		if (value && !text)
			return err_set(err, -EINVAL, "--%s: not UTF-8", texts[i]);
		if (text)
			json_object_set_new(args, texts[i], text);
	}
	if (args_has(&cli->args, "stale"))
		json_object_set_new(args, "stale", json_true());
	if (args_has(&cli->args, "all"))
		json_object_set_new(args, "all", json_true());
	return 0;
}

static int add_action(const struct cli *cli, json_t *args, struct err *err)
{
	const char *action = cli->args.n_words ? cli->args.words[0] : "list";
	bool is_purge = strcmp(action, "purge") == 0, is_find = strcmp(action, "find") == 0;

	if (!is_purge && !is_find && strcmp(action, "list") != 0)
		return err_set(err, -EINVAL, "'%s' is neither find nor purge", action);
	if (!is_purge && (args_has(&cli->args, "stale") || args_has(&cli->args, "all")))
		return err_set(err, -EINVAL, "--stale and --all are for purge");
	json_object_set_new(args, "action", json_string(action));
	if (is_find || (is_purge && cli->args.n_words > 1))
		return add_flow(cli, 1, args, err);
	if (cli->args.n_words > 1)
		return err_set(err, -EINVAL, "takes no '%s'", cli->args.words[1]);
	return 0;
}

static json_t *ask_flows(const struct cli *cli, struct err *err)
{
	json_t *args = json_object();

	if (add_action(cli, args, err) < 0 || add_options(cli, args, err) < 0) {
		json_decref(args);
		return NULL;
	}
	return args;
}

/* Purging is for admin.sock, looking is not. */
static enum ctl_exit run_flows(struct cli *cli, const struct cli_command *command)
{
	struct cli_command asked = *command;
	struct cli_behaviour behaviour = *command->behaviour;

	behaviour.run = NULL;
	asked.behaviour = &behaviour;
	asked.is_admin = cli->args.n_words > 0 && strcmp(cli->args.words[0], "purge") == 0;
	return cli_run_served(cli, &asked);
}

const struct cli_behaviour cli_flows = {
	.about = "Without a word: the flow table, and its entries by real. An entry holds no "
		 "service, so\n"
		 "--service means the reals of its pool. `find` shows one flow's entry, `purge` "
		 "(on\n"
		 "admin.sock) forgets one flow, those of a real or a service, stale ones or all: "
		 "what\n"
		 "is forgotten goes where its slot says, which may end its connection.\n",
	.options = flows_options,
	.run = run_flows,
	.ask = ask_flows,
	.render = render_flows,
};
