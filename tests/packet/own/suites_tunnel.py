# SPDX-License-Identifier: Apache-2.0
"""Suites of what stands around a packet: VLAN tags, tunnels opened here; and of the MSS of SYNs."""

import struct

import wire
from balancer import GATEWAY, OVERHEAD, Suite, version
from suites import (CLIENT4, CLIENT6, FAMILIES, OTHER4, OTHER6, REALS4, REALS6, VIP4, VIP6, packet,
                    packet4, packet6, too_big_reply)
from wire import ICMP4, ICMP6, TCP, UDP, ethernet

CUSTOMER, SERVICE = (wire.TAG_CUSTOMER, 0x6123), (wire.TAG_SERVICE, 0x0456)
TAGS = [("one tag", [CUSTOMER]), ("a service tag", [SERVICE]), ("two tags", [SERVICE, CUSTOMER]),
        ("two customer tags", [CUSTOMER, (wire.TAG_CUSTOMER, 0)])]


# ---- VLAN ----

def vlan():
    """Tags are put back on what leaves and passes; what is under them is served as without."""
    suite = Suite("own_vlan", mtu=1600, client_mtu=1500)
    services = {}
    for v6, family, vip, client in FAMILIES:
        for encap in ("ipip", "gue"):
            for reals, to in ((REALS4, 4), (REALS6, 6)):
                port = 80 + len(services)
                services[v6, encap, to] = suite.service(vip, port, "tcp", reals, encap=encap)
    for name, tags in TAGS:
        for (v6, encap, to), service in services.items():
            client = CLIENT6 if v6 else CLIENT4
            suite.forwards("%s, IPv%d in %s to IPv%d" % (name, 6 if v6 else 4, encap, to),
                           packet(TCP, 12000, service.port, b"tagged", v6), service, client,
                           12000, service.port, tags=tags)
        others_under(suite, name, tags)
    frame = ethernet(packet(TCP, 1, 80), [CUSTOMER] * 3)
    suite.passes("three tags", frame, "not-ip")
    suite.note("vlan")
    suite.passes("a tag and another MAC", b"\2\0\0\0\0\1" + ethernet(
        packet(TCP, 1, 80), [CUSTOMER])[6:], "other-mac")
    for size in (14, 16, 17, 18, 37):
        suite.passes("a tagged frame cut to %d bytes" % size, ethernet(
            packet(TCP, 1, 80), [CUSTOMER])[:size], "not-ip" if size < 18 else "not-a-vip")
        suite.note("vlan")
    return suite


def others_under(suite, name, tags):
    count = suite.count
    suite.passes("%s, the host's packet" % name, ethernet(packet(TCP, 1, 80, dst=OTHER4), tags),
                 "not-a-vip")
    suite.passes("%s, ARP" % name, ethernet(bytes(46), tags, kind=wire.ETH_ARP), "not-ip")
    suite.drops("%s, no service" % name, ethernet(packet(UDP, 1, 80), tags), "unserved")
    suite.passes("%s, neighbour discovery" % name, ethernet(packet6(ICMP6, wire.icmp6(
        CLIENT6, VIP6, 135, 0, 0, bytes(16)), hops=255), tags), "neighbour")
    suite.answers("%s, ping" % name, packet4(ICMP4, wire.icmp4(8, 0, 7, b"tagged"), ttl=9),
                  wire.ipv4(VIP4, CLIENT4, ICMP4, wire.icmp4(0, 0, 7, b"tagged")), "echo-reply",
                  tags=tags)
    for v6, port in ((False, 80), (True, 84)):
        whole = packet(TCP, 2, port, bytes(1500), v6)
        suite.answers("%s, too big" % name, whole, too_big_reply(whole, v6, 1500),
                      "too-big-reply", tags=tags)
    # All of this suite's frames so far but those counted before had tags: these and the forwarded.
    suite.note("vlan", suite.count - count + 8)


# ---- MSS ----

def mss(name, clamp, mtu, client_mtu):
    suite = Suite(name, mtu=mtu, client_mtu=client_mtu, mss_clamp=clamp)
    port = 100
    for v6, family, vip, client in FAMILIES:
        for encap in ("ipip", "gue"):
            for reals, to in ((REALS4, 4), (REALS6, 6)):
                port += 1
                service = suite.service(vip, port, "tcp", reals, encap=encap)
                limit = min(client_mtu, mtu - OVERHEAD[encap, to])
                is_on = clamp == "on" or (clamp == "auto" and limit < client_mtu)
                syns(suite, service, v6, limit - (60 if v6 else 40), is_on)
    return suite


