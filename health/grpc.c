/* SPDX-License-Identifier: Apache-2.0 */
#include "health/grpc.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define FRAME_HEAD 5 /* a byte whether it is compressed, four of its length */

/* Types of fields on the wire. */
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct cursor {
	const uint8_t *at, *end;
};

static size_t put_varint(uint8_t *at, size_t value)
{
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		at[n++] = (uint8_t)(value | 0x80);
	at[n++] = (uint8_t)value;
	return n;
}

/* Field 1 is the name of the service; the empty one is left out, as for every field. */
size_t grpc_encode_request(const char *service, size_t len, uint8_t ret[GRPC_REQUEST_MAX])
{
	size_t n = FRAME_HEAD, body;

	if (len > GRPC_SERVICE_MAX)
		return 0;
	if (len > 0) {
		ret[n++] = 1 << 3 | WIRE_BYTES;
		n += put_varint(ret + n, len);
		memcpy(ret + n, service, len);
		n += len;
	}
	body = n - FRAME_HEAD;
	ret[0] = ret[1] = ret[2] = 0;
	ret[3] = (uint8_t)(body >> 8);
	ret[4] = (uint8_t)body;
	return n;
}

static bool take_varint(struct cursor *c, uint64_t *ret)
{
	*ret = 0;
	for (unsigned shift = 0; shift < 64 && c->at < c->end; shift += 7) {
		uint8_t byte = *c->at++;

		*ret |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

static bool skip(struct cursor *c, uint64_t n)
{
	if (n > (uint64_t)(c->end - c->at))
		return false;
	c->at += n;
	return true;
}

static bool skip_field(struct cursor *c, unsigned wire)
{
	uint64_t n;

	switch (wire) {
	case WIRE_VARINT:
		return take_varint(c, &n);
	case WIRE_64:
		return skip(c, 8);
	case WIRE_BYTES:
		return take_varint(c, &n) && skip(c, n);
	case WIRE_32:
		return skip(c, 4);
	default:
		return false; /* groups: nobody sends them any more */
	}
}

/* Field 1 is the status, of the last occurrence; absent, it is 0. Others are passed over. */
static int decode_message(struct cursor *c, uint64_t *ret_health)
{
	uint64_t key, health = GRPC_UNKNOWN;

	while (c->at < c->end) {
		bool is_status;

		if (!take_varint(c, &key) || key >> 3 == 0)
			return -EBADMSG;
		is_status = key == (1 << 3 | WIRE_VARINT);
		if (is_status ? !take_varint(c, &health) : !skip_field(c, key & 7))
			return -EBADMSG;
	}
	*ret_health = health;
	return 0;
}

int grpc_decode_response(const uint8_t *bytes, size_t len, uint64_t *ret_health)
{
	struct cursor c;
	uint32_t body;

	if (len < FRAME_HEAD || bytes[0] != 0) /* nobody was told that we know a compression */
		return -EBADMSG;
	body = (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 8 |
	       bytes[4];
	c = (struct cursor){ bytes + FRAME_HEAD, bytes + len };
	return body == len - FRAME_HEAD ? decode_message(&c, ret_health) : -EBADMSG;
}

const char *grpc_health_str(uint64_t health)
{
	static const char *const words[] = { "UNKNOWN", "SERVING", "NOT_SERVING",
					     "SERVICE_UNKNOWN" };

	return health < sizeof(words) / sizeof(words[0]) ? words[health] : "another status";
}

const char *grpc_code_str(uint32_t code)
{
	static const char *const words[] = {
		"OK",
		"CANCELLED",
		"UNKNOWN",
		"INVALID_ARGUMENT",
		"DEADLINE_EXCEEDED",
		"NOT_FOUND",
		"ALREADY_EXISTS",
		"PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED",
		"FAILED_PRECONDITION",
		"ABORTED",
		"OUT_OF_RANGE",
		"UNIMPLEMENTED",
		"INTERNAL",
		"UNAVAILABLE",
		"DATA_LOSS",
		"UNAUTHENTICATED",
	};

	return code < sizeof(words) / sizeof(words[0]) ? words[code] : "another code";
}
