/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_history_test.c - long random histories through the program: drains, deaths, returns, other
 * weights, reals removed, restarts, time and packets, on one CPU against the model of the rule, on
 * several against the promise alone; then what bounds the promise: a flood, a full table, flows of
 * one tag.
 *
 * SEED=N repeats one history.
 */
#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/dataplane/lb_skel.h"
#include "tests/lib/flow_model.h"
#include "tests/lib/test.h"
#include "tests/packet/fixture.h"

#define VIP    "10.200.1.1"
#define IDLE   (900 * USEC_PER_SEC)
#define SYN    0x02
#define ACK    0x10
#define REALS  8
#define FLOWS  2048
#define SALTS  4
#define TABLE  1048576 /* no line of it gets three flows of the histories */
#define MINUTE (60 * USEC_PER_SEC)

static struct fixture f;
static uint32_t ring;
static uint8_t tcp_frame[FRAME_MAX], udp_frame[FRAME_MAX], error_frame[FRAME_MAX];
static size_t tcp_len, udp_len, error_len;

/* ---- frames ---- */

static void build_frames(void)
{
	struct frame_spec tcp = fixture_spec("192.168.0.1", VIP, IPPROTO_TCP, 80);
	struct frame_spec udp = fixture_spec("192.168.0.1", VIP, IPPROTO_UDP, 80);
	struct frame_spec quoted = fixture_spec(VIP, "192.168.0.1", IPPROTO_TCP, 0);
	struct frame_spec error = fixture_spec("172.31.0.1", VIP, IPPROTO_UDP, 0);
	uint8_t inner[FRAME_MAX];

	tcp_len = frame_build(&tcp, tcp_frame);
	udp_len = frame_build(&udp, udp_frame);
	quoted.sport = 80;
	frame_build(&quoted, inner);
	error.payload_len = 28;
	error_len = frame_build(&error, error_frame);
	error_frame[14 + 9] = IPPROTO_ICMP;
	memset(error_frame + 34, 0, 8);
	error_frame[34] = 3;
	memcpy(error_frame + 42, inner + 14, 28);
}

/* The client of a flow: 256 ports an address. */
static void put_client(uint8_t *addr, uint8_t *port, uint32_t flow)
{
	addr[1] = (uint8_t)(flow >> 24);
	addr[2] = (uint8_t)(flow >> 16);
	addr[3] = (uint8_t)(flow >> 8);
	port[0] = 0x40;
	port[1] = (uint8_t)flow;
}

/* Send a frame; the last byte of the outer destination, which is the real's index, or 0. */
static uint32_t run(const uint8_t *frame, size_t len)
{
	uint8_t out[FRAME_MAX];
	size_t out_len = sizeof(out);
	struct err err = { "" };
	int verdict = dataplane_run(f.dp, frame, len, out, &out_len, &err);

	if (verdict < 0)
		fail_msg("%s", err.text);
	return verdict == XDP_TX ? out[33] : 0;
}

static uint32_t send_tcp(uint32_t flow, uint8_t flags)
{
	uint8_t frame[FRAME_MAX];

	memcpy(frame, tcp_frame, tcp_len);
	put_client(frame + 26, frame + 34, flow);
	frame[14 + 20 + 13] = flags;
	return run(frame, tcp_len);
}

static uint32_t send_udp(uint32_t flow)
{
	uint8_t frame[FRAME_MAX];

	memcpy(frame, udp_frame, udp_len);
	put_client(frame + 26, frame + 34, flow);
	return run(frame, udp_len);
}

static uint32_t send_error(uint32_t flow)
{
	uint8_t frame[FRAME_MAX];

	memcpy(frame, error_frame, error_len);
	put_client(frame + 42 + 16, frame + 42 + 22, flow);
	return run(frame, error_len);
}

static uint32_t slot_of(uint32_t flow, uint8_t proto)
{
	struct dataplane_flow spec = { .dst = fixture_addr(VIP), .proto = proto, .dport = 80 };
	struct dataplane_explanation why;
	uint8_t port[2];
	struct err err;

	spec.src = fixture_addr("192.168.0.1");
	put_client(spec.src.bytes + 12, port, flow);
	spec.sport = (uint16_t)(port[0] << 8 | port[1]);
	assert_int_equal(dataplane_explain(f.dp, &spec, false, &why, &err), 0);
	assert_true(why.has_service);
	return why.slot;
}

/* ---- the node ---- */

static void name_of(uint32_t real, char text[32])
{
	snprintf(text, 32, "10.0.0.%u", real);
}

