/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.h - the flight recorder's events as JSON, and those who follow them.
 *
 * An event: {"seq", "at_us", "clock_us", "boot_us", "is_this_boot", "level", "event", "text",
 * "fields": {...}}. at_us is when it happened as the wall clock counts now, clock_us what the clock
 * said then.
 *
 * Nothing is queued for anybody: who reads holds the number of the last event he has, and asks for
 * the next when he is told that there is one. Who is so slow that the ring went over his number
 * gets what is left, and is told.
 */
#pragma once

#include <sys/queue.h>

#include "src/ctl/view.h"
#include "src/record/recorder.h"

/* One event as JSON; NULL: no memory. */
json_t *view_event(const struct view *view, const struct record *record);
/* The newest `max` events, oldest first. */
json_t *view_events(const struct view *view, size_t max);

/* Those who wait for events; in struct commands_context. */
struct events;

/* Told once in a turn of the loop in which something was recorded, never out of recording. */
struct events_follower {
	LIST_ENTRY(events_follower) entry;
	void (*fresh)(void *arg);
	void *arg;
};

/* recorder and base outlive it. NULL: no memory. */
struct events *events_new(struct event_base *base, struct recorder *recorder);
void events_free(struct events *events);
/* Recorded is something new: for recorder_options. */
void events_fresh(void *events);

/* The follower is the caller's, and stays in the list until it is removed; its own fresh() may. */
void events_follow(struct events *events, struct events_follower *follower);
void events_unfollow(struct events_follower *follower);
