/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers of bgpd's JSON; the first byte of the input chooses the reader.
 */
#include "frr-integration/bgp_json.h"
#include "tests/fuzz/fuzz.h"

static void on_reset(void *arg, const char *key, const char *reason)
{
	*(size_t *)arg += strlen(key) + strlen(reason);
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
		r = bgp_json_local(text, len, &prefixes, err);
		break;
	case 3:
		r = bgp_json_resets(text, len, on_reset, &total, err);
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
