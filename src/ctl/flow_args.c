/* SPDX-License-Identifier: Apache-2.0 */
#include "src/ctl/flow_args.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

int flow_args_parse(const json_t *args, struct dataplane_flow *ret, struct err *err)
{
	const char *proto = json_string_value(json_object_get(args, "proto"));
	const char *source = json_string_value(json_object_get(args, "source"));
	const char *destination = json_string_value(json_object_get(args, "destination"));

	if (!proto || (strcmp(proto, "tcp") != 0 && strcmp(proto, "udp") != 0))
		return err_set(err, -EINVAL, "a flow is of tcp or udp, not of '%.16s'",
			       proto ? proto : "");
	ret->proto = strcmp(proto, "tcp") == 0 ? IPPROTO_TCP : IPPROTO_UDP;
	if (!source || addr_parse_port(source, &ret->src, &ret->sport) < 0)
		return err_set(err, -EINVAL,
			       "'%.64s' is no source; write 192.0.2.1:40000 or [2001:db8::1]:40000",
			       source ? source : "");
	if (!destination || addr_parse_port(destination, &ret->dst, &ret->dport) < 0)
		return err_set(err, -EINVAL,
			       "'%.64s' is no destination; write 203.0.113.10:443 or "
			       "[2001:db8::1]:443",
			       destination ? destination : "");
	if (addr_is_ipv4(&ret->src) != addr_is_ipv4(&ret->dst))
		return err_set(err, -EINVAL, "source and destination are of different families");
	return 0;
}

const char *flow_verdict(const char *outcome, const struct config_vip *vip)
{
	static const char *const passed[] = { "not-a-vip", "local-real" };

	for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
		if (strcmp(outcome, passed[i]) == 0)
			return "passed";
	if (strcmp(outcome, "unserved") == 0 && vip && vip->unserved == CONFIG_UNSERVED_PASS)
		return "passed";
	return strcmp(outcome, "forwarded") == 0 ? "sent" : "dropped";
}
