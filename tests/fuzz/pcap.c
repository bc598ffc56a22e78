/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of capture files.
 */
#include "src/dataplane/pcap.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pcap_frame frame;
	struct pcap_reader reader;
	struct err err = { "" };
	uint8_t *copy;
	FILE *file;
	int r;

	if (!size)
		return 0;
	copy = malloc(size);
	memcpy(copy, data, size);
	file = fmemopen(copy, size, "r");
	r = pcap_read_start(&reader, file, "fuzz", &err);
	if (!r) {
		while ((r = pcap_read(&reader, &frame, &err)) > 0) {
			if (frame.len > PCAP_FRAME_MAX)
				abort();
		}
	}
	if (r < 0 && err.text[0] == '\0')
		abort();
	fclose(file);
	free(copy);
	return 0;
}
