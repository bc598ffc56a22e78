/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hash_key.h - the secret of a fleet's packet hash: the two seeds of lookup3, from a file.
 *
 * With the public seeds anyone can work out flows that all fall on one real. The key takes their
 * place; nodes that share a VIP need the same.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "src/base/err.h"

struct hash_key {
	uint32_t seed, seed_v6;
};

/*
 * hash_key_parse - 16 hexadecimal digits, then white space at most.
 * Returns 0 or -EINVAL.
 */
int hash_key_parse(const char *text, size_t len, struct hash_key *ret);

/*
 * hash_key_read - the key in a file that nobody but its owner, us or root, may look into.
 * No sentence shows what is in the file. Returns 0 or a negative errno.
 */
int hash_key_read(const char *path, struct hash_key *ret, struct err *err);
/* The same for who only looks, as root does: whoever the file belongs to. */
int hash_key_peek(const char *path, struct hash_key *ret, struct err *err);
