/* SPDX-License-Identifier: Apache-2.0 */
/* spec.c - what a target asks for, kept for as long as the target lives. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "health/check.h"

/* All texts in one allocation, each with a NUL behind it. */
static int fill_texts(struct check_spec *spec, const struct message_target *m)
{
	size_t room = m->n_texts * sizeof(struct check_text);
	char *end;

	if (m->n_texts == 0)
		return 0;
	for (uint32_t i = 0; i < m->n_texts; i++)
		room += m->texts[i].len + 1;
	spec->texts = calloc(1, room);
	if (!spec->texts)
		return -ENOMEM;
	end = (char *)(spec->texts + m->n_texts);
	for (uint32_t i = 0; i < m->n_texts; i++) {
		const struct message_text *text = &m->texts[i];

		spec->texts[i] = (struct check_text){ text->key, text->len, end };
		memcpy(end, text->bytes, text->len);
		end += text->len + 1;
	}
	spec->n_texts = m->n_texts;
	return 0;
}

static int fill_request(struct check_spec *spec, const struct message_target *m)
{
	spec->path = strdup(m->path);
	spec->host = strdup(m->host);
	spec->ranges = calloc(m->n_ranges + 1, sizeof(*spec->ranges));
	if (!spec->path || !spec->host || !spec->ranges)
		return -ENOMEM;
	memcpy(spec->ranges, m->ranges, m->n_ranges * sizeof(*spec->ranges));
	spec->n_ranges = m->n_ranges;
	return fill_texts(spec, m);
}

int check_spec_fill(struct check_spec *spec, const struct message_target *m)
{
	*spec = (struct check_spec){
		.type = m->type,
		.dial = { .addr = m->addr,
			  .port = m->port,
			  .mark = m->mark,
			  .has_source = m->has_source,
			  .source = m->source },
		.timeout_us = m->timeout_us,
		.method = m->method,
		.http_version = m->http_version,
		.transport = m->transport,
		.record = m->record,
		.rcode = m->rcode,
		.tls = m->tls,
		.verify = m->verify,
		.expiry_warning_us = m->expiry_warning_us,
		.ca_id = m->ca,
	};
	return fill_request(spec, m);
}

void check_spec_free(struct check_spec *spec)
{
	free(spec->path);
	free(spec->host);
	free(spec->ranges);
	free(spec->texts);
}

static const struct check_text *text_from(const struct check_spec *spec, uint32_t first,
					  enum message_text_key key)
{
	for (uint32_t i = first; i < spec->n_texts; i++)
		if (spec->texts[i].key == key)
			return &spec->texts[i];
	return NULL;
}

const struct check_text *check_text(const struct check_spec *spec, enum message_text_key key)
{
	return text_from(spec, 0, key);
}

const struct check_text *check_text_next(const struct check_spec *spec,
					 const struct check_text *text)
{
	return text_from(spec, (uint32_t)(text - spec->texts) + 1, text->key);
}
