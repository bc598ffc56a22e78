/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/bgp_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frr-integration/bgp_config.h"
#include "frr-integration/json_scan.h"

/*
 * What each answer can be at most: far more than a node's bgpd has to say, and little enough that
 * the loop is not kept from everything else by reading it.
 */
#define SUMMARY_MAX    (4U << 20)  /* some 7,000 neighbours in two families */
#define NEIGHBOURS_MAX (16U << 20) /* some 3,000 */
#define TABLE_MAX      (8U << 20)  /* some 20,000 routes */
#define WARNING_MAX    (64U << 10) /* instead of an answer */

static bool is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	return true;
}

/*
 * Descriptions and host names, which a peer tells by itself, may be in any encoding; nothing that
 * is read here is but ASCII. So bytes that are no UTF-8 count as question marks.
 */
static json_t *load_whatever_encoded(const char *text, size_t len, json_error_t *error)
{
	json_t *root = json_loadb(text, len, 0, error);
	char *ascii = root || is_ascii(text, len) ? NULL : malloc(len);

	if (!ascii)
		return root;
	for (size_t i = 0; i < len; i++)
		ascii[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	root = json_loadb(ascii, len, 0, error);
	free(ascii);
	return root;
}

/* The answer as one object, or NULL with the sentence. */
static json_t *load_object(const char *text, size_t len, size_t max, const char *what,
			   struct err *err)
{
	json_error_t error;
	json_t *root;

	if (len > max) {
		err_set(err, -EBADMSG, "%s: %zu bytes, and no answer to it has more than %zu", what,
			len, max);
		return NULL;
	}
	root = load_whatever_encoded(text, len, &error);
	if (root && json_is_object(root))
		return root;
	if (root)
		err_set(err, -EBADMSG, "%s: not a JSON object", what);
	else
		err_set(err, -EBADMSG, "%s: no JSON at line %d: %s", what, error.line, error.text);
	json_decref(root);
	return NULL;
}

static int missing(struct err *err, const char *what, const char *where, const char *field,
		   const char *type)
{
	return err_set(err, -EBADMSG, "%s: '%.64s' has no %s '%s'", what, where, type, field);
}

/* A number 0..max named field. */
static int need_number(json_t *object, const char *what, const char *where, const char *field,
		       uint64_t max, uint64_t *ret, struct err *err)
{
	json_t *value = json_object_get(object, field);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max)
		return missing(err, what, where, field, "number");
	*ret = (uint64_t)json_integer_value(value);
	return 0;
}

static int need_string(json_t *object, const char *what, const char *where, const char *field,
		       const char **ret, struct err *err)
{
	json_t *value = json_object_get(object, field);

	if (!json_is_string(value))
		return missing(err, what, where, field, "text");
	*ret = json_string_value(value);
	return 0;
}

/* ---- summary ---- */

static const char summary_what[] = "'show bgp summary json'";

/* A number, or text where `as-notation` is dotted (FRR 9). */
static int need_as(json_t *family, const char *name, uint32_t *ret, struct err *err)
{
	json_t *value = json_object_get(family, "as");
	const char *rest;
	uint64_t number = 0;
	int r;

	if (json_is_string(value) && bgp_as_parse(json_string_value(value), ret, &rest) && !*rest)
		return 0;
	r = need_number(family, summary_what, name, "as", UINT32_MAX, &number, err);
	if (r == 0)
		*ret = (uint32_t)number;
	return r;
}

/* Once for each family; join_families() makes one of them. */
static struct bgp_peer *add_peer(struct bgp_summary *summary, size_t *size, const char *key)
{
	struct bgp_peer *peer;

	if (summary->n_peers == *size) {
		size_t more = *size ? *size * 2 : 16;
		struct bgp_peer *peers = realloc(summary->peers, more * sizeof(*peers));

		if (!peers)
			return NULL;
		summary->peers = peers;
		*size = more;
	}
	peer = &summary->peers[summary->n_peers++];
	*peer = (struct bgp_peer){ 0 };
	snprintf(peer->key, sizeof(peer->key), "%s", key);
	return peer;
}

