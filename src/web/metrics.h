/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.h - /metrics: what shoald wrote, then shoal-web's own. */
#pragma once

struct evhttp_request;
struct server;

/* Of the table of routes. Without shoald 200 all the same, with shoal_controller_up 0. */
void metrics_serve(struct server *server, struct evhttp_request *request, const char *name);
