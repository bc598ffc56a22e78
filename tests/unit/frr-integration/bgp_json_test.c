/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of bgpd's JSON: what FRR 8.4.4 says is understood, what is renamed is refused. */
#include "frr-integration/bgp_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"

/* Cut from FRR 8.4.4. */
static const char summary_text[] =
	"{\"ipv4Unicast\":{\"routerId\":\"10.255.1.1\",\"as\":65100,\"vrfId\":0,\"ribCount\":5,"
	"\"peers\":{\"10.2.1.1\":{\"hostname\":\"vm\",\"remoteAs\":65000,\"peerUptimeMsec\":19000,"
	"\"pfxRcd\":0,\"pfxSnt\":2,\"state\":\"Established\",\"peerState\":\"OK\","
	"\"connectionsEstablished\":1,\"connectionsDropped\":3,\"idType\":\"ipv4\"},"
	"\"eth0\":{\"remoteAs\":0,\"peerUptimeMsec\":0,\"pfxSnt\":0,\"state\":\"Idle\","
	"\"peerState\":\"Policy\",\"connectionsDropped\":0,\"idType\":\"interface\"}},"
	"\"failedPeers\":1}\n,\n\"ipv6Unicast\":{\"as\":65100,\"peers\":{\"10.2.1.1\":{"
	"\"peerUptimeMsec\":19000,\"pfxSnt\":1,\"state\":\"Established\","
	"\"connectionsDropped\":3}}}}";

static const char advertised_text[] =
	"{\"bgpTableVersion\":3,\"localAS\":65100,\"advertisedRoutes\":{\"198.18.0.2/32\":{"
	"\"addrPrefix\":\"198.18.0.2\",\"prefixLen\":32},\"198.18.0.1/32\":{},"
	"\"2001:db8:1::1/128\":{}},\"totalPrefixCounter\":3,\"filteredPrefixCounter\":0}";

static const char table_text[] =
	"{\"vrfId\":0,\"routes\":{\"198.18.0.1/32\":[{\"valid\":true,\"weight\":32768,"
	"\"peerId\":\"(unspec)\",\"path\":\"\"}],\"198.18.0.2/32\":[{\"weight\":32768,"
	"\"path\":\"\"}],\"198.18.0.3/32\":[{\"valid\":true,\"weight\":0,\"path\":\"65000\"},"
	"{\"valid\":true,\"weight\":32768,\"path\":\"\"}],\"0.0.0.0/0\":[{\"valid\":true,"
	"\"weight\":0,\"path\":\"65000\"}],\"198.18.0.4/32\":[{\"valid\":true,"
	"\"weight\":0,\"path\":\"\"}]}}"; /* the last: learnt over iBGP */

