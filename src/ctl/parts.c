/* SPDX-License-Identifier: Apache-2.0 */
#include "src/ctl/parts.h"

/* The list at the end of the path; its last step makes it when it is not there. NULL: no way. */
static json_t *list_at(json_t *so_far, const json_t *path)
{
	json_t *at = so_far;
	const json_t *step;
	size_t i;

	json_array_foreach (path, i, step) {
		json_t *next = json_is_string(step)
				       ? json_object_get(at, json_string_value(step))
				       : json_array_get(at, (size_t)json_integer_value(step));

		if (!next && json_is_string(step) && i + 1 == json_array_size(path)) {
			next = json_array();
			if (json_object_set_new(at, json_string_value(step), next) < 0)
				return NULL;
		}
		at = next;
	}
	return json_is_array(at) ? at : NULL;
}

bool parts_add(json_t *so_far, const json_t *part)
{
	json_t *list = list_at(so_far, json_object_get(part, "path"));
	json_t *items = json_object_get(part, "items");
	json_int_t at = json_integer_value(json_object_get(part, "at"));

	if (!list || !json_is_array(items) || at < 0 || (size_t)at > json_array_size(list))
		return false;
	while (json_array_size(list) > (size_t)at)
		json_array_remove(list, json_array_size(list) - 1);
	return json_array_extend(list, items) == 0;
}

void parts_join(json_t *result, json_t *so_far)
{
	const char *key;
	json_t *list;

	json_object_foreach (so_far, key, list)
		json_object_set(result, key, list);
}
