/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doctor on texts: what frr-config prints is healthy, each change of it is one finding. The
 * same with a real FRR is tests/lab/frr_config_test.sh.
 */
#include "frr-integration/frr_doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "tests/lib/test.h"

#define HEAD "frr version 8.4.4\n"

static const char yaml[] =
	"node: {name: lb1, uplinks: [eth0], encap-source: {ipv4: 10.0.1.2}}\n"
	"routing:\n"
	"  local-as: 65010\n"
	"  vip-ranges: [203.0.113.0/24, '2001:db8:cafe::/48']\n"
	"  peers: {tor1: 10.0.1.1}\n"
	"pools: {web: {check: none, reals: {web1: 10.1.1.2}}}\n"
	"vips:\n"
	"  www: {address: 203.0.113.10, services: [{tcp: 80, pool: web}]}\n"
	"  net: {address: 203.0.113.64/28, services: [{tcp: 80, pool: web}]}\n"
	"  www6: {address: '2001:db8:cafe::10', services: [{tcp: 80, pool: web}]}\n";

#define PEER_JSON                                                                                  \
	"\"peers\":{\"10.0.1.1\":{\"state\":\"Established\",\"peerUptimeMsec\":1000,"              \
	"\"pfxSnt\":1,\"connectionsDropped\":0}}}"
static const char summary[] =
	"{\"ipv4Unicast\":{\"routerId\":\"10.0.1.2\",\"as\":65010," PEER_JSON
	",\"ipv6Unicast\":{\"routerId\":\"10.0.1.2\",\"as\":65010," PEER_JSON "}";
static const char bfd_up[] =
	"[{\"peer\":\"10.0.1.1\",\"status\":\"up\",\"multihop\":false,\"receive-interval\":100,"
	"\"transmit-interval\":100,\"detect-multiplier\":3,\"remote-receive-interval\":100}]";
static const char sent[] = "{\"advertisedRoutes\":{\"203.0.113.10/32\":{}}}";
static const char listeners[] =
	"  sl  local_address rem_address   st\n"
	"   0: 00000000:00B3 00000000:0000 0A 00000000:00000000 00:00000000\n"
	"   1: 0100007F:0A2D 00000000:0000 0A 00000000:00000000 00:00000000\n";

struct patient {
	struct config *config;
	struct frr_options options;
	struct frr_facts facts;
	struct diagnosis diagnosis;
};

static char *copy(const char *text)
{
	char *copied = strdup(text);

	assert_non_null(copied);
	return copied;
}

/* What frr-config prints, as bgpd would say it. */
static char *printed(const struct patient *patient)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fputs(HEAD, out);
	assert_int_equal(
		frr_config_print(patient->config, &patient->options, FRR_PART_ALL, out, NULL), 0);
	fclose(out);
	return text;
}

static void set_up(struct patient *patient)
{
	struct config_report report = { 0 };

	memset(patient, 0, sizeof(*patient));
	if (config_parse("t.yaml", yaml, strlen(yaml), CONFIG_NEED_NODE, &patient->config,
			 &report) < 0)
		fail_msg("%s", report.text);
	config_report_fini(&report);
	assert_int_equal(frr_options_init(&patient->options, patient->config), 0);
	patient->facts.n_peers = 1;
	patient->facts.advertised = calloc(1, sizeof(patient->facts.advertised[0]));
	patient->facts.advertised[0][0] = copy(sent);
	patient->facts.daemons[FRR_BGPD].config = printed(patient);
	patient->facts.daemons[FRR_BGPD].state = copy(summary);
	patient->facts.daemons[FRR_ZEBRA].config = copy(HEAD);
	patient->facts.daemons[FRR_BFDD].config = copy(HEAD);
	patient->facts.daemons[FRR_BFDD].state = copy(bfd_up);
	patient->facts.listeners[0] = copy(listeners);
}

static void tear_down(struct patient *patient)
{
	diagnosis_fini(&patient->diagnosis);
	frr_facts_fini(&patient->facts);
	frr_options_fini(&patient->options);
	config_free(patient->config);
}

