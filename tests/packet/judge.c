/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/packet/judge.h"

#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/dataplane/frame.h"

#define ETH      14
#define TAGS_MAX 2

static uint16_t half(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put_half(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

__attribute__((format(printf, 2, 3))) static bool object(struct judge *judge, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(judge->why, sizeof(judge->why), fmt, args);
	va_end(args);
	return false;
}

/* ---- a frame as far as anyone can read it ---- */

struct seen {
	size_t eth_len; /* with tags */
	uint16_t type;  /* behind the tags */
	const uint8_t *l3;
	size_t room; /* bytes from l3 on */
	bool has_ip; /* the fixed part of an IP header is there */
	bool is_ipv6;
	size_t l3_len; /* as the header says, whether there or not */
	size_t l4;     /* behind the IP header, from l3 on; options counted, extensions not */
	uint8_t proto;
	bool is_fragment;
};

static struct seen look(const uint8_t *frame, size_t len)
{
	struct seen seen = { .eth_len = ETH, .type = half(frame + 12) };

	for (int i = 0; i < TAGS_MAX && (seen.type == 0x8100 || seen.type == 0x88a8) &&
			seen.eth_len + 4 <= len;
	     i++) {
		seen.eth_len += 4;
		seen.type = half(frame + seen.eth_len - 2);
	}
	seen.l3 = frame + seen.eth_len;
	seen.room = len - seen.eth_len;
	seen.is_ipv6 = seen.type == 0x86dd;
	seen.has_ip = (seen.type == 0x0800 && seen.room >= 20) || (seen.is_ipv6 && seen.room >= 40);
	if (!seen.has_ip)
		return seen;
	seen.l3_len = seen.is_ipv6 ? half(seen.l3 + 4) + 40U : half(seen.l3 + 2);
	seen.l4 = seen.is_ipv6 ? 40 : (seen.l3[0] & 15U) * 4;
	seen.proto = seen.l3[seen.is_ipv6 ? 6 : 9];
	seen.is_fragment = !seen.is_ipv6 && half(seen.l3 + 6) & 0x3fff;
	return seen;
}

/* Where the headers end that stand between IPv6 and what it carries; *proto becomes that. */
static size_t behind_extensions(const struct seen *seen, uint8_t *proto)
{
	size_t at = seen->l4;

	*proto = seen->proto;
	while (seen->is_ipv6 && at + 8 <= seen->room &&
	       (*proto == 0 || *proto == 43 || *proto == 51 || *proto == 60)) {
		size_t len =
			*proto == 51 ? (seen->l3[at + 1] + 2U) * 4 : (seen->l3[at + 1] + 1U) * 8;

		*proto = seen->l3[at];
		at += len;
	}
	return at;
}

/* What is in the tunnel that a packet is; the packet itself when it is none. */
static struct seen inside(const struct seen *came)
{
	uint8_t frame[FRAME_MAX + ETH] = { 0 }, proto;
	size_t at = behind_extensions(came, &proto);
	struct seen inner;

	if (proto == IPPROTO_UDP)
		at += 8;
	else if (proto != IPPROTO_IPIP && proto != IPPROTO_IPV6)
		return *came;
	if (at + 20 > came->room)
		return *came;
	put_half(frame + 12, came->l3[at] >> 4 == 4 ? 0x0800 : 0x86dd);
	memcpy(frame + ETH, came->l3 + at, came->room - at);
	inner = look(frame, ETH + came->room - at);
	inner.l3 = came->l3 + at;
	return inner;
}

static struct addr source_of(const struct seen *seen)
{
	return addr_from_raw(seen->is_ipv6 ? AF_INET6 : AF_INET,
			     seen->l3 + (seen->is_ipv6 ? 8 : 12));
}

static struct addr target_of(const struct seen *seen)
{
	return addr_from_raw(seen->is_ipv6 ? AF_INET6 : AF_INET,
			     seen->l3 + (seen->is_ipv6 ? 24 : 16));
}

static bool is_one_of(const struct addr *addr, const struct addr *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (addr_eq(&list[i], addr))
			return true;
	}
	return false;
}

static bool is_decap(const struct judge *judge, const struct addr *addr)
{
	const struct config_node *node = &judge->balancer->config.node;

	return is_one_of(addr, node->decap_balance, node->n_decap_balance) ||
	       is_one_of(addr, node->decap_egress, node->n_decap_egress) ||
	       is_one_of(addr, node->decap_local, node->n_decap_local);
}

static bool is_vip(const struct judge *judge, const struct addr *addr)
{
	for (size_t i = 0; i < judge->balancer->n_vips; i++) {
		if (prefix_has_addr(&judge->balancer->vips[i].service.vip, addr))
			return true;
	}
	return false;
}

/* Whether the program may do anything but pass the frame. */
static bool is_ours(const struct judge *judge, const uint8_t *frame, const struct seen *seen)
{
	static const uint8_t mac[6] = { 0x02, 0, 0, 0, 0, 0 };
	struct addr target;

	if (memcmp(frame, mac, 6) != 0 || !seen->has_ip)
		return false;
	target = target_of(seen);
	return is_vip(judge, &target) || is_decap(judge, &target);
}

/* ---- checksums ---- */

static bool adds_up(const struct seen *seen, size_t at, size_t len, uint8_t proto)
{
	struct addr src = source_of(seen), dst = target_of(seen);
	uint32_t start = frame_pseudo_sum(&src, &dst, proto, len);

	return frame_checksum(seen->l3 + at, len, start) == 0;
}

static bool ip_header_adds_up(const struct seen *seen)
{
	return seen->is_ipv6 || frame_checksum(seen->l3, seen->l4, 0) == 0;
}

/*
 * Whether a right outer checksum can be asked for: the checksum inside is right, or the program
 * must have summed the whole packet.
 */
static bool is_summed_inside(const struct seen *inner)
{
	size_t len = inner->l3_len - inner->l4, udp_len;

	if (inner->is_fragment || (inner->proto != IPPROTO_TCP && inner->proto != IPPROTO_UDP))
		return true;
	if (!ip_header_adds_up(inner))
		return false;
	if (inner->proto == IPPROTO_TCP)
		return adds_up(inner, inner->l4, len, IPPROTO_TCP);
	udp_len = half(inner->l3 + inner->l4 + 4);
	return udp_len < 8 || udp_len > len || adds_up(inner, inner->l4, udp_len, IPPROTO_UDP);
}

static bool is_unsummed_udp(const struct seen *inner)
{
	bool is_plain = inner->proto == IPPROTO_TCP || inner->proto == IPPROTO_UDP;

	if (!is_plain) /* behind extension headers: nobody looked where */
		return inner->is_ipv6 && inner->proto != IPPROTO_ICMPV6;
	return !inner->is_fragment && inner->proto == IPPROTO_UDP &&
	       half(inner->l3 + inner->l4 + 6) == 0;
}

/* ---- what was sent to a real ---- */

static bool is_programmed_real(const struct judge *judge, const struct addr *addr)
{
	return dataplane_real_index(judge->balancer->dp, addr) != DATAPLANE_NO_REAL;
}

/* The UDP header of GUE between outer and inner. */
static bool judge_gue(struct judge *judge, const struct seen *outer, const struct seen *inner)
{
	const uint8_t *udp = outer->l3 + outer->l4;
	size_t len = outer->l3_len - outer->l4;

	if (half(udp + 4) != len)
		return object(judge, "GUE: UDP length %u instead of %zu", half(udp + 4), len);
	if (half(udp + 6) == 0)
		return (!outer->is_ipv6 && is_unsummed_udp(inner)) ||
		       object(judge, "GUE without checksum");
	if (is_summed_inside(inner) && !adds_up(outer, outer->l4, len, IPPROTO_UDP))
		return object(judge, "GUE: wrong checksum around a packet whose own is right");
	return true;
}

static bool judge_outer(struct judge *judge, const struct seen *outer)
{
	struct addr target;

	if (!outer->has_ip || outer->l3_len > outer->room)
		return object(judge, "the outer header does not fit the frame");
	if (outer->l3_len > judge->balancer->config.node.mtu_bytes)
		return object(judge, "the outer packet has %zu bytes", outer->l3_len);
	if (!outer->is_ipv6 && (outer->l3[0] != 0x45 || outer->is_fragment))
		return object(judge, "the outer IPv4 header has options or is a fragment");
	if (outer->is_ipv6 && outer->l3[0] >> 4 != 6)
		return object(judge, "the outer IPv6 header has version %u", outer->l3[0] >> 4);
	if (!ip_header_adds_up(outer))
		return object(judge, "the outer header's checksum is wrong");
	target = target_of(outer);
	return is_programmed_real(judge, &target) || object(judge, "sent to no real of ours");
}

/* The same bytes, but for hop limit and header checksum of what came out of a tunnel. */
static bool is_same(const uint8_t *a, const uint8_t *b, size_t len, bool is_opened)
{
	for (size_t i = 0; i < len; i++) {
		bool may_differ =
			is_opened && ((a[0] >> 4 == 4 && (i == 8 || i == 10 || i == 11)) ||
				      (a[0] >> 4 == 6 && i == 7));

		if (a[i] != b[i] && !may_differ)
			return false;
	}
	return true;
}

/* The offset of the first MSS option's value in a SYN, or 0. */
static size_t mss_at(const struct seen *seen)
{
	uint8_t proto;
	size_t l4 = behind_extensions(seen, &proto), end, at = 20;
	const uint8_t *tcp = seen->l3 + l4;

	if (seen->is_fragment || proto != IPPROTO_TCP || l4 + 20 > seen->room || !(tcp[13] & 2))
		return 0;
	end = (tcp[12] >> 4) * 4U;
	while (at + 4 <= end && l4 + at + 4 <= seen->room && tcp[at]) {
		if (tcp[at] == 2 && tcp[at + 1] == 4)
			return l4 + at + 2;
		if (tcp[at] != 1 && tcp[at + 1] < 2)
			return 0;
		at += tcp[at] == 1 ? 1 : tcp[at + 1];
	}
	return 0;
}

/* Undo a clamped MSS in a copy, so that the rest can be compared: it only ever falls. */
static bool unclamp(uint8_t *packet, const uint8_t *original, const struct seen *seen)
{
	size_t at = mss_at(seen), check;
	uint8_t proto;

	if (!at || half(packet + at) >= half(original + at))
		return false;
	check = behind_extensions(seen, &proto) + 16;
	memcpy(packet + at, original + at, 2);
	memcpy(packet + check, original + check, 2);
	return true;
}

static bool judge_inner(struct judge *judge, const uint8_t *inner, size_t len,
			const struct seen *came)
{
	struct addr target = target_of(came);
	bool is_opened = is_decap(judge, &target);
	const uint8_t *original = came->l3 + came->room - len;
	uint8_t copy[FRAME_MAX], as_frame[FRAME_MAX + ETH] = { 0 };
	struct seen seen;

	if (len > came->room || (!is_opened && len != came->room))
		return object(judge, "%zu bytes inside instead of %zu", len, came->room);
	if (is_same(inner, original, len, is_opened))
		return true;
	memcpy(copy, inner, len);
	memcpy(as_frame + ETH, original, len);
	put_half(as_frame + 12, original[0] >> 4 == 4 ? 0x0800 : 0x86dd);
	seen = look(as_frame, ETH + len);
	if (seen.has_ip && unclamp(copy, original, &seen) &&
	    is_same(copy, original, len, is_opened))
		return true;
	return object(judge, "the packet inside was changed");
}

static bool judge_forwarded(struct judge *judge, const struct seen *came, const uint8_t *out,
			    size_t out_len)
{
	struct seen outer = look(out, out_len), inner;
	size_t head;

	if (!judge_outer(judge, &outer))
		return false;
	head = outer.l4 + (outer.proto == IPPROTO_UDP ? 8 : 0);
	if (outer.proto != IPPROTO_UDP && outer.proto != IPPROTO_IPIP &&
	    outer.proto != IPPROTO_IPV6)
		return object(judge, "outer protocol %u", outer.proto);
	if (outer.l3_len < head + 20)
		return object(judge, "no packet in the outer one");
	inner = (struct seen){ .type = outer.l3[head] >> 4 == 4 ? 0x0800 : 0x86dd };
	if (outer.proto != IPPROTO_UDP && (outer.proto == IPPROTO_IPIP) != (inner.type == 0x0800))
		return object(judge, "the outer protocol is not that of the inner packet");
	inner.l3 = outer.l3 + head;
	inner.is_ipv6 = inner.type == 0x86dd;
	inner.room = outer.room - head;
	inner.l3_len = inner.is_ipv6 ? half(inner.l3 + 4) + 40U : half(inner.l3 + 2);
	inner.l4 = inner.is_ipv6 ? 40 : (inner.l3[0] & 15U) * 4;
	inner.proto = inner.l3[inner.is_ipv6 ? 6 : 9];
	inner.is_fragment = !inner.is_ipv6 && half(inner.l3 + 6) & 0x3fff;
	if (inner.l3_len + head != outer.l3_len || inner.l4 > inner.l3_len)
		return object(judge, "outer length %zu around %zu bytes", outer.l3_len,
			      inner.l3_len);
	if (!judge_inner(judge, inner.l3, inner.room, came))
		return false;
	return outer.proto != IPPROTO_UDP || judge_gue(judge, &outer, &inner);
}

/* ---- what was answered ---- */

static bool judge_answer(struct judge *judge, const uint8_t *frame, const struct seen *came,
			 const uint8_t *out, const struct seen *reply)
{
	struct addr asked = target_of(came), asker = source_of(came), from, to;

	if (!reply->has_ip || reply->l3_len > reply->room)
		return object(judge, "the reply does not fit the frame");
	from = source_of(reply);
	to = target_of(reply);
	if (!addr_eq(&from, &asked) || !addr_eq(&to, &asker))
		return object(judge, "the reply is not from the VIP to who asked");
	if (memcmp(out, frame + 6, 6) != 0 || memcmp(out + 6, frame, 6) != 0)
		return object(judge, "the reply's MACs are not those of the request");
	return true;
}

static bool icmp_adds_up(const struct seen *seen, size_t at)
{
	size_t len = seen->l3_len - at;

	return seen->is_ipv6 ? adds_up(seen, at, len, IPPROTO_ICMPV6)
			     : frame_checksum(seen->l3 + at, len, 0) == 0;
}

static bool judge_too_big(struct judge *judge, const uint8_t *frame, const struct seen *came,
			  bool is_opened, const uint8_t *out, size_t out_len)
{
	struct seen reply = look(out, out_len);
	size_t quote = reply.is_ipv6 ? 248 : 84;

	if (!judge_answer(judge, frame, came, out, &reply))
		return false;
	if (!ip_header_adds_up(&reply) || !icmp_adds_up(&reply, reply.l4))
		return object(judge, "a too-big reply with a wrong checksum");
	if (reply.l3_len != reply.room || reply.l3_len != reply.l4 + 8 + quote)
		return object(judge, "a too-big reply of %zu bytes", reply.l3_len);
	if (!is_same(reply.l3 + reply.l4 + 8, came->l3, quote, is_opened))
		return object(judge, "a too-big reply that quotes something else");
	return true;
}

static bool judge_echo(struct judge *judge, const uint8_t *frame, const struct seen *came,
		       const uint8_t *out, size_t out_len)
{
	struct seen reply = look(out, out_len);
	bool was_right = ip_header_adds_up(came) && icmp_adds_up(came, came->l4);

	if (reply.room != came->room)
		return object(judge, "an echo reply of another length");
	if (!judge_answer(judge, frame, came, out, &reply))
		return false;
	if (came->proto == (came->is_ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) && was_right &&
	    (!ip_header_adds_up(&reply) || !icmp_adds_up(&reply, reply.l4)))
		return object(judge, "an echo reply with a wrong checksum");
	return true;
}

/* ---- verdicts ---- */

static bool judge_passed(struct judge *judge, const uint8_t *frame, size_t len, const uint8_t *out,
			 size_t out_len, uint32_t cause)
{
	struct seen came = look(frame, len), opened = look(out, out_len);

	if (cause < LB_PASS_FIRST || cause >= LB_DROP_FIRST)
		return object(judge, "passed as '%s'", dataplane_cause_str(cause));
	if (out_len == len && !memcmp(frame, out, len))
		return true;
	if (cause != LB_PASS_DECAPSULATED)
		return object(judge, "passed as '%s', but changed", dataplane_cause_str(cause));
	if (!opened.has_ip || opened.room >= came.room)
		return object(judge, "what came out of a tunnel is no packet");
	return is_same(opened.l3, came.l3 + came.room - opened.room, opened.room, true) ||
	       object(judge, "what came out of a tunnel was changed");
}

static bool judge_sent(struct judge *judge, const uint8_t *frame, size_t len, const uint8_t *out,
		       size_t out_len, uint32_t cause)
{
	struct seen came = look(frame, len), left = look(out, out_len), asked;
	struct addr target = target_of(&came);
	bool is_opened = is_decap(judge, &target);

	if (left.eth_len != came.eth_len || memcmp(out + 12, frame + 12, came.eth_len - ETH) != 0)
		return object(judge, "the tags are not those that came");
	asked = is_opened ? inside(&came) : came;
	switch (cause) {
	case LB_SENT_FORWARDED:
	case LB_SENT_REDIRECTED:
		return judge_forwarded(judge, &came, out, out_len);
	case LB_SENT_TOO_BIG:
		return judge_too_big(judge, frame, &asked, is_opened, out, out_len);
	case LB_SENT_ECHO:
		return judge_echo(judge, frame, &asked, out, out_len);
	case LB_SENT_EGRESS:
		return is_same(left.l3, came.l3 + came.room - left.room, left.room, true) ||
		       object(judge, "sent on changed");
	default:
		return object(judge, "sent as '%s'", dataplane_cause_str(cause));
	}
}

bool judge_frame(struct judge *judge, const uint8_t *frame, size_t len)
{
	uint8_t out[FRAME_MAX];
	size_t out_len = sizeof(out);
	struct err err = { "" };
	struct seen came = look(frame, len);
	int verdict = dataplane_run(judge->balancer->dp, frame, len, out, &out_len, &err);
	uint32_t cause = dataplane_trace(judge->balancer->dp)->cause;

	if (verdict < 0)
		return object(judge, "%s", err.text);
	if (cause >= LB_CAUSE_MAX)
		return object(judge, "cause %u", cause);
	judge->counted[cause]++;
	judge->frames++;
	if (!is_ours(judge, frame, &came) && verdict != XDP_PASS)
		return object(judge, "not for us, but %s",
			      verdict == XDP_DROP ? "dropped" : "sent");
	switch (verdict) {
	case XDP_PASS:
		return judge_passed(judge, frame, len, out, out_len, cause);
	case XDP_DROP:
		return cause >= LB_DROP_FIRST ||
		       object(judge, "dropped as '%s'", dataplane_cause_str(cause));
	case XDP_TX:
	case XDP_REDIRECT:
		return judge_sent(judge, frame, len, out, out_len, cause);
	default:
		return object(judge, "verdict %d", verdict);
	}
}

/* ---- counters ---- */

static uint64_t counter(const struct judge *judge, uint32_t cause)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < judge->balancer->dp->n_cpus; i++)
		sum += judge->balancer->dp->lines[i].causes[cause];
	return sum;
}

