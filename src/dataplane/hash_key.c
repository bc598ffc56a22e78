/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash_key.c - see hash_key.h.
 */
#include "src/dataplane/hash_key.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/auto.h"

#define DIGITS 16

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int hash_key_parse(const char *text, size_t len, struct hash_key *ret)
{
	uint64_t key = 0;

	if (len < DIGITS)
		return -EINVAL;
	for (size_t i = 0; i < DIGITS; i++) {
		if (digit(text[i]) < 0)
			return -EINVAL;
		key = key << 4 | (uint64_t)digit(text[i]);
	}
	for (size_t i = DIGITS; i < len; i++) {
		if (!isspace((unsigned char)text[i]))
			return -EINVAL;
	}
	*ret = (struct hash_key){ .seed = (uint32_t)(key >> 32), .seed_v6 = (uint32_t)key };
	return 0;
}

/* Whether the open file is one that keeps a secret. */
static int check_file(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(err, -errno, "hash-key-file '%s': %m", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "hash-key-file '%s' is no regular file", path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return err_set(
			err, -EACCES,
			"hash-key-file '%s' belongs to user %u, who could change it; give it "
			"to the user shoald runs as, or to root",
			path, st.st_uid);
	if (st.st_mode & 077)
		return err_set(err, -EACCES,
			       "hash-key-file '%s' is open to others (mode %04o); chmod 600 it",
			       path, st.st_mode & 07777);
	return 0;
}

/* check: NULL for who only looks. */
static int read_key(const char *path, int (*check)(int fd, const char *path, struct err *err),
		    struct hash_key *ret, struct err *err)
{
	AUTO(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[64];
	ssize_t len;
	int r;

	if (fd < 0)
		return err_set(err, -errno, "hash-key-file '%s': %m", path);
	r = check ? check(fd, path, err) : 0;
	if (r < 0)
		return r;
	len = read(fd, text, sizeof(text));
	if (len < 0)
		return err_set(err, -errno, "hash-key-file '%s': %m", path);
	r = len < (ssize_t)sizeof(text) ? hash_key_parse(text, (size_t)len, ret) : -EINVAL;
	explicit_bzero(text, sizeof(text));
	if (r < 0)
		return err_set(err, r,
			       "hash-key-file '%s' does not hold 16 hexadecimal digits and nothing "
			       "else (openssl rand -hex 8 makes some)",
			       path);
	return 0;
}

int hash_key_read(const char *path, struct hash_key *ret, struct err *err)
{
	return read_key(path, check_file, ret, err);
}

int hash_key_peek(const char *path, struct hash_key *ret, struct err *err)
{
	return read_key(path, NULL, ret, err);
}
