/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config parser: any bytes are read, or refused with a report, by either measure of what a
 * file must hold; what was read prints as YAML that reads again to the same print.
 */
#include "src/config/config.h"
#include "tests/fuzz/fuzz.h"

#define FILE_BYTES_MAX (16U << 20) /* a print with all defaults can outgrow it */

static void prints_and_parses(const struct config *config, enum config_need need)
{
	struct config_report report = { 0 };
	struct config *again = NULL;
	char *first = NULL, *second = NULL;
	int r;

	if (config_print(config, &first) < 0)
		abort();
	if (strlen(first) <= FILE_BYTES_MAX) {
		r = config_parse("printed", first, strlen(first), need, &again, &report);
		if (r < 0 || strcmp(config->generation, again->generation) != 0)
			abort();
		if (config_print(again, &second) < 0 || strcmp(first, second) != 0)
			abort();
	}
	config_report_fini(&report);
	config_free(again);
	free(first);
	free(second);
}

static void try_one(const char *text, size_t size, enum config_need need)
{
	struct config_report report = { 0 };
	struct config *config = NULL;

	if (config_parse("fuzz", text, size, need, &config, &report) == 0)
		prints_and_parses(config, need);
	else if (!report.text || report.text[0] == '\0' || report.errors == 0)
		abort();
	config_report_fini(&report);
	config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	try_one(text, size, CONFIG_NEED_SERVICES);
	try_one(text, size, CONFIG_NEED_NODE);
	free(text);
	return 0;
}
