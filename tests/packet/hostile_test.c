/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile_test.c - frames that nobody should send, through the real program: those of the suites
 * in tests/packet/own, cut at every length, every byte and every 16-bit word of their headers
 * telling lies, bits flipped and frames spliced at random, chains and nests built on purpose. What
 * must hold of each is judged by judge.c.
 *
 * The seed of chance is printed; HOSTILE_SEED in the environment gives it, HOSTILE_FRAMES how many
 * random frames a suite gets.
 */
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/base/auto.h"
#include "tests/lib/test.h"
#include "tests/packet/fixture.h"
#include "tests/packet/judge.h"

#define ETH        14
#define HEADERS    160 /* bytes in which fields lie */
#define FRAMES_MAX 512 /* of a suite */
#define SUITES_MAX 64

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t len;
};

static struct {
	char name[64];
	struct vector_balancer balancer;
	struct judge judge;
	struct frame frames[FRAMES_MAX];
	size_t n_frames;
} suite;

static char *files[SUITES_MAX];
static size_t n_files;
static uint64_t chance, judged;

/* ---- chance ---- */

static uint64_t next_chance(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance;
}

static size_t below(size_t n)
{
	return n ? (size_t)(next_chance() % n) : 0;
}

static uint64_t number_of(const char *variable, uint64_t fallback)
{
	const char *text = getenv(variable);

	return text ? strtoull(text, NULL, 0) : fallback;
}

/* ---- suites ---- */

static void must(int r, const struct err *err)
{
	if (r < 0)
		fail_msg("%s: %s", suite.name, err->text);
}

static void take_phase(const json_t *phase)
{
	struct err err = { "" };
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(phase, "provisioning_ops"), i, item)
		must(vector_balancer_do(&suite.balancer, item, &err), &err);
	json_array_foreach (json_object_get(phase, "vectors"), i, item) {
		struct frame *frame = &suite.frames[suite.n_frames];
		const char *hex = json_string_value(json_object_get(item, "input_hex"));

		assert_true(suite.n_frames < FRAMES_MAX);
		assert_non_null(hex);
		frame->len = vector_hex(hex, frame->bytes);
		assert_true(frame->len >= ETH);
		suite.n_frames++;
	}
}

/* A balancer as after the suite's last operation, and the frames of all its vectors. False when the
 * suite is for another program. */
static bool open_suite(const char *file)
{
	json_t *json = json_load_file(file, 0, NULL), *phase;
	struct err err = { "" };
	size_t i;

	assert_non_null(json);
	snprintf(suite.name, sizeof(suite.name), "%s",
		 json_string_value(json_object_get(json, "name")));
	if (strcmp(json_string_value(json_object_get(json, "program")), "balancer") != 0) {
		json_decref(json);
		return false;
	}
	must(vector_balancer_init(&suite.balancer, json, &err), &err);
	suite.n_frames = 0;
	json_array_foreach (json_object_get(json, "phases"), i, phase)
		take_phase(phase);
	judge_init(&suite.judge, &suite.balancer);
	json_decref(json);
	return true;
}

static void close_suite(void)
{
	if (!judge_counters(&suite.judge))
		fail_msg("%s: %s", suite.name, suite.judge.why);
	judged += suite.judge.frames;
	vector_balancer_fini(&suite.balancer);
}

static void for_each_suite(void (*each)(void))
{
	for (size_t i = 0; i < n_files; i++) {
		if (!open_suite(files[i]))
			continue;
		each();
		close_suite();
	}
}

/* ---- sending ---- */

static void attack(const uint8_t *frame, size_t len)
{
	if (len < ETH || judge_frame(&suite.judge, frame, len))
		return;
	fprintf(stderr, "%s: %s\n", suite.name, suite.judge.why);
	for (size_t i = 0; i < len; i++)
		fprintf(stderr, "%02x", frame[i]);
	fputc('\n', stderr);
	fail();
}

/* As it is, and with checksums that hide the lie. */
static void attack_twice(const uint8_t *frame, size_t len)
{
	struct frame repaired = { .len = len };

	attack(frame, len);
	memcpy(repaired.bytes, frame, len);
	judge_repair(repaired.bytes, len);
	if (memcmp(repaired.bytes, frame, len) != 0)
		attack(repaired.bytes, len);
}

/* ---- cuts and lies ---- */

static void cut_everywhere(void)
{
	for (size_t i = 0; i < suite.n_frames; i++) {
		for (size_t len = ETH; len <= suite.frames[i].len; len++)
			attack(suite.frames[i].bytes, len);
	}
}

static void lie_in_byte(const struct frame *frame, size_t at)
{
	uint8_t was = frame->bytes[at];
	const uint8_t lies[] = { 0,
				 1,
				 0x7f,
				 0x80,
				 0xff,
				 (uint8_t)(was + 1),
				 (uint8_t)(was - 1),
				 (uint8_t)(was ^ 0x10) };
	struct frame copy;

	for (size_t i = 0; i < sizeof(lies); i++) {
		copy = *frame;
		copy.bytes[at] = lies[i];
		attack_twice(copy.bytes, copy.len);
	}
}

