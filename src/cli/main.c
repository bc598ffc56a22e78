/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - `shoal`, the operator's command. */
#include <stdio.h>

#include "src/cli/cli.h"

int main(int argc, char **argv)
{
	return (int)cli_main(argc, argv, stdout, stderr);
}
