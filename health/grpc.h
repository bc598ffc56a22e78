/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc.h - the two messages of the health service of gRPC, and the frame around them. Everything
 * else of gRPC is HTTP/2, which libcurl speaks.
 *
 * Source: github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md and doc/health-checking.md; the encoding of
 * Protocol Buffers, protobuf.dev/programming-guides/encoding.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define GRPC_PATH        "/grpc.health.v1.Health/Check"
#define GRPC_SERVICE_MAX 1024
#define GRPC_REQUEST_MAX (GRPC_SERVICE_MAX + 16)
#define GRPC_ANSWER_MAX  4096 /* bytes of a whole answer */

/* The status of a service, as on the wire. */
enum grpc_health {
	GRPC_UNKNOWN = 0,
	GRPC_SERVING = 1,
	GRPC_NOT_SERVING = 2,
	GRPC_SERVICE_UNKNOWN = 3,
};

/* A framed HealthCheckRequest. Returns its length; 0: the name is too long. */
size_t grpc_encode_request(const char *service, size_t len, uint8_t ret[GRPC_REQUEST_MAX]);

/*
 * grpc_decode_response - the status in a framed HealthCheckResponse, which must be all there is.
 * An enumerator that we do not know comes out as it is. Returns 0 or -EBADMSG.
 */
int grpc_decode_response(const uint8_t *bytes, size_t len, uint64_t *ret_health);

/* Constant words; "another status" for what we do not know. */
const char *grpc_health_str(uint64_t health);
/* Of grpc-status: "NOT_FOUND". */
const char *grpc_code_str(uint32_t code);
