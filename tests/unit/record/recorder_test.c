/* SPDX-License-Identifier: Apache-2.0 */
/* The flight recorder's files: what survives which end, and what cannot hold it up. */
#include "src/record/recorder.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/test.h"

#define SIZE    (16 * IMAGE_BLOCK)
#define WAIT_US (60 * USEC_PER_SEC)

struct world {
	char dir[64], state[80], run[80];
	struct recorder *recorder;
	unsigned n_fresh;
};

static void fresh(void *arg)
{
	((struct world *)arg)->n_fresh++;
}

static void open_recorder(struct world *w)
{
	const struct recorder_options options = {
		.state_dir = w->state, .run_dir = w->run, .size = SIZE, .fresh = fresh, .arg = w
	};
	struct err err;

	assert_int_equal(recorder_new(&options, &w->recorder, &err), 0);
}

static void world_new(struct world *w)
{
	memset(w, 0, sizeof(*w));
	snprintf(w->dir, sizeof(w->dir), "/tmp/recorder_test-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->state, sizeof(w->state), "%s/state", w->dir);
	snprintf(w->run, sizeof(w->run), "%s/run", w->dir);
	assert_int_equal(mkdir(w->state, 0700), 0);
	assert_int_equal(mkdir(w->run, 0700), 0);
	open_recorder(w);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void world_end(struct world *w)
{
	recorder_free(w->recorder);
	nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void reopen(struct world *w)
{
	recorder_free(w->recorder);
	open_recorder(w);
}

static void remove_file(const char *dir)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/events", dir);
	assert_int_equal(unlink(path), 0);
}

static unsigned count(struct world *w)
{
	struct record record = { 0 };
	unsigned n = 0;

	while (recorder_next(w->recorder, record.seq, &record))
		n++;
	return n;
}

/* Until the state file's trouble is (not) there. */
static void await_trouble(struct world *w, bool is_there)
{
	usec_t until = usec_now() + WAIT_US;
	struct recorder_trouble trouble;

	do {
		recorder_trouble(w->recorder, &trouble);
		if ((trouble.state[0] != '\0') == is_there)
			return;
		usleep(1000);
	} while (usec_now() < until);
	fail_msg("trouble is '%s'", trouble.state);
}

TEST(recorder, goes_on_behind_what_was_recorded_before)
{
	struct record record;
	struct world w;

	world_new(&w);
	recorder_note(w.recorder, LOG_LEVEL_NOTICE, "start", "version=1");
	recorder_note(w.recorder, LOG_LEVEL_WARN, "vip_state", "vip=www to=withdrawn");
	reopen(&w);
	recorder_note(w.recorder, LOG_LEVEL_NOTICE, "start", "version=2");
	assert_int_equal(count(&w), 3);
	assert_true(recorder_next(w.recorder, 1, &record));
	assert_int_equal(record.level, LOG_LEVEL_WARN);
	assert_string_equal(record.event, "vip_state");
	assert_string_equal(record.pairs, "vip=www to=withdrawn");
	assert_true(recorder_is_this_boot(w.recorder, &record));
	world_end(&w);
}

TEST(recorder, outlives_a_boot_by_the_state_file_and_a_lost_disk_by_the_other)
{
	struct world w;

	world_new(&w);
	for (unsigned i = 0; i < 100; i++)
		recorder_note(w.recorder, LOG_LEVEL_NOTICE, "n", "");
	recorder_free(w.recorder);
	remove_file(w.run);
	open_recorder(&w);
	assert_int_equal(count(&w), 100);
	recorder_free(w.recorder);
	remove_file(w.state);
	open_recorder(&w);
	assert_int_equal(count(&w), 100);
	recorder_free(w.recorder); /* which brought all of it to the new file */
	remove_file(w.run);
	open_recorder(&w);
	assert_int_equal(count(&w), 100);
	world_end(&w);
}

/* A child records and tells each number through a pipe once it is recorded; it is killed. */
static unsigned record_until_killed(struct world *w, unsigned after)
{
	int fds[2];
	pid_t pid;
	unsigned n, last = 0;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		open_recorder(w);
		for (n = 1;; n++) {
			recorder_note(w->recorder, LOG_LEVEL_NOTICE, "n", "key=value");
			if (write(fds[1], &n, sizeof(n)) != sizeof(n))
				_exit(0);
		}
	}
	close(fds[1]);
	while (last < after && read(fds[0], &n, sizeof(n)) == sizeof(n))
		last = n;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while (read(fds[0], &n, sizeof(n)) == sizeof(n))
		last = n;
	close(fds[0]);
	return last;
}

TEST(recorder, loses_nothing_when_the_process_is_killed)
{
	unsigned long total = 0;
	struct world w;

	world_new(&w);
	recorder_free(w.recorder);
	for (unsigned round = 1; round <= 20; round++) {
		total += record_until_killed(&w, round * 13);
		open_recorder(&w);
		/* At most one more a round was recorded and not told. */
		assert_in_range(recorder_last(w.recorder), total, total + round);
		assert_true(count(&w) > 0);
		total = recorder_last(w.recorder);
		recorder_free(w.recorder);
	}
	open_recorder(&w);
	world_end(&w);
}

TEST(recorder, goes_on_without_a_state_directory_and_brings_all_when_there_is_one)
{
	struct world w;

	world_new(&w);
	await_trouble(&w, false);
	recorder_free(w.recorder);
	nftw(w.state, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	remove_file(w.run);
	open_recorder(&w);
	await_trouble(&w, true);
	recorder_note(w.recorder, LOG_LEVEL_NOTICE, "n", "");
	assert_int_equal(count(&w), 1);
	assert_int_equal(mkdir(w.state, 0700), 0);
	await_trouble(&w, false);
	recorder_free(w.recorder);
	remove_file(w.run);
	open_recorder(&w);
	assert_int_equal(count(&w), 1);
	world_end(&w);
}

TEST(recorder, records_without_a_run_directory_and_says_so)
{
	struct recorder_trouble trouble;
	struct world w;

	world_new(&w);
	recorder_free(w.recorder);
	nftw(w.run, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	open_recorder(&w);
	recorder_trouble(w.recorder, &trouble);
	assert_non_null(strstr(trouble.run, "No such file"));
	recorder_note(w.recorder, LOG_LEVEL_NOTICE, "n", "");
	reopen(&w);
	assert_int_equal(count(&w), 1);
	world_end(&w);
}

/* Nobody else's file is opened, and no pipe waited for. */
TEST(recorder, leaves_alone_what_is_no_file)
{
	char path[128];
	struct world w;

	world_new(&w);
	await_trouble(&w, false);
	recorder_free(w.recorder);
	remove_file(w.state);
	snprintf(path, sizeof(path), "%s/events", w.state);
	assert_int_equal(mkfifo(path, 0600), 0);
	open_recorder(&w);
	await_trouble(&w, true);
	recorder_note(w.recorder, LOG_LEVEL_NOTICE, "n", "");
	assert_int_equal(count(&w), 1);
	world_end(&w);
}

TEST(recorder, takes_over_nothing_from_a_foreign_file_and_sets_it_aside)
{
	char path[128], rubbish[5000];
	struct world w;
	FILE *file;

	world_new(&w);
	await_trouble(&w, false);
	recorder_free(w.recorder);
	remove_file(w.run);
	snprintf(path, sizeof(path), "%s/events", w.state);
	file = fopen(path, "w");
	memset(rubbish, 'r', sizeof(rubbish));
	assert_int_equal(fwrite(rubbish, sizeof(rubbish), 1, file), 1);
	fclose(file);
	open_recorder(&w);
	recorder_note(w.recorder, LOG_LEVEL_NOTICE, "n", "");
	assert_int_equal(count(&w), 1);
	recorder_free(w.recorder);
	snprintf(path, sizeof(path), "%s/events.aside", w.state);
	assert_int_equal(access(path, F_OK), 0);
	remove_file(w.run);
	open_recorder(&w);
	assert_int_equal(count(&w), 1);
	world_end(&w);
}

TEST(recorder, counts_a_failure_that_repeats_and_no_change_of_state)
{
	struct record record;
	struct world w;

	world_new(&w);
	for (unsigned i = 0; i < 5; i++) {
		recorder_note(w.recorder, LOG_LEVEL_WARN, "state", "error=\"No space\"");
		recorder_note(w.recorder, LOG_LEVEL_NOTICE, "real_state", "real=a to=up");
		recorder_note(w.recorder, LOG_LEVEL_NOTICE, "real_state", "real=a to=down");
	}
	assert_int_equal(count(&w), 11);
	recorder_tick(w.recorder, usec_now());
	assert_int_equal(count(&w), 11);
	recorder_tick(w.recorder, usec_now() + 61 * USEC_PER_SEC);
	assert_int_equal(count(&w), 12);
	assert_true(recorder_prev(w.recorder, UINT64_MAX, &record));
	assert_string_equal(record.pairs, "repeated=4 error=\"No space\"");
	recorder_note(w.recorder, LOG_LEVEL_WARN, "state", "error=\"No space\"");
	assert_int_equal(count(&w), 13);
	world_end(&w);
}

TEST(recorder, tells_once_until_it_is_looked_at)
{
	struct world w;

	world_new(&w);
	recorder_note(w.recorder, LOG_LEVEL_NOTICE, "n", "");
	recorder_note(w.recorder, LOG_LEVEL_NOTICE, "n", "");
	assert_int_equal(w.n_fresh, 1);
	assert_int_equal(recorder_last(w.recorder), 2);
	recorder_note(w.recorder, LOG_LEVEL_NOTICE, "n", "");
	assert_int_equal(w.n_fresh, 2);
	world_end(&w);
}

TEST(recorder, times_this_boot_by_the_time_since_boot)
{
	struct record record = { 0 };
	struct world w;

	world_new(&w);
	recorder_note(w.recorder, LOG_LEVEL_NOTICE, "n", "");
	assert_true(recorder_next(w.recorder, 0, &record));
	/* The clock was set an hour forward since, and ten seconds passed. */
	assert_int_equal(recorder_wall_us(w.recorder, &record, record.boot_us + 10 * USEC_PER_SEC,
					  record.wall_us + 3610 * USEC_PER_SEC),
			 record.wall_us + 3600 * USEC_PER_SEC);
	record.boot++;
	assert_int_equal(recorder_wall_us(w.recorder, &record, record.boot_us + 10 * USEC_PER_SEC,
					  record.wall_us + 3610 * USEC_PER_SEC),
			 record.wall_us);
	world_end(&w);
}

RUN_TESTS(T(recorder, goes_on_behind_what_was_recorded_before),
	  T(recorder, outlives_a_boot_by_the_state_file_and_a_lost_disk_by_the_other),
	  T(recorder, loses_nothing_when_the_process_is_killed),
	  T(recorder, goes_on_without_a_state_directory_and_brings_all_when_there_is_one),
	  T(recorder, records_without_a_run_directory_and_says_so),
	  T(recorder, leaves_alone_what_is_no_file),
	  T(recorder, takes_over_nothing_from_a_foreign_file_and_sets_it_aside),
	  T(recorder, counts_a_failure_that_repeats_and_no_change_of_state),
	  T(recorder, tells_once_until_it_is_looked_at),
	  T(recorder, times_this_boot_by_the_time_since_boot))
