/* SPDX-License-Identifier: Apache-2.0 */
/* tar.c - as POSIX.1-2017, pax, "ustar Interchange Format". */
#include "src/cli/tar.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "src/base/usec.h"

#define BLOCK 512

struct tar {
	gzFile gz;
	char prefix[64];
	uint64_t wall_s;
	bool has_failed;
};

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type;
	char link[100], magic[6], version[2], user[32], group[32], major[8], minor[8];
	char prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

struct tar *tar_new(int fd, const char *prefix, uint64_t wall_us)
{
	struct tar *tar = calloc(1, sizeof(*tar));

	if (!tar)
		return NULL;
	tar->gz = gzdopen(fd, "wb");
	if (!tar->gz) {
		free(tar);
		return NULL;
	}
	snprintf(tar->prefix, sizeof(tar->prefix), "%s", prefix);
	tar->wall_s = wall_us / USEC_PER_SEC;
	return tar;
}

static void put(struct tar *tar, const void *bytes, size_t len)
{
	while (len > 0 && !tar->has_failed) {
		unsigned n = len > 1U << 20 ? 1U << 20 : (unsigned)len;

		tar->has_failed = gzwrite(tar->gz, bytes, n) != (int)n;
		bytes = (const char *)bytes + n;
		len -= n;
	}
}

/* The sum of all bytes, those of the sum itself as spaces. */
static void set_checksum(struct header *header)
{
	const unsigned char *bytes = (const unsigned char *)header;
	unsigned sum = 0;

	memset(header->checksum, ' ', sizeof(header->checksum));
	for (size_t i = 0; i < sizeof(*header); i++)
		sum += bytes[i];
	snprintf(header->checksum, sizeof(header->checksum), "%06o", sum & 0777777);
}

void tar_add(struct tar *tar, const char *name, const void *bytes, size_t len)
{
	static const char zeros[BLOCK];
	struct header header = { .mode = "0000600",
				 .uid = "0000000",
				 .gid = "0000000",
				 .type = '0',
				 .magic = "ustar",
				 .version = { '0', '0' },
				 .user = "root",
				 .group = "root" };

	snprintf(header.name, sizeof(header.name), "%.38s/%.60s", tar->prefix, name);
	snprintf(header.size, sizeof(header.size), "%011llo",
		 (unsigned long long)len & 077777777777ULL);
	snprintf(header.mtime, sizeof(header.mtime), "%011llo",
		 (unsigned long long)tar->wall_s & 077777777777ULL);
	set_checksum(&header);
	put(tar, &header, sizeof(header));
	put(tar, bytes, len);
	put(tar, zeros, (BLOCK - len % BLOCK) % BLOCK);
}

int tar_finish(struct tar *tar, struct err *err)
{
	static const char zeros[2 * BLOCK];
	bool has_failed;
	int error;

	put(tar, zeros, sizeof(zeros));
	errno = 0;
	has_failed = tar->has_failed;
	has_failed |= gzclose(tar->gz) != Z_OK;
	error = errno ? errno : EIO;
	free(tar);
	return has_failed ? err_set(err, -error, "%m") : 0;
}
