/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors_steer.c - probes through steer.bpf.c. Upstream has one filter on the uplink that wraps
 * what is marked. Here marked packets are routed over a device of their own, whose far end wraps
 * them, and the uplink's filter only has an eye on what is marked: a vector runs through the
 * program that its packet would meet.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <string.h>

#include "bpf/lb_abi.h"
#include "bpf/steer_abi.h"
#include "src/dataplane/internal.h"
#include "tests/packet/vectors.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include "steer.skel.h"
#pragma GCC diagnostic pop

#define UPLINK_IFINDEX 1 /* a test run sends nothing */

static struct steer_bpf *skel;
static struct steer_target target; /* but for the real */
static struct addr sources[2];

static int parse_mac(const json_t *constants, const char *key, uint8_t mac[6])
{
	const char *text = json_string_value(json_object_get(constants, key));
	unsigned b[6];

	if (!text ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		return -EINVAL;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)b[i];
	return 0;
}

static int parse_source(const json_t *constants, const char *key, struct addr *addr)
{
	const char *text = json_string_value(json_object_get(constants, key));

	return text ? addr_parse(text, addr) : -EINVAL;
}

static int steer_init(const json_t *suite, struct err *err)
{
	const json_t *constants = json_object_get(suite, "constants");
	uint16_t port = vector_port(suite, "GUE_DPORT", 0);

	memset(&target, 0, sizeof(target));
	target.ifindex = UPLINK_IFINDEX;
	target.gue_port = htons(port);
	target.encap = port ? LB_ENCAP_GUE : LB_ENCAP_IPIP;
	target.has_source = 1;
	if (parse_mac(constants, "default_mac", target.dst_mac) < 0 ||
	    parse_mac(constants, "local_mac", target.src_mac) < 0 ||
	    parse_source(constants, "encap_src_v4", &sources[0]) < 0 ||
	    parse_source(constants, "encap_src_v6", &sources[1]) < 0)
		return err_set(err, -EIO, "bad constants");
	skel = steer_bpf__open_and_load();
	return skel ? 0 : err_set(err, -EIO, "cannot load the program");
}

static int steer_provision(const json_t *op, struct err *err)
{
	const char *name = json_string_value(json_object_get(op, "op"));
	const char *text = json_string_value(json_object_get(op, "address"));
	uint32_t mark = (uint32_t)json_integer_value(json_object_get(op, "somark"));
	struct addr real;

	if (!name || strcmp(name, "add_hc_dst"))
		return 0;
	if (!text || addr_parse(text, &real) < 0)
		return err_set(err, -EIO, "bad address in add_hc_dst");
	words_from_addr(target.real, &real);
	words_from_addr(target.source, &sources[!addr_is_ipv4(&real)]);
	if (bpf_map_update_elem(bpf_map__fd(skel->maps.steer_targets), &mark, &target, BPF_ANY) < 0)
		return err_set(err, -errno, "target of mark %u: %m", mark);
	return 0;
}

static int steer_run(const void *frame, size_t len, uint32_t mark, void *out, size_t *out_len,
		     struct err *err)
{
	struct __sk_buff skb = { .mark = mark ? STEER_MARK_BASE | mark : 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .data_out = out, .data_size_out = (uint32_t)*out_len, .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb), .repeat = 1);
	const struct bpf_program *prog = mark ? skel->progs.steer : skel->progs.steer_leak;

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) < 0)
		return err_set(err, -errno, "test run: %m");
	*out_len = opts.data_size_out;
	return VECTOR_TC((int)opts.retval);
}

static void steer_fini(void)
{
	steer_bpf__destroy(skel);
	skel = NULL;
}

const struct vector_program vector_steer = {
	.name = "healthcheck",
	.init = steer_init,
	.provision = steer_provision,
	.run = steer_run,
	.fini = steer_fini,
};
