/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_file.h - whether the file on disk holds the config that is in force. Asked once a second;
 * the file is read again only when it was written since the last look.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "src/config/config.h"

enum config_file_state {
	CONFIG_FILE_SAME,
	CONFIG_FILE_DIFFERS, /* a good file, of another generation */
	CONFIG_FILE_BAD,     /* a start or reload would refuse it */
	CONFIG_FILE_MISSING, /* or it cannot be read */
	CONFIG_FILE_STATE_MAX,
};

const char *config_file_state_str(enum config_file_state state);

struct config_file {
	const char *path; /* borrowed */
	enum config_file_state state;
	char generation[CONFIG_GENERATION_LEN + 1]; /* of the file; "" when it is bad or missing */
	unsigned errors;                            /* of a bad one */
	struct stat seen;                           /* what was read */
};

/*
 * config_file_look - bring it up to date with the file and the generation in force.
 * Returns true when state or generation changed.
 */
bool config_file_look(struct config_file *file, const char *running);