static void lie_in_word(const struct frame *frame, size_t at)
{
	uint16_t rest = (uint16_t)(frame->len - at);
	const uint16_t lies[] = { 0xffff,
				  0x8000,
				  rest,
				  (uint16_t)(rest + 1),
				  (uint16_t)(rest - 1),
				  (uint16_t)(frame->len - ETH + 1) };
	struct frame copy;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		copy = *frame;
		copy.bytes[at] = (uint8_t)(lies[i] >> 8);
		copy.bytes[at + 1] = (uint8_t)lies[i];
		attack_twice(copy.bytes, copy.len);
	}
}

static bool is_alike(const struct frame *a, const struct frame *b)
{
	size_t proto = ETH + (a->bytes[12] == 0x86 ? 6 : 9);

	return a->len == b->len && !memcmp(a->bytes + 12, b->bytes + 12, 3) &&
	       (a->len <= proto || a->bytes[proto] == b->bytes[proto]);
}

/* Frames of one kind differ little in their headers: one of each will do. */
static bool is_one_of_many(size_t which)
{
	size_t alike = 0;

	for (size_t i = 0; i < which; i++)
		alike += is_alike(&suite.frames[i], &suite.frames[which]);
	return alike >= 1;
}

static void lie_everywhere(void)
{
	for (size_t i = 0; i < suite.n_frames; i++) {
		const struct frame *frame = &suite.frames[i];
		size_t end = frame->len < HEADERS ? frame->len : HEADERS;

		if (is_one_of_many(i))
			continue;
		for (size_t at = 12; at < end; at++) {
			lie_in_byte(frame, at);
			if (at + 1 < end)
				lie_in_word(frame, at);
		}
	}
}

/* ---- chance ---- */

static void flip_bits(struct frame *frame)
{
	for (size_t n = 1 + below(8); n; n--) {
		size_t at = 12 + below((frame->len < HEADERS ? frame->len : HEADERS) - 12);

		frame->bytes[at] ^= (uint8_t)(1 << below(8));
	}
}

/* What follows some byte of one frame is what follows some byte of another. */
static void splice(struct frame *frame)
{
	const struct frame *other = &suite.frames[below(suite.n_frames)];
	size_t at = ETH + below(frame->len - ETH), from = ETH + below(other->len - ETH);
	size_t len = other->len - from;

	if (at + len > FRAME_MAX - 100)
		len = 100;
	memcpy(frame->bytes + at, other->bytes + from, len);
	frame->len = at + len;
}

static void try_chance(void)
{
	uint64_t frames = number_of("HOSTILE_FRAMES", 10000);
	struct frame frame;

	while (frames--) {
		frame = suite.frames[below(suite.n_frames)];
		if (below(4) == 0)
			splice(&frame);
		flip_bits(&frame);
		if (below(8) == 0)
			frame.len = ETH + below(frame.len - ETH);
		if (frame.len > ETH)
			attack_twice(frame.bytes, frame.len);
	}
}

/* ---- chains and nests ---- */

