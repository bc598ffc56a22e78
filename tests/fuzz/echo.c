/* SPDX-License-Identifier: Apache-2.0 */
/* What may come on a raw ICMP socket. */
#include "health/echo.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct echo_id id;

	for (int is_ipv4 = 0; is_ipv4 < 2; is_ipv4++) {
		echo_read_answer(data, size, is_ipv4, &id);
		echo_read_quoted(data, size, is_ipv4, &id);
	}
	return 0;
}
