/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody else changes in the maps is found, told and put back as it was. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/in.h>
#include <string.h>

#include "src/dataplane/lb_skel.h"
#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#define VIP    "203.0.113.10"
#define CLIENT "192.0.2.1"
#define TURNS  8 /* of the comparison: more than a whole round */

static struct fixture f;
static uint32_t ring;

/* What was told, by its word. */
static struct {
	char words[256];
	uint32_t ring, n_rings;
} heard;

static void hear(const struct dataplane_mended *mended, void *arg)
{
	size_t len = strlen(heard.words);

	(void)arg;
	snprintf(heard.words + len, sizeof(heard.words) - len, "%s ", mended->what);
	if (mended->part != DATAPLANE_PART_RING)
		return;
	heard.ring = mended->ring;
	heard.n_rings++;
}

static const char *mend(void)
{
	memset(&heard, 0, sizeof(heard));
	for (int i = 0; i < TURNS; i++)
		dataplane_mend(f.dp, hear, NULL);
	return heard.words;
}

static int setup(void **state)
{
	(void)state;
	fixture_init(&f, 4);
	ring = fixture_ring(&f, "10.1.0.11");
	fixture_service(&f, VIP, IPPROTO_TCP, 80, ring);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fixture_fini(&f);
	return 0;
}

static uint32_t send_one(void)
{
	struct frame_spec spec = fixture_spec(CLIENT, VIP, IPPROTO_TCP, 80);
	uint8_t frame[FRAME_MAX];

	fixture_send(&f, frame, frame_build(&spec, frame));
	return f.cause;
}

TEST(mend, finds_nothing_where_only_we_and_the_program_wrote)
{
	assert_int_equal(send_one(), LB_SENT_FORWARDED);
	assert_string_equal(mend(), "");
}

TEST(mend, puts_back_records_of_every_kind)
{
	struct lb_tables *t = f.dp->tables;
	struct lb_tables *before = malloc(sizeof(*before));
	uint16_t real = fixture_real(&f, "10.1.0.11");

	assert_non_null(before);
	memcpy(before, t, sizeof(*before));
	t->reals[real].addr[3] ^= 1;
	assert_non_null(strstr(mend(), "reals "));
	t->reals[real].flags = 0;
	assert_non_null(strstr(mend(), "reals "));
	t->next_hops[real][0] = 0;
	assert_int_not_equal(send_one(), LB_SENT_FORWARDED);
	assert_non_null(strstr(mend(), "next-hops "));
	memset(t->vip4_cells, 0, sizeof(t->vip4_cells));
	assert_int_not_equal(send_one(), LB_SENT_FORWARDED);
	assert_non_null(strstr(mend(), "vips "));
	memset(t->service_cells, 0xff, sizeof(t->service_cells));
	assert_non_null(strstr(mend(), "services "));
	memset(t->services, 0, sizeof(t->services));
	assert_non_null(strstr(mend(), "services "));
	t->uplink_cells[0] = 0;
	assert_non_null(strstr(mend(), "uplinks "));
	t->flow_key[2]++;
	assert_non_null(strstr(mend(), "switches "));
	assert_memory_equal(before->reals, t->reals, sizeof(t->reals));
	assert_memory_equal(before->services, t->services, sizeof(t->services));
	assert_memory_equal(before->vip4_cells, t->vip4_cells, sizeof(t->vip4_cells));
	assert_int_equal(send_one(), LB_SENT_FORWARDED);
	assert_string_equal(mend(), "");
	free(before);
}

static void name_all(uint16_t slots[RING_SLOTS], uint16_t real)
{
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = real;
}

TEST(mend, tells_a_ring_of_which_one_slot_was_changed_and_puts_it_back)
{
	static const uint32_t places[] = { 0, 1, 77, RING_SLOTS - 1 };
	static uint16_t slots[RING_SLOTS];
	uint16_t real = fixture_real(&f, "10.1.0.11"), other = fixture_real(&f, "10.1.0.12");
	struct err err;
	uint32_t changed;

	name_all(slots, real);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		f.dp->rings[ring].slots[places[i]] = LB_SLOT(other, other);
		mend();
		assert_true(heard.n_rings > 0);
		assert_int_equal(heard.ring, ring);
		assert_int_equal(dataplane_ring_mend(f.dp, ring, slots, &changed, &err), 0);
		assert_int_equal(changed, 1);
		assert_int_equal(f.dp->rings[ring].slots[places[i]], LB_SLOT(real, real));
		assert_string_equal(mend(), "");
	}
}

TEST(mend, puts_back_a_slot_whose_cur_is_right_and_whose_alt_is_not)
{
	static uint16_t slots[RING_SLOTS];
	uint16_t real = fixture_real(&f, "10.1.0.11");
	struct err err;

	name_all(slots, real);
	f.dp->rings[ring].slots[5] = LB_SLOT(real, 4711);
	mend();
	assert_int_equal(heard.n_rings > 0, 1);
	assert_int_equal(dataplane_ring_mend(f.dp, ring, slots, NULL, &err), 0);
	assert_int_equal(f.dp->rings[ring].slots[5], LB_SLOT(real, real));
}

