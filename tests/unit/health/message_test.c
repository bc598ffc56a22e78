/* SPDX-License-Identifier: Apache-2.0 */
#include "health/message.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/test.h"

static struct message target_message(void)
{
	struct message m = { .kind = MESSAGE_TARGET };

	m.target = (struct message_target){
		.group = 4,
		.id = 0x1122334455667788,
		.type = CONFIG_CHECK_HTTP,
		.via = CONFIG_VIA_TUNNEL,
		.port = 80,
		.mark = 0x53480001,
		.has_source = true,
		.interval_us = 2000000,
		.fast_interval_us = 500000,
		.slow_interval_us = 10000000,
		.timeout_us = 1000000,
		.jitter_percent = 20,
		.rise = 3,
		.fall = 2,
		.has_real = true,
		.state = REAL_UP,
		.sign = REAL_SIGN_ANSWERS,
		.ca = 9,
		.path = "/healthz?deep=1",
		.host = "www.example.net",
		.n_ranges = 2,
		.ranges = { { 200, 299 }, { 404, 404 } },
	};
	assert_int_equal(addr_parse("203.0.113.10", &m.target.addr), 0);
	assert_int_equal(addr_parse("10.0.2.2", &m.target.source), 0);
	assert_int_equal(addr_parse("10.1.0.11", &m.target.real), 0);
	return m;
}

static struct message verdict_message(void)
{
	return (struct message){
		.kind = MESSAGE_VERDICT,
		.verdict = { .id = 7,
			     .state = REAL_DOWN,
			     .reason = PROBE_HTTP_STATUS,
			     .in_a_row = 3,
			     .sign = REAL_SIGN_GONE,
			     .latency_us = 812,
			     .row_started = 99,
			     .told_at = 1234,
			     .evidence = "HTTP 503 in 0.8 ms" },
	};
}

/* One of each kind. */
static size_t samples(struct message ret[MESSAGE_KIND_MAX])
{
	static const uint8_t pem[] = "-----BEGIN";
	size_t n = 0;

	ret[n++] = (struct message){ .kind = MESSAGE_HELLO, .hello.program = "shoal-probe 1" };
	ret[n++] = (struct message){
		.kind = MESSAGE_CA,
		.ca = { .id = 5, .total_bytes = 30, .offset = 20, .len = 10, .bytes = pem },
	};
	ret[n++] = target_message();
	ret[n++] = (struct message){ .kind = MESSAGE_REMOVE, .remove.id = 77 };
	ret[n++] = (struct message){ .kind = MESSAGE_TARGETS_END, .targets_end.n_targets = 3 };
	ret[n++] = verdict_message();
	ret[n++] = (struct message){
		.kind = MESSAGE_HEARTBEAT,
		.heartbeat = { .probes = 1ULL << 40,
			       .verdicts = 5,
			       .late = 1,
			       .n_targets = 10,
			       .n_running = 2,
			       .p99_late_us = 250,
			       .told_at = 1ULL << 41 },
	};
	ret[n++] = (struct message){ .kind = MESSAGE_VOID, .void_ = { 77, REAL_UP, true } };
	ret[n++] = (struct message){
		.kind = MESSAGE_LATENCY,
		.latency = { .group = 9, .counts = { .buckets = { 1, 1ULL << 40 }, .sum_us = 3 } },
	};
	ret[n++] = (struct message){ .kind = MESSAGE_PROBE_NOW, .probe_now = { 5, 77 } };
	ret[n++] = (struct message){
		.kind = MESSAGE_PROBE_DONE,
		.probe_done = { .ticket = 5,
				.reason = PROBE_REFUSED,
				.latency_us = 100,
				.evidence = "connect: Connection refused",
				.trace = { .n_steps = 2,
					   .n_lost = 1,
					   .steps = { { 0, false, "to 203.0.113.10" },
						      { 90, true, "failed: TCP connection" } } },
				.output = { 5000, 5, "why\n:" } },
	};
	ret[n++] = (struct message){
		.kind = MESSAGE_OUTPUT,
		.output = { .id = 77, .output = { 11, 11, "a\nb\n\nreason" } },
	};
	return n;
}

