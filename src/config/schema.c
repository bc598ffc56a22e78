/* SPDX-License-Identifier: Apache-2.0 */
#include "src/config/schema.h"

#include <string.h>

#define SEC     USEC_PER_SEC
#define MSEC    USEC_PER_MSEC
#define MIN     (60 * SEC)
#define HOUR    (60 * MIN)
#define DAY     (24 * HOUR)
#define ROWS(r) .rows = (r), .n_rows = sizeof(r) / sizeof((r)[0])
#define WORDS(w)                                                                                   \
	{                                                                                          \
		.type = VALUE_ENUM, .words = (w)                                                   \
	}
#define AT(s, m) .offset = offsetof(struct s, m)
/* A list's or map's elements and their count. */
#define MANY(s, m) .offset = offsetof(struct s, m), .beside = offsetof(struct s, n_##m)

/* ---- words ---- */

static const struct value_word xdp_mode_words[] = {
	{ "auto", CONFIG_XDP_AUTO },
	{ "native", CONFIG_XDP_NATIVE },
	{ "generic", CONFIG_XDP_GENERIC },
	{ NULL, 0 },
};
static const struct value_word switch_words[] = {
	{ "auto", CONFIG_AUTO },
	{ "on", CONFIG_ON },
	{ "off", CONFIG_OFF },
	{ NULL, 0 },
};
static const struct value_word encap_words[] = {
	{ "ipip", CONFIG_ENCAP_IPIP },
	{ "gue", CONFIG_ENCAP_GUE },
	{ NULL, 0 },
};
static const struct value_word ring_words[] = {
	{ "handover", CONFIG_RING_HANDOVER },
	{ "rebuild", CONFIG_RING_REBUILD },
	{ NULL, 0 },
};
static const struct value_word all_down_words[] = {
	{ "withdraw", CONFIG_ALL_DOWN_WITHDRAW },
	{ "open", CONFIG_ALL_DOWN_OPEN },
	{ "hold", CONFIG_ALL_DOWN_HOLD },
	{ NULL, 0 },
};
static const struct value_word announce_when_words[] = {
	{ "all", CONFIG_ANNOUNCE_ALL },
	{ "any", CONFIG_ANNOUNCE_ANY },
	{ NULL, 0 },
};
static const struct value_word unserved_words[] = {
	{ "drop", CONFIG_UNSERVED_DROP },
	{ "pass", CONFIG_UNSERVED_PASS },
	{ NULL, 0 },
};
static const struct value_word hash_words[] = {
	{ "5-tuple", CONFIG_HASH_5_TUPLE },
	{ "all-ports", CONFIG_HASH_ALL_PORTS },
	{ "source-ip", CONFIG_HASH_SOURCE_IP },
	{ "destination-port", CONFIG_HASH_DESTINATION_PORT },
	{ NULL, 0 },
};
static const struct value_word track_words[] = {
	{ "moving", CONFIG_TRACK_MOVING },
	{ "all", CONFIG_TRACK_ALL },
	{ "none", CONFIG_TRACK_NONE },
	{ NULL, 0 },
};
static const struct value_word server_ids_words[] = {
	{ "pool", CONFIG_SERVER_IDS_POOL },
	{ "any", CONFIG_SERVER_IDS_ANY },
	{ NULL, 0 },
};
static const struct value_word via_words[] = {
	{ "tunnel", CONFIG_VIA_TUNNEL },
	{ "direct", CONFIG_VIA_DIRECT },
	{ NULL, 0 },
};
static const struct value_word loss_words[] = {
	{ "drain", CONFIG_LOSS_DRAIN },
	{ "withdraw", CONFIG_LOSS_WITHDRAW },
	{ "keep", CONFIG_LOSS_KEEP },
	{ NULL, 0 },
};
static const struct value_word drain_add_words[] = {
	{ "none", CONFIG_DRAIN_ADD_NONE },
	{ "prepend", CONFIG_DRAIN_ADD_PREPEND },
	{ "med", CONFIG_DRAIN_ADD_MED },
	{ NULL, 0 },
};
/* For common-mode, keep is called hold. */
static const struct value_word common_mode_words[] = {
	{ "hold", CONFIG_LOSS_KEEP },
	{ "drain", CONFIG_LOSS_DRAIN },
	{ "withdraw", CONFIG_LOSS_WITHDRAW },
	{ NULL, 0 },
};
static const struct value_word check_type_words[] = {
	{ "tcp", CONFIG_CHECK_TCP },     { "http", CONFIG_CHECK_HTTP },
	{ "https", CONFIG_CHECK_HTTPS }, { "tls", CONFIG_CHECK_TLS },
	{ "grpc", CONFIG_CHECK_GRPC },   { "dns", CONFIG_CHECK_DNS },
	{ "udp", CONFIG_CHECK_UDP },     { "icmp", CONFIG_CHECK_ICMP },
	{ "exec", CONFIG_CHECK_EXEC },   { NULL, 0 },
};

