/* SPDX-License-Identifier: Apache-2.0 */
/* handlers.h - the handlers that change something, for the table in commands.c. */
#pragma once

#include "src/ctl/commands.h"

void handle_drain(struct ctl_request *request, const json_t *args, void *context);
void handle_undrain(struct ctl_request *request, const json_t *args, void *context);
void handle_capture(struct ctl_request *request, const json_t *args, void *context);
void handle_events(struct ctl_request *request, const json_t *args, void *context);
void handle_flows(struct ctl_request *request, const json_t *args, void *context);
void handle_real(struct ctl_request *request, const json_t *args, void *context);
void handle_pool(struct ctl_request *request, const json_t *args, void *context);
void handle_metrics(struct ctl_request *request, const json_t *args, void *context);
void handle_probe(struct ctl_request *request, const json_t *args, void *context);
void handle_vip(struct ctl_request *request, const json_t *args, void *context);
void handle_reload(struct ctl_request *request, const json_t *args, void *context);
void handle_confirm(struct ctl_request *request, const json_t *args, void *context);

/* The array args.names, or an empty one; NULL with the sentence when it is no array of strings. */
const json_t *handler_names(const json_t *args, struct err *err);

/* The reason goes into a file and onto screens: what is too long is refused, not cut. */
bool handler_reason_is_fine(const json_t *args);
/* "for_us" is a time to come, or not there: one further away than the wall clock's integers is no
 * end that anybody will see. */
bool handler_time_is_fine(const json_t *args);
