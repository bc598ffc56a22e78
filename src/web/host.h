/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host.h - whether the name a request gives for us is one of ours.
 *
 * A page of a stranger can have its own name resolve to 127.0.0.1, and then a browser on this host
 * would read ours to it. So on loopback, where no name of the node leads, only addresses and
 * localhost are taken. Elsewhere any name may be the node's.
 */
#pragma once

#include <stdbool.h>

struct sockaddr_storage;

/* host: the Host header, NULL when there is none; address: where the connection came to. */
bool host_is_fine(const char *host, const struct sockaddr_storage *address);
