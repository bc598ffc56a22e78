/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of probe.sock: any packet is refused, or its content encodes to the packet again.
 */
#include "health/message.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[MESSAGE_MAX];
	static struct message message;
	uint8_t *packet = malloc(size > 0 ? size : 1);

	if (!packet)
		abort();
	if (size > 0)
		memcpy(packet, data, size);
	if (message_decode(packet, size, &message) == 0) {
		int len = message_encode(&message, buf);

		if (len < 0 || (size_t)len != size || memcmp(buf, packet, size) != 0)
			abort();
	}
	free(packet);
	return 0;
}
