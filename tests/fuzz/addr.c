/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, with and without port, and prefixes: what parses prints to text that parses to the
 * same.
 */
#include "src/base/addr.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct prefix prefix, again;
	struct addr addr;
	uint16_t port;

	if (addr_parse_port(text, &addr, &port) == 0 &&
	    (port == 0 || addr_parse(ADDR_STR(&addr), &addr) < 0))
		abort();
	if (addr_parse(text, &addr) == 0 && addr_parse(ADDR_STR(&addr), &addr) < 0)
		abort();
	if (prefix_parse(text, &prefix) == 0 &&
	    (prefix_parse(PREFIX_STR(&prefix), &again) < 0 ||
	     memcmp(&prefix.addr, &again.addr, sizeof(again.addr)) != 0))
		abort();
	free(text);
	return 0;
}
