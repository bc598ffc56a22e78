/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map_poke - look and write into the pinned maps of a node, as nobody should: map_poke BPFFS-DIR
 * WHAT. WHAT: vips, services, reals, next-hops, ring; print-ring: who owns each slot of ring 0.
 */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/lb_abi.h"

/* The pinned map's memory, or NULL with the reason told. */
static void *map_memory(const char *dir, const char *name)
{
	struct bpf_map_info info = { 0 };
	unsigned len = sizeof(info);
	char path[256];
	void *memory;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0) {
		perror(path);
		return NULL;
	}
	memory = mmap(NULL, (size_t)info.value_size * info.max_entries, PROT_READ | PROT_WRITE,
		      MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		perror(path);
	return memory == MAP_FAILED ? NULL : memory;
}

static int poke_table(struct lb_tables *t, const char *what)
{
	if (strcmp(what, "vips") == 0)
		memset(t->vip4_cells, 0, sizeof(t->vip4_cells));
	else if (strcmp(what, "services") == 0)
		memset(t->services, 0, sizeof(t->services));
	else if (strcmp(what, "reals") == 0)
		memset(&t->reals[1], 0xee, 3 * sizeof(t->reals[1]));
	else if (strcmp(what, "next-hops") == 0)
		memset(t->next_hops, 0, sizeof(t->next_hops));
	else
		return 2;
	return 0;
}

static int use_ring(const char *dir, bool prints)
{
	struct lb_ring *rings = map_memory(dir, "rings");

	if (!rings)
		return 1;
	for (unsigned i = 0; prints && i < LB_RING_SLOTS; i++)
		printf("%u\n", LB_SLOT_CUR(rings[0].slots[i]));
	if (!prints)
		memset(rings[0].slots, 0, 1000 * sizeof(rings[0].slots[0]));
	return 0;
}

int main(int argc, char **argv)
{
	struct lb_tables *tables;

	if (argc != 3)
		return 2;
	if (strcmp(argv[2], "ring") == 0 || strcmp(argv[2], "print-ring") == 0)
		return use_ring(argv[1], argv[2][0] == 'p');
	tables = map_memory(argv[1], "tables");
	return tables ? poke_table(tables, argv[2]) : 1;
}
