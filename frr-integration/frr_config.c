/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/frr_config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frr-integration/bgp_config.h"
#include "src/base/auto.h"

#define DECIMAL(is_v6) ((is_v6) ? 6 : 4)
#define IP(is_v6)      ((is_v6) ? "ipv6" : "ip")

/* ---- options ---- */

int frr_options_init(struct frr_options *options, const struct config *config)
{
	*options = (struct frr_options){
		.n_peers = config->routing.n_peers,
		.has_router_id = config->node.has_encap_source4,
		.router_id = config->node.encap_source4,
		.has_bfd = true,
		.has_gtsm = true,
	};
	options->peers = calloc(options->n_peers + 1, sizeof(options->peers[0]));
	if (!options->peers)
		return -ENOMEM;
	for (size_t i = 0; i < options->n_peers; i++)
		strcpy(options->peers[i].as, "external");
	return 0;
}

static void forget_password(struct frr_peer_options *peer)
{
	if (peer->password)
		explicit_bzero(peer->password, strlen(peer->password));
	free(peer->password);
	peer->password = NULL;
}

void frr_options_fini(struct frr_options *options)
{
	for (size_t i = 0; options->peers && i < options->n_peers; i++)
		forget_password(&options->peers[i]);
	free(options->peers);
	memset(options, 0, sizeof(*options));
}

const char *frr_peer_key(const struct config_peer *peer, char buf[ADDR_TEXT_MAX])
{
	if (!peer->interface)
		return addr_print(&peer->addr, buf);
	snprintf(buf, ADDR_TEXT_MAX, "%s", peer->interface);
	return buf;
}

static bool is_called(const struct config_peer *peer, const char *name)
{
	char key[ADDR_TEXT_MAX];

	return strcmp(peer->name, name) == 0 || strcmp(frr_peer_key(peer, key), name) == 0;
}

static int no_such_peer(const struct config *config, const char *name, struct err *err)
{
	return err_set(err, -EINVAL, "there is no peer '%s' in routing.peers of %s", name,
		       config->file);
}

static int set_as(struct frr_peer_options *peer, uint32_t local_as, const char *as, struct err *err)
{
	const char *rest = "";
	uint32_t number = 0;

	peer->is_internal = strcmp(as, "internal") == 0;
	if (peer->is_internal || strcmp(as, "external") == 0) {
		snprintf(peer->as, sizeof(peer->as), "%s", as);
		return 0;
	}
	if (!bgp_as_parse(as, &number, &rest) || *rest || number == 0 || number == UINT32_MAX)
		return err_set(err, -EINVAL,
			       "'%s' is no AS: write a number, external (any but ours) or internal",
			       as);
	snprintf(peer->as, sizeof(peer->as), "%" PRIu32, number);
	peer->is_internal = number == local_as;
	return 0;
}

int frr_options_set_as(struct frr_options *options, const struct config *config, const char *peer,
		       const char *as, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < options->n_peers; i++) {
		int r;

		if (peer && !is_called(&config->routing.peers[i], peer))
			continue;
		r = set_as(&options->peers[i], config->routing.local_as, as, err);
		if (r < 0)
			return r;
		n++;
	}
	return n > 0 ? 0 : no_such_peer(config, peer, err);
}

/* A secret is for its owner and group at most. */
static int check_secret(const char *file, int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "%s: %m", file);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: not a regular file", file);
	if (st.st_mode & 0027)
		return err_set(err, -EPERM,
			       "%s: mode %04o lets others at the password; chmod 600 %s", file,
			       (unsigned)st.st_mode & 07777, file);
	return 0;
}

