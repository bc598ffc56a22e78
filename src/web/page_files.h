/* SPDX-License-Identifier: Apache-2.0 */
/* page_files.h - the files of src/web/page, put into the program when it is built. */
#pragma once

#include <stddef.h>

struct page_file {
	const char *name; /* "index.html" is the page */
	const char *type; /* of its content, by its ending */
	const unsigned char *bytes;
	size_t len;
};

extern const struct page_file page_files[];
extern const size_t page_files_n;