TEST(mend, keeps_the_transition_of_slots_that_nobody_changed)
{
	static uint16_t slots[RING_SLOTS];
	uint16_t real = fixture_real(&f, "10.1.0.11"), other = fixture_real(&f, "10.1.0.12");
	struct dataplane_transition before, after;
	struct err err;

	name_all(slots, real);
	for (uint32_t i = 0; i < 1000; i++)
		slots[i] = other;
	assert_int_equal(dataplane_ring_write(f.dp, ring, slots, NULL, &err), 0);
	assert_string_equal(mend(), "");
	assert_true(dataplane_ring_transition(f.dp, ring, &before));
	f.dp->rings[ring].slots[2000] = LB_SLOT(other, other);
	mend();
	assert_int_equal(dataplane_ring_mend(f.dp, ring, slots, NULL, &err), 0);
	assert_true(dataplane_ring_transition(f.dp, ring, &after));
	assert_int_equal(after.moving, before.moving);
	assert_int_equal(after.settling, before.settling + 1); /* remembered flows are asked for */
	assert_int_equal(LB_SLOT_CUR(f.dp->rings[ring].slots[2000]), real);
	assert_string_equal(mend(), "");
}

TEST(mend, puts_back_what_a_ring_is_besides_its_slots)
{
	struct lb_ring *r = &f.dp->rings[ring];
	uint32_t key = r->key;

	r->key++;
	mend();
	assert_int_equal(heard.n_rings, 1);
	assert_int_equal(r->key, key);
}

TEST(mend, accepts_a_ring_of_which_nobody_knows)
{
	struct err err;
	uint16_t other = fixture_real(&f, "10.1.0.12");

	f.dp->rings[ring].slots[3] = LB_SLOT(other, other);
	mend();
	assert_int_equal(dataplane_ring_mend(f.dp, ring, NULL, NULL, &err), 0);
	assert_string_equal(mend(), "");
	assert_int_equal(LB_SLOT_CUR(f.dp->rings[ring].slots[3]), other);
}

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

/* The one key of a map; false when it has none or more. */
static bool only_key(int fd, void *key)
{
	uint8_t more[64];

	return bpf_map_get_next_key(fd, NULL, key) == 0 && bpf_map_get_next_key(fd, key, more) < 0;
}

TEST(mend, puts_back_a_prefix_and_removes_a_stranger)
{
	struct prefix vip = prefix_of("198.51.100.0/24");
	int fd = bpf_map__fd(f.dp->skel->maps.prefixes);
	struct lb_prefix_key key, stranger;
	uint32_t value = 0, found;
	struct err err;

	assert_int_equal(dataplane_set_vip(f.dp, &vip, CONFIG_UNSERVED_DROP, &err), 0);
	assert_string_equal(mend(), "");
	assert_true(only_key(fd, &key));
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &found), 0);
	assert_int_equal(bpf_map_delete_elem(fd, &key), 0);
	assert_string_equal(mend(), "vip-prefixes ");
	assert_int_equal(bpf_map_lookup_elem(fd, &key, &value), 0);
	assert_int_equal(value, found);
	stranger = key;
	stranger.len -= 8;
	assert_int_equal(bpf_map_update_elem(fd, &stranger, &value, BPF_ANY), 0);
	assert_string_equal(mend(), "vip-prefixes ");
	assert_true(only_key(fd, &stranger));
	assert_memory_equal(&stranger, &key, sizeof(key));
}

TEST(mend, puts_back_rules_by_client_and_server_ids)
{
	struct config_real reals[] = { { .server_id = 7, .weight = 1 } };
	struct prefix client = prefix_of("192.0.2.0/24"), vip = prefix_of(VIP "/32");
	struct config_source_route route = { .source = client };
	struct dataplane_service service = { .vip = vip,
					     .proto = IPPROTO_TCP,
					     .port = 80,
					     .ring = ring,
					     .source_routes = &route,
					     .n_source_routes = 1,
					     .drop_sources = &client,
					     .n_drop_sources = 1,
					     .reals = reals };
	int fds[3];
	struct err err;

	assert_int_equal(addr_parse("10.1.0.11", &reals[0].addr), 0);
	assert_int_equal(dataplane_set_service(f.dp, &service, &err), 0);
	assert_int_equal(dataplane_set_server_ids(f.dp, ring, reals, 1, &err), 0);
	assert_string_equal(mend(), "");
	fds[0] = bpf_map__fd(f.dp->skel->maps.source_routes);
	fds[1] = bpf_map__fd(f.dp->skel->maps.source_drops);
	fds[2] = bpf_map__fd(f.dp->skel->maps.server_ids);
	for (size_t i = 0; i < 3; i++) {
		uint8_t key[64], other[64];
		uint32_t value;

		assert_int_equal(bpf_map_get_next_key(fds[i], NULL, key), 0);
		assert_int_equal(bpf_map_delete_elem(fds[i], key), 0);
		assert_string_equal(mend(), i < 2 ? "source-rules " : "server-ids ");
		assert_int_equal(bpf_map_lookup_elem(fds[i], key, &value), 0);
		memcpy(other, key, sizeof(other));
		other[4] ^= 0x20; /* of another service or ring */
		assert_int_equal(bpf_map_update_elem(fds[i], other, &value, BPF_ANY), 0);
		assert_string_equal(mend(), i < 2 ? "source-rules " : "server-ids ");
		assert_string_equal(mend(), "");
	}
}

#undef T
#define T(group, name) cmocka_unit_test_setup_teardown(group##_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(mend, finds_nothing_where_only_we_and_the_program_wrote),
		T(mend, puts_back_records_of_every_kind),
		T(mend, tells_a_ring_of_which_one_slot_was_changed_and_puts_it_back),
		T(mend, puts_back_a_slot_whose_cur_is_right_and_whose_alt_is_not),
		T(mend, keeps_the_transition_of_slots_that_nobody_changed),
		T(mend, puts_back_what_a_ring_is_besides_its_slots),
		T(mend, accepts_a_ring_of_which_nobody_knows),
		T(mend, puts_back_a_prefix_and_removes_a_stranger),
		T(mend, puts_back_rules_by_client_and_server_ids),
	};

	fixture_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
