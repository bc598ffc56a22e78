/* SPDX-License-Identifier: Apache-2.0 */
/* fpm_frames.c - see fpm_frames.h. Apart, so that no caller sees two types at one place. */
#include "tests/unit/frr-integration/fpm_frames.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

size_t frames_load(const char *name, uint8_t *bytes, size_t size)
{
	char path[512];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", FPM_DIR, name);
	file = fopen(path, "rb");
	assert_non_null(file);
	n = fread(bytes, 1, size, file);
	fclose(file);
	assert_in_range(n, 1, size - 1);
	return n;
}

struct nlmsghdr *frame_hdr(struct frame *frame)
{
	return (struct nlmsghdr *)(void *)(frame->bytes + FPM_HEADER_BYTES);
}

static void frame_size(struct frame *frame)
{
	size_t len = NLMSG_ALIGN(frame_hdr(frame)->nlmsg_len);

	frame->n = FPM_HEADER_BYTES + len;
	assert_true(frame->n <= sizeof(frame->bytes));
	frame->bytes[0] = frame->bytes[1] = 1;
	frame->bytes[2] = (uint8_t)(frame->n >> 8);
	frame->bytes[3] = (uint8_t)frame->n;
}

static void *frame_begin(struct frame *frame, uint16_t type, size_t header)
{
	struct nlmsghdr *hdr = frame_hdr(frame);

	memset(frame, 0, sizeof(*frame));
	hdr->nlmsg_type = type;
	hdr->nlmsg_len = (uint32_t)NLMSG_LENGTH(header);
	frame_size(frame);
	return NLMSG_DATA(hdr);
}

void frame_put(struct frame *frame, unsigned type, const void *data, size_t len)
{
	struct nlmsghdr *hdr = frame_hdr(frame);
	struct rtattr *attr = (struct rtattr *)(void *)((char *)hdr + NLMSG_ALIGN(hdr->nlmsg_len));

	attr->rta_type = (unsigned short)type;
	attr->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(attr), data, len);
	hdr->nlmsg_len = (uint32_t)(NLMSG_ALIGN(hdr->nlmsg_len) + RTA_ALIGN(attr->rta_len));
	frame_size(frame);
}

struct nlmsghdr *frame_route(struct frame *frame, uint16_t type, const char *text, uint32_t hop)
{
	struct rtmsg *info = frame_begin(frame, type, sizeof(*info));
	struct prefix prefix;
	const uint8_t *raw;
	size_t len;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	raw = addr_raw(&prefix.addr, &len);
	info->rtm_family = (uint8_t)addr_family(&prefix.addr);
	info->rtm_dst_len = prefix.len;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = 186;
	info->rtm_type = RTN_UNICAST;
	frame_put(frame, RTA_DST, raw, len);
	if (hop)
		frame_put(frame, RTA_NH_ID, &hop, sizeof(hop));
	return frame_hdr(frame);
}

void frame_gateway(struct frame *frame, const char *text, uint32_t ifindex)
{
	struct addr addr;
	const uint8_t *raw;
	size_t len;

	assert_int_equal(addr_parse(text, &addr), 0);
	raw = addr_raw(&addr, &len);
	frame_put(frame, RTA_GATEWAY, raw, len);
	frame_put(frame, RTA_OIF, &ifindex, sizeof(ifindex));
}

struct nlmsghdr *frame_next_hop(struct frame *frame, uint16_t type, uint32_t id)
{
	frame_begin(frame, type, sizeof(struct nhmsg));
	if (id)
		frame_put(frame, NHA_ID, &id, sizeof(id));
	return frame_hdr(frame);
}
