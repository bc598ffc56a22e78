# SPDX-License-Identifier: Apache-2.0
"""
Suites of flows whose slot changes hands: the rule of docs/packet-path.md, packet by packet. What only
time brings (moving slots that settle, entries that grow old) is not for vectors.
"""

import copy

import wire
from balancer import Suite
from suites import (CLIENT4, CLIENT6, FAMILIES, REALS4, VIP4, error4, error6, packet, quoted)
from suites_special import connection_id, id_option, long_header, short_header
from wire import TCP, UDP

A, B, C = REALS4
SYN, ACK = 0x02, 0x10


class Moving:
    """A service whose ring changes, and its flows."""

    def __init__(self, suite, service, v6):
        self.suite, self.service, self.v6 = suite, service, v6
        self.client, self.rings = (CLIENT6 if v6 else CLIENT4), [service.slots]
        self.proto = TCP if service.proto == "tcp" else UDP
        self.next_port = 1024

    def key(self):
        return [self.service.address, self.service.port, self.proto]

    def ring(self, *reals):
        self.service = copy.copy(self.service)
        self.service.slots = type(self.service)(
            self.service.address, self.service.port, self.service.proto,
            {address: 1 for address in reals}).slots
        self.rings.append(self.service.slots)
        self.suite.op("set_reals", vip=self.key(), reals={address: 1 for address in reals})

    def flow(self, *owners):
        """A new flow whose slot had these owners, one for each of the last rings."""
        while True:
            self.next_port += 1
            slot = self.service.slot(self.client, self.next_port, self.service.port)
            if all(ring[slot] == owner for ring, owner in zip(self.rings[-len(owners):], owners)):
                return self.next_port

    def send(self, name, sport, real, flags=ACK):
        self.suite.forwards(name, packet(self.proto, sport, self.service.port, b"", self.v6,
                                         flags=flags), self.service, self.client, sport,
                            self.service.port, real=real)

    def error(self, name, sport, real):
        quote = quoted(self.v6, self.proto, self.service.port, sport, 8)
        whole = error6(1, 4, quote) if self.v6 else error4(3, 1, quote)
        self.suite.forwards(name, whole, self.service, self.client, sport, self.service.port,
                            real=real)


def life(suite, address, word):
    suite.op("set_real", address=address, life=word)


def leave_and_return():
    """A real leaves, dies, and comes back."""
    suite = Suite("own_flows", mtu=1600, client_mtu=1500)
    for v6, family, vip, _ in FAMILIES:
        moving = Moving(suite, suite.service(vip, 80, "tcp", [A, B, C]), v6)
        old, kept = moving.flow(C), moving.flow(A)
        moving.send("%s steady" % family, old, C)
        moving.send("%s steady, another real" % family, kept, A)
        life(suite, C, "leaving")
        moving.ring(A, B)
        at_a, at_b = moving.flow(C, A), moving.flow(C, B)
        moving.send("%s C leaves: an established flow stays" % family, old, C)
        moving.send("%s and one never seen before, as it may be established" % family, at_a, C)
        moving.error("%s an ICMP error about one not seen" % family, at_b, C)
        fresh = moving.flow(C, B)
        moving.error("%s an error writes nothing" % family, fresh, C)
        moving.send("%s a SYN goes to the new owner" % family, fresh, B, SYN)
        moving.send("%s and the flow stays there" % family, fresh, B)
        moving.error("%s an error about it follows" % family, fresh, B)
        moving.send("%s a SYN of a flow of C, which takes none" % family, at_a, A, SYN)
        moving.send("%s is a new flow" % family, at_a, A)
        moving.send("%s slots that did not change are steady" % family, kept, A)
        life(suite, C, "dead")
        moving.send("%s C is dead: its flow goes to the owner at once" % family, old,
                    moving.service.real(moving.client, old, 80))
        moving.send("%s so do flows not seen" % family, moving.flow(C, A), A)
        moving.send("%s what was new stays" % family, fresh, B)
        life(suite, C, "takes")
        moving.ring(A, B, C)
        moving.send("%s C is back: a flow that B took stays with B" % family, fresh, B)
        moving.send("%s one that A took stays with A" % family, at_a, A)
        moving.send("%s a flow never seen is C's" % family, moving.flow(C, A, C), C)
        again = moving.flow(C, B, C)
        moving.send("%s a new one is C's" % family, again, C, SYN)
        moving.send("%s and stays" % family, again, C)
    return suite


def twice():
    """Two changes before the first has settled: unremembered flows keep the first owner."""
    suite = Suite("own_flows_twice", mtu=1600, client_mtu=1500)
    moving = Moving(suite, suite.service(VIP4, 80, "tcp", [A, B, C]), False)
    life(suite, C, "leaving")
    moving.ring(A, B)
    early = moving.flow(C, B)
    moving.send("new with B", early, B, SYN)
    life(suite, B, "leaving")
    moving.ring(A)
    silent, late = moving.flow(C, B, A), moving.flow(C, B, A)
    moving.send("C's flow, silent until now", silent, C)
    moving.send("B's flow", early, B)
    moving.send("new with A", late, A, SYN)
    moving.send("B's own unremembered flow", moving.flow(B, B, A), B)
    life(suite, C, "dead")
    moving.send("C is dead, B not", early, B)
    moving.send("C's flow goes to A", silent, A)
    life(suite, B, "dead")
    moving.send("B is dead, too", early, A)
    moving.send("A's flows stay", late, A)
    return suite