static uint32_t random_below(uint32_t below)
{
	return (uint32_t)((uint64_t)random() % below);
}

static uint32_t flags_of(uint32_t real)
{
	return DP_LOAD(f.dp->tables->reals[real].flags);
}

/* Who owns slots of a class: the first in its order of preference that takes new flows. */
static uint16_t owner(uint32_t class, uint32_t salt)
{
	uint32_t best_rank = 0;
	uint16_t best = 0;

	for (uint16_t real = 1; real <= REALS; real++) {
		uint32_t rank =
			(class * 2654435761U ^ real * 40503U ^ salt * 97U) * 2246822519U | 1;

		if (flow_real_lives(flags_of(real)) && flags_of(real) & LB_REAL_TAKES &&
		    rank > best_rank) {
			best = real;
			best_rank = rank;
		}
	}
	return best;
}

static void write_ring(uint32_t salt)
{
	static uint16_t slots[RING_SLOTS];
	uint16_t owners[64];
	struct err err = { "" };

	for (uint32_t i = 0; i < 64; i++)
		owners[i] = owner(i, salt);
	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = owners[i % 64];
	if (dataplane_ring_write(f.dp, ring, slots, NULL, &err) < 0)
		fail_msg("%s", err.text);
}

static void give_all(uint16_t real)
{
	static uint16_t slots[RING_SLOTS];
	struct err err = { "" };

	for (uint32_t i = 0; i < RING_SLOTS; i++)
		slots[i] = real;
	assert_int_equal(dataplane_ring_write(f.dp, ring, slots, NULL, &err), 0);
}

static void live(uint32_t real, enum dataplane_real_life life)
{
	struct addr addr;
	struct err err;
	char text[32];

	name_of(real, text);
	addr = fixture_addr(text);
	assert_int_equal(dataplane_set_real_life(f.dp, &addr, life, &err), 0);
}

/* A key that is the same in every run: which flows share a line does not change from run to run. */
static void fix_key(void)
{
	static const uint64_t key[4] = { 0x0f1e2d3c4b5a6978, 0x1122334455667788, 0x99aabbccddeeff01,
					 0x5a5a1234c3c35678 };

	memcpy(f.dp->tables->flow_key, key, sizeof(key));
	f.dp->tables->ring_key = LB_RING_KEY_MASK; /* the next ring gets 0 */
	assert_int_equal(mend_init(f.dp), 0);      /* as if it had written them */
}

static void start(uint64_t table)
{
	char text[32];

	fixture_init_flows(&f, 2, NULL, table);
	fix_key();
	clock_set(f.dp, 50000 * USEC_PER_SEC);
	ring = fixture_ring(&f, "10.0.0.1");
	for (uint32_t real = 1; real <= REALS; real++) {
		name_of(real, text);
		assert_int_equal(fixture_real(&f, text), real);
	}
	fixture_service(&f, VIP, IPPROTO_TCP, 80, ring);
	fixture_service(&f, VIP, IPPROTO_UDP, 80, ring);
	build_frames();
}

static uint64_t noted(enum lb_note note)
{
	uint64_t sum = 0;

	for (uint32_t cpu = 0; cpu < f.dp->n_cpus; cpu++)
		sum += f.dp->lines[cpu].notes[note];
	return sum;
}

static uint64_t used(void)
{
	struct dataplane_walk *walk;
	struct dataplane_flows flows;
	struct err err;
	uint64_t n;

	assert_int_equal(dataplane_count_flows(f.dp, &walk, &err), 0);
	assert_true(dataplane_walk_on(walk, USEC_NEVER));
	assert_int_equal(dataplane_walk_flows(walk, &flows, &err), 0);
	dataplane_walk_free(walk);
	n = flows.used;
	dataplane_flows_fini(&flows);
	return n;
}

/* Nothing is in transition and nothing remembered once all is silent for long enough. */
static void expect_no_state_left(void)
{
	struct dataplane_transition left;

	fixture_wait(&f, 4 * IDLE);
	assert_true(dataplane_ring_transition(f.dp, ring, &left));
	assert_int_equal(left.moving, 0);
	assert_int_equal(left.settling, 0);
	assert_int_equal(f.dp->rings[ring].in_transition, 0);
	assert_int_equal(used(), 0);
}

/* ---- one CPU, against the model ---- */

