/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload.c - the commands reload and confirm: over to the file's config, or keep the running one
 * and say why.
 */
#include <errno.h>
#include <string.h>

#include "health/prober.h"
#include "src/ctl/handlers.h"
#include "src/ctl/view.h"

static json_t *report_json(const struct config_report *report)
{
	json_t *text = json_string(report->text ? report->text : "");

	return json_pack("{s:o, s:i, s:i, s:b}", "report", text ? text : json_string(""), "errors",
			 (int)report->errors, "warnings", (int)report->warnings, "is_syntax",
			 report->is_syntax);
}

/* A time to come that ends within a week: who needs longer did not mean a trial. */
static bool confirm_is_fine(const json_t *args)
{
	const json_t *confirm = json_object_get(args, "confirm_us");
	json_int_t us = json_integer_value(confirm);

	return !confirm ||
	       (us >= (json_int_t)USEC_PER_SEC && us <= (json_int_t)(7 * 24 * 3600 * USEC_PER_SEC));
}

void handle_reload(struct ctl_request *request, const json_t *args, void *context)
{
	struct commands_context *daemon = context;
	char before[CONFIG_GENERATION_LEN + 1], after[CONFIG_GENERATION_LEN + 1];
	struct config_report report = { 0 };
	uint64_t cas = prober_cas(daemon->prober);
	struct commands_reload how = { .owner = ctl_request_owner(request) };
	struct view view = view_now(context);
	struct err err = { 0 };
	json_t *result;
	int r;

	if (!confirm_is_fine(args)) {
		ctl_refuse(request, CTL_USAGE, "\"confirm_us\" must be from 1 s to a week");
		return;
	}
	how.confirm_us = (usec_t)json_integer_value(json_object_get(args, "confirm_us"));
	memcpy(before, core_config(daemon->core)->generation, sizeof(before));
	r = daemon->reload(daemon->daemon, &how, &report, &err);
	memcpy(after, core_config(daemon->core)->generation, sizeof(after));
	result = report_json(&report);
	json_object_set_new(result, "file", json_string(daemon->config_file));
	json_object_set_new(result, "generation", json_string(after));
	json_object_set_new(result, "previous", json_string(before));
	json_object_set_new(result, "is_changed", json_boolean(strcmp(before, after) != 0));
	json_object_set_new(result, "are_cas_changed",
			    json_boolean(prober_cas(daemon->prober) != cas));
	json_object_set_new(result, "trial", view_trial(&view));
	if (r == 0)
		ctl_answer(request, result);
	else if (report.errors > 0)
		ctl_refuse_with(request, CTL_USAGE, result,
				"%u error%s; the running config (generation %s) is unchanged",
				report.errors, report.errors == 1 ? "" : "s", after);
	else if (r == -EBUSY)
		ctl_refuse_with(request, CTL_REFUSED, result, "%s", err.text);
	else
		ctl_refuse_with(request, CTL_FAILED, result,
				"%s; the running config (generation %s) is unchanged", err.text,
				after);
	config_report_fini(&report);
}

void handle_confirm(struct ctl_request *request, const json_t *args, void *context)
{
	struct commands_context *daemon = context;
	struct err err = { 0 };
	int r;

	(void)args;
	r = daemon->confirm(daemon->daemon, ctl_request_owner(request), &err);
	if (r == 0)
		ctl_answer(request, json_pack("{s:s, s:s}", "file", daemon->config_file,
					      "generation", core_config(daemon->core)->generation));
	else
		ctl_refuse(request, r == -ENOENT ? CTL_REFUSED : CTL_FAILED, "%s", err.text);
}
