/* SPDX-License-Identifier: Apache-2.0 */
/* Real programs, most of them one line of /bin/sh. */
#include "health/program.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/lib/test.h"

#define DEADLINE (20 * USEC_PER_SEC) /* for what takes well under a second */

struct run {
	struct program *program;
	bool is_done;
	enum program_end end;
	int code;
	char line[PROGRAM_LINE_MAX];
	char output[PROGRAM_OUTPUT_KEPT + 1];
	size_t output_len;
};

static struct event_base *base;
static struct programs *programs;

static int set_up(void **state __attribute__((unused)))
{
	struct err err = { .text = "" };

	base = event_base_new();
	if (programs_new(base, &programs, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int tear_down(void **state __attribute__((unused)))
{
	programs_free(programs);
	event_base_free(base);
	return 0;
}

static void on_done(const struct program_result *result, void *arg)
{
	struct run *run = arg;

	assert_false(run->is_done);
	run->is_done = true;
	run->end = result->end;
	run->code = result->code;
	strcpy(run->line, result->line);
	memcpy(run->output, result->output.bytes, result->output.len);
	run->output[result->output.len] = '\0';
	run->output_len = result->output.len;
}

static int begin_argv(struct run *run, const char *const *argv)
{
	static const char *const env[] = { "SHOAL_VIP=203.0.113.10", "PATH=/usr/bin:/bin", NULL };
	const struct program_options options = { .argv = argv,
						 .env = env,
						 .timeout_us = USEC_PER_SEC,
						 .owner = run,
						 .done = on_done,
						 .arg = run };

	memset(run, 0, sizeof(*run));
	return program_start(programs, &options, &run->program);
}

static void begin(struct run *run, const char *script)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };

	assert_int_equal(begin_argv(run, argv), 0);
}

#define WAIT_FOR(condition)                                                                        \
	({                                                                                         \
		struct timeval pause_ = { .tv_usec = 20000 };                                      \
		usec_t give_up_ = usec_now() + DEADLINE;                                           \
		while (!(condition) && usec_now() < give_up_) {                                    \
			event_base_loopexit(base, &pause_);                                        \
			event_base_loop(base, EVLOOP_ONCE);                                        \
		}                                                                                  \
		(condition);                                                                       \
	})

static void finish(struct run *run, const char *script)
{
	begin(run, script);
	assert_true(WAIT_FOR(run->is_done));
}

/* Whether this process has a child of any kind: what a program leaves comes here. */
static bool has_children(void)
{
	char text[32];
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text));

	close(fd);
	assert_true(n >= 0);
	return n > 0;
}

/* ---- how it ended ---- */

TEST(program, tells_the_exit_status)
{
	static const int statuses[] = { 0, 1, 3, 126, 127, 255 };
	char script[32];
	struct run run;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		snprintf(script, sizeof(script), "exit %d", statuses[i]);
		finish(&run, script);
		assert_int_equal(run.end, PROGRAM_EXITED);
		assert_int_equal(run.code, statuses[i]);
		assert_string_equal(run.line, "");
	}
}

TEST(program, tells_the_signal)
{
	struct run run;

	finish(&run, "echo about to fall; kill -SEGV $$; sleep 100");
	assert_int_equal(run.end, PROGRAM_SIGNALLED);
	assert_int_equal(run.code, SIGSEGV);
	assert_string_equal(run.line, "about to fall");
}

static void make_file(const char *path, const char *content, mode_t mode)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(content, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void expect_not_started(const char *path, int error)
{
	const char *const argv[] = { path, NULL };
	struct run run;

	assert_int_equal(begin_argv(&run, argv), 0);
	assert_true(WAIT_FOR(run.is_done));
	assert_int_equal(run.end, PROGRAM_NOT_STARTED);
	assert_int_equal(run.code, error);
}

TEST(program, tells_why_a_program_cannot_be_run)
{
	char directory[] = "/tmp/shoal-program-test-XXXXXX", path[64];

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/script", directory);
	expect_not_started(path, ENOENT);
	expect_not_started(directory, EACCES);
	make_file(path, "#!/bin/sh\nexit 0\n", 0644);
	expect_not_started(path, EACCES);
	make_file(path, "no program at all", 0755);
	expect_not_started(path, ENOEXEC);
	make_file(path, "#!/no/such/interpreter\n", 0755);
	expect_not_started(path, ENOENT);
	strcat(path, "/below");
	expect_not_started(path, ENOTDIR);
	*strrchr(path, '/') = '\0';
	unlink(path);
	rmdir(directory);
}

TEST(program, lack_of_descriptors_is_told_at_the_start)
{
	struct rlimit before, none = { 0 };
	const char *const argv[] = { "/bin/true", NULL };
	struct run run;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_NOFILE, &none);
	assert_int_equal(begin_argv(&run, argv), -EMFILE);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(programs_n(programs), 0);
	finish(&run, "exit 5");
	assert_int_equal(run.code, 5);
}