def syns(suite, service, v6, fits, is_on):
    client, vip = (CLIENT6, VIP6) if v6 else (CLIENT4, VIP4)
    send = Syns(suite, service, v6, client, vip)
    what = "IPv%d in %s: " % (6 if v6 else 4, service.encap)
    option = lambda value: struct.pack("!BBH", 2, 4, value)
    for value in (536, fits - 1, fits, fits + 1, 9000, 65535):
        for before in (b"", b"\1", b"\4\2"):
            send(what + "MSS %d behind %d bytes" % (value, len(before)), before, option(value),
                 fits if is_on and value > fits else value, option)
    for name, options, flags in (("no MSS", b"\1" * 4, 2), ("an ACK", option(9000), 0x10),
                                 ("MSS of length 3", b"\2\3\xff\1", 2),
                                 ("behind the end of the list", b"\0\0\0\0" + option(9000), 2),
                                 ("behind an option of length 0", b"\5\0" + option(9000) + b"\1\1",
                                  2),
                                 ("SYN and ACK", option(9000), 0x12)):
        send(what + name, b"", options, None, option, flags)


class Syns:
    def __init__(self, suite, service, v6, client, vip):
        self.suite, self.service, self.v6, self.client, self.vip = suite, service, v6, client, vip

    def build(self, options, flags):
        l4 = wire.tcp(self.client, self.vip, 12100, self.service.port, b"", flags,
                      options + b"\1" * (-len(options) % 4))
        return (packet6 if self.v6 else packet4)(TCP, l4)

    def __call__(self, name, before, options, leaves, option, flags=2):
        came = self.build(before + options, flags)
        left = came if leaves is None else self.build(before + option(leaves), flags)
        outer = self.service.outer(left, self.client, 12100, self.service.port)
        self.suite.vector(name, ethernet(came), "XDP_TX", "forwarded",
                          ethernet(outer, dst=GATEWAY, src=wire.UPLINK))
        if left != came:
            self.suite.note("mss-clamped")


def mss_auto():
    return mss("own_mss_auto", "auto", 1530, 1500)


def mss_on():
    return mss("own_mss_on", "on", 9000, 1500)


def mss_off():
    return mss("own_mss_off", "off", 1500, 1500)


# ---- tunnels opened here ----

NEIGHBOURS = {4: "192.0.2.200", 6: "2001:db8:ea::200"}
BALANCE = {4: "192.0.2.100", 6: "2001:db8:ea::100"}
EGRESS = {4: "192.0.2.101", 6: "2001:db8:ea::101"}
LOCAL = {4: "192.0.2.102", 6: "2001:db8:ea::102"}


def tunnel(packet_in, outer, to, gue=None, **ip):
    """A packet in IPIP, or in GUE to this port."""
    proto = wire.IPIP if packet_in[0] >> 4 == 4 else wire.IPV6
    if gue:
        proto, packet_in = UDP, wire.udp(NEIGHBOURS[outer], to[outer], 5555, gue, packet_in)
    make = wire.ipv4 if outer == 4 else wire.ipv6
    return make(NEIGHBOURS[outer], to[outer], proto, packet_in, **ip)


def aged(v6, hops):
    return {"hops" if v6 else "ttl": hops}


FORMS = [("IPIP", 4, None), ("IPIP", 6, None), ("GUE", 4, 6081), ("GUE", 6, 6081)]


def decap():
    suite = Suite("own_decap", mtu=1600, client_mtu=1500, decap_gue_port=6081,
                  decap_balance=list(BALANCE.values()), decap_egress=list(EGRESS.values()),
                  decap_local=list(LOCAL.values()))
    for v6, family, vip, client in FAMILIES:
        service = suite.service(vip, 80, "tcp", REALS4 + REALS6, encap="gue" if v6 else "ipip")
        for form, outer, gue in FORMS:
            what = "%s in %s over IPv%d: " % (family, form, outer)
            opened(suite, service, v6, what, lambda inner, to, **ip: tunnel(
                inner, outer, to, gue, **ip))
    inside(suite)
    closed(suite)
    return suite


def opened(suite, service, v6, what, around):
    client = CLIENT6 if v6 else CLIENT4
    came, left = (packet(TCP, 12200, 80, b"inner", v6, **aged(v6, hops)) for hops in (9, 8))
    outer = service.outer(left, client, 12200, 80)
    suite.vector(what + "balanced", ethernet(around(came, BALANCE)), "XDP_TX", "forwarded",
                 ethernet(outer, dst=GATEWAY, src=wire.UPLINK))
    suite.vector(what + "balanced under a tag", ethernet(around(came, BALANCE), [CUSTOMER]),
                 "XDP_TX", "forwarded", ethernet(outer, [CUSTOMER], GATEWAY, wire.UPLINK))
    suite.vector(what + "sent on", ethernet(around(came, EGRESS)), "XDP_TX", "egress",
                 ethernet(left, dst=wire.ROUTER, src=wire.UPLINK))
    suite.vector(what + "for the host", ethernet(around(came, LOCAL)), "XDP_PASS",
                 "decapsulated", ethernet(left))
    suite.note("vlan")
    other, seen = (packet(TCP, 12201, 80, b"", v6, dst=OTHER6 if v6 else OTHER4, **aged(v6, hops))
                   for hops in (64, 63))
    suite.vector(what + "balanced, but for no VIP", ethernet(around(other, BALANCE)), "XDP_PASS",
                 "decapsulated", ethernet(seen))
    suite.note("tunnel-opened", 5)
    for hops in (0, 1):
        for to in (BALANCE, EGRESS, LOCAL):
            suite.drops(what + "hop limit %d" % hops, ethernet(around(packet(
                TCP, 12202, 80, b"", v6, **aged(v6, hops)), to)), "ttl-exceeded")
            suite.note("tunnel-opened")
    suite.drops(what + "cut inside", ethernet(around(came[:-1], BALANCE)), "bad-tunnel")
    suite.drops(what + "half a header inside", ethernet(around(came[:19], BALANCE)), "bad-tunnel")


