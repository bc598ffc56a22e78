/* SPDX-License-Identifier: Apache-2.0 */
/* kinds.c - what shoal-probe can do: every kind that runs no program. */
#include "health/check.h"

const struct check_kind *check_kind_of(const struct check_spec *spec)
{
	switch (spec->type) {
	case CONFIG_CHECK_TCP:
		return &check_tcp;
	case CONFIG_CHECK_HTTP:
	case CONFIG_CHECK_HTTPS:
	case CONFIG_CHECK_GRPC:
		return &check_http;
	case CONFIG_CHECK_TLS:
		return &check_tls;
	case CONFIG_CHECK_DNS:
		return spec->transport == CONFIG_TRANSPORT_TCP ? &check_dns_tcp : &check_dns_udp;
	case CONFIG_CHECK_UDP:
		return &check_udp;
	case CONFIG_CHECK_ICMP:
		return &check_icmp;
	case CONFIG_CHECK_EXEC:
		break;
	}
	return &check_unknown;
}
