/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/reconcile/fakes.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fake fake;

void fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.n_reals = 1;
	fake.life = ROUTER_READY;
	fake.is_read = true;
}

static void note(const char *word)
{
	size_t len = strlen(fake.journal);

	if (len + strlen(word) + 2 < sizeof(fake.journal)) {
		strcpy(fake.journal + len, word);
		strcat(fake.journal, " ");
	}
}

bool fake_did(const char *word, const char *before)
{
	const char *at = strstr(fake.journal, word), *other;

	if (!before || !at)
		return at != NULL;
	other = strstr(fake.journal, before);
	return other != NULL && at < other;
}

static bool fails(int *countdown)
{
	if (*countdown == 0)
		return false;
	(*countdown)--;
	return true;
}

/* ---- data plane ---- */

uint16_t dataplane_real_index(const struct dataplane *dp, const struct addr *addr)
{
	(void)dp;
	for (size_t i = 1; i < fake.n_reals; i++)
		if (addr_eq(&fake.reals[i], addr))
			return (uint16_t)i;
	return DATAPLANE_NO_REAL;
}

int dataplane_set_real(struct dataplane *dp, const struct addr *addr, bool is_local,
		       uint16_t *ret_index, struct err *err)
{
	(void)is_local;
	if (fails(&fake.fail_set_real))
		return err_set(err, -ENOSPC, "no real is free");
	*ret_index = dataplane_real_index(dp, addr);
	if (*ret_index == DATAPLANE_NO_REAL) {
		note("real-set");
		*ret_index = (uint16_t)fake.n_reals;
		fake.lives[fake.n_reals] = DATAPLANE_REAL_TAKES;
		fake.reals[fake.n_reals++] = *addr;
	}
	return 0;
}

int dataplane_set_real_life(struct dataplane *dp, const struct addr *addr,
			    enum dataplane_real_life life, struct err *err)
{
	static const char *const words[] = {
		[DATAPLANE_REAL_TAKES] = "real-takes",
		[DATAPLANE_REAL_LEAVING] = "real-leaves",
		[DATAPLANE_REAL_DEAD] = "real-dies",
	};
	uint16_t i = dataplane_real_index(dp, addr);

	if (i == DATAPLANE_NO_REAL)
		return err_set(err, -ENOENT, "no such real");
	note(words[life]);
	fake.lives[i] = life;
	return 0;
}

bool dataplane_real_life(const struct dataplane *dp, const struct addr *addr,
			 enum dataplane_real_life *ret)
{
	uint16_t i = dataplane_real_index(dp, addr);

	if (i != DATAPLANE_NO_REAL)
		*ret = fake.lives[i];
	return i != DATAPLANE_NO_REAL;
}

bool dataplane_real_count(struct dataplane *dp, const struct addr *real,
			  struct dataplane_count *ret)
{
	uint16_t i = dataplane_real_index(dp, real);

	*ret = (struct dataplane_count){ .packets = fake.packets[i] };
	return i != DATAPLANE_NO_REAL;
}

int dataplane_del_real(struct dataplane *dp, const struct addr *addr, struct err *err)
{
	uint16_t i = dataplane_real_index(dp, addr);

	if (i == DATAPLANE_NO_REAL)
		return err_set(err, -ENOENT, "no such real");
	note("real-del");
	memset(&fake.reals[i], 0xee, sizeof(fake.reals[i]));
	return 0;
}

int dataplane_list_reals(const struct dataplane *dp, struct addr **ret, size_t *n, struct err *err)
{
	struct addr hole;

	(void)dp;
	(void)err;
	memset(&hole, 0xee, sizeof(hole));
	*ret = calloc(fake.n_reals, sizeof(**ret));
	*n = 0;
	for (size_t i = 1; i < fake.n_reals; i++)
		if (!addr_eq(&fake.reals[i], &hole))
			(*ret)[(*n)++] = fake.reals[i];
	return 0;
}

int dataplane_ring_new(struct dataplane *dp, uint32_t *ret_ring, struct err *err)
{
	(void)dp;
	for (uint32_t i = 0; i < FAKE_MAX; i++) {
		if (fake.ring_used[i])
			continue;
		note("ring-new");
		fake.ring_used[i] = true;
		memset(fake.rings[i], 0, sizeof(fake.rings[i]));
		fake.made_of[i] = 0;
		*ret_ring = i;
		return 0;
	}
	return err_set(err, -ENOSPC, "no ring is free");
}

int dataplane_ring_del(struct dataplane *dp, uint32_t ring, struct err *err)
{
	(void)dp;
	(void)err;
	note("ring-del");
	fake.ring_used[ring] = false;
	return 0;
}

