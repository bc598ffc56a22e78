/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message.c - the codec: each message is listed once, field by field with its range, and the same
 * list encodes and decodes, so that the two cannot drift apart.
 */
#include "health/message.h"

#include <errno.h>
#include <string.h>

#define HEADER_LEN 4 /* kind, version, length */

/* One pass over a message: writes into out, or reads from in. */
struct codec {
	const uint8_t *in; /* NULL: encoding */
	uint8_t *out;
	size_t pos, len; /* len: of the packet (in) or of the room (out) */
	bool failed;
};

static bool codec_takes(struct codec *c, size_t n)
{
	if (c->failed || c->len - c->pos < n)
		c->failed = true;
	return !c->failed;
}

/* Little-endian, width bytes; a value outside min..max fails either way. */
static uint64_t code_int(struct codec *c, uint64_t value, unsigned width, uint64_t min,
			 uint64_t max)
{
	if (!codec_takes(c, width))
		return min;
	if (c->in) {
		value = 0;
		for (unsigned i = 0; i < width; i++)
			value |= (uint64_t)c->in[c->pos + i] << (8 * i);
	} else {
		for (unsigned i = 0; i < width; i++)
			c->out[c->pos + i] = (uint8_t)(value >> (8 * i));
	}
	c->pos += width;
	if (value < min || value > max) {
		c->failed = true;
		return min;
	}
	return value;
}

/* Code an integer or enum lvalue; the range must fit its type. */
#define CODE(c, field, width, min, max)                                                            \
	((field) = (__typeof__(field))code_int((c), (uint64_t)(field), (width), (min), (max)))

static void code_bytes(struct codec *c, void *bytes, size_t n)
{
	if (!codec_takes(c, n))
		return;
	if (c->in)
		memcpy(bytes, c->in + c->pos, n);
	else
		memcpy(c->out + c->pos, bytes, n);
	c->pos += n;
}

static bool text_is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return true;
}

/* Printable ASCII in an array of `size` bytes, NUL included there but not on the wire. */
static void code_text(struct codec *c, char *text, size_t size)
{
	size_t len = c->in ? 0 : strnlen(text, size);

	len = (size_t)code_int(c, len, 2, 0, size - 1);
	code_bytes(c, text, len);
	if (c->in)
		text[c->failed ? 0 : len] = '\0';
	if (!c->failed && !text_is_printable(text, len))
		c->failed = true;
}

static void code_hello(struct codec *c, struct message *m)
{
	code_text(c, m->hello.program, sizeof(m->hello.program));
}

static void code_ca(struct codec *c, struct message *m)
{
	struct message_ca *ca = &m->ca;

	CODE(c, ca->id, 8, 1, UINT64_MAX);
	CODE(c, ca->total_bytes, 4, 1, MESSAGE_CA_MAX);
	CODE(c, ca->offset, 4, 0, MESSAGE_CA_MAX);
	CODE(c, ca->len, 4, 1, MESSAGE_CA_CHUNK_MAX);
	if (!codec_takes(c, ca->len))
		return;
	if (ca->offset > ca->total_bytes || ca->len > ca->total_bytes - ca->offset)
		c->failed = true;
	if (c->in)
		ca->bytes = c->in + c->pos;
	else
		memcpy(c->out + c->pos, ca->bytes, ca->len);
	c->pos += ca->len;
}

/* HTTP status, or exit codes. */
static void code_ranges(struct codec *c, struct message_target *t)
{
	uint64_t min = t->type == CONFIG_CHECK_EXEC ? 0 : 100;
	uint64_t max = t->type == CONFIG_CHECK_EXEC ? 255 : 999;

	CODE(c, t->n_ranges, 2, 0, MESSAGE_RANGES_MAX);
	for (uint32_t i = 0; i < t->n_ranges && !c->failed; i++) {
		CODE(c, t->ranges[i].first, 2, min, max);
		CODE(c, t->ranges[i].last, 2, t->ranges[i].first, max);
	}
}

