/* SPDX-License-Identifier: Apache-2.0 */
/*
 * recorder.c - the files of the flight recorder, and the thread that writes one of them.
 *
 * Both files are images of the same size. At start the one that holds the newer records counts, and
 * blocks in which the other differs are written. `lock` covers the image's bytes while a block is
 * changed or copied, and what the thread says of the disk; it is held for a copy of 4 KiB at most,
 * and never over a system call on a file.
 */
#include "src/record/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "src/base/auto.h"

#define NAME          "events"
#define RETRY_S       2 /* after the disk failed */
#define SYNC_S        1 /* at most so often */
#define LEAVE_S       2
#define REPEATS       32
#define REPEAT_US     (60 * USEC_PER_SEC)
#define REPEAT_SUFFIX 32

/* A failure that may come again. */
struct repeat {
	char *text; /* event, NUL, pairs; NULL: free */
	enum log_level level;
	usec_t since;
	uint64_t count; /* not recorded yet */
};

struct recorder {
	struct recorder_options options;
	char *state_path;
	size_t size;
	uint8_t *bytes;
	struct image image;
	uint32_t boot;
	bool is_fresh_told;
	struct repeat repeats[REPEATS];
	struct recorder_trouble trouble; /* `state` under the lock */

	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool *is_dirty; /* a block: not in the state file yet; under the lock, as the next */
	uint32_t n_dirty;
	bool is_leaving;
};

/* ---- which boot ---- */

static uint32_t read_boot(void)
{
	AUTO(fd_closep) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char text[9] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 8)
		return 0;
	return (uint32_t)strtoul(text, NULL, 16);
}

/* ---- the thread ---- */

static void set_state_trouble(struct recorder *r, const char *sentence)
{
	pthread_mutex_lock(&r->lock);
	snprintf(r->trouble.state, sizeof(r->trouble.state), "%s", sentence);
	pthread_mutex_unlock(&r->lock);
}

/* What has the name and is no file of ours gets another one. */
static int set_aside(const char *path, size_t size, struct err *err)
{
	char aside[PATH_MAX];
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set(err, -errno, "'%s': %m", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "'%s' is no regular file", path);
	if (st.st_size == 0 || (size_t)st.st_size == size)
		return 0;
	snprintf(aside, sizeof(aside), "%s.aside", path);
	return rename(path, aside) < 0 ? err_set(err, -errno, "'%s': %m", path) : 0;
}

/* Open the file with room for all of it, so that no later write finds the disk full. */
static int open_whole(const char *path, size_t size, struct err *err)
{
	AUTO(fd_closep) int fd = -1;
	int r = set_aside(path, size, err);

	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	if (fd < 0)
		return err_set(err, -errno, "'%s': %m", path);
	r = posix_fallocate(fd, 0, (off_t)size);
	if (r != 0 && r != EOPNOTSUPP && r != EINVAL)
		return err_set(err, -r, "'%s': %m", path);
	return fd_take(&fd);
}

/* The next block to write, copied, and no longer dirty. False: it is time to leave. */
static bool take_dirty(struct recorder *r, uint32_t *ret_block, uint8_t *copy)
{
	uint32_t block = 0;

	pthread_mutex_lock(&r->lock);
	while (r->n_dirty == 0 && !r->is_leaving)
		pthread_cond_wait(&r->wake, &r->lock);
	if (r->n_dirty > 0) {
		while (!r->is_dirty[block])
			block++;
		memcpy(copy, r->bytes + (size_t)block * IMAGE_BLOCK, IMAGE_BLOCK);
		r->is_dirty[block] = false;
		r->n_dirty--;
		*ret_block = block;
	} else {
		block = r->image.n_blocks;
	}
	pthread_mutex_unlock(&r->lock);
	return block < r->image.n_blocks;
}

static void mark_dirty(struct recorder *r, uint32_t block)
{
	if (r->is_dirty[block])
		return;
	r->is_dirty[block] = true;
	r->n_dirty++;
}

