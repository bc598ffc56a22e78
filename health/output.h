/* SPDX-License-Identifier: Apache-2.0 */
/*
 * output.h - what the programs of exec checks wrote: the end of each one's last run that was told,
 * printable, and of all of them together no more than a bound.
 *
 * Over the bound those go that were told longest ago. What fails is told every few seconds and what
 * passes once a minute, so the failing ones stay.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTPUT_BYTES_MAX  4096U      /* bytes of one */
#define OUTPUTS_BYTES_MAX (8U << 20) /* of all, with what it takes to find them */

struct output {
	uint32_t n_written; /* bytes that the run wrote in all */
	uint32_t len;       /* of the end of it, 0..OUTPUT_BYTES_MAX */
	const char *bytes;  /* printable ASCII and line ends; nothing behind them; borrowed */
};

/*
 * output_print - raw bytes made fit to be shown: line ends stay, tabs become spaces, carriage
 * returns go, and whatever else is not printable ASCII is a question mark.
 * @len: at most OUTPUT_BYTES_MAX. Returns the length of ret.
 */
uint32_t output_print(const char *raw, size_t len, char ret[OUTPUT_BYTES_MAX]);
/* Whether all of it is as output_print() leaves it. */
bool output_is_printed(const char *bytes, size_t len);

struct outputs;

/* NULL: no memory. */
struct outputs *outputs_new(size_t bytes_max);
void outputs_free(struct outputs *outputs);

/* The last run of `id`, copied. One that wrote nothing is as none, as is one there is no memory
 * for. */
void outputs_put(struct outputs *outputs, uint64_t id, const struct output *output);
void outputs_drop(struct outputs *outputs, uint64_t id);
/* Borrowed until the next put or drop; false: none. */
bool outputs_find(const struct outputs *outputs, uint64_t id, struct output *ret);