static const struct value_word method_words[] = {
	{ "GET", CONFIG_METHOD_GET },
	{ "HEAD", CONFIG_METHOD_HEAD },
	{ "OPTIONS", CONFIG_METHOD_OPTIONS },
	{ NULL, 0 },
};
static const struct value_word http_version_words[] = {
	{ "1.1", CONFIG_HTTP_1_1 },
	{ "2", CONFIG_HTTP_2 },
	{ NULL, 0 },
};
static const struct value_word transport_words[] = {
	{ "udp", CONFIG_TRANSPORT_UDP },
	{ "tcp", CONFIG_TRANSPORT_TCP },
	{ NULL, 0 },
};
static const struct value_word record_words[] = {
	{ "A", CONFIG_RECORD_A },
	{ "AAAA", CONFIG_RECORD_AAAA },
	{ "CAA", CONFIG_RECORD_CAA },
	{ "CNAME", CONFIG_RECORD_CNAME },
	{ "MX", CONFIG_RECORD_MX },
	{ "NS", CONFIG_RECORD_NS },
	{ "PTR", CONFIG_RECORD_PTR },
	{ "SOA", CONFIG_RECORD_SOA },
	{ "SRV", CONFIG_RECORD_SRV },
	{ "TXT", CONFIG_RECORD_TXT },
	{ NULL, 0 },
};
static const struct value_word rcode_words[] = {
	{ "noerror", CONFIG_RCODE_NOERROR },
	{ "formerr", CONFIG_RCODE_FORMERR },
	{ "servfail", CONFIG_RCODE_SERVFAIL },
	{ "nxdomain", CONFIG_RCODE_NXDOMAIN },
	{ "notimp", CONFIG_RCODE_NOTIMP },
	{ "refused", CONFIG_RCODE_REFUSED },
	{ NULL, 0 },
};

#define CHECK_IS(t) (1U << CONFIG_CHECK_##t)
#define CHECK_HTTP  (CHECK_IS(HTTP) | CHECK_IS(HTTPS))
#define CHECK_TLS   (CHECK_IS(HTTPS) | CHECK_IS(TLS) | CHECK_IS(GRPC))
#define CHECK_TALK  (CHECK_IS(TCP) | CHECK_IS(UDP))
#define CHECK_PORT  (~(CHECK_IS(ICMP) | CHECK_IS(EXEC)))
#define CHECK_SENT  (~CHECK_IS(EXEC)) /* those that are packets of ours */

/* ---- node ---- */

static const struct schema_row encap_source_rows[] = {
	{ .key = "ipv4",
	  .value = { .type = VALUE_IPV4 },
	  AT(config_node, encap_source4),
	  .beside = offsetof(struct config_node, has_encap_source4),
	  .unset = "auto",
	  .meaning = "Outer IPv4 source of GUE packets and probes; auto is the uplink's address." },
	{ .key = "ipv6",
	  .value = { .type = VALUE_IPV6 },
	  AT(config_node, encap_source6),
	  .beside = offsetof(struct config_node, has_encap_source6),
	  .unset = "auto",
	  .meaning = "Outer IPv6 source of GUE packets and probes; auto is the uplink's address." },
};
static const struct schema schema_encap_source = {
	.noun = "encap-source",
	.size = sizeof(struct config_node),
	ROWS(encap_source_rows),
};

static const struct schema_row decap_rows[] = {
	{ .key = "balance",
	  .form = ROW_LIST,
	  .value = { .type = VALUE_ADDRESS },
	  MANY(config_node, decap_balance),
	  .fallback = "",
	  .meaning = "Tunnels to these addresses are opened and their packets balanced." },
	{ .key = "egress",
	  .form = ROW_LIST,
	  .value = { .type = VALUE_ADDRESS },
	  MANY(config_node, decap_egress),
	  .fallback = "",
	  .meaning = "Tunnels to these addresses are opened and their packets sent on." },
	{ .key = "local",
	  .form = ROW_LIST,
	  .value = { .type = VALUE_ADDRESS },
	  MANY(config_node, decap_local),
	  .fallback = "",
	  .meaning =
		  "Tunnels to these addresses are opened and their packets given to this host." },
	{ .key = "gue-port",
	  .value = { .type = VALUE_PORT },
	  AT(config_node, decap_gue_port),
	  .fallback = "6080",
	  .meaning = "UDP port on which these addresses take GUE." },
};
static const struct schema schema_decap = {
	.noun = "decap",
	.size = sizeof(struct config_node),
	ROWS(decap_rows),
};

