/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of an operator's order on a real: whatever stands in it, the real is taken out, what was
 * read prints, and is stored and read again as the same.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/reconcile/drains.h"
#include "tests/fuzz/fuzz.h"

static char dir[] = "/tmp/shoal-fuzz-orders-XXXXXX";
static bool has_dir;
static unsigned n_found;
static struct core_order last;

#define FILE_NAME "real-10.1.0.1_web"

static void remove_dir(void)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/drains/" FILE_NAME, dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/drains", dir);
	rmdir(path);
	rmdir(dir);
}

static void put(const uint8_t *data, size_t size)
{
	char path[128];
	FILE *file;

	if (!has_dir) {
		if (!mkdtemp(dir) || drains_init(dir, NULL) < 0)
			abort();
		has_dir = true;
		atexit(remove_dir);
	}
	snprintf(path, sizeof(path), "%s/drains/" FILE_NAME, dir);
	file = fopen(path, "w");
	if (!file)
		abort();
	fwrite(data, 1, size, file);
	fclose(file);
}

static void found(const struct drains_real *real, const struct core_order *order, void *arg)
{
	(void)arg;
	n_found++;
	last = *order;
	if (strcmp(real->pool, "web") != 0 || !order->order || order->order >= REAL_ORDER_MAX ||
	    strlen(order->owner) >= CORE_OWNER_MAX || strlen(order->reason) >= CORE_REASON_MAX)
		abort();
}

static struct core_order load(void)
{
	n_found = 0;
	if (drains_load_reals(dir, found, NULL, NULL) < 0 || n_found != 1)
		abort();
	return last;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct drains_real real = { .pool = "web" };
	struct core_order order, again;

	put(data, size);
	order = load();
	if (strcmp(order.owner, "unknown") == 0)
		return 0; /* nothing was read, and syncing takes long */
	if (addr_parse("10.1.0.1", &real.addr) < 0)
		abort();
	if (drains_store_real(dir, &real, &order, NULL) < 0)
		return 0; /* cut in the middle of a character */
	again = load();
	if (again.order != order.order || again.until_us != order.until_us ||
	    again.wall_us != order.wall_us || strcmp(again.owner, order.owner) != 0 ||
	    strcmp(again.reason, order.reason) != 0)
		abort();
	return 0;
}