struct history {
	struct flow_model *tcp, *udp;
	struct ledger *ledger;
	uint32_t tcp_slot[FLOWS], udp_slot[FLOWS];
	uint32_t salt;
	bool is_gone[REALS + 1];
};

static void sync_model(struct flow_model *model)
{
	model->words = dataplane_ring(f.dp, ring);
	model->now = clock_age(f.dp);
	model->idle = f.dp->tables->flow_idle;
	model->changed = f.dp->rings[ring].changed_age;
	for (uint32_t i = 0; i < MODEL_REALS; i++)
		model->flags[i] = flags_of(i);
}

static void forget_real(struct flow_model *model, uint32_t real)
{
	for (uint32_t i = 0; i < model->n_flows; i++) {
		if (LB_FLOW_REAL(model->entries[i]) == real)
			model->entries[i] = 0;
	}
}

/* Take a real away, wait until nothing names it. */
static void remove_real(struct history *h, uint32_t real)
{
	struct addr addr;
	struct err err = { "" };
	char text[32];

	live(real, DATAPLANE_REAL_LEAVING);
	write_ring(h->salt);
	name_of(real, text);
	addr = fixture_addr(text);
	if (dataplane_del_real(f.dp, &addr, &err) < 0)
		fail_msg("%s", err.text);
	ledger_died(h->ledger, real);
	fixture_wait(&f, 3 * MINUTE);
	forget_real(h->tcp, real);
	forget_real(h->udp, real);
	h->is_gone[real] = true;
}

static void return_real(struct history *h, uint32_t real)
{
	char text[32];

	name_of(real, text);
	assert_int_equal(fixture_real(&f, text), real);
	h->is_gone[real] = false;
}

static void something_happens(struct history *h)
{
	uint32_t real = 1 + random_below(REALS), what = random_below(10);
	struct err err = { "" };

	if (h->is_gone[real]) {
		return_real(h, real);
	} else if (what == 0) {
		live(real, DATAPLANE_REAL_DEAD);
		ledger_died(h->ledger, real);
	} else if (what < 4) {
		live(real, DATAPLANE_REAL_LEAVING);
	} else if (what < 7) {
		live(real, DATAPLANE_REAL_TAKES);
	} else if (what == 7) {
		remove_real(h, real);
	} else if (what == 8) {
		h->salt = random_below(SALTS);
	} else if (dataplane_reread(f.dp, &err) < 0) {
		fail_msg("%s", err.text);
	}
	write_ring(h->salt);
}

static void send_one(struct history *h)
{
	uint32_t flow = random_below(random_below(2) ? FLOWS : FLOWS / 16);
	uint32_t what = random_below(40), real, want;
	bool is_syn = what == 0;

	sync_model(h->tcp);
	sync_model(h->udp);
	if (what >= 30) {
		want = flow_model_packet(h->udp, flow, h->udp_slot[flow], FLOW_UDP);
		real = send_udp(flow);
	} else if (what == 29) {
		want = flow_model_packet(h->tcp, flow, h->tcp_slot[flow], FLOW_READ_ONLY);
		real = send_error(flow);
	} else {
		want = flow_model_packet(h->tcp, flow, h->tcp_slot[flow], is_syn ? FLOW_NEW : 0);
		real = send_tcp(flow, is_syn ? SYN : ACK);
		if (!ledger_note(h->ledger, flow, is_syn, real, flags_of(real), clock_age(f.dp)))
			fail_msg("flow %u moved to %u (flags %x), slot %x", flow, real,
				 flags_of(real), h->tcp->words[h->tcp_slot[flow]]);
	}
	if (real != want)
		fail_msg("flow %u, packet %u: went to %u, by the rule to %u, slot %x", flow, what,
			 real, want, h->tcp->words[h->tcp_slot[flow]]);
}

