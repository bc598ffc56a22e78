/* SPDX-License-Identifier: Apache-2.0 */
/*
 * health_servers.h - the reals of the bench health: a process with a listening socket for each
 * real, all at one port, each at an address of its own in 127.0.0.0/8.
 *
 * It does not wait for events but sweeps them up each millisecond: to wake it would be work inside
 * the system calls of whoever connects, and would be counted as the prober's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "src/base/addr.h"
#include "src/base/usec.h"

struct servers {
	pid_t pid;
	int fd; /* commands go in, answers come out */
	uint16_t port;
	uint32_t n;
};

enum servers_answer {
	SERVERS_ACCEPT, /* take the connection and close it */
	SERVERS_HTTP,   /* answer each request with 200 and a short body */
};

enum servers_command {
	SERVERS_REFUSE, /* close the listening socket */
	SERVERS_SILENT, /* let connection attempts meet silence */
};

/* Address of a real. */
struct addr servers_addr(uint32_t index);

/* Start n servers; ends the program when that cannot be. They die with it. */
void servers_start(struct servers *servers, uint32_t n, enum servers_answer answer);
void servers_stop(struct servers *servers);

/* Switch one real off, once; returns the moment at which that was done. */
usec_t servers_switch(const struct servers *servers, uint32_t index, enum servers_command command);
