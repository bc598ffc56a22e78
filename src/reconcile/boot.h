/* SPDX-License-Identifier: Apache-2.0 */
/* boot.h - which boot of the machine this is: stamps of the boot clock mean nothing in another. */
#pragma once

#define BOOT_ID_MAX 40

/* 0, or -EIO where the kernel does not tell. */
int boot_id_read(char boot[BOOT_ID_MAX]);