static const struct schema_row node_rows[] = {
	{ .key = "name",
	  .value = { .type = VALUE_NAME },
	  AT(config_node, name),
	  .flags = ROW_REQUIRED_BY_NODE,
	  .meaning = "What this node is called in status, logs and metrics." },
	{ .key = "uplinks",
	  .form = ROW_LIST,
	  .value = { .type = VALUE_INTERFACE },
	  MANY(config_node, uplinks),
	  .flags = ROW_REQUIRED_BY_NODE,
	  .items_max = 8,
	  .meaning =
		  "Interfaces that carry XDP: clients' packets come in and tunnels leave here." },
	{ .key = "xdp-mode",
	  .value = WORDS(xdp_mode_words),
	  AT(config_node, xdp_mode),
	  .fallback = "auto",
	  .meaning = "Where XDP runs: in the driver (native), in the network stack (generic), or "
		     "auto: "
		     "native, else generic with a warning." },
	{ .key = "next-hop",
	  .value = { .type = VALUE_MAC },
	  AT(config_node, next_hop_mac),
	  .beside = offsetof(struct config_node, has_next_hop_mac),
	  .unset = "auto",
	  .meaning =
		  "MAC address encapsulated packets are sent to; auto follows the kernel's routes "
		  "and neighbours, for each real and uplink." },
	{ .key = "mtu",
	  .value = { .type = VALUE_NUMBER, .min = 576, .max = 65535 },
	  AT(config_node, mtu_bytes),
	  .unset = "auto",
	  .meaning =
		  "Largest outer packet towards the reals, in bytes; auto is the uplink's MTU." },
	{ .key = "client-mtu",
	  .value = { .type = VALUE_NUMBER, .min = 576, .max = 65535 },
	  AT(config_node, client_mtu_bytes),
	  .unset = "auto",
	  .meaning = "Largest packet taken from clients, in bytes; auto is the uplink's MTU." },
	{ .key = "mss-clamp",
	  .value = WORDS(switch_words),
	  AT(config_node, mss_clamp),
	  .fallback = "auto",
	  .meaning = "Lower the MSS of clients' SYNs; auto does so when mtu cannot carry "
		     "client-mtu." },
	{ .key = "encap-source",
	  .form = ROW_SECTION,
	  .schema = &schema_encap_source,
	  .meaning = "Outer source addresses." },
	{ .key = "flow-table",
	  .value = { .type = VALUE_COUNT, .min = 1000, .max = 1000000000 },
	  AT(config_node, flow_table),
	  .fallback = "4M",
	  .meaning = "Flows remembered while their slots are in transition; 8 bytes each, sized at "
		     "start." },
	{ .key = "hash-key-file",
	  .value = { .type = VALUE_FILE },
	  AT(config_node, hash_key_file),
	  .unset = "none",
	  .meaning = "File with the secret key of the packet hash, the same on all nodes: 16 "
		     "hexadecimal digits, for its owner's eyes alone. none is the public, "
		     "katran-compatible one." },
	{ .key = "idle",
	  .value = { .type = VALUE_DURATION, .min = SEC, .max = DAY },
	  AT(config_node, idle_us),
	  .fallback = "15m",
	  .meaning = "A remembered flow that is silent for longer is forgotten." },
	{ .key = "decap",
	  .form = ROW_SECTION,
	  .schema = &schema_decap,
	  .meaning = "Tunnels that end at this node." },
};
static const struct schema schema_node = {
	.noun = "node",
	.size = sizeof(struct config_node),
	ROWS(node_rows),
	.meaning = "This host. `shoal check` and `shoal simulate` do without it.",
};

/* ---- routing ---- */

static const struct schema_row peer_rows[] = {
	{ .key = "address",
	  .form = ROW_SPECIAL,
	  .special = &special_peer,
	  AT(config_peer, addr),
	  .flags = ROW_REQUIRED,
	  .meaning = "The BGP neighbour as bgpd knows it: its address, or the interface of an "
		     "unnumbered session." },
};
static const struct schema schema_peer = {
	.noun = "peer",
	.size = sizeof(struct config_peer),
	ROWS(peer_rows),
	.shorthand = "address",
	.is_short = true,
	.is_flow = true,
	.meaning =
		"A BGP neighbour, as `NAME: ADDRESS` or `NAME: INTERFACE`. The session itself is "
		"configured in FRR; Shoal never touches it.",
};

static const struct schema_row drain_rows[] = {
	{ .key = "until",
	  .value = { .type = VALUE_PPS },
	  AT(config_routing, drain_until_pps),
	  .fallback = "50pps",
	  .meaning = "A drained VIP with less traffic than this is withdrawn." },
	{ .key = "timeout",
	  .value = { .type = VALUE_DURATION, .min = SEC, .max = DAY },
	  AT(config_routing, drain_timeout_us),
	  .fallback = "5m",
	  .meaning = "How long traffic may take to move away." },
	{ .key = "add",
	  .value = WORDS(drain_add_words),
	  AT(config_routing, drain_add),
	  .fallback = "none",
	  .meaning =
		  "What a drained route carries beside 65535:0, for peers that ignore it: its AS "
		  "path prepended with local-as three times, or the highest MED." },
};
static const struct schema schema_drain = {
	.noun = "drain",
	.size = sizeof(struct config_routing),
	ROWS(drain_rows),
};

static const struct schema_row controller_loss_rows[] = {
	{ .key = "hold",
	  .value = { .type = VALUE_DURATION, .min = SEC, .max = DAY },
	  AT(config_loss, hold_us),
	  .fallback = "1m",
	  .meaning = "How long the controller may be gone." },
	{ .key = "then",
	  .value = WORDS(loss_words),
	  AT(config_loss, then),
	  .fallback = "drain",
	  .meaning = "What the guard does to the announced VIPs then." },
};
static const struct schema schema_controller_loss = {
	.noun = "on-controller-loss",
	.size = sizeof(struct config_loss),
	ROWS(controller_loss_rows),
};

static const struct schema_row dataplane_loss_rows[] = {
	{ .key = "hold",
	  .value = { .type = VALUE_DURATION, .min = 500 * MSEC, .max = HOUR },
	  AT(config_loss, hold_us),
	  .fallback = "2s",
	  .meaning = "How long XDP may be off the uplinks." },
	{ .key = "then",
	  .value = WORDS(loss_words),
	  AT(config_loss, then),
	  .fallback = "withdraw",
	  .meaning = "What the guard does to the announced VIPs then." },
};
static const struct schema schema_dataplane_loss = {
	.noun = "on-dataplane-loss",
	.size = sizeof(struct config_loss),
	ROWS(dataplane_loss_rows),
};

static const struct schema_row common_mode_rows[] = {
	{ .key = "within",
	  .value = { .type = VALUE_DURATION, .min = 100 * MSEC, .max = 10 * MIN },
	  AT(config_routing, common_mode_within_us),
	  .fallback = "5s",
	  .meaning =
		  "Pools that share no real and fail within this time fail by the node's fault." },
	{ .key = "then",
	  .value = WORDS(common_mode_words),
	  AT(config_routing, common_mode_then),
	  .fallback = "hold",
	  .meaning = "What is done with the VIPs then; hold keeps reals and announcements as they "
		     "are." },
	{ .key = "for",
	  .value = { .type = VALUE_DURATION, .min = SEC, .max = DAY },
	  AT(config_routing, common_mode_for_us),
	  .fallback = "1m",
	  .meaning = "How long." },
};
static const struct schema schema_common_mode = {
	.noun = "common-mode",
	.size = sizeof(struct config_routing),
	ROWS(common_mode_rows),
};

