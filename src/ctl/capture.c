/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture.c - the command capture: packets of the running node, each as a part of the answer.
 *
 * The buffer is looked at fifty times a second. What the client has not read holds the reading up,
 * so that nothing piles up here: the buffer then fills and the program counts what finds no room.
 * One capture at a time; it ends with its client, its time or its count, and in the data plane a
 * little later by itself, whatever becomes of this process. Frames are on the wire to the client as
 * hexadecimal digits.
 */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/auto.h"
#include "src/ctl/handlers.h"
#include "src/ctl/view.h"
#include "src/dataplane/dataplane.h"

#define LOOK_EVERY_MS 20
#define LOOK_MAX      256           /* packets a look: others want the loop too */
#define UNREAD_MAX    (1024 * 1024) /* bytes the client may be behind */
#define GRACE_US      USEC_PER_SEC  /* after which the program ends what we did not */
#define FOR_MAX_US    (3600 * USEC_PER_SEC)
#define FOR_DEFAULT   (10 * USEC_PER_SEC)

struct capturer {
	const struct commands_context *daemon;
	struct ctl_request *request;
	struct event *timer;
	usec_t started, deadline;
	uint64_t count, n; /* to take; taken */
	unsigned n_look;   /* in this look */
	bool is_over;      /* only what is in the buffer is left */
	bool has_pool;
	char pool[64]; /* of --real: an address may be in several */
};

static struct capturer *running;

/* ---- a packet as JSON ---- */

static json_t *view_frame(const uint8_t *head, uint32_t len, uint32_t bytes)
{
	static const char digits[] = "0123456789abcdef";
	AUTO(freep) char *text = malloc(2 * (size_t)len + 1);

	if (!text)
		return json_null();
	for (uint32_t i = 0; i < len; i++) {
		text[2 * i] = digits[head[i] >> 4];
		text[2 * i + 1] = digits[head[i] & 15];
	}
	text[2 * (size_t)len] = '\0';
	return json_pack("{s:i, s:s}", "bytes", (int)bytes, "head", text);
}

static json_t *view_notes(uint64_t notes)
{
	json_t *words = json_array();

	for (unsigned i = 0; i < DATAPLANE_NOTES_MAX; i++)
		if (dataplane_note_word(notes, i))
			json_array_append_new(words, json_string(dataplane_note_word(notes, i)));
	return words;
}

static const struct core_vip *packet_vip(const struct core *core,
					 const struct dataplane_captured *packet)
{
	uint32_t vip = packet->has_vip ? core_vip_find(core, &packet->vip) : CORE_NONE;

	return vip == CORE_NONE ? NULL : core_vip(core, vip);
}

/* The pool of a packet's service, or CORE_NONE. */
static uint32_t packet_pool(const struct core *core, const struct dataplane_captured *packet)
{
	const struct core_vip *vip = packet_vip(core, packet);
	const struct core_service *service =
		vip && packet->has_service ? vip_service(vip, packet->proto, packet->port) : NULL;

	return service ? service->pool : CORE_NONE;
}

static void set_service(json_t *object, const struct core *core,
			const struct dataplane_captured *packet)
{
	const struct core_vip *vip = packet_vip(core, packet);
	char text[CONFIG_SERVICE_TEXT_MAX];

	if (!packet->has_vip)
		return;
	json_object_set_new(object, "vip",
			    json_string(vip ? VIP_NAME(vip) : PREFIX_STR(&packet->vip)));
	if (packet->has_service)
		json_object_set_new(object, "service",
				    json_string(service_print(&packet->vip, packet->proto,
							      packet->port, text)));
}

static void set_real(json_t *object, const struct core *core,
		     const struct dataplane_captured *packet)
{
	const struct config_real *real;
	uint32_t pool;

	if (packet->slot != DATAPLANE_NO_SLOT)
		json_object_set_new(object, "slot", json_integer(packet->slot));
	if (!packet->has_real)
		return;
	json_object_set_new(object, "address", json_string(ADDR_STR(&packet->real)));
	real = find_real_addr(core, packet_pool(core, packet), &packet->real, &pool);
	if (!real)
		return;
	json_object_set_new(object, "pool", json_string(core_pool(core, pool)->config->name));
	json_object_set_new(object, "real", json_string(real->name));
}