static struct prefix make_prefix(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static bool has(const struct bgp_prefixes *prefixes, const char *text)
{
	struct prefix prefix = make_prefix(text);

	return bgp_prefixes_has(prefixes, &prefix);
}

/* text with the first `"name"` renamed to `"name_"`. */
static char *rename_field(const char *text, const char *name)
{
	char quoted[64], *renamed = malloc(strlen(text) + 2), *at;

	assert_non_null(renamed);
	snprintf(quoted, sizeof(quoted), "\"%s\":", name);
	at = strstr(text, quoted);
	assert_non_null(at);
	at += strlen(quoted) - 2;
	memcpy(renamed, text, (size_t)(at - text));
	renamed[at - text] = '_';
	strcpy(renamed + (at - text) + 1, at);
	return renamed;
}

TEST(summary, joins_the_families_of_a_peer)
{
	struct bgp_summary summary;
	const struct bgp_peer *peer;

	assert_int_equal(bgp_json_summary(summary_text, strlen(summary_text), &summary, NULL), 0);
	assert_true(summary.has_as);
	assert_int_equal(summary.as, 65100);
	assert_int_equal(summary.n_peers, 2);
	peer = bgp_summary_find(&summary, "10.2.1.1");
	assert_non_null(peer);
	assert_true(peer->is_established && peer->in_ipv4 && peer->in_ipv6);
	assert_int_equal(peer->sent4, 2);
	assert_int_equal(peer->sent6, 1);
	assert_int_equal(peer->dropped, 3);
	assert_int_equal(peer->uptime_ms, 19000);
	peer = bgp_summary_find(&summary, "eth0");
	assert_non_null(peer);
	assert_false(peer->is_established);
	assert_string_equal(peer->state, "Idle");
	assert_false(peer->in_ipv6);
	assert_null(bgp_summary_find(&summary, "10.2.1.9"));
	bgp_summary_fini(&summary);
}

TEST(summary, of_nothing_has_no_as)
{
	struct bgp_summary summary;

	assert_int_equal(bgp_json_summary("{}\n", 3, &summary, NULL), 0);
	assert_false(summary.has_as);
	assert_int_equal(summary.n_peers, 0);
}

TEST(summary, refuses_each_renamed_field)
{
	static const char *const fields[] = { "as",     "peers",          "state",
					      "pfxSnt", "peerUptimeMsec", "connectionsDropped" };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		char *text = rename_field(summary_text, fields[i]);
		struct bgp_summary summary;
		struct err err;

		assert_int_equal(bgp_json_summary(text, strlen(text), &summary, &err), -EBADMSG);
		assert_non_null(strstr(err.text, fields[i]));
		free(text);
	}
}

TEST(summary, refuses_renamed_families)
{
	static const char text[] = "{\"ipv4-unicast\":{}}";
	struct bgp_summary summary;

	assert_int_equal(bgp_json_summary(text, strlen(text), &summary, NULL), -EBADMSG);
}

TEST(summary, refuses_numbers_out_of_range)
{
	static const char *const bad[] = {
		"{\"ipv4Unicast\":{\"as\":-1,\"peers\":{}}}",
		"{\"ipv4Unicast\":{\"as\":4294967296,\"peers\":{}}}",
		"{\"ipv4Unicast\":{\"as\":\"65100x\",\"peers\":{}}}",
		"{\"ipv4Unicast\":{\"as\":1,\"peers\":[]}}",
		"{\"ipv4Unicast\":[]}",
	};
	struct bgp_summary summary;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bgp_json_summary(bad[i], strlen(bad[i]), &summary, NULL),
				 -EBADMSG);
}

TEST(summary, reads_dotted_as_numbers)
{
	static const char text[] = "{\"ipv4Unicast\":{\"as\":\"1.10\",\"peers\":{}}}";
	struct bgp_summary summary;

	assert_int_equal(bgp_json_summary(text, strlen(text), &summary, NULL), 0);
	assert_int_equal(summary.as, 65546);
	bgp_summary_fini(&summary);
}

TEST(readers, refuse_what_is_no_object)
{
	static const char *const bad[] = { "", "[]", "1", "{", "{\"a\":}", "% Unknown command" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bgp_summary summary;
		struct bgp_prefixes prefixes = { 0 };
		struct err err = { 0 };
		size_t len = strlen(bad[i]);

		assert_int_equal(bgp_json_summary(bad[i], len, &summary, &err), -EBADMSG);
		assert_true(err.text[0] != '\0');
		assert_int_equal(bgp_json_advertised(bad[i], len, &prefixes, &err), -EBADMSG);
		assert_int_equal(bgp_json_local(bad[i], len, &prefixes, &err), -EBADMSG);
	}
}

TEST(advertised, is_a_sorted_set)
{
	struct bgp_prefixes prefixes = { 0 };

	assert_int_equal(
		bgp_json_advertised(advertised_text, strlen(advertised_text), &prefixes, NULL), 0);
	assert_int_equal(prefixes.n, 3);
	assert_true(has(&prefixes, "198.18.0.1/32"));
	assert_true(has(&prefixes, "2001:db8:1::1/128"));
	assert_false(has(&prefixes, "198.18.0.3/32"));
	assert_false(has(&prefixes, "198.18.0.0/31"));
	bgp_prefixes_fini(&prefixes);
}

