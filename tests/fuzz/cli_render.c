/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of a daemon that may be anything: every renderer takes them, and nothing but line ends
 * and printable bytes reaches the terminal. The first byte picks width and UTF-8.
 */
#include "src/cli/render.h"
#include "tests/fuzz/fuzz.h"

static void (*const renderers[])(const struct screen *screen, const json_t *result) = {
	render_status,  render_why,    render_vips,           render_pools,
	render_reals,   render_peers,  render_routes,         render_drain,
	render_undrain, render_reload, render_reload_refusal, render_flow,
	render_flows,   render_real,   render_probe,          render_pool,
};

static void check(const char *text, bool has_utf8)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if ((*p < 0x20 && *p != '\n') || *p == 0x7f || (*p >= 0x80 && !has_utf8))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *answer;

	if (size < 1)
		return 0;
	answer = json_loadb((const char *)data + 1, size - 1, JSON_DECODE_ANY, NULL);
	for (size_t i = 0; answer && i < sizeof(renderers) / sizeof(renderers[0]); i++) {
		char *text = NULL;
		size_t len;
		struct screen screen = { .width = data[0] & 0x7f, .has_utf8 = data[0] & 0x80 };

		screen.out = open_memstream(&text, &len);
		renderers[i](&screen, answer);
		fclose(screen.out);
		check(text, screen.has_utf8);
		free(text);
	}
	json_decref(answer);
	return 0;
}
