/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/frr_doctor_private.h"
#include "src/base/auto.h"

/* A router that notices a dead node later than this has BFD for nothing. */
#define BFD_NOTICED_MS_MAX 1000

/* What bgpd's configuration says of the peer outside address families. */
static const char *said_of(const struct frr_patient *patient, const char *words)
{
	return running_neighbour(&patient->doctor->bgpd, RUNNING_BGP, patient->key, words);
}

#define ADD(patient, severity, check, fix, ...)                                                    \
	diagnosis_add((patient)->doctor->diagnosis, severity, check, fix, __VA_ARGS__)

/* ---- is it there, is it up ---- */

/* The neighbour's lines outside and inside address families. */
static void put_neighbour(const struct frr_patient *patient, FILE *out)
{
	const struct config *config = patient->doctor->config;
	struct frr_options options = *patient->doctor->options;

	options.hides_passwords = true; /* a fix stands on screens */
	if (frr_is_grouped(config, &options, patient->index))
		frr_print_group(out);
	frr_print_neighbour(config, &options, patient->index, out);
	for (int is_v6 = 0; is_v6 < 2; is_v6++) {
		if (!frr_has_family(config, is_v6))
			continue;
		fprintf(out, "address-family %s unicast\n", is_v6 ? "ipv6" : "ipv4");
		frr_print_neighbour_family(config, patient->index, is_v6, out);
		fputs("exit-address-family\n", out);
	}
}

/* The whole neighbour as frr-config prints it, in place of the one that is there. */
static char *fix_anew(const struct frr_patient *patient)
{
	AUTO(freep) char *lines = NULL;
	size_t size = 0;
	FILE *out;

	if (said_of(patient, "password"))
		return frr_fix_command("shoal frr-config --password-file %s=FILE … "
				       ">/etc/frr/frr.conf && systemctl restart frr",
				       patient->peer->name);
	out = open_memstream(&lines, &size);
	if (!out)
		return NULL;
	if (running_has_neighbour(&patient->doctor->bgpd, patient->key))
		fprintf(out, "no neighbor %s%s\n", patient->key,
			patient->peer->interface ? " interface" : "");
	put_neighbour(patient, out);
	if (fclose(out) != 0)
		return NULL;
	return frr_fix_bgp(patient->doctor, "%s", lines);
}

static void check_state(struct frr_patient *patient)
{
	const struct bgp_peer *peer = bgp_summary_find(&patient->doctor->summary, patient->key);

	if (peer && peer->is_established)
		return;
	ADD(patient, SEVERITY_ERROR, "session",
	    frr_fix_show(patient->doctor, "show bgp neighbors %s", patient->key),
	    "the session with %s is %s: is the router's side up, do AS, GTSM, password and BFD "
	    "agree at "
	    "both ends?",
	    patient->name, peer ? peer->state : "not there");
}

static void check_as(struct frr_patient *patient)
{
	const char *as = said_of(patient, "remote-as");
	const char *wanted = patient->said->as;
	uint32_t local_as = patient->doctor->config->routing.local_as, number = 0;
	const char *rest = "";
	bool is_number, is_ok;

	if (!as)
		return;
	is_number = bgp_as_parse(as, &number, &rest);
	if (strcmp(wanted, "external") == 0)
		is_ok = is_number ? number != local_as : strcmp(as, "external") == 0;
	else if (patient->said->is_internal)
		is_ok = is_number ? number == local_as : strcmp(as, "internal") == 0;
	else
		is_ok = is_number ? (uint32_t)strtoul(wanted, NULL, 10) == number
				  : strcmp(as, "external") == 0;
	if (!is_ok)
		ADD(patient, SEVERITY_ERROR, "peer-as",
		    frr_fix_bgp(patient->doctor, "neighbor %s%s remote-as %s", patient->key,
				patient->peer->interface ? " interface" : "", wanted),
		    "%s is configured as AS %s, not %s", patient->name, as, wanted);
}