TEST(message, every_kind_survives_the_wire)
{
	struct message all[MESSAGE_KIND_MAX];
	size_t n = samples(all);

	assert_int_equal(n, MESSAGE_KIND_MAX - 1);
	for (size_t i = 0; i < n; i++) {
		uint8_t buf[MESSAGE_MAX], again[MESSAGE_MAX];
		struct message back;
		int len = message_encode(&all[i], buf);

		memset(&back, 0xa5, sizeof(back));
		assert_true(len > 0);
		assert_int_equal(message_decode(buf, (size_t)len, &back), 0);
		assert_int_equal(back.kind, all[i].kind);
		assert_int_equal(message_encode(&back, again), len);
		assert_memory_equal(buf, again, (size_t)len);
	}
}

TEST(message, target_fields_come_out_as_they_went_in)
{
	struct message m = target_message(), back;
	uint8_t buf[MESSAGE_MAX];
	int len = message_encode(&m, buf);

	assert_int_equal(message_decode(buf, (size_t)len, &back), 0);
	assert_int_equal(back.target.id, m.target.id);
	assert_int_equal(back.target.type, CONFIG_CHECK_HTTP);
	assert_true(addr_eq(&back.target.addr, &m.target.addr));
	assert_true(addr_eq(&back.target.source, &m.target.source));
	assert_int_equal(back.target.mark, m.target.mark);
	assert_int_equal(back.target.slow_interval_us, 10000000);
	assert_int_equal(back.target.state, REAL_UP);
	assert_int_equal(back.target.sign, REAL_SIGN_ANSWERS);
	assert_true(back.target.has_real);
	assert_true(addr_eq(&back.target.real, &m.target.real));
	assert_string_equal(back.target.path, "/healthz?deep=1");
	assert_string_equal(back.target.host, "www.example.net");
	assert_int_equal(back.target.n_ranges, 2);
	assert_int_equal(back.target.ranges[1].last, 404);
}

/* Neither cut short nor grown by a byte does any message pass. */
TEST(message, rejects_every_other_length)
{
	struct message all[MESSAGE_KIND_MAX], back;
	size_t n = samples(all);

	for (size_t i = 0; i < n; i++) {
		uint8_t buf[MESSAGE_MAX + 1] = { 0 };
		size_t len = (size_t)message_encode(&all[i], buf);

		for (size_t cut = 0; cut <= len + 1; cut++) {
			if (cut == len)
				continue;
			assert_int_equal(message_decode(buf, cut, &back), -EBADMSG);
			if (cut < 4)
				continue;
			buf[2] = (uint8_t)cut; /* and a header that agrees with the lie */
			buf[3] = (uint8_t)(cut >> 8);
			assert_int_equal(message_decode(buf, cut, &back), -EBADMSG);
			buf[2] = (uint8_t)len;
			buf[3] = (uint8_t)(len >> 8);
		}
	}
}

TEST(message, names_another_version_of_the_protocol)
{
	struct message m = { .kind = MESSAGE_REMOVE, .remove.id = 1 }, back;
	uint8_t buf[MESSAGE_MAX];
	int len = message_encode(&m, buf);

	buf[1] = MESSAGE_VERSION + 1;
	assert_int_equal(message_decode(buf, (size_t)len, &back), -EPROTONOSUPPORT);
}

TEST(message, rejects_kinds_that_do_not_exist)
{
	uint8_t buf[MESSAGE_MAX] = { 0, MESSAGE_VERSION, 4, 0 };
	struct message m = { .kind = MESSAGE_KIND_MAX }, back;

	assert_int_equal(message_decode(buf, 4, &back), -EBADMSG);
	buf[0] = MESSAGE_KIND_MAX;
	assert_int_equal(message_decode(buf, 4, &back), -EBADMSG);
	buf[0] = 0xff;
	assert_int_equal(message_decode(buf, 4, &back), -EBADMSG);
	assert_int_equal(message_encode(&m, buf), -EINVAL);
}