static void put_half(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Put n bytes before the packet; returns where they begin. */
static uint8_t *insert(struct frame *frame, size_t at, size_t n)
{
	memmove(frame->bytes + at + n, frame->bytes + at, frame->len - at);
	memset(frame->bytes + at, 0, n);
	frame->len += n;
	return frame->bytes + at;
}

/* Extension headers of one kind before an IPv6 packet's payload, each of 8 bytes or lying. */
static void chain_headers(const struct frame *good, uint8_t kind, unsigned n, uint8_t length)
{
	struct frame frame = *good;
	uint8_t last = frame.bytes[ETH + 6], *at = insert(&frame, ETH + 40, 8 * n);

	frame.bytes[ETH + 6] = kind;
	for (unsigned i = 0; i < n; i++) {
		at[8 * i] = i + 1 == n ? last : kind;
		at[8 * i + 1] = length;
	}
	put_half(frame.bytes + ETH + 4, frame.len - ETH - 40);
	attack_twice(frame.bytes, frame.len);
}

static void chain_everywhere(void)
{
	static const uint8_t kinds[] = { 0, 43, 44, 51, 60, 135, 139, 140, 253 };

	for (size_t i = 0; i < suite.n_frames; i++) {
		const struct frame *frame = &suite.frames[i];

		if (frame->bytes[12] != 0x86 || frame->len < ETH + 40 || is_one_of_many(i))
			continue;
		for (size_t kind = 0; kind < sizeof(kinds); kind++) {
			for (unsigned n = 1; n < 150 && frame->len + 8 * n < FRAME_MAX - 8;
			     n += n < 12 ? 1 : 23) {
				chain_headers(frame, kinds[kind], n, 0);
				chain_headers(frame, kinds[kind], n, 1);
				chain_headers(frame, kinds[kind], n, 255);
			}
		}
	}
}

/* Options without length, of no length, and longer than there is room. */
static void loop_options(void)
{
	static const uint8_t options[][4] = { { 7, 0, 7, 0 },     { 2, 0, 2, 0 },
					      { 0xb7, 0, 0, 0 },  { 0xb7, 6, 0, 0 },
					      { 2, 255, 2, 255 }, { 2, 1, 2, 1 },
					      { 1, 1, 1, 2 },     { 0, 2, 4, 0 } };

	for (size_t i = 0; i < suite.n_frames; i++) {
		const struct frame *good = &suite.frames[i];
		bool is_ipv6 = good->bytes[12] == 0x86;
		size_t tcp = ETH + (is_ipv6 ? 40 : 20);

		if (good->len < tcp + 20 || good->bytes[ETH + (is_ipv6 ? 6 : 9)] != IPPROTO_TCP ||
		    is_one_of_many(i) || good->len > FRAME_MAX - 100)
			continue;
		for (size_t o = 0; o < sizeof(options) / sizeof(options[0]); o++) {
			struct frame frame = *good;
			uint8_t *at = insert(&frame, tcp + 20, 40);

			for (size_t k = 0; k < 40; k++)
				at[k] = options[o][k % 4];
			for (size_t offset = 5; offset < 16; offset++) {
				frame.bytes[tcp + 12] = (uint8_t)(offset << 4);
				frame.bytes[tcp + 13] ^= 2; /* with and without SYN */
				put_half(frame.bytes + ETH + (is_ipv6 ? 4 : 2),
					 frame.len - ETH - (is_ipv6 ? 40 : 0));
				attack_twice(frame.bytes, frame.len);
			}
		}
	}
}

/* Put the packet into a tunnel between its own addresses, IPIP or GUE. */
static void wrap(struct frame *frame, bool is_gue)
{
	bool is_ipv6 = frame->bytes[12] == 0x86;
	size_t ip_len = is_ipv6 ? 40 : 20;
	uint8_t *outer = insert(frame, ETH, ip_len + (is_gue ? 8 : 0));
	size_t len = frame->len - ETH;

	memcpy(outer, outer + ip_len + (is_gue ? 8 : 0), ip_len);
	if (is_ipv6) {
		put_half(outer + 4, len - 40);
		outer[6] = is_gue ? IPPROTO_UDP : IPPROTO_IPV6;
	} else {
		outer[0] = 0x45;
		put_half(outer + 2, len);
		outer[9] = is_gue ? IPPROTO_UDP : IPPROTO_IPIP;
	}
	if (!is_gue)
		return;
	put_half(outer + ip_len, 4000);
	put_half(outer + ip_len + 2, 6080);
	put_half(outer + ip_len + 4, len - ip_len);
}

static void nest_tunnels(void)
{
	for (size_t i = 0; i < suite.n_frames; i++) {
		struct frame frame = suite.frames[i];

		if (frame.len < ETH + 40 || (frame.bytes[12] != 0x08 && frame.bytes[12] != 0x86) ||
		    is_one_of_many(i))
			continue;
		for (unsigned depth = 0; depth < 12 && frame.len < FRAME_MAX - 48; depth++) {
			wrap(&frame, below(2));
			attack_twice(frame.bytes, frame.len);
		}
	}
}

/* ---- tests ---- */

TEST(frame, cut_at_every_length_never_leaves_malformed)
{
	for_each_suite(cut_everywhere);
}

TEST(frame, with_a_field_that_lies_never_leaves_malformed)
{
	for_each_suite(lie_everywhere);
}

TEST(frame, with_long_or_lying_chains_of_headers_never_leaves_malformed)
{
	for_each_suite(chain_everywhere);
}

TEST(frame, with_options_that_loop_never_leaves_malformed)
{
	for_each_suite(loop_options);
}

TEST(frame, with_tunnels_in_tunnels_never_leaves_malformed)
{
	for_each_suite(nest_tunnels);
}

TEST(frame, with_bits_flipped_and_frames_spliced_never_leaves_malformed)
{
	for_each_suite(try_chance);
}

static int is_suite_file(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && !strcmp(entry->d_name + len - 5, ".json");
}

static void find_suites(void)
{
	struct dirent **entries = NULL;
	int n = scandir(OWN_VECTORS, &entries, is_suite_file, alphasort);

	for (int i = 0; i < n; i++) {
		if (n_files < SUITES_MAX &&
		    asprintf(&files[n_files], "%s/%s", OWN_VECTORS, entries[i]->d_name) > 0)
			n_files++;
		free(entries[i]);
	}
	free(entries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(frame, cut_at_every_length_never_leaves_malformed),
		T(frame, with_a_field_that_lies_never_leaves_malformed),
		T(frame, with_long_or_lying_chains_of_headers_never_leaves_malformed),
		T(frame, with_options_that_loop_never_leaves_malformed),
		T(frame, with_tunnels_in_tunnels_never_leaves_malformed),
		T(frame, with_bits_flipped_and_frames_spliced_never_leaves_malformed),
	};
	int failed;

	fixture_need_root();
	chance = number_of("HOSTILE_SEED", (uint64_t)time(NULL)) | 1;
	printf("seed %ju\n", (uintmax_t)chance);
	find_suites();
	if (!n_files) {
		fprintf(stderr, "no suites in %s\n", OWN_VECTORS);
		return 1;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	printf("%ju frames judged\n", (uintmax_t)judged);
	return failed;
}
