/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference_main.c - config-reference --markdown|--roff: writes the reference page to standard
 * output. A tool of the build, not installed.
 */
#include <stdio.h>
#include <string.h>

#include "src/config/config.h"

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--markdown") == 0) {
		config_write_reference(stdout, CONFIG_REFERENCE_MARKDOWN);
	} else if (argc == 2 && strcmp(argv[1], "--roff") == 0) {
		config_write_reference(stdout, CONFIG_REFERENCE_ROFF);
	} else {
		fprintf(stderr, "usage: config-reference --markdown | --roff\n");
		return 2;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
