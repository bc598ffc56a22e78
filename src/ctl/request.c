/* SPDX-License-Identifier: Apache-2.0 */
#include "src/ctl/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/base/suggest.h"

static int check_version(const json_t *document, struct err *err)
{
	const json_t *version = json_object_get(document, "v");

	if (!json_is_integer(version))
		return err_set(err, -EINVAL, "request: \"v\" must be %d, the protocol version",
			       CTL_VERSION);
	if (json_integer_value(version) != CTL_VERSION)
		return err_set(err, -EINVAL,
			       "request: protocol version %lld is not spoken here; "
			       "shoald %s speaks version %d",
			       (long long)json_integer_value(version), SHOAL_VERSION, CTL_VERSION);
	return 0;
}

static int take_document(json_t *document, struct request_line *line, struct err *err)
{
	int r;

	if (!json_is_object(document))
		return err_set(err, -EINVAL, "request: not a JSON object");
	r = check_version(document, err);
	if (r < 0)
		return r;
	line->command = json_string_value(json_object_get(document, "command"));
	if (!line->command)
		return err_set(err, -EINVAL, "request: \"command\" must be a string");
	line->args = json_object_get(document, "args");
	if (!line->args)
		line->args = line->no_args = json_object();
	if (!json_is_object(line->args))
		return err_set(err, -EINVAL, "request: \"args\" must be an object");
	return 0;
}

int request_parse(const char *text, size_t len, struct request_line *ret, struct err *err)
{
	struct request_line line = { 0 };
	json_error_t error;
	int r;

	line.document = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	if (!line.document)
		return err_set(err, -EINVAL, "request: not JSON at byte %d", error.position);
	r = take_document(line.document, &line, err);
	if (r < 0) {
		request_line_fini(&line);
		return r;
	}
	*ret = line;
	return 0;
}

void request_line_fini(struct request_line *line)
{
	json_decref(line->no_args);
	json_decref(line->document);
	memset(line, 0, sizeof(*line));
}

static const char *command_name(size_t i, const void *arg)
{
	const struct ctl_command *commands = arg;

	return commands[i].name;
}

const struct ctl_command *request_find(const struct ctl_command *commands, const char *name,
				       struct err *err)
{
	const char *meant;

	for (const struct ctl_command *command = commands; command->name; command++)
		if (strcmp(command->name, name) == 0)
			return command;
	meant = suggest_find(name, command_name, commands);
	if (meant)
		err_set(err, -ENOENT, "unknown command '%.64s', did you mean '%s'?", name, meant);
	else
		err_set(err, -ENOENT, "unknown command '%.64s'", name);
	return NULL;
}

json_t *request_answer(json_t *result)
{
	return json_pack("{s:i, s:b, s:o}", "v", CTL_VERSION, "ok", 1, "result", result);
}

json_t *request_refusal(enum ctl_exit status, const char *sentence, json_t *result)
{
	json_t *text = json_string(sentence);

	/* A sentence that quotes something which is not UTF-8 loses the sentence, not the status.
	 */
	if (!text)
		text = json_string("refused, and the reason is not UTF-8");
	return json_pack("{s:i, s:b, s:i, s:o, s:o*}", "v", CTL_VERSION, "ok", 0, "exit",
			 (int)status, "error", text, "result", result);
}

json_t *request_progress(const char *line)
{
	return json_pack("{s:i, s:s}", "v", CTL_VERSION, "progress", line);
}

json_t *request_part(json_t *part)
{
	return json_pack("{s:i, s:o}", "v", CTL_VERSION, "part", part);
}