/* One neighbour within one family into *peer. */
static int read_peer(struct bgp_peer *peer, json_t *object, bool is_v6, struct err *err)
{
	const char *state = "", *key = peer->key;
	uint64_t uptime = 0, sent = 0, dropped = 0;
	bool established;
	int r = need_string(object, summary_what, key, "state", &state, err);

	if (r == 0)
		r = need_number(object, summary_what, key, "peerUptimeMsec", INT64_MAX, &uptime,
				err);
	if (r == 0)
		r = need_number(object, summary_what, key, "pfxSnt", UINT32_MAX, &sent, err);
	if (r == 0)
		r = need_number(object, summary_what, key, "connectionsDropped", UINT32_MAX,
				&dropped, err);
	if (r < 0)
		return r;
	established = strcmp(state, "Established") == 0;
	*(is_v6 ? &peer->in_ipv6 : &peer->in_ipv4) = true;
	*(is_v6 ? &peer->sent6 : &peer->sent4) = established ? (uint32_t)sent : 0;
	peer->is_established = established;
	peer->uptime_ms = established ? uptime : 0;
	peer->dropped = (uint32_t)dropped;
	snprintf(peer->state, sizeof(peer->state), "%s", state);
	return 0;
}

static int read_family(struct bgp_summary *summary, size_t *size, json_t *root, bool is_v6,
		       struct err *err)
{
	const char *name = is_v6 ? "ipv6Unicast" : "ipv4Unicast", *key;
	json_t *family = json_object_get(root, name), *peers, *object;
	int r;

