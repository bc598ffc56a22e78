/* SPDX-License-Identifier: Apache-2.0 */
/*
 * capture.c - user space's side of bpf/capture.h: what is to be taken, and taking it.
 *
 * The filter stands in the tables; the moment until which it holds is stored last and is what the
 * program looks at. Packets wait in a ring buffer of 4 MiB; one that finds no room is counted
 * (`capture-lost`), so nothing is lost silently.
 */
#include "src/dataplane/internal.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/usec.h"
#include "src/dataplane/lb_skel.h"

struct capture {
	struct ring_buffer *ring;
	uint64_t lost_before;
	uint16_t record_of[LB_SERVICES]; /* a guess: counter -> record of the service */
	const struct dataplane *dp;
	bool (*each)(const struct dataplane_captured *packet, void *arg);
	void *arg;
};

/* ---- words ---- */

static const struct {
	const char *word, *verdict;
} causes[] = {
#define X(name, word) { word, "sent" },
	LB_SENT_CAUSES(X)
#undef X
#define X(name, word) { word, "passed" },
		LB_PASS_CAUSES(X)
#undef X
#define X(name, word) { word, "dropped" },
			LB_DROP_CAUSES(X)
#undef X
};
static const char *const notes[] = {
#define X(name, word) word,
	LB_NOTES(X)
#undef X
};
static const char *const whys[] = {
#define X(name, word) word,
	LB_WHYS(X)
#undef X
};

#define N_CAUSES (sizeof(causes) / sizeof(causes[0]))
#define N_NOTES  (sizeof(notes) / sizeof(notes[0]))
#define BIT(i)   (UINT64_C(1) << (i))

struct dataplane_reasons dataplane_reasons_default(void)
{
	static const uint64_t not_ours = BIT(LB_PASS_NOT_UPLINK) | BIT(LB_PASS_OTHER_MAC) |
					 BIT(LB_PASS_NOT_IP) | BIT(LB_PASS_NOT_VIP) |
					 BIT(LB_PASS_TRUNCATED) | BIT(LB_PASS_NEIGHBOUR);

	return (struct dataplane_reasons){ .causes = (BIT(N_CAUSES) - 1) & ~not_ours };
}

bool dataplane_reasons_add(struct dataplane_reasons *reasons, const char *word)
{
	bool is_found = false;

	for (size_t i = 0; i < N_CAUSES; i++) {
		if (strcmp(word, causes[i].word) != 0 && strcmp(word, causes[i].verdict) != 0)
			continue;
		reasons->causes |= BIT(i);
		is_found = true;
	}
	for (size_t i = 0; i < N_NOTES; i++) {
		if (strcmp(word, notes[i]) != 0)
			continue;
		reasons->notes |= BIT(i);
		is_found = true;
	}
	return is_found;
}

const char *dataplane_reason_word(size_t i)
{
	static const char *const verdicts[] = { "sent", "passed", "dropped" };

	if (i < N_CAUSES)
		return causes[i].word;
	i -= N_CAUSES;
	if (i < N_NOTES)
		return notes[i];
	i -= N_NOTES;
	return i < 3 ? verdicts[i] : NULL;
}

const char *dataplane_note_word(uint64_t set, unsigned i)
{
	return i < N_NOTES && set & BIT(i) ? notes[i] : NULL;
}

/* ---- from a record to what it says ---- */

/* The service of a counter; a search of all of them only when it changed its record. */
static const struct lb_service *service_of(struct capture *capture, uint32_t counter)
{
	const struct lb_tables *tables = capture->dp->tables;
	const struct lb_service *service;

	if (counter >= LB_SERVICES)
		return NULL;
	service = &tables->services[capture->record_of[counter]];
	if (service->flags & LB_SERVICE_USED && service->counter == counter)
		return service;
	for (uint32_t i = 0; i < LB_SERVICES; i++) {
		if (!(tables->services[i].flags & LB_SERVICE_USED) ||
		    tables->services[i].counter != counter)
			continue;
		capture->record_of[counter] = (uint16_t)i;
		return &tables->services[i];
	}
	return NULL;
}

static const char *uplink_name(const struct dataplane *dp, uint32_t ifindex)
{
	for (int i = 0; i < DATAPLANE_UPLINKS_MAX; i++) {
		if (dp->uplinks[i].ifindex == ifindex)
			return dp->uplinks[i].name;
	}
	return "unknown";
}

/* The uplink a packet left by. */
static const char *out_name(const struct dataplane *dp, const struct lb_captured *record)
{
	const struct lb_trace *trace = &record->trace;
	uint32_t slot = 0;

	if (trace->cause >= LB_PASS_FIRST)
		return "";
	if (trace->cause != LB_SENT_REDIRECTED || trace->real >= LB_REALS)
		return uplink_name(dp, record->ifindex);
	while (slot < DATAPLANE_UPLINKS_MAX - 1 && dp->uplinks[slot].ifindex != record->ifindex)
		slot++;
	slot = LB_NEXT_HOP_UPLINK(DP_LOAD(dp->tables->next_hops[trace->real][slot]));
	return dp->uplinks[slot % DATAPLANE_UPLINKS_MAX].name;
}

static void tell_trace(struct capture *capture, const struct lb_trace *trace,
		       struct dataplane_captured *ret)
{
	const struct lb_tables *tables = capture->dp->tables;
	const struct lb_service *service = service_of(capture, trace->service);

	if (trace->vip < LB_VIPS && tables->vips[trace->vip].flags & LB_VIP_USED) {
		ret->has_vip = true;
		ret->vip = vip_prefix(&tables->vips[trace->vip]);
	}
	if (service) {
		ret->has_service = true;
		ret->proto = service->proto;
		ret->port = ntohs(service->port);
	}
	if (trace->real && trace->real < LB_REALS) {
		ret->has_real = true;
		ret->real = real_addr(&tables->reals[trace->real]);
	}
	ret->slot = trace->slot < LB_RING_SLOTS ? trace->slot : DATAPLANE_NO_SLOT;
}