/* Put words in place of words that must be there. */
static void replace(char **text, const char *from, const char *to)
{
	char *at = strstr(*text, from), *made;

	if (!at)
		fail_msg("'%s' is not there", from);
	assert_true(asprintf(&made, "%.*s%s%s", (int)(at - *text), *text, to, at + strlen(from)) >
		    0);
	free(*text);
	*text = made;
}

static void examine(struct patient *patient)
{
	struct err err;

	diagnosis_fini(&patient->diagnosis);
	if (frr_doctor(patient->config, &patient->options, &patient->facts, &patient->diagnosis,
		       &err) < 0)
		fail_msg("%s", err.text);
}

static void print_all(const struct diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->n; i++)
		print_error("%s %s: %s\n    %s\n", severity_str(diagnosis->items[i].severity),
			    diagnosis->items[i].check, diagnosis->items[i].text,
			    diagnosis->items[i].fix ? diagnosis->items[i].fix : "-");
}

static void expect_one(const struct patient *patient, enum severity severity, const char *check,
		       const char *text, const char *fix)
{
	const struct diagnosis *diagnosis = &patient->diagnosis;

	if (diagnosis->n == 1 && diagnosis->items[0].severity == severity &&
	    strcmp(diagnosis->items[0].check, check) == 0 &&
	    strstr(diagnosis->items[0].text, text) &&
	    (!fix || (diagnosis->items[0].fix && strstr(diagnosis->items[0].fix, fix))))
		return;
	print_all(diagnosis);
	fail_msg("not just one %s '%s' with '%s' and '%s'", severity_str(severity), check, text,
		 fix ? fix : "-");
}

TEST(frr_doctor, finds_nothing_in_what_frr_config_prints)
{
	struct patient patient;

	set_up(&patient);
	examine(&patient);
	print_all(&patient.diagnosis);
	assert_int_equal(patient.diagnosis.n, 0);
	tear_down(&patient);
}

struct change {
	const char *from, *to;
	enum severity severity;
	const char *check, *text, *fix;
};

#define K "neighbor 10.0.1.1 "

