/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request lines of the control sockets: refused with a sentence, or a command with arguments.
 */
#include "src/ctl/request.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request_line line = { 0 };
	struct err err = { "" };
	char *text = fuzz_text(data, size);

	if (request_parse(text, size, &line, &err) == 0) {
		if (!line.command || !json_is_object(line.args))
			abort();
		request_line_fini(&line);
	} else if (err.text[0] == '\0') {
		abort();
	}
	free(text);
	return 0;
}