int dataplane_ring_write(struct dataplane *dp, uint32_t ring, const uint16_t slots[RING_SLOTS],
			 uint32_t *ret_changed, struct err *err)
{
	uint32_t changed = 0;

	(void)dp;
	(void)err;
	for (uint32_t s = 0; s < RING_SLOTS; s++) {
		changed += fake.rings[ring][s] != slots[s];
		fake.rings[ring][s] = slots[s];
	}
	fake.made_of[ring] = 0;
	note("ring-write");
	if (ret_changed)
		*ret_changed = changed;
	return 0;
}

int dataplane_ring_move(struct dataplane *dp, uint32_t ring, const uint32_t *slots,
			const uint16_t *reals, size_t n, struct err *err)
{
	(void)dp;
	(void)err;
	for (size_t i = 0; i < n; i++)
		fake.rings[ring][slots[i]] = reals[i];
	fake.made_of[ring] = 0;
	note("ring-write");
	return 0;
}

bool dataplane_is_changing_over(const struct dataplane *dp)
{
	(void)dp;
	return false;
}

void dataplane_ring_note(struct dataplane *dp, uint32_t ring, uint64_t made_of)
{
	(void)dp;
	fake.made_of[ring] = made_of;
}

bool dataplane_ring_is_of(const struct dataplane *dp, uint32_t ring, uint64_t made_of)
{
	(void)dp;
	return made_of && fake.made_of[ring] == made_of;
}

int dataplane_ring_seed(struct dataplane *dp, uint32_t ring, const uint16_t base[RING_SLOTS],
			struct err *err)
{
	(void)dp;
	(void)ring;
	(void)err;
	note("ring-seed");
	memcpy(fake.seed, base, sizeof(fake.seed));
	return 0;
}

/* What the test says that somebody changed. */
void dataplane_mend(struct dataplane *dp, dataplane_mended_fn told, void *arg)
{
	(void)dp;
	if (fake.mended_n)
		told(&fake.mended, arg);
	fake.mended_n = 0;
}

int dataplane_ring_mend(struct dataplane *dp, uint32_t ring, const uint16_t *slots,
			uint32_t *ret_changed, struct err *err)
{
	note(slots ? "ring-mend" : "ring-accept");
	return slots ? dataplane_ring_write(dp, ring, slots, ret_changed, err) : 0;
}

const uint32_t *dataplane_ring(const struct dataplane *dp, uint32_t ring)
{
	(void)dp;
	return fake.rings[ring];
}

static struct dataplane_service *service_at(const struct prefix *vip, uint8_t proto, uint16_t port)
{
	for (size_t i = 0; i < fake.n_services; i++)
		if (prefix_eq(&fake.services[i].vip, vip) && fake.services[i].proto == proto &&
		    fake.services[i].port == port)
			return &fake.services[i];
	return NULL;
}

int dataplane_set_service(struct dataplane *dp, const struct dataplane_service *service,
			  struct err *err)
{
	struct dataplane_service *at = service_at(&service->vip, service->proto, service->port);

	(void)dp;
	if (fails(&fake.fail_set_service))
		return err_set(err, -ENOSPC, "no service is free");
	note("service-set");
	*(at ? at : &fake.services[fake.n_services++]) = *service;
	return 0;
}

bool dataplane_service_stands(const struct dataplane *dp, const struct dataplane_service *service)
{
	const struct dataplane_service *at =
		service_at(&service->vip, service->proto, service->port);

	(void)dp;
	return at && at->ring == service->ring && at->encap == service->encap &&
	       at->gue_port == service->gue_port && at->hash == service->hash &&
	       at->track == service->track && at->rate == service->rate &&
	       at->n_source_routes == service->n_source_routes &&
	       at->n_drop_sources == service->n_drop_sources;
}

int dataplane_set_server_ids(struct dataplane *dp, uint32_t ring, const struct config_real *reals,
			     size_t n_reals, struct err *err)
{
	uint32_t ids[FAKE_MAX] = { 0 };

	if (ring >= FAKE_MAX || !fake.ring_used[ring])
		return err_set(err, -ENOENT, "no such ring");
	for (size_t i = 0; i < n_reals; i++) {
		uint16_t index = dataplane_real_index(dp, &reals[i].addr);

		if (reals[i].server_id && index == DATAPLANE_NO_REAL)
			return err_set(err, -EINVAL, "no such real");
		ids[index] = reals[i].server_id;
	}
	if (memcmp(ids, fake.ids[ring], sizeof(ids)) != 0)
		note("ids-set");
	memcpy(fake.ids[ring], ids, sizeof(ids));
	return 0;
}

int dataplane_del_service(struct dataplane *dp, const struct prefix *vip, uint8_t proto,
			  uint16_t port, struct err *err)
{
	struct dataplane_service *at = service_at(vip, proto, port);

	(void)dp;
	if (!at)
		return err_set(err, -ENOENT, "no such service");
	note("service-del");
	*at = fake.services[--fake.n_services];
	return 0;
}

