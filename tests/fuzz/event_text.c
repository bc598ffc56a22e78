/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of a log line, and the sentence made of them: bounded, and without control bytes. */
#include <string.h>

#include "src/ctl/event_text.h"
#include "src/ctl/pairs.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const events[] = { "vip_state", "real_state", "reload", "operator" };
	char text[EVENT_TEXT_MAX], *pairs = malloc(size + 1);
	const char *key;
	json_t *object, *value;

	if (!pairs)
		return 0;
	memcpy(pairs, data, size);
	pairs[size] = '\0';
	object = pairs_json(pairs);
	json_object_foreach (object, key, value)
		for (const char *p = json_string_value(value); *p; p++)
			if ((unsigned char)*p < ' ' || *p == 0x7f)
				abort();
	json_decref(object);
	for (unsigned i = 0; i < 4; i++)
		if (strlen(event_text(events[i], pairs, text)) >= EVENT_TEXT_MAX)
			abort();
	free(pairs);
	return 0;
}