static const struct schema_row routing_rows[] = {
	{ .key = "vty",
	  .value = { .type = VALUE_FILE },
	  AT(config_routing, vty),
	  .fallback = "/run/frr",
	  .meaning = "Directory of FRR's vty sockets." },
	{ .key = "local-as",
	  .value = { .type = VALUE_NUMBER, .min = 1, .max = 4294967294 },
	  AT(config_routing, local_as),
	  .flags = ROW_REQUIRED_BY_NODE,
	  .meaning = "AS of the BGP instance that VIPs are announced in." },
	{ .key = "vip-ranges",
	  .form = ROW_LIST,
	  .value = { .type = VALUE_PREFIX },
	  MANY(config_routing, vip_ranges),
	  .flags = ROW_REQUIRED_BY_NODE,
	  .meaning = "Inside these every network line of bgpd is Shoal's, outside none is." },
	{ .key = "peers",
	  .form = ROW_OBJECTS,
	  .schema = &schema_peer,
	  MANY(config_routing, peers),
	  .flags = ROW_REQUIRED_BY_NODE,
	  .items_max = 128,
	  .meaning = "The BGP neighbours that VIPs are announced to." },
	{ .key = "require-peers",
	  .value = { .type = VALUE_NUMBER, .min = 1, .max = 128 },
	  AT(config_routing, require_peers),
	  .fallback = "1",
	  .meaning =
		  "A VIP counts as announced once this many established peers were sent it; fewer "
		  "peers are an alarm, never a withdrawal." },
	{ .key = "warm-up",
	  .value = { .type = VALUE_DURATION, .max = HOUR },
	  AT(config_routing, warm_up_us),
	  .fallback = "5s",
	  .meaning = "How long a VIP must be fit before it is announced." },
	{ .key = "hold-down",
	  .value = { .type = VALUE_DURATION, .max = HOUR },
	  AT(config_routing, hold_down_us),
	  .fallback = "30s",
	  .meaning = "The same after the second withdrawal within 10 minutes; doubles up to 8 "
		     "times." },
	{ .key = "linger",
	  .value = { .type = VALUE_DURATION, .max = HOUR },
	  AT(config_routing, linger_us),
	  .fallback = "5s",
	  .meaning = "How long a withdrawn VIP is still forwarded, at least." },
	{ .key = "drain",
	  .form = ROW_SECTION,
	  .schema = &schema_drain,
	  .meaning = "When a drain is done." },
	{ .key = "on-controller-loss",
	  .form = ROW_SECTION,
	  .schema = &schema_controller_loss,
	  AT(config_routing, on_controller_loss),
	  .meaning = "What shoal-guard does when shoald is gone." },
	{ .key = "on-dataplane-loss",
	  .form = ROW_SECTION,
	  .schema = &schema_dataplane_loss,
	  AT(config_routing, on_dataplane_loss),
	  .meaning = "What shoal-guard does when XDP is gone." },
	{ .key = "common-mode",
	  .form = ROW_SECTION,
	  .schema = &schema_common_mode,
	  .meaning = "Failures that are the node's own." },
	{ .key = "fpm",
	  .value = { .type = VALUE_LISTEN },
	  AT(config_routing, fpm),
	  .fallback = "127.0.0.1:2620",
	  .unset = "none",
	  .meaning = "Loopback address and port where zebra's FPM module (`-M fpm` or `-M "
		     "dplane_fpm_nl`) connects, for `shoal routes` to show what zebra installed; "
		     "nothing depends on it." },
};
static const struct schema schema_routing = {
	.noun = "routing",
	.size = sizeof(struct config_routing),
	ROWS(routing_rows),
	.meaning = "Announcing through FRR. `shoal check` and `shoal simulate` do without it.",
};

/* ---- web ---- */

static const struct schema_row web_rows[] = {
	{ .key = "listen",
	  .value = { .type = VALUE_LISTEN },
	  AT(config, web_listen),
	  .fallback = "127.0.0.1:9108",
	  .unset = "none",
	  .meaning = "Address and port of metrics, JSON and the status page." },
};
static const struct schema schema_web = {
	.noun = "web",
	.size = sizeof(struct config),
	ROWS(web_rows),
	.meaning = "HTTP for machines and people; never a write.",
};

/* ---- checks ---- */

