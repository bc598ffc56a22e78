/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vty_talk.h - a conversation with one FRR daemon for commands that run once and may wait: one
 * question, one answer, in order. shoald and the guard have vty.h, which never waits.
 */
#pragma once

#include <stddef.h>

#include "frr-integration/vty.h"
#include "src/base/err.h"

struct vty_talk {
	int fd; /* -1: closed */
	struct vty_frame frame;
	char path[VTY_PATH_MAX + 1];
};

/*
 * vty_talk_open - connect and enter the privileged node.
 * Returns 0, or a negative errno with the sentence: -ENOENT and -ECONNREFUSED when the daemon does
 * not run, -EACCES without permission, -ETIMEDOUT when it hangs.
 */
int vty_talk_open(const char *path, struct vty_talk *ret, struct err *err);
void vty_talk_close(struct vty_talk *talk);

/*
 * vty_talk_ask - one command. *ret_text is malloc'ed text for the caller to free, "" at least.
 * Returns the status byte (enum vty_status), or a negative errno after which the talk is over.
 */
int vty_talk_ask(struct vty_talk *talk, const char *command, char **ret_text, struct err *err);
