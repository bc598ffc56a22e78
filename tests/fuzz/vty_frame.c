/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies on bgpd's vty socket, in pieces: the first byte of the input says how long a piece is.
 */
#include "frr-integration/vty_frame.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_MAX 4096

/* Feed one piece, which may hold several replies. Returns a negative errno at the first bad one. */
static int feed(struct vty_frame *frame, const char *piece, size_t len)
{
	while (len > 0) {
		size_t used = 0;
		int r = vty_frame_feed(frame, piece, len, &used);

		if (r < 0)
			return r;
		if (used > len || frame->len > TEXT_MAX || (r == 0 && used != len))
			abort();
		if (r == 1) {
			if (frame->text && strlen(frame->text) > frame->len)
				abort();
			vty_frame_reset(frame);
		}
		piece += used;
		len -= used;
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vty_frame frame = { .max_bytes = TEXT_MAX };
	char *text = fuzz_text(data, size);
	size_t step = size > 0 && data[0] > 0 ? data[0] : 1;

	for (size_t at = 1; at < size; at += step)
		if (feed(&frame, text + at, size - at < step ? size - at : step) < 0)
			break;
	vty_frame_fini(&frame);
	free(text);
	return 0;
}
