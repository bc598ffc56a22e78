/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The three lease files; the first byte of the input chooses which. What is read is written and
 * read again as the same.
 */
#include <stdio.h>
#include <unistd.h>

#include "src/guard/lease.h"
#include "tests/fuzz/fuzz.h"

static char dir[] = "/tmp/shoal-fuzz-lease-XXXXXX";
static bool has_dir;

static void remove_dir(void)
{
	static const char *const names[] = { "tick", "announced", "fence" };
	char path[128];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void put(const char *name, const uint8_t *data, size_t size)
{
	char path[128];
	FILE *file;

	if (!has_dir) {
		if (!mkdtemp(dir))
			abort();
		has_dir = true;
		atexit(remove_dir);
	}
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	if (!file)
		abort();
	fwrite(data, 1, size, file);
	fclose(file);
}

static void try_announced(void)
{
	struct lease_prefix *prefixes, *again;
	size_t n, n_again;

	if (lease_read_announced(dir, &prefixes, &n, NULL) < 0)
		return;
	if (lease_write_announced(dir, prefixes, n, NULL) < 0 ||
	    lease_read_announced(dir, &again, &n_again, NULL) < 0 || n_again != n)
		abort();
	for (size_t i = 0; i < n; i++)
		if (!prefix_eq(&prefixes[i].prefix, &again[i].prefix))
			abort();
	free(prefixes);
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lease_fence fence;
	usec_t tick;

	if (size == 0)
		return 0;
	switch (data[0] % 3) {
	case 0:
		put("tick", data + 1, size - 1);
		if (lease_read_tick(dir, &tick, NULL) == 0 && lease_write_tick(dir, tick, NULL) < 0)
			abort();
		break;
	case 1:
		put("announced", data + 1, size - 1);
		try_announced();
		break;
	default:
		put("fence", data + 1, size - 1);
		if (lease_read_fence(dir, &fence, NULL) == 0 &&
		    lease_set_fence(dir, &fence, NULL) < 0)
			abort();
		break;
	}
	return 0;
}