static void check_shutdown(struct frr_patient *patient)
{
	if (said_of(patient, "shutdown"))
		ADD(patient, SEVERITY_ERROR, "session",
		    frr_fix_bgp(patient->doctor, "no neighbor %s shutdown", patient->key),
		    "%s is shut down by configuration", patient->name);
	if (said_of(patient, "graceful-restart"))
		ADD(patient, SEVERITY_WARNING, "session",
		    frr_fix_bgp(patient->doctor, "no neighbor %s graceful-restart", patient->key),
		    "%s has graceful restart: it keeps the routes of this node when it is dead",
		    patient->name);
}

/* ---- protection ---- */

static void check_gtsm(struct frr_patient *patient)
{
	if (!patient->doctor->options->has_gtsm || patient->said->is_internal ||
	    said_of(patient, "ttl-security hops"))
		return;
	ADD(patient, SEVERITY_WARNING, "gtsm", fix_anew(patient),
	    "%s has no GTSM: packets from far away reach the session. The session starts anew, and "
	    "the router needs it too; --no-gtsm where it cannot",
	    patient->name);
}

static void check_password(struct frr_patient *patient)
{
	const char *password = said_of(patient, "password");
	const char *wanted = patient->said->password;

	if (!wanted || (password && strcmp(password, wanted) == 0))
		return;
	ADD(patient, SEVERITY_WARNING, "password",
	    frr_fix_command(
		    "shoal frr-config --password-file %s=FILE … >/etc/frr/frr.conf && vtysh -b",
		    patient->peer->name),
	    "%s has %s", patient->name,
	    password ? "another password than the file" : "no password (TCP-MD5)");
}

/* ---- speed ---- */

/* The configured hold time in seconds: the peer's, the instance's, the profile's. */
static long hold_time(const struct frr_patient *patient)
{
	const struct running_config *bgpd = &patient->doctor->bgpd;
	const char *text = said_of(patient, "timers #");
	const char *defaults = running_find(bgpd, RUNNING_TOP, "frr defaults");

	if (!text)
		text = running_find(bgpd, RUNNING_BGP, "timers bgp");
	if (!text)
		return defaults && strcmp(defaults, "datacenter") == 0 ? 9 : 180;
	return strtol(text + strcspn(text, " "), NULL, 10);
}

static void check_timers(struct frr_patient *patient)
{
	const char *connect = said_of(patient, "timers connect");
	long hold = hold_time(patient);

	if (hold == 0 || hold > FRR_HOLD_S)
		ADD(patient, SEVERITY_WARNING, "timers",
		    frr_fix_bgp(patient->doctor, "neighbor %s timers %d %d", patient->key,
				FRR_KEEPALIVE_S, FRR_HOLD_S),
		    hold ? "%s: the hold time is %ld s; so long a silent death may go unnoticed. "
			   "Taken up when the session starts anew"
			 : "%s: the hold time is %ld: a silent death is never noticed",
		    patient->name, hold);
	if (!connect || strtol(connect, NULL, 10) > 10)
		ADD(patient, SEVERITY_NOTE, "timers",
		    frr_fix_bgp(patient->doctor, "neighbor %s timers connect 1", patient->key),
		    "%s: a session that ended is tried again after %s s only", patient->name,
		    connect ? connect : "30 to 120");
}

/* ---- BFD ---- */

static bool is_session_of(const struct frr_patient *patient, json_t *session)
{
	const char *peer = json_string_value(json_object_get(session, "peer"));
	const char *interface = json_string_value(json_object_get(session, "interface"));

	if (patient->peer->interface)
		return interface && strcmp(interface, patient->key) == 0;
	return peer && strcmp(peer, patient->key) == 0;
}

/* The peer's BFD session, borrowed from root; NULL: there is none. */
static json_t *find_session(const struct frr_patient *patient, json_t *root)
{
	json_t *session;
	size_t i;

	json_array_foreach (root, i, session)
		if (is_session_of(patient, session))
			return session;
	return NULL;
}

static json_int_t number_of(json_t *session, const char *field)
{
	return json_integer_value(json_object_get(session, field));
}

/* How long after our death the router notices, in ms: by what it asks for and we send. */
static json_int_t noticed_ms(json_t *session)
{
	json_int_t ours = number_of(session, "transmit-interval");
	json_int_t theirs = number_of(session, "remote-receive-interval");

	return number_of(session, "detect-multiplier") * (ours > theirs ? ours : theirs);
}

