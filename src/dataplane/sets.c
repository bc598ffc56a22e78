/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sets.c - sets of maps and program side by side, and the change-over from one to the other.
 *
 * A set is the directory `vN` of the bpffs directory, N its ABI version; the links stand beside
 * the sets. Of a version that is not ours we know just this: `tables` is there when the set is
 * whole, and `program` (or `program_new`, when somebody ended in an exchange) is what its links
 * run. So either of two versions can change over from the other.
 *
 * While links run the program of another set, ours is filled from nothing; the other forwards by
 * its own maps, which nobody writes to meanwhile. Then each link is moved by one update, and only
 * after the last of them the other set is unpinned. Whoever starts next finds one of these:
 *   no link runs ours       the other is in force: what is left of ours is removed, and filled anew
 *   some link runs ours     ours was whole then: it is adopted, which moves the links that are left
 *   no link runs the other  what is left of it is removed
 *
 * Version 4 and before had its pins in the bpffs directory itself: a set without directory.
 */
#include "src/dataplane/internal.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/auto.h"

static bool is_link(const char *name)
{
	return !strncmp(name, "link_", 5);
}

/* The name of a set's directory: v and a number. */
static bool is_set(const char *name)
{
	return name[0] == 'v' && name[1] && name[1 + strspn(name + 1, "0123456789")] == '\0';
}

/* What a set without directory has; others' pins may stand beside it. */
static bool is_flat_pin(const char *name)
{
	static const char *const names[] = {
		"tables",  "rings",  "rings_new", "counters",      "prefixes",     "devices",
		"flows",   "syns",   "captured",  "source_routes", "source_drops", "server_ids",
		"program", "longer", "stages",    "program_new",   "longer_new",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(name, names[i]))
			return true;
	}
	return !strncmp(name, "stages_", 7);
}

/* ---- removing ---- */

/* Detach a pinned link now; unpinning alone does it some time later. */
static void link_detach(const char *dir, const char *name)
{
	char path[512];
	AUTO(fd_closep) int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = bpf_obj_get(path);
	if (fd >= 0)
		bpf_link_detach(fd);
}

/* Unpin what `is_it` says; a link is detached. */
static int unpin_each(const char *path, bool (*is_it)(const char *name), struct err *err)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : err_set(err, -errno, "bpffs directory '%s': %m", path);
	if (is_it("tables"))
		unlinkat(dirfd(dir), "tables", 0);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !is_it(entry->d_name))
			continue;
		if (is_link(entry->d_name))
			link_detach(path, entry->d_name);
		if (unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT)
			r = err_set(err, -errno, "'%s/%s': %m", path, entry->d_name);
	}
	closedir(dir);
	return r;
}

static bool is_any(const char *name)
{
	(void)name;
	return true;
}

int set_del(const struct dataplane *dp, const char *path, struct err *err)
{
	bool is_flat = !strcmp(path, dp->dir);
	int r = unpin_each(path, is_flat ? is_flat_pin : is_any, err);

	if (r == 0 && !is_flat && rmdir(path) < 0 && errno != ENOENT)
		r = err_set(err, -errno, "'%s': %m", path);
	return r;
}

/* Call each() with the path of every set, the one without directory last; stops at an error. */
static int sets_each(const char *path, int (*each)(const char *path, void *arg, struct err *err),
		     void *arg, struct err *err)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return err_set(err, -errno, "bpffs directory '%s': %m", path);
	while (!r && (entry = readdir(dir))) {
		char set[512];

		if (!is_set(entry->d_name))
			continue;
		snprintf(set, sizeof(set), "%s/%s", path, entry->d_name);
		r = each(set, arg, err);
	}
	closedir(dir);
	return r ? r : each(path, arg, err);
}

static int del_other(const char *path, void *arg, struct err *err)
{
	const struct dataplane *dp = arg;

	return strcmp(path, dp->set) != 0 ? set_del(dp, path, err) : 0;
}