static json_t *view_packet(const struct capturer *capturer, const struct dataplane_captured *packet)
{
	const struct core *core = capturer->daemon->core;
	json_t *object = json_pack(
		"{s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "packet", (json_int_t)capturer->n,
		"wall_us", (json_int_t)packet->wall_us, "in", packet->in, "out", packet->out,
		"verdict", packet->verdict, "reason", packet->reason, "why", packet->why, "notes",
		view_notes(packet->notes), "before",
		view_frame(packet->before, packet->before_head, packet->before_bytes));

	if (*packet->out)
		json_object_set_new(
			object, "after",
			view_frame(packet->after, packet->after_head, packet->after_bytes));
	set_service(object, core, packet);
	set_real(object, core, packet);
	json_object_set_new(
		object, "lost",
		json_integer((json_int_t)dataplane_capture_lost(capturer->daemon->dataplane)));
	return object;
}

/* ---- while it runs ---- */

static void capturer_free(struct capturer *capturer)
{
	dataplane_capture_stop(capturer->daemon->dataplane);
	event_free(capturer->timer);
	free(capturer);
	running = NULL;
}

static void finish(struct capturer *capturer)
{
	struct dataplane *dataplane = capturer->daemon->dataplane;

	ctl_answer(capturer->request,
		   json_pack("{s:I, s:I}", "packets", (json_int_t)capturer->n, "lost",
			     (json_int_t)dataplane_capture_lost(dataplane)));
	capturer_free(capturer);
}

static void on_gone(void *arg)
{
	struct capturer *capturer = arg;

	ctl_refuse(capturer->request, CTL_FAILED, "nobody waits");
	capturer_free(capturer);
}

static bool is_of_pool(const struct capturer *capturer, const struct dataplane_captured *packet)
{
	const struct core *core = capturer->daemon->core;
	uint32_t pool = packet_pool(core, packet);

	return pool == CORE_NONE ||
	       strcmp(core_pool(core, pool)->config->name, capturer->pool) == 0;
}

static bool on_packet(const struct dataplane_captured *packet, void *arg)
{
	struct capturer *capturer = arg;

	capturer->n_look++;
	if (!capturer->has_pool || is_of_pool(capturer, packet)) {
		capturer->n++;
		ctl_part(capturer->request, view_packet(capturer, packet));
	}
	return capturer->n < capturer->count && capturer->n_look < LOOK_MAX &&
	       ctl_request_unread(capturer->request) < UNREAD_MAX;
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	struct capturer *capturer = arg;

	(void)fd;
	(void)what;
	if (usec_now() >= capturer->deadline && !capturer->is_over) {
		dataplane_capture_stop(capturer->daemon->dataplane);
		capturer->is_over = true;
	}
	if (ctl_request_unread(capturer->request) >= UNREAD_MAX)
		return;
	capturer->n_look = 0;
	dataplane_capture_read(capturer->daemon->dataplane, on_packet, capturer);
	if (capturer->n >= capturer->count || (capturer->is_over && capturer->n_look == 0))
		finish(capturer);
}

json_t *view_capture(const struct view *view)
{
	json_t *capture;

	if (!running)
		return json_null();
	capture = json_pack("{s:s, s:I}", "owner", ctl_request_owner(running->request), "packets",
			    (json_int_t)running->n);
	view_set_since(capture, view, running->started);
	return capture;
}

/* ---- what is asked for ---- */

static int take_service(const struct core *core, const json_t *args, struct dataplane_capture *ret,
			struct err *err)
{
	const char *service = json_string_value(json_object_get(args, "service"));
	const char *vip = json_string_value(json_object_get(args, "vip"));
	const struct core_service *found;
	const struct core_vip *of;
	uint32_t index;

	if (service) {
		found = find_service(core, service, &of);
		if (!found)
			return err_set(err, -ENOENT,
				       "no service '%.64s'; write it as shoal vips --json does, "
				       "203.0.113.10:443/tcp",
				       service);
		ret->vip = &of->prefix;
		ret->has_service = true;
		ret->proto = found->proto;
		ret->port = found->port;
	}
	if (!vip)
		return 0;
	index = find_vip(core, vip);
	if (index == CORE_NONE)
		return err_set(err, -ENOENT, "no VIP '%.64s'", vip);
	if (service && ret->vip != &core_vip(core, index)->prefix)
		return err_set(err, -EINVAL, "service '%.64s' is not of VIP '%.64s'", service, vip);
	ret->vip = &core_vip(core, index)->prefix;
	return 0;
}

static int take_real(struct capturer *capturer, const json_t *args, struct dataplane_capture *ret,
		     struct err *err)
{
	const struct core *core = capturer->daemon->core;
	const char *text = json_string_value(json_object_get(args, "real"));
	const struct config_pool *config;
	uint32_t pool, real;