static uint64_t wall_of(uint64_t boot_ns)
{
	struct timespec now;
	uint64_t age_ns;

	clock_gettime(CLOCK_BOOTTIME, &now);
	age_ns = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec - boot_ns;
	return usec_wall() - age_ns / 1000;
}

static struct dataplane_captured tell(struct capture *capture, const struct lb_captured *record)
{
	uint32_t cause = record->trace.cause, why = record->trace.why;
	struct dataplane_captured ret = {
		.wall_us = wall_of(record->at_ns),
		.in = uplink_name(capture->dp, record->ifindex),
		.out = out_name(capture->dp, record),
		.verdict = cause < N_CAUSES ? causes[cause].verdict : "unknown",
		.reason = dataplane_cause_str(cause),
		.why = why < LB_WHY_MAX ? whys[why] : "unknown",
		.notes = record->notes,
		.before = record->heads,
		.before_head = record->before_head,
		.before_bytes = record->before_len,
		.after = record->heads + ((record->before_head + 7U) & ~7U),
		.after_head = record->after_head,
		.after_bytes = record->after_len,
	};

	tell_trace(capture, &record->trace, &ret);
	return ret;
}

/* A record that is not whole cannot be; still nothing is read behind it. */
static bool is_whole(const struct lb_captured *record, size_t size)
{
	if (size < LB_CAPTURED_HEADER)
		return false;
	return LB_CAPTURED_HEADER + ((record->before_head + 7UL) & ~7UL) + record->after_head <=
	       size;
}

static int take(void *arg, void *data, size_t size)
{
	struct capture *capture = arg;
	struct dataplane_captured packet;

	if (!capture->each || !is_whole(data, size))
		return 0;
	packet = tell(capture, data);
	return capture->each(&packet, capture->arg) ? 0 : -ECANCELED;
}

/* ---- start and stop ---- */

static int open_reader(struct dataplane *dp, struct err *err)
{
	struct capture *capture;

	if (dp->capture)
		return 0;
	capture = calloc(1, sizeof(*capture));
	if (!capture)
		return err_set(err, -ENOMEM, "no memory for a capture");
	capture->dp = dp;
	capture->ring = ring_buffer__new(bpf_map__fd(dp->skel->maps.captured), take, capture, NULL);
	if (!capture->ring) {
		free(capture);
		return err_set(err, -errno, "the buffer of captured packets cannot be opened: %m");
	}
	dp->capture = capture;
	return 0;
}

void capture_close(struct dataplane *dp)
{
	if (dp->capture) {
		dataplane_capture_stop(dp);
		ring_buffer__free(dp->capture->ring);
		free(dp->capture);
	}
	dp->capture = NULL;
}

static int fill_filter(const struct dataplane *dp, const struct dataplane_capture *want,
		       struct lb_capture *ret, struct err *err)
{
	const struct lb_service *service;
	uint32_t head = want->head_bytes;

	*ret = (struct lb_capture){ .causes = want->reasons.causes,
				    .notes = want->reasons.notes,
				    .service = LB_NONE,
				    .vip = LB_NONE,
				    .real = LB_NONE,
				    .one_in = want->one_in,
				    .head_len = head && head < LB_CAPTURE_HEAD ? head
									       : LB_CAPTURE_HEAD };
	if (want->vip) {
		ret->vip = vip_find(dp, want->vip);
		if (ret->vip == LB_NONE)
			return err_set(err, -ENOENT, "VIP %s is not programmed",
				       PREFIX_STR(want->vip));
	}
	if (want->vip && want->has_service) {
		service = service_find(dp, want->vip, want->proto, want->port);
		if (!service)
			return err_set(err, -ENOENT, "the service is not programmed");
		ret->service = service->counter;
	}
	if (want->real) {
		ret->real = dataplane_real_index(dp, want->real);
		if (!ret->real)
			return err_set(err, -ENOENT, "real %s is not programmed",
				       ADDR_STR(want->real));
	}
	return 0;
}

static uint64_t count_lost(const struct dataplane *dp)
{
	uint64_t lost = 0;

	for (uint32_t cpu = 0; cpu < dp->n_cpus; cpu++)
		lost += DP_LOAD(dp->lines[cpu].notes[LB_NOTE_CAPTURE_LOST]);
	return lost;
}

int dataplane_capture_start(struct dataplane *dp, const struct dataplane_capture *want,
			    struct err *err)
{
	struct lb_capture filter;
	int r = fill_filter(dp, want, &filter, err);

	if (!r)
		r = open_reader(dp, err);
	if (r < 0)
		return r;
	dataplane_capture_stop(dp);
	dataplane_capture_read(dp, NULL, NULL); /* what an earlier one left */
	dp->tables->capture = filter;
	dp->capture->lost_before = count_lost(dp);
	DP_STORE(dp->tables->capture_until_ns, want->until * 1000);
	return 0;
}

void dataplane_capture_read(struct dataplane *dp,
			    bool (*each)(const struct dataplane_captured *packet, void *arg),
			    void *arg)
{
	if (!dp->capture)
		return;
	dp->capture->each = each;
	dp->capture->arg = arg;
	ring_buffer__consume(dp->capture->ring);
}

uint64_t dataplane_capture_lost(const struct dataplane *dp)
{
	return dp->capture ? count_lost(dp) - dp->capture->lost_before : 0;
}

void dataplane_capture_stop(struct dataplane *dp)
{
	DP_STORE(dp->tables->capture_until_ns, 0);
}
