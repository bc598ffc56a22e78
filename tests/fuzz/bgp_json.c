/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers of bgpd's JSON; the first byte of the input chooses the reader.
 */
#include "frr-integration/bgp_json.h"
#include "tests/fuzz/fuzz.h"

static void on_neighbour(void *arg, const struct bgp_neighbour *neighbour)
{
	*(size_t *)arg += strlen(neighbour->key) + strlen(neighbour->last_reset) +
			  strlen(neighbour->notification) + strlen(bgp_bfd_str(neighbour->bfd));
	for (unsigned i = 0; i < 2; i++)
		if (neighbour->out[i].filter)
			*(size_t *)arg += strlen(neighbour->out[i].filter);
}

static int read_one(unsigned which, const char *text, size_t len, struct err *err)
{
	struct bgp_summary summary = { 0 };
	struct bgp_prefixes prefixes = { 0 };
	size_t total = 0;
	int r = 0;

	switch (which % 4) {
	case 0:
		r = bgp_json_summary(text, len, &summary, err);
		break;
	case 1:
		r = bgp_json_advertised(text, len, &prefixes, err);
		break;
	case 2:
		r = bgp_json_local(text, len, 65010, &prefixes, err);
		break;
	case 3:
		r = bgp_json_neighbours(text, len, on_neighbour, &total, err);
		break;
	}
	if (r == 0)
		bgp_summary_fini(&summary);
	bgp_prefixes_fini(&prefixes);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { "" };
	char *text;

	if (size == 0)
		return 0;
	text = fuzz_text(data + 1, size - 1);
	if (read_one(data[0], text, size - 1, &err) < 0 && err.text[0] == '\0')
		abort();
	free(text);
	return 0;
}
