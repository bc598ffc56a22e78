/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of links, addresses, routes and neighbours: any bytes are one message. */
#include <stdlib.h>
#include <string.h>

#include "src/net/wire.h"
#include "tests/fuzz/fuzz.h"

static void check_link(struct nlmsghdr *hdr)
{
	struct wire_link link;

	if (wire_link_decode(hdr, &link) == 0 && !memchr(link.name, '\0', sizeof(link.name)))
		abort();
}

static void check_route(struct nlmsghdr *hdr)
{
	struct wire_route route;

	if (wire_route_decode(hdr, &route) == 0 && route.has_gateway)
		ADDR_STR(&route.gateway);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nlmsghdr *hdr;
	struct wire_addr addr;
	struct wire_neigh neigh;

	if (size < sizeof(*hdr) || size > 65536)
		return 0;
	hdr = malloc(size); /* its own, so that a byte behind the end is seen */
	if (!hdr)
		return 0;
	memcpy(hdr, data, size);
	hdr->nlmsg_len = (uint32_t)size; /* nlmsg_ok() held */
	check_link(hdr);
	check_route(hdr);
	wire_addr_decode(hdr, &addr);
	wire_neigh_decode(hdr, &neigh);
	free(hdr);
	return 0;
}
