/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors_simulator.c - flows and the reals they get, on the provisioning of another suite beside
 * the file: {"provisioning": "same as base.json", "flows": [{src, dst, src_port, dst_port, proto,
 * expected_real, ring_index}]}. No real: no VIP, or no packet can be of that flow.
 */
#include "tests/packet/vectors.h"

#include <errno.h>
#include <libgen.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static uint16_t number_at(const json_t *object, const char *key)
{
	return (uint16_t)json_integer_value(json_object_get(object, key));
}

/* The suite whose name ends the words on provisioning. */
static json_t *load_base(const char *path, const json_t *suite, struct err *err)
{
	const char *words = text_at(suite, "provisioning"), *name = strrchr(words, ' ');
	char dir[4096], file[4200];
	json_error_t error;
	json_t *base;

	snprintf(dir, sizeof(dir), "%s", path);
	snprintf(file, sizeof(file), "%s/%s", dirname(dir), name ? name + 1 : words);
	base = json_load_file(file, 0, &error);
	if (!base)
		err_set(err, -EINVAL, "%s: %s", file, error.text);
	return base;
}

static int provision(struct vector_balancer *balancer, const json_t *base, struct err *err)
{
	json_t *phase = json_array_get(json_object_get(base, "phases"), 0), *op;
	int r = vector_balancer_init(balancer, base, err);
	size_t i;

	json_array_foreach (json_object_get(phase, "provisioning_ops"), i, op)
		r = r ? r : vector_balancer_do(balancer, op, err);
	return r;
}

/* A frame of the flow; 0: there is none. */
static size_t build(const json_t *flow, uint8_t *frame)
{
	struct frame_spec spec = { .dst_mac = { 0x02 },
				   .src_mac = { 0x01 },
				   .sport = number_at(flow, "src_port"),
				   .dport = number_at(flow, "dst_port"),
				   .proto = (uint8_t)number_at(flow, "proto"),
				   .tcp_flags = 0x02 };

	if (addr_parse(text_at(flow, "src"), &spec.src) < 0 ||
	    addr_parse(text_at(flow, "dst"), &spec.dst) < 0 ||
	    addr_is_ipv4(&spec.src) != addr_is_ipv4(&spec.dst))
		return 0;
	return frame_build(&spec, frame);
}

static bool is_as_expected(struct vector_balancer *balancer, const json_t *flow, struct err *err)
{
	const struct lb_trace *trace = dataplane_trace(balancer->dp);
	const char *want = text_at(flow, "expected_real");
	uint8_t frame[FRAME_MAX], out[FRAME_MAX];
	size_t len = build(flow, frame), out_len = sizeof(out);
	struct addr addr;

	if (!len)
		return !*want;
	if (dataplane_run(balancer->dp, frame, len, out, &out_len, err) != XDP_TX)
		return !*want;
	return addr_parse(want, &addr) == 0 &&
	       trace->real == dataplane_real_index(balancer->dp, &addr) &&
	       trace->slot == (uint32_t)json_integer_value(json_object_get(flow, "ring_index"));
}

int vector_simulate(struct vector_balancer *balancer, const char *path, const json_t *suite,
		    unsigned *ret_failed, struct err *err)
{
	json_t *base = load_base(path, suite, err), *flow;
	size_t i, n = 0;
	int r;

	if (!base)
		return -EINVAL;
	r = provision(balancer, base, err);
	json_array_foreach (json_object_get(suite, "flows"), i, flow) {
		if (r < 0)
			break;
		if (is_as_expected(balancer, flow, err)) {
			n++;
			continue;
		}
		printf("FAIL %s: flow %zu: not the real %s\n", text_at(suite, "name"), i + 1,
		       text_at(flow, "expected_real"));
		*ret_failed += 1;
	}
	if (!r)
		printf("%s: %zu flows as expected\n", text_at(suite, "name"), n);
	vector_balancer_fini(balancer);
	json_decref(base);
	return r;
}
