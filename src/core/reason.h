/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reason.h - every reason a verdict or a state can have, each list made once by an X-macro that
 * also yields the word for logs, metrics and JSON and the sentence for people.
 */
#pragma once

#include <stdbool.h>

/* How one probe ended. X(enumerator, word, sentence) */
#define PROBE_REASONS(X)                                                                           \
	X(NONE, "none", "not probed yet")                                                          \
	X(OK, "ok", "the check passed")                                                            \
	X(NO_CHECK, "no-check", "the pool has no check")                                           \
	X(TIMEOUT, "timeout", "no answer within the timeout")                                      \
	X(REFUSED, "refused", "the connection was refused")                                        \
	X(RESET, "reset", "the connection was reset")                                              \
	X(UNREACHABLE, "unreachable", "the network says the address cannot be reached")            \
	X(CONNECT_ERROR, "connect-error", "the connection could not be opened")                    \
	X(CLOSED, "closed", "the connection was closed before the answer was whole")               \
	X(HTTP_STATUS, "http-status", "the HTTP status is not one of those allowed")               \
	X(HTTP_GARBAGE, "http-garbage", "the answer is not HTTP")                                  \
	X(TOO_LARGE, "too-large", "the answer is larger than a check reads")                       \
	X(TLS_ERROR, "tls-error", "the TLS handshake or the certificate failed")                   \
	X(UNEXPECTED, "unexpected", "the answer does not hold what the check expects")             \
	X(PROTOCOL_ERROR, "protocol-error", "the answer is not of the protocol that was spoken")   \
	X(GRPC_STATUS, "grpc-status", "the server does not say that the service is serving")       \
	X(DNS_RCODE, "dns-rcode", "the DNS response code is another one")                          \
	X(MTU, "mtu", "a full-size packet is lost on the way to the real")                         \
	X(EXIT_STATUS, "exit-status", "the program ended with another exit code")                  \
	X(KILLED, "killed", "the program was ended by a signal")                                   \
	X(NOT_EXECUTABLE, "not-executable",                                                        \
	  "the node cannot run the program of the check; no verdict")                              \
	X(PROBE_PATH, "probe-path", "the node's own probe path is broken; no verdict")             \
	X(LATE, "late", "the probe started too late to judge; no verdict")                         \
	X(LOCAL_ERROR, "local-error", "the node lacked a resource for the probe; no verdict")

enum probe_reason {
#define X(name, word, sentence) PROBE_##name,
	PROBE_REASONS(X)
#undef X
		PROBE_REASON_MAX,
};

/* Why a VIP is in its state, the strongest reason that holds. */
#define VIP_REASONS(X)                                                                             \
	X(STARTING, "starting", "the reals are not judged yet")                                    \
	X(NO_QUORUM, "no-quorum", "too few healthy reals")                                         \
	X(NOT_PROGRAMMED, "not-programmed", "the data plane does not hold all its services yet")   \
	X(SELF_TEST, "self-test", "the self-test of a service failed")                             \
	X(XDP_GONE, "xdp-gone", "an uplink in use has no XDP program of ours")                     \
	X(NO_NEXT_HOP, "no-next-hop", "no usable uplink or next hop")                              \
	X(COMMON_MODE, "common-mode",                                                              \
	  "pools that share no real fail together, so this node does; by routing.common-mode")     \
	X(WARM_UP, "warm-up", "waiting for the warm-up to end")                                    \
	X(HOLD_DOWN, "hold-down", "held down after flapping")                                      \
	X(FENCED, "fenced", "the guard acted; waiting for a complete pass and the warm-up")        \
	X(NODE_DRAINED, "node-drained", "the node is drained")                                     \
	X(VIP_DRAINED, "vip-drained", "the VIP is drained")                                        \
	X(ROUTER_DOWN, "router-down", "bgpd does not answer")                                      \
	X(NO_INSTANCE, "no-instance", "bgpd has no BGP instance of our AS")                        \
	X(NO_PEER, "no-peer", "too few peers hold the route")                                      \
	X(ROUTE_PENDING, "route-pending", "the route is on its way into the peers")                \
	X(DRAIN_STUCK, "drain-stuck", "drained, but its traffic has not gone; still announced")    \
	X(OUTSIDE_RANGES, "outside-ranges", "not inside vip-ranges; never announced")              \
	X(REMOVED, "removed", "no longer in the config")                                           \
	X(WITHDRAWN_BY_HAND, "operator-withdraw", "an operator withdrew it")                       \
	X(ANNOUNCED_BY_HAND, "operator-announce",                                                  \
	  "announced by an operator's word, against its checks")                                   \
	X(SERVING, "serving", "announced and proved in enough peers")

enum vip_reason {
#define X(name, word, sentence) VIP_REASON_##name,
	VIP_REASONS(X)
#undef X
		VIP_REASON_MAX,
};

/* Why a real takes new flows, is leaving, or is dead. */
#define LIFE_REASONS(X)                                                                            \
	X(NOT_JUDGED, "not-judged", "not judged yet; it stays what it was in the data plane")      \
	X(SERVING, "serving", "it gets new flows")                                                 \
	X(KEPT, "kept", "its check fails; it gets new flows by an override of its pool")           \
	X(CHECK_FAILS, "check-fails", "its check fails; its flows stay")                           \
	X(NO_WEIGHT, "no-weight", "its weight is 0; its flows stay")                               \
	X(DRAINED, "drained", "an operator drained it; its flows stay")                            \
	X(DISABLED, "disabled", "an operator disabled it; its flows go to others")                 \
	X(DISABLED_ALONE, "disabled-alone",                                                        \
	  "an operator disabled it, but no other real could take its flows; they stay")            \
	X(REMOVED, "removed",                                                                      \
	  "no longer in the config; its flows stay until they are silent for the idle time")       \
	X(NO_NEXT_HOP, "no-next-hop", "there is no way to it; its flows stay")                     \
	X(NOBODY_ELSE, "nobody-else",                                                              \
	  "its address is gone, but no other real could take its "                                 \
	  "flows; they stay")                                                                      \
	X(ADDRESS_GONE, "address-gone",                                                            \
	  "address gone: check, ping and a direct connection are "                                 \
	  "all unanswered; its flows go to others")                                                \
	X(UNREACHABLE, "unreachable",                                                              \
	  "address gone: the kernel finds no way to it, but one to "                               \
	  "others; its flows go to them")

enum life_reason {
#define X(name, word, sentence) LIFE_##name,
	LIFE_REASONS(X)
#undef X
		LIFE_REASON_MAX,
};

/* The constant word and sentence of each. */
const char *probe_reason_str(enum probe_reason reason);
const char *probe_reason_sentence(enum probe_reason reason);
const char *vip_reason_str(enum vip_reason reason);
const char *vip_reason_sentence(enum vip_reason reason);
const char *life_reason_str(enum life_reason reason);
const char *life_reason_sentence(enum life_reason reason);

/* The probe ran, judged, and failed. */
bool probe_reason_is_failure(enum probe_reason reason);

/* The reason a word names, or PROBE_REASON_MAX. */
enum probe_reason probe_reason_find(const char *word);