#define REFUSES(statement)                                                                         \
	do {                                                                                       \
		struct message m = target_message();                                               \
		uint8_t buf[MESSAGE_MAX];                                                          \
		statement;                                                                         \
		assert_int_equal(message_encode(&m, buf), -EINVAL);                                \
	} while (0)

TEST(message, refuses_targets_out_of_range)
{
	REFUSES(m.target.id = 0);
	REFUSES(m.target.port = 0);
	REFUSES(m.target.interval_us = 0);
	REFUSES(m.target.fast_interval_us = 0);
	REFUSES(m.target.timeout_us = MESSAGE_TIME_MAX_US + 1);
	REFUSES(m.target.jitter_percent = 101);
	REFUSES(m.target.rise = 0);
	REFUSES(m.target.fall = MESSAGE_RESULTS_MAX + 1);
	REFUSES(m.target.state = REAL_STATE_MAX);
	REFUSES(m.target.sign = REAL_SIGN_MAX);
	REFUSES(m.target.type = (enum config_check_type)(CONFIG_CHECK_EXEC + 1));
	REFUSES(m.target.n_ranges = MESSAGE_RANGES_MAX + 1);
	REFUSES(m.target.n_ranges = 0);
	REFUSES(m.target.ranges[0].first = 300);
	REFUSES(m.target.ranges[1].last = 1000);
}

TEST(message, refuses_requests_that_could_be_split_or_misread)
{
	REFUSES(strcpy(m.target.path, "healthz"));
	REFUSES(strcpy(m.target.path, "/a b"));
	REFUSES(strcpy(m.target.path, "/a\r\nX: y"));
	REFUSES(strcpy(m.target.path, "/\xc3\xa4"));
	REFUSES(strcpy(m.target.host, "www.example.net/x"));
	REFUSES(strcpy(m.target.host, "user@www"));
	REFUSES(strcpy(m.target.host, "www:8080"));
	REFUSES(strcpy(m.target.host, "a\nb"));
	REFUSES(memset(m.target.path, '/', sizeof(m.target.path)));
}

TEST(message, refuses_a_source_of_the_other_family)
{
	REFUSES(assert_int_equal(addr_parse("2001:db8::1", &m.target.source), 0));
}

TEST(message, refuses_evidence_that_is_not_printable)
{
	struct message m = verdict_message(), back;
	uint8_t buf[MESSAGE_MAX];
	int len = message_encode(&m, buf);

	buf[len - 1] = 0x1b;
	assert_int_equal(message_decode(buf, (size_t)len, &back), -EBADMSG);
	buf[len - 1] = 0;
	assert_int_equal(message_decode(buf, (size_t)len, &back), -EBADMSG);
	strcpy(m.verdict.evidence, "caf\xe9");
	assert_int_equal(message_encode(&m, buf), -EINVAL);
}

TEST(message, refuses_output_that_is_raw_or_longer_than_was_written)
{
	struct message m = { .kind = MESSAGE_OUTPUT, .output = { 77, { 4, 4, "a\nb " } } };
	uint8_t buf[MESSAGE_MAX];

	assert_true(message_encode(&m, buf) > 0);
	m.output.output.n_written = 3;
	assert_int_equal(message_encode(&m, buf), -EINVAL);
	m.output.output = (struct output){ 4, 4, "a\tb\n" };
	assert_int_equal(message_encode(&m, buf), -EINVAL);
	m.output.output = (struct output){ 4, 4, "\033[1m" };
	assert_int_equal(message_encode(&m, buf), -EINVAL);
}

