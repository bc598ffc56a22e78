/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/export_policy.h"
#include "frr-integration/frr_doctor_private.h"
#include "src/base/auto.h"

static const char *family_str(bool is_v6)
{
	return is_v6 ? "IPv6" : "IPv4";
}

/* ---- the command that puts the policy right ---- */

/* What stands under our names and would stay beside new lines. */
static void put_removals(const struct running_config *bgpd, bool is_v6, FILE *out)
{
	char words[64];

	snprintf(words, sizeof(words), "%s prefix-list %s", is_v6 ? "ipv6" : "ip",
		 frr_export_list(is_v6));
	if (running_find(bgpd, RUNNING_TOP, words))
		fprintf(out, "no %s\n", words);
	snprintf(words, sizeof(words), "route-map %s", frr_export_map(is_v6));
	if (running_find(bgpd, RUNNING_TOP, words))
		fprintf(out, "no %s\n", words);
}

/* The policy as frr-config has it, and the neighbour's line that names it. */
static char *fix_policy(const struct frr_patient *patient, bool is_v6)
{
	const struct frr_doctor *doctor = patient->doctor;
	AUTO(freep) char *lines = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&lines, &size);

	if (!out)
		return NULL;
	put_removals(&doctor->bgpd, is_v6, out);
	frr_print_export(doctor->config, is_v6, out);
	fprintf(out,
		"router bgp %" PRIu32 "\naddress-family %s unicast\nneighbor %s route-map %s out\n",
		doctor->config->routing.local_as, is_v6 ? "ipv6" : "ipv4", patient->key,
		frr_export_map(is_v6));
	if (fclose(out) != 0)
		return NULL;
	return frr_fix(doctor, "%s", lines);
}

/* ---- VIPs that do not get out ---- */

static void check_vips_pass(struct frr_patient *patient, bool is_v6)
{
	const struct config *config = patient->doctor->config;
	const struct config_vip *first = NULL;
	size_t n = 0;

	for (size_t i = 0; i < config->n_vips; i++) {
		const struct config_vip *vip = &config->vips[i];

		if (addr_is_ipv4(&vip->prefix.addr) == is_v6 ||
		    policy_out(&patient->doctor->bgpd, patient->key, &vip->prefix) != POLICY_DENY)
			continue;
		first = first ? first : vip;
		n++;
	}
	if (n > 0)
		diagnosis_add(patient->doctor->diagnosis, SEVERITY_ERROR, "export-policy",
			      fix_policy(patient, is_v6),
			      "the export policy towards %s drops %zu %s VIP%s, first %s (%s)",
			      patient->name, n, family_str(is_v6), n == 1 ? "" : "s", first->name,
			      PREFIX_STR(&first->prefix));
}

/* ---- others that do ---- */

static bool is_in_ranges(const struct config *config, const struct prefix *prefix)
{
	for (size_t i = 0; i < config->routing.n_vip_ranges; i++)
		if (prefix_has_prefix(&config->routing.vip_ranges[i], prefix))
			return true;
	return false;
}

static bool is_leaked(const struct frr_patient *patient, const char *text, struct prefix *ret)
{
	return prefix_parse(text, ret) == 0 && !is_in_ranges(patient->doctor->config, ret) &&
	       policy_out(&patient->doctor->bgpd, patient->key, ret) == POLICY_PERMIT;
}

/* Prefixes that no node has a reason to announce, and the ranges themselves. */
static bool find_leak(const struct frr_patient *patient, bool is_v6, struct prefix *ret)
{
	static const char *const strangers[2][3] = {
		{ "0.0.0.0/0", "10.0.0.0/8", "192.0.2.1/32" },
		{ "::/0", "fd00::/8", "2001:db8:ffff:ffff::1/128" },
	};
	const struct config *config = patient->doctor->config;

	for (size_t i = 0; i < 3; i++)
		if (is_leaked(patient, strangers[is_v6][i], ret))
			return true;
	for (size_t i = 0; i < config->routing.n_vip_ranges; i++) {
		const struct prefix *range = &config->routing.vip_ranges[i];
		bool is_whole_vip = prefix_is_host(range);

		for (size_t v = 0; v < config->n_vips; v++)
			is_whole_vip |= prefix_eq(&config->vips[v].prefix, range);
		if (addr_is_ipv4(&range->addr) == is_v6 || is_whole_vip ||
		    policy_out(&patient->doctor->bgpd, patient->key, range) != POLICY_PERMIT)
			continue;
		*ret = *range;
		return true;
	}
	return false;
}

/* What was sent already says more than any policy. */
static bool find_sent(const struct frr_patient *patient, bool is_v6, struct prefix *ret)
{
	const char *text = patient->doctor->facts->advertised[patient->index][is_v6];
	struct bgp_prefixes sent = { 0 };
	bool is_found = false;

	if (!text || bgp_json_advertised(text, strlen(text), &sent, NULL) < 0)
		return false;
	for (size_t i = 0; i < sent.n && !is_found; i++) {
		is_found = !is_in_ranges(patient->doctor->config, &sent.items[i]);
		if (is_found)
			*ret = sent.items[i];
	}
	bgp_prefixes_fini(&sent);
	return is_found;
}

