/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease.c - the files tick, announced and fence; the formats are in lease.h.
 *
 * Written to a file of its own beside the target and renamed over it, so a reader never sees half
 * of one. They live in --run-dir, which is gone after a boot: nothing is fsynced. Every line ends
 * in a newline, and a reader refuses a file whose last line does not, or that says anything else
 * than the format: a lease in doubt is no lease.
 */
#include "src/guard/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/auto.h"

/* 60,000 prefixes with the longest names; a larger file is not ours. */
#define LEASE_FILE_MAX (8U << 20)

static int lease_path(const char *run_dir, const char *name, char path[PATH_MAX], struct err *err)
{
	if (snprintf(path, PATH_MAX, "%s/%s", run_dir, name) >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "run directory '%s': path too long", run_dir);
	return 0;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_new_file(const char *path, const char *text, size_t len)
{
	AUTO(fd_closep) int fd = -1;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	return write_all(fd, text, len);
}

/* The file becomes text as a whole or stays what it was. */
static int replace_file(const char *run_dir, const char *name, const char *text, size_t len,
			struct err *err)
{
	char path[PATH_MAX], fresh[PATH_MAX], fresh_name[64];
	int r;

	snprintf(fresh_name, sizeof(fresh_name), ".%s.%ld", name, (long)getpid());
	r = lease_path(run_dir, name, path, err);
	if (r == 0)
		r = lease_path(run_dir, fresh_name, fresh, err);
	if (r < 0)
		return r;
	r = write_new_file(fresh, text, len);
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r < 0) {
		unlink(fresh);
		return err_set(err, r, "%s: cannot write: %m", path);
	}
	return 0;
}

/* Over what stands there, which takes no room on the disk; only for so few bytes that nobody sees
 * half of them. */
static int write_over(const char *run_dir, const char *name, const char *text, size_t len)
{
	AUTO(fd_closep) int fd = -1;
	char path[PATH_MAX];
	struct stat st;

	if (lease_path(run_dir, name, path, NULL) < 0)
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size != (off_t)len)
		return -ENOENT;
	return pwrite(fd, text, len, 0) == (ssize_t)len ? 0 : -EIO;
}

static int read_all(int fd, size_t size, char **ret, size_t *ret_len)
{
	AUTO(freep) char *text = malloc(size + 1);
	size_t len = 0;

	if (!text)
		return -ENOMEM;
	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	*ret = TAKE(text);
	*ret_len = len;
	return 0;
}

/* The whole file as text; it ends in a newline, or is empty, and holds no NUL. */
static int read_file(const char *run_dir, const char *name, char **ret, struct err *err)
{
	AUTO(fd_closep) int fd = -1;
	AUTO(freep) char *text = NULL;
	char path[PATH_MAX];
	struct stat st;
	size_t len = 0;
	int r = lease_path(run_dir, name, path, err);

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return err_set(err, -errno, "%s: %m", path);
	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "%s: %m", path);
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)LEASE_FILE_MAX)
		return err_set(err, -EBADMSG, "%s: not a file of ours", path);
	r = read_all(fd, (size_t)st.st_size, &text, &len);
	if (r < 0)
		return err_set(err, r, "%s: %m", path);
	if (strlen(text) != len || (len > 0 && text[len - 1] != '\n'))
		return err_set(err, -EBADMSG, "%s: torn or foreign content", path);
	*ret = TAKE(text);
	return 0;
}

/* Digits up to end, nothing else; *end is where they stop. */
static bool parse_usec(const char *text, const char **ret_end, usec_t *ret)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	*ret_end = end;
	return errno == 0;
}

int lease_write_tick(const char *run_dir, usec_t now, struct err *err)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%" PRIu64 "\n", now);

	int r = replace_file(run_dir, "tick", text, (size_t)len, err);

	if ((r == -ENOSPC || r == -EDQUOT) && write_over(run_dir, "tick", text, (size_t)len) == 0)
		return 1;
	return r;
}