static void code_one_text(struct codec *c, struct message_text *text)
{
	CODE(c, text->key, 1, MESSAGE_TEXT_SNI, MESSAGE_TEXT_KEY_MAX - 1);
	CODE(c, text->len, 2, 0, MESSAGE_TEXT_MAX);
	if (!codec_takes(c, text->len))
		return;
	if (c->in)
		text->bytes = c->in + c->pos;
	else if (text->len > 0)
		memcpy(c->out + c->pos, text->bytes, text->len);
	c->pos += text->len;
	/* What is a string over there has no end in its middle. */
	if (text->key != MESSAGE_TEXT_SEND && text->key != MESSAGE_TEXT_EXPECT && text->len > 0 &&
	    memchr(text->bytes, '\0', text->len))
		c->failed = true;
}

static void code_texts(struct codec *c, struct message_target *t)
{
	CODE(c, t->n_texts, 2, 0, MESSAGE_TEXTS_MAX);
	for (uint32_t i = 0; i < t->n_texts && !c->failed; i++)
		code_one_text(c, &t->texts[i]);
}

static void code_request(struct codec *c, struct message_target *t)
{
	code_text(c, t->path, sizeof(t->path));
	code_text(c, t->host, sizeof(t->host));
	code_ranges(c, t);
	CODE(c, t->method, 1, 0, CONFIG_METHOD_OPTIONS);
	CODE(c, t->http_version, 1, 0, CONFIG_HTTP_2);
	CODE(c, t->transport, 1, 0, CONFIG_TRANSPORT_TCP);
	CODE(c, t->record, 2, 0, CONFIG_RECORD_CAA);
	CODE(c, t->rcode, 1, 0, CONFIG_RCODE_REFUSED);
	CODE(c, t->tls, 1, 0, 1);
	CODE(c, t->verify, 1, 0, 1);
	CODE(c, t->expiry_warning_us, 8, 0, MESSAGE_EXPIRY_MAX_US);
	CODE(c, t->mtu_probe_us, 8, 0, MESSAGE_TIME_MAX_US);
	CODE(c, t->mtu_bytes, 4, 0, UINT16_MAX);
	code_texts(c, t);
}

/* What kinds need beyond each field being in its range. */
static bool request_is_sound(const struct message_target *t)
{
	bool is_http = t->type == CONFIG_CHECK_HTTP || t->type == CONFIG_CHECK_HTTPS;

	if (is_http && (t->path[0] != '/' || t->n_ranges == 0))
		return false;
	if (t->port == 0 && t->type != CONFIG_CHECK_ICMP && t->type != CONFIG_CHECK_EXEC)
		return false;
	if (strchr(t->host, ':') && addr_parse(t->host, &(struct addr){ 0 }) < 0)
		return false;
	return !strchr(t->path, ' ') && !strpbrk(t->host, " /?#@\\\"'%<>[]");
}

static void code_timing(struct codec *c, struct message_target *t)
{
	CODE(c, t->interval_us, 8, 1, MESSAGE_TIME_MAX_US);
	CODE(c, t->fast_interval_us, 8, 1, MESSAGE_TIME_MAX_US);
	CODE(c, t->slow_interval_us, 8, 1, MESSAGE_TIME_MAX_US);
	CODE(c, t->timeout_us, 8, 1, MESSAGE_TIME_MAX_US);
	CODE(c, t->jitter_percent, 1, 0, 100);
	CODE(c, t->rise, 2, 1, MESSAGE_RESULTS_MAX);
	CODE(c, t->fall, 2, 1, MESSAGE_RESULTS_MAX);
}

static void code_target(struct codec *c, struct message *m)
{
	struct message_target *t = &m->target;

	CODE(c, t->id, 8, 1, UINT64_MAX);
	CODE(c, t->type, 1, 0, CONFIG_CHECK_EXEC);
	CODE(c, t->via, 1, 0, CONFIG_VIA_DIRECT);
	code_bytes(c, t->addr.bytes, sizeof(t->addr.bytes));
	CODE(c, t->port, 2, 0, UINT16_MAX);
	CODE(c, t->mark, 4, 0, UINT32_MAX);
	CODE(c, t->has_source, 1, 0, 1);
	code_bytes(c, t->source.bytes, sizeof(t->source.bytes));
	code_timing(c, t);
	CODE(c, t->has_real, 1, 0, 1);
	code_bytes(c, t->real.bytes, sizeof(t->real.bytes));
	CODE(c, t->group, 8, 1, UINT64_MAX);
	CODE(c, t->state, 1, 0, REAL_STATE_MAX - 1);
	CODE(c, t->sign, 1, 0, REAL_SIGN_MAX - 1);
	CODE(c, t->ca, 8, 0, UINT64_MAX);
	code_request(c, t);
	if (!c->failed && !request_is_sound(t))
		c->failed = true;
	if (!c->failed && t->has_source && addr_is_ipv4(&t->source) != addr_is_ipv4(&t->addr))
		c->failed = true;
}