static void run_history(unsigned seed, uint32_t steps)
{
	static struct history h;

	srandom(seed);
	start(TABLE);
	write_ring(0);
	h = (struct history){ .tcp = flow_model_new(1, FLOWS, 1),
			      .udp = flow_model_new(1, FLOWS, 1),
			      .ledger = ledger_new(FLOWS, (uint32_t)(IDLE / f.dp->age_us)) };
	for (uint32_t i = 0; i < FLOWS; i++) {
		h.tcp_slot[i] = slot_of(i, IPPROTO_TCP);
		h.udp_slot[i] = slot_of(i, IPPROTO_UDP);
	}
	for (uint32_t step = 0; step < steps; step++) {
		if (random_below(400) == 0)
			something_happens(&h);
		if (random_below(100) == 0)
			fixture_wait(&f, random_below(60) * USEC_PER_SEC);
		if (random_below(10000) == 0)
			fixture_wait(&f, random_below(3000) * USEC_PER_SEC);
		send_one(&h);
	}
	print_message("SEED=%u: %lu packets of established flows, %lu remembered\n", seed,
		      (unsigned long)h.ledger->established, (unsigned long)noted(LB_NOTE_FLOW_NEW));
	assert_int_equal(h.ledger->moved, 0);
	assert_int_equal(h.ledger->to_dead, 0);
	assert_int_equal(noted(LB_NOTE_FLOW_EVICTED), 0);
	assert_true(h.ledger->established > steps / 4);
	expect_no_state_left();
	flow_model_free(h.tcp);
	flow_model_free(h.udp);
	ledger_free(h.ledger);
	fixture_fini(&f);
}

TEST(history, moves_no_flow_of_a_living_real)
{
	const char *given = getenv("SEED");

	if (given) {
		run_history((unsigned)strtoul(given, NULL, 0), 100000);
		return;
	}
	for (unsigned seed = 1; seed <= 4; seed++)
		run_history(seed, 60000);
}

/* ---- pools that services exchange, against the promise ---- */

#define POOLS 3

static void write_pools(const uint32_t *rings, uint32_t salt)
{
	uint32_t in_use = ring;

	for (uint32_t i = 0; i < POOLS; i++) {
		ring = rings[i];
		write_ring(salt + i);
	}
	ring = in_use;
}

static void change_a_life(struct ledger *ledger)
{
	uint32_t real = 1 + random_below(REALS), what = random_below(8);

	live(real, what == 0  ? DATAPLANE_REAL_DEAD
		   : what < 4 ? DATAPLANE_REAL_LEAVING
			      : DATAPLANE_REAL_TAKES);
	if (what == 0)
		ledger_died(ledger, real);
}

/* The service gets another pool at most LB_FORMER_KEYS times in an idle time: so much holds. */
static void exchange_pools(unsigned seed, uint32_t steps)
{
	struct ledger *ledger;
	uint32_t rings[POOLS];
	usec_t next = 0;
	struct err err = { "" };

	srandom(seed);
	start(8 * TABLE); /* flows stand under the keys of three rings */
	rings[0] = ring;
	for (uint32_t i = 1; i < POOLS; i++)
		rings[i] = fixture_ring(&f, "10.0.0.1");
	for (uint16_t i = 0; i < POOLS; i++) /* no pool is ever without service */
		fixture_service(&f, "10.200.2.2", IPPROTO_TCP, (uint16_t)(1000 + i), rings[i]);
	write_pools(rings, 0);
	ledger = ledger_new(FLOWS, (uint32_t)(IDLE / f.dp->age_us));
	for (uint32_t step = 0; step < steps; step++) {
		uint32_t flow = random_below(FLOWS), real;
		bool is_syn = random_below(30) == 0;

		if (random_below(1000) == 0) {
			change_a_life(ledger);
			write_pools(rings, random_below(SALTS));
		}
		if (random_below(500) == 0 && clock_now(f.dp) >= next) {
			ring = rings[random_below(POOLS)];
			fixture_service(&f, VIP, IPPROTO_TCP, 80, ring);
			next = clock_now(f.dp) + IDLE / LB_FORMER_KEYS + MINUTE;
		}
		if (random_below(2000) == 0)
			assert_int_equal(dataplane_reread(f.dp, &err), 0);
		if (random_below(60) == 0)
			fixture_wait(&f, random_below(60) * USEC_PER_SEC);
		real = send_tcp(flow, is_syn ? SYN : ACK);
		if (!ledger_note(ledger, flow, is_syn, real, flags_of(real), clock_age(f.dp)))
			fail_msg("SEED=%u: flow %u moved to %u (flags %x) in step %u", seed, flow,
				 real, flags_of(real), step);
	}
	assert_true(ledger->established > steps / 4);
	assert_int_equal(noted(LB_NOTE_FLOW_EVICTED), 0);
	ledger_free(ledger);
	for (uint32_t i = 0; i < POOLS; i++) {
		ring = rings[i];
		expect_no_state_left();
	}
	fixture_fini(&f);
}

TEST(pools, exchanged_move_no_flow_of_a_living_real)
{
	const char *given = getenv("SEED");

	if (given) {
		exchange_pools((unsigned)strtoul(given, NULL, 0), 60000);
		return;
	}
	for (unsigned seed = 1; seed <= 3; seed++)
		exchange_pools(seed, 40000);
}

