/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/packet/vectors_decap.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/decap.h"
#include "src/dataplane/decap_skel.h"

static struct decap_bpf *skel;

static uint16_t gue_port(const json_t *suite)
{
	uint16_t port = 6080;
	size_t i;
	json_t *define;

	json_array_foreach (json_object_get(suite, "bpf_build_defines"), i, define) {
		if (!strncmp(json_string_value(define), "-DGUE_DPORT=", 12))
			port = (uint16_t)strtoul(json_string_value(define) + 12, NULL, 10);
	}
	return port;
}

int vector_decap_init(const json_t *suite, struct err *err)
{
	struct decap_prefix all = { .len = 0 };
	uint8_t yes = 1;

	skel = decap_bpf__open();
	if (!skel)
		return err_set(err, -EIO, "cannot open the program");
	skel->rodata->decap_gue_port = htons(gue_port(suite));
	if (decap_bpf__load(skel) < 0 ||
	    bpf_map_update_elem(bpf_map__fd(skel->maps.vips), &all, &yes, BPF_ANY) < 0)
		return err_set(err, -EIO, "cannot load the program");
	return 0;
}

void vector_decap_fini(void)
{
	decap_bpf__destroy(skel);
	skel = NULL;
}

int vector_decap_run(const void *frame, size_t len, void *out, size_t *out_len, struct err *err)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = (uint32_t)len,
		    .data_out = out, .data_size_out = (uint32_t)*out_len, .repeat = 1);
	struct decap_tunnel tunnel = { 0 };
	uint8_t yes = 1;

	decap_read(frame, (const char *)frame + len, skel->rodata->decap_gue_port, &tunnel);
	bpf_map_update_elem(bpf_map__fd(skel->maps.own), &tunnel.outer_dst, &yes, BPF_ANY);
	if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.shoal_decap), &opts) < 0)
		return err_set(err, -errno, "test run: %m");
	*out_len = opts.data_size_out;
	return (int)opts.retval;
}
