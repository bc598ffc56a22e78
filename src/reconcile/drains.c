/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/drains.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/auto.h"

#define DRAIN_FILE_MAX 4096
#define VIP_FILE       "vip-"

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static const char *file_name(const struct prefix *vip, char buf[NAME_MAX + 1])
{
	if (!vip)
		return "node";
	snprintf(buf, NAME_MAX + 1, VIP_FILE "%s", PREFIX_STR(vip));
	*strchr(buf, '/') = '_';
	return buf;
}

/* The prefix a file name stands for; false when it is no drain of a VIP. */
static bool file_prefix(const char *name, struct prefix *ret)
{
	char text[PREFIX_TEXT_MAX];
	char *mark;

	if (strncmp(name, VIP_FILE, strlen(VIP_FILE)) != 0 ||
	    strlen(name) - strlen(VIP_FILE) >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%s", name + strlen(VIP_FILE));
	mark = strrchr(text, '_');
	if (!mark)
		return false;
	*mark = '/';
	return prefix_parse(text, ret) == 0;
}

static int open_dir(const char *state_dir, int *ret_fd, struct err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/drains", state_dir);
	*ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return err_set(err, -errno, "drains '%s': %m", path);
	return 0;
}

int drains_init(const char *state_dir, struct err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/drains", state_dir);
	if (mkdir(path, 0750) < 0 && errno != EEXIST)
		return err_set(err, -errno, "drains '%s': %m", path);
	return 0;
}

static int write_synced(int dir_fd, const char *temp, const char *text, struct err *err)
{
	AUTO(fd_closep) int fd = -1;
	size_t len = strlen(text);

	fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0)
		return err_set(err, -errno, "drain file: create: %m");
	if (write(fd, text, len) != (ssize_t)len)
		return err_set(err, errno ? -errno : -EIO, "drain file: write: %m");
	if (fsync(fd) < 0)
		return err_set(err, -errno, "drain file: sync: %m");
	return 0;
}

int drains_store(const char *state_dir, const struct prefix *vip, const struct core_drain *drain,
		 struct err *err)
{
	AUTO(fd_closep) int dir_fd = -1;
	AUTO(json_decrefp) json_t *json = NULL;
	AUTO(freep) char *text = NULL;
	char buf[NAME_MAX + 1];
	const char *name = file_name(vip, buf);
	int r;

	r = open_dir(state_dir, &dir_fd, err);
	if (r < 0)
		return r;
	json = json_pack("{s:i, s:s, s:s, s:I}", "v", 1, "owner", drain->owner, "reason",
			 drain->reason, "wall_us", (json_int_t)drain->wall_us);
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (!text)
		return err_set(err, -ENOMEM, "drain of %s: owner and reason must be UTF-8 text",
			       name);
	r = write_synced(dir_fd, ".new", text, err);
	if (r < 0) {
		unlinkat(dir_fd, ".new", 0);
		return r;
	}
	if (renameat(dir_fd, ".new", dir_fd, name) < 0)
		return err_set(err, -errno, "drain file '%s': rename: %m", name);
	if (fsync(dir_fd) < 0)
		return err_set(err, -errno, "drain file '%s': sync: %m", name);
	return 0;
}

int drains_clear(const char *state_dir, const struct prefix *vip, struct err *err)
{
	AUTO(fd_closep) int dir_fd = -1;
	char buf[NAME_MAX + 1];
	const char *name = file_name(vip, buf);
	int r;

	r = open_dir(state_dir, &dir_fd, err);
	if (r < 0)
		return r;
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return err_set(err, -errno, "drain file '%s': remove: %m", name);
	if (fsync(dir_fd) < 0)
		return err_set(err, -errno, "drain file '%s': sync: %m", name);
	return 0;
}

/* A file that cannot be read or is torn drains all the same; only who and why are lost. */
static void read_file(int dir_fd, const char *name, struct core_drain *ret)
{
	AUTO(fd_closep) int fd = -1;
	AUTO(json_decrefp) json_t *json = NULL;
	char text[DRAIN_FILE_MAX];
	const char *owner = "unknown", *reason = "the drain file could not be read";
	json_int_t wall_us = 0;
	ssize_t len = -1;

	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		len = read(fd, text, sizeof(text));
	if (len > 0)
		json = json_loadb(text, (size_t)len, 0, NULL);
	if (json)
		json_unpack(json, "{s?s, s?s, s?I}", "owner", &owner, "reason", &reason, "wall_us",
			    &wall_us);
	*ret = (struct core_drain){ .vip = CORE_NONE, .set = true };
	snprintf(ret->owner, sizeof(ret->owner), "%s", owner);
	snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
	ret->wall_us = wall_us > 0 ? (uint64_t)wall_us : 0;
}

/* Nobody can tell who is drained: everybody. */
static int drain_all(void (*found)(const struct prefix *vip, const struct core_drain *drain,
				   void *arg),
		     void *arg, int r)
{
	struct core_drain drain = { .vip = CORE_NONE, .set = true, .owner = "shoald" };

	snprintf(drain.reason, sizeof(drain.reason), "the drain directory is unreadable");
	found(NULL, &drain, arg);
	return r;
}

int drains_load(const char *state_dir,
		void (*found)(const struct prefix *vip, const struct core_drain *drain, void *arg),
		void *arg, struct err *err)
{
	AUTO(fd_closep) int dir_fd = -1;
	AUTO(closedirp) DIR *dir = NULL;
	struct core_drain drain;
	struct dirent *entry;
	int r;

	r = open_dir(state_dir, &dir_fd, err);
	if (r == 0) {
		dir = fdopendir(dup(dir_fd));
		if (!dir)
			r = err_set(err, -errno, "drains of '%s': %m", state_dir);
	}
	if (r < 0)
		return drain_all(found, arg, r);
	while ((errno = 0, entry = readdir(dir))) {
		struct prefix vip;

		if (strcmp(entry->d_name, "node") == 0) {
			read_file(dir_fd, entry->d_name, &drain);
			found(NULL, &drain, arg);
		} else if (file_prefix(entry->d_name, &vip)) {
			read_file(dir_fd, entry->d_name, &drain);
			found(&vip, &drain, arg);
		}
	}
	if (errno == 0)
		return 0;
	return drain_all(found, arg, err_set(err, -errno, "drains of '%s': %m", state_dir));
}
