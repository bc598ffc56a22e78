/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_messages.c - config-messages FILE...: what config_load() says about each file, and the
 * canonical print of the good ones. Files named services-* need no node.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/config/config.h"

static void print_one(const char *file)
{
	enum config_need need = CONFIG_NEED_NODE;
	struct config *config = NULL;
	struct config_report report;
	char *print = NULL;

	if (strncmp(file, "services-", 9) == 0)
		need = CONFIG_NEED_SERVICES;
	printf("== %s\n", file);
	if (config_load(file, need, &config, &report) == 0 && config_print(config, &print) == 0)
		printf("%s", print);
	printf("%s%u errors, %u warnings%s\n", report.text ? report.text : "", report.errors,
	       report.warnings, report.is_syntax ? ", syntax" : "");
	config_report_fini(&report);
	config_free(config);
	free(print);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		print_one(argv[i]);
	return 0;
}
