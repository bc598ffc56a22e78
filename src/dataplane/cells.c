/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cells.c - the writer's half of the one-word hash tables; bpf/service.h is the reader's.
 *
 * No entry ever moves, so a packet that searches while we write finds what was there before or
 * what is there after. A deleted cell says "gone" as long as a used one may stand behind it.
 */
#include "src/dataplane/internal.h"

#include <errno.h>

#include "bpf/service.h"

int cells_put(__u64 *cells, unsigned cells_log2, uint64_t key, uint32_t index)
{
	uint32_t place = lb_key_place(key, cells_log2);
	__u64 *free_cell = NULL;

	for (uint32_t i = place; i < place + LB_PROBES; i++) {
		if (cells[i] >> 16 == key) {
			DP_STORE(cells[i], key << 16 | index);
			return 0;
		}
		if (!free_cell && (!cells[i] || cells[i] == LB_CELL_GONE))
			free_cell = &cells[i];
		if (!cells[i])
			break;
	}
	if (!free_cell)
		return -ENOSPC;
	DP_STORE(*free_cell, key << 16 | index);
	return 0;
}

void cells_del(__u64 *cells, unsigned cells_log2, uint64_t key)
{
	uint32_t place = lb_key_place(key, cells_log2);
	uint32_t i;

	for (i = place; i < place + LB_PROBES && cells[i] >> 16 != key; i++) {
		if (!cells[i])
			return;
	}
	if (i == place + LB_PROBES)
		return;
	DP_STORE(cells[i], LB_CELL_GONE);
	/* Where a search ends right behind, it may as well end here. */
	if (i + 1 < (1U << cells_log2) + LB_PROBES && cells[i + 1])
		return;
	for (; cells[i] == LB_CELL_GONE; i--) {
		DP_STORE(cells[i], 0);
		if (i == 0)
			break;
	}
}