TEST(advertised, to_an_unknown_neighbour_is_empty)
{
	static const char *const texts[] = {
		"{\"warning\":\"No such neighbor in this view/vrf\"}",
		"{\"malformedAddressOrName\":\"eth9\"}",
		"{\"advertisedRoutes\":{},\"totalPrefixCounter\":0}",
	};

	for (size_t i = 0; i < 3; i++) {
		struct bgp_prefixes prefixes = { 0 };

		assert_int_equal(bgp_json_advertised(texts[i], strlen(texts[i]), &prefixes, NULL),
				 0);
		assert_int_equal(prefixes.n, 0);
	}
}

TEST(advertised, refuses_renamed_routes_and_bad_prefixes)
{
	char *text = rename_field(advertised_text, "advertisedRoutes");
	static const char bad[] = "{\"advertisedRoutes\":{\"198.18.0.1/33\":{}}}";
	struct bgp_prefixes prefixes = { 0 };
	struct err err;

	assert_int_equal(bgp_json_advertised(text, strlen(text), &prefixes, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "advertisedRoutes"));
	assert_int_equal(bgp_json_advertised(bad, strlen(bad), &prefixes, &err), -EBADMSG);
	free(text);
}

TEST(advertised, is_refused_wherever_it_is_cut)
{
	for (size_t len = 0; len < strlen(advertised_text); len++) {
		struct bgp_prefixes prefixes = { 0 };
		struct err err = { 0 };

		assert_int_equal(bgp_json_advertised(advertised_text, len, &prefixes, &err),
				 -EBADMSG);
		assert_true(err.text[0] != '\0');
		assert_int_equal(prefixes.n, 0);
	}
}

/* The names are found among members of every kind, and only those of the one object. */
TEST(advertised, is_found_among_anything)
{
	static const char text[] =
		" {\n\"a\" : [ ], \"b\":[1,-2.5e+3,{\"advertisedRoutes\":{\"198.18.9.9/32\":1}}],"
		"\"c\":\"}{\\\"]\\\\\",\"d\":{}, \"advertisedRoutes\" : { \"198.18.0.1\\/32\":null "
		","
		"\"198.18.0.2/32\":[[{\"198.18.8.8/32\":true}]]} , \"e\":false}\n";
	struct bgp_prefixes prefixes = { 0 };

	assert_int_equal(bgp_json_advertised(text, strlen(text), &prefixes, NULL), 0);
	assert_int_equal(prefixes.n, 2);
	assert_true(has(&prefixes, "198.18.0.1/32"));
	assert_true(has(&prefixes, "198.18.0.2/32"));
	bgp_prefixes_fini(&prefixes);
}

TEST(advertised, refuses_what_is_no_json)
{
	static const char *const bad[] = {
		"{\"advertisedRoutes\":{\"198.18.0.1/32\":{}}}x",
		"{\"advertisedRoutes\":{\"198.18.0.1/32\":{}}}{}",
		"{\"advertisedRoutes\":{\"198.18.0.1/32\":{},}}",
		"{\"advertisedRoutes\":{\"198.18.0.1/32\" {}}}",
		"{\"advertisedRoutes\":{\"198.18.0.1/32\":}}",
		"{\"advertisedRoutes\":{\"198.18.0.1/32\":{]}}",
		"{\"advertisedRoutes\":{\"198.18.0.1/32\":{}}\"a\":1}",
		"{\"advertisedRoutes\":{198.18.0.1/32:{}}}",
		"{\"advertisedRoutes\":{\"198.18.0.1/32\n\":{}}}",
		"{\"advertisedRoutes\":{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]"
		"]]]]]]]]"
		"]]]]]]]]]]]]]]]]]]]]}}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bgp_prefixes prefixes = { 0 };
		struct err err = { 0 };

		assert_int_equal(bgp_json_advertised(bad[i], strlen(bad[i]), &prefixes, &err),
				 -EBADMSG);
		assert_true(err.text[0] != '\0');
	}
}