/* ---- what it wrote ---- */

TEST(program, tells_the_first_line_that_says_something)
{
	static const struct {
		const char *script, *line;
	} rows[] = {
		{ "printf ' \\n\\r\\n\\t two  words \\nmore\\n'", "two  words " },
		{ "printf 'no end of line'", "no end of line" },
		{ "echo on stderr >&2; echo on stdout", "on stderr" },
		{ "printf '\\001\\377\\n\\342\\234\\223 fine\\n'", "??? fine" },
		{ "printf '\\033[31mred'", "?[31mred" },
		{ "true", "" },
		{ "printf '%0200d' 0",
		  "00000000000000000000000000000000000000000000000000000000000000000000000000000000"
		  "000000000000000" },
	};
	struct run run;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		finish(&run, rows[i].script);
		assert_string_equal(run.line, rows[i].line);
	}
}

TEST(program, keeps_the_last_of_its_output)
{
	struct run run;

	finish(&run, "echo first; i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done");
	assert_int_equal(run.end, PROGRAM_EXITED);
	assert_string_equal(run.line, "first");
	assert_int_equal(run.output_len, PROGRAM_OUTPUT_KEPT);
	assert_string_equal(run.output + run.output_len - 20, "line 2998\nline 2999\n");
	finish(&run, "echo all of it; echo to the end >&2");
	assert_string_equal(run.output, "all of it\nto the end\n");
}

TEST(program, one_that_writes_without_end_is_cut_off)
{
	struct run run;

	finish(&run, "while :; do echo abcdefghijklmnopqrstuvwxyz || exit; done");
	assert_int_equal(run.end, PROGRAM_TALKED);
	assert_string_equal(run.line, "abcdefghijklmnopqrstuvwxyz");
	assert_true(WAIT_FOR(programs_n(programs) == 0 && !has_children()));
}

TEST(program, may_close_its_output_and_go_on)
{
	struct run run;

	finish(&run, "echo bye; exec >&- 2>&-; sleep 0.2; exit 4");
	assert_int_equal(run.end, PROGRAM_EXITED);
	assert_int_equal(run.code, 4);
	assert_string_equal(run.line, "bye");
}

/* ---- what it gets ---- */

static void expect_output(const char *script, const char *output)
{
	struct run run;

	finish(&run, script);
	assert_string_equal(run.output, output);
}

TEST(program, gets_nothing_but_what_is_meant_for_it)
{
	int inherited = open("/etc/passwd", O_RDONLY); /* without O_CLOEXEC */

	expect_output("exec env", "SHOAL_VIP=203.0.113.10\nPATH=/usr/bin:/bin\nPWD=/\n");
	expect_output("pwd; umask", "/\n0022\n");
	expect_output("cat; readlink /proc/self/fd/0", "/dev/null\n");
	/* 3 is the directory that ls reads */
	expect_output("exec ls /proc/self/fd", "0\n1\n2\n3\n");
	close(inherited);
}

TEST(program, is_limited)
{
	expect_output("ulimit -c; ulimit -n; ulimit -d; ulimit -t; ulimit -H -t",
		      "0\n256\n262144\n2\n3\n");
}

