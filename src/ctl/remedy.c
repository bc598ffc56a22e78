/* SPDX-License-Identifier: Apache-2.0 */
#include "src/ctl/remedy.h"

#include <stddef.h>

static const struct remedy vips[VIP_REASON_MAX] = {
	[VIP_REASON_STARTING] = { "decided when its reals are judged", "shoal reals" },
	[VIP_REASON_NO_QUORUM] = { "comes back when enough reals are up", "shoal reals" },
	[VIP_REASON_NOT_PROGRAMMED] = { "announced when the data plane holds all its services; "
					"shoald works on it",
					"journalctl -u shoald" },
	[VIP_REASON_SELF_TEST] = { "announced when the self-test of every service passes",
				   "journalctl -u shoald" },
	[VIP_REASON_XDP_GONE] = { "announced when XDP is attached again; shoald tries to",
				  "shoal why node" },
	[VIP_REASON_NO_NEXT_HOP] = { "announced when an uplink of the peers has carrier and the "
				     "gateways to peers and reals answer",
				     "shoal reals" },
	[VIP_REASON_COMMON_MODE] = { "by its checks again when the pools recover, or when "
				     "common-mode.for is over",
				     "shoal why node" },
	[VIP_REASON_WARM_UP] = { "announced when the warm-up ends", "shoal vips" },
	[VIP_REASON_HOLD_DOWN] = { "announced when the hold-down ends", "shoal vips" },
	[VIP_REASON_FENCED] = { "announced after a complete pass and the warm-up",
				"shoal why node" },
	[VIP_REASON_NODE_DRAINED] = { "announced when the drain of the node ends",
				      "shoal undrain" },
	[VIP_REASON_VIP_DRAINED] = { "announced when its drain ends", "shoal vips" },
	[VIP_REASON_WITHDRAWN_BY_HAND] = { "announced, when ready, when the order ends",
					   "shoal vips" },
	[VIP_REASON_ANNOUNCED_BY_HAND] = { "by its checks again when the order ends",
					   "shoal vips" },
	[VIP_REASON_ROUTER_DOWN] = { "serving again when bgpd answers on its vty socket",
				     "systemctl status frr" },
	[VIP_REASON_NO_INSTANCE] = { "serving when bgpd has the BGP instance of local-as",
				     "vtysh -c 'show running-config bgpd'" },
	[VIP_REASON_NO_PEER] = { "serving again when enough peers hold the route", "shoal peers" },
	[VIP_REASON_ROUTE_PENDING] = { "serving when enough peers hold the route, normally within "
				       "a second",
				       "shoal routes" },
	[VIP_REASON_DRAIN_STUCK] = { "nobody else announces it, or the peers ignore 65535:0",
				     "shoal vips" },
	[VIP_REASON_OUTSIDE_RANGES] = { "announced when vip-ranges of the config holds it",
					"shoal reload" },
	[VIP_REASON_REMOVED] = { "deleted once its route is gone and it lingered; stays when the "
				 "config has it again",
				 "shoal reload" },
	[VIP_REASON_SERVING] = { "withdrawn when too few reals are usable", "shoal vips" },
};

#define PROBE "journalctl -u shoal-probe"
#define EXEC  "journalctl -u shoal-exec"

static const struct remedy probes[PROBE_REASON_MAX] = {
	[PROBE_NONE] = { "its checks begin within an interval, while shoal-probe runs", NULL },
	[PROBE_OK] = { "nothing else is to be done", NULL },
	[PROBE_NO_CHECK] = { "the pool has no check, so nothing but its address is judged", NULL },
	[PROBE_TIMEOUT] = { "mend the server, or the VIP's address and tunnel on it", NULL },
	[PROBE_REFUSED] = { "nothing listens there: start the server, or mend the check's port",
			    NULL },
	[PROBE_RESET] = { "the server, or a firewall before it, ends connections: mend it", NULL },
	[PROBE_UNREACHABLE] = { "mend the route or the link to it", "shoal routes" },
	[PROBE_CONNECT_ERROR] = { "mend the server, or the network to it", NULL },
	[PROBE_CLOSED] = { "the server gives up before it has answered: mend it", NULL },
	[PROBE_HTTP_STATUS] = { "mend what its health page finds wrong, or let status of the "
				"check allow it",
				NULL },
	[PROBE_HTTP_GARBAGE] = { "mend the check's port or type: another protocol answers", NULL },
	[PROBE_TOO_LARGE] = { "let its health page be shorter", NULL },
	[PROBE_TLS_ERROR] = { "mend its certificate, or sni and ca-file of the check", NULL },
	[PROBE_UNEXPECTED] = { "mend the server, or what the check expects of its answer", NULL },
	[PROBE_PROTOCOL_ERROR] = { "mend the check's port or type: another protocol answers",
				   NULL },
	[PROBE_GRPC_STATUS] = { "mend what makes the server say that it does not serve", NULL },
	[PROBE_DNS_RCODE] = { "mend its zone, or what the check asks for", NULL },
	[PROBE_MTU] = { "let the way to it take larger packets, or let client-mtu say less", NULL },
	[PROBE_EXIT_STATUS] = { "mend what the program finds", NULL },
	[PROBE_KILLED] = { "mend what the program finds, or give it more time", NULL },
	[PROBE_NOT_EXECUTABLE] = { "put the program in its place on this node, with its rights",
				   EXEC },
	[PROBE_PROBE_PATH] = { "mend the node's own probe path", PROBE },
	[PROBE_LATE] = { "this node is too busy to judge: give it time on its CPUs", PROBE },
	[PROBE_LOCAL_ERROR] = { "mend what this node lacks", PROBE },
};

const struct remedy *remedy_of_vip(enum vip_reason reason)
{
	return &vips[reason];
}

const struct remedy *remedy_of_probe(enum probe_reason reason)
{
	return &probes[reason];
}
