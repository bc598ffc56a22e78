/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of bgpd's running-config.
 */
#include "frr-integration/bgp_config.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bgp_config config = { 0 };
	struct err err = { "" };
	char *text = fuzz_text(data, size);

	if (bgp_config_parse(text, &config, &err) == 0)
		bgp_config_fini(&config);
	else if (err.text[0] == '\0')
		abort();
	free(text);
	return 0;
}