TEST(program, has_its_signals_and_session_to_itself)
{
	signal(SIGPIPE, SIG_IGN);
	expect_output("grep -E 'SigBlk|SigIgn' /proc/self/status",
		      "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	/* pid, process group and session; no terminal */
	expect_output("read pid name state parent group session tty rest </proc/self/stat; "
		      "[ $pid = $group ] && [ $pid = $session ] && echo $tty",
		      "0\n");
	signal(SIGPIPE, SIG_DFL);
}

/* ---- what it leaves behind ---- */

/* In its group, out of its group, out of its session, and twice orphaned out of its session. */
#define LITTER                                                                                     \
	"sleep 1000 & setsid sleep 1001 & (setsid sh -c 'sleep 1002 & sleep 1003' &); "            \
	"(setsid sh -c '(setsid sleep 1004 &)' &); echo littered; "

TEST(program, nothing_is_left_when_it_ended)
{
	struct run run;

	finish(&run, LITTER "exit 1");
	assert_int_equal(run.end, PROGRAM_EXITED);
	assert_string_equal(run.line, "littered");
	assert_true(WAIT_FOR(programs_n(programs) == 0 && !has_children()));
}

TEST(program, nothing_is_left_when_it_was_cut_off)
{
	struct run run;

	begin(&run, LITTER "wait; sleep 1005");
	assert_true(WAIT_FOR(*program_line(run.program)));
	program_kill(run.program);
	assert_int_equal(programs_n(programs), 1); /* not before it is reaped */
	assert_true(WAIT_FOR(programs_n(programs) == 0 && !has_children()));
	assert_false(run.is_done);
}

TEST(program, ignoring_signals_does_not_save_it)
{
	struct run run;

	begin(&run, "trap '' TERM INT HUP QUIT; echo safe; while :; do sleep 1; done");
	assert_true(WAIT_FOR(*program_line(run.program)));
	program_kill(run.program);
	assert_true(WAIT_FOR(programs_n(programs) == 0 && !has_children()));
}

TEST(program, a_stopped_one_can_be_cut_off)
{
	struct run run;

	begin(&run, "echo stopping; kill -STOP $$");
	assert_true(WAIT_FOR(*program_line(run.program)));
	program_kill(run.program);
	assert_true(WAIT_FOR(programs_n(programs) == 0));
}

/* Cut off before it is a program at all. */
TEST(program, can_be_cut_off_at_once)
{
	struct run run;

	for (int i = 0; i < 20; i++) {
		begin(&run, "sleep 1000");
		program_kill(run.program);
		assert_true(WAIT_FOR(programs_n(programs) == 0 && !has_children()));
	}
}

TEST(program, an_orphan_may_finish_its_work_while_the_program_runs)
{
	struct run works, other;

	/* The one that writes is the child of nobody but the subreaper when others end. */
	begin(&works, "(sh -c 'sleep 0.5; echo worked' &); echo started; sleep 1.5");
	assert_true(WAIT_FOR(*program_line(works.program)));
	finish(&other, "exit 0");
	assert_true(WAIT_FOR(works.is_done));
	assert_string_equal(works.output, "started\nworked\n");
}

/* Those that were killed count until they are reaped, which takes a turn of the loop. */
TEST(program, undead_ones_of_an_owner_cannot_pile_up)
{
	const char *const argv[] = { "/bin/sleep", "1000", NULL };
	struct run run, other;

	for (int i = 0; i < PROGRAM_UNDEAD_MAX; i++) {
		assert_int_equal(begin_argv(&run, argv), 0);
		program_kill(run.program);
	}
	assert_int_equal(programs_n(programs), PROGRAM_UNDEAD_MAX);
	assert_int_equal(begin_argv(&run, argv), -EBUSY);
	assert_int_equal(begin_argv(&other, argv), 0);
	program_kill(other.program);
	assert_true(WAIT_FOR(programs_n(programs) == 0));
	finish(&run, "exit 0");
}

TEST(program, many_at_once_are_told_apart)
{
	struct run runs[40];
	char script[64];

	for (int i = 0; i < 40; i++) {
		snprintf(script, sizeof(script), "echo number %d; exit %d", i, i);
		begin(&runs[i], script);
	}
	for (int i = 0; i < 40; i++) {
		assert_true(WAIT_FOR(runs[i].is_done));
		snprintf(script, sizeof(script), "number %d", i);
		assert_string_equal(runs[i].line, script);
		assert_int_equal(runs[i].code, i);
	}
}

TEST(program, all_end_with_their_table)
{
	struct run run, other;

	begin(&run, LITTER "wait");
	begin(&other, "sleep 1000");
	assert_true(WAIT_FOR(*program_line(run.program)));
	programs_free(programs);
	assert_false(has_children());
	assert_false(run.is_done || other.is_done);
	programs = NULL; /* for tear_down() */
}

/* Each with a table of its own. */
#define P(behaviour)                                                                               \
	{                                                                                          \
		"program: " #behaviour, program_##behaviour, set_up, tear_down, NULL               \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		P(tells_the_exit_status),
		P(tells_the_signal),
		P(tells_why_a_program_cannot_be_run),
		P(lack_of_descriptors_is_told_at_the_start),
		P(tells_the_first_line_that_says_something),
		P(keeps_the_last_of_its_output),
		P(one_that_writes_without_end_is_cut_off),
		P(may_close_its_output_and_go_on),
		P(gets_nothing_but_what_is_meant_for_it),
		P(is_limited),
		P(has_its_signals_and_session_to_itself),
		P(nothing_is_left_when_it_ended),
		P(nothing_is_left_when_it_was_cut_off),
		P(ignoring_signals_does_not_save_it),
		P(a_stopped_one_can_be_cut_off),
		P(can_be_cut_off_at_once),
		P(an_orphan_may_finish_its_work_while_the_program_runs),
		P(undead_ones_of_an_owner_cannot_pile_up),
		P(many_at_once_are_told_apart),
		P(all_end_with_their_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
