/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>

#include "frr-integration/fpm_frame.h"
#include "tests/lib/test.h"
#include "tests/unit/frr-integration/fpm_frames.h"

/* ---- what a stream says, one message a line ---- */

struct lines {
	char text[8192];
	size_t used;
};

static void add(struct lines *lines, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct lines *lines, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	lines->used += (size_t)vsnprintf(lines->text + lines->used,
					 sizeof(lines->text) - lines->used, fmt, ap);
	va_end(ap);
	assert_true(lines->used < sizeof(lines->text));
}

static void add_hops(struct lines *lines, const struct fpm_message *message)
{
	for (unsigned i = 0; i < message->n_members; i++)
		add(lines, " member %u", message->members[i].id);
	for (unsigned i = 0; i < message->n_hops && !message->n_members; i++) {
		if (message->hops[i].has_gateway)
			add(lines, " via %s", ADDR_STR(&message->hops[i].gateway));
		add(lines, " dev %u", message->hops[i].ifindex);
	}
}

static void on_message(const struct fpm_message *message, void *arg)
{
	struct lines *lines = arg;

	switch (message->kind) {
	case FPM_OTHER:
		add(lines, "other");
		break;
	case FPM_ROUTE_SET:
	case FPM_ROUTE_DEL:
		add(lines, "%s %s", message->kind == FPM_ROUTE_SET ? "route" : "no route",
		    PREFIX_STR(&message->prefix));
		if (message->kind == FPM_ROUTE_SET)
			add(lines, " proto %u type %u", message->protocol, message->type);
		if (message->id)
			add(lines, " hop %u", message->id);
		break;
	case FPM_HOP_SET:
	case FPM_HOP_DEL:
		add(lines, "%s %u type %u", message->kind == FPM_HOP_SET ? "hop" : "no hop",
		    message->id, message->type);
		break;
	}
	add_hops(lines, message);
	add(lines, "\n");
}

static void decode_stream(const uint8_t *bytes, size_t n, struct lines *lines)
{
	struct err err = { "" };

	while (n > 0) {
		int len = fpm_frame_cut(bytes, n, &err);

		if (len <= 0)
			fail_msg("cut: %s", err.text);
		if (fpm_frame_decode(bytes, (size_t)len, on_message, lines, &err) < 0)
			fail_msg("decode: %s", err.text);
		bytes += len;
		n -= (size_t)len;
	}
}

TEST(fpm_frame, understands_module_fpm_of_zebra_8_4)
{
	struct lines lines = { .used = 0 };
	uint8_t bytes[FPM_FRAME_MAX];
	size_t n = frames_load("fpm-8.4.4.bin", bytes, sizeof(bytes));

	decode_stream(bytes, n, &lines);
	assert_string_equal(
		lines.text,
		"route 0.0.0.0/0 proto 2 type 1 via 10.0.1.1 dev 3\n"
		"route 10.0.1.0/24 proto 2 type 1 dev 3\n"
		"route 10.1.0.0/16 proto 11 type 1 via 10.0.1.1 dev 3\n"
		"route 10.2.0.0/16 proto 11 type 1 via 10.0.1.1 dev 3 via 10.0.1.3 dev 3\n"
		"route 192.0.2.0/24 proto 11 type 6\n"
		"route ::/0 proto 2 type 1 via fd00:a:1::1 dev 3\n"
		"route fd00:a:1::/64 proto 2 type 1 dev 3\n"
		"route fd00:b::/32 proto 11 type 1 via fd00:a:1::1 dev 3\n"
		"route fd00:c::/32 proto 11 type 1 via fd00:a:1::1 dev 3 via fd00:a:1::3 dev 3\n"
		"route fe80::/64 proto 2 type 1 dev 3\n"
		"no route 10.1.0.0/16\n"
		"route 10.2.0.0/16 proto 11 type 1 via 10.0.1.1 dev 3\n"
		"route 10.3.0.0/16 proto 2 type 1 via 10.0.1.9 dev 3\n");
}

