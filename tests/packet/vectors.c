/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vectors.c - packet vectors through the BPF programs: `vectors DIR|FILE.json...`. Prints a line
 * for each vector that fails and one for each file; the last line is "N passed, N failed". Exit
 * status 0 when none failed, 1 otherwise, 2 for usage or a bad file, 77 without root.
 *
 * Each file is a suite with a balancer of its own; its vectors run in order and keep their state.
 * Deliberate differences are in vectors.known.
 */
#include "tests/packet/vectors.h"

#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/dataplane/internal.h"

#define ETH_LEN 14

struct runner {
	const char *suite;                    /* its name */
	const struct vector_program *program; /* NULL: the balancer */
	struct vector_balancer balancer;
	const json_t *vectors; /* of this phase */
	bool takes_longer;     /* packets go the way of those that are captured */
	unsigned passed, failed;
};

struct result {
	int verdict; /* enum xdp_action, or VECTOR_TC() */
	uint8_t frame[FRAME_MAX];
	size_t len;
};

static size_t hex_at(const json_t *vector, const char *key, uint8_t *out)
{
	const char *text = json_string_value(json_object_get(vector, key));

	return text ? vector_hex(text, out) : 0;
}

static const struct {
	const char *word; /* in the suites */
	int verdict;
	const char *text;
} verdicts[] = {
	{ "XDP_ABORTED", XDP_ABORTED, "aborted" },
	{ "XDP_DROP", XDP_DROP, "dropped" },
	{ "XDP_PASS", XDP_PASS, "passed" },
	{ "XDP_TX", XDP_TX, "sent" },
	{ "XDP_REDIRECT", XDP_REDIRECT, "redirected" },
	{ "TC_ACT_UNSPEC", VECTOR_TC(TC_ACT_UNSPEC), "left alone" },
	{ "TC_ACT_OK", VECTOR_TC(TC_ACT_OK), "passed by tc" },
	{ "TC_ACT_SHOT", VECTOR_TC(TC_ACT_SHOT), "dropped by tc" },
	{ "TC_ACT_PIPE", VECTOR_TC(TC_ACT_PIPE), "passed on by tc" },
	{ "TC_ACT_REDIRECT", VECTOR_TC(TC_ACT_REDIRECT), "redirected by tc" },
};
#define N_VERDICTS (sizeof(verdicts) / sizeof(verdicts[0]))

static int verdict_of(const char *word)
{
	for (size_t i = 0; i < N_VERDICTS; i++) {
		if (!strcmp(verdicts[i].word, word))
			return verdicts[i].verdict;
	}
	return -1;
}

static const char *verdict_str(int verdict)
{
	for (size_t i = 0; i < N_VERDICTS; i++) {
		if (verdicts[i].verdict == verdict)
			return verdicts[i].text;
	}
	return "not run";
}

/* ---- judging ---- */

static bool is_ignored(const json_t *vector, size_t offset)
{
	const json_t *ignored = json_object_get(vector, "ignore_output_bytes");
	size_t i;
	json_t *value;

	json_array_foreach (ignored, i, value) {
		if (json_integer_value(value) == (json_int_t)offset)
			return true;
	}
	return false;
}

/* Where the outer UDP checksum stands. */
static size_t outer_check(const uint8_t *frame)
{
	return frame[12] == 0x08 ? ETH_LEN + 20 + 6 : ETH_LEN + 40 + 6;
}

/* Whether the outer UDP checksum of a frame is right. */
static bool has_right_check(const uint8_t *frame, size_t len)
{
	bool is_ipv4 = frame[12] == 0x08;
	size_t udp = outer_check(frame) - 6, n = is_ipv4 ? 4 : 16;
	int family = is_ipv4 ? AF_INET : AF_INET6;
	struct addr src = addr_from_raw(family, frame + udp - 2 * n);
	struct addr dst = addr_from_raw(family, frame + udp - n);

	return frame_checksum(frame + udp, len - udp,
			      frame_pseudo_sum(&src, &dst, IPPROTO_UDP, len - udp)) == 0;
}

__attribute__((format(printf, 2, 3))) static bool differ(char why[256], const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, 256, fmt, args);
	va_end(args);
	return false;
}

static bool equals(const json_t *vector, const struct vector_known *known,
		   const struct result *result, char why[256])
{
	uint8_t want[FRAME_MAX];
	size_t len = hex_at(vector, "expected_output_hex", want);
	size_t check = outer_check(result->frame);

	if (result->len != len)
		return differ(why, "%zu bytes instead of %zu", result->len, len);
	for (size_t i = 0; i < len; i++) {
		if (want[i] == result->frame[i] || is_ignored(vector, i))
			continue;
		if (known->rule == VECTOR_CHECKSUM && (i == check || i == check + 1))
			continue;
		return differ(why, "byte %zu is %02x instead of %02x", i, result->frame[i],
			      want[i]);
	}
	if (known->rule == VECTOR_CHECKSUM && !has_right_check(result->frame, len))
		return differ(why, "the outer UDP checksum is wrong");
	return true;
}