static const struct schema_row check_rows[] = {
	{ .key = "type",
	  .value = WORDS(check_type_words),
	  AT(config_check, type),
	  .flags = ROW_REQUIRED,
	  .meaning = "What a probe does: connect, ask for a page, and so on." },
	{ .key = "method",
	  .value = WORDS(method_words),
	  AT(config_check, method),
	  .fallback = "GET",
	  .variants = CHECK_HTTP,
	  .meaning = "How it is asked for." },
	{ .key = "path",
	  .value = { .type = VALUE_URL_PATH },
	  AT(config_check, path),
	  .fallback = "/",
	  .variants = CHECK_HTTP,
	  .meaning = "What is asked for." },
	{ .key = "host",
	  .value = { .type = VALUE_HOST },
	  AT(config_check, host),
	  .unset = "auto",
	  .variants = CHECK_HTTP | CHECK_TLS,
	  .meaning = "Host header, and server name of TLS; auto is the address." },
	{ .key = "sni",
	  .value = { .type = VALUE_HOST },
	  AT(config_check, sni),
	  .unset = "auto",
	  .variants = CHECK_TLS,
	  .meaning = "Server name of TLS, and the name that the certificate must be for, where "
		     "it is not that of host." },
	{ .key = "headers",
	  .form = ROW_LIST,
	  .value = { .type = VALUE_HEADER },
	  MANY(config_check, headers),
	  .items_max = 16,
	  .variants = CHECK_HTTP,
	  .meaning = "Headers that are sent along." },
	{ .key = "status",
	  .form = ROW_LIST,
	  .value = { .type = VALUE_STATUS },
	  MANY(config_check, status),
	  .fallback = "200-299",
	  .items_max = 16,
	  .variants = CHECK_HTTP,
	  .meaning = "The answers that count as success." },
	{ .key = "body-contains",
	  .value = { .type = VALUE_TEXT },
	  AT(config_check, body_contains),
	  .unset = "none",
	  .variants = CHECK_HTTP,
	  .meaning = "What the body must hold." },
	{ .key = "body-matches",
	  .value = { .type = VALUE_REGEX },
	  AT(config_check, body_matches),
	  .unset = "none",
	  .variants = CHECK_HTTP,
	  .meaning = "What the body must match somewhere." },
	{ .key = "http-version",
	  .value = WORDS(http_version_words),
	  AT(config_check, http_version),
	  .fallback = "1.1",
	  .variants = CHECK_HTTP,
	  .meaning = "2 is spoken from the first byte with http, and must be agreed on by ALPN "
		     "with https." },
	{ .key = "service",
	  .value = { .type = VALUE_TEXT },
	  AT(config_check, grpc_service),
	  .unset = "none",
	  .variants = CHECK_IS(GRPC),
	  .meaning = "The service whose health is asked for; none is that of the whole server." },
	{ .key = "tls",
	  .value = { .type = VALUE_BOOL },
	  AT(config_check, tls),
	  .fallback = "false",
	  .variants = CHECK_IS(GRPC),
	  .meaning = "Whether the server speaks TLS." },
	{ .key = "alpn",
	  .form = ROW_LIST,
	  .value = { .type = VALUE_TOKEN },
	  MANY(config_check, alpn),
	  .items_max = 8,
	  .variants = CHECK_IS(TLS),
	  .meaning = "Protocols that are offered, one of which the server must choose." },
	{ .key = "query",
	  .value = { .type = VALUE_DNS_NAME },
	  AT(config_check, query),
	  .flags = ROW_REQUIRED,
	  .variants = CHECK_IS(DNS),
	  .meaning = "The name that is asked for." },
	{ .key = "record",
	  .value = WORDS(record_words),
	  AT(config_check, record),
	  .fallback = "A",
	  .variants = CHECK_IS(DNS),
	  .meaning = "The type of record that is asked for." },
	{ .key = "rcode",
	  .value = WORDS(rcode_words),
	  AT(config_check, rcode),
	  .fallback = "noerror",
	  .variants = CHECK_IS(DNS),
	  .meaning = "The response code that counts as success." },
	{ .key = "answer",
	  .form = ROW_LIST,
	  .value = { .type = VALUE_TEXT },
	  MANY(config_check, answers),
	  .items_max = 16,
	  .variants = CHECK_IS(DNS),
	  .meaning = "What must be among the answers, written as in a zone file; without it, any "
		     "answer will do, and with noerror one is needed." },
	{ .key = "transport",
	  .value = WORDS(transport_words),
	  AT(config_check, transport),
	  .fallback = "udp",
	  .variants = CHECK_IS(DNS),
	  .meaning = "Over what the question is sent." },
	{ .key = "send",
	  .value = { .type = VALUE_BYTES },
	  AT(config_check, send),
	  .unset = "none",
	  .variants = CHECK_TALK,
	  .meaning = "What is sent to the server; with udp, none is an empty datagram." },
	{ .key = "expect",
	  .value = { .type = VALUE_BYTES },
	  AT(config_check, expect),
	  .unset = "none",
	  .variants = CHECK_TALK,
	  .meaning =
		  "What its answer must hold within the first 16 KiB; none: with tcp, no answer is "
		  "needed; with udp, any will do." },
	{ .key = "argv",
	  .form = ROW_LIST,
	  .value = { .type = VALUE_TEXT },
	  MANY(config_check, argv),
	  .flags = ROW_REQUIRED,
	  .items_max = 32,
	  .variants = CHECK_IS(EXEC),
	  .meaning = "The program, by its absolute path, and its arguments; no shell reads them." },
	{ .key = "exit-codes",
	  .form = ROW_LIST,
	  .value = { .type = VALUE_EXIT },
	  MANY(config_check, exit_codes),
	  .fallback = "0",
	  .items_max = 16,
	  .variants = CHECK_IS(EXEC),
	  .meaning = "The exit codes that count as success." },
	{ .key = "port",
	  .value = { .type = VALUE_PORT },
	  AT(config_check, port),
	  .unset = "auto",
	  .variants = CHECK_PORT,
	  .meaning = "Port that is probed; auto is the service's." },
	{ .key = "interval",
	  .value = { .type = VALUE_DURATION, .min = 10 * MSEC, .max = HOUR },
	  AT(config_check, interval_us),
	  .fallback = "2s",
	  .meaning = "From one probe of a real to the next." },
	{ .key = "fast-interval",
	  .value = { .type = VALUE_DURATION, .min = 10 * MSEC, .max = HOUR },
	  AT(config_check, fast_interval_us),
	  .fallback = "500ms",
	  .meaning = "The same while undecided: the last results contradict the verdict." },
	{ .key = "slow-interval",
	  .value = { .type = VALUE_DURATION, .min = 10 * MSEC, .max = DAY },
	  AT(config_check, slow_interval_us),
	  .fallback = "10s",
	  .meaning = "The same while the real is down." },
	{ .key = "jitter",
	  .value = { .type = VALUE_PERCENT, .max = 50 },
	  AT(config_check, jitter_percent),
	  .fallback = "20%",
	  .meaning = "How far intervals vary at random, so that probes do not march in step." },
	{ .key = "timeout",
	  .value = { .type = VALUE_DURATION, .min = 10 * MSEC, .max = 5 * MIN },
	  AT(config_check, timeout_us),
	  .fallback = "1s",
	  .meaning = "A probe without an answer by then has failed." },
	{ .key = "rise",
	  .value = { .type = VALUE_NUMBER, .min = 1, .max = 100 },
	  AT(config_check, rise),
	  .fallback = "3",
	  .zero_hint = "a real is up after this many successes, at least one",
	  .meaning = "Successes in a row that make a real up." },
	{ .key = "fall",
	  .value = { .type = VALUE_NUMBER, .min = 1, .max = 100 },
	  AT(config_check, fall),
	  .fallback = "2",
	  .zero_hint = "a real is down after this many failures, at least one",
	  .meaning = "Failures in a row that make a real down." },
	{ .key = "via",
	  .value = WORDS(via_words),
	  AT(config_check, via),
	  .fallback = "tunnel",
	  .variants = CHECK_SENT,
	  .meaning = "tunnel probes the VIP through the same encapsulation as clients' packets, "
		     "direct "
		     "the real's own address." },
	{ .key = "mtu-probe",
	  .value = { .type = VALUE_DURATION, .min = SEC, .max = DAY },
	  AT(config_check, mtu_probe_us),
	  .unset = "none",
	  .variants = CHECK_SENT,
	  .meaning =
		  "How often a packet of full size is sent along, which must come through whole; "
		  "none: never." },
	{ .key = "ca-file",
	  .value = { .type = VALUE_FILE },
	  AT(config_check, ca_file),
	  .unset = "system",
	  .variants = CHECK_TLS,
	  .meaning = "Certificates to trust; system is the host's own store." },
	{ .key = "verify",
	  .value = { .type = VALUE_BOOL },
	  AT(config_check, verify),
	  .fallback = "true",
	  .variants = CHECK_TLS,
	  .meaning = "Whether the certificate must be valid, and for the name that is asked for." },
	{ .key = "expiry-warning",
	  .value = { .type = VALUE_DURATION, .min = HOUR, .max = 365 * DAY },
	  AT(config_check, expiry_warning_us),
	  .fallback = "14d",
	  .unset = "none",
	  .variants = CHECK_TLS,
	  .meaning = "How long before its certificate ends a real is warned of; it stays up." },
};
static const struct schema schema_check = {
	.noun = "check",
	.size = sizeof(struct config_check),
	ROWS(check_rows),
	.variant_offset = offsetof(struct config_check, type),
	.variant_words = check_type_words,
	.meaning = "How the health of reals is found out. Pools name checks.",
};