TEST(fpm_frame, understands_module_dplane_fpm_nl_of_zebra_8_4)
{
	struct lines lines = { .used = 0 };
	uint8_t bytes[FPM_FRAME_MAX];
	size_t n = frames_load("dplane_fpm_nl-8.4.4.bin", bytes, sizeof(bytes));

	decode_stream(bytes, n, &lines);
	assert_string_equal(lines.text, "hop 16 type 6\n"
					"hop 17 type 1 via 10.0.1.1 dev 3\n"
					"hop 18 type 1 member 17 member 19\n"
					"hop 19 type 1 via 10.0.1.3 dev 3\n"
					"hop 20 type 1 via fd00:a:1::1 dev 3\n"
					"hop 21 type 1 member 20 member 22\n"
					"hop 5 type 1 dev 3\n"
					"hop 22 type 1 via fd00:a:1::3 dev 3\n"
					"hop 6 type 1 dev 3\n"
					"hop 7 type 1 via 10.0.1.1 dev 3\n"
					"hop 24 type 1 dev 2\n"
					"hop 8 type 1 via fd00:a:1::1 dev 3\n"
					"route 0.0.0.0/0 proto 2 type 1 hop 7\n"
					"route 10.0.1.0/24 proto 2 type 1 hop 5\n"
					"route 10.1.0.0/16 proto 196 type 1 hop 17\n"
					"route 10.2.0.0/16 proto 196 type 1 hop 18\n"
					"route 192.0.2.0/24 proto 196 type 6\n"
					"route ::/0 proto 2 type 1 hop 8\n"
					"route fd00:a:1::/64 proto 2 type 1 hop 6\n"
					"route fd00:b::/32 proto 196 type 1 hop 20\n"
					"route fd00:c::/32 proto 196 type 1 hop 21\n"
					"route fe80::/64 proto 2 type 1 hop 24\n"
					"no route 10.1.0.0/16\n"
					"no route 10.2.0.0/16\n" /* these two in one frame */
					"route 10.2.0.0/16 proto 196 type 1 hop 17\n"
					"no hop 18 type 1\n"
					"no hop 19 type 1\n"
					"hop 28 type 1 via 10.0.1.9 dev 3\n"
					"route 10.3.0.0/16 proto 2 type 1 hop 28\n");
}

/* ---- frames ---- */

TEST(fpm_frame, waits_for_every_byte_of_a_frame)
{
	uint8_t bytes[FPM_FRAME_MAX];
	size_t n = frames_load("fpm-8.4.4.bin", bytes, sizeof(bytes));

	assert_true(n > 64);
	for (size_t i = 0; i < 64; i++)
		assert_int_equal(fpm_frame_cut(bytes, i, NULL), 0);
	assert_int_equal(fpm_frame_cut(bytes, 64, NULL), 64);
	assert_int_equal(fpm_frame_cut(bytes, n, NULL), 64);
}

static void refuses(const void *bytes, size_t n, const char *sentence)
{
	struct err err = { "" };

	assert_int_equal(fpm_frame_cut(bytes, n, &err), -EBADMSG);
	assert_string_equal(err.text, sentence);
}

TEST(fpm_frame, refuses_what_cannot_be_a_frame_as_soon_as_it_shows)
{
	refuses("\2", 1, "frame of version 2, and only 1 is understood");
	refuses("GET / HTTP/1.1", 14, "frame of version 71, and only 1 is understood");
	refuses("\1\2", 2, "protobuf frame; start zebra with -M fpm:netlink");
	refuses("\1\7", 2, "frame of unknown type 7");
	refuses("\1\1\0\3", 4, "frame of 3 bytes, too short for a message");
	refuses("\1\1\0\4", 4, "frame of 4 bytes, too short for a message");
	refuses("\1\1\0\x13", 4, "frame of 19 bytes, too short for a message");
	refuses("\1\1\x40\1", 4, "frame of 16385 bytes, more than 16384");
	refuses("\1\1\xff\xff", 4, "frame of 65535 bytes, more than 16384");
}

static int decode(const struct frame *frame, struct lines *lines, struct err *err)
{
	return fpm_frame_decode(frame->bytes, frame->n, on_message, lines, err);
}

