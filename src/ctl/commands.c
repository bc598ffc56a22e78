/* SPDX-License-Identifier: Apache-2.0 */
/* commands.c - the table, and the handlers that only look. */
#include "src/ctl/commands.h"

#include <errno.h>
#include <string.h>

#include "src/base/auto.h"
#include "src/ctl/command_list.h"
#include "src/ctl/handlers.h"
#include "src/ctl/list.h"
#include "src/ctl/view.h"

/* A thing named a thousand times would be answered a thousand times, from the loop. */
static int check_names(const json_t *names, struct err *err)
{
	AUTO(json_decrefp) json_t *seen = json_object();
	const json_t *name;
	size_t i;

	if (!json_is_array(names))
		return err_set(err, -EINVAL, "\"names\" must be an array of strings");
	json_array_foreach (names, i, name) {
		if (!json_is_string(name))
			return err_set(err, -EINVAL, "\"names\" must be an array of strings");
		if (json_object_get(seen, json_string_value(name)))
			return err_set(err, -EINVAL, "'%.64s' is named twice",
				       json_string_value(name));
		json_object_set_new(seen, json_string_value(name), json_true());
	}
	return 0;
}

/* The strings of args.names, each once; NULL with the sentence when it is anything else. */
const json_t *handler_names(const json_t *args, struct err *err)
{
	static json_t *none;
	const json_t *names = json_object_get(args, "names");

	if (names)
		return check_names(names, err) < 0 ? NULL : names;
	if (!none)
		none = json_array();
	return none;
}

bool handler_reason_is_fine(const json_t *args)
{
	const json_t *reason = json_object_get(args, "reason");

	return !reason || (json_is_string(reason) && json_string_length(reason) < CORE_REASON_MAX &&
			   !strchr(json_string_value(reason), '\n'));
}

bool handler_time_is_fine(const json_t *args)
{
	const json_t *for_us = json_object_get(args, "for_us");

	return !for_us || (json_is_integer(for_us) && json_integer_value(for_us) > 0 &&
			   json_integer_value(for_us) < INT64_MAX / 2);
}

static void answer_list(struct ctl_request *request, const json_t *args, void *context,
			const struct list_kind *kind)
{
	struct err err;
	const json_t *names = handler_names(args, &err);

	if (names)
		list_answer(request, context, kind, names);
	else
		ctl_refuse(request, CTL_USAGE, "%s", err.text);
}

static void handle_status(struct ctl_request *request, const json_t *args, void *context)
{
	bool is_brief = json_is_true(json_object_get(args, "brief"));

	list_answer(request, context, is_brief ? &list_status_brief : &list_status, NULL);
}

static void handle_diff(struct ctl_request *request, const json_t *args, void *context)
{
	(void)args;
	list_answer(request, context, &list_diff, NULL);
}

static void handle_version(struct ctl_request *request, const json_t *args, void *context)
{
	struct view view = view_now(context);

	(void)args;
	ctl_answer(request, view_version(&view));
}

static void handle_why(struct ctl_request *request, const json_t *args, void *context)
{
	const char *thing = json_string_value(json_object_get(args, "thing"));
	struct view view = view_now(context);
	json_t *result;
	struct err err = { "it cannot be told in UTF-8" };

	if (!thing) {
		ctl_refuse(request, CTL_USAGE, "\"thing\" must be a string");
		return;
	}
	result = view_why(&view, thing, &err);
	if (result)
		ctl_answer(request, result);
	else
		ctl_refuse(request, CTL_USAGE, "%s", err.text);
}

static void handle_vips(struct ctl_request *request, const json_t *args, void *context)
{
	answer_list(request, args, context, &list_vips);
}

static void handle_pools(struct ctl_request *request, const json_t *args, void *context)
{
	answer_list(request, args, context, &list_pools);
}

static void handle_reals(struct ctl_request *request, const json_t *args, void *context)
{
	bool is_brief = json_is_true(json_object_get(args, "brief"));

	answer_list(request, args, context, is_brief ? &list_reals_brief : &list_reals);
}

static void handle_balance(struct ctl_request *request, const json_t *args, void *context)
{
	answer_list(request, args, context, &list_balance);
}

static void handle_peers(struct ctl_request *request, const json_t *args, void *context)
{
	answer_list(request, args, context, &list_peers);
}

static void handle_routes(struct ctl_request *request, const json_t *args, void *context)
{
	answer_list(request, args, context, &list_routes);
}

static void handle_flow(struct ctl_request *request, const json_t *args, void *context)
{
	struct view view = view_now(context);
	struct err err = { "it cannot be told in UTF-8" };
	json_t *result = view_flow(&view, args, &err);

	if (result)
		ctl_answer(request, result);
	else
		ctl_refuse(request, CTL_USAGE, "%s", err.text);
}

const struct ctl_command commands_table[] = {
#define X(word, is_admin, args_help, help) { #word, is_admin, args_help, help, handle_##word },
	COMMANDS_SERVED(X)
#undef X
		{ .name = NULL },
};