/* ---- pools ---- */

static const struct schema_row quorum_rows[] = {
	{ .key = "return",
	  .value = { .type = VALUE_NUMBER, .min = 1, .max = 65534 },
	  AT(config_pool, quorum_return),
	  .fallback = "1",
	  .zero_hint = "a VIP needs a usable real to be announced",
	  .meaning = "Healthy, enabled reals that VIPs are announced with again." },
	{ .key = "stay",
	  .value = { .type = VALUE_NUMBER, .min = 1, .max = 65534 },
	  AT(config_pool, quorum_stay),
	  .fallback = "1",
	  .zero_hint = "to stay announced without usable reals see all-down",
	  .meaning = "With fewer they are withdrawn." },
};
static const struct schema schema_quorum = {
	.noun = "quorum",
	.size = sizeof(struct config_pool),
	ROWS(quorum_rows),
};

static const struct schema_row real_rows[] = {
	{ .key = "address",
	  .value = { .type = VALUE_ADDRESS },
	  AT(config_real, addr),
	  .flags = ROW_REQUIRED,
	  .meaning = "Where tunnels to the real end." },
	{ .key = "weight",
	  .value = { .type = VALUE_NUMBER, .min = 1, .max = 65535 },
	  AT(config_real, weight),
	  .fallback = "1",
	  .zero_hint = "to take a real out of service remove it from the pool and reload: its "
		       "flows stay",
	  .meaning = "Share of new flows, relative to the pool's other reals." },
	{ .key = "server-id",
	  .value = { .type = VALUE_NUMBER, .min = 1, .max = UINT32_MAX },
	  AT(config_real, server_id),
	  .unset = "none",
	  .meaning = "Id of the real in QUIC connection ids, the TCP server-id option and stable "
		     "UDP." },
	{ .key = "local",
	  .value = { .type = VALUE_BOOL },
	  AT(config_real, is_local),
	  .fallback = "false",
	  .meaning = "The real is this host: its packets are passed to the kernel." },
	{ .key = "backup",
	  .value = { .type = VALUE_BOOL },
	  AT(config_real, is_backup),
	  .fallback = "false",
	  .meaning = "Takes flows only while no normal real can." },
};
static const struct schema schema_real = {
	.noun = "real",
	.size = sizeof(struct config_real),
	ROWS(real_rows),
	.shorthand = "address",
	.is_flow = true,
	.meaning = "A server, as `NAME: ADDRESS` or `NAME: {address: ADDRESS, ...}`.",
};

