/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event_text.c - sentences with places for pairs.
 *
 * {key} is the value of the pair. A part in brackets is left out when one of its places has no
 * value
 * ("" and "-" are none), so one sentence serves for lines with more pairs and fewer. The first
 * sentence of a word all of whose places outside brackets have values is the one.
 */
#include "src/ctl/event_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "src/ctl/pairs.h"

#define VALUE_MAX 256

static const struct {
	const char *event, *text;
} sentences[] = {
	{ "vip_state", "vip {vip}: {from} -> {to}, {reason}" },
	{ "vip_state", "vip {prefix}: {from} -> {to}, {reason}" },
	{ "vip_reason", "vip {vip}: {state}, {from} -> {to}" },
	{ "real_state", "real {pool}/{real}: {from} -> {to}, {reason}[: {evidence}]" },
	{ "real_life", "real {real}: flows {life}[: {error}]" },
	{ "real_order", "real {pool}/{real}: {order} by {owner}[, \"{reason}\"][, {ended}]" },
	{ "pool_watch", "pool {pool}: {state}[ by {owner}][, {reason}]" },
	{ "override", "pool {pool}: override {name}[, was {was}][: {hint}]" },
	{ "drain", "{what}: drain by {owner}[, \"{reason}\"]" },
	{ "undrain", "{what}: undrain, of {owner}[, \"{reason}\"][, {ended}]" },
	{ "operator", "{owner}: {command}[ {args}]" },
	{ "reload", "config {from} -> {generation}" },
	{ "reload", "reload failed: {error}" },
	{ "start", "shoald {version} started, config {generation}, data plane adopted: {adopted}" },
	{ "start", "start failed: {error}" },
	{ "stop", "shoald stopped by signal {signal}" },
	{ "fence", "the guard acted: {word}" },
	{ "fence", "the guard's fence is cleared: {cleared}" },
	{ "peer", "peer {peer}: {from} -> {to}[: {reason}]" },
	{ "router", "FRR: {from} -> {to}[: {sentence}]" },
	{ "router_lost", "FRR: {sentence}" },
	{ "router_failure", "FRR: {sentence}" },
	{ "router_line", "FRR line: {line}" },
	{ "router_lines", "FRR: {written} lines written" },
	{ "route_alarm", "route {prefix}: {sentence}" },
	{ "route_alarm_end", "route {prefix}: {reason} is over[ at {peer}], after {lasted_s} s" },
	{ "alarm", "alarm {name}[ of {thing}]: {text}" },
	{ "alarm_end", "alarm {name}[ of {thing}] is over, after {lasted_s} s" },
	{ "degraded", "degraded, {name}: {sentence}" },
	{ "degraded_end", "{name} is well again, after {lasted_s} s" },
	{ "clock_step", "the wall clock was set by {by_s} s" },
	{ "attach", "XDP attached to {uplink}, {mode}[: {why}]" },
	{ "attach", "XDP not attached to {uplink}: {error}" },
	{ "xdp_gone", "XDP is gone from {uplink}" },
	{ "uplink", "uplink {uplink}: present {present}, carrier {carrier}" },
	{ "next_hop", "next hop of real {real}: usable {usable}[, {why}]" },
	{ "prober", "shoal-probe connected: {connected}" },
	{ "exec", "shoal-exec connected: {connected}" },
	{ "certificate_ends", "certificate of {pool}/{real} ends in {hours} h[: {evidence}]" },
	{ "certificate_renewed", "certificate of {pool}/{real} renewed" },
	{ "self_test", "self-test of {vip} failed: {error}" },
	{ "op_failed", "{op} failed: {error}" },
};

/* Writes that stop at the end of the buffer. */
struct writer {
	char *buf;
	size_t len;
};

static void put(struct writer *w, const char *text, size_t n)
{
	while (n-- > 0 && w->len + 1 < EVENT_TEXT_MAX)
		w->buf[w->len++] = *text++;
	w->buf[w->len] = '\0';
}

static bool put_value(struct writer *w, const char *key, size_t key_len, const char *pairs)
{
	char name[32], value[VALUE_MAX];

	snprintf(name, sizeof(name), "%.*s", (int)key_len, key);
	if (!pairs_find(pairs, name, value, sizeof(value)) || *value == '\0' ||
	    strcmp(value, "-") == 0)
		return false;
	put(w, value, strlen(value));
	return true;
}

/* From *text up to the end or the closing bracket. False: a place has no value. */
static bool put_part(struct writer *w, const char **text, const char *pairs)
{
	const char *p = *text;
	bool is_whole = true;

	while (*p && *p != ']') {
		const char *end = p + strcspn(p, "{[]");

		put(w, p, (size_t)(end - p));
		p = end;
		if (*p == '{') {
			end = strchr(p, '}');
			is_whole &= put_value(w, p + 1, (size_t)(end - p - 1), pairs);
			p = end + 1;
		} else if (*p == '[') {
			size_t before = w->len;

			p++;
			if (!put_part(w, &p, pairs)) {
				w->len = before;
				w->buf[before] = '\0';
			}
			p++;
		}
	}
	*text = p;
	return is_whole;
}

const char *event_text(const char *event, const char *pairs, char buf[EVENT_TEXT_MAX])
{
	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
		const char *text = sentences[i].text;
		struct writer w = { buf, 0 };

		buf[0] = '\0';
		if (strcmp(sentences[i].event, event) != 0 || !put_part(&w, &text, pairs))
			continue;
		put_part(&w, &(const char *){ "[, {repeated} times more]" }, pairs);
		return buf;
	}
	snprintf(buf, EVENT_TEXT_MAX, "%s: %s", event, pairs);
	return buf;
}
