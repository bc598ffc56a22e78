/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/config_file.h"

#include <errno.h>
#include <string.h>

const char *config_file_state_str(enum config_file_state state)
{
	static const char *const words[CONFIG_FILE_STATE_MAX] = {
		[CONFIG_FILE_SAME] = "same",
		[CONFIG_FILE_DIFFERS] = "differs",
		[CONFIG_FILE_BAD] = "bad",
		[CONFIG_FILE_MISSING] = "missing",
	};

	return words[state];
}

static bool is_as_seen(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static void read_anew(struct config_file *file)
{
	struct config_report report = { 0 };
	struct config *config = NULL;
	int r = config_load(file->path, CONFIG_NEED_NODE, &config, &report);

	file->generation[0] = '\0';
	file->errors = report.errors;
	if (r == 0)
		strcpy(file->generation, config->generation);
	file->state = r == 0 || r == -EINVAL ? CONFIG_FILE_BAD : CONFIG_FILE_MISSING;
	config_free(config);
	config_report_fini(&report);
}

bool config_file_look(struct config_file *file, const char *running)
{
	struct config_file before = *file;
	struct stat now;

	if (stat(file->path, &now) < 0) {
		memset(&file->seen, 0, sizeof(file->seen));
		file->generation[0] = '\0';
		file->state = CONFIG_FILE_MISSING;
	} else if (!is_as_seen(&now, &file->seen)) {
		file->seen = now;
		read_anew(file);
	}
	if (file->generation[0])
		file->state = strcmp(file->generation, running) == 0 ? CONFIG_FILE_SAME
								     : CONFIG_FILE_DIFFERS;
	return file->state != before.state || strcmp(file->generation, before.generation) != 0;
}
