/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may come to the FPM port, into the table, with two connections: the byte 0xff where a frame
 * should begin ends the first.
 */
#include "frr-integration/fpm_compare.h"
#include "frr-integration/fpm_table.h"
#include "tests/fuzz/fuzz.h"

static struct addr addr_of(const char *text)
{
	struct addr addr;

	if (addr_parse(text, &addr) < 0)
		abort();
	return addr;
}

static struct fpm_table *make_table(void)
{
	struct fpm_interest interest = { .addrs = calloc(2, sizeof(struct addr)),
					 .ranges = calloc(1, sizeof(struct prefix)) };
	struct fpm_table *table = fpm_table_new();

	if (!interest.addrs || !interest.ranges || !table)
		abort();
	interest.addrs[interest.n_addrs++] = addr_of("10.1.0.11");
	interest.addrs[interest.n_addrs++] = addr_of("fd00:b::11");
	if (prefix_parse("10.2.0.0/15", &interest.ranges[interest.n_ranges++]) < 0)
		abort();
	fpm_interest_sort(&interest);
	fpm_table_want(table, &interest);
	fpm_table_begin(table);
	return table;
}

static void on_message(const struct fpm_message *message, void *arg)
{
	if (message->n_hops > FPM_HOPS_MAX || message->n_members > FPM_HOPS_MAX)
		abort();
	fpm_table_take(arg, message, 1000);
}

/* Whatever was sent, what is found leads to the address and its next hops fit. */
static void look(const struct fpm_table *table, const char *text)
{
	struct fpm_hop hops[FPM_HOPS_MAX];
	struct addr addr = addr_of(text);
	const struct fpm_route *route = fpm_table_find(table, &addr);

	if (!route)
		return;
	if (!prefix_has_addr(&route->prefix, &addr) ||
	    fpm_table_hops(table, route, hops, FPM_HOPS_MAX) > FPM_HOPS_MAX)
		abort();
}

/* The kernel's answer may be anything as well: the first message of the input. */
static int answer_with(void *arg, const struct addr *dst, fpm_answer_fn answer, void *answer_arg)
{
	(void)dst;
	answer(arg, answer_arg);
	return 0;
}

static void compare(const struct fpm_table *table, const uint8_t *frame, size_t n)
{
	_Alignas(struct nlmsghdr) uint8_t aligned[FPM_FRAME_MAX];
	struct fpm_target target = { .addr = addr_of("10.1.0.11") };
	struct nlmsghdr *hdr = (struct nlmsghdr *)(void *)aligned;

	memcpy(aligned, frame + FPM_HEADER_BYTES, n - FPM_HEADER_BYTES);
	if (hdr->nlmsg_len < sizeof(*hdr) || hdr->nlmsg_len > n - FPM_HEADER_BYTES)
		return;
	fpm_target_compare(&target, table, answer_with, hdr, 2000);
	free(target.kernel);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fpm_table *table = make_table();
	char *stream = fuzz_text(data, size); /* of the heap: reading past the end is seen */
	const uint8_t *bytes = (const uint8_t *)stream;
	int len;

	while (size > 0) {
		if (bytes[0] == 0xff) {
			fpm_table_begin(table);
			bytes++;
			size--;
			continue;
		}
		len = fpm_frame_cut(bytes, size, NULL);
		if (len <= 0 || (size_t)len > size)
			break;
		if (fpm_frame_decode(bytes, (size_t)len, on_message, table, NULL) < 0)
			break;
		look(table, "10.1.0.11");
		look(table, "fd00:b::11");
		compare(table, bytes, (size_t)len);
		bytes += len;
		size -= (size_t)len;
	}
	fpm_table_sweep(table);
	look(table, "10.1.0.11");
	fpm_table_free(table);
	free(stream);
	return 0;
}
