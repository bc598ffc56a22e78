/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/confirm.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/auto.h"
#include "src/reconcile/boot.h"

#define FILE_NAME "unconfirmed"
#define FILE_TEMP ".unconfirmed.new"

const char *confirm_state_str(enum confirm_state state)
{
	static const char *const words[CONFIRM_STATE_MAX] = {
		[CONFIRM_NONE] = "none",
		[CONFIRM_PENDING] = "pending",
		[CONFIRM_BACK] = "went-back",
	};

	return words[state];
}

/* ---- the file ---- */

static int open_dir(const struct confirm *confirm, int *ret_fd, struct err *err)
{
	*ret_fd = open(confirm->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*ret_fd < 0)
		return err_set(err, -errno, "state directory '%s': %m", confirm->state_dir);
	return 0;
}

static int write_whole(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int write_synced(int dir_fd, const char *text)
{
	AUTO(fd_closep) int fd = -1;
	int r;

	fd = openat(dir_fd, FILE_TEMP, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	r = fd < 0 ? -errno : write_whole(fd, text);
	if (r == 0 && renameat(dir_fd, FILE_TEMP, dir_fd, FILE_NAME) < 0)
		r = -errno;
	if (r == 0 && fsync(dir_fd) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir_fd, FILE_TEMP, 0);
	return r;
}

static json_t *record_of(const struct confirm *confirm)
{
	char boot[BOOT_ID_MAX] = "";

	if (boot_id_read(boot) < 0)
		boot[0] = '\0';
	return json_pack("{s:i, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s}", "v", 1, "state",
			 confirm_state_str(confirm->state), "former", confirm->former, "tried",
			 confirm->tried, "owner", confirm->owner, "since_wall_us",
			 (json_int_t)confirm->since_wall_us, "until_wall_us",
			 (json_int_t)confirm->until_wall_us, "until_us", (json_int_t)confirm->until,
			 "boot", boot, "config", confirm->text);
}

static int store(const struct confirm *confirm, struct err *err)
{
	json_t *record = record_of(confirm);
	AUTO(freep) char *text = record ? json_dumps(record, JSON_INDENT(1)) : NULL;
	AUTO(fd_closep) int dir_fd = -1;
	int r;

	json_decref(record);
	if (!text)
		return err_set(err, -ENOMEM, "the config to go back to: no memory");
	r = open_dir(confirm, &dir_fd, err);
	if (r < 0)
		return r;
	r = write_synced(dir_fd, text);
	if (r == 0)
		return 0;
	return err_set(err, r, "the config to go back to cannot be kept in '%s/" FILE_NAME "': %s",
		       confirm->state_dir, strerror(-r));
}

static bool take_generation(const json_t *record, const char *key,
			    char ret[CONFIG_GENERATION_LEN + 1])
{
	const char *text = json_string_value(json_object_get(record, key));

	if (!text || strlen(text) != CONFIG_GENERATION_LEN)
		return false;
	strcpy(ret, text);
	return true;
}

static uint64_t take_number(const json_t *record, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(record, key));

	return value > 0 ? (uint64_t)value : 0;
}

static bool is_this_boot(const json_t *record)
{
	const char *was = json_string_value(json_object_get(record, "boot"));
	char boot[BOOT_ID_MAX];

	return was && *was && boot_id_read(boot) == 0 && strcmp(was, boot) == 0;
}

/* In another boot the wall clock says how much is left. */
static usec_t take_end(const json_t *record, const struct confirm *confirm, uint64_t wall_us,
		       usec_t now)
{
	if (is_this_boot(record))
		return take_number(record, "until_us");
	if (wall_us >= confirm->until_wall_us || wall_us < confirm->since_wall_us)
		return now;
	return usec_add(now, confirm->until_wall_us - wall_us);
}

static bool take_record(const json_t *record, uint64_t wall_us, usec_t now, struct confirm *ret)
{
	const char *state = json_string_value(json_object_get(record, "state"));
	const char *owner = json_string_value(json_object_get(record, "owner"));
	const char *text = json_string_value(json_object_get(record, "config"));

	if (!state || !text || !take_generation(record, "former", ret->former) ||
	    !take_generation(record, "tried", ret->tried))
		return false;
	snprintf(ret->owner, sizeof(ret->owner), "%s", owner ? owner : "unknown");
	ret->since_wall_us = take_number(record, "since_wall_us");
	ret->until_wall_us = take_number(record, "until_wall_us");
	ret->until = take_end(record, ret, wall_us, now);
	if (strcmp(state, confirm_state_str(CONFIRM_PENDING)) == 0)
		ret->state = CONFIRM_PENDING;
	else if (strcmp(state, confirm_state_str(CONFIRM_BACK)) == 0)
		ret->state = CONFIRM_BACK;
	else
		return false;
	ret->text = strdup(text);
	return ret->text != NULL;
}

int confirm_load(const char *state_dir, uint64_t wall_us, usec_t now, struct confirm *ret,
		 struct err *err)
{
	AUTO(file_closep) FILE *f = NULL;
	json_error_t error;
	char path[PATH_MAX];
	json_t *record;
	bool is_good;

	*ret = (struct confirm){ .state_dir = state_dir };
	snprintf(path, sizeof(path), "%s/" FILE_NAME, state_dir);
	f = fopen(path, "re");
	if (!f && errno == ENOENT)
		return 0;
	if (!f)
		return err_set(err, -errno, "'%s': %m", path);
	record = json_loadf(f, 0, &error);
	is_good = take_record(record, wall_us, now, ret);
	json_decref(record);
	if (is_good)
		return 0;
	*ret = (struct confirm){ .state_dir = state_dir };
	return err_set(err, -EINVAL, "'%s' is torn: there is no config to go back to", path);
}

void confirm_fini(struct confirm *confirm)
{
	free(confirm->text);
	confirm->text = NULL;
	confirm->state = CONFIRM_NONE;
}

/* ---- from one state to another ---- */

int confirm_check_way_back(const struct config *former, const struct config *next, struct err *err)
{
	for (size_t i = 0; i < next->n_vips; i++)
		if (!config_owns(&former->routing, &next->vips[i].prefix))
			return err_set(
				err, -EBUSY,
				"vip %s (%s) lies outside the vip-ranges that a trial goes back "
				"to, "
				"which could not withdraw it: reload and confirm the wider ranges "
				"first, then the VIP with --confirm",
				next->vips[i].name, PREFIX_STR(&next->vips[i].prefix));
	return 0;
}

/* The config in force is what to go back to, but for one that is itself on trial. */
static int keep_former(struct confirm *confirm, const struct config *running, struct err *err)
{
	if (confirm->state != CONFIRM_NONE)
		return 0;
	strcpy(confirm->former, running->generation);
	if (config_print(running, &confirm->text) < 0)
		return err_set(err, -ENOMEM, "the config to go back to: no memory");
	return 0;
}

int confirm_begin(struct confirm *confirm, const struct confirm_trial *trial, struct err *err)
{
	struct confirm before = *confirm;
	int r = confirm_check_way_back(trial->running, trial->next, err);

	if (r == 0)
		r = keep_former(confirm, trial->running, err);
	if (r < 0)
		return r;
	strcpy(confirm->tried, trial->next->generation);
	snprintf(confirm->owner, sizeof(confirm->owner), "%s", trial->owner);
	confirm->state = CONFIRM_PENDING;
	confirm->since_wall_us = trial->wall_us;
	confirm->until_wall_us = trial->wall_us + trial->for_us;
	confirm->until = usec_add(trial->now, trial->for_us);
	r = store(confirm, err);
	if (r == 0)
		return 0;
	if (before.state == CONFIRM_NONE) { /* half of it may be there */
		struct err ignored;

		confirm_end(confirm, &ignored);
		free(TAKE(confirm->text));
	}
	*confirm = before;
	return r;
}

int confirm_undo(struct confirm *confirm, const struct confirm *before, struct err *err)
{
	if (before->state == CONFIRM_NONE)
		return confirm_end(confirm, err);
	*confirm = *before;
	return store(confirm, err);
}

bool confirm_is_due(const struct confirm *confirm, usec_t now)
{
	return confirm->state == CONFIRM_PENDING && now >= confirm->until;
}

int confirm_went_back(struct confirm *confirm, const char *tried, uint64_t wall_us, struct err *err)
{
	if (confirm->tried != tried)
		snprintf(confirm->tried, sizeof(confirm->tried), "%s", tried);
	confirm->state = CONFIRM_BACK;
	confirm->since_wall_us = wall_us;
	return store(confirm, err);
}

int confirm_end(struct confirm *confirm, struct err *err)
{
	AUTO(fd_closep) int dir_fd = -1;
	int r;

	if (confirm->state == CONFIRM_NONE)
		return 0;
	r = open_dir(confirm, &dir_fd, err);
	if (r < 0)
		return r;
	if ((unlinkat(dir_fd, FILE_NAME, 0) < 0 && errno != ENOENT) || fsync(dir_fd) < 0)
		return err_set(err, -errno, "'%s/" FILE_NAME "': %m", confirm->state_dir);
	confirm_fini(confirm);
	return 0;
}

bool confirm_start_with_former(const struct confirm *confirm, const char *file_generation,
			       usec_t now)
{
	if (confirm->state == CONFIRM_BACK)
		return strcmp(confirm->tried, file_generation) == 0;
	return confirm_is_due(confirm, now);
}
