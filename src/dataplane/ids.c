/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ids.c - server ids: {ring, id} -> real, for services whose ids stay in their pool, and {any, id}
 * -> real for those whose ids may lead anywhere.
 *
 * An id that several rings name leads, from `any`, to the real that was there first; the config
 * refuses it where it matters. Beside the map stands what we wrote, read from it once at open.
 */
#include "src/dataplane/internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/dataplane/lb_skel.h"

static int id_cmp(const void *a_, const void *b_)
{
	const struct server_id *a = a_, *b = b_;

	return a->id < b->id ? -1 : a->id > b->id;
}

static const struct server_id *id_find(const struct server_ids *ids, uint32_t id)
{
	const struct server_id key = { .id = id };

	return ids->n ? bsearch(&key, ids->ids, ids->n, sizeof(key), id_cmp) : NULL;
}

/* ---- the map ---- */

static int ids_fd(const struct dataplane *dp)
{
	return bpf_map__fd(dp->skel->maps.server_ids);
}

/* Put an entry; counts it when it is new. */
static int put(struct dataplane *dp, uint32_t ring, const struct server_id *id)
{
	const struct lb_id_key key = { .ring = ring, .id = id->id };
	uint32_t real;
	bool is_new = bpf_map_lookup_elem(ids_fd(dp), &key, &real) < 0;

	if (!is_new && real == id->real)
		return 0;
	if (bpf_map_update_elem(ids_fd(dp), &key, &id->real, BPF_ANY) < 0)
		return -errno;
	dp->n_ids += is_new;
	return 0;
}

static void del(struct dataplane *dp, uint32_t ring, uint32_t id)
{
	const struct lb_id_key key = { .ring = ring, .id = id };

	if (bpf_map_delete_elem(ids_fd(dp), &key) == 0)
		dp->n_ids--;
}

/* ---- ids that lead anywhere ---- */

static int any_add(struct dataplane *dp, const struct server_id *id)
{
	const struct lb_id_key key = { .ring = LB_ID_ANY_RING, .id = id->id };

	if (bpf_map_update_elem(ids_fd(dp), &key, &id->real, BPF_NOEXIST) < 0)
		return errno == EEXIST ? 0 : -errno;
	dp->n_ids++;
	return 0;
}

/* An id that no longer means this real in a ring: another ring may still name it. */
static void any_del(struct dataplane *dp, const struct server_id *gone)
{
	const struct lb_id_key key = { .ring = LB_ID_ANY_RING, .id = gone->id };
	uint32_t real;

	if (bpf_map_lookup_elem(ids_fd(dp), &key, &real) < 0 || real != gone->real)
		return;
	for (uint32_t ring = 0; ring < dp->n_rings; ring++) {
		const struct server_id *other = id_find(&dp->ids[ring], gone->id);

		if (other) {
			put(dp, LB_ID_ANY_RING, other);
			return;
		}
	}
	del(dp, LB_ID_ANY_RING, gone->id);
}

/* ---- the ids of a ring ---- */

static int make_list(const struct dataplane *dp, const struct config_real *reals, size_t n_reals,
		     struct server_ids *ret, struct err *err)
{
	ret->n = 0;
	ret->ids = calloc(n_reals + 1, sizeof(*ret->ids));
	if (!ret->ids)
		return err_set(err, -ENOMEM, "no memory for the server ids");
	for (size_t i = 0; i < n_reals; i++) {
		uint16_t real = dataplane_real_index(dp, &reals[i].addr);

		if (!reals[i].server_id)
			continue;
		if (!real)
			return err_set(err, -EINVAL,
				       "server id %" PRIu32 ": real %s is not programmed",
				       reals[i].server_id, ADDR_STR(&reals[i].addr));
		ret->ids[ret->n++] = (struct server_id){ reals[i].server_id, real };
	}
	if (ret->n)
		qsort(ret->ids, ret->n, sizeof(*ret->ids), id_cmp);
	for (size_t i = 1; i < ret->n; i++) {
		if (ret->ids[i].id == ret->ids[i - 1].id)
			return err_set(err, -EINVAL, "server id %" PRIu32 " is that of two reals",
				       ret->ids[i].id);
	}
	return 0;
}

/* Each new id takes an entry of its ring and one of `any`. */
static int check_room(const struct dataplane *dp, const struct server_ids *old,
		      const struct server_ids *next, struct err *err)
{
	size_t need = dp->n_ids;

	for (size_t i = 0; i < next->n; i++)
		need += id_find(old, next->ids[i].id) ? 0 : 2;
	if (need <= LB_SERVER_IDS_MAX)
		return 0;
	return err_set(err, -ENOSPC, "%zu server ids are more than the %d that fit", need / 2,
		       LB_SERVER_IDS_MAX / 2);
}

/* Forget what of `gone` is not in the ring's list any more. */
static void remove_old(struct dataplane *dp, uint32_t ring, const struct server_ids *gone)
{
	for (size_t i = 0; i < gone->n; i++) {
		const struct server_id *same = id_find(&dp->ids[ring], gone->ids[i].id);

		if (same && same->real == gone->ids[i].real)
			continue;
		if (!same)
			del(dp, ring, gone->ids[i].id);
		any_del(dp, &gone->ids[i]);
	}
}

