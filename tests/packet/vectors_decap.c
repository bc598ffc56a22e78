/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors_decap.c - the programs of a real for the vector runner: decapsulation by XDP, which the
 * same frame must come out of alike by tc, and the source match.
 */
#include "tests/packet/vectors.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/decap.h"
#include "src/dataplane/decap_skel.h"

static struct decap_bpf *skel;

static int load(uint16_t gue_port, uint16_t match_port, struct err *err)
{
	struct decap_prefix all = { .len = 0 };
	uint8_t yes = 1;

	skel = decap_bpf__open();
	if (!skel)
		return err_set(err, -EIO, "cannot open the program");
	skel->rodata->decap_gue_port = htons(gue_port);
	skel->rodata->decap_match_port = htons(match_port);
	if (decap_bpf__load(skel) < 0 ||
	    bpf_map_update_elem(bpf_map__fd(skel->maps.vips), &all, &yes, BPF_ANY) < 0)
		return err_set(err, -EIO, "cannot load the program");
	return 0;
}

static void decap_fini(void)
{
	decap_bpf__destroy(skel);
	skel = NULL;
}

/* One frame through one of the programs. Returns 0 or a negative errno. */
static int run(const struct bpf_program *prog, const void *frame, size_t len, void *out,
	       size_t *out_len, int *ret_action, struct err *err)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .data_out = out, .data_size_out = (uint32_t)*out_len, .repeat = 1);

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) < 0)
		return err_set(err, -errno, "test run: %m");
	*out_len = opts.data_size_out;
	*ret_action = (int)opts.retval;
	return 0;
}

/* Make the outer destination of the frame the real's own. */
static void own_it(const void *frame, size_t len, __be16 port)
{
	struct decap_tunnel tunnel = { 0 };
	uint8_t yes = 1;

	decap_read(frame, (const char *)frame + len, (uint32_t)len, port, &tunnel);
	bpf_map_update_elem(bpf_map__fd(skel->maps.own), &tunnel.outer_dst, &yes, BPF_ANY);
}

static int decap_init(const json_t *suite, struct err *err)
{
	return load(vector_port(suite, "GUE_DPORT", 6080), 0, err);
}

static int decap_run(const void *frame, size_t len, uint32_t mark __attribute__((unused)),
		     void *out, size_t *out_len, struct err *err)
{
	static uint8_t tc_out[FRAME_MAX];
	size_t tc_len = sizeof(tc_out);
	int verdict, tc, r;

	own_it(frame, len, skel->rodata->decap_gue_port);
	r = run(skel->progs.shoal_decap, frame, len, out, out_len, &verdict, err);
	if (!r)
		r = run(skel->progs.shoal_decap_tc, frame, len, tc_out, &tc_len, &tc, err);
	if (r < 0)
		return r;
	if (verdict == XDP_PASS &&
	    (tc != TC_ACT_UNSPEC || tc_len != *out_len || memcmp(tc_out, out, tc_len) != 0))
		return err_set(err, -EIO, "by tc the frame ends differently");
	return verdict;
}

static int match_init(const json_t *suite, struct err *err)
{
	return load(0, vector_port(suite, "KDE_GUE_PORT", 9887), err);
}

static int match_run(const void *frame, size_t len, uint32_t mark __attribute__((unused)),
		     void *out, size_t *out_len, struct err *err)
{
	int action, r;

	own_it(frame, len, skel->rodata->decap_match_port);
	r = run(skel->progs.shoal_source_match, frame, len, out, out_len, &action, err);
	return r < 0 ? r : VECTOR_TC(action);
}

const struct vector_program vector_decap = {
	.name = "xdpdecap",
	.init = decap_init,
	.run = decap_run,
	.fini = decap_fini,
};

const struct vector_program vector_source_match = {
	.name = "tc_srcmatch",
	.init = match_init,
	.run = match_run,
	.fini = decap_fini,
};
