/* SPDX-License-Identifier: Apache-2.0 */
/*
 * served_commands.c - the commands shoald answers: what help says, what is asked, how it looks.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/cli/cli.h"
#include "src/cli/render.h"
#include "src/cli/units.h"

/* The screen shows neither services nor single reals; a large node need not send them. */
static json_t *ask_status(const struct cli *cli, struct err *err)
{
	json_t *args = cli_ask_nothing(cli, err);

	if (args)
		json_object_set_new(args, "brief", json_boolean(!cli->is_json));
	return args;
}

const struct cli_behaviour cli_status = {
	.about = "One screen: who this node is, its drain if there is one, data plane, routing,\n"
		 "probes, alarms with the command that says why, and a line for each VIP: state,\n"
		 "usable reals of its scarcest pool, how many it needs, packets a second, and in\n"
		 "how many peers' Adj-RIB-Out its route is.\n",
	.ask = ask_status,
	.render = render_status,
	.is_watchable = true,
};

const struct cli_behaviour cli_why = {
	.about = "THING is a VIP (name, address or prefix), a service (203.0.113.10:443/tcp or\n"
		 "www:443/tcp), a pool, POOL/REAL or VIP/REAL, a peer, or node. Prints the chain "
		 "of causes with evidence and since when, then what would change\n"
		 "it and the command that does.\n",
	.ask = cli_ask_thing,
	.render = render_why,
	.is_watchable = true,
};

const struct cli_behaviour cli_vips = {
	.about = "VIPs by name, address or prefix; without a word all of them.\n",
	.ask = cli_ask_names,
	.render = render_vips,
	.is_watchable = true,
};

const struct cli_behaviour cli_pools = {
	.about =
		"USABLE counts reals that are up and have a next hop; STAY/RETURN is the quorum.\n",
	.ask = cli_ask_names,
	.render = render_pools,
	.is_watchable = true,
};

/* Nor does the table show what each check says. */
static json_t *ask_reals(const struct cli *cli, struct err *err)
{
	json_t *args = cli_ask_names(cli, err);

	if (args)
		json_object_set_new(args, "brief", json_boolean(!cli->is_json));
	return args;
}

const struct cli_behaviour cli_reals = {
	.about = "The reals of all pools, of some, or single ones, with the last evidence of\n"
		 "their checks.\n",
	.ask = ask_reals,
	.render = render_reals,
	.is_watchable = true,
};

const struct cli_behaviour cli_peers = {
	.about = "Peers by their name in the config or as bgpd keys them.\n",
	.ask = cli_ask_names,
	.render = render_peers,
	.is_watchable = true,
};

const struct cli_behaviour cli_routes = {
	.about = "What shall stand in bgpd, what stands there, and how many established peers\n"
		 "hold it. Prefixes inside vip-ranges that are no VIP are shown too.\n",
	.ask = cli_ask_names,
	.render = render_routes,
	.is_watchable = true,
};

/* ---- drain ---- */

static const struct args_option drain_options[] = {
	{ "wait", NULL, "tell each step, end when it is safe (0) or will not be (4)" },
	{ "force", NULL, "withdraw without waiting for traffic to fall" },
	{ "timeout", "T", "wait that long, as 90s or 5m, also past what does not go" },
	{ "for", "T", "ends by itself after that time, as 30m or 4h" },
	{ "reason", "TEXT", "why, for everybody who looks at the node" },
	{ "shutdown", NULL, "of the machine's shutdown: over in the next boot" },
	{ .name = NULL },
};

static const struct args_option undrain_options[] = {
	{ "shutdown", NULL, "only the drain that a shutdown of the machine made" },
	{ .name = NULL },
};

static int add_timeout(const struct cli *cli, json_t *args, struct err *err)
{
	const char *timeout = args_value(&cli->args, "timeout");
	usec_t us;

	if (!timeout)
		return 0;
	if (units_parse_duration(timeout, &us, err) < 0)
		return err_prefix(err, -EINVAL, "--timeout");
	if (us == 0)
		return err_set(err, -EINVAL, "--timeout: must be more than nothing");
	json_object_set_new(args, "timeout_us", json_integer((json_int_t)us));
	return 0;
}