static const struct schema_row pool_rows[] = {
	{ .key = "check",
	  .form = ROW_SPECIAL,
	  .special = &special_check,
	  .flags = ROW_REQUIRED_BY_NODE,
	  .meaning =
		  "The checks a real must pass, all of them; none takes every real as healthy." },
	{ .key = "encap",
	  .value = WORDS(encap_words),
	  AT(config_pool, encap),
	  .fallback = "ipip",
	  .meaning = "How packets reach the reals." },
	{ .key = "gue-port",
	  .value = { .type = VALUE_PORT },
	  AT(config_pool, gue_port),
	  .fallback = "6080",
	  .meaning = "UDP port of GUE." },
	{ .key = "quorum",
	  .form = ROW_SECTION,
	  .schema = &schema_quorum,
	  .meaning = "How many reals the VIPs of this pool need." },
	{ .key = "ring",
	  .value = WORDS(ring_words),
	  AT(config_pool, ring),
	  .fallback = "handover",
	  .meaning = "handover moves only the slots of reals that fail, rebuild follows katran." },
	{ .key = "slow-start",
	  .value = { .type = VALUE_DURATION, .min = SEC, .max = HOUR },
	  AT(config_pool, slow_start_us),
	  .unset = "none",
	  .meaning =
		  "A real that was down, or is new, gets its share in 17 steps over this time." },
	{ .key = "depool-floor",
	  .form = ROW_SPECIAL,
	  .special = &special_floor,
	  AT(config_pool, depool_floor_percent),
	  .meaning = "So many reals keep their new flows though they fail; forwarding only, never "
		     "quorum." },
	{ .key = "all-down",
	  .value = WORDS(all_down_words),
	  AT(config_pool, all_down),
	  .fallback = "withdraw",
	  .meaning = "When every check fails: withdraw the VIPs, forward to all reals (open), or "
		     "leave "
		     "the ring as it is (hold). Open and hold keep an announcement, they never "
		     "make one." },
	{ .key = "reals",
	  .form = ROW_OBJECTS,
	  .schema = &schema_real,
	  MANY(config_pool, reals),
	  .flags = ROW_REQUIRED,
	  .items_max = 65534,
	  .meaning = "The servers." },
};
static const struct schema schema_pool = {
	.noun = "pool",
	.size = sizeof(struct config_pool),
	ROWS(pool_rows),
	.meaning = "A set of reals with checks, one encapsulation and one ring.",
};

/* ---- VIPs ---- */

static const struct schema_row service_rows[] = {
	{ .key = "tcp",
	  .form = ROW_SPECIAL,
	  .special = &special_ports,
	  .offset = 0,
	  .meaning = "TCP ports; a service each. A line has tcp, udp or both." },
	{ .key = "udp",
	  .form = ROW_SPECIAL,
	  .special = &special_ports,
	  .offset = 1,
	  .meaning = "UDP ports; a service each." },
	{ .key = "pool",
	  .form = ROW_SPECIAL,
	  .special = &special_pool,
	  AT(config_service, pool),
	  .flags = ROW_REQUIRED,
	  .meaning = "Where packets go." },
	{ .key = "hash",
	  .value = WORDS(hash_words),
	  AT(config_service, hash),
	  .fallback = "5-tuple",
	  .meaning = "What of a packet picks its slot." },
	{ .key = "track",
	  .value = WORDS(track_words),
	  AT(config_service, track),
	  .fallback = "moving",
	  .meaning = "Which flows are remembered: of slots in transition, all, or none." },
	{ .key = "rate",
	  .value = { .type = VALUE_COUNT, .min = 1, .max = 1000000000 },
	  AT(config_service, rate),
	  .unset = "none",
	  .meaning = "New flows a second that are let in, over all CPUs of the node, a tenth of a "
		     "second's at once: TCP SYN and QUIC "
		     "Initial packets." },
	{ .key = "drop-sources",
	  .form = ROW_LIST,
	  .value = { .type = VALUE_PREFIX },
	  MANY(config_service, drop_sources),
	  .fallback = "",
	  .items_max = 4096,
	  .meaning = "Clients whose packets are dropped." },
	{ .key = "source-routes",
	  .form = ROW_SPECIAL,
	  .special = &special_source_routes,
	  MANY(config_service, source_routes),
	  .meaning = "Clients that go to one real of the pool as long as it takes new flows." },
	{ .key = "quic",
	  .value = { .type = VALUE_BOOL },
	  AT(config_service, quic),
	  .fallback = "false",
	  .meaning = "Packets follow the server id in their QUIC connection id. UDP only." },
	{ .key = "tcp-server-id",
	  .value = { .type = VALUE_BOOL },
	  AT(config_service, tcp_server_id),
	  .fallback = "false",
	  .meaning = "Packets follow the server id in a TCP option. TCP only." },
	{ .key = "stable-udp",
	  .value = { .type = VALUE_BOOL },
	  AT(config_service, stable_udp),
	  .fallback = "false",
	  .meaning = "Packets follow the server id in their payload. UDP only." },
	{ .key = "migrate-udp",
	  .value = { .type = VALUE_BOOL },
	  AT(config_service, migrate_udp),
	  .fallback = "false",
	  .meaning = "UDP flows leave a real as soon as it takes no new flows. UDP only." },
	{ .key = "server-ids",
	  .value = WORDS(server_ids_words),
	  AT(config_service, server_ids),
	  .unset = "none",
	  .meaning =
		  "Where a server id may lead: reals of the pool, or any real. Where ids are used "
		  "and this is not given: pool." },
};
static const struct schema schema_service = {
	.noun = "service",
	.size = sizeof(struct service_line),
	ROWS(service_rows),
	.is_flow = true,
	.meaning = "One line for one or more ports: `- {tcp: [80, 443], pool: web}`.",
};