static void check_leaks(struct frr_patient *patient, bool is_v6)
{
	struct prefix prefix;

	if (find_sent(patient, is_v6, &prefix))
		diagnosis_add(patient->doctor->diagnosis, SEVERITY_ERROR, "export-policy",
			      fix_policy(patient, is_v6), "%s is sent %s, which is no VIP",
			      patient->name, PREFIX_STR(&prefix));
	else if (find_leak(patient, is_v6, &prefix))
		diagnosis_add(patient->doctor->diagnosis, SEVERITY_WARNING, "export-policy",
			      fix_policy(patient, is_v6),
			      "the export policy towards %s would let out %s, which is no VIP",
			      patient->name, PREFIX_STR(&prefix));
}

/* ---- the family as a whole ---- */

static bool needs_policy(const struct frr_patient *patient)
{
	return !patient->said->is_internal &&
	       !running_find(&patient->doctor->bgpd, RUNNING_BGP, "no bgp ebgp-requires-policy");
}

static void check_export(struct frr_patient *patient, bool is_v6)
{
	if (policy_exists(&patient->doctor->bgpd, is_v6, patient->key, "out")) {
		check_vips_pass(patient, is_v6);
		check_leaks(patient, is_v6);
		return;
	}
	diagnosis_add(patient->doctor->diagnosis, SEVERITY_ERROR, "export-policy",
		      fix_policy(patient, is_v6), "%s has no %s export policy: bgpd sends it %s",
		      patient->name, family_str(is_v6),
		      needs_policy(patient) ? "nothing" : "everything that it knows");
}

static void check_import(struct frr_patient *patient, bool is_v6)
{
	if (needs_policy(patient) ||
	    policy_exists(&patient->doctor->bgpd, is_v6, patient->key, "in"))
		return;
	diagnosis_add(patient->doctor->diagnosis, SEVERITY_WARNING, "import-policy",
		      frr_fix(patient->doctor,
			      "route-map FROM-TOR%d deny 10\nexit\nrouter bgp %" PRIu32
			      "\naddress-family %s unicast\nneighbor %s route-map FROM-TOR%d in",
			      is_v6 ? 6 : 4, patient->doctor->config->routing.local_as,
			      is_v6 ? "ipv6" : "ipv4", patient->key, is_v6 ? 6 : 4),
		      "%s has no %s import policy: the node takes every route it is sent",
		      patient->name, family_str(is_v6));
}

static void check_fuse(struct frr_patient *patient, bool is_v6)
{
	const struct frr_doctor *doctor = patient->doctor;
	const char *text = running_neighbour(&doctor->bgpd, running_family(is_v6), patient->key,
					     "maximum-prefix-out");
	unsigned wanted = frr_maximum_prefix_out(doctor->config, is_v6);
	unsigned long n_vips = 0;
	char *fix;

	for (size_t i = 0; i < doctor->config->n_vips; i++)
		n_vips += addr_is_ipv4(&doctor->config->vips[i].prefix.addr) != is_v6;
	if (text && strtoul(text, NULL, 10) >= n_vips)
		return;
	fix = frr_fix_family(doctor, is_v6, "neighbor %s maximum-prefix-out %u", patient->key,
			     wanted);
	if (text)
		diagnosis_add(doctor->diagnosis, SEVERITY_ERROR, "maximum-prefix-out", fix,
			      "%s is sent %s %s prefixes at most, and there are %lu VIPs",
			      patient->name, text, family_str(is_v6), n_vips);
	else
		diagnosis_add(doctor->diagnosis, SEVERITY_NOTE, "maximum-prefix-out", fix,
			      "%s has no maximum-prefix-out for %s: there is no fuse against leaks",
			      patient->name, family_str(is_v6));
}

static void check_family(struct frr_patient *patient, bool is_v6)
{
	if (!running_is_activated(&patient->doctor->bgpd, is_v6, patient->key)) {
		diagnosis_add(patient->doctor->diagnosis, SEVERITY_ERROR, "peers",
			      frr_fix_family(patient->doctor, is_v6, "neighbor %s activate",
					     patient->key),
			      "%s is not activated for %s: the VIPs of that family are not "
			      "announced to it",
			      patient->name, family_str(is_v6));
		return;
	}
	check_export(patient, is_v6);
	check_import(patient, is_v6);
	check_fuse(patient, is_v6);
}

void frr_doctor_policy(struct frr_patient *patient)
{
	for (int is_v6 = 0; is_v6 < 2; is_v6++)
		if (frr_has_family(patient->doctor->config, is_v6))
			check_family(patient, is_v6);
}
