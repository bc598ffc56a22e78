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
#include "src/reconcile/boot.h"

#define DRAIN_FILE_MAX 4096
#define VIP_FILE       "vip-"
#define ORDER_FILE     "order-"
#define REAL_FILE      "real-"

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static const char *prefix_file_name(const char *kind, const struct prefix *vip,
				    char buf[NAME_MAX + 1])
{
	snprintf(buf, NAME_MAX + 1, "%s%s", kind, PREFIX_STR(vip));
	*strchr(buf, '/') = '_';
	return buf;
}

static const char *file_name(const struct prefix *vip, char buf[NAME_MAX + 1])
{
	return vip ? prefix_file_name(VIP_FILE, vip, buf) : "node";
}

/* The prefix a file name of that kind stands for; false when it is of another. */
static bool file_prefix(const char *name, const char *kind, struct prefix *ret)
{
	char text[PREFIX_TEXT_MAX];
	char *mark;

	if (strncmp(name, kind, strlen(kind)) != 0 || strlen(name) - strlen(kind) >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%s", name + strlen(kind));
	mark = strrchr(text, '_');
	if (!mark)
		return false;
	*mark = '/';
	return prefix_parse(text, ret) == 0;
}

/* An address has no '_', a pool may. */
static const char *real_file_name(const struct drains_real *real, char buf[NAME_MAX + 1])
{
	snprintf(buf, NAME_MAX + 1, REAL_FILE "%s_%s", ADDR_STR(&real->addr), real->pool);
	return buf;
}

static bool file_real(const char *name, struct drains_real *ret)
{
	char text[NAME_MAX + 1];
	char *mark;

	if (strncmp(name, REAL_FILE, strlen(REAL_FILE)) != 0)
		return false;
	snprintf(text, sizeof(text), "%s", name + strlen(REAL_FILE));
	mark = strchr(text, '_');
	if (!mark || mark[1] == '\0' || strlen(mark + 1) >= sizeof(ret->pool))
		return false;
	*mark = '\0';
	strcpy(ret->pool, mark + 1);
	return addr_parse(text, &ret->addr) == 0;
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

#define FORMER ".former" /* the file as it was, until the disk has confirmed the change */

enum former { NO_FORMER, FORMER_KEPT, FORMER_LOST };

/* The former file under a second name, where the file system and its owner let us. */
static enum former keep_former(int dir_fd, const char *name)
{
	unlinkat(dir_fd, FORMER, 0);
	if (linkat(dir_fd, name, dir_fd, FORMER, 0) == 0)
		return FORMER_KEPT;
	return errno == ENOENT ? NO_FORMER : FORMER_LOST;
}

static bool put_former_back(int dir_fd, const char *name, enum former former)
{
	switch (former) {
	case NO_FORMER:
		return unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT;
	case FORMER_KEPT:
		return renameat(dir_fd, FORMER, dir_fd, name) == 0;
	case FORMER_LOST:
		break;
	}
	return false;
}

/* Make the change of a file last. What the disk did not confirm is taken back: the caller tells
 * that nothing changed. */
static int confirm(int dir_fd, const char *name, enum former former, struct err *err)
{
	int r = fsync(dir_fd) < 0 ? -errno : 0;

	if (r < 0)
		return err_set(err, r, "drain file '%s': sync of its directory: %m; %s", name,
			       put_former_back(dir_fd, name, former)
				       ? "the change was taken back"
				       : "and the change could not be taken back: the next start "
					 "may go by it");
	unlinkat(dir_fd, FORMER, 0);
	return 0;
}

/* Whole or not at all; json may be NULL, and is the caller's. */
static int store(const char *state_dir, const char *name, const json_t *json, struct err *err)
{
	AUTO(fd_closep) int dir_fd = -1;
	AUTO(freep) char *text = NULL;
	enum former former;
	int r;

	r = open_dir(state_dir, &dir_fd, err);
	if (r < 0)
		return r;
	text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	if (!text)
		return err_set(err, -ENOMEM, "drain of %s: owner and reason must be UTF-8 text",
			       name);
	r = write_synced(dir_fd, ".new", text, err);
	if (r < 0) {
		unlinkat(dir_fd, ".new", 0);
		return r;
	}
	former = keep_former(dir_fd, name);
	if (renameat(dir_fd, ".new", dir_fd, name) < 0)
		return err_set(err, -errno, "drain file '%s': rename: %m", name);
	return confirm(dir_fd, name, former, err);
}

/* When of this boot: a wall clock that somebody sets says nothing of the time that passed. */
static void set_given(json_t *json, usec_t given_at)
{
	char boot[BOOT_ID_MAX];

	if (!json || !given_at || boot_id_read(boot) < 0)
		return;
	json_object_set_new(json, "boot", json_string(boot));
	json_object_set_new(json, "given_us", json_integer((json_int_t)given_at));
}

/* Who, why, and until when; NULL when it is no UTF-8. */
static json_t *drain_json(const struct core_drain *drain)
{
	json_t *json = json_pack("{s:i, s:s, s:s, s:I, s:I}", "v", 1, "owner", drain->owner,
				 "reason", drain->reason, "wall_us", (json_int_t)drain->wall_us,
				 "until_us", (json_int_t)drain->until_us);

	set_given(json, drain->given_at);
	return json;
}

int drains_store(const char *state_dir, const struct prefix *vip, const struct core_drain *drain,
		 struct err *err)
{
	AUTO(json_decrefp) json_t *json = drain_json(drain);
	char buf[NAME_MAX + 1];

	return store(state_dir, file_name(vip, buf), json, err);
}

int drains_store_vip(const char *state_dir, const struct prefix *vip,
		     const struct core_vip_order *order, struct err *err)
{
	AUTO(json_decrefp) json_t *json = drain_json(&order->by);
	char buf[NAME_MAX + 1];

	json_object_set_new(json, "order", json_string(vip_order_str(order->order)));
	return store(state_dir, prefix_file_name(ORDER_FILE, vip, buf), json, err);
}

int drains_store_real(const char *state_dir, const struct drains_real *real,
		      const struct core_order *order, struct err *err)
{
	AUTO(json_decrefp)
	json_t *json = json_pack("{s:i, s:s, s:s, s:s, s:I, s:I}", "v", 1, "order",
				 real_order_str(order->order), "owner", order->owner, "reason",
				 order->reason, "wall_us", (json_int_t)order->wall_us, "until_us",
				 (json_int_t)order->until_us);
	char buf[NAME_MAX + 1];

	set_given(json, order->given_at);
	return store(state_dir, real_file_name(real, buf), json, err);
}

static int clear(const char *state_dir, const char *name, struct err *err)
{
	AUTO(fd_closep) int dir_fd = -1;
	enum former former;
	int r;

	r = open_dir(state_dir, &dir_fd, err);
	if (r < 0)
		return r;
	former = keep_former(dir_fd, name);
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return err_set(err, -errno, "drain file '%s': remove: %m", name);
	return confirm(dir_fd, name, former, err);
}

int drains_clear(const char *state_dir, const struct prefix *vip, struct err *err)
{
	char buf[NAME_MAX + 1];

	return clear(state_dir, file_name(vip, buf), err);
}

int drains_clear_vip(const char *state_dir, const struct prefix *vip, struct err *err)
{
	char buf[NAME_MAX + 1];

	return clear(state_dir, prefix_file_name(ORDER_FILE, vip, buf), err);
}

int drains_clear_real(const char *state_dir, const struct drains_real *real, struct err *err)
{
	char buf[NAME_MAX + 1];

	return clear(state_dir, real_file_name(real, buf), err);
}

/* NULL when it cannot be read or is torn; the caller's. */
static json_t *read_json(int dir_fd, const char *name)
{
	AUTO(fd_closep) int fd = -1;
	char text[DRAIN_FILE_MAX];
	ssize_t len = -1;

	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd >= 0)
		len = read(fd, text, sizeof(text));
	return len > 0 ? json_loadb(text, (size_t)len, 0, NULL) : NULL;
}

/* When of this boot; 0: of another. */
static usec_t given_at(const char *boot, json_int_t given_us)
{
	char now[BOOT_ID_MAX];

	if (given_us <= 0 || boot_id_read(now) < 0 || strcmp(boot, now) != 0)
		return 0;
	return (usec_t)given_us;
}

/* A file that cannot be read or is torn drains all the same; who, why and until when are lost. */
static void take_drain(json_t *json, struct core_drain *ret)
{
	const char *owner = "unknown", *reason = "the drain file could not be read";
	const char *boot = "";
	json_int_t wall_us = 0, until_us = 0, given_us = 0;

	if (json)
		json_unpack(json, "{s?s, s?s, s?I, s?I, s?s, s?I}", "owner", &owner, "reason",
			    &reason, "wall_us", &wall_us, "until_us", &until_us, "boot", &boot,
			    "given_us", &given_us);
	*ret = (struct core_drain){ .vip = CORE_NONE, .set = true };
	snprintf(ret->owner, sizeof(ret->owner), "%s", owner);
	snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
	ret->wall_us = wall_us > 0 ? (uint64_t)wall_us : 0;
	ret->until_us = until_us > 0 ? (uint64_t)until_us : 0;
	ret->given_at = given_at(boot, given_us);
}

static void read_file(int dir_fd, const char *name, struct core_drain *ret)
{
	AUTO(json_decrefp) json_t *json = read_json(dir_fd, name);

	take_drain(json, ret);
}

/* Erring to the side of withdraw: that loses capacity, never traffic. */
static void read_vip_order(int dir_fd, const char *name, struct core_vip_order *ret)
{
	AUTO(json_decrefp) json_t *json = read_json(dir_fd, name);
	const char *word = json_string_value(json_object_get(json, "order"));

	*ret = (struct core_vip_order){ .vip = CORE_NONE, .order = VIP_ORDER_WITHDRAW };
	if (word && vip_order_find(word) == VIP_ORDER_ANNOUNCE)
		ret->order = VIP_ORDER_ANNOUNCE;
	take_drain(json, &ret->by);
}

/* The same of a real: drained, with no end that anybody knows. */
static void read_order(int dir_fd, const char *name, struct core_order *ret)
{
	AUTO(json_decrefp) json_t *json = read_json(dir_fd, name);
	const char *owner = "unknown", *reason = "the file of the order could not be read";
	const char *word = "", *boot = "";
	json_int_t wall_us = 0, until_us = 0, given_us = 0;

	if (json)
		json_unpack(json, "{s?s, s?s, s?s, s?I, s?I, s?s, s?I}", "order", &word, "owner",
			    &owner, "reason", &reason, "wall_us", &wall_us, "until_us", &until_us,
			    "boot", &boot, "given_us", &given_us);
	*ret = (struct core_order){ .order = REAL_DRAINED };
	if (real_order_find(word) == REAL_DISABLED)
		ret->order = REAL_DISABLED;
	snprintf(ret->owner, sizeof(ret->owner), "%s", owner);
	snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
	ret->wall_us = wall_us > 0 ? (uint64_t)wall_us : 0;
	ret->until_us = until_us > 0 ? (uint64_t)until_us : 0;
	ret->given_at = given_at(boot, given_us);
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

static int open_list(const char *state_dir, int *ret_fd, DIR **ret, struct err *err)
{
	int r = open_dir(state_dir, ret_fd, err);

	if (r < 0)
		return r;
	*ret = fdopendir(dup(*ret_fd));
	return *ret ? 0 : err_set(err, -errno, "drains of '%s': %m", state_dir);
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

	r = open_list(state_dir, &dir_fd, &dir, err);
	if (r < 0)
		return drain_all(found, arg, r);
	while ((errno = 0, entry = readdir(dir))) {
		struct prefix vip;

		if (strcmp(entry->d_name, "node") == 0) {
			read_file(dir_fd, entry->d_name, &drain);
			found(NULL, &drain, arg);
		} else if (file_prefix(entry->d_name, VIP_FILE, &vip)) {
			read_file(dir_fd, entry->d_name, &drain);
			found(&vip, &drain, arg);
		}
	}
	if (errno == 0)
		return 0;
	return drain_all(found, arg, err_set(err, -errno, "drains of '%s': %m", state_dir));
}

int drains_load_vips(const char *state_dir,
		     void (*found)(const struct prefix *vip, const struct core_vip_order *order,
				   void *arg),
		     void *arg, struct err *err)
{
	AUTO(fd_closep) int dir_fd = -1;
	AUTO(closedirp) DIR *dir = NULL;
	struct dirent *entry;
	int r;

	r = open_list(state_dir, &dir_fd, &dir, err);
	if (r < 0)
		return r;
	while ((errno = 0, entry = readdir(dir))) {
		struct core_vip_order order;
		struct prefix vip;

		if (!file_prefix(entry->d_name, ORDER_FILE, &vip))
			continue;
		read_vip_order(dir_fd, entry->d_name, &order);
		found(&vip, &order, arg);
	}
	return errno ? err_set(err, -errno, "drains of '%s': %m", state_dir) : 0;
}

int drains_load_reals(const char *state_dir,
		      void (*found)(const struct drains_real *real, const struct core_order *order,
				    void *arg),
		      void *arg, struct err *err)
{
	AUTO(fd_closep) int dir_fd = -1;
	AUTO(closedirp) DIR *dir = NULL;
	struct dirent *entry;
	int r;

	r = open_list(state_dir, &dir_fd, &dir, err);
	if (r < 0)
		return r;
	while ((errno = 0, entry = readdir(dir))) {
		struct drains_real real;
		struct core_order order;

		if (!file_real(entry->d_name, &real))
			continue;
		read_order(dir_fd, entry->d_name, &order);
		found(&real, &order, arg);
	}
	return errno ? err_set(err, -errno, "drains of '%s': %m", state_dir) : 0;
}