/* One word without spaces: bgpd takes the rest of its line, and prints it back. */
static int check_password(const char *file, char *text, struct err *err)
{
	size_t len = strcspn(text, "\n");

	if (text[len] == '\n' && text[len + 1] == '\0')
		text[len] = '\0';
	len = strlen(text);
	if (len == 0 || len > FRR_PASSWORD_MAX)
		return err_set(err, -EINVAL, "%s: a password is one line of 1 to %d characters",
			       file, FRR_PASSWORD_MAX);
	for (size_t i = 0; i < len; i++)
		if (text[i] < '!' || text[i] > '~')
			return err_set(err, -EINVAL,
				       "%s: a password is printable ASCII without spaces, and one "
				       "line",
				       file);
	return 0;
}

static int read_password(const char *file, char text[FRR_PASSWORD_MAX + 3], struct err *err)
{
	AUTO(fd_closep) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;
	int r;

	if (fd < 0)
		return err_set(err, -errno, "%s: %m", file);
	r = check_secret(file, fd, err);
	if (r < 0)
		return r;
	n = read(fd, text, FRR_PASSWORD_MAX + 2);
	if (n < 0)
		return err_set(err, -errno, "%s: %m", file);
	text[n] = '\0';
	if (strlen(text) != (size_t)n)
		text[0] = '\0'; /* a NUL inside: no password */
	return check_password(file, text, err);
}

int frr_options_set_password_file(struct frr_options *options, const struct config *config,
				  const char *peer, const char *file, struct err *err)
{
	char text[FRR_PASSWORD_MAX + 3];
	size_t n = 0;
	int r = read_password(file, text, err);

	for (size_t i = 0; r == 0 && i < options->n_peers; i++) {
		if (peer && !is_called(&config->routing.peers[i], peer))
			continue;
		forget_password(&options->peers[i]);
		options->peers[i].password = strdup(text);
		if (!options->peers[i].password)
			r = err_set(err, -ENOMEM, "%s: %m", file);
		n++;
	}
	explicit_bzero(text, sizeof(text));
	if (r == 0 && n == 0)
		r = no_such_peer(config, peer, err);
	return r;
}

/* ---- wishes ---- */

const char *frr_export_list(bool is_v6)
{
	return is_v6 ? "VIP6" : "VIP4";
}

const char *frr_export_map(bool is_v6)
{
	return is_v6 ? "TO-TOR6" : "TO-TOR4";
}

bool frr_has_family(const struct config *config, bool is_v6)
{
	for (size_t i = 0; i < config->routing.n_vip_ranges; i++)
		if (addr_is_ipv4(&config->routing.vip_ranges[i].addr) != is_v6)
			return true;
	return false;
}

bool frr_needs_extended_nexthop(const struct config *config, const struct config_peer *peer)
{
	return !peer->interface && !addr_is_ipv4(&peer->addr) && frr_has_family(config, false);
}

/* Twice what there is, in hundreds: room for more VIPs, none for a table that leaks. */
unsigned frr_maximum_prefix_out(const struct config *config, bool is_v6)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_vips; i++)
		n += addr_is_ipv4(&config->vips[i].prefix.addr) != is_v6;
	return n == 0 ? 100 : (unsigned)((2 * n + 99) / 100 * 100);
}

/* Whether a range has VIPs of this length; host addresses always, for the VIPs to come. */
static bool has_length(const struct config *config, const struct prefix *range, unsigned len)
{
	if (len == (addr_is_ipv4(&range->addr) ? 32U : 128U))
		return true;
	for (size_t i = 0; i < config->n_vips; i++)
		if (config->vips[i].prefix.len == len &&
		    prefix_has_prefix(range, &config->vips[i].prefix))
			return true;
	return false;
}

/* One line a range and length, never one a VIP: FRR takes 10 s for a list of 1,000 lines. */
static void print_list(const struct config *config, bool is_v6, FILE *out)
{
	const unsigned host = is_v6 ? 128 : 32;
	unsigned seq = 0;

	for (size_t i = 0; i < config->routing.n_vip_ranges; i++) {
		const struct prefix *range = &config->routing.vip_ranges[i];

		if (addr_is_ipv4(&range->addr) == is_v6)
			continue;
		for (unsigned len = host; len >= range->len && len <= host; len--) {
			if (!has_length(config, range, len))
				continue;
			fprintf(out, "%s prefix-list %s seq %u permit %s", IP(is_v6),
				frr_export_list(is_v6), seq += 5, PREFIX_STR(range));
			if (len > range->len)
				fprintf(out, " ge %u", len);
			if (len > range->len && len < host)
				fprintf(out, " le %u", len);
			fputc('\n', out);
		}
	}
}

