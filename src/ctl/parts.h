/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parts.h - long lists on their way through the socket.
 *
 * A part is {"path":["pools",3,"reals"],"at":128,"items":[...]}: the items stand in that list of
 * the result from position `at` on, and whatever stood there and behind it is void. So shoald can
 * begin anew when the config changed under the list. The answer that ends the request has the lists
 * empty, where they belong among its other fields.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* Put a part into what is there of the result, an object at first empty; false: it fits nowhere. */
bool parts_add(json_t *so_far, const json_t *part);

/* Put the lists into the answer's result. */
void parts_join(json_t *result, json_t *so_far);