	if (!text)
		return 0;
	if (!find_real(core, text, &pool, &real))
		return err_set(err, -ENOENT, "no real '%.64s'; write POOL/REAL", text);
	config = core_pool(core, pool)->config;
	ret->real = &config->reals[real].addr;
	capturer->has_pool = true;
	snprintf(capturer->pool, sizeof(capturer->pool), "%s", config->name);
	return 0;
}

static int take_reasons(const json_t *args, struct dataplane_reasons *ret, struct err *err)
{
	const json_t *words = json_object_get(args, "reasons"), *word;
	size_t i;

	if (json_array_size(words) == 0) {
		*ret = dataplane_reasons_default();
		return 0;
	}
	json_array_foreach (words, i, word) {
		const char *text = json_string_value(word);

		if (!text || !dataplane_reasons_add(ret, text))
			return err_set(err, -EINVAL,
				       "no reason '%.64s'; the words are those of shoal status "
				       "--json, dataplane.totals",
				       text ? text : "");
	}
	return 0;
}

/* An integer of args in [least, most], or fallback when it is not there. */
static int take_number(const json_t *args, const char *key, uint64_t most, uint64_t fallback,
		       uint64_t *ret, struct err *err)
{
	const json_t *value = json_object_get(args, key);
	json_int_t n = json_integer_value(value);

	*ret = fallback;
	if (!value)
		return 0;
	if (!json_is_integer(value) || n < 1 || (uint64_t)n > most)
		return err_set(err, -EINVAL, "\"%s\" must be a number from 1 to %llu", key,
			       (unsigned long long)most);
	*ret = (uint64_t)n;
	return 0;
}

static int take_bounds(struct capturer *capturer, const json_t *args, struct dataplane_capture *ret,
		       struct err *err)
{
	uint64_t for_us, one_in, head;
	int r = take_number(args, "for_us", FOR_MAX_US, FOR_DEFAULT, &for_us, err);

	if (!r)
		r = take_number(args, "count", UINT32_MAX, UINT32_MAX, &capturer->count, err);
	if (!r)
		r = take_number(args, "one_in", UINT32_MAX, 1, &one_in, err);
	if (!r)
		r = take_number(args, "head_bytes", 65536, 65536, &head, err);
	if (r < 0)
		return r;
	capturer->started = usec_now();
	capturer->deadline = usec_add(capturer->started, for_us);
	ret->until = usec_add(capturer->deadline, GRACE_US);
	ret->one_in = (uint32_t)one_in;
	ret->head_bytes = (uint32_t)head;
	return 0;
}

static int start(struct capturer *capturer, const json_t *args, struct err *err)
{
	static const struct timeval every = { .tv_usec = LOOK_EVERY_MS * 1000 };
	struct dataplane_capture capture = { 0 };
	int r = take_service(capturer->daemon->core, args, &capture, err);

	if (!r)
		r = take_real(capturer, args, &capture, err);
	if (!r)
		r = take_reasons(args, &capture.reasons, err);
	if (!r)
		r = take_bounds(capturer, args, &capture, err);
	if (r < 0)
		return r;
	capturer->timer = event_new(capturer->daemon->base, -1, EV_PERSIST, on_look, capturer);
	if (!capturer->timer)
		return err_set(err, -ENOMEM, "out of memory");
	r = dataplane_capture_start(capturer->daemon->dataplane, &capture, err);
	if (r < 0)
		event_free(capturer->timer);
	else
		event_add(capturer->timer, &every);
	return r;
}

void handle_capture(struct ctl_request *request, const json_t *args, void *context)
{
	struct capturer *capturer;
	struct err err = { "" };
	int r;

	if (running) {
		ctl_refuse(request, CTL_REFUSED, "another capture runs, started by %s",
			   ctl_request_owner(running->request));
		return;
	}
	capturer = calloc(1, sizeof(*capturer));
	if (!capturer) {
		ctl_refuse(request, CTL_FAILED, "out of memory");
		return;
	}
	capturer->daemon = context;
	capturer->request = request;
	r = start(capturer, args, &err);
	if (r < 0) {
		ctl_refuse(request, r == -ENOMEM ? CTL_FAILED : CTL_USAGE, "%s", err.text);
		free(capturer);
		return;
	}
	running = capturer;
	ctl_request_watch(request, on_gone, capturer);
}
