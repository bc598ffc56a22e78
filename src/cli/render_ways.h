/* SPDX-License-Identifier: Apache-2.0 */
/* render_ways.h - what zebra's FPM connection showed, for `shoal routes` and `shoal status`. */
#pragma once

#include "src/cli/render.h"

/* One line, after a label: connected, gone, differences. */
void render_zebra(const struct screen *screen, const json_t *zebra);
/* Below the routes: the ways towards VIPs and reals. Nothing when the listener is off. */
void render_ways(const struct screen *screen, const json_t *result);