static char *fix_bfd(const struct frr_patient *patient)
{
	return frr_fix(patient->doctor,
		       "bfd\nprofile %s\nreceive-interval %d\ntransmit-interval %d\n"
		       "detect-multiplier %d\nexit\nexit\nrouter bgp %" PRIu32 "\n"
		       "neighbor %s bfd\nneighbor %s bfd profile %s",
		       FRR_BFD_PROFILE, FRR_BFD_MS, FRR_BFD_MS, FRR_BFD_MULTIPLE,
		       patient->doctor->config->routing.local_as, patient->key, patient->key,
		       FRR_BFD_PROFILE);
}

static void check_bfd_speed(struct frr_patient *patient, json_t *session)
{
	json_int_t ms = noticed_ms(session);

	if (ms > BFD_NOTICED_MS_MAX)
		ADD(patient, SEVERITY_WARNING, "bfd", fix_bfd(patient),
		    "%s notices a dead node after %" JSON_INTEGER_FORMAT
		    " ms by BFD; 300 are usual (its own receive interval counts, too)",
		    patient->name, ms);
}

/* The remedy is here when our session is of the wrong kind, else at the router. */
static void add_bfd_down(struct frr_patient *patient, json_t *session, const char *status)
{
	bool is_wrong = json_is_true(json_object_get(session, "multihop")) &&
			!patient->said->is_internal && !said_of(patient, "ebgp-multihop");

	if (is_wrong)
		ADD(patient, SEVERITY_WARNING, "bfd", fix_anew(patient),
		    "BFD with %s is %s: bgpd takes it for some hops away, because of GTSM that it "
		    "did not have from a group when it joined",
		    patient->name, status);
	else
		ADD(patient, SEVERITY_WARNING, "bfd",
		    frr_fix_show(patient->doctor, "show bfd peers"),
		    "BFD with %s is %s: is it on at the router (docs/tor.md)? --no-bfd where it "
		    "cannot",
		    patient->name, status);
}

static void check_bfd_session(struct frr_patient *patient)
{
	const char *text = patient->doctor->facts->daemons[FRR_BFDD].state, *status;
	json_t *root, *session;

	if (!text)
		return;
	root = json_loads(text, 0, NULL);
	session = root ? find_session(patient, root) : NULL;
	status = json_string_value(json_object_get(session, "status"));
	if (status && strcmp(status, "up") == 0)
		check_bfd_speed(patient, session);
	else
		add_bfd_down(patient, session, status ? status : "not there");
	json_decref(root);
}

static void check_bfd(struct frr_patient *patient)
{
	if (!patient->doctor->options->has_bfd)
		return;
	if (said_of(patient, "bfd"))
		check_bfd_session(patient);
	else
		ADD(patient, SEVERITY_WARNING, "bfd", fix_bfd(patient),
		    "%s has no BFD: a silent death of this node is noticed after the hold time "
		    "(%ld s)",
		    patient->name, hold_time(patient));
}

/* ---- all of it ---- */

static void check_extended_nexthop(struct frr_patient *patient)
{
	if (!frr_needs_extended_nexthop(patient->doctor->config, patient->peer) ||
	    said_of(patient, "capability extended-nexthop"))
		return;
	ADD(patient, SEVERITY_ERROR, "next-hops",
	    frr_fix_bgp(patient->doctor, "neighbor %s capability extended-nexthop", patient->key),
	    "%s: IPv4 VIPs have no next hop over a session between IPv6 addresses without "
	    "extended-nexthop; the session starts anew, and the router needs it too",
	    patient->name);
}

void frr_doctor_session(struct frr_patient *patient)
{
	if (!running_has_neighbour(&patient->doctor->bgpd, patient->key)) {
		ADD(patient, SEVERITY_ERROR, "peers", fix_anew(patient), "bgpd has no neighbour %s",
		    patient->name);
		return;
	}
	check_as(patient);
	check_shutdown(patient);
	check_state(patient);
	check_gtsm(patient);
	check_password(patient);
	check_timers(patient);
	check_bfd(patient);
	check_extended_nexthop(patient);
}
