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

static void print_peers(FILE *to, const char *family, int first, int step)
{
	fprintf(to, "\"%s\":{\"as\":65100,\"peers\":{", family);
	for (int i = 0; i < 6000; i++)
		fprintf(to,
			"%s\"10.2.%d.%d\":{\"peerUptimeMsec\":1,\"pfxSnt\":%d,"
			"\"state\":\"Established\",\"connectionsDropped\":0}",
			i ? "," : "", (first + i * step) / 250, (first + i * step) % 250,
			first + i * step);
	fprintf(to, "}}");
}

TEST(summary, joins_the_families_of_thousands_in_any_order)
{
	struct bgp_summary summary;
	struct err err = { "" };
	char *text = NULL;
	size_t len;
	FILE *to = open_memstream(&text, &len);

	assert_non_null(to);
	fprintf(to, "{");
	print_peers(to, "ipv4Unicast", 0, 1);
	fprintf(to, ",");
	print_peers(to, "ipv6Unicast", 5999, -1);
	fprintf(to, "}");
	fclose(to);
	if (bgp_json_summary(text, len, &summary, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(summary.n_peers, 6000);
	for (int i = 0; i < 6000; i++) {
		char key[32];
		const struct bgp_peer *peer;

		snprintf(key, sizeof(key), "10.2.%d.%d", i / 250, i % 250);
		peer = bgp_summary_find(&summary, key);
		assert_true(peer && peer->in_ipv4 && peer->in_ipv6);
		assert_int_equal(peer->sent4, i);
		assert_int_equal(peer->sent6, i);
	}
	bgp_summary_fini(&summary);
	free(text);
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

TEST(summary, takes_texts_of_any_encoding)
{
	static const char text[] = "{\"ipv4Unicast\":{\"as\":65100,\"peers\":{},"
				   "\"desc\":\"M\xfcnchen\",\"hostname\":\"\xff\"}}";
	struct bgp_summary summary;

	assert_int_equal(bgp_json_summary(text, strlen(text), &summary, NULL), 0);
	assert_int_equal(summary.as, 65100);
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
		assert_int_equal(bgp_json_local(bad[i], len, 65010, &prefixes, &err), -EBADMSG);
	}
}

static void take_neighbour(void *arg, const struct bgp_neighbour *neighbour)
{
	(void)arg;
	(void)neighbour;
}

/* Garbage of 32 MiB, the longest reply there is, is not worked on while everything else waits. */
TEST(readers, refuse_what_is_longer_than_any_answer)
{
	size_t len = 20U << 20;
	char *text = malloc(len);
	struct bgp_summary summary;
	struct bgp_prefixes prefixes = { 0 };
	struct err err;

	assert_non_null(text);
	memset(text, ' ', len);
	text[0] = '{';
	text[len - 1] = '}';
	assert_int_equal(bgp_json_summary(text, len, &summary, &err), -EBADMSG);
	assert_string_equal(err.text, "'show bgp summary json': 20971520 bytes, and no answer to "
				      "it has more than 4194304");
	assert_int_equal(bgp_json_neighbours(text, len, take_neighbour, NULL, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "20971520 bytes"));
	assert_int_equal(bgp_json_local(text, len, 65010, &prefixes, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "20971520 bytes"));
	assert_int_equal(bgp_json_advertised(text, len, &prefixes, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "20971520 bytes"));
	free(text);
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

	assert_int_equal(bgp_json_local(table_text, strlen(table_text), 65010, &prefixes, NULL), 0);
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

	assert_int_equal(bgp_json_local(table_text, strlen(table_text), 65010, &prefixes, NULL), 0);
	assert_int_equal(bgp_json_local(other, strlen(other), 65010, &prefixes, NULL), 0);
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

		assert_int_equal(bgp_json_local(text, strlen(text), 65010, &prefixes, &err),
				 -EBADMSG);
		assert_non_null(strstr(err.text, fields[i]));
		bgp_prefixes_fini(&prefixes);
		free(text);
	}
}

static void copy_neighbour(void *arg, const struct bgp_neighbour *neighbour)
{
	static char texts[4][64];
	struct bgp_neighbour *copy = arg;

	*copy = *neighbour;
	snprintf(texts[0], sizeof(texts[0]), "%s", neighbour->key);
	snprintf(texts[1], sizeof(texts[1]), "%s", neighbour->last_reset);
	snprintf(texts[2], sizeof(texts[2]), "%s", neighbour->notification);
	snprintf(texts[3], sizeof(texts[3]), "%s",
		 neighbour->out[0].filter ? neighbour->out[0].filter : "");
	copy->key = texts[0];
	copy->last_reset = texts[1];
	copy->notification = texts[2];
	copy->out[0].filter = texts[3];
}

static struct bgp_neighbour read_one(const char *text)
{
	struct bgp_neighbour ret = { 0 };

	assert_int_equal(bgp_json_neighbours(text, strlen(text), copy_neighbour, &ret, NULL), 0);
	return ret;
}

/* As FRR 8.4.4 prints it when BFD ended a session. */
TEST(neighbours, tell_resets_bfd_and_export_policy)
{
	struct bgp_neighbour tor = read_one(
		"{\"10.2.1.1\":{\"remoteAs\":65000,\"bgpState\":\"Active\",\"lastResetDueTo\":"
		"\"BGP Notification send\",\"lastResetTimerMsecs\":3000,\"lastNotificationReason\":"
		"\"Cease/BFD Down\",\"addressFamilyInfo\":{\"ipv4Unicast\":{"
		"\"outboundPathPolicyConfig\":true,\"routeMapForOutgoingAdvertisements\":\"TO\","
		"\"prefixOutAllowedMax\":1000},\"ipv6Unicast\":{\"outboundPathPolicyConfig\":false}"
		"},"
		"\"peerBfdInfo\":{\"type\":\"single hop\",\"detectMultiplier\":3,"
		"\"rxMinInterval\":300,\"txMinInterval\":100,\"status\":\"Down\","
		"\"lastUpdate\":\"1:02:03:04\"}}}");

	assert_string_equal(tor.key, "10.2.1.1");
	assert_int_equal(tor.remote_as, 65000);
	assert_string_equal(tor.last_reset, "BGP Notification send");
	assert_string_equal(tor.notification, "Cease/BFD Down");
	assert_int_equal(tor.reset_ms, 3000);
	assert_int_equal(tor.bfd, BGP_BFD_DOWN);
	assert_int_equal(tor.bfd_ms, (((24 + 2) * 60 + 3) * 60 + 4) * 1000);
	assert_int_equal(tor.bfd_rx_ms, 300);
	assert_int_equal(tor.bfd_tx_ms, 100);
	assert_int_equal(tor.bfd_multiplier, 3);
	assert_string_equal(tor.out[0].filter, "TO");
	assert_int_equal(tor.out[0].max_out, 1000);
	assert_false(tor.out[0].lacks_policy);
	assert_true(tor.out[1].lacks_policy);
}

/* Nothing here proves an announcement: a field of another FRR must not cost the connection. */
TEST(neighbours, take_what_is_missing_or_of_another_type_for_unknown)
{
	struct bgp_neighbour tor = read_one("{\"eth0\":{\"lastResetDueTo\":26,\"remoteAs\":-1,"
					    "\"lastResetTimerMsecs\":\"soon\","
					    "\"peerBfdInfo\":{\"state\":\"Up\"}}}");

	assert_string_equal(tor.key, "eth0");
	assert_string_equal(tor.last_reset, "");
	assert_int_equal(tor.remote_as, 0);
	assert_int_equal(tor.reset_ms, 0);
	assert_int_equal(tor.bfd, BGP_BFD_UNKNOWN);
	assert_int_equal(tor.bfd_ms, 0);
	tor = read_one("{\"eth0\":{\"addressFamilyInfo\":[],\"peerBfdInfo\":true}}");
	assert_int_equal(tor.bfd, BGP_BFD_NONE);
	assert_int_equal(tor.out[0].max_out, 0);
	assert_null(read_one("{\"warning\":\"No BGP neighbors\"}").key);
}

TEST(neighbours, refuse_what_is_no_object)
{
	struct err err;

	assert_int_equal(bgp_json_neighbours("[1", 2, copy_neighbour, NULL, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "'show bgp neighbors json'"));
	assert_int_equal(bgp_json_neighbours("[]", 2, copy_neighbour, NULL, &err), -EBADMSG);
}

/* As a drain may prepend it; another AS in it, or one that begins alike, is somebody else's. */
TEST(bgp_json, local_paths_may_hold_our_own_as)
{
	static const struct {
		const char *path;
		bool is_local;
	} cases[] = { { "", true },
		      { "65010", true },
		      { "65010 65010 65010", true },
		      { "65010 65000", false },
		      { "650100", false },
		      { "65000", false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bgp_prefixes prefixes = { 0 };
		char text[256];

		snprintf(text, sizeof(text),
			 "{\"routes\":{\"203.0.113.10/32\":[{\"valid\":true,\"weight\":32768,"
			 "\"path\":\"%s\"}]}}",
			 cases[i].path);
		assert_int_equal(bgp_json_local(text, strlen(text), 65010, &prefixes, NULL), 0);
		assert_int_equal(prefixes.n, cases[i].is_local);
		bgp_prefixes_fini(&prefixes);
	}
}

RUN_TESTS(T(summary, joins_the_families_of_a_peer),
	  T(summary, joins_the_families_of_thousands_in_any_order),
	  T(readers, refuse_what_is_longer_than_any_answer), T(summary, of_nothing_has_no_as),
	  T(summary, refuses_each_renamed_field), T(summary, refuses_renamed_families),
	  T(summary, refuses_numbers_out_of_range), T(summary, reads_dotted_as_numbers),
	  T(summary, takes_texts_of_any_encoding), T(readers, refuse_what_is_no_object),
	  T(advertised, is_a_sorted_set), T(advertised, to_an_unknown_neighbour_is_empty),
	  T(advertised, refuses_renamed_routes_and_bad_prefixes),
	  T(advertised, is_refused_wherever_it_is_cut), T(advertised, is_found_among_anything),
	  T(advertised, refuses_what_is_no_json), T(local, are_the_valid_ones_of_our_own),
	  T(local, several_answers_make_one_set), T(local, refuses_each_renamed_field),
	  T(neighbours, tell_resets_bfd_and_export_policy),
	  T(neighbours, take_what_is_missing_or_of_another_type_for_unknown),
	  T(neighbours, refuse_what_is_no_object), T(bgp_json, local_paths_may_hold_our_own_as))
