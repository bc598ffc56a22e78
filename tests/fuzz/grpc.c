/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.c - what a server answers to a health check of gRPC. */
#include <stddef.h>
#include <stdint.h>

#include "health/grpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t health = 0;

	if (size <= GRPC_ANSWER_MAX && grpc_decode_response(data, size, &health) == 0)
		return grpc_health_str(health) == NULL;
	return 0;
}