/* Sent to the real that another vector of this phase is sent to. */
static bool is_like(const struct runner *runner, unsigned like, const struct result *result,
		    char why[256])
{
	uint8_t want[FRAME_MAX];
	const json_t *vector = json_array_get(runner->vectors, like - 1);

	if (result->verdict != XDP_TX)
		return differ(why, "%s instead of sent", verdict_str(result->verdict));
	if (hex_at(vector, "expected_output_hex", want) < ETH_LEN + 20 ||
	    memcmp(want + ETH_LEN + 16, result->frame + ETH_LEN + 16, 4) != 0)
		return differ(why, "sent to another real than vector %u", like);
	return true;
}

static bool is_unchanged(const json_t *vector, const struct result *result, char why[256])
{
	uint8_t in[FRAME_MAX];
	size_t len = hex_at(vector, "input_hex", in);

	if (result->verdict != XDP_PASS)
		return differ(why, "%s instead of passed", verdict_str(result->verdict));
	if (len != result->len || memcmp(in, result->frame, len) != 0)
		return differ(why, "passed, but changed");
	return true;
}

/* An own vector says under which name its packet ends. */
static bool is_for_cause(const struct runner *runner, const json_t *vector, char why[256])
{
	const char *want = json_string_value(json_object_get(vector, "expected_cause"));
	const char *cause;

	if (!want || runner->program)
		return true;
	cause = dataplane_cause_str(dataplane_trace(runner->balancer.dp)->cause);
	return !strcmp(want, cause) || differ(why, "%s instead of %s", cause, want);
}

static bool judge(const struct runner *runner, const json_t *vector,
		  const struct vector_known *known, const struct result *result, char why[256])
{
	const char *action = json_string_value(json_object_get(vector, "expected_action"));
	int want = verdict_of(action ? action : "");

	if (known->rule == VECTOR_UNCHECKED)
		return true;
	if (known->rule == VECTOR_LIKE)
		return is_like(runner, known->like, result, why);
	if (known->rule == VECTOR_PASSED)
		return is_unchanged(vector, result, why);
	if (want != result->verdict)
		return differ(why, "%s instead of %s", verdict_str(result->verdict),
			      action ? action : "?");
	if (!is_for_cause(runner, vector, why))
		return false;
	return want == XDP_DROP || equals(vector, known, result, why);
}

/* ---- running ---- */

static int run(struct runner *runner, const json_t *vector, struct result *result, struct err *err)
{
	uint8_t frame[FRAME_MAX];
	size_t len = hex_at(vector, "input_hex", frame);

	if (!len)
		return err_set(err, -EIO, "a vector without input");
	result->len = sizeof(result->frame);
	if (runner->program) {
		const json_t *mark = json_object_get(vector, "skb_mark");

		result->verdict =
			runner->program->run(frame, len, (uint32_t)json_integer_value(mark),
					     result->frame, &result->len, err);
	} else {
		result->verdict = dataplane_run(runner->balancer.dp, frame, len, result->frame,
						&result->len, err);
	}
	return result->verdict < 0 ? result->verdict : 0;
}

static int run_vector(struct runner *runner, const json_t *vector, struct err *err)
{
	unsigned index = (unsigned)json_integer_value(json_object_get(vector, "index"));
	struct vector_known known;
	struct result result;
	char why[256] = "";
	int r = vector_known_find(runner->suite, index, &known, err);

	if (!r)
		r = run(runner, vector, &result, err);
	if (r < 0)
		return r;
	if (!runner->program)
		vector_counters_note(
			&runner->balancer, &known,
			strlen(json_string_value(json_object_get(vector, "input_hex"))) / 2);
	if (judge(runner, vector, &known, &result, why)) {
		runner->passed++;
		return 0;
	}
	runner->failed++;
	printf("FAIL %s %u%s: %s: %s", runner->suite, index,
	       runner->takes_longer ? ", captured" : "",
	       json_string_value(json_object_get(vector, "description")), why);
	if (!runner->program && result.verdict != XDP_TX)
		printf(" (%s)", dataplane_cause_str(dataplane_trace(runner->balancer.dp)->cause));
	putchar('\n');
	return 0;
}