def datagrams():
    """UDP: a datagram does not say whether it begins a flow."""
    suite = Suite("own_flows_udp", mtu=1600, client_mtu=1500)
    for v6, family, vip, _ in FAMILIES:
        moving = Moving(suite, suite.service(vip, 53, "udp", [A, B, C]), v6)
        leaves = Moving(suite, suite.service(vip, 54, "udp", [A, B, C], migrate_udp=True), v6)
        life(suite, C, "leaving")
        for each in (moving, leaves):
            each.ring(A, B)
        moving.send("%s soon after a change: where it was" % family, moving.flow(C, A), C)
        moving.error("%s an error as well" % family, moving.flow(C, B), C)
        leaves.send("%s migrate-udp: to the new owner at once" % family, leaves.flow(C, B), B)
        stays = moving.flow(C, B)
        moving.send("%s remembered" % family, stays, C)
        life(suite, C, "dead")
        moving.send("%s until C is dead" % family, stays, B)
        life(suite, C, "takes")
        for each in (moving, leaves):
            each.ring(A, B, C)
        moving.send("%s remembered with B" % family, stays, B)
        leaves.send("%s C takes again: its own" % family, leaves.flow(C, A, C), C)
    return suite


def tracking():
    """`track: all` remembers in steady slots, `track: none` never."""
    suite = Suite("own_flows_track", mtu=1600, client_mtu=1500)
    for v6, family, vip, _ in FAMILIES:
        every = Moving(suite, suite.service(vip, 80, "tcp", [A, B, C], track="all"), v6)
        none = Moving(suite, suite.service(vip, 81, "tcp", [A, B, C], track="none"), v6)
        known, unknown = every.flow(C), none.flow(C)
        every.send("%s track all: remembered from the start" % family, known, C)
        none.send("%s track none" % family, unknown, C)
        for each in (every, none):
            each.ring(A, B)
            each.ring(A)
        every.send("%s track all: C's flow after two changes" % family, known, C)
        new = every.flow(C, B, A)
        every.send("%s track all: a new flow" % family, new, A, SYN)
        every.send("%s track all: stays" % family, new, A)
        none.send("%s track none: the owner's at once" % family, unknown, A)
        none.send("%s track none: any packet" % family, none.flow(C, B, A), A)
    return suite


def exceptions():
    """What ids said of a flow is remembered for its packets without id."""
    suite = Suite("own_flows_ids", mtu=1600, client_mtu=1500)
    service = suite.service(VIP4, 443, "udp", [A, B, C], quic=True)
    suite.op("set_server_ids", vip=[VIP4, 443, UDP], ids={A: 1, B: 2, C: 3})
    moving = Moving(suite, service, False)
    sport = moving.flow(A)

    def datagram(name, payload, real):
        l4 = wire.udp(CLIENT4, VIP4, sport, 443, payload)
        suite.forwards(name, wire.ipv4(CLIENT4, VIP4, UDP, l4), service, CLIENT4, sport, 443,
                       real=real)

    initial = long_header(0, bytes(8))
    datagram("Initial: the slot's", initial, A)
    datagram("an id of B", short_header(connection_id(1, 2)), B)
    datagram("a packet without id follows", initial, B)
    datagram("an id of C", short_header(connection_id(2, 3)), C)
    datagram("and its follower", short_header(bytes(8)), C)
    datagram("an id that agrees with the slot ends the exception",
             short_header(connection_id(3, 1)), A)
    datagram("so does what follows", initial, A)
    for name, times in (("initial", 3), ("none", 4), ("routed", 5), ("exception", 3)):
        suite.note("id-" + name, times)
    service = suite.service(VIP4, 443, "tcp", [A, B, C], tcp_server_id=True)
    suite.op("set_server_ids", vip=[VIP4, 443, TCP], ids={A: 1, B: 2, C: 3})
    for name, options, real in (("no id: the slot's", b"", A), ("an id of C", id_option(3), C),
                                ("no id: follows", b"", C), ("an id of A", id_option(1), A),
                                ("no id: the slot's again", b"", A)):
        l4 = wire.tcp(CLIENT4, VIP4, sport, 443, b"", ACK, options + bytes(-len(options) % 4))
        suite.forwards("TCP, " + name, wire.ipv4(CLIENT4, VIP4, TCP, l4), service, CLIENT4,
                       sport, 443, real=real)
    return suite


ALL = [leave_and_return, twice, datagrams, tracking, exceptions]