static int add_new(struct dataplane *dp, uint32_t ring, const struct server_ids *next)
{
	int r = 0;

	for (size_t i = 0; i < next->n && !r; i++) {
		r = put(dp, ring, &next->ids[i]);
		if (!r)
			r = any_add(dp, &next->ids[i]);
	}
	return r;
}

static void count_names(struct dataplane *dp, const struct server_ids *ids, int sign)
{
	for (size_t i = 0; i < ids->n; i++)
		dp->real_names[ids->ids[i].real & (LB_REALS - 1)] += (uint32_t)sign;
}

int dataplane_set_server_ids(struct dataplane *dp, uint32_t ring, const struct config_real *reals,
			     size_t n_reals, struct err *err)
{
	struct server_ids next, old;
	int r;

	if (ring >= dp->n_rings || !dp->ring_used[ring])
		return err_set(err, -ENOENT, "there is no ring number %u", ring);
	old = dp->ids[ring];
	r = make_list(dp, reals, n_reals, &next, err);
	if (!r)
		r = check_room(dp, &old, &next, err);
	if (r < 0) {
		free(next.ids);
		return r;
	}
	r = add_new(dp, ring, &next);
	if (r < 0) {
		remove_old(dp, ring, &next);
		add_new(dp, ring, &old);
		free(next.ids);
		return err_set(err, r, "the kernel takes no more server ids: %s", strerror(-r));
	}
	dp->ids[ring] = next;
	remove_old(dp, ring, &old);
	count_names(dp, &next, 1);
	count_names(dp, &old, -1);
	free(old.ids);
	return 0;
}

void ids_forget(struct dataplane *dp, uint32_t ring)
{
	struct server_ids old = dp->ids[ring];

	dp->ids[ring] = (struct server_ids){ 0 };
	remove_old(dp, ring, &old);
	count_names(dp, &old, -1);
	free(old.ids);
}

/* ---- after a restart ---- */

struct id_entry {
	struct lb_id_key key;
	uint32_t real;
};

static int entry_cmp(const void *a_, const void *b_)
{
	const struct id_entry *a = a_, *b = b_;

	if (a->key.ring != b->key.ring)
		return a->key.ring < b->key.ring ? -1 : 1;
	return a->key.id < b->key.id ? -1 : a->key.id > b->key.id;
}

static int read_map(const struct dataplane *dp, struct id_entry **ret, size_t *ret_n,
		    struct err *err)
{
	struct id_entry *entries = calloc(LB_SERVER_IDS_MAX, sizeof(*entries));
	struct lb_id_key *previous = NULL;
	size_t n = 0;

	if (!entries)
		return err_set(err, -ENOMEM, "no memory for the server ids");
	while (n < LB_SERVER_IDS_MAX &&
	       bpf_map_get_next_key(ids_fd(dp), previous, &entries[n].key) == 0) {
		previous = &entries[n].key;
		if (bpf_map_lookup_elem(ids_fd(dp), previous, &entries[n].real) == 0)
			n++;
	}
	if (n)
		qsort(entries, n, sizeof(*entries), entry_cmp);
	*ret = entries;
	*ret_n = n;
	return 0;
}

/* Take over the entries of one ring, n of them. */
static int adopt_ring(struct dataplane *dp, const struct id_entry *entries, size_t n)
{
	uint32_t ring = entries[0].key.ring;
	struct server_ids *ids;

	if (ring >= dp->n_rings || !dp->ring_used[ring]) {
		for (size_t i = 0; i < n; i++)
			del(dp, ring, entries[i].key.id);
		return 0;
	}
	ids = &dp->ids[ring];
	ids->ids = calloc(n, sizeof(*ids->ids));
	if (!ids->ids)
		return -ENOMEM;
	for (ids->n = 0; ids->n < n; ids->n++)
		ids->ids[ids->n] =
			(struct server_id){ entries[ids->n].key.id, entries[ids->n].real };
	count_names(dp, ids, 1);
	return 0;
}

/* What leads anywhere must be what some ring names, and all of it. */
static void adopt_any(struct dataplane *dp, const struct id_entry *entries, size_t n)
{
	for (size_t i = 0; i < n; i++)
		any_del(dp, &(struct server_id){ entries[i].key.id, entries[i].real });
	for (uint32_t ring = 0; ring < dp->n_rings; ring++)
		for (size_t i = 0; i < dp->ids[ring].n; i++)
			any_add(dp, &dp->ids[ring].ids[i]);
}

int ids_rebuild(struct dataplane *dp, struct err *err)
{
	struct id_entry *entries = NULL;
	size_t n = 0, first = 0, next;
	int r;

	dp->ids = calloc(dp->n_rings, sizeof(*dp->ids));
	if (!dp->ids)
		return err_set(err, -ENOMEM, "no memory for the server ids");
	r = read_map(dp, &entries, &n, err);
	if (r < 0)
		return r;
	dp->n_ids = n;
	for (; first < n && entries[first].key.ring != LB_ID_ANY_RING; first = next) {
		for (next = first; next < n && entries[next].key.ring == entries[first].key.ring;)
			next++;
		if (adopt_ring(dp, &entries[first], next - first) < 0) {
			free(entries);
			return err_set(err, -ENOMEM, "no memory for the server ids");
		}
	}
	adopt_any(dp, &entries[first], n - first);
	free(entries);
	return 0;
}

void ids_fini(struct dataplane *dp)
{
	for (uint32_t ring = 0; dp->ids && ring < dp->n_rings; ring++)
		free(dp->ids[ring].ids);
	free(dp->ids);
}
