/* SPDX-License-Identifier: Apache-2.0 */
/* fpm_compare.c - see fpm_compare.h. */
#include "frr-integration/fpm_compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/rtnetlink.h>

const char *fpm_difference_str(enum fpm_difference difference)
{
	static const char *const words[FPM_DIFFERENCE_MAX] = {
		[FPM_NOT_COMPARED] = "",
		[FPM_SAME] = "same",
		[FPM_KERNEL_LACKS] = "kernel-lacks-route",
		[FPM_ZEBRA_LACKS] = "zebra-lacks-route",
		[FPM_OTHER_HOPS] = "other-next-hops",
		[FPM_OTHER_TYPE] = "other-type",
	};

	return words[difference];
}

const char *fpm_difference_sentence(enum fpm_difference difference)
{
	static const char *const sentences[FPM_DIFFERENCE_MAX] = {
		[FPM_NOT_COMPARED] = "it was not compared",
		[FPM_SAME] = "it is the same",
		[FPM_KERNEL_LACKS] = "the kernel does not have zebra's route",
		[FPM_ZEBRA_LACKS] = "the kernel has a route that zebra does not know",
		[FPM_OTHER_HOPS] = "the kernel's route has other next hops",
		[FPM_OTHER_TYPE] = "one forwards and the other drops",
	};

	return sentences[difference];
}

bool fpm_differs(enum fpm_difference difference)
{
	return difference != FPM_NOT_COMPARED && difference != FPM_SAME;
}

/* ---- the addresses ---- */

static int compare_targets(const void *a, const void *b)
{
	const struct fpm_target *x = a, *y = b;

	return addr_cmp(&x->addr, &y->addr);
}

static struct fpm_target *find(const struct fpm_targets *targets, const struct addr *addr)
{
	const struct fpm_target key = { .addr = *addr };

	if (targets->n == 0)
		return NULL;
	return bsearch(&key, targets->all, targets->n, sizeof(key), compare_targets);
}

const struct fpm_target *fpm_targets_find(const struct fpm_targets *targets,
					  const struct addr *addr)
{
	return find(targets, addr);
}

int fpm_targets_set(struct fpm_targets *targets, const struct addr *addrs, size_t n)
{
	struct fpm_target *all = calloc(n + 1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct fpm_target *former = find(targets, &addrs[i]);

		all[i].addr = addrs[i];
		if (!former)
			continue;
		all[i] = *former;
		former->kernel = NULL;
	}
	fpm_targets_fini(targets);
	*targets = (struct fpm_targets){ all, n };
	return 0;
}

void fpm_targets_fini(struct fpm_targets *targets)
{
	for (size_t i = 0; i < targets->n; i++)
		free(targets->all[i].kernel);
	free(targets->all);
	*targets = (struct fpm_targets){ 0 };
}

void fpm_targets_forget(struct fpm_targets *targets)
{
	for (size_t i = 0; i < targets->n; i++) {
		struct fpm_target *target = &targets->all[i];

		free(target->kernel);
		*target = (struct fpm_target){ .addr = target->addr };
	}
}

/* ---- one comparison ---- */

static bool hop_matches(const struct fpm_hop *a, const struct fpm_hop *b)
{
	if (a->has_gateway != b->has_gateway ||
	    (a->has_gateway && !addr_eq(&a->gateway, &b->gateway)))
		return false;
	return a->ifindex == b->ifindex || a->ifindex == 0 || b->ifindex == 0;
}

/* Each next hop is one of the others, and there are as many: order and weights do not count. */
static bool hops_match(const struct fpm_hop *a, unsigned n_a, const struct fpm_hop *b, unsigned n_b)
{
	for (unsigned i = 0; i < n_a; i++) {
		bool found = false;

		for (unsigned k = 0; k < n_b && !found; k++)
			found = hop_matches(&a[i], &b[k]);
		if (!found)
			return false;
	}
	return n_a == n_b;
}

static bool drops(uint8_t type)
{
	return type == RTN_BLACKHOLE || type == RTN_UNREACHABLE || type == RTN_PROHIBIT;
}

/* Routes that forward, of one prefix. A kernel set to it tells next-hop objects by number only. */
static enum fpm_difference compare_hops(const struct fpm_table *table,
					const struct fpm_route *zebra,
					const struct fpm_route *kernel)
{
	struct fpm_hop hops[FPM_HOPS_MAX];
	int n = fpm_table_hops(table, zebra, hops, FPM_HOPS_MAX);

	if (n < 0 || kernel->is_cut || (kernel->n_hops == 0 && kernel->id))
		return zebra->id && zebra->id == kernel->id ? FPM_SAME : FPM_NOT_COMPARED;
	return hops_match(hops, (unsigned)n, kernel->hops, kernel->n_hops) ? FPM_SAME
									   : FPM_OTHER_HOPS;
}

static enum fpm_difference compare_routes(const struct fpm_table *table,
					  const struct fpm_route *zebra,
					  const struct fpm_route *kernel)
{
	/* What is the host's own, or led elsewhere by a rule, is not of zebra's main table. */
	if (kernel->type != RTN_UNICAST && !drops(kernel->type))
		return FPM_NOT_COMPARED;
	if (!zebra || kernel->prefix.len > zebra->prefix.len)
		return fpm_table_is_short(table) ? FPM_NOT_COMPARED : FPM_ZEBRA_LACKS;
	if (kernel->prefix.len < zebra->prefix.len)
		return FPM_KERNEL_LACKS;
	if (drops(zebra->type) != drops(kernel->type))
		return FPM_OTHER_TYPE;
	return drops(zebra->type) ? FPM_SAME : compare_hops(table, zebra, kernel);
}

/* The kernel tells of a route that drops by an error alone. */
static bool is_dropping_error(int error)
{
	return error == -EINVAL || error == -EHOSTUNREACH || error == -EACCES;
}

static enum fpm_difference compare(const struct fpm_target *target, const struct fpm_table *table)
{
	const struct fpm_route *zebra = fpm_table_find(table, &target->addr);

	if (target->kernel && target->table != RT_TABLE_MAIN && target->table != RT_TABLE_UNSPEC)
		return FPM_NOT_COMPARED;
	if (target->kernel)
		return compare_routes(table, zebra, target->kernel);
	if (target->error == -ENETUNREACH)
		return zebra && !drops(zebra->type) ? FPM_KERNEL_LACKS : FPM_SAME;
	if (!is_dropping_error(target->error))
		return FPM_NOT_COMPARED;
	if (!zebra)
		return FPM_ZEBRA_LACKS;
	return drops(zebra->type) ? FPM_SAME : FPM_OTHER_TYPE;
}

/* ---- the kernel's answer ---- */

static void on_answer(struct nlmsghdr *hdr, void *arg)
{
	struct fpm_target *target = arg;
	struct fpm_message message;

	if (target->kernel || fpm_message_decode(hdr, &message, NULL) < 0 ||
	    message.kind != FPM_ROUTE_SET)
		return;
	target->table = message.table;
	target->kernel = fpm_route_make(&message, 0);
}

void fpm_target_compare(struct fpm_target *target, const struct fpm_table *table, fpm_ask_fn ask,
			void *arg, usec_t now)
{
	enum fpm_difference former = target->difference;

	free(target->kernel);
	target->kernel = NULL;
	target->error = ask(arg, &target->addr, on_answer, target);
	target->is_asked = true;
	target->difference = compare(target, table);
	if (!fpm_differs(target->difference))
		target->since = 0;
	else if (!fpm_differs(former))
		target->since = now;
}