static int add_reason(const struct cli *cli, json_t *args, struct err *err)
{
	const char *reason = args_value(&cli->args, "reason");
	json_t *text = reason ? json_string(reason) : NULL;

	if (reason && !text)
		return err_set(err, -EINVAL, "--reason: not UTF-8");
	if (text)
		json_object_set_new(args, "reason", text);
	return 0;
}

static int add_for(const struct cli *cli, json_t *args, struct err *err)
{
	const char *text = args_value(&cli->args, "for");
	usec_t us;

	if (!text)
		return 0;
	if (units_parse_duration(text, &us, err) < 0)
		return err_prefix(err, -EINVAL, "--for");
	if (us == 0 || us > INT64_MAX / 4)
		return err_set(err, -EINVAL, "--for: must be a time to come");
	json_object_set_new(args, "for_us", json_integer((json_int_t)us));
	return 0;
}

/* Whose drain: the shutdown's is one of the node. */
static json_t *ask_whose(const struct cli *cli, struct err *err)
{
	json_t *args = cli_ask_names(cli, err);
	bool is_shutdown = args_has(&cli->args, "shutdown");

	if (args && is_shutdown && cli->args.n_words > 0) {
		err_set(err, -EINVAL, "--shutdown is of the whole node: name no VIP");
		json_decref(args);
		return NULL;
	}
	if (args)
		json_object_set_new(args, "shutdown", json_boolean(is_shutdown));
	return args;
}

static json_t *ask_drain(const struct cli *cli, struct err *err)
{
	json_t *args = ask_whose(cli, err);

	if (!args)
		return NULL;
	json_object_set_new(args, "wait", json_boolean(args_has(&cli->args, "wait")));
	json_object_set_new(args, "force", json_boolean(args_has(&cli->args, "force")));
	if (add_timeout(cli, args, err) < 0 || add_for(cli, args, err) < 0 ||
	    add_reason(cli, args, err) < 0) {
		json_decref(args);
		return NULL;
	}
	return args;
}

const struct cli_behaviour cli_drain = {
	.about =
		"Without a VIP, or with 'node': the whole node. The drain is kept in a file "
		"before\n"
		"the command answers and outlives restart and reboot. Each route gets the\n"
		"community 65535:0; when traffic has fallen it is withdrawn, and after the linger\n"
		"it is safe. If traffic does not fall within the config's drain timeout, nobody\n"
		"else announces the VIP or the peers ignore the community: the VIP stays\n"
		"announced and drained, --wait ends with 4, and the VIP is withdrawn when its\n"
		"traffic does fall.\n"
		"\n"
		"Said again of what is drained already it gives a new end or reason, or forces.\n",
	.options = drain_options,
	.ask = ask_drain,
	.render = render_drain,
	.is_slow = true,
};

const struct cli_behaviour cli_undrain = {
	.about = "Without a VIP, or with 'node': ends the drain of the node. VIPs drained by name\n"
		 "stay so until they are named.\n",
	.options = undrain_options,
	.ask = ask_whose,
	.render = render_undrain,
};

/* ---- real ---- */

static const struct args_option real_options[] = {
	{ "for", "T", "ends by itself after that time, as 30m or 4h" },
	{ "reason", "TEXT", "why, for everybody who looks at the node" },
	{ .name = NULL },
};

static int add_order_end(const struct cli *cli, const char *action, json_t *args, struct err *err)
{
	if (args_value(&cli->args, "for") && strcmp(action, "drain") != 0 &&
	    strcmp(action, "disable") != 0)
		return err_set(err, -EINVAL, "--for goes with drain and disable");
	return add_for(cli, args, err);
}

static const char *action_name(size_t i, const void *arg)
{
	static const char *const names[] = { "drain", "disable", "enable", "reset", NULL };

	(void)arg;
	return names[i];
}

static json_t *ask_real(const struct cli *cli, struct err *err)
{
	const char *action;
	json_t *args;
	int i;

	if (cli->args.n_words != 2) {
		err_set(err, -EINVAL, "name POOL/REAL and one of drain, disable, enable, reset");
		return NULL;
	}
	i = args_match(cli->args.words[1], "action", action_name, NULL, err);
	if (i < 0)
		return NULL;
	action = action_name((size_t)i, NULL);
	args = json_pack("{s:s, s:s}", "real", cli->args.words[0], "action", action);
	if (!args) {
		err_set(err, -EINVAL, "the argument is not UTF-8");
		return NULL;
	}
	if (add_order_end(cli, action, args, err) < 0 || add_reason(cli, args, err) < 0) {
		json_decref(args);
		return NULL;
	}
	return args;
}