def inside(suite):
    """What else may be in a tunnel."""
    ask = lambda ttl: packet4(ICMP4, wire.icmp4(8, 0, 1, b"inner"), ttl=ttl)
    answer = wire.ipv4(VIP4, CLIENT4, ICMP4, wire.icmp4(0, 0, 1, b"inner"))
    suite.vector("a ping in a tunnel", ethernet(tunnel(ask(9), 4, BALANCE)), "XDP_TX",
                 "echo-reply", ethernet(answer, dst=wire.ROUTER, src=wire.UPLINK))
    suite.note("tunnel-opened")
    came, left = (packet(TCP, 12203, 80, bytes(1480), ttl=ttl) for ttl in (9, 8))
    suite.vector("too big in a tunnel", ethernet(tunnel(came, 4, BALANCE)), "XDP_TX",
                 "too-big-reply", ethernet(too_big_reply(left, False, 1500), dst=wire.ROUTER,
                                           src=wire.UPLINK))
    suite.drops("no service in a tunnel", ethernet(tunnel(packet(UDP, 1, 80), 4, BALANCE)),
                "unserved")
    suite.note("tunnel-opened", 2)
    for to in (BALANCE, LOCAL):
        deep = lambda hops: tunnel(packet(TCP, 12204, 80), 4, BALANCE, ttl=hops)
        suite.vector("a tunnel in a tunnel: the inner one is the host's",
                     ethernet(tunnel(deep(9), 6, to)), "XDP_PASS", "decapsulated",
                     ethernet(deep(8)))
        suite.note("tunnel-opened")
    suite.service("203.0.113.60", 80, "tcp", REALS4)
    came, left = (packet(TCP, 12205, 80, dst="203.0.113.60", ttl=ttl) for ttl in (9, 8))
    service = suite.services[-1]
    for name, ip in (("IPv4 options before a tunnel", {"options": b"\1" * 8}),
                     ("do-not-fragment on a tunnel", {"fragment": 0x4000})):
        suite.vector(name, ethernet(tunnel(came, 4, BALANCE, **ip)), "XDP_TX", "forwarded",
                     ethernet(service.outer(left, CLIENT4, 12205, 80), dst=GATEWAY,
                              src=wire.UPLINK))
        suite.note("tunnel-opened")
    limit = wire.extension(wire.IPIP)
    suite.vector("an encapsulation limit before a tunnel", ethernet(wire.ipv6(
        NEIGHBOURS[6], BALANCE[6], wire.OPTIONS, limit + came)), "XDP_TX", "forwarded",
        ethernet(service.outer(left, CLIENT4, 12205, 80), dst=GATEWAY, src=wire.UPLINK))
    suite.note("tunnel-opened")


def closed(suite):
    """What is for these addresses and no tunnel is the host's own, as it came."""
    inner = packet(TCP, 12206, 80)
    for to in (BALANCE, EGRESS, LOCAL):
        for name, whole in (
                ("TCP", packet4(TCP, wire.tcp(CLIENT4, to[4], 1, 22), dst=to[4])),
                ("GUE to another port", tunnel(inner, 4, to, 6080)),
                ("UDP that is no tunnel", packet4(UDP, wire.udp(
                    CLIENT4, to[4], 1, 6081, b"\0" * 30), dst=to[4])),
                ("a fragment of a tunnel", tunnel(inner, 4, to, fragment=0x2000)),
                ("ping", packet4(ICMP4, wire.icmp4(8, 0, 1, b""), dst=to[4])),
                ("IPv6 ping", packet6(ICMP6, wire.icmp6(CLIENT6, to[6], 128, 0, 1, b""),
                                      dst=to[6]))):
            suite.passes("%s to %s" % (name, to[4]), ethernet(whole), "not-a-tunnel")


ALL = [vlan, mss_auto, mss_on, mss_off, decap]