void sets_del_others(const struct dataplane *dp)
{
	struct err err;

	/* What cannot be removed now is tried again at the next start. */
	sets_each(dp->dir, del_other, (void *)(uintptr_t)dp, &err);
}

int sets_clear(const char *dir, struct err *err)
{
	struct dataplane nothing = { .set = "" };
	int r = unpin_each(dir, is_link, err);

	if (r < 0)
		return r;
	snprintf(nothing.dir, sizeof(nothing.dir), "%s", dir);
	return sets_each(dir, del_other, &nothing, err);
}

/* ---- which is in force ---- */

static int get_pin(const char *set, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", set, name);
	return bpf_obj_get(path);
}

static uint32_t prog_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 ? info.id : 0;
}

/* What links may run of a set; true when one does. */
static bool set_is_run(struct dataplane *dp, const char *set, uint32_t ids[2])
{
	AUTO(fd_closep) int fd = get_pin(set, "program");
	AUTO(fd_closep) int new_fd = get_pin(set, "program_new");
	AUTO(fd_closep) int tables_fd = get_pin(set, "tables");

	ids[0] = prog_id(fd);
	ids[1] = prog_id(new_fd);
	if (ids[1] == 0)
		ids[1] = ids[0];
	return tables_fd >= 0 && ids[0] && uplinks_run_any(dp, ids);
}

/* The first other set that links run, see sets_look(). */
static int look_at(const char *path, void *arg, struct err *err)
{
	struct dataplane *dp = arg;
	uint32_t ids[2];

	(void)err;
	if (dp->is_changing_over || !strcmp(path, dp->set) || !set_is_run(dp, path, ids))
		return 0;
	dp->former_fd = get_pin(path, "program");
	if (dp->former_fd < 0)
		return err_set(err, -errno, "pinned program '%s/program': %m", path);
	memcpy(dp->former_ids, ids, sizeof(ids));
	dp->is_changing_over = true;
	return 0;
}

static int open_set(struct dataplane *dp, struct err *err)
{
	dp->set_fd = open(dp->set, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dp->set_fd < 0 && errno != ENOENT)
		return err_set(err, -errno, "bpffs directory '%s': %m", dp->set);
	return 0;
}

int sets_look(struct dataplane *dp, struct err *err)
{
	uint32_t ids[2];
	int r;

	if (!set_is_run(dp, dp->set, ids)) {
		r = sets_each(dp->dir, look_at, dp, err);
		if (r == 0 && dp->is_changing_over)
			r = set_del(dp, dp->set, err);
		if (r < 0)
			return r;
	}
	return open_set(dp, err);
}

int set_new(struct dataplane *dp, struct err *err)
{
	int r = dp->is_changing_over ? 0 : unpin_each(dp->dir, is_link, err);

	fd_closep(&dp->set_fd);
	if (!r)
		r = set_del(dp, dp->set, err);
	if (r < 0)
		return r;
	if (mkdir(dp->set, 0700) < 0)
		return err_set(err, -errno, "bpffs directory '%s': %m", dp->set);
	return open_set(dp, err);
}

bool sets_may_run(const struct dataplane *dp, uint32_t id)
{
	if (id == dp->prog_id)
		return true;
	return dp->is_changing_over && id && (id == dp->former_ids[0] || id == dp->former_ids[1]);
}

/* ---- the change-over ---- */

bool dataplane_is_changing_over(const struct dataplane *dp)
{
	return dp->is_changing_over;
}

int dataplane_change_over(struct dataplane *dp, struct err *err)
{
	int r = uplinks_update_program(dp, dp->prog_fd, err);

	if (r < 0) {
		uplinks_update_program(dp, dp->former_fd, NULL);
		return r;
	}
	dp->is_changing_over = false;
	fd_closep(&dp->former_fd);
	sets_del_others(dp);
	return 0;
}
