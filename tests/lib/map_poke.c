/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map_poke - write into the pinned maps of a node, as nobody should: map_poke BPFFS-DIR WHAT
 * WHAT: vips, services, reals, next-hops, ring.
 */
#include <bpf/bpf.h>
#include <linux/bpf.h>
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

int main(int argc, char **argv)
{
	struct lb_tables *tables;
	struct lb_ring *rings;

	if (argc != 3)
		return 2;
	if (strcmp(argv[2], "ring") == 0) {
		rings = map_memory(argv[1], "rings");
		if (rings)
			memset(rings[0].slots, 0, 1000 * sizeof(rings[0].slots[0]));
		return rings ? 0 : 1;
	}
	tables = map_memory(argv[1], "tables");
	return tables ? poke_table(tables, argv[2]) : 1;
}