void judge_init(struct judge *judge, struct vector_balancer *balancer)
{
	*judge = (struct judge){ .balancer = balancer };
	for (uint32_t i = 0; i < LB_CAUSE_MAX; i++)
		judge->counted[i] = counter(judge, i);
}

bool judge_counters(struct judge *judge)
{
	for (uint32_t i = 0; i < LB_CAUSES; i++) {
		uint64_t want = i < LB_CAUSE_MAX ? judge->counted[i] : 0;

		if (counter(judge, i) != want)
			return object(judge, "'%s' counts %ju instead of %ju",
				      dataplane_cause_str(i), (uintmax_t)counter(judge, i),
				      (uintmax_t)want);
	}
	return true;
}

/* ---- repair ---- */

static void repair_l4(uint8_t *l3, const struct seen *seen)
{
	size_t len = seen->l3_len - seen->l4;
	size_t at = seen->proto == IPPROTO_TCP ? 16 : 6;
	struct addr src = source_of(seen), dst = target_of(seen);
	uint16_t check;

	if (seen->proto == IPPROTO_UDP && len >= 8 && half(l3 + seen->l4 + 4) >= 8 &&
	    half(l3 + seen->l4 + 4) <= len)
		len = half(l3 + seen->l4 + 4);
	if (len < at + 2 || (seen->proto == IPPROTO_UDP && half(l3 + seen->l4 + 6) == 0))
		return;
	put_half(l3 + seen->l4 + at, 0);
	check = frame_checksum(l3 + seen->l4, len, frame_pseudo_sum(&src, &dst, seen->proto, len));
	put_half(l3 + seen->l4 + at, check || seen->proto == IPPROTO_TCP ? check : 0xffff);
}

void judge_repair(uint8_t *frame, size_t len)
{
	struct seen seen = look(frame, len);
	uint8_t *l3 = frame + seen.eth_len;

	if (!seen.has_ip || seen.l3_len > seen.room || seen.l4 > seen.l3_len || seen.l4 < 20)
		return;
	if (!seen.is_ipv6) {
		put_half(l3 + 10, 0);
		put_half(l3 + 10, frame_checksum(l3, seen.l4, 0));
	}
	if (!seen.is_fragment && (seen.proto == IPPROTO_TCP || seen.proto == IPPROTO_UDP))
		repair_l4(l3, &seen);
}