static void code_remove(struct codec *c, struct message *m)
{
	CODE(c, m->remove.id, 8, 1, UINT64_MAX);
}

static void code_targets_end(struct codec *c, struct message *m)
{
	CODE(c, m->targets_end.n_targets, 4, 0, UINT32_MAX);
}

static void code_verdict(struct codec *c, struct message *m)
{
	struct message_verdict *v = &m->verdict;

	CODE(c, v->id, 8, 1, UINT64_MAX);
	CODE(c, v->state, 1, 0, REAL_STATE_MAX - 1);
	CODE(c, v->reason, 1, 0, PROBE_REASON_MAX - 1);
	CODE(c, v->in_a_row, 4, 0, UINT32_MAX);
	CODE(c, v->sign, 1, 0, REAL_SIGN_MAX - 1);
	CODE(c, v->latency_us, 8, 0, UINT64_MAX);
	CODE(c, v->row_started, 8, 0, UINT64_MAX);
	CODE(c, v->next_due, 8, 0, UINT64_MAX);
	CODE(c, v->told_at, 8, 0, UINT64_MAX);
	CODE(c, v->cert_ends, 8, 0, INT64_MAX);
	code_text(c, v->evidence, sizeof(v->evidence));
}

static void code_heartbeat(struct codec *c, struct message *m)
{
	struct message_heartbeat *h = &m->heartbeat;

	CODE(c, h->probes, 8, 0, UINT64_MAX);
	CODE(c, h->verdicts, 8, 0, UINT64_MAX);
	CODE(c, h->late, 8, 0, UINT64_MAX);
	CODE(c, h->n_targets, 4, 0, UINT32_MAX);
	CODE(c, h->n_running, 4, 0, UINT32_MAX);
	CODE(c, h->p99_late_us, 8, 0, UINT64_MAX);
	CODE(c, h->told_at, 8, 0, UINT64_MAX);
}

static void code_void(struct codec *c, struct message *m)
{
	CODE(c, m->void_.id, 8, 1, UINT64_MAX);
	CODE(c, m->void_.state, 1, 0, REAL_STATE_MAX - 1);
	CODE(c, m->void_.is_reset, 1, 0, 1);
}

static void code_latency(struct codec *c, struct message *m)
{
	CODE(c, m->latency.group, 8, 1, UINT64_MAX);
	CODE(c, m->latency.counts.sum_us, 8, 0, UINT64_MAX);
	for (size_t i = 0; i < LATENCY_BUCKETS && !c->failed; i++)
		CODE(c, m->latency.counts.buckets[i], 8, 0, UINT64_MAX);
}

static void code_probe_now(struct codec *c, struct message *m)
{
	CODE(c, m->probe_now.ticket, 8, 1, UINT64_MAX);
	CODE(c, m->probe_now.id, 8, 1, UINT64_MAX);
}

static void code_trace(struct codec *c, struct trace *trace)
{
	CODE(c, trace->n_steps, 2, 0, TRACE_STEPS_MAX);
	CODE(c, trace->n_lost, 4, 0, UINT32_MAX);
	for (uint32_t i = 0; i < trace->n_steps && !c->failed; i++) {
		CODE(c, trace->steps[i].at_us, 8, 0, UINT64_MAX);
		CODE(c, trace->steps[i].has_failed, 1, 0, 1);
		code_text(c, trace->steps[i].text, sizeof(trace->steps[i].text));
	}
}

