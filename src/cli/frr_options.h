/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frr_options.h - the options that say what FRR is to be on this node, the same for `frr-config`,
 * which writes it, and `doctor`, which compares.
 */
#pragma once

#include "frr-integration/frr_config.h"
#include "src/cli/cli.h"
#include "src/config/config.h"

#define CLI_CONFIG_FILE "/etc/shoal/shoal.yaml"

/* Rows for a command's table of options. */
#define FRR_OPTIONS                                                                                \
	{ "config", "FILE", "the Shoal config; default " CLI_CONFIG_FILE },                        \
		{ "router-id", "ADDRESS", "default: the config's node.encap-source.ipv4" },        \
		{ "peer-as", "AS",                                                                 \
		  "the peers' AS: a number, external (default) or internal; PEER=AS for one" },    \
		{ "password-file", "FILE",                                                         \
		  "TCP-MD5 with the password in FILE, mode 0600; PEER=FILE for one peer" },        \
		{ "import", "WHAT", "none (default), or default: the default route" },             \
		{ "no-bfd", NULL, "without BFD" },                                                 \
	{                                                                                          \
		"no-gtsm", NULL, "without GTSM (ttl-security)"                                     \
	}

/*
 * frr_wishes_load - the config and the options of the command line.
 * Returns CTL_DONE, or the status after saying why. End both with frr_wishes_fini().
 */
struct frr_wishes {
	struct config *config;
	struct frr_options options;
};
enum ctl_exit frr_wishes_load(const struct cli *cli, const char *command, struct frr_wishes *ret);
void frr_wishes_fini(struct frr_wishes *wishes);