/* Wait a while before the disk is tried again. False: it is time to leave. */
static bool pause_for(struct recorder *r, unsigned seconds)
{
	struct timespec until;
	bool is_leaving;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	pthread_mutex_lock(&r->lock);
	while (!r->is_leaving && pthread_cond_timedwait(&r->wake, &r->lock, &until) != ETIMEDOUT)
		;
	is_leaving = r->is_leaving;
	pthread_mutex_unlock(&r->lock);
	return !is_leaving;
}

static int write_block(int fd, uint32_t block, const uint8_t *bytes)
{
	off_t at = (off_t)block * IMAGE_BLOCK;
	size_t done = 0;

	while (done < IMAGE_BLOCK) {
		ssize_t n = pwrite(fd, bytes + done, IMAGE_BLOCK - done, at + (off_t)done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

/* Blocks go to the file until it fails, or nothing is left and it is time to leave. */
static int write_blocks(struct recorder *r, int fd)
{
	uint8_t copy[IMAGE_BLOCK];
	usec_t synced_at = 0;
	uint32_t block = 0;

	while (take_dirty(r, &block, copy)) {
		int error = write_block(fd, block, copy);

		if (error == 0 && usec_now() >= synced_at + SYNC_S * USEC_PER_SEC) {
			error = fdatasync(fd) < 0 ? -errno : 0;
			synced_at = usec_now();
		}
		if (error == 0)
			continue;
		pthread_mutex_lock(&r->lock);
		mark_dirty(r, block);
		pthread_mutex_unlock(&r->lock);
		return error;
	}
	fdatasync(fd);
	return 0;
}

/* A file that is new, or was lost, gets everything. */
static void mark_all_dirty(struct recorder *r)
{
	pthread_mutex_lock(&r->lock);
	for (uint32_t i = 0; i < r->image.n_blocks; i++)
		if (r->image.blocks[i].n > 0)
			mark_dirty(r, i);
	pthread_mutex_unlock(&r->lock);
}

static void *run_thread(void *arg)
{
	struct recorder *r = arg;
	struct err err;

	for (;;) {
		AUTO(fd_closep) int fd = open_whole(r->state_path, r->size, &err);
		int error;

		if (fd >= 0) {
			set_state_trouble(r, "");
			error = write_blocks(r, fd);
			if (error == 0)
				return NULL;
			err_set(&err, error, "'%s': %m", r->state_path);
		}
		set_state_trouble(r, err.text);
		if (!pause_for(r, RETRY_S))
			return NULL;
		if (fd < 0)
			mark_all_dirty(r);
	}
}

static int start_thread(struct recorder *r, struct err *err)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the loop's */
	error = pthread_create(&r->thread, NULL, run_thread, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	r->has_thread = error == 0;
	return error ? err_set(err, -error, "flight recorder: %m") : 0;
}

/* ---- the files at start ---- */

/* The state file's bytes as far as it has them, the rest zero. NULL: no memory. */
static uint8_t *read_state(const struct recorder *r)
{
	AUTO(fd_closep)
	int fd = open(r->state_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	uint8_t *bytes = calloc(1, r->size);
	size_t done = 0;

	while (bytes && fd >= 0 && done < r->size) {
		ssize_t n = read(fd, bytes + done, r->size - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return bytes;
}

/* The mapped file of the run directory; plain memory where there can be none. */
static void *map_run(struct recorder *r, const char *path)
{
	struct err err;
	AUTO(fd_closep) int fd = open_whole(path, r->size, &err);
	void *bytes = MAP_FAILED;

	if (fd >= 0)
		bytes = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0 && bytes == MAP_FAILED)
		err_set(&err, -errno, "'%s': %m", path);
	if (bytes != MAP_FAILED)
		return bytes;
	snprintf(r->trouble.run, sizeof(r->trouble.run), "%s", err.text);
	return mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Take over what is newer, and see what the state file lacks. */
static int join_images(struct recorder *r, uint8_t *stored)
{
	struct image kept;
	int error = image_init(&r->image, r->bytes, r->size);

	if (error == 0)
		error = image_init(&kept, stored, r->size);
	if (error < 0)
		return error;
	if (kept.last > r->image.last) {
		image_fini(&r->image);
		memcpy(r->bytes, stored, r->size);
		error = image_init(&r->image, r->bytes, r->size);
	}
	image_fini(&kept);
	r->trouble.torn = r->image.n_torn;
	r->is_dirty = calloc(r->size / IMAGE_BLOCK, sizeof(*r->is_dirty));
	if (error < 0 || !r->is_dirty)
		return -ENOMEM;
	for (uint32_t i = 0; i < r->image.n_blocks; i++)
		if (memcmp(r->bytes + (size_t)i * IMAGE_BLOCK, stored + (size_t)i * IMAGE_BLOCK,
			   IMAGE_BLOCK) != 0)
			mark_dirty(r, i);
	return 0;
}

static int open_files(struct recorder *r, struct err *err)
{
	AUTO(freep) char *run_path = NULL;
	AUTO(freep) uint8_t *stored = NULL;

	if (asprintf(&run_path, "%s/" NAME, r->options.run_dir) < 0)
		run_path = NULL;
	if (asprintf(&r->state_path, "%s/" NAME, r->options.state_dir) < 0)
		r->state_path = NULL;
	if (run_path && r->state_path)
		stored = read_state(r);
	if (!stored)
		return err_set(err, -ENOMEM, "flight recorder: %m");
	r->bytes = map_run(r, run_path);
	if (r->bytes == MAP_FAILED)
		return err_set(err, -ENOMEM, "flight recorder: %m");
	return join_images(r, stored) < 0 ? err_set(err, -ENOMEM, "flight recorder: %m") : 0;
}

static void init_lock(struct recorder *r)
{
	pthread_condattr_t clock;

	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &clock);
	pthread_condattr_destroy(&clock);
}

int recorder_new(const struct recorder_options *options, struct recorder **ret, struct err *err)
{
	struct recorder *r = calloc(1, sizeof(*r));
	int error;

	if (!r)
		return err_set(err, -ENOMEM, "flight recorder: %m");
	r->options = *options;
	r->size = options->size ? options->size : RECORDER_SIZE;
	r->bytes = MAP_FAILED;
	r->boot = read_boot();
	init_lock(r);
	error = open_files(r, err);
	if (error == 0)
		error = start_thread(r, err);
	if (error < 0) {
		recorder_free(r);
		return error;
	}
	*ret = r;
	return 0;
}

/* A disk that hangs must not keep shoald from ending; then the thread dies with the process. */
static bool join_thread(struct recorder *r)
{
	struct timespec until;

	if (!r->has_thread)
		return true;
	pthread_mutex_lock(&r->lock);
	r->is_leaving = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += LEAVE_S;
	return pthread_clockjoin_np(r->thread, NULL, CLOCK_MONOTONIC, &until) == 0;
}

void recorder_free(struct recorder *r)
{
	if (!r || !join_thread(r))
		return;
	for (size_t i = 0; i < REPEATS; i++)
		free(r->repeats[i].text);
	if (r->bytes != MAP_FAILED)
		munmap(r->bytes, r->size);
	image_fini(&r->image);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r->is_dirty);
	free(r->state_path);
	free(r);
}

/* ---- recording ---- */

static void add(struct recorder *r, enum log_level level, const char *event, const char *pairs)
{
	const struct record record = { .wall_us = usec_wall(),
				       .boot_us = usec_now(),
				       .boot = r->boot,
				       .level = level,
				       .event = event,
				       .pairs = pairs };

	pthread_mutex_lock(&r->lock);
	mark_dirty(r, image_add(&r->image, &record));
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->lock);
	if (r->options.fresh && !r->is_fresh_told) {
		r->is_fresh_told = true;
		r->options.fresh(r->options.arg);
	}
}

static const char *repeat_pairs(const struct repeat *repeat)
{
	return repeat->text + strlen(repeat->text) + 1;
}

/* What was only counted is recorded now. */
static void end_repeat(struct recorder *r, struct repeat *repeat)
{
	char pairs[IMAGE_PAIRS_MAX];

	if (repeat->text && repeat->count > 0) {
		snprintf(pairs, sizeof(pairs), "repeated=%llu %.*s",
			 (unsigned long long)repeat->count, (int)(sizeof(pairs) - REPEAT_SUFFIX),
			 repeat_pairs(repeat));
		add(r, repeat->level, repeat->text, pairs);
	}
	free(repeat->text);
	*repeat = (struct repeat){ 0 };
}

static struct repeat *find_repeat(struct recorder *r, const char *event, const char *pairs)
{
	for (size_t i = 0; i < REPEATS; i++)
		if (r->repeats[i].text && strcmp(r->repeats[i].text, event) == 0 &&
		    strcmp(repeat_pairs(&r->repeats[i]), pairs) == 0)
			return &r->repeats[i];
	return NULL;
}

/* Remember a failure in a free place, else in that of the one known longest. */
static void remember(struct recorder *r, enum log_level level, const char *event, const char *pairs)
{
	struct repeat *place = &r->repeats[0];
	size_t event_size = strlen(event) + 1, pairs_size = strlen(pairs) + 1;

	for (size_t i = 1; i < REPEATS && place->text; i++)
		if (!r->repeats[i].text || r->repeats[i].since < place->since)
			place = &r->repeats[i];
	end_repeat(r, place);
	place->text = malloc(event_size + pairs_size);
	if (!place->text)
		return; /* then it is recorded each time */
	memcpy(place->text, event, event_size);
	memcpy(place->text + event_size, pairs, pairs_size);
	place->level = level;
	place->since = usec_now();
}

void recorder_note(struct recorder *r, enum log_level level, const char *event, const char *pairs)
{
	bool is_failure = level <= LOG_LEVEL_WARN && strstr(pairs, "error=") != NULL;
	struct repeat *repeat = is_failure ? find_repeat(r, event, pairs) : NULL;

	if (repeat && usec_now() < repeat->since + REPEAT_US) {
		repeat->count++;
		return;
	}
	if (repeat)
		end_repeat(r, repeat);
	add(r, level, event, pairs);
	if (is_failure)
		remember(r, level, event, pairs);
}

void recorder_tick(struct recorder *r, usec_t now)
{
	for (size_t i = 0; i < REPEATS; i++)
		if (r->repeats[i].text && now >= r->repeats[i].since + REPEAT_US)
			end_repeat(r, &r->repeats[i]);
}

/* ---- looking ---- */

bool recorder_next(const struct recorder *r, uint64_t after, struct record *ret)
{
	return image_next(&r->image, after, ret);
}

bool recorder_prev(const struct recorder *r, uint64_t before, struct record *ret)
{
	return image_prev(&r->image, before, ret);
}

uint64_t recorder_last(struct recorder *r)
{
	r->is_fresh_told = false;
	return r->image.last;
}

bool recorder_is_this_boot(const struct recorder *r, const struct record *record)
{
	return record->boot == r->boot;
}

uint64_t recorder_wall_us(const struct recorder *r, const struct record *record, usec_t now,
			  uint64_t wall_us)
{
	uint64_t age = now - record->boot_us;

	if (!recorder_is_this_boot(r, record) || record->boot_us > now || age > wall_us)
		return record->wall_us;
	return wall_us - age;
}

void recorder_trouble(struct recorder *r, struct recorder_trouble *ret)
{
	pthread_mutex_lock(&r->lock);
	*ret = r->trouble;
	pthread_mutex_unlock(&r->lock);
}