static void says(const struct frame *frame, const char *text)
{
	struct lines lines = { .used = 0 };
	struct err err = { "" };

	if (decode(frame, &lines, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(lines.text, text);
}

static void is_bad(const struct frame *frame, const char *sentence)
{
	struct lines lines = { .used = 0 };
	struct err err = { "" };

	assert_int_equal(decode(frame, &lines, &err), -EBADMSG);
	assert_string_equal(err.text, sentence);
}

TEST(fpm_frame, refuses_messages_that_leave_their_frame)
{
	struct frame frame;
	struct nlmsghdr *hdr = frame_route(&frame, RTM_NEWROUTE, "10.0.0.0/8", 0);

	hdr->nlmsg_len += 4;
	is_bad(&frame, "netlink message that does not fit the 36 bytes left of its frame");
	hdr->nlmsg_len = 15;
	is_bad(&frame, "netlink message that does not fit the 36 bytes left of its frame");
	hdr->nlmsg_len = 20; /* no room for the route's own header */
	frame.n = FPM_HEADER_BYTES + 20;
	is_bad(&frame, "netlink message with a malformed route");
}

TEST(fpm_frame, refuses_malformed_attributes)
{
	struct frame frame;
	struct nlmsghdr *hdr = frame_route(&frame, RTM_NEWROUTE, "10.0.0.0/8", 0);

	((struct rtmsg *)NLMSG_DATA(hdr))->rtm_dst_len = 33;
	is_bad(&frame, "netlink message with a malformed destination");
	frame_route(&frame, RTM_NEWROUTE, "10.0.0.0/8", 0);
	frame_put(&frame, RTA_GATEWAY, "\1\2\3", 3);
	is_bad(&frame, "netlink message with a malformed gateway");
	frame_route(&frame, RTM_NEWROUTE, "10.0.0.0/8", 0);
	frame_put(&frame, RTA_VIA, "\2\0\1\2\3", 5);
	is_bad(&frame, "netlink message with a malformed gateway");
	frame_route(&frame, RTM_NEWROUTE, "10.0.0.0/8", 0);
	frame_put(&frame, RTA_MULTIPATH, "\7\0\0\0\1\0\0\0", 8);
	is_bad(&frame, "netlink message with a malformed list of next hops");
	frame_route(&frame, RTM_NEWROUTE, "10.0.0.0/8", 0);
	frame_put(&frame, RTA_MULTIPATH, "\x10\0\0\0\1\0\0\0", 8);
	is_bad(&frame, "netlink message with a malformed list of next hops");
	frame_next_hop(&frame, RTM_NEWNEXTHOP, 0);
	is_bad(&frame, "netlink message with a malformed next hop");
	frame_next_hop(&frame, RTM_NEWNEXTHOP, 7);
	frame_put(&frame, NHA_GROUP, "\1\0\0\0\0", 5);
	is_bad(&frame, "netlink message with a malformed next-hop group");
}

TEST(fpm_frame, reads_an_ipv6_gateway_of_an_ipv4_route)
{
	static const uint8_t via[18] = { AF_INET6, 0, 0xfe, 0x80, [17] = 1 };
	struct frame frame;
	uint32_t oif = 4;

	frame_route(&frame, RTM_NEWROUTE, "10.1.0.0/16", 0);
	frame_put(&frame, RTA_VIA, via, sizeof(via));
	frame_put(&frame, RTA_OIF, &oif, sizeof(oif));
	says(&frame, "route 10.1.0.0/16 proto 186 type 1 via fe80::1 dev 4\n");
}

TEST(fpm_frame, clears_host_bits)
{
	struct frame frame;
	struct nlmsghdr *hdr = frame_route(&frame, RTM_NEWROUTE, "10.1.255.0/24", 0);

	((struct rtmsg *)NLMSG_DATA(hdr))->rtm_dst_len = 19;
	says(&frame, "route 10.1.224.0/19 proto 186 type 1\n");
}

TEST(fpm_frame, passes_over_what_is_of_no_concern)
{
	struct frame frame;
	struct nlmsghdr *hdr = frame_route(&frame, RTM_NEWROUTE, "10.0.0.0/8", 0);

	((struct rtmsg *)NLMSG_DATA(hdr))->rtm_family = 28; /* MPLS */
	says(&frame, "other\n");
	hdr->nlmsg_type = RTM_NEWNEIGH;
	says(&frame, "other\n");
}

TEST(fpm_frame, cuts_a_group_of_more_members_than_there_is_room_for)
{
	static uint8_t members[(FPM_HOPS_MAX + 1) * 8];
	struct fpm_message message;
	struct frame frame;
	struct nlmsghdr *hdr = frame_next_hop(&frame, RTM_NEWNEXTHOP, 9);

	frame_put(&frame, NHA_GROUP, members, sizeof(members));
	assert_int_equal(fpm_message_decode(hdr, &message, NULL), 0);
	assert_int_equal(message.n_members, FPM_HOPS_MAX);
	assert_true(message.is_cut);
}

RUN_TESTS(T(fpm_frame, understands_module_fpm_of_zebra_8_4),
	  T(fpm_frame, understands_module_dplane_fpm_nl_of_zebra_8_4),
	  T(fpm_frame, waits_for_every_byte_of_a_frame),
	  T(fpm_frame, refuses_what_cannot_be_a_frame_as_soon_as_it_shows),
	  T(fpm_frame, refuses_messages_that_leave_their_frame),
	  T(fpm_frame, refuses_malformed_attributes),
	  T(fpm_frame, reads_an_ipv6_gateway_of_an_ipv4_route), T(fpm_frame, clears_host_bits),
	  T(fpm_frame, passes_over_what_is_of_no_concern),
	  T(fpm_frame, cuts_a_group_of_more_members_than_there_is_room_for))