	if (!family)
		return 0; /* no neighbour is activated for it */
	r = need_as(family, name, &summary->as, err);
	if (r < 0)
		return r;
	summary->has_as = true;
	peers = json_object_get(family, "peers");
	if (!json_is_object(peers))
		return missing(err, summary_what, name, "peers", "object");
	json_object_foreach (peers, key, object) {
		struct bgp_peer *peer = add_peer(summary, size, key);

		if (!peer)
			return err_set(err, -ENOMEM, "%s: %m", summary_what);
		r = read_peer(peer, object, is_v6, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int compare_peers(const void *a, const void *b)
{
	const struct bgp_peer *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static void join_peer(struct bgp_peer *to, const struct bgp_peer *from)
{
	if (from->in_ipv4)
		to->sent4 = from->sent4;
	if (from->in_ipv6)
		to->sent6 = from->sent6;
	to->in_ipv4 |= from->in_ipv4;
	to->in_ipv6 |= from->in_ipv6;
}

/* Thousands of dynamic neighbours are not looked for one among the others. */
static void join_families(struct bgp_summary *summary)
{
	struct bgp_peer *peers = summary->peers;
	size_t kept = 0;

	if (summary->n_peers == 0)
		return;
	qsort(peers, summary->n_peers, sizeof(*peers), compare_peers);
	for (size_t i = 1; i < summary->n_peers; i++) {
		if (compare_peers(&peers[kept], &peers[i]) == 0)
			join_peer(&peers[kept], &peers[i]);
		else
			peers[++kept] = peers[i];
	}
	summary->n_peers = kept + 1;
}

int bgp_json_summary(const char *text, size_t len, struct bgp_summary *ret, struct err *err)
{
	json_auto_t *root = load_object(text, len, SUMMARY_MAX, summary_what, err);
	struct bgp_summary summary = { 0 };
	size_t size = 0;
	int r;

	if (!root)
		return -EBADMSG;
	r = read_family(&summary, &size, root, false, err);
	if (r == 0)
		r = read_family(&summary, &size, root, true, err);
	/* FRR answers {} without an instance; anything else must have been understood. */
	if (r == 0 && json_object_size(root) > 0 && !summary.has_as &&
	    !json_object_get(root, "l2VpnEvpn") && !json_object_get(root, "warning"))
		r = err_set(err, -EBADMSG, "%s: neither 'ipv4Unicast' nor 'ipv6Unicast'",
			    summary_what);
	if (r < 0) {
		bgp_summary_fini(&summary);
		return r;
	}
	join_families(&summary);
	*ret = summary;
	return 0;
}

void bgp_summary_fini(struct bgp_summary *summary)
{
	free(summary->peers);
	memset(summary, 0, sizeof(*summary));
}

const struct bgp_peer *bgp_summary_find(const struct bgp_summary *summary, const char *key)
{
	struct bgp_peer wanted = { 0 };

	if (summary->n_peers == 0 || strlen(key) >= sizeof(wanted.key))
		return NULL;
	strcpy(wanted.key, key);
	return bsearch(&wanted, summary->peers, summary->n_peers, sizeof(wanted), compare_peers);
}

/* ---- sets of prefixes ---- */

static int prefixes_add(struct bgp_prefixes *prefixes, const struct prefix *prefix)
{
	if (prefixes->n == prefixes->size) {
		size_t size = prefixes->size ? prefixes->size * 2 : 64;
		struct prefix *items = realloc(prefixes->items, size * sizeof(*items));

		if (!items)
			return -ENOMEM;
		prefixes->items = items;
		prefixes->size = size;
	}
	prefixes->items[prefixes->n++] = *prefix;
	return 0;
}

static int compare_prefixes(const void *a, const void *b)
{
	return prefix_cmp(a, b);
}

static void prefixes_sort(struct bgp_prefixes *prefixes)
{
	size_t kept = 0;

	if (prefixes->n == 0)
		return;
	qsort(prefixes->items, prefixes->n, sizeof(prefixes->items[0]), compare_prefixes);
	for (size_t i = 1; i < prefixes->n; i++)
		if (!prefix_eq(&prefixes->items[kept], &prefixes->items[i]))
			prefixes->items[++kept] = prefixes->items[i];
	prefixes->n = kept + 1;
}

void bgp_prefixes_fini(struct bgp_prefixes *prefixes)
{
	free(prefixes->items);
	memset(prefixes, 0, sizeof(*prefixes));
}

bool bgp_prefixes_has(const struct bgp_prefixes *prefixes, const struct prefix *prefix)
{
	return prefixes->n > 0 && bsearch(prefix, prefixes->items, prefixes->n,
					  sizeof(prefixes->items[0]), compare_prefixes);
}

static int add_text(struct bgp_prefixes *prefixes, const char *text, const char *what,
		    struct err *err)
{
	struct prefix prefix;

	if (!strchr(text, '/') || prefix_parse(text, &prefix) < 0)
		return err_set(err, -EBADMSG, "%s: '%.64s' is no prefix", what, text);
	if (prefixes_add(prefixes, &prefix) < 0)
		return err_set(err, -ENOMEM, "%s: %m", what);
	return 0;
}

/* ---- Adj-RIB-Out ---- */

/* bgpd knows no such neighbour, or it has no such family. */
static bool is_no_neighbour(json_t *root)
{
	return json_object_get(root, "warning") || json_object_get(root, "malformedAddressOrName");
}

static const char advertised_what[] = "'show bgp neighbors advertised-routes json'";

struct advertised {
	struct bgp_prefixes prefixes;
	bool is_refused; /* a name of it is no prefix */
	struct err *err;
};

static int take_advertised(void *arg, const char *name)
{
	struct advertised *to = arg;

	int r = add_text(&to->prefixes, name, advertised_what, to->err);

	to->is_refused = r < 0;
	return r;
}

/* The answer has no list of routes: it may say why, or is none. */
static int no_advertised(const char *text, size_t len, struct err *err)
{
	json_auto_t *root = load_object(text, len, WARNING_MAX, advertised_what, err);

	if (!root)
		return -EBADMSG;
	if (is_no_neighbour(root))
		return 0;
	return missing(err, advertised_what, "the answer", "advertisedRoutes", "object");
}

int bgp_json_advertised(const char *text, size_t len, struct bgp_prefixes *ret, struct err *err)
{
	struct advertised to = { .err = err };
	int r = json_scan_names(text, len, "advertisedRoutes", take_advertised, &to);

	if (r < 0)
		bgp_prefixes_fini(&to.prefixes);
	/* A prefix that is none has its sentence; a text that is no JSON gets jansson's. */
	if (r == -ENOENT || (r == -EBADMSG && !to.is_refused))
		r = no_advertised(text, len, err);
	if (r < 0)
		return r;
	prefixes_sort(&to.prefixes);
	*ret = to.prefixes;
	return 0;
}

/* ---- local table ---- */

static const char table_what[] = "'show bgp unicast json'";

/*
 * A path of our own: weight 32768 and no peer. "peerId" is "(unspec)" in 8.4 and may be an
 * address of zeros elsewhere, so the weight and the AS path decide: it is empty, or our own AS
 * again and again, as a drain may prepend it. A path from elsewhere never holds our AS.
 */
static bool is_own_path(const char *as_path, uint32_t local_as)
{
	uint32_t as;

	while (*as_path) {
		if (!bgp_as_parse(as_path, &as, &as_path) || as != local_as)
			return false;
		as_path += *as_path == ' ';
	}
	return true;
}

static int path_is_local(json_t *path, const char *prefix, uint32_t local_as, bool *ret,
			 struct err *err)
{
	const char *as_path = "";
	uint64_t weight = 0;
	int r = need_number(path, table_what, prefix, "weight", UINT32_MAX, &weight, err);

	if (r == 0)
		r = need_string(path, table_what, prefix, "path", &as_path, err);
	if (r < 0)
		return r;
	*ret = weight == 32768 && is_own_path(as_path, local_as) &&
	       json_is_true(json_object_get(path, "valid"));
	return 0;
}

static int read_route(struct bgp_prefixes *prefixes, const char *key, json_t *paths,
		      uint32_t local_as, struct err *err)
{
	json_t *path;
	size_t i;

	if (!json_is_array(paths))
		return missing(err, table_what, "routes", key, "list");
	json_array_foreach (paths, i, path) {
		bool local = false;
		int r = path_is_local(path, key, local_as, &local, err);

		if (r < 0)
			return r;
		if (local)
			return add_text(prefixes, key, table_what, err);
	}
	return 0;
}

int bgp_json_local(const char *text, size_t len, uint32_t local_as, struct bgp_prefixes *ret,
		   struct err *err)
{
	json_auto_t *root = load_object(text, len, TABLE_MAX, table_what, err);
	json_t *routes, *paths;
	const char *key;

	if (!root)
		return -EBADMSG;
	routes = json_object_get(root, "routes");
	if (!json_is_object(routes))
		return missing(err, table_what, "the answer", "routes", "object");
	json_object_foreach (routes, key, paths) {
		int r = read_route(ret, key, paths, local_as, err);

		if (r < 0)
			return r;
	}
	prefixes_sort(ret);
	return 0;
}

/* ---- neighbours ---- */

const char *bgp_bfd_str(enum bgp_bfd bfd)
{
	static const char *const words[BGP_BFD_MAX] = {
		[BGP_BFD_NONE] = "none",       [BGP_BFD_UP] = "up",
		[BGP_BFD_DOWN] = "down",       [BGP_BFD_ADMIN_DOWN] = "admin-down",
		[BGP_BFD_UNKNOWN] = "unknown",
	};

	return bfd < BGP_BFD_MAX ? words[bfd] : "?";
}

static const char *text_of(json_t *object, const char *field)
{
	const char *text = json_string_value(json_object_get(object, field));

	return text ? text : "";
}

/* 0 when it is no number, or one that cannot be. */
static uint64_t number_of(json_t *object, const char *field, uint64_t max)
{
	json_int_t number = json_integer_value(json_object_get(object, field));

	return number > 0 && (uint64_t)number <= max ? (uint64_t)number : 0;
}

/* "D:HH:MM:SS" in milliseconds. */
static uint64_t parse_elapsed(const char *text)
{
	unsigned days, hours, minutes, seconds;

	if (sscanf(text, "%5u:%2u:%2u:%2u", &days, &hours, &minutes, &seconds) != 4)
		return 0;
	return (((days * 24ULL + hours) * 60 + minutes) * 60 + seconds) * 1000;
}

static enum bgp_bfd parse_bfd(const char *status)
{
	static const struct {
		const char *word;
		enum bgp_bfd bfd;
	} words[] = {
		{ "Up", BGP_BFD_UP },
		{ "Down", BGP_BFD_DOWN },
		{ "Admin Down", BGP_BFD_ADMIN_DOWN },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(status, words[i].word) == 0)
			return words[i].bfd;
	return BGP_BFD_UNKNOWN;
}

static void read_bfd(struct bgp_neighbour *ret, json_t *bfd)
{
	if (!json_is_object(bfd))
		return;
	ret->bfd = parse_bfd(text_of(bfd, "status"));
	ret->bfd_ms = parse_elapsed(text_of(bfd, "lastUpdate"));
	ret->bfd_rx_ms = (uint32_t)number_of(bfd, "rxMinInterval", UINT32_MAX);
	ret->bfd_tx_ms = (uint32_t)number_of(bfd, "txMinInterval", UINT32_MAX);
	ret->bfd_multiplier = (uint32_t)number_of(bfd, "detectMultiplier", UINT32_MAX);
}

static void read_export(struct bgp_export *ret, json_t *family)
{
	static const char *const filters[] = { "routeMapForOutgoingAdvertisements",
					       "outgoingUpdatePrefixFilterList",
					       "outgoingUpdateNetworkFilterList",
					       "outgoingUpdateAsPathFilterList",
					       "unsuppressRouteMap" };

	ret->lacks_policy = json_is_false(json_object_get(family, "outboundPathPolicyConfig"));
	ret->max_out = (uint32_t)number_of(family, "prefixOutAllowedMax", UINT32_MAX);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]) && !ret->filter; i++)
		ret->filter = json_string_value(json_object_get(family, filters[i]));
}

static struct bgp_neighbour read_neighbour(const char *key, json_t *object)
{
	json_t *families = json_object_get(object, "addressFamilyInfo");
	struct bgp_neighbour ret = {
		.key = key,
		.remote_as = (uint32_t)number_of(object, "remoteAs", UINT32_MAX),
		.last_reset = text_of(object, "lastResetDueTo"),
		.notification = text_of(object, "lastNotificationReason"),
		.reset_ms = number_of(object, "lastResetTimerMsecs", INT64_MAX),
	};

	read_bfd(&ret, json_object_get(object, "peerBfdInfo"));
	read_export(&ret.out[0], json_object_get(families, "ipv4Unicast"));
	read_export(&ret.out[1], json_object_get(families, "ipv6Unicast"));
	return ret;
}

int bgp_json_neighbours(const char *text, size_t len, bgp_neighbour_fn *fn, void *arg,
			struct err *err)
{
	json_auto_t *root =
		load_object(text, len, NEIGHBOURS_MAX, "'show bgp neighbors json'", err);
	json_t *object;
	const char *key;

	if (!root)
		return -EBADMSG;
	json_object_foreach (root, key, object) {
		struct bgp_neighbour neighbour = read_neighbour(key, object);

		if (json_is_object(object)) /* else something about the instance */
			fn(arg, &neighbour);
	}
	return 0;
}