static const struct change changes[] = {
	{ "version 8.4.4", "version 8.3.1", SEVERITY_ERROR, "version", "8.3.1", "install frr" },
	{ "version 8.4.4", "version 11.0", SEVERITY_ERROR, "version", "11.0", "install shoal" },
	{ "router bgp 65010", "router bgp 65099", SEVERITY_ERROR, "instance", "65099", "65099/" },
	{ "router bgp 65010", "router bgp 65010 vrf red", SEVERITY_ERROR, "instance",
	  "has no BGP instance", "frr-config" },
	{ " no bgp network import-check\n", "", SEVERITY_ERROR, "import-check", "none is announced",
	  "-c 'router bgp 65010' -c 'no bgp network import-check'" },
	{ "bgp route-map delay-timer 1\n", "", SEVERITY_WARNING, "delay-timer", "is 5 s",
	  "delay-timer 1" },
	{ "delay-timer 1", "delay-timer 0", SEVERITY_ERROR, "delay-timer", "never",
	  "delay-timer 1" },
	{ " coalesce-time 0\n", "", SEVERITY_NOTE, "coalesce-time", "a second", "coalesce-time 0" },
	{ " coalesce-time 0\n", " coalesce-time 0\n bgp suppress-fib-pending\n", SEVERITY_WARNING,
	  "instance", "second longer", "no bgp suppress-fib-pending" },
	{ " neighbor TOR ttl-security hops 1\n", "", SEVERITY_WARNING, "gtsm", "tor1 (10.0.1.1)",
	  "-c 'neighbor TOR ttl-security hops 1'" },
	{ " " K "timers 3 9\n", "", SEVERITY_WARNING, "timers", "180 s", "timers 3 9" },
	{ " " K "timers 3 9\n", " " K "timers 0 0\n", SEVERITY_WARNING, "timers", "never noticed",
	  "timers 3 9" },
	{ " " K "timers connect 1\n", "", SEVERITY_NOTE, "timers", "tried again",
	  "timers connect 1" },
	{ " " K "remote-as external\n", " " K "remote-as 65010\n", SEVERITY_ERROR, "peer-as",
	  "AS 65010, not external", "remote-as external" },
	{ " " K "description tor1\n", " " K "shutdown\n", SEVERITY_ERROR, "session", "shut down",
	  "no " K "shutdown" },
	{ "  " K "route-map TO-TOR4 out\n", "", SEVERITY_ERROR, "export-policy",
	  "no IPv4 export policy: bgpd sends it nothing", K "route-map TO-TOR4 out" },
	{ " ge 28 le 28", " ge 27 le 27", SEVERITY_ERROR, "export-policy",
	  "drops 1 IPv4 VIP, first net (203.0.113.64/28)", "'no ip prefix-list VIP4'" },
	{ "prefix-list VIP6 seq 5 permit", "prefix-list VIP6 seq 5 deny", SEVERITY_ERROR,
	  "export-policy", "drops 1 IPv6 VIP", "ge 128" },
	{ "route-map TO-TOR6 permit 10", "route-map OTHER permit 10", SEVERITY_ERROR,
	  "export-policy", "drops 1 IPv6 VIP", "route-map TO-TOR6 permit 10" },
	{ "route-map TO-TOR4 deny 20", "route-map TO-TOR4 permit 20", SEVERITY_WARNING,
	  "export-policy", "let out 0.0.0.0/0", "'no route-map TO-TOR4'" },
	{ "203.0.113.0/24 ge 32", "203.0.113.0/24 le 32", SEVERITY_WARNING, "export-policy",
	  "let out 203.0.113.0/24", "ge 32" },
	{ "maximum-prefix-out 100", "maximum-prefix-out 1", SEVERITY_ERROR, "maximum-prefix-out",
	  "1 IPv4 prefixes at most, and there are 2 VIPs", "maximum-prefix-out 100" },
	{ "  " K "maximum-prefix-out 100\n", "", SEVERITY_NOTE, "maximum-prefix-out", "fuse",
	  "maximum-prefix-out 100" },
	{ "  " K "activate\n", "", SEVERITY_ERROR, "peers", "not activated for IPv4",
	  K "activate" },
	{ " neighbor TOR peer-group\n",
	  " neighbor TOR peer-group\n neighbor 10.9.9.9 remote-as 65001\n", SEVERITY_NOTE, NULL,
	  NULL, NULL },
};

TEST(frr_doctor, finds_each_thing_that_is_changed)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const struct change *change = &changes[i];
		struct patient patient;

		set_up(&patient);
		replace(&patient.facts.daemons[FRR_BGPD].config, change->from, change->to);
		examine(&patient);
		if (change->check)
			expect_one(&patient, change->severity, change->check, change->text,
				   change->fix);
		else /* a neighbour that is not activated gets nothing: no matter */
			assert_int_equal(patient.diagnosis.n, 0);
		tear_down(&patient);
	}
}

TEST(frr_doctor, leaves_peer_groups_and_policies_of_the_operators_own_alone)
{
	static const char own[] =
		HEAD "frr defaults datacenter\nbgp route-map delay-timer 1\n"
		     "router bgp 65010\n bgp router-id 10.0.1.2\n no bgp network import-check\n"
		     " coalesce-time 0\n segment-routing srv6\n  locator MAIN\n exit\n"
		     " neighbor UP peer-group\n neighbor UP remote-as 65000\n"
		     " neighbor UP bfd\n neighbor UP ttl-security hops 1\n"
		     " neighbor UP timers connect 1\n neighbor 10.0.1.1 peer-group UP\n !\n"
		     " address-family ipv4 unicast\n  neighbor UP prefix-list ANYCAST out\n"
		     "  neighbor UP maximum-prefix-out 500\n  neighbor UP prefix-list NO in\n"
		     " exit-address-family\n !\n"
		     " address-family ipv6 unicast\n  neighbor UP activate\n"
		     "  neighbor UP route-map V6 out\n  neighbor UP maximum-prefix-out 500\n"
		     "  neighbor UP prefix-list NO in\n exit-address-family\nexit\n"
		     "ip prefix-list ANYCAST seq 5 permit 203.0.113.10/32\n"
		     "ip prefix-list ANYCAST seq 10 permit 203.0.113.64/28\n"
		     "route-map V6 permit 5\n match community ANYCAST\nexit\n";
	struct patient patient;

	set_up(&patient);
	free(patient.facts.daemons[FRR_BGPD].config);
	patient.facts.daemons[FRR_BGPD].config = copy(own);
	examine(&patient);
	print_all(&patient.diagnosis);
	assert_int_equal(patient.diagnosis.n, 0);
	tear_down(&patient);
}