static void code_output_text(struct codec *c, struct output *output)
{
	CODE(c, output->n_written, 4, 0, UINT32_MAX);
	CODE(c, output->len, 2, 0,
	     OUTPUT_BYTES_MAX < output->n_written ? OUTPUT_BYTES_MAX : output->n_written);
	if (!codec_takes(c, output->len))
		return;
	if (c->in)
		output->bytes = (const char *)c->in + c->pos;
	else if (output->len > 0)
		memcpy(c->out + c->pos, output->bytes, output->len);
	c->pos += output->len;
	if (output->len > 0 && !output_is_printed(output->bytes, output->len))
		c->failed = true;
}

static void code_output(struct codec *c, struct message *m)
{
	CODE(c, m->output.id, 8, 1, UINT64_MAX);
	code_output_text(c, &m->output.output);
}

static void code_probe_done(struct codec *c, struct message *m)
{
	struct message_probe_done *d = &m->probe_done;

	CODE(c, d->ticket, 8, 1, UINT64_MAX);
	CODE(c, d->reason, 1, 0, PROBE_REASON_MAX - 1);
	CODE(c, d->latency_us, 8, 0, UINT64_MAX);
	code_text(c, d->evidence, sizeof(d->evidence));
	code_trace(c, &d->trace);
	code_output_text(c, &d->output);
}

static void (*const fields[MESSAGE_KIND_MAX])(struct codec *, struct message *) = {
	[MESSAGE_HELLO] = code_hello,
	[MESSAGE_CA] = code_ca,
	[MESSAGE_TARGET] = code_target,
	[MESSAGE_REMOVE] = code_remove,
	[MESSAGE_TARGETS_END] = code_targets_end,
	[MESSAGE_VERDICT] = code_verdict,
	[MESSAGE_HEARTBEAT] = code_heartbeat,
	[MESSAGE_VOID] = code_void,
	[MESSAGE_LATENCY] = code_latency,
	[MESSAGE_PROBE_NOW] = code_probe_now,
	[MESSAGE_PROBE_DONE] = code_probe_done,
	[MESSAGE_OUTPUT] = code_output,
};

int message_encode(const struct message *message, uint8_t buf[MESSAGE_MAX])
{
	struct codec c = { .out = buf, .pos = HEADER_LEN, .len = MESSAGE_MAX };
	struct message m = *message; /* the field lists read and write */

	if (m.kind < MESSAGE_HELLO || m.kind >= MESSAGE_KIND_MAX)
		return -EINVAL;
	fields[m.kind](&c, &m);
	if (c.failed)
		return -EINVAL;
	buf[0] = (uint8_t)m.kind;
	buf[1] = MESSAGE_VERSION;
	buf[2] = (uint8_t)c.pos;
	buf[3] = (uint8_t)(c.pos >> 8);
	return (int)c.pos;
}

int message_decode(const uint8_t *packet, size_t len, struct message *ret)
{
	struct codec c = { .in = packet, .pos = HEADER_LEN, .len = len };

	if (len < HEADER_LEN || len > MESSAGE_MAX)
		return -EBADMSG;
	if (packet[1] != MESSAGE_VERSION)
		return -EPROTONOSUPPORT;
	if ((size_t)(packet[2] | packet[3] << 8) != len)
		return -EBADMSG;
	if (packet[0] < MESSAGE_HELLO || packet[0] >= MESSAGE_KIND_MAX)
		return -EBADMSG;
	/* Coding reads each field before it writes it; what stands there must be a value. */
	*ret = (struct message){ .kind = packet[0] };
	fields[ret->kind](&c, ret);
	return c.failed || c.pos != len ? -EBADMSG : 0;
}

uint64_t message_hash(uint64_t seed, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t hash = seed ? seed : 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3ULL;
	return hash ? hash : 1;
}

uint64_t message_target_id(const struct message_target *target, const char *owner)
{
	struct message m = { .kind = MESSAGE_TARGET, .target = *target };
	uint8_t buf[MESSAGE_MAX];
	int len;

	m.target.id = 1;
	m.target.group = 1; /* of the same pool, which the owner names */
	m.target.state = REAL_UNKNOWN;
	m.target.sign = REAL_SIGN_NONE;
	len = message_encode(&m, buf);
	return message_hash(message_hash(0, owner, strlen(owner)), buf, len > 0 ? (size_t)len : 0);
}
