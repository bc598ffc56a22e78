/* SPDX-License-Identifier: Apache-2.0 */
#include "frr-integration/vty_frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_NULS       3
#define FRAME_FIRST_SIZE 4096U
#define FRAME_KEEP_SIZE  (1U << 20) /* a buffer beyond is given back after its reply */

const char *vty_status_str(uint8_t status)
{
	static const char *const words[] = {
		[VTY_SUCCESS] = "success",
		[VTY_WARNING] = "warning",
		[VTY_NO_MATCH] = "unknown command",
		[VTY_AMBIGUOUS] = "ambiguous command",
		[VTY_INCOMPLETE] = "incomplete command",
		[VTY_CONFIG_FAILED] = "configuration failed",
	};

	if (status < sizeof(words) / sizeof(words[0]) && words[status])
		return words[status];
	return "refused";
}

bool vty_command_is_sendable(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= VTY_COMMAND_MAX && !strpbrk(text, "\r\n");
}

/* Room for more bytes and the final NUL. */
static int frame_grow(struct vty_frame *frame, size_t more)
{
	size_t size = frame->size ? frame->size : FRAME_FIRST_SIZE;
	char *text;

	if (more > frame->max_bytes - frame->len)
		return -EMSGSIZE;
	while (size < frame->len + more + 1)
		size *= 2;
	if (size == frame->size)
		return 0;
	text = realloc(frame->text, size);
	if (!text)
		return -ENOMEM;
	frame->text = text;
	frame->size = size;
	return 0;
}

static int frame_append(struct vty_frame *frame, const char *data, size_t len)
{
	int r = frame_grow(frame, len);

	if (r < 0)
		return r;
	memcpy(frame->text + frame->len, data, len);
	frame->len += len;
	frame->text[frame->len] = '\0';
	return 0;
}

int vty_frame_feed(struct vty_frame *frame, const char *data, size_t len, size_t *ret_used)
{
	size_t used = 0;
	int r;

	if (frame->nuls == 0) {
		const char *nul = memchr(data, '\0', len);

		used = nul ? (size_t)(nul - data) : len;
		r = frame_append(frame, data, used);
		if (r < 0)
			return r;
	}
	while (used < len && frame->nuls < FRAME_NULS) {
		if (data[used++] != '\0')
			return -EPROTO;
		frame->nuls++;
	}
	if (frame->nuls < FRAME_NULS || used == len) {
		*ret_used = used;
		return 0;
	}
	frame->status = (uint8_t)data[used++];
	if (frame->status >= VTY_STATUS_END)
		return -EPROTO;
	*ret_used = used;
	return 1;
}

void vty_frame_reset(struct vty_frame *frame)
{
	if (frame->size > FRAME_KEEP_SIZE)
		vty_frame_fini(frame);
	frame->len = 0;
	frame->nuls = 0;
	frame->status = 0;
	if (frame->text)
		frame->text[0] = '\0';
}

void vty_frame_fini(struct vty_frame *frame)
{
	free(frame->text);
	frame->text = NULL;
	frame->len = 0;
	frame->size = 0;
}