int lease_read_tick(const char *run_dir, usec_t *ret, struct err *err)
{
	AUTO(freep) char *text = NULL;
	const char *end;
	usec_t tick;
	int r = read_file(run_dir, "tick", &text, err);

	if (r < 0)
		return r;
	if (!parse_usec(text, &end, &tick) || strcmp(end, "\n") != 0)
		return err_set(err, -EBADMSG, "%s/tick: not a time stamp", run_dir);
	*ret = tick;
	return 0;
}

int lease_write_announced(const char *run_dir, const struct lease_prefix *prefixes, size_t n,
			  struct err *err)
{
	AUTO(freep) char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return err_set(err, -ENOMEM, "%s/announced: %m", run_dir);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s %s\n", PREFIX_STR(&prefixes[i].prefix), prefixes[i].drain_map);
	if (fclose(out) != 0)
		return err_set(err, -ENOMEM, "%s/announced: %m", run_dir);
	return replace_file(run_dir, "announced", text, len, err);
}

static bool is_map_name(const char *name)
{
	size_t len =
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-");

	return len > 0 && name[len] == '\0' && len < LEASE_MAP_MAX;
}

/* One line without its newline; it is written to. */
static int parse_announced_line(char *line, struct lease_prefix *ret)
{
	char *space = strchr(line, ' ');

	if (!space)
		return -EBADMSG;
	*space = '\0';
	if (!strchr(line, '/') || prefix_parse(line, &ret->prefix) < 0 || !is_map_name(space + 1))
		return -EBADMSG;
	strcpy(ret->drain_map, space + 1);
	return 0;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

int lease_read_announced(const char *run_dir, struct lease_prefix **ret, size_t *ret_n,
			 struct err *err)
{
	AUTO(freep) char *text = NULL;
	AUTO(freep) struct lease_prefix *prefixes = NULL;
	size_t n, i = 0;
	int r = read_file(run_dir, "announced", &text, err);

	if (r < 0)
		return r;
	n = count_lines(text);
	prefixes = calloc(n ? n : 1, sizeof(*prefixes));
	if (!prefixes)
		return err_set(err, -ENOMEM, "%s/announced: %m", run_dir);
	for (char *line = text; i < n; i++) {
		char *end = strchr(line, '\n');

		*end = '\0';
		if (parse_announced_line(line, &prefixes[i]) < 0)
			return err_set(err, -EBADMSG, "%s/announced:%zu: not 'PREFIX ROUTE-MAP'",
				       run_dir, i + 1);
		line = end + 1;
	}
	*ret = TAKE(prefixes);
	*ret_n = n;
	return 0;
}

int lease_set_fence(const char *run_dir, const struct lease_fence *fence, struct err *err)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "%s %" PRIu64 "\n", fence->word, fence->since);

	return replace_file(run_dir, "fence", text, (size_t)len, err);
}

int lease_read_fence(const char *run_dir, struct lease_fence *ret, struct err *err)
{
	AUTO(freep) char *text = NULL;
	struct lease_fence fence = { 0 };
	const char *end = NULL;
	size_t word;
	int r = read_file(run_dir, "fence", &text, err);

	if (r < 0)
		return r;
	word = strspn(text, "abcdefghijklmnopqrstuvwxyz-");
	if (word == 0 || word >= sizeof(fence.word) || text[word] != ' ' ||
	    !parse_usec(text + word + 1, &end, &fence.since) || strcmp(end, "\n") != 0)
		return err_set(err, -EBADMSG, "%s/fence: not 'WORD TIME'", run_dir);
	memcpy(fence.word, text, word);
	*ret = fence;
	return 0;
}

int lease_clear_fence(const char *run_dir, struct err *err)
{
	char path[PATH_MAX];
	int r = lease_path(run_dir, "fence", path, err);

	if (r < 0)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(err, -errno, "%s: cannot remove: %m", path);
	return 0;
}