static int run_phase(struct runner *runner, const json_t *phase, struct err *err)
{
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(phase, "provisioning_ops"), i, item) {
		int r = runner->program ? 0 : vector_balancer_do(&runner->balancer, item, err);

		if (runner->program && runner->program->provision)
			r = runner->program->provision(item, err);
		if (r < 0)
			return r;
	}
	runner->vectors = json_object_get(phase, "vectors");
	json_array_foreach (runner->vectors, i, item) {
		int r = run_vector(runner, item, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Vectors of a program that this runner does not have all fail. */
static int refuse(struct runner *runner, const json_t *phases, const char *program)
{
	size_t i;
	json_t *phase;

	json_array_foreach (phases, i, phase)
		runner->failed += (unsigned)json_array_size(json_object_get(phase, "vectors"));
	printf("FAIL %s: there is no program '%s' here\n", runner->suite, program);
	return 0;
}

static const struct vector_program *program_find(const char *name)
{
	static const struct vector_program *const programs[] = { &vector_decap,
								 &vector_source_match,
								 &vector_steer };

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		if (!strcmp(programs[i]->name, name))
			return programs[i];
	}
	return NULL;
}

static int run_suite(struct runner *runner, const json_t *suite, struct err *err)
{
	const char *name = json_string_value(json_object_get(suite, "program"));
	const json_t *phases = json_object_get(suite, "phases");
	size_t i;
	json_t *phase;
	int r;

	if (!name || !json_is_array(phases))
		return 0; /* other data: rings, flows */
	runner->suite = json_string_value(json_object_get(suite, "name"));
	runner->program = program_find(name);
	if (!runner->program && strcmp(name, "balancer"))
		return refuse(runner, phases, name);
	r = runner->program ? runner->program->init(suite, err)
			    : vector_balancer_init(&runner->balancer, suite, err);
	if (!r && !runner->program && runner->takes_longer)
		DP_STORE(runner->balancer.dp->tables->capture_until_ns, UINT64_MAX);
	json_array_foreach (phases, i, phase)
		r = r ? r : run_phase(runner, phase, err);
	if (!r && json_object_get(suite, "expected_totals")) {
		if (vector_own_totals(&runner->balancer, suite))
			runner->passed++;
		else
			runner->failed++;
	}
	if (!r && !runner->program)
		runner->failed += vector_counters_compare(&runner->balancer, suite);
	if (runner->program)
		runner->program->fini();
	else
		vector_balancer_fini(&runner->balancer);
	return r;
}

static int run_file(const char *path, unsigned *passed, unsigned *failed, struct err *err)
{
	AUTO(freep) struct runner *runner = calloc(1, sizeof(*runner));
	json_error_t error;
	json_t *suite = json_load_file(path, 0, &error);
	int r;

	if (!suite || !runner) {
		json_decref(suite);
		return err_set(err, -EINVAL, "%s: %s", path, error.text);
	}
	if (json_object_get(suite, "flows"))
		r = vector_simulate(&runner->balancer, path, suite, &runner->failed, err);
	else
		r = run_suite(runner, suite, err);
	/* A capture of nothing: all of the common packets, too, must end the same on the longer
	 * way. */
	if (!r && runner->balancer.is_own) {
		runner->takes_longer = true;
		r = run_suite(runner, suite, err);
	}
	if (r < 0)
		err_prefix(err, r, "%s", path);
	else if (runner->suite && runner->passed + runner->failed)
		printf("%s: %u passed, %u failed\n", runner->suite, runner->passed, runner->failed);
	*passed += runner->passed;
	*failed += runner->failed;
	json_decref(suite);
	return r;
}

static int is_suite_name(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && !strcmp(entry->d_name + len - 5, ".json");
}

static int run_path(const char *path, unsigned *passed, unsigned *failed, struct err *err)
{
	struct dirent **entries = NULL;
	struct stat st;
	int n, r = 0;

	if (stat(path, &st) < 0)
		return err_set(err, -errno, "%s: %m", path);
	if (!S_ISDIR(st.st_mode))
		return run_file(path, passed, failed, err);
	n = scandir(path, &entries, is_suite_name, alphasort);
	for (int i = 0; i < n; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		r = r ? r : run_file(file, passed, failed, err);
		free(entries[i]);
	}
	free(entries);
	return n < 0 ? err_set(err, -errno, "%s: %m", path) : r;
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;
	struct err err = { "" };

	if (argc < 2) {
		fprintf(stderr, "usage: vectors DIR|FILE.json...\n");
		return 2;
	}
	if (geteuid() != 0) {
		fprintf(stderr, "needs root to load BPF programs\n");
		return 77;
	}
	for (int i = 1; i < argc; i++) {
		if (run_path(argv[i], &passed, &failed, &err) < 0) {
			fprintf(stderr, "vectors: %s\n", err.text);
			return 2;
		}
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed ? 1 : 0;
}