TEST(message, the_longest_account_of_a_probe_fits)
{
	static struct message m = { .kind = MESSAGE_PROBE_DONE };
	static char output[OUTPUT_BYTES_MAX];
	struct message_probe_done *done = &m.probe_done;
	uint8_t buf[MESSAGE_MAX];

	memset(output, 'x', sizeof(output));
	memset(done->evidence, 'x', sizeof(done->evidence) - 1);
	done->ticket = 1;
	done->output = (struct output){ 1U << 20, sizeof(output), output };
	done->trace.n_steps = TRACE_STEPS_MAX;
	for (size_t i = 0; i < TRACE_STEPS_MAX; i++)
		memset(done->trace.steps[i].text, 'x', TRACE_TEXT_MAX - 1);
	assert_true(message_encode(&m, buf) > 0);
	done->output.len++;
	assert_int_equal(message_encode(&m, buf), -EINVAL);
}

TEST(message, refuses_certificate_parts_beyond_their_total)
{
	static const uint8_t bytes[16] = { 0 };
	struct message m = {
		.kind = MESSAGE_CA,
		.ca = { .id = 1, .total_bytes = 20, .offset = 5, .len = 16, .bytes = bytes },
	};
	uint8_t buf[MESSAGE_MAX];

	assert_int_equal(message_encode(&m, buf), -EINVAL);
	m.ca.offset = 4;
	assert_true(message_encode(&m, buf) > 0);
	m.ca.total_bytes = MESSAGE_CA_MAX + 1;
	assert_int_equal(message_encode(&m, buf), -EINVAL);
}

/* Damage any single byte: what still decodes must encode to the same bytes again. */
TEST(message, damaged_packets_are_refused_or_still_sound)
{
	struct message all[MESSAGE_KIND_MAX], back;
	size_t n = samples(all);

	for (size_t i = 0; i < n; i++) {
		uint8_t buf[MESSAGE_MAX], again[MESSAGE_MAX];
		size_t len = (size_t)message_encode(&all[i], buf);

		for (size_t at = 0; at < len * 256; at++) {
			uint8_t was = buf[at / 256];

			buf[at / 256] = (uint8_t)at;
			memset(&back, 0x5a, sizeof(back));
			if (message_decode(buf, len, &back) == 0) {
				assert_int_equal(message_encode(&back, again), len);
				assert_memory_equal(buf, again, len);
			}
			buf[at / 256] = was;
		}
	}
}

TEST(message, id_changes_with_every_field_but_the_judgement)
{
	struct message m = target_message();
	uint64_t id = message_target_id(&m.target, "web 10.1.0.11 0");

	assert_int_not_equal(id, 0);
	m.target.state = REAL_DOWN;
	m.target.sign = REAL_SIGN_GONE;
	m.target.id = 3;
	assert_int_equal(message_target_id(&m.target, "web 10.1.0.11 0"), id);
	assert_int_not_equal(message_target_id(&m.target, "web 10.1.0.11 1"), id);
	m.target.rise = 4;
	assert_int_not_equal(message_target_id(&m.target, "web 10.1.0.11 0"), id);
	m = target_message();
	m.target.path[1] = 'H';
	assert_int_not_equal(message_target_id(&m.target, "web 10.1.0.11 0"), id);
}

RUN_TESTS(T(message, every_kind_survives_the_wire),
	  T(message, target_fields_come_out_as_they_went_in),
	  T(message, rejects_every_other_length), T(message, names_another_version_of_the_protocol),
	  T(message, rejects_kinds_that_do_not_exist), T(message, refuses_targets_out_of_range),
	  T(message, refuses_requests_that_could_be_split_or_misread),
	  T(message, refuses_a_source_of_the_other_family),
	  T(message, refuses_evidence_that_is_not_printable),
	  T(message, refuses_output_that_is_raw_or_longer_than_was_written),
	  T(message, the_longest_account_of_a_probe_fits),
	  T(message, refuses_certificate_parts_beyond_their_total),
	  T(message, damaged_packets_are_refused_or_still_sound),
	  T(message, id_changes_with_every_field_but_the_judgement))