const struct cli_behaviour cli_real = {
	.about = "drain: no new flows; those it has stay. disable: as if its address were gone; "
		 "its\n"
		 "flows go to other reals at once. enable: ends either; its checks decide again.\n"
		 "reset: its state stays, but what led to it is forgotten, it is probed at once "
		 "and\n"
		 "comes back without slow start.\n"
		 "\n"
		 "The order is kept in a file before the command answers, outlives restart and\n"
		 "reboot, and holds on this node. The last one counts, with its own end. It is\n"
		 "stronger than quorum and depool floor: what it costs is told, and shown by "
		 "status.\n"
		 "Checks go on meanwhile.\n",
	.options = real_options,
	.ask = ask_real,
	.render = render_real,
};

/* ---- vip ---- */

static const struct args_option vip_options[] = {
	{ "for", "T", "ends by itself after that time, as 10m or 4h" },
	{ "reason", "TEXT", "why, for everybody who looks at the node" },
	{ .name = NULL },
};

static const char *vip_action_name(size_t i, const void *arg)
{
	static const char *const names[] = { "announce", "withdraw", "auto", NULL };

	(void)arg;
	return names[i];
}

static json_t *ask_vip(const struct cli *cli, struct err *err)
{
	json_t *args;
	int i;

	if (cli->args.n_words != 2) {
		err_set(err, -EINVAL, "name a VIP and one of announce, withdraw, auto");
		return NULL;
	}
	i = args_match(cli->args.words[1], "action", vip_action_name, NULL, err);
	if (i < 0)
		return NULL;
	if (args_value(&cli->args, "for") &&
	    strcmp(vip_action_name((size_t)i, NULL), "auto") == 0) {
		err_set(err, -EINVAL, "--for goes with announce and withdraw");
		return NULL;
	}
	args = json_pack("{s:s, s:s}", "vip", cli->args.words[0], "action",
			 vip_action_name((size_t)i, NULL));
	if (!args) {
		err_set(err, -EINVAL, "the argument is not UTF-8");
		return NULL;
	}
	if (add_for(cli, args, err) < 0 || add_reason(cli, args, err) < 0) {
		json_decref(args);
		return NULL;
	}
	return args;
}

const struct cli_behaviour cli_vip = {
	.about =
		"announce: announced whatever quorum, hold-down and common mode say, as long as\n"
		"there is a real to forward to; a pool whose checks all fail gives all its reals\n"
		"new flows meanwhile. Drains, the guard, a failed self-test and a lost data plane\n"
		"are stronger. withdraw: withdrawn at once, without waiting for traffic to move;\n"
		"drain is the gentle way. auto: ends either; its checks decide again.\n"
		"\n"
		"The order is kept in a file before the command answers, outlives restart and\n"
		"reboot, and holds on this node. The last one counts, with its own end.\n",
	.options = vip_options,
	.ask = ask_vip,
	.render = render_vip,
};

/* ---- pool ---- */

static const struct args_option pool_options[] = {
	{ "for", "T", "how long, as 30m, at most 24h; default: 10m" },
	{ "off", NULL, "end it now" },
	{ "reason", "TEXT", "why, for everybody who looks at the node" },
	{ .name = NULL },
};

static int add_watch_for(const struct cli *cli, json_t *args, struct err *err)
{
	const char *text = args_value(&cli->args, "for");
	usec_t us;

	if (!text)
		return 0;
	if (args_has(&cli->args, "off"))
		return err_set(err, -EINVAL, "--for does not go with --off");
	if (units_parse_duration(text, &us, err) < 0)
		return err_prefix(err, -EINVAL, "--for");
	if (us == 0 || us > 24 * 3600 * USEC_PER_SEC)
		return err_set(err, -EINVAL, "--for: must be a time to come, at most 24h");
	json_object_set_new(args, "for_us", json_integer((json_int_t)us));
	return 0;
}

static const char *pool_action_name(size_t i, const void *arg)
{
	(void)arg;
	return i == 0 ? "watch" : NULL;
}

