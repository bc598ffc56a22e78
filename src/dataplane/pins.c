/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pins.c - a BPF file system that went away under the running node.
 *
 * Nothing stops then: maps, programs and links are held by this process, and the pins by the
 * directory it has open, which outlives a lazy unmount. But the next start would find nothing to
 * adopt, and with the end of this process the program would leave the uplinks. So as soon as there
 * is a BPF file system at the path again, every pin of the lost directory is made anew there,
 * `tables` last, which makes the set whole. The pins of the probe path stand in the same directory
 * and go along.
 */
#include "src/dataplane/internal.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/auto.h"

/* Whether the path still leads to the directory that is open. */
static bool stands(const struct dataplane *dp)
{
	struct stat open_st, path_st;

	return fstat(dp->dir_fd, &open_st) == 0 && stat(dp->dir, &path_st) == 0 &&
	       open_st.st_dev == path_st.st_dev && open_st.st_ino == path_st.st_ino;
}

/* One object. What has its name is of a try that did not come to its end. */
static int pin_again(int from_fd, const char *to_dir, const char *name, struct err *err)
{
	char from[320], to[640];
	AUTO(fd_closep) int fd = -1;

	snprintf(from, sizeof(from), "/proc/self/fd/%d/%s", from_fd, name);
	snprintf(to, sizeof(to), "%s/%s", to_dir, name);
	fd = bpf_obj_get(from);
	if (fd < 0)
		return err_set(err, -errno, "lost pin '%s': %m", name);
	unlink(to);
	return bpf_obj_pin(fd, to) < 0 ? err_set(err, -errno, "pin '%s': %m", to) : 0;
}

static int pin_all_again(int from_fd, const char *to_dir, struct err *err);

/* Sets of maps stand in a directory each. */
static int pin_directory_again(int from_fd, const char *to_dir, const char *name, struct err *err)
{
	AUTO(fd_closep)
	int fd = openat(from_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char to[448];

	if (fd < 0)
		return err_set(err, -errno, "lost bpffs directory '%s': %m", name);
	if (snprintf(to, sizeof(to), "%s/%s", to_dir, name) >= (int)sizeof(to))
		return err_set(err, -ENAMETOOLONG, "bpffs directory '%s': path too long", name);
	if (mkdir(to, 0700) < 0 && errno != EEXIST)
		return err_set(err, -errno, "bpffs directory '%s': %m", to);
	return pin_all_again(fd, to, err);
}

static int pin_entry_again(int from_fd, const char *to_dir, const struct dirent *entry,
			   struct err *err)
{
	/* No pin has a dot in its name: what has one is the file system's own. */
	if (strchr(entry->d_name, '.') || strcmp(entry->d_name, "tables") == 0)
		return 0;
	return entry->d_type == DT_DIR ? pin_directory_again(from_fd, to_dir, entry->d_name, err)
				       : pin_again(from_fd, to_dir, entry->d_name, err);
}

static int pin_all_again(int from_fd, const char *to_dir, struct err *err)
{
	int fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int r = 0;

	if (!dir) {
		fd_closep(&fd);
		return err_set(err, -errno, "lost bpffs directory for '%s': %m", to_dir);
	}
	while (r == 0 && (entry = readdir(dir)))
		r = pin_entry_again(from_fd, to_dir, entry, err);
	closedir(dir);
	if (r == 0 && faccessat(from_fd, "tables", F_OK, 0) == 0)
		r = pin_again(from_fd, to_dir, "tables", err);
	return r;
}

int dataplane_keep_pins(struct dataplane *dp, struct err *err)
{
	AUTO(fd_closep) int fd = -1;
	int r;

	if (stands(dp))
		return 0;
	r = dataplane_dir_open(dp->dir, &fd, err);
	if (r == 0)
		r = pin_all_again(dp->dir_fd, dp->dir, err);
	if (r < 0)
		return r;
	close(dp->dir_fd);
	dp->dir_fd = fd_take(&fd);
	return 1;
}