TEST(frr_doctor, believes_what_was_sent_more_than_the_policy)
{
	struct patient patient;

	set_up(&patient);
	free(patient.facts.advertised[0][0]);
	patient.facts.advertised[0][0] = copy("{\"advertisedRoutes\":{\"10.0.0.0/8\":{}}}");
	examine(&patient);
	expect_one(&patient, SEVERITY_ERROR, "export-policy", "is sent 10.0.0.0/8", "TO-TOR4");
	tear_down(&patient);
}

TEST(frr_doctor, says_once_that_a_daemon_is_gone)
{
	struct patient patient;

	set_up(&patient);
	free(patient.facts.daemons[FRR_BGPD].config);
	patient.facts.daemons[FRR_BGPD].config = NULL;
	patient.facts.daemons[FRR_BGPD].reason = -EACCES;
	examine(&patient);
	expect_one(&patient, SEVERITY_ERROR, "bgpd", "not in the group frrvty",
		   "usermod -aG frrvty");
	tear_down(&patient);
}

TEST(frr_doctor, judges_bfd_by_when_the_router_notices)
{
	struct patient patient;

	set_up(&patient);
	replace(&patient.facts.daemons[FRR_BFDD].state, "remote-receive-interval\":100",
		"remote-receive-interval\":1000");
	examine(&patient);
	expect_one(&patient, SEVERITY_WARNING, "bfd", "after 3000 ms", "transmit-interval 100");
	replace(&patient.facts.daemons[FRR_BFDD].state, "\"up\"", "\"down\"");
	examine(&patient);
	expect_one(&patient, SEVERITY_WARNING, "bfd", "is down", "show bfd peers");
	replace(&patient.facts.daemons[FRR_BFDD].state, "\"multihop\":false", "\"multihop\":true");
	examine(&patient);
	expect_one(&patient, SEVERITY_WARNING, "bfd", "some hops away",
		   "-c 'no neighbor 10.0.1.1'");
	tear_down(&patient);
}

TEST(frr_doctor, finds_saved_lines_inside_the_ranges_only)
{
	struct patient patient;

	set_up(&patient);
	patient.facts.saved_file = copy("/etc/frr/frr.conf");
	patient.facts.saved = copy("router bgp 65010\naddress-family ipv4 unicast\n"
				   "network 203.0.113.10/32 route-map SHOAL-VIP-PLAIN\n"
				   "network 192.0.2.0/24\nexit-address-family\n");
	examine(&patient);
	expect_one(&patient, SEVERITY_WARNING, "saved", "1 network line inside",
		   "'\\|^ *network 203.0.113.10/32|d' /etc/frr/frr.conf");
	tear_down(&patient);
}

TEST(frr_doctor, finds_ports_that_are_closed_or_too_open)
{
	struct patient patient;

	set_up(&patient);
	replace(&patient.facts.listeners[0], "0100007F:0A2D", "00000000:0A2D");
	examine(&patient);
	expect_one(&patient, SEVERITY_WARNING, "ports", "2605", "127.0.0.1");
	replace(&patient.facts.listeners[0], ":00B3", ":00B4");
	replace(&patient.facts.listeners[0], "00000000:0A2D", "0100007F:0A2D");
	examine(&patient);
	expect_one(&patient, SEVERITY_WARNING, "ports", "port 179", "bgpd_options");
	tear_down(&patient);
}