void frr_print_export(const struct config *config, bool is_v6, FILE *out)
{
	print_list(config, is_v6, out);
	fprintf(out, "route-map %s permit 10\n match %s address prefix-list %s\nexit\n",
		frr_export_map(is_v6), IP(is_v6), frr_export_list(is_v6));
	fprintf(out, "route-map %s deny 20\nexit\n", frr_export_map(is_v6));
}

bool frr_is_grouped(const struct config *config, const struct frr_options *options, size_t i)
{
	return options->has_gtsm && !options->peers[i].is_internal &&
	       !config->routing.peers[i].interface;
}

void frr_print_group(FILE *out)
{
	fprintf(out, " neighbor %s peer-group\n neighbor %s ttl-security hops 1\n", FRR_GTSM_GROUP,
		FRR_GTSM_GROUP);
}

void frr_print_neighbour(const struct config *config, const struct frr_options *options, size_t i,
			 FILE *out)
{
	const struct config_peer *peer = &config->routing.peers[i];
	const struct frr_peer_options *said = &options->peers[i];
	char key[ADDR_TEXT_MAX];

	frr_peer_key(peer, key);
	fprintf(out, " neighbor %s%s remote-as %s\n", key, peer->interface ? " interface" : "",
		said->as);
	fprintf(out, " neighbor %s description %s\n", key, peer->name);
	if (frr_is_grouped(config, options, i))
		fprintf(out, " neighbor %s peer-group %s\n", key, FRR_GTSM_GROUP);
	else if (options->has_gtsm && !said->is_internal)
		fprintf(out, " neighbor %s ttl-security hops 1\n", key);
	if (options->has_bfd)
		fprintf(out, " neighbor %s bfd\n neighbor %s bfd profile %s\n", key, key,
			FRR_BFD_PROFILE);
	if (said->password && !options->hides_passwords)
		fprintf(out, " neighbor %s password %s\n", key, said->password);
	fprintf(out, " neighbor %s timers %d %d\n neighbor %s timers connect 1\n", key,
		FRR_KEEPALIVE_S, FRR_HOLD_S, key);
	if (frr_needs_extended_nexthop(config, peer))
		fprintf(out, " neighbor %s capability extended-nexthop\n", key);
}

void frr_print_neighbour_family(const struct config *config, size_t i, bool is_v6, FILE *out)
{
	char key[ADDR_TEXT_MAX];

	frr_peer_key(&config->routing.peers[i], key);
	fprintf(out, "  neighbor %s activate\n", key);
	fprintf(out, "  neighbor %s route-map FROM-TOR%d in\n", key, DECIMAL(is_v6));
	fprintf(out, "  neighbor %s route-map %s out\n", key, frr_export_map(is_v6));
	fprintf(out, "  neighbor %s maximum-prefix-out %u\n", key,
		frr_maximum_prefix_out(config, is_v6));
}

/* ---- the file ---- */

struct writer {
	const struct config *config;
	const struct frr_options *options;
	FILE *out;
};

