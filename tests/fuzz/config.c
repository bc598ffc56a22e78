/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The config parser: any bytes are read, or refused with a report; what was read prints as YAML
 * that reads again to the same print.
 */
#include "src/config/config.h"
#include "tests/fuzz/fuzz.h"

static void prints_and_parses(const struct config *config)
{
	struct config_report report = { 0 };
	struct config *again = NULL;
	char *first = NULL, *second = NULL;

	if (config_print(config, &first) < 0)
		abort();
	if (config_parse("printed", first, strlen(first), CONFIG_NEED_SERVICES, &again, &report) <
	    0)
		abort();
	if (config_print(again, &second) < 0 || strcmp(first, second) != 0)
		abort();
	config_report_fini(&report);
	config_free(again);
	free(first);
	free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_report report = { 0 };
	struct config *config = NULL;
	char *text = fuzz_text(data, size);

	if (config_parse("fuzz", text, size, CONFIG_NEED_SERVICES, &config, &report) == 0)
		prints_and_parses(config);
	else if (!report.text || report.text[0] == '\0')
		abort();
	config_report_fini(&report);
	config_free(config);
	free(text);
	return 0;
}