/* ---- several CPUs, against the promise ---- */

#define THREADS    4
#define MT_PACKETS 60000 /* of each thread */
#define MT_FLOWS   512

struct shared_flow {
	atomic_flag busy; /* one packet of a flow at a time, on whatever CPU */
	uint32_t real, last;
};

static struct shared_flow shared[MT_FLOWS];
static atomic_uint running, moved;

static void pin(uint32_t thread)
{
	cpu_set_t all, one;
	uint32_t nth = thread;

	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		return;
	nth %= (uint32_t)CPU_COUNT(&all);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all) || nth--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

static uint32_t age_now(void)
{
	return DP_LOAD(f.dp->skel->data_trace->lb_clock.age);
}

static void send_shared(struct shared_flow *flow, uint32_t number, bool is_syn)
{
	uint32_t before = age_now(), after, real;

	real = send_tcp(number, is_syn ? SYN : ACK);
	after = age_now();
	if (flow->real && !is_syn && after - flow->last <= IDLE / f.dp->age_us &&
	    real != flow->real)
		atomic_fetch_add(&moved, 1);
	flow->real = real;
	flow->last = before;
}

static void *send_many(void *arg)
{
	uint32_t thread = (uint32_t)(uintptr_t)arg;
	unsigned seed = thread + 1;

	pin(thread);
	for (uint32_t i = 0; i < MT_PACKETS; i++) {
		uint32_t number = (uint32_t)rand_r(&seed) % MT_FLOWS;

		if (atomic_flag_test_and_set(&shared[number].busy))
			continue;
		send_shared(&shared[number], number, rand_r(&seed) % 30 == 0);
		atomic_flag_clear(&shared[number].busy);
	}
	atomic_fetch_sub(&running, 1);
	return NULL;
}

/* What goes on meanwhile: drains and returns, other weights, time, now and then idle and more. */
static void disturb(void)
{
	uint32_t real = 1 + random_below(REALS), what = random_below(20);

	if (what < 8)
		live(real, DATAPLANE_REAL_LEAVING);
	else if (what < 16)
		live(real, DATAPLANE_REAL_TAKES);
	else if (what == 16)
		fixture_wait(&f, IDLE + MINUTE);
	else
		fixture_wait(&f, 5 * USEC_PER_SEC);
	write_ring(random_below(SALTS));
}

TEST(cpus, move_no_flow_between_them)
{
	pthread_t threads[THREADS];
	uint32_t disturbed = 0;

	srandom(1);
	start(TABLE / 4);
	write_ring(0);
	memset(shared, 0, sizeof(shared));
	atomic_store(&moved, 0);
	atomic_store(&running, THREADS);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, send_many, (void *)i), 0);
	for (; atomic_load(&running); disturbed++)
		disturb();
	for (uint32_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	print_message("%u changes, %lu hits\n", disturbed, (unsigned long)noted(LB_NOTE_FLOW_HIT));
	assert_int_equal(atomic_load(&moved), 0);
	assert_true(noted(LB_NOTE_FLOW_HIT) > THREADS * MT_PACKETS / 4);
	expect_no_state_left();
	fixture_fini(&f);
}

/* ---- what bounds the promise ---- */

#define WARMED     65536
#define FLOOD      15 /* new flows for each packet of an established one */
#define FLOOD_FROM 0x1000000U

TEST(flood, of_new_flows_moves_less_than_one_established_flow_in_a_thousand)
{
	uint32_t lost = 0, next = FLOOD_FROM;

	start(TABLE);
	give_all(1);
	live(1, DATAPLANE_REAL_LEAVING); /* so that every SYN has to be remembered */
	give_all(2);
	for (uint32_t flow = 0; flow < WARMED; flow++) {
		send_tcp(flow, SYN);
		send_tcp(flow, ACK);
		if (flow % 8192 == 0)
			fixture_wait(&f, USEC_PER_SEC);
	}
	for (uint32_t flow = 0; flow < WARMED; flow++) {
		for (uint32_t i = 0; i < FLOOD; i++)
			send_tcp(next++, SYN);
		lost += send_tcp(flow, ACK) != 2;
		if (flow % 2048 == 0)
			fixture_wait(&f, USEC_PER_SEC);
	}
	print_message("%u of %u moved, %lu entries gave way\n", lost, WARMED,
		      (unsigned long)noted(LB_NOTE_FLOW_EVICTED));
	assert_true(lost < WARMED / 1000);
	assert_true(noted(LB_NOTE_FLOW_EVICTED) > WARMED);
	fixture_fini(&f);
}

