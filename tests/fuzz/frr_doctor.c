/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doctor on whatever FRR may say: running configuration, summary, BFD peers, Adj-RIB-Out, saved
 * file and listeners, in this order, each ended by a form feed. Fixes are commands of a shell:
 * they stay on one line.
 */
#include "frr-integration/frr_doctor.h"
#include "tests/fuzz/fuzz.h"

static const char yaml[] =
	"node: {name: n, uplinks: [eth0], encap-source: {ipv4: 10.0.1.2}}\n"
	"routing:\n"
	"  local-as: 65010\n"
	"  vip-ranges: [203.0.113.0/24, '2001:db8:cafe::/48']\n"
	"  peers: {tor1: 10.0.1.1, tor2: eth0}\n"
	"pools: {web: {check: none, reals: {web1: 10.1.1.2}}}\n"
	"vips:\n"
	"  www: {address: 203.0.113.10, services: [{tcp: 80, pool: web}]}\n"
	"  www6: {address: '2001:db8:cafe::10', services: [{tcp: 80, pool: web}]}\n";

static const struct config *load(void)
{
	static struct config *config;
	struct config_report report = { 0 };

	if (!config &&
	    config_parse("fuzz", yaml, sizeof(yaml) - 1, CONFIG_NEED_NODE, &config, &report) < 0)
		abort();
	config_report_fini(&report);
	return config;
}

/* The next part of the input, malloc'ed; NULL when there is none. */
static char *next_part(char **rest)
{
	char *part = *rest, *end = part ? strchr(part, '\f') : NULL;

	*rest = end ? end + 1 : NULL;
	if (end)
		*end = '\0';
	return part ? strdup(part) : NULL;
}

static void look(const struct config *config, struct frr_facts *facts)
{
	struct diagnosis diagnosis = { 0 };
	struct frr_options options;
	struct err err = { "" };

	if (frr_options_init(&options, config) < 0 ||
	    frr_doctor(config, &options, facts, &diagnosis, &err) < 0)
		abort();
	for (size_t i = 0; i < diagnosis.n; i++)
		if (diagnosis.items[i].fix && strchr(diagnosis.items[i].fix, '\n'))
			abort();
	diagnosis_fini(&diagnosis);
	frr_options_fini(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct config *config = load();
	struct frr_facts facts = { .n_peers = 2 };
	char *text = fuzz_text(data, size), *rest = text;

	facts.advertised = calloc(2, sizeof(facts.advertised[0]));
	if (!facts.advertised)
		abort();
	facts.daemons[FRR_BGPD].config = next_part(&rest);
	facts.daemons[FRR_BGPD].state = next_part(&rest);
	facts.daemons[FRR_BFDD].state = next_part(&rest);
	facts.advertised[0][0] = next_part(&rest);
	facts.saved = next_part(&rest);
	facts.saved_file = facts.saved ? strdup("/etc/frr/frr.conf") : NULL;
	facts.listeners[0] = next_part(&rest);
	look(config, &facts);
	frr_facts_fini(&facts);
	free(text);
	return 0;
}