static const struct schema_row vip_rows[] = {
	{ .key = "address",
	  .value = { .type = VALUE_PREFIX },
	  AT(config_vip, prefix),
	  .flags = ROW_REQUIRED,
	  .meaning = "The address or prefix, announced as it stands." },
	{ .key = "announce-when",
	  .value = WORDS(announce_when_words),
	  AT(config_vip, announce_when),
	  .fallback = "all",
	  .meaning = "Announced while all, or any, of its services have quorum." },
	{ .key = "unserved",
	  .value = WORDS(unserved_words),
	  AT(config_vip, unserved),
	  .fallback = "drop",
	  .meaning =
		  "Packets to the VIP that match no service: dropped and counted, or passed to the "
		  "kernel." },
	{ .key = "communities",
	  .form = ROW_LIST,
	  .value = { .type = VALUE_COMMUNITY },
	  MANY(config_vip, communities),
	  .fallback = "",
	  .items_max = 32,
	  .meaning = "BGP communities of the route." },
	{ .key = "large-communities",
	  .form = ROW_LIST,
	  .value = { .type = VALUE_LARGE_COMMUNITY },
	  MANY(config_vip, large_communities),
	  .fallback = "",
	  .items_max = 32,
	  .meaning = "Large BGP communities of the route." },
	{ .key = "med",
	  .value = { .type = VALUE_NUMBER, .max = UINT32_MAX },
	  AT(config_vip, med),
	  .beside = offsetof(struct config_vip, has_med),
	  .unset = "none",
	  .meaning = "MED of the route." },
	{ .key = "local-preference",
	  .value = { .type = VALUE_NUMBER, .max = UINT32_MAX },
	  AT(config_vip, local_preference),
	  .beside = offsetof(struct config_vip, has_local_preference),
	  .unset = "none",
	  .meaning = "Local preference of the route, towards iBGP peers." },
	{ .key = "services",
	  .form = ROW_LINES,
	  .schema = &schema_service,
	  MANY(config_vip, services),
	  .flags = ROW_REQUIRED,
	  .meaning = "What is served at the address." },
};
static const struct schema schema_vip = {
	.noun = "vip",
	.size = sizeof(struct config_vip),
	ROWS(vip_rows),
	.meaning = "An address that is announced, and its services.",
};

/* ---- the file ---- */

/* References point backwards in this order: it is also the order of reading. */
static const struct schema_row top_rows[] = {
	{ .key = "node",
	  .form = ROW_SECTION,
	  .schema = &schema_node,
	  AT(config, node),
	  .flags = ROW_REQUIRED_BY_NODE | ROW_BLOCK },
	{ .key = "routing",
	  .form = ROW_SECTION,
	  .schema = &schema_routing,
	  AT(config, routing),
	  .beside = offsetof(struct config, routing.present),
	  .flags = ROW_REQUIRED_BY_NODE | ROW_BLOCK },
	{ .key = "web", .form = ROW_SECTION, .schema = &schema_web },
	{ .key = "checks", .form = ROW_OBJECTS, .schema = &schema_check, MANY(config, checks) },
	{ .key = "pools",
	  .form = ROW_OBJECTS,
	  .schema = &schema_pool,
	  MANY(config, pools),
	  .flags = ROW_REQUIRED },
	{ .key = "vips",
	  .form = ROW_OBJECTS,
	  .schema = &schema_vip,
	  MANY(config, vips),
	  .flags = ROW_REQUIRED },
};
const struct schema schema_top = {
	.noun = "file",
	.size = sizeof(struct config),
	ROWS(top_rows),
};

/* ---- helpers ---- */

bool schema_row_applies(const struct schema *schema, const struct schema_row *row,
			const void *object)
{
	unsigned variant;

	if (!row->variants)
		return true;
	memcpy(&variant, (const char *)object + schema->variant_offset, sizeof(variant));
	return row->variants & (1U << variant);
}

static void print_words(const struct value_word *words, struct text *out)
{
	for (const struct value_word *w = words; w->word; w++)
		text_add(out, "%s%s", w == words ? "" : " | ", w->word);
}

void schema_print_type(const struct schema_row *row, struct text *out)
{
	struct text bounds = { .arena = out->arena };

	if (row->form == ROW_SPECIAL) {
		text_add(out, "%s", row->special->written);
		return;
	}
	if (row->unset)
		text_add(out, "%s | ", row->unset);
	if (row->value.type == VALUE_ENUM)
		print_words(row->value.words, out);
	else if (row->value.type == VALUE_BOOL)
		text_add(out, "true | false");
	else
		text_add(out, "%s%s", row->form == ROW_LIST ? "list of: " : "",
			 value_kind(row->value.type)->word);
	value_print_bounds(&row->value, &bounds);
	if (bounds.len)
		text_add(out, ", %s", bounds.bytes);
}

const char *config_encap_str(enum config_encap encap)
{
	return value_word_of(encap_words, encap);
}

const char *config_check_type_str(enum config_check_type type)
{
	return value_word_of(check_type_words, type);
}

const char *config_loss_then_str(enum config_loss_then then)
{
	return value_word_of(loss_words, then);
}
