/* SPDX-License-Identifier: Apache-2.0 */
/* simulate.c - `shoal simulate`: packets of a file through the real BPF program, privately. */
#include "src/dataplane/simulate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"
#include "src/cli/cli.h"

static const struct args_option simulate_options[] = {
	{ "config", "FILE", "pools and vips are enough" },
	{ "in", "IN.pcap", "the packets, Ethernet frames" },
	{ "out", "OUT.pcap", "gets the frames that left, in order; replaced" },
	{ "down", "POOL/REAL", "a real that takes no new flows; may be repeated" },
	{ .name = NULL },
};

/* Every value of --down; for free(). */
static const char **take_down(const struct args *args, size_t *ret_n)
{
	const char **down = calloc(args->n_found + 1, sizeof(*down));

	*ret_n = 0;
	for (size_t i = 0; down && i < args->n_found; i++)
		if (strcmp(args->found[i].option->name, "down") == 0)
			down[(*ret_n)++] = args->found[i].value;
	return down;
}

static enum ctl_exit status_of(int error)
{
	if (error == -EPERM || error == -EACCES)
		return CTL_PERMISSION;
	return error == -EINVAL ? CTL_USAGE : CTL_FAILED;
}

static enum ctl_exit simulate(const struct cli *cli, const struct config *config)
{
	size_t n_down;
	const char **down = take_down(&cli->args, &n_down);
	const struct simulate_options options = {
		.config = config,
		.in_path = args_value(&cli->args, "in"),
		.out_path = args_value(&cli->args, "out"),
		.down = down,
		.n_down = n_down,
		.out = cli->screen.out,
	};
	struct err err = { 0 };
	int r;

	if (config->node.hash_key_file)
		fputs("simulate: the hash-key-file is for shoald alone; without it a flow may be "
		      "for another real of its pool\n",
		      cli->errors);
	r = down ? simulate_run(&options, &err) : -ENOMEM;
	free(down);
	return r < 0 ? cli_fail(cli, status_of(r), "simulate: %s", err.text) : CTL_DONE;
}

static enum ctl_exit run_simulate(struct cli *cli, const struct cli_command *command)
{
	struct config_report report = { 0 };
	struct config *config = NULL;
	enum ctl_exit status;
	const char *file = args_value(&cli->args, "config");

	(void)command;
	if (!file || !args_value(&cli->args, "in") || !args_value(&cli->args, "out") ||
	    cli->args.n_words > 0)
		return cli_fail(cli, CTL_USAGE,
				"simulate: needs --config, --in and --out; see 'shoal help "
				"simulate'");
	if (config_load(file, CONFIG_NEED_SERVICES, &config, &report) == 0) {
		status = simulate(cli, config);
	} else {
		if (report.text)
			fputs(report.text, cli->errors);
		status = cli_fail(cli, CTL_USAGE, "simulate: %s is no good config", file);
	}
	config_free(config);
	config_report_fini(&report);
	return status;
}

const struct cli_behaviour cli_simulate = {
	.about = "Loads the program and tables of its own, attaches nothing, needs root. The "
		 "uplinks\n"
		 "of the config need not exist; every real is healthy unless --down names it. "
		 "Prints\n"
		 "one JSON object a packet: packet, verdict (tx, pass, drop), reason, vip, "
		 "service,\n"
		 "pool, real.\n",
	.options = simulate_options,
	.run = run_simulate,
};