static json_t *ask_pool(const struct cli *cli, struct err *err)
{
	json_t *args;

	if (cli->args.n_words != 2) {
		err_set(err, -EINVAL, "name a pool, then watch");
		return NULL;
	}
	if (args_match(cli->args.words[1], "action", pool_action_name, NULL, err) < 0)
		return NULL;
	args = json_pack("{s:s, s:s, s:b}", "pool", cli->args.words[0], "action", "watch", "off",
			 args_has(&cli->args, "off"));
	if (!args) {
		err_set(err, -EINVAL, "the argument is not UTF-8");
		return NULL;
	}
	if (add_watch_for(cli, args, err) < 0 || add_reason(cli, args, err) < 0) {
		json_decref(args);
		return NULL;
	}
	return args;
}

const struct cli_behaviour cli_pool = {
	.about =
		"watch: the data plane counts, for each real of the pool, connections that begin\n"
		"and SYNs that come once more: the client heard nothing of the real that the one\n"
		"before went to. A second opinion beside the checks; nothing acts on it. Shown by\n"
		"reals, pools, status and why. No flow moves when a watch begins or ends.\n"
		"\n"
		"A watch ends by itself, also when shoald stops. Given once more it goes on, with\n"
		"a new end. It is of this node and of TCP services.\n",
	.options = pool_options,
	.ask = ask_pool,
	.render = render_pool,
};

/* ---- probe ---- */

static const struct args_option probe_options[] = {
	{ "check", "NAME", "only this one of the pool's checks" },
	{ .name = NULL },
};

static json_t *ask_probe(const struct cli *cli, struct err *err)
{
	json_t *args;

	if (cli->args.n_words != 1) {
		err_set(err, -EINVAL, "name one POOL/REAL");
		return NULL;
	}
	args = json_pack("{s:s, s:s*}", "real", cli->args.words[0], "check",
			 args_value(&cli->args, "check"));
	if (!args)
		err_set(err, -EINVAL, "the argument is not UTF-8");
	return args;
}

const struct cli_behaviour cli_probe = {
	.about = "Runs each check of the pool against the real, one after the other, as the "
		 "prober does:\n"
		 "the same way, mark, source address and timeout. Every step is told with the "
		 "time since\n"
		 "the start. What comes of it is shown and has no say in the judgement. With "
		 "mtu-probe a\n"
		 "packet of full size is sent along.\n"
		 "\n"
		 "Exit status 0: all checks passed; 1: one did not, or could not be run.\n",
	.options = probe_options,
	.ask = ask_probe,
	.render = render_probe,
	.render_refusal = render_probe,
	.is_slow = true,
};

/* ---- reload and confirm ---- */

static const struct args_option reload_options[] = {
	{ "confirm", "T", "goes back after that time, as 5m, unless confirmed by then" },
	{ .name = NULL },
};

static json_t *ask_reload(const struct cli *cli, struct err *err)
{
	const char *text = args_value(&cli->args, "confirm");
	json_t *args = cli_ask_nothing(cli, err);
	usec_t us;

	if (!args || !text)
		return args;
	if (units_parse_duration(text, &us, err) < 0)
		err_prefix(err, -EINVAL, "--confirm");
	else if (us < USEC_PER_SEC || us > 7 * 24 * 3600 * USEC_PER_SEC)
		err_set(err, -EINVAL, "--confirm: must be from 1s to 7 days (168h)");
	else {
		json_object_set_new(args, "confirm_us", json_integer((json_int_t)us));
		return args;
	}
	json_decref(args);
	return NULL;
}

const struct cli_behaviour cli_reload = {
	.about = "Reads the file that shoald was started with. A bad file changes nothing: every\n"
		 "error is printed and the exit status is 2. With --confirm the node goes back to\n"
		 "the config before, also over a crash or restart of shoald, unless\n"
		 "`shoal confirm` is given in time. The file stays as it is: after going back it\n"
		 "differs from what is in force until somebody reloads.\n",
	.options = reload_options,
	.ask = ask_reload,
	.render = render_reload,
	.render_refusal = render_reload_refusal,
};

const struct cli_behaviour cli_confirm = {
	.about = "Ends the trial that `shoal reload --confirm` began: the config in force stays.\n"
		 "Exits with 4 when no reload waits for it, also when it went back already.\n",
	.ask = cli_ask_nothing,
	.render = render_confirm,
};