int dataplane_set_vip(struct dataplane *dp, const struct prefix *vip, enum config_unserved unserved,
		      struct err *err)
{
	(void)dp;
	(void)unserved;
	(void)err;
	for (size_t i = 0; i < fake.n_vips; i++)
		if (prefix_eq(&fake.vips[i], vip))
			return 0;
	note("vip-set");
	fake.vips[fake.n_vips++] = *vip;
	return 0;
}

int dataplane_del_vip(struct dataplane *dp, const struct prefix *vip, struct err *err)
{
	(void)dp;
	for (size_t i = 0; i < fake.n_vips; i++)
		if (prefix_eq(&fake.vips[i], vip)) {
			note("vip-del");
			fake.vips[i] = fake.vips[--fake.n_vips];
			return 0;
		}
	return err_set(err, -ENOENT, "no such VIP");
}

int dataplane_list_services(const struct dataplane *dp, struct dataplane_service **ret, size_t *n,
			    struct err *err)
{
	(void)dp;
	(void)err;
	*ret = calloc(fake.n_services + 1, sizeof(**ret));
	memcpy(*ret, fake.services, fake.n_services * sizeof(**ret));
	*n = fake.n_services;
	return 0;
}

int dataplane_self_test_some(struct dataplane *dp, const struct dataplane_service *service,
			     unsigned first, unsigned n, struct err *err)
{
	(void)dp;
	(void)first;
	assert(n >= 1 && n <= DATAPLANE_TEST_FLOWS);
	if (fails(&fake.fail_self_test))
		return err_set(err, -EIO, "the packet left for another real");
	note(service_at(&service->vip, service->proto, service->port) ? "self-test" : "bad-test");
	return 0;
}

/* ---- router ---- */

enum router_life router_life(const struct router *router)
{
	(void)router;
	return fake.life;
}

bool router_is_read(const struct router *router, usec_t *ret_at)
{
	(void)router;
	*ret_at = fake.read_at;
	return fake.is_read;
}

void router_read_back(struct router *router)
{
	(void)router;
	note("read-back");
}

bool router_is_busy(const struct router *router)
{
	(void)router;
	return fake.is_busy;
}

size_t router_n_routes(const struct router *router)
{
	(void)router;
	return fake.n_routes;
}

const struct router_route *router_route(const struct router *router, size_t i)
{
	(void)router;
	return &fake.routes[i];
}

const struct router_route *router_route_find(const struct router *router,
					     const struct prefix *prefix)
{
	(void)router;
	for (size_t i = 0; i < fake.n_routes; i++)
		if (prefix_eq(&fake.routes[i].prefix, prefix))
			return &fake.routes[i];
	return NULL;
}

static void set_route(const struct prefix *prefix, bool drained)
{
	struct router_route *at = NULL;

	for (size_t i = 0; i < fake.n_routes; i++)
		if (prefix_eq(&fake.routes[i].prefix, prefix))
			at = &fake.routes[i];
	if (!at)
		at = &fake.routes[fake.n_routes++];
	*at = (struct router_route){ .prefix = *prefix,
				     .has_line = true,
				     .is_drained = drained,
				     .attributes_match = true,
				     .peers = 1 };
}

void router_announce(struct router *router, const struct config_vip *vip)
{
	(void)router;
	note("announce");
	set_route(&vip->prefix, false);
}

void router_drain(struct router *router, const struct config_vip *vip)
{
	(void)router;
	note("drain");
	set_route(&vip->prefix, true);
}

void router_withdraw(struct router *router, const struct prefix *prefix)
{
	(void)router;
	note("withdraw");
	for (size_t i = 0; i < fake.n_routes; i++)
		if (prefix_eq(&fake.routes[i].prefix, prefix))
			fake.routes[i--] = fake.routes[--fake.n_routes];
}

const char *router_drain_map_name(const struct config_vip *vip, char buf[ROUTER_MAP_MAX])
{
	(void)vip;
	return strcpy(buf, "SHOAL-TEST-DRAIN");
}

/* ---- lease ---- */

int lease_write_announced(const char *run_dir, const struct lease_prefix *prefixes, size_t n,
			  struct err *err)
{
	(void)run_dir;
	if (fake.fail_announced)
		return err_set(err, -ENOSPC, "announced: %m");
	note(n ? "lease-some" : "lease-none");
	memcpy(fake.announced, prefixes, n * sizeof(*prefixes));
	fake.n_announced = n;
	return 0;
}

int lease_read_announced(const char *run_dir, struct lease_prefix **ret, size_t *ret_n,
			 struct err *err)
{
	(void)run_dir;
	(void)ret;
	(void)ret_n;
	return err_set(err, -ENOENT, "announced: %m");
}
