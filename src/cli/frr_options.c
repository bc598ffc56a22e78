/* SPDX-License-Identifier: Apache-2.0 */
#include "src/cli/frr_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"

static enum ctl_exit load_config(const struct cli *cli, const char *command, struct config **ret)
{
	const char *file = args_value(&cli->args, "config");
	struct config_report report = { 0 };
	enum ctl_exit status = CTL_DONE;
	int r;

	file = file ? file : CLI_CONFIG_FILE;
	r = config_load(file, CONFIG_NEED_NODE, ret, &report);
	if (r < 0 && report.errors > 0) {
		fputs(report.text, cli->errors);
		status = cli_fail(cli, CTL_USAGE, "%s: %s is no good config", command, file);
	} else if (r < 0) {
		status = cli_fail(cli, r == -EACCES ? CTL_PERMISSION : CTL_USAGE, "%s: %s: %s",
				  command, file, report.text ? report.text : strerror(-r));
	}
	config_report_fini(&report);
	return status;
}

typedef int set_fn(struct frr_options *options, const struct config *config, const char *peer,
		   const char *value, struct err *err);

/* "VALUE" for all peers, or "PEER=VALUE"; what begins with a slash is a file. */
static int take_for_peer(struct frr_wishes *wishes, const char *text, set_fn *set, struct err *err)
{
	const char *equals = *text == '/' ? NULL : strchr(text, '=');
	AUTO(freep) char *peer = equals ? strndup(text, (size_t)(equals - text)) : NULL;

	if (equals && !peer)
		return err_set(err, -ENOMEM, "%m");
	return set(&wishes->options, wishes->config, peer, equals ? equals + 1 : text, err);
}

static int take_router_id(struct frr_options *options, const char *text, struct err *err)
{
	if (addr_parse(text, &options->router_id) < 0 || !addr_is_ipv4(&options->router_id))
		return err_set(err, -EINVAL, "--router-id: '%s' is no IPv4 address", text);
	options->has_router_id = true;
	return 0;
}

static int take_import(struct frr_options *options, const char *text, struct err *err)
{
	options->takes_default = strcmp(text, "default") == 0;
	if (!options->takes_default && strcmp(text, "none") != 0)
		return err_set(err, -EINVAL, "--import: write none or default, not '%s'", text);
	return 0;
}

static int take_option(struct frr_wishes *wishes, const struct args_found *found, struct err *err)
{
	const char *name = found->option->name;

	if (strcmp(name, "peer-as") == 0)
		return take_for_peer(wishes, found->value, frr_options_set_as, err);
	if (strcmp(name, "password-file") == 0)
		return take_for_peer(wishes, found->value, frr_options_set_password_file, err);
	if (strcmp(name, "router-id") == 0)
		return take_router_id(&wishes->options, found->value, err);
	if (strcmp(name, "import") == 0)
		return take_import(&wishes->options, found->value, err);
	if (strcmp(name, "no-bfd") == 0)
		wishes->options.has_bfd = false;
	if (strcmp(name, "no-gtsm") == 0)
		wishes->options.has_gtsm = false;
	return 0;
}

enum ctl_exit frr_wishes_load(const struct cli *cli, const char *command, struct frr_wishes *ret)
{
	struct frr_wishes wishes = { 0 };
	struct err err = { 0 };
	enum ctl_exit status = load_config(cli, command, &wishes.config);
	int r = 0;

	if (status != CTL_DONE)
		return status;
	if (frr_options_init(&wishes.options, wishes.config) < 0)
		r = err_set(&err, -ENOMEM, "%m");
	for (size_t i = 0; r == 0 && i < cli->args.n_found; i++)
		r = take_option(&wishes, &cli->args.found[i], &err);
	if (r < 0) {
		frr_wishes_fini(&wishes);
		return cli_fail(cli, r == -EACCES || r == -EPERM ? CTL_PERMISSION : CTL_USAGE,
				"%s: %s", command, err.text);
	}
	*ret = wishes;
	return CTL_DONE;
}

void frr_wishes_fini(struct frr_wishes *wishes)
{
	frr_options_fini(&wishes->options);
	config_free(wishes->config);
	wishes->config = NULL;
}
