/* SPDX-License-Identifier: Apache-2.0 */
/* view_fpm.h - zebra's side of `shoal routes` and `shoal status`, as JSON. */
#pragma once

#include "src/ctl/view.h"

/* The life of zebra's FPM connection, and how many ways differ from the kernel's. */
json_t *view_zebra(const struct view *view);
/* Whether zebra has told anything to be shown. */
bool view_has_ways(const struct view *view);
/* What zebra installed towards an address, and what the kernel has. */
json_t *view_way(const struct view *view, const struct addr *addr);
/* The same, with the names of a real. */
json_t *view_real_way(const struct view *view, uint32_t pool, size_t i);
