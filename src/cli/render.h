/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render.h - JSON results as text. Renderers take whatever comes: a field that is missing or of
 * another type reads as empty, so a newer or older shoald never breaks the screen.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "src/cli/screen.h"
#include "src/cli/units.h"

/* Fields of an object, with a default. Texts are borrowed from it. */
const char *get_text(const json_t *object, const char *key);
bool get_bool(const json_t *object, const char *key);
uint64_t get_count(const json_t *object, const char *key);
/* Seconds and the like: never negative, at most 1e12. */
double get_real(const json_t *object, const char *key);
/* True when the field is there and not null. */
bool get_has(const json_t *object, const char *key);

/* "3m12s" from age_s, "-" when null. */
const char *get_age(const json_t *object, char buf[UNITS_TEXT_MAX]);
#define GET_AGE(object) get_age((object), (char[UNITS_TEXT_MAX]){ 0 })
/* The clock time of since_us, as of age_s. */
const char *get_since(const json_t *object, char buf[UNITS_TEXT_MAX]);
#define GET_SINCE(object) get_since((object), (char[UNITS_TEXT_MAX]){ 0 })

/* How the state of a VIP, or of a real, looks. */
enum style style_of_vip(const json_t *vip);
enum style style_of_real(const char *state);

/* "by alice (uid 1000) since 07:55 (3m12s): "kernel"" */
void render_drain_owner(const struct screen *screen, const json_t *drain);

/* "12,345 new connections, 153 SYN retransmissions (1.2%)" */
void render_syns(const struct screen *screen, const json_t *counted);

/* Who announced or withdrew a VIP by hand, as one line; nothing when nobody did. */
void render_vip_order(const struct screen *screen, const json_t *vip);
void render_vip_table(const struct screen *screen, const json_t *vips);

void render_status(const struct screen *screen, const json_t *result);
void render_why(const struct screen *screen, const json_t *result);
void render_vips(const struct screen *screen, const json_t *result);
void render_pools(const struct screen *screen, const json_t *result);
void render_reals(const struct screen *screen, const json_t *result);
void render_peers(const struct screen *screen, const json_t *result);
void render_routes(const struct screen *screen, const json_t *result);
void render_events(const struct screen *screen, const json_t *result);
void render_flow(const struct screen *screen, const json_t *result);
void render_flows(const struct screen *screen, const json_t *result);
void render_drain(const struct screen *screen, const json_t *result);
void render_undrain(const struct screen *screen, const json_t *result);
/*
 * render_output - what a program wrote, each line behind the indent, in the object's "output"; the
 * last `max` lines alone, where there are more, and how many are left out.
 */
void render_output(const struct screen *screen, const json_t *object, const char *indent,
		   unsigned max);
void render_probe(const struct screen *screen, const json_t *result);
void render_pool(const struct screen *screen, const json_t *result);
void render_real(const struct screen *screen, const json_t *result);
void render_balance(const struct screen *screen, const json_t *result);
void render_ready(const struct screen *screen, const json_t *result);
void render_vip(const struct screen *screen, const json_t *result);
void render_confirm(const struct screen *screen, const json_t *result);
void render_diff(const struct screen *screen, const json_t *result);
void render_reload(const struct screen *screen, const json_t *result);
void render_reload_refusal(const struct screen *screen, const json_t *result);
