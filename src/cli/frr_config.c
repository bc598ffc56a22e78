/* SPDX-License-Identifier: Apache-2.0 */
/* frr_config.c - `shoal frr-config`: the frr.conf of this node, from the Shoal config. */
#include "frr-integration/frr_config.h"

#include <stdlib.h>
#include <string.h>

#include "src/cli/cli.h"
#include "src/cli/frr_options.h"

static const struct args_option frr_config_options[] = {
	FRR_OPTIONS,
	{ "daemon", "NAME", "only the part of bgpd, zebra or bfdd" },
	{ .name = NULL },
};

static bool take_part(const struct cli *cli, enum frr_part *ret)
{
	static const char *const names[] = {
		[FRR_PART_BGPD] = "bgpd",
		[FRR_PART_ZEBRA] = "zebra",
		[FRR_PART_BFDD] = "bfdd",
	};
	const char *name = args_value(&cli->args, "daemon");

	*ret = FRR_PART_ALL;
	if (!name)
		return true;
	for (enum frr_part part = FRR_PART_BGPD; part <= FRR_PART_BFDD; part++) {
		if (strcmp(names[part], name) != 0)
			continue;
		*ret = part;
		return true;
	}
	return false;
}

/* As JSON the file is one text; on a screen it is printed as it stands. */
static void print(const struct cli *cli, const char *text)
{
	json_t *result;

	if (!cli->is_json) {
		fputs(text, cli->screen.out);
		return;
	}
	result = json_pack("{s:s}", "frr_conf", text);
	cli_print_json(cli, result);
	json_decref(result);
}

static enum ctl_exit write_config(const struct cli *cli, const struct frr_wishes *wishes,
				  enum frr_part part)
{
	struct err err = { 0 };
	char *text = NULL;
	size_t size = 0;
	FILE *memory = open_memstream(&text, &size);
	int r = -1;

	if (memory) {
		r = frr_config_print(wishes->config, &wishes->options, part, memory, &err);
		fclose(memory);
	}
	if (r == 0)
		print(cli, text);
	if (text)
		explicit_bzero(text, size);
	free(text);
	return r < 0 ? cli_fail(cli, CTL_USAGE, "frr-config: %s",
				err.text[0] ? err.text : "out of memory")
		     : CTL_DONE;
}

static enum ctl_exit run_frr_config(struct cli *cli, const struct cli_command *command)
{
	struct frr_wishes wishes;
	enum ctl_exit status;
	enum frr_part part;

	(void)command;
	if (cli->args.n_words > 0 || !take_part(cli, &part))
		return cli_fail(cli, CTL_USAGE,
				"frr-config: takes no words, and --daemon bgpd, zebra or bfdd; "
				"see 'shoal help frr-config'");
	status = frr_wishes_load(cli, "frr-config", &wishes);
	if (status != CTL_DONE)
		return status;
	status = write_config(cli, &wishes, part);
	frr_wishes_fini(&wishes);
	return status;
}

const struct cli_behaviour cli_frr_config = {
	.about = "Prints a whole frr.conf with comments, from the config's local-as, vip-ranges,\n"
		 "peers and VIPs: sessions, an export policy that lets out VIPs and nothing else,\n"
		 "BFD, GTSM, timers. Nothing is written and nothing is asked of FRR; needs no\n"
		 "shoald. A password is printed only where --password-file names its file.\n",
	.options = frr_config_options,
	.run = run_frr_config,
};
