/* SPDX-License-Identifier: Apache-2.0 */
#include "src/reconcile/boot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "src/base/auto.h"

int boot_id_read(char boot[BOOT_ID_MAX])
{
	AUTO(file_closep) FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!f || !fgets(boot, BOOT_ID_MAX, f))
		return -EIO;
	boot[strcspn(boot, "\n")] = '\0';
	return boot[0] ? 0 : -EIO;
}