static void print_head(const struct writer *writer, enum frr_part part)
{
	static const char *const files[] = {
		[FRR_PART_ALL] = "frr.conf",
		[FRR_PART_BGPD] = "bgpd.conf",
		[FRR_PART_ZEBRA] = "zebra.conf",
		[FRR_PART_BFDD] = "bfdd.conf",
	};

	fprintf(writer->out,
		"! %s of the Shoal node %s, written by \"shoal frr-config\". Into /etc/frr, owner\n"
		"! frr:frr, mode 0640; in /etc/frr/daemons bgpd=yes%s. Then \"shoal doctor\".\n",
		files[part], writer->config->node.name,
		writer->options->has_bfd ? " and bfdd=yes" : "");
	fputs("!\n"
	      "! Sessions and policy are yours to change. Shoal adds and removes \"network\" lines "
	      "inside its\n"
	      "! vip-ranges and route-maps called SHOAL-VIP-..., and nothing else. \"write "
	      "memory\" "
	      "would save\n"
	      "! those lines, and the next boot would announce VIPs before Shoal forwards: edit "
	      "this "
	      "file.\n"
	      "frr defaults traditional\nlog syslog informational\n",
	      writer->out);
	if (part == FRR_PART_ALL)
		fputs("service integrated-vtysh-config\n", writer->out);
}

static bool has_internal_peer(const struct frr_options *options)
{
	for (size_t i = 0; i < options->n_peers; i++)
		if (options->peers[i].is_internal)
			return true;
	return false;
}

static void print_zebra(const struct writer *writer)
{
	if (!has_internal_peer(writer->options))
		return;
	fputs("!\n! Internal neighbours may be some hops away: reached by the default route, too.\n"
	      "ip nht resolve-via-default\nipv6 nht resolve-via-default\n",
	      writer->out);
}

static void print_bfd(const struct writer *writer)
{
	if (!writer->options->has_bfd)
		return;
	fprintf(writer->out,
		"!\n! A node that dies silently is out of ECMP after %d x %d ms. The router "
		"needs BFD too.\n"
		"bfd\n profile %s\n  receive-interval %d\n  transmit-interval %d\n"
		"  detect-multiplier %d\n exit\nexit\n",
		FRR_BFD_MULTIPLE, FRR_BFD_MS, FRR_BFD_PROFILE, FRR_BFD_MS, FRR_BFD_MS,
		FRR_BFD_MULTIPLE);
}

static void print_import(const struct writer *writer, bool is_v6)
{
	FILE *out = writer->out;

	if (!writer->options->takes_default) {
		fprintf(out, "route-map FROM-TOR%d deny 10\nexit\n", DECIMAL(is_v6));
		return;
	}
	fprintf(out, "%s prefix-list DEFAULT%d seq 5 permit %s\n", IP(is_v6), DECIMAL(is_v6),
		is_v6 ? "::/0" : "0.0.0.0/0");
	fprintf(out, "route-map FROM-TOR%d permit 10\n match %s address prefix-list DEFAULT%d\n",
		DECIMAL(is_v6), IP(is_v6), DECIMAL(is_v6));
	fprintf(out, "exit\nroute-map FROM-TOR%d deny 20\nexit\n", DECIMAL(is_v6));
}

static void print_policy(const struct writer *writer)
{
	FILE *out = writer->out;

	fputs("!\n"
	      "! Out: VIPs in their exact lengths and nothing else. Later VIPs that are addresses "
	      "need no\n"
	      "! change here; one that is a prefix of another length does.\n",
	      out);
	for (int is_v6 = 0; is_v6 < 2; is_v6++)
		if (frr_has_family(writer->config, is_v6))
			frr_print_export(writer->config, is_v6, out);
	fprintf(out, "!\n! In: %s.\n",
		writer->options->takes_default ? "the default route and nothing else" : "nothing");
	for (int is_v6 = 0; is_v6 < 2; is_v6++)
		if (frr_has_family(writer->config, is_v6))
			print_import(writer, is_v6);
}

/* Several routers may be the way out at once. */
static void print_multipath(const struct writer *writer)
{
	size_t n = writer->options->n_peers < 64 ? writer->options->n_peers : 64;

	if (!writer->options->takes_default || n < 2)
		return;
	fprintf(writer->out, "  maximum-paths %zu\n", n);
	if (has_internal_peer(writer->options))
		fprintf(writer->out, "  maximum-paths ibgp %zu\n", n);
}