TEST(flood, goes_where_it_needs_no_entry_once_a_cpu_made_too_many)
{
	uint32_t to_alt = 0;

	start(8192);
	give_all(1);
	give_all(2);
	for (uint32_t flow = 0; flow < 4096; flow++)
		to_alt += send_tcp(flow, SYN) == 1;
	assert_true(to_alt > 0);
	assert_int_equal(noted(LB_NOTE_FLOW_LIMITED), to_alt);
	fixture_wait(&f, 5 * USEC_PER_SEC); /* another unit of time */
	assert_int_equal(send_tcp(5000, SYN), 2);
	live(1, DATAPLANE_REAL_LEAVING); /* nobody may be sent there */
	for (uint32_t flow = 8192; flow < 16384; flow++)
		assert_int_equal(send_tcp(flow, SYN), 2);
	fixture_fini(&f);
}

TEST(table, that_is_full_still_sends_every_packet_to_one_of_the_two)
{
	start(8); /* a single line */
	give_all(1);
	live(1, DATAPLANE_REAL_LEAVING);
	give_all(2);
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t flow = i * 7919 % 256, real = send_tcp(flow, i % 3 ? ACK : SYN);

		if (i % 3)
			assert_true(real == 1 || real == 2);
		else
			assert_int_equal(real, 2);
	}
	assert_true(noted(LB_NOTE_FLOW_EVICTED) > 1000);
	expect_no_state_left();
	fixture_fini(&f);
}

/* The tag of a flow, as the program computes it. */
static uint32_t tag_of(uint32_t flow)
{
	struct packet packet = { .proto = IPPROTO_TCP, .dport = lb_htons(80) };
	struct addr client = fixture_addr("192.168.0.1"), vip = fixture_addr(VIP);
	uint8_t port[2];

	put_client(client.bytes + 12, port, flow);
	memcpy(packet.src, client.bytes, 16);
	memcpy(packet.dst, vip.bytes, 16);
	memcpy(&packet.sport, port, 2);
	return flow_tag(flow_hash(f.dp->tables->flow_key, &packet, f.dp->rings[ring].key));
}

struct tagged {
	uint32_t tag, flow;
};

static int by_tag(const void *a, const void *b)
{
	const struct tagged *x = a, *y = b;

	return (x->tag > y->tag) - (x->tag < y->tag);
}

/* Two flows of one tag; in a table of one line they cannot be told apart. */
static bool find_twins(uint32_t *one, uint32_t *other)
{
	const uint32_t n = 1 << 19;
	struct tagged *all = calloc(n, sizeof(*all));
	bool found = false;

	for (uint32_t i = 0; i < n; i++)
		all[i] = (struct tagged){ .tag = tag_of(i), .flow = i };
	qsort(all, n, sizeof(*all), by_tag);
	for (uint32_t i = 1; i < n && !found; i++) {
		found = all[i].tag == all[i - 1].tag;
		*one = all[i - 1].flow;
		*other = all[i].flow;
	}
	free(all);
	return found;
}

TEST(tag, shared_by_two_flows_leads_both_to_one_real_that_serves_them)
{
	uint32_t one, other;

	start(8);
	assert_true(find_twins(&one, &other)); /* 32 such pairs are expected */
	give_all(1);
	give_all(2);
	assert_int_equal(send_tcp(one, SYN), 2);
	assert_int_equal(send_tcp(other, SYN), 2);
	assert_int_equal(used(), 1);
	give_all(3);
	assert_int_equal(send_tcp(one, ACK), 2);
	assert_int_equal(send_tcp(other, ACK), 2);
	live(2, DATAPLANE_REAL_DEAD);
	assert_int_equal(send_tcp(one, ACK), 1); /* cur is 3: not remembered any more, so alt */
	fixture_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(history, moves_no_flow_of_a_living_real),
		T(pools, exchanged_move_no_flow_of_a_living_real),
		T(cpus, move_no_flow_between_them),
		T(flood, of_new_flows_moves_less_than_one_established_flow_in_a_thousand),
		T(flood, goes_where_it_needs_no_entry_once_a_cpu_made_too_many),
		T(table, that_is_full_still_sends_every_packet_to_one_of_the_two),
		T(tag, shared_by_two_flows_leads_both_to_one_real_that_serves_them),
	};

	fixture_need_root();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
