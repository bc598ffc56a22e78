/* SPDX-License-Identifier: Apache-2.0 */
#include "src/ctl/listen.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/auto.h"

#define LISTEN_BACKLOG 64

static int fill_address(const char *path, struct sockaddr_un *ret, struct err *err)
{
	assert(path);
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(ret->sun_path))
		return err_set(err, -ENAMETOOLONG, "socket '%s': path too long", path);
	memcpy(ret->sun_path, path, strlen(path) + 1);
	return 0;
}

/* 0: nobody is there and the name is free now. */
static int clear_stale(const char *path, const struct sockaddr_un *address, struct err *err)
{
	AUTO(fd_closep) int fd = -1;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_set(err, -errno, "socket '%s': %m", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, -ENOTSOCK, "socket '%s': the name is taken by another file",
			       path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, -errno, "socket '%s': %m", path);
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return err_set(err, -EADDRINUSE, "socket '%s': another shoald answers there", path);
	if (errno != ECONNREFUSED && errno != ENOENT)
		return err_set(err, -errno, "socket '%s': %m", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_set(err, -errno, "socket '%s': cannot replace it: %m", path);
	return 0;
}

static int set_access(const char *path, const char *group, struct err *err)
{
	const struct group *entry;

	if (chmod(path, 0660) < 0)
		return err_set(err, -errno, "socket '%s': %m", path);
	if (!group)
		return 0;
	entry = getgrnam(group);
	if (!entry)
		return err_set(err, -ENOENT,
			       "socket '%s': group '%s' does not exist; create it with "
			       "'groupadd --system %s'",
			       path, group, group);
	if (lchown(path, (uid_t)-1, entry->gr_gid) < 0)
		return err_set(err, -errno, "socket '%s': cannot give it to group '%s': %m", path,
			       group);
	return 0;
}

int listen_unix(const char *path, const char *group, int *ret_fd, struct listen_file *ret_file,
		struct err *err)
{
	AUTO(fd_closep) int fd = -1;
	struct sockaddr_un address;
	struct stat st;
	int r;

	r = fill_address(path, &address, err);
	if (r < 0)
		return r;
	r = clear_stale(path, &address, err);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(err, -errno, "socket '%s': %m", path);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(err, -errno, "socket '%s': %m", path);

	/* Until listen() every connect is refused, so nobody sees the file with another mode. */
	r = set_access(path, group, err);
	if (r == 0 && (listen(fd, LISTEN_BACKLOG) < 0 || lstat(path, &st) < 0))
		r = err_set(err, -errno, "socket '%s': %m", path);
	if (r < 0) {
		unlink(path);
		return r;
	}
	*ret_fd = fd_take(&fd);
	*ret_file = (struct listen_file){ .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

void listen_remove(const char *path, const struct listen_file *file)
{
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_dev == file->dev && st.st_ino == file->ino)
		unlink(path);
}