static void print_family(const struct writer *writer, bool is_v6)
{
	if (!frr_has_family(writer->config, is_v6))
		return;
	fprintf(writer->out, " !\n address-family ipv%d unicast\n", DECIMAL(is_v6));
	for (size_t i = 0; i < writer->options->n_peers; i++)
		frr_print_neighbour_family(writer->config, i, is_v6, writer->out);
	print_multipath(writer);
	fputs(" exit-address-family\n", writer->out);
}

/* What a line needs on the other side of the link, where an operator looks for it. */
static void print_neighbour_notes(const struct writer *writer)
{
	FILE *out = writer->out;
	bool is_numbered4 = false, is_numbered6 = false, is_grouped = false;

	for (size_t i = 0; i < writer->options->n_peers; i++) {
		const struct config_peer *peer = &writer->config->routing.peers[i];

		is_numbered4 |= !peer->interface && addr_is_ipv4(&peer->addr);
		is_numbered6 |= frr_needs_extended_nexthop(writer->config, peer);
		is_grouped |= frr_is_grouped(writer->config, writer->options, i);
	}
	fputs(" !\n ! Hold time 9 s; no graceful restart: it would keep a dead node's routes.\n",
	      out);
	if (writer->options->has_gtsm)
		fputs(" ! ttl-security (GTSM): the router needs it too, or the session does not "
		      "open.\n",
		      out);
	if (is_grouped)
		fputs(" ! By a group: on the neighbour itself, FRR 8.4 would take its BFD session "
		      "for "
		      "multihop.\n",
		      out);
	if (is_numbered4 && frr_has_family(writer->config, true))
		fputs(" ! IPv6 VIPs over an IPv4 session need a global IPv6 address on the link.\n",
		      out);
	if (is_numbered6)
		fputs(" ! extended-nexthop: IPv4 VIPs over an IPv6 session (RFC 8950), on the "
		      "router too.\n",
		      out);
	if (is_grouped)
		frr_print_group(out);
}

static void print_bgp(const struct writer *writer)
{
	FILE *out = writer->out;

	fprintf(out, "!\nrouter bgp %" PRIu32 "\n bgp router-id %s\n bgp log-neighbor-changes\n",
		writer->config->routing.local_as, ADDR_STR(&writer->options->router_id));
	fputs(" no bgp default ipv4-unicast\n"
	      " ! A VIP stands in no route table of this host.\n"
	      " no bgp network import-check\n"
	      " ! Announce at once after a start.\n"
	      " coalesce-time 0\n",
	      out);
	if (writer->options->takes_default && writer->options->n_peers > 1)
		fputs(" bgp bestpath as-path multipath-relax\n", out);
	print_neighbour_notes(writer);
	for (size_t i = 0; i < writer->options->n_peers; i++)
		frr_print_neighbour(writer->config, writer->options, i, out);
	print_family(writer, false);
	print_family(writer, true);
	fputs("exit\n", out);
}

static void print_bgpd(const struct writer *writer)
{
	fputs("!\n"
	      "! An edited policy takes effect after 1 s, and a start takes no 5 s in whatever "
	      "order "
	      "FRR\n"
	      "! saves this file.\n"
	      "bgp route-map delay-timer 1\n",
	      writer->out);
	print_policy(writer);
	print_bgp(writer);
}

int frr_config_print(const struct config *config, const struct frr_options *options,
		     enum frr_part part, FILE *out, struct err *err)
{
	const struct writer writer = { config, options, out };

	if (!options->has_router_id)
		return err_set(err, -EINVAL,
			       "nothing says the BGP router id: give --router-id ADDRESS, or set "
			       "node.encap-source.ipv4 in %s",
			       config->file);
	print_head(&writer, part);
	if (part == FRR_PART_ALL || part == FRR_PART_ZEBRA)
		print_zebra(&writer);
	if (part == FRR_PART_ALL || part == FRR_PART_BFDD)
		print_bfd(&writer);
	if (part == FRR_PART_ALL || part == FRR_PART_BGPD)
		print_bgpd(&writer);
	return 0;
}