/* ---- passwords ---- */

static int set_password(struct patient *patient, const char *text, mode_t mode, struct err *err)
{
	char path[] = "/tmp/shoal-password.XXXXXX";
	int fd = mkstemp(path), r;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	r = frr_options_set_password_file(&patient->options, patient->config, "tor1", path, err);
	unlink(path);
	return r;
}

TEST(frr_options, take_a_password_from_a_file_that_is_nobody_elses)
{
	struct patient patient;
	struct err err;

	set_up(&patient);
	assert_int_equal(set_password(&patient, "secret\n", 0644, &err), -EPERM);
	assert_non_null(strstr(err.text, "chmod 600"));
	assert_int_equal(set_password(&patient, "secret\n", 0660, &err), -EPERM);
	assert_int_equal(set_password(&patient, "two words\n", 0600, &err), -EINVAL);
	assert_int_equal(set_password(&patient, "two\nlines\n", 0600, &err), -EINVAL);
	assert_int_equal(set_password(&patient, "\n", 0600, &err), -EINVAL);
	assert_int_equal(set_password(&patient, "secret\n", 0640, &err), 0);
	assert_string_equal(patient.options.peers[0].password, "secret");
	assert_int_equal(set_password(&patient, "another", 0400, &err), 0);
	assert_string_equal(patient.options.peers[0].password, "another");
	tear_down(&patient);
}

TEST(frr_doctor, compares_passwords_and_prints_none)
{
	struct patient patient;
	struct err err;

	set_up(&patient);
	assert_int_equal(set_password(&patient, "secret", 0600, &err), 0);
	examine(&patient);
	expect_one(&patient, SEVERITY_WARNING, "password", "no password", "--password-file");
	replace(&patient.facts.daemons[FRR_BGPD].config, " " K "bfd\n",
		" " K "bfd\n " K "password other\n");
	examine(&patient);
	expect_one(&patient, SEVERITY_WARNING, "password", "another password", NULL);
	assert_null(strstr(patient.diagnosis.items[0].text, "secret"));
	assert_null(strstr(patient.diagnosis.items[0].fix, "secret"));
	replace(&patient.facts.daemons[FRR_BGPD].config, "password other", "password secret");
	examine(&patient);
	assert_int_equal(patient.diagnosis.n, 0);
	tear_down(&patient);
}

TEST(frr_options, know_an_internal_peer_by_its_number)
{
	struct patient patient;
	struct err err;

	set_up(&patient);
	assert_int_equal(frr_options_set_as(&patient.options, patient.config, NULL, "65010", &err),
			 0);
	assert_true(patient.options.peers[0].is_internal);
	assert_int_equal(
		frr_options_set_as(&patient.options, patient.config, "10.0.1.1", "65000", &err), 0);
	assert_false(patient.options.peers[0].is_internal);
	assert_int_equal(frr_options_set_as(&patient.options, patient.config, "no", "65000", &err),
			 -EINVAL);
	assert_int_equal(frr_options_set_as(&patient.options, patient.config, NULL, "0", &err),
			 -EINVAL);
	tear_down(&patient);
}

RUN_TESTS(T(frr_doctor, finds_nothing_in_what_frr_config_prints),
	  T(frr_doctor, finds_each_thing_that_is_changed),
	  T(frr_doctor, leaves_peer_groups_and_policies_of_the_operators_own_alone),
	  T(frr_doctor, believes_what_was_sent_more_than_the_policy),
	  T(frr_doctor, says_once_that_a_daemon_is_gone),
	  T(frr_doctor, judges_bfd_by_when_the_router_notices),
	  T(frr_doctor, finds_saved_lines_inside_the_ranges_only),
	  T(frr_doctor, finds_ports_that_are_closed_or_too_open),
	  T(frr_options, take_a_password_from_a_file_that_is_nobody_elses),
	  T(frr_doctor, compares_passwords_and_prints_none),
	  T(frr_options, know_an_internal_peer_by_its_number))
