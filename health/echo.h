/* SPDX-License-Identifier: Apache-2.0 */
/*
 * echo.h - ICMP and ICMPv6 echoes: the socket, the question, and which packet is its answer.
 *
 * Every raw ICMP socket sees all that the address asked sends to this node, answers to questions of
 * others among it. So a question carries id, sequence number and a random token, and an answer is
 * one that returns all three; an error is about it when it quotes the first two.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "health/dial.h"

#define ECHO_HEADER_LEN 8
#define ECHO_MIN_LEN    16 /* header and token */
#define ECHO_MAX_LEN    (64 * 1024 - 64)

struct echo_id {
	uint16_t id, seq; /* network order, as anything that is only compared */
	uint64_t token;
};

/* One that no other question has. */
struct echo_id echo_id_new(void);

/*
 * echo_open - a raw socket for echoes to options->addr, connected, with mark and source, that lets
 * only answers and errors through. `whole`: packets are never cut into fragments, here or on the
 * way, whatever is known of the path. Returns the descriptor, or -errno with the reason and the
 * word of the call that failed.
 */
int echo_open(const struct dial_options *options, bool whole, enum probe_reason *ret_reason,
	      const char **ret_step);

/* Send a question of len bytes, ICMP header included, ECHO_MIN_LEN at least. 0 or -errno. */
int echo_send(int fd, bool is_ipv4, const struct echo_id *id, size_t len);

/* What a packet is about: all of an answer must be the same as asked, id and number of an error. */
bool echo_is_same(const struct echo_id *a, const struct echo_id *b);
bool echo_is_about(const struct echo_id *error, const struct echo_id *asked);

enum echo_heard {
	ECHO_EMPTY,   /* nothing is left on the socket */
	ECHO_NOTHING, /* something else */
	ECHO_ANSWER,
	ECHO_ERROR,
};

/*
 * echo_receive - take one packet off the socket. With ECHO_ANSWER and ECHO_ERROR *ret_id says what
 * it is about, with ECHO_ERROR *ret_error is the errno that the ICMP error stands for.
 */
enum echo_heard echo_receive(int fd, bool is_ipv4, struct echo_id *ret_id, int *ret_error);

/* Whether a packet as a raw socket gives it, IPv4 with its header, is an answer; and to what. */
bool echo_read_answer(const uint8_t *packet, size_t len, bool is_ipv4, struct echo_id *ret);
/* Whether bytes that an ICMP error quotes, from the ICMP header on, are a question; the token may
 * be missing. */
bool echo_read_quoted(const uint8_t *bytes, size_t len, bool is_ipv4, struct echo_id *ret);
