/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/frr_doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/frr_doctor_private.h"
#include "src/base/auto.h"

#define SAVED_NAMED_MAX 5

/* ---- commands that mend ---- */

char *frr_fix_command(const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, fmt);
	len = vasprintf(&text, fmt, args);
	va_end(args);
	return len < 0 ? NULL : text;
}

/* The shell sees one word, whatever names FRR allows. */
static void put_quoted(FILE *out, const char *text, size_t len)
{
	fputs(" -c '", out);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\'')
			fputs("'\\''", out);
		else
			fputc(text[i], out);
	}
	fputc('\'', out);
}

static void put_vtysh(const struct frr_doctor *doctor, FILE *out)
{
	const char *vty = doctor->config->routing.vty;

	fputs("vtysh", out);
	if (strcmp(vty, "/run/frr") != 0 && strcmp(vty, "/var/run/frr") != 0)
		fprintf(out, " --vty_socket %s", vty);
}

__attribute__((format(printf, 3, 0))) static char *
vtysh(const struct frr_doctor *doctor, const char *before, const char *fmt, va_list args)
{
	AUTO(freep) char *lines = NULL;
	char *text = NULL, *save = NULL;
	size_t size = 0;
	FILE *out;

	if (vasprintf(&lines, fmt, args) < 0) {
		lines = NULL;
		return NULL;
	}
	out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	put_vtysh(doctor, out);
	if (before)
		put_quoted(out, before, strlen(before));
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		line += strspn(line, " ");
		put_quoted(out, line, strlen(line));
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

char *frr_fix(const struct frr_doctor *doctor, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = vtysh(doctor, "configure terminal", fmt, args);
	va_end(args);
	return text;
}

char *frr_fix_show(const struct frr_doctor *doctor, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = vtysh(doctor, NULL, fmt, args);
	va_end(args);
	return text;
}

/* Both put `router bgp` before the lines. */
__attribute__((format(printf, 3, 0))) static char *
fix_inside(const struct frr_doctor *doctor, const char *family, const char *fmt, va_list args)
{
	AUTO(freep) char *lines = NULL;

	if (vasprintf(&lines, fmt, args) < 0) {
		lines = NULL;
		return NULL;
	}
	return frr_fix(doctor, "router bgp %" PRIu32 "\n%s%s", doctor->config->routing.local_as,
		       family, lines);
}

char *frr_fix_bgp(const struct frr_doctor *doctor, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = fix_inside(doctor, "", fmt, args);
	va_end(args);
	return text;
}

char *frr_fix_family(const struct frr_doctor *doctor, bool is_v6, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = fix_inside(doctor,
			  is_v6 ? "address-family ipv6 unicast\n" : "address-family ipv4 unicast\n",
			  fmt, args);
	va_end(args);
	return text;
}

/* ---- daemons ---- */

static char *fix_unreachable(enum frr_daemon_id id, int reason)
{
	const char *name = frr_daemon_str(id);

	if (reason == -EACCES || reason == -EPERM)
		return frr_fix_command("usermod -aG frrvty $USER   # then log in again");
	if (id == FRR_ZEBRA || reason == -ETIMEDOUT)
		return frr_fix_command("systemctl restart frr");
	return frr_fix_command(
		"sed -i 's/^%s=no/%s=yes/' /etc/frr/daemons && systemctl restart frr", name, name);
}

static const char *unreachable_means(int reason)
{
	switch (reason) {
	case -EACCES:
	case -EPERM:
		return "this user is not in the group frrvty";
	case -ENOENT:
	case -ECONNREFUSED:
		return "it is not running, or routing.vty names another directory";
	case -ETIMEDOUT:
		return "it hangs";
	default:
		return "it did not answer as FRR does";
	}
}

static void check_daemon(struct frr_doctor *doctor, enum frr_daemon_id id, enum severity severity,
			 const char *cost)
{
	const struct frr_daemon *daemon = &doctor->facts->daemons[id];

	if (daemon->reason == 0)
		return;
	diagnosis_add(doctor->diagnosis, severity, frr_daemon_str(id),
		      fix_unreachable(id, daemon->reason), "%s cannot be asked: %s (%s)%s",
		      frr_daemon_str(id), unreachable_means(daemon->reason), daemon->sentence,
		      cost);
}

static void check_daemons(struct frr_doctor *doctor)
{
	check_daemon(doctor, FRR_BGPD, SEVERITY_ERROR, "");
	check_daemon(doctor, FRR_ZEBRA, SEVERITY_WARNING,
		     ": routes and next hops of this host are not followed");
	if (doctor->options->has_bfd)
		check_daemon(doctor, FRR_BFDD, SEVERITY_WARNING,
			     ": a silent death is noticed after the hold time only");
}

/* Root may use any socket; shoald and the guard are in the group frrvty. */
static void check_permission(struct frr_doctor *doctor)
{
	if (!doctor->facts->has_socket || doctor->facts->is_group_ok)
		return;
	diagnosis_add(doctor->diagnosis, SEVERITY_ERROR, "permission",
		      frr_fix_command("chgrp frrvty %s/*.vty && chmod 770 %s/*.vty",
				      doctor->config->routing.vty, doctor->config->routing.vty),
		      "bgpd's vty socket is not for the group frrvty (its group is %s): shoald and "
		      "shoal-guard cannot use it",
		      doctor->facts->socket_group);
}

static void check_version(struct frr_doctor *doctor)
{
	const char *version = running_find(&doctor->bgpd, RUNNING_TOP, "frr version");
	unsigned major = 0, minor = 0;

	if (version && sscanf(version, "%u.%u", &major, &minor) == 2 && frr_is_known(major, minor))
		return;
	diagnosis_add(doctor->diagnosis, SEVERITY_ERROR, "version",
		      frr_fix_command("apt install %s", major > 10 ? "shoal" : "frr"),
		      "FRR %s: this Shoal knows " FRR_KNOWN,
		      version ? version : "of unknown version");
}

/* ---- the instance ---- */

static void check_instance(struct frr_doctor *doctor)
{
	const char *as = running_instance(&doctor->bgpd), *rest;
	uint32_t local_as = doctor->config->routing.local_as, number = 0;

	if (!as) {
		diagnosis_add(doctor->diagnosis, SEVERITY_ERROR, "instance",
			      frr_fix_command("shoal frr-config >/etc/frr/frr.conf && vtysh -b"),
			      "bgpd has no BGP instance; Shoal announces in one of AS %" PRIu32
			      " and never makes it",
			      local_as);
		return;
	}
	if (bgp_as_parse(as, &number, &rest) && number == local_as) {
		doctor->has_instance = true;
		return;
	}
	diagnosis_add(doctor->diagnosis, SEVERITY_ERROR, "instance",
		      frr_fix_command("sed -i 's/local-as: *%" PRIu32 "/local-as: %" PRIu32
				      "/' %s && systemctl restart shoald   # or change bgpd's AS",
				      local_as, number, doctor->config->file),
		      "bgpd's BGP instance is AS %.20s and routing.local-as is %" PRIu32
		      ": nothing is announced",
		      as, local_as);
}

/* Without an IPv4 address anywhere bgpd has none to call itself by. */
static void check_router_id(struct frr_doctor *doctor)
{
	const char *state = doctor->facts->daemons[FRR_BGPD].state;
	const struct frr_options *options = doctor->options;

	if (!state || !strstr(state, "\"routerId\":\"0.0.0.0\""))
		return;
	diagnosis_add(doctor->diagnosis, SEVERITY_ERROR, "router-id",
		      options->has_router_id ? frr_fix_bgp(doctor, "bgp router-id %s",
							   ADDR_STR(&options->router_id))
					     : NULL,
		      "bgpd has no router id: no session opens");
}

static void check_import_check(struct frr_doctor *doctor)
{
	/* FRR before 7.4 had it off by default; since then the line must say so. */
	if (running_find(&doctor->bgpd, RUNNING_BGP, "no bgp network import-check"))
		return;
	diagnosis_add(doctor->diagnosis, SEVERITY_ERROR, "import-check",
		      frr_fix_bgp(doctor, "no bgp network import-check"),
		      "bgpd checks that networks stand in the host's routes: VIPs do not, so none "
		      "is announced");
}

static void check_delay_timer(struct frr_doctor *doctor)
{
	const char *text = running_find(&doctor->bgpd, RUNNING_TOP, "bgp route-map delay-timer");
	long seconds = text ? strtol(text, NULL, 10) : 5;

	if (seconds == 1)
		return;
	diagnosis_add(doctor->diagnosis, seconds == 0 ? SEVERITY_ERROR : SEVERITY_WARNING,
		      "delay-timer", frr_fix(doctor, "bgp route-map delay-timer 1"),
		      seconds == 0 ? "bgp route-map delay-timer 0: a route-map that is mended "
				     "never takes effect"
				   : "bgp route-map delay-timer is %ld s: so long a start and an "
				     "edited route-map take",
		      seconds);
}

struct unwanted {
	enum running_section section;
	const char *line;
	enum severity severity;
	const char *because;
};

static const struct unwanted unwanted_lines[] = {
	{ RUNNING_BGP, "bgp graceful-restart", SEVERITY_WARNING,
	  "routers keep the routes of a dead node for the stale time" },
	{ RUNNING_BGP, "bgp graceful-shutdown", SEVERITY_WARNING,
	  "every VIP is drained, and Shoal does not know" },
	{ RUNNING_BGP, "bgp shutdown", SEVERITY_ERROR, "every session is down" },
	{ RUNNING_BGP, "bgp suppress-fib-pending", SEVERITY_WARNING,
	  "every announcement takes a second longer" },
	{ RUNNING_BGP, "no bgp ebgp-requires-policy", SEVERITY_NOTE,
	  "a neighbour without policy is sent everything" },
};

static void check_unwanted(struct frr_doctor *doctor)
{
	for (size_t i = 0; i < sizeof(unwanted_lines) / sizeof(unwanted_lines[0]); i++) {
		const struct unwanted *row = &unwanted_lines[i];
		const char *undo = running_after(row->line, "no");

		if (!running_find(&doctor->bgpd, row->section, row->line))
			continue;
		diagnosis_add(
			doctor->diagnosis, row->severity, "instance",
			frr_fix_bgp(doctor, "%s%s", undo ? "" : "no ", undo ? undo : row->line),
			"'%s' is on: %s", row->line, row->because);
	}
}

static void check_coalesce(struct frr_doctor *doctor)
{
	const char *text = running_find(&doctor->bgpd, RUNNING_BGP, "coalesce-time");

	if (text && strtol(text, NULL, 10) == 0)
		return;
	diagnosis_add(
		doctor->diagnosis, SEVERITY_NOTE, "coalesce-time",
		frr_fix_bgp(doctor, "coalesce-time 0"),
		"coalesce-time is not 0: the first announcement after a start waits a second");
}

static void check_nht(struct frr_doctor *doctor)
{
	bool is_needed = false;

	for (size_t i = 0; i < doctor->options->n_peers; i++)
		is_needed |= doctor->options->peers[i].is_internal;
	if (!is_needed || doctor->facts->daemons[FRR_ZEBRA].reason)
		return;
	if (running_find(&doctor->zebra, RUNNING_TOP, "ip nht resolve-via-default") &&
	    running_find(&doctor->zebra, RUNNING_TOP, "ipv6 nht resolve-via-default"))
		return;
	diagnosis_add(doctor->diagnosis, SEVERITY_WARNING, "next-hops",
		      frr_fix(doctor, "ip nht resolve-via-default\nipv6 nht resolve-via-default"),
		      "zebra does not resolve next hops by the default route: a session with an "
		      "internal peer some hops away does not open");
}

/* ---- the file of the next boot ---- */

static bool is_in_ranges(const struct config *config, const struct prefix *prefix)
{
	for (size_t i = 0; i < config->routing.n_vip_ranges; i++)
		if (prefix_has_prefix(&config->routing.vip_ranges[i], prefix))
			return true;
	return false;
}

/* The `network` line's prefix when it is inside vip-ranges. */
static bool is_saved_line(const struct frr_doctor *doctor, const struct running_line *line,
			  char word[PREFIX_TEXT_MAX])
{
	const char *rest = line->section == RUNNING_IPV4 || line->section == RUNNING_IPV6 ||
					   line->section == RUNNING_BGP
				   ? running_after(line->text, "network")
				   : NULL;
	struct prefix prefix;

	if (!rest)
		return false;
	snprintf(word, PREFIX_TEXT_MAX, "%.*s", (int)strcspn(rest, " "), rest);
	return prefix_parse(word, &prefix) == 0 && is_in_ranges(doctor->config, &prefix);
}

/* One expression for a few lines; a pattern of Shoal's own for many. */
static char *fix_saved(const struct frr_doctor *doctor, const char *named, size_t n)
{
	const char *file = doctor->facts->saved_file;

	if (n > SAVED_NAMED_MAX)
		return frr_fix_command("sed -i '/^ *network .*SHOAL-VIP-/d' %s", file);
	return frr_fix_command("sed -i %s%s", named, file);
}

static void check_saved_lines(struct frr_doctor *doctor)
{
	AUTO(freep) char *named = NULL;
	char word[PREFIX_TEXT_MAX], first[PREFIX_TEXT_MAX] = "";
	size_t n = 0, size = 0;
	FILE *out = open_memstream(&named, &size);

	for (size_t i = 0; out && i < doctor->saved.n_lines; i++) {
		if (!is_saved_line(doctor, &doctor->saved.lines[i], word))
			continue;
		fprintf(out, "-e '\\|^ *network %s|d' ", word);
		if (n++ == 0)
			memcpy(first, word, sizeof(first));
	}
	if (!out || fclose(out) != 0 || n == 0)
		return;
	diagnosis_add(doctor->diagnosis, SEVERITY_WARNING, "saved", fix_saved(doctor, named, n),
		      "%s holds %zu network line%s inside vip-ranges (%s%s): announced at the next "
		      "boot before Shoal forwards; 'write memory' saved %s",
		      doctor->facts->saved_file, n, n == 1 ? "" : "s", first, n == 1 ? "" : ", …",
		      n == 1 ? "it" : "them");
}

static void check_saved(struct frr_doctor *doctor)
{
	const struct frr_facts *facts = doctor->facts;

	if (facts->saved_reason) {
		diagnosis_add(doctor->diagnosis, SEVERITY_NOTE, "saved",
			      frr_fix_command("sudo shoal doctor"),
			      "%s could not be read (%s): whether it announces VIPs at the next "
			      "boot is not known",
			      facts->saved_file, strerror(-facts->saved_reason));
		return;
	}
	check_saved_lines(doctor);
	if (facts->saved && doctor->has_instance && !running_instance(&doctor->saved))
		diagnosis_add(doctor->diagnosis, SEVERITY_WARNING, "saved",
			      frr_fix_command("shoal frr-config >%s", facts->saved_file),
			      "%s has no BGP instance: the one that runs is gone at the next start "
			      "of FRR",
			      facts->saved_file);
}

/* ---- ports ---- */

/* Whether a line of /proc/net/tcp listens on the port; *ret_open when on more than loopback. */
static bool listens(const char *line, unsigned port, bool *ret_open)
{
	char addr[64];
	unsigned line_port, state;

	if (sscanf(line, " %*u: %63[0-9A-F]:%x %*[0-9A-F]:%*x %x", addr, &line_port, &state) != 3 ||
	    line_port != port || state != 0x0a)
		return false;
	*ret_open |= strcmp(addr, "0100007F") != 0 &&
		     strcmp(addr, "00000000000000000000000001000000") != 0;
	return true;
}

static bool has_listener(const struct frr_facts *facts, unsigned port, bool *ret_open)
{
	bool found = false;

	*ret_open = false;
	for (size_t i = 0; i < 2; i++)
		for (const char *line = facts->listeners[i]; line;
		     line = (line = strchr(line, '\n')) ? line + 1 : NULL)
			found |= listens(line, port, ret_open);
	return found;
}

static void check_ports(struct frr_doctor *doctor)
{
	static const struct {
		unsigned port;
		const char *daemon;
	} vtys[] = { { 2601, "zebra" }, { 2605, "bgpd" }, { 2617, "bfdd" } };
	bool is_open;

	if (!doctor->facts->listeners[0])
		return;
	if (!has_listener(doctor->facts, 179, &is_open))
		diagnosis_add(doctor->diagnosis, SEVERITY_WARNING, "ports",
			      frr_fix_command("grep bgpd_options /etc/frr/daemons   # without -p 0 "
					      "and -l, then systemctl restart frr"),
			      "nobody listens on TCP port 179: sessions that the router opens are "
			      "refused");
	for (size_t i = 0; i < sizeof(vtys) / sizeof(vtys[0]); i++)
		if (has_listener(doctor->facts, vtys[i].port, &is_open) && is_open)
			diagnosis_add(
				doctor->diagnosis, SEVERITY_WARNING, "ports",
				frr_fix_command("grep %s_options /etc/frr/daemons   # with -A "
						"127.0.0.1, then systemctl restart frr",
						vtys[i].daemon),
				"%s's telnet vty (TCP port %u) is open to the network",
				vtys[i].daemon, vtys[i].port);
}

/* ---- neighbours ---- */

static bool is_known(const struct frr_doctor *doctor, const char *key)
{
	char buf[ADDR_TEXT_MAX];

	for (size_t i = 0; i < doctor->config->routing.n_peers; i++)
		if (strcmp(frr_peer_key(&doctor->config->routing.peers[i], buf), key) == 0)
			return true;
	return false;
}

static void check_stranger(void *arg, const char *key)
{
	struct frr_doctor *doctor = arg;

	if (is_known(doctor, key))
		return;
	if (running_is_activated(&doctor->bgpd, false, key) ||
	    running_is_activated(&doctor->bgpd, true, key))
		diagnosis_add(doctor->diagnosis, SEVERITY_NOTE, "peers", NULL,
			      "bgpd has a neighbour %s that routing.peers does not name: VIPs are "
			      "announced to it unwatched",
			      key);
}

static void check_peers(struct frr_doctor *doctor)
{
	for (size_t i = 0; i < doctor->config->routing.n_peers; i++) {
		struct frr_patient patient = {
			.doctor = doctor,
			.peer = &doctor->config->routing.peers[i],
			.said = &doctor->options->peers[i],
			.index = i,
		};

		frr_peer_key(patient.peer, patient.key);
		snprintf(patient.name, sizeof(patient.name), "%s (%s)", patient.peer->name,
			 patient.key);
		frr_doctor_session(&patient);
		if (running_has_neighbour(&doctor->bgpd, patient.key))
			frr_doctor_policy(&patient);
	}
	running_each_neighbour(&doctor->bgpd, check_stranger, doctor);
}

/* ---- all of it ---- */

struct check {
	void (*run)(struct frr_doctor *doctor);
	bool needs_bgpd;     /* bgpd's configuration */
	bool needs_instance; /* and in it our instance */
};

static const struct check checks[] = {
	{ check_daemons, false, false },    { check_permission, false, false },
	{ check_version, true, false },     { check_instance, true, false },
	{ check_router_id, true, true },    { check_import_check, true, true },
	{ check_delay_timer, true, false }, { check_unwanted, true, true },
	{ check_coalesce, true, true },     { check_nht, true, true },
	{ check_peers, true, true },        { check_saved, false, false },
	{ check_ports, true, true },
};

static int parse_or_nothing(const char *text, struct running_config *ret, struct err *err)
{
	return running_config_parse(text ? text : "", ret, err);
}

/* A summary that is not understood is no reason to be silent on the rest. */
static void parse_summary(struct frr_doctor *doctor)
{
	const char *text = doctor->facts->daemons[FRR_BGPD].state;
	struct err err = { 0 };

	if (!text || bgp_json_summary(text, strlen(text), &doctor->summary, &err) == 0)
		return;
	diagnosis_add(doctor->diagnosis, SEVERITY_ERROR, "bgpd", NULL,
		      "the sessions are not known: %s", err.text);
}

int frr_doctor(const struct config *config, const struct frr_options *options,
	       const struct frr_facts *facts, struct diagnosis *diagnosis, struct err *err)
{
	struct frr_doctor doctor = {
		.config = config,
		.options = options,
		.facts = facts,
		.diagnosis = diagnosis,
	};
	int r = parse_or_nothing(facts->daemons[FRR_BGPD].config, &doctor.bgpd, err);

	if (r == 0)
		r = parse_or_nothing(facts->daemons[FRR_ZEBRA].config, &doctor.zebra, err);
	if (r == 0)
		r = parse_or_nothing(facts->saved, &doctor.saved, err);
	if (r == 0)
		parse_summary(&doctor);
	for (size_t i = 0; r == 0 && i < sizeof(checks) / sizeof(checks[0]); i++)
		if ((!checks[i].needs_bgpd || facts->daemons[FRR_BGPD].config) &&
		    (!checks[i].needs_instance || doctor.has_instance))
			checks[i].run(&doctor);
	if (r == 0 && diagnosis->is_cut)
		r = err_set(err, -ENOMEM, "FRR's check-up: %m");
	running_config_fini(&doctor.bgpd);
	running_config_fini(&doctor.zebra);
	running_config_fini(&doctor.saved);
	bgp_summary_fini(&doctor.summary);
	return r;
}
