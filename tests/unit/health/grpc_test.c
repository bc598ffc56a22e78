/* SPDX-License-Identifier: Apache-2.0 */
#include "health/grpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test.h"

#define REFUSES(bytes) assert_int_equal(decode(bytes, sizeof(bytes) - 1, &health), -EBADMSG)
#define YIELDS(bytes, status)                                                                      \
	do {                                                                                       \
		assert_int_equal(decode(bytes, sizeof(bytes) - 1, &health), 0);                    \
		assert_int_equal(health, status);                                                  \
	} while (0)

/* In memory of just that size, so that reading past it is found. */
static int decode(const char *bytes, size_t len, uint64_t *ret)
{
	uint8_t *copy = calloc(1, len ? len : 1);
	int r;

	memcpy(copy, bytes, len);
	r = grpc_decode_response(copy, len, ret);
	free(copy);
	return r;
}

TEST(grpc, asks_for_a_service_by_name)
{
	uint8_t buf[GRPC_REQUEST_MAX];
	char name[GRPC_SERVICE_MAX + 1];

	assert_int_equal(grpc_encode_request("", 0, buf), 5);
	assert_memory_equal(buf, "\0\0\0\0\0", 5);
	assert_int_equal(grpc_encode_request("a.B", 3, buf), 10);
	assert_memory_equal(buf, "\0\0\0\0\5\x0a\3a.B", 10);
	memset(name, 'x', sizeof(name));
	assert_int_equal(grpc_encode_request(name, 300, buf), 5 + 3 + 300);
	assert_memory_equal(buf, "\0\0\0\1\x2f\x0a\xac\2xxx", 11);
	assert_int_equal(grpc_encode_request(name, GRPC_SERVICE_MAX, buf), 5 + 3 + 1024);
	assert_int_equal(grpc_encode_request(name, GRPC_SERVICE_MAX + 1, buf), 0);
}

TEST(grpc, reads_the_status)
{
	uint64_t health = 99;

	YIELDS("\0\0\0\0\2\x08\1", GRPC_SERVING);
	YIELDS("\0\0\0\0\2\x08\2", GRPC_NOT_SERVING);
	YIELDS("\0\0\0\0\0", GRPC_UNKNOWN);
	YIELDS("\0\0\0\0\3\x08\xac\2", 300);
	/* The last one counts, and fields of later versions are passed over. */
	YIELDS("\0\0\0\0\4\x08\2\x08\1", GRPC_SERVING);
	YIELDS("\0\0\0\0\x07\x12\3abc\x08\1", GRPC_SERVING);
	YIELDS("\0\0\0\0\x07\x1d\1\2\3\4\x08\1", GRPC_SERVING);
	YIELDS("\0\0\0\0\x0b\x19\1\2\3\4\5\6\7\x08\x08\1", GRPC_SERVING);
}

TEST(grpc, refuses_what_is_no_response)
{
	uint64_t health;

	REFUSES("");
	REFUSES("\0\0\0\0");
	REFUSES("\1\0\0\0\2\x08\1");         /* compressed */
	REFUSES("\0\0\0\0\3\x08\1");         /* shorter than it says */
	REFUSES("\0\0\0\0\1\x08\1");         /* longer */
	REFUSES("\0\xff\xff\xff\xff\x08\1"); /* much shorter */
	REFUSES("\0\0\0\0\1\x08");           /* no value */
	REFUSES("\0\0\0\0\3\x12\3a");        /* a text cut short */
	REFUSES("\0\0\0\0\2\0\1");           /* field 0 */
	REFUSES("\0\0\0\0\1\x0b");           /* a group */
	REFUSES("\0\0\0\0\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"); /* no end */
}

TEST(grpc, names_what_it_does_not_know)
{
	assert_string_equal(grpc_health_str(GRPC_SERVICE_UNKNOWN), "SERVICE_UNKNOWN");
	assert_string_equal(grpc_health_str(1ULL << 63), "another status");
	assert_string_equal(grpc_code_str(5), "NOT_FOUND");
	assert_string_equal(grpc_code_str(99), "another code");
}

static const struct CMUnitTest tests[] = {
	T(grpc, asks_for_a_service_by_name),
	T(grpc, reads_the_status),
	T(grpc, refuses_what_is_no_response),
	T(grpc, names_what_it_does_not_know),
};

int main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
