/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.c - `shoal doctor`: a check-up of what stands around Shoal on this node, finding by
 * finding with the command that mends it. Each part is a row; it adds to one diagnosis.
 */
#include <errno.h>

#include "frr-integration/frr_doctor.h"
#include "src/cli/cli.h"
#include "src/cli/frr_options.h"

static const struct args_option doctor_options[] = {
	FRR_OPTIONS,
	{ "saved", "FILE", "what FRR reads at boot; default /etc/frr/frr.conf, else bgpd.conf" },
	{ .name = NULL },
};

struct checkup {
	const struct cli *cli;
	const struct frr_wishes *wishes;
	struct diagnosis diagnosis;
};

static int look_at_frr(struct checkup *checkup, struct err *err)
{
	struct frr_facts facts;
	int r = frr_facts_read(checkup->wishes->config, args_value(&checkup->cli->args, "saved"),
			       &facts, err);

	if (r < 0)
		return r;
	r = frr_doctor(checkup->wishes->config, &checkup->wishes->options, &facts,
		       &checkup->diagnosis, err);
	frr_facts_fini(&facts);
	return r;
}

/* The parts of the check-up, and what nobody can see from this node. */
static int (*const parts[])(struct checkup *checkup, struct err *err) = { look_at_frr };
static const char *const unseen[] = {
	"whether the routers spread over all nodes, honour 65535:0 and hash on ports: docs/tor.md",
};

/* ---- text ---- */

static enum style style_of(enum severity severity)
{
	switch (severity) {
	case SEVERITY_ERROR:
		return STYLE_BAD;
	case SEVERITY_WARNING:
		return STYLE_WARN;
	case SEVERITY_NOTE:
		return STYLE_DIM;
	}
	return STYLE_PLAIN;
}

static void print_finding(const struct screen *screen, const struct diagnosis_finding *finding)
{
	screen_printf(screen, style_of(finding->severity), "%-8s", severity_str(finding->severity));
	screen_line(screen, STYLE_PLAIN, " %s: %s", finding->check, finding->text);
	if (finding->fix)
		screen_line(screen, STYLE_BOLD, "         %s %s", screen_glyph(screen, GLYPH_ARROW),
			    finding->fix);
}

/* A number and what its noun ends in, for "%zu error%s". */
#define COUNTED(n) (n), (n) == 1 ? "" : "s"

static void print_text(const struct screen *screen, const struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->n; i++)
		print_finding(screen, &diagnosis->items[i]);
	if (diagnosis->n > 0)
		screen_newline(screen);
	screen_line(screen, diagnosis->n ? STYLE_PLAIN : STYLE_GOOD,
		    "%zu error%s, %zu warning%s, %zu note%s",
		    COUNTED(diagnosis_count(diagnosis, SEVERITY_ERROR)),
		    COUNTED(diagnosis_count(diagnosis, SEVERITY_WARNING)),
		    COUNTED(diagnosis_count(diagnosis, SEVERITY_NOTE)));
	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
		screen_line(screen, STYLE_DIM, "not seen from here: %s", unseen[i]);
}

/* ---- JSON ---- */

static json_t *findings_json(const struct diagnosis *diagnosis)
{
	json_t *list = json_array();

	for (size_t i = 0; i < diagnosis->n; i++) {
		const struct diagnosis_finding *finding = &diagnosis->items[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s?}", "severity",
						      severity_str(finding->severity), "check",
						      finding->check, "text", finding->text, "fix",
						      finding->fix));
	}
	return list;
}

static void print_json(const struct cli *cli, const struct diagnosis *diagnosis)
{
	json_t *list = json_array(), *result;

	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
		json_array_append_new(list, json_string(unseen[i]));
	result = json_pack("{s:o, s:I, s:I, s:I, s:o}", "findings", findings_json(diagnosis),
			   "errors", (json_int_t)diagnosis_count(diagnosis, SEVERITY_ERROR),
			   "warnings", (json_int_t)diagnosis_count(diagnosis, SEVERITY_WARNING),
			   "notes", (json_int_t)diagnosis_count(diagnosis, SEVERITY_NOTE), "unseen",
			   list);
	cli_print_json(cli, result);
	json_decref(result);
}

/* ---- the command ---- */

static enum ctl_exit check_up(struct cli *cli, const struct frr_wishes *wishes)
{
	struct checkup checkup = { .cli = cli, .wishes = wishes };
	enum ctl_exit status = CTL_DONE;
	struct err err = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++)
		r = parts[i](&checkup, &err);
	if (r < 0)
		status = cli_fail(cli, CTL_FAILED, "doctor: %s", err.text);
	else if (cli->is_json)
		print_json(cli, &checkup.diagnosis);
	else
		print_text(&cli->screen, &checkup.diagnosis);
	if (diagnosis_count(&checkup.diagnosis, SEVERITY_ERROR) ||
	    diagnosis_count(&checkup.diagnosis, SEVERITY_WARNING))
		status = CTL_FAILED;
	diagnosis_fini(&checkup.diagnosis);
	return status;
}

static enum ctl_exit run_doctor(struct cli *cli, const struct cli_command *command)
{
	struct frr_wishes wishes;
	enum ctl_exit status;

	(void)command;
	if (cli->args.n_words > 0)
		return cli_fail(cli, CTL_USAGE, "doctor: takes no '%s'; see 'shoal help doctor'",
				cli->args.words[0]);
	status = frr_wishes_load(cli, "doctor", &wishes);
	if (status != CTL_DONE)
		return status;
	status = check_up(cli, &wishes);
	frr_wishes_fini(&wishes);
	return status;
}

const struct cli_behaviour cli_doctor = {
	.about = "Compares the running FRR with what frr-config would write, as far as it matters "
		 "to\n"
		 "VIPs; needs no shoald, but root or the group frrvty. Each finding has the "
		 "command\n"
		 "that mends it; nothing is changed. Give the options that frr-config was given.\n"
		 "Exits with 0 when there is no error and no warning, else with 1.\n",
	.options = doctor_options,
	.run = run_doctor,
};