TEST(local, are_the_valid_ones_of_our_own)
{
	struct bgp_prefixes prefixes = { 0 };

	assert_int_equal(bgp_json_local(table_text, strlen(table_text), &prefixes, NULL), 0);
	assert_int_equal(prefixes.n, 2);
	assert_true(has(&prefixes, "198.18.0.1/32"));
	assert_true(has(&prefixes, "198.18.0.3/32"));
	bgp_prefixes_fini(&prefixes);
}

TEST(local, several_answers_make_one_set)
{
	static const char other[] = "{\"routes\":{\"2001:db8::/64\":[{\"valid\":true,"
				    "\"weight\":32768,\"path\":\"\"}],\"198.18.0.1/32\":[{"
				    "\"valid\":true,\"weight\":32768,\"path\":\"\"}]}}";
	struct bgp_prefixes prefixes = { 0 };

	assert_int_equal(bgp_json_local(table_text, strlen(table_text), &prefixes, NULL), 0);
	assert_int_equal(bgp_json_local(other, strlen(other), &prefixes, NULL), 0);
	assert_int_equal(prefixes.n, 3);
	bgp_prefixes_fini(&prefixes);
}

TEST(local, refuses_each_renamed_field)
{
	static const char *const fields[] = { "routes", "weight", "path" };

	for (size_t i = 0; i < 3; i++) {
		char *text = rename_field(table_text, fields[i]);
		struct bgp_prefixes prefixes = { 0 };
		struct err err;

		assert_int_equal(bgp_json_local(text, strlen(text), &prefixes, &err), -EBADMSG);
		assert_non_null(strstr(err.text, fields[i]));
		bgp_prefixes_fini(&prefixes);
		free(text);
	}
}

static void take_reset(void *arg, const char *key, const char *reason)
{
	snprintf(arg, 128, "%s: %s", key, reason);
}

TEST(resets, name_peer_and_reason)
{
	static const char text[] = "{\"10.2.1.1\":{\"bgpState\":\"Idle\",\"lastResetDueTo\":"
				   "\"BFD down received\",\"lastResetCode\":26}}";
	static const char bad[] = "{\"10.2.1.1\":{\"lastResetDueTo\":26}}";
	char said[128] = "";

	assert_int_equal(bgp_json_resets(text, strlen(text), take_reset, said, NULL), 0);
	assert_string_equal(said, "10.2.1.1: BFD down received");
	assert_int_equal(bgp_json_resets(bad, strlen(bad), take_reset, said, NULL), -EBADMSG);
	assert_int_equal(bgp_json_resets("{\n}", 3, take_reset, said, NULL), 0);
}

RUN_TESTS(T(summary, joins_the_families_of_a_peer), T(summary, of_nothing_has_no_as),
	  T(summary, refuses_each_renamed_field), T(summary, refuses_renamed_families),
	  T(summary, refuses_numbers_out_of_range), T(summary, reads_dotted_as_numbers),
	  T(readers, refuse_what_is_no_object), T(advertised, is_a_sorted_set),
	  T(advertised, to_an_unknown_neighbour_is_empty),
	  T(advertised, refuses_renamed_routes_and_bad_prefixes),
	  T(advertised, is_refused_wherever_it_is_cut), T(advertised, is_found_among_anything),
	  T(advertised, refuses_what_is_no_json), T(local, are_the_valid_ones_of_our_own),
	  T(local, several_answers_make_one_set), T(local, refuses_each_renamed_field),
	  T(resets, name_peer_and_reason))
