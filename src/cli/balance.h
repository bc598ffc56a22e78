/* SPDX-License-Identifier: Apache-2.0 */
/*
 * balance.h - the share of a pool's traffic that each real should have by the ring, against what it
 * had between two answers of shoald. Pure.
 */
#pragma once

#include <jansson.h>

/*
 * balance_judge - what went where between two answers of the command balance, each real with a
 * verdict and what explains it. @before, @after: the answers, in this order. Returns the caller's
 * reference; pools and reals that only one answer has are left out.
 */
json_t *balance_judge(const json_t *before, const json_t *after);

/*
 * balance_count_source - count the source address of one captured frame.
 * @sources: address -> number, added to. @head: the frame in hexadecimal, as captures have it.
 */
void balance_count_source(json_t *sources, const char *head);

/*
 * balance_blame_sources - what the sources of a hot real's packets say: adds a reason when few of
 * them make much of it.
 */
void balance_blame_sources(json_t *real, json_t *sources);
