/* SPDX-License-Identifier: Apache-2.0 */
/*
 * doctor.c - `shoal doctor`: a check-up of what stands around Shoal on this node, finding by
 * finding with the command that mends it. Each part is a row; it adds to one diagnosis.
 */
#include "src/cli/doctor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "frr-integration/frr_doctor.h"
#include "src/cli/render.h"

static const struct args_option doctor_options[] = {
	FRR_OPTIONS,
	{ "saved", "FILE", "what FRR reads at boot; default /etc/frr/frr.conf, else bgpd.conf" },
	{ .name = NULL },
};

char *doctor_fix(const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	return text;
}

static void look_at_frr(struct checkup *checkup)
{
	struct diagnosis *diagnosis = &checkup->diagnosis;
	size_t before = diagnosis->n;
	struct frr_facts facts;
	struct err err;
	int r = frr_facts_read(checkup->config, args_value(&checkup->cli->args, "saved"), &facts,
			       &err);

	if (r == 0) {
		r = frr_doctor(checkup->config, &checkup->wishes->options, &facts, diagnosis, &err);
		frr_facts_fini(&facts);
	}
	if (r < 0)
		diagnosis_add(diagnosis, SEVERITY_ERROR, "frr", NULL, "%s", err.text);
	else if (diagnosis->n == before)
		diagnosis_add(diagnosis, SEVERITY_OK, "frr", NULL,
			      "bgpd, zebra and bfdd are as frr-config would write them");
}

/* The parts of the check-up by the words that choose them, and what nobody can see from here. */
static const struct part {
	const char *name;
	void (*look)(struct checkup *checkup);
} parts[] = {
	{ "kernel", doctor_kernel },   { "daemons", doctor_daemons },
	{ "uplinks", doctor_uplinks }, { "reals", doctor_reals },
	{ "vips", doctor_vips },       { "firewall", doctor_firewall },
	{ "frr", look_at_frr },        { NULL, NULL },
};
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
	case SEVERITY_OK:
		return STYLE_GOOD;
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

static bool is_well(const struct diagnosis *diagnosis)
{
	return !diagnosis->is_cut && !diagnosis_count(diagnosis, SEVERITY_ERROR) &&
	       !diagnosis_count(diagnosis, SEVERITY_WARNING);
}

static void print_text(const struct screen *screen, const struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->n; i++)
		print_finding(screen, &diagnosis->items[i]);
	if (diagnosis->n > 0)
		screen_newline(screen);
	screen_line(screen, is_well(diagnosis) ? STYLE_GOOD : STYLE_PLAIN,
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

static const char *part_name(size_t i, const void *arg)
{
	(void)arg;
	return parts[i].name;
}

/* What shoald says of itself; without it the check-up goes on. */
static void ask_shoald(struct checkup *checkup, struct err *err)
{
	const struct cli_command *command = cli_find("status", err);
	json_t *args = json_pack("{s:b}", "brief", 1);

	if (cli_ask(checkup->cli, command, args, &checkup->status, err) != CTL_DONE) {
		json_decref(checkup->status);
		checkup->status = NULL;
		checkup->silence = err->text;
	}
	json_decref(args);
}

/* The parts that words choose, all without one; false with the sentence. */
static bool choose(const struct args *args, bool chosen[], struct err *err)
{
	for (size_t i = 0; parts[i].name; i++)
		chosen[i] = args->n_words == 0;
	for (size_t w = 0; w < args->n_words; w++) {
		int i = args_match(args->words[w], "part", part_name, NULL, err);

		if (i < 0)
			return false;
		chosen[i] = true;
	}
	return true;
}

static enum ctl_exit check_up(struct cli *cli, const struct frr_wishes *wishes, const bool chosen[])
{
	struct checkup checkup = { .cli = cli, .wishes = wishes, .config = wishes->config };
	struct err silence = { 0 };
	bool is_fine;

	ask_shoald(&checkup, &silence);
	for (size_t i = 0; parts[i].name; i++)
		if (chosen[i])
			parts[i].look(&checkup);
	is_fine = is_well(&checkup.diagnosis);
	if (cli->is_json)
		print_json(cli, &checkup.diagnosis);
	else
		print_text(&cli->screen, &checkup.diagnosis);
	diagnosis_fini(&checkup.diagnosis);
	json_decref(checkup.status);
	return is_fine ? CTL_DONE : CTL_FAILED;
}

static enum ctl_exit run_doctor(struct cli *cli, const struct cli_command *command)
{
	bool chosen[sizeof(parts) / sizeof(parts[0])] = { false };
	struct frr_wishes wishes;
	enum ctl_exit status;
	struct err err;

	if (!choose(&cli->args, chosen, &err))
		return cli_fail(cli, CTL_USAGE, "doctor: %s; see 'shoal help %s'", err.text,
				command->name);
	status = frr_wishes_load(cli, "doctor", &wishes);
	if (status != CTL_DONE)
		return status;
	status = check_up(cli, &wishes, chosen);
	frr_wishes_fini(&wishes);
	return status;
}

const struct cli_behaviour cli_doctor = {
	.about =
		"A check-up of what stands around Shoal on this node, with or without shoald:\n"
		"kernel (version, JIT, bpffs, clock), daemons (shoald, prober, guard, sockets, "
		"open\n"
		"files, disk), uplinks (link, MTU, XDP, offloads, queues, interrupts, rp_filter),\n"
		"reals (route, and unfragmented echoes of full size), vips (addresses, "
		"forwarding),\n"
		"firewall (nftables, conntrack), frr (against what frr-config would write; give "
		"the\n"
		"options that it was given). Words choose some of them. Nothing is changed.\n"
		"\n"
		"Each finding has the command that mends it, or looks closer. As root everything "
		"is\n"
		"seen. Exits with 0 when there is no error and no warning, else with 1.\n",
	.options = doctor_options,
	.run = run_doctor,
};
