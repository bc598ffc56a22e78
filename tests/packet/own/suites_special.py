# SPDX-License-Identifier: Apache-2.0
"""Suites of what only some services do: server ids, drop lists, source routes, rates."""

import struct

import wire
from balancer import Suite
from suites import (CLIENT4, CLIENT6, FAMILIES, REALS4, REALS6, VIP4, error4, packet, packet4,
                    packet6, quoted)
from wire import TCP, UDP, ethernet

POOL = REALS4 + REALS6[:1]
STRANGER = "192.0.2.99"


# ---- where ids stand ----

def connection_id(version, number, length=8):
    """A QUIC connection id that holds a server id: 16 bits, 24 or 32, by its first two bits."""
    if version == 1:
        head = struct.pack("!I", 1 << 30 | number << 14)[:3]
    elif version == 2:
        head = b"\x80" + struct.pack("!I", number)[1:]
    else:
        head = bytes((version << 6,)) + struct.pack("!I", number)
    return head + bytes(range(0xA0, 0xA0 + length - len(head)))


def short_header(cid):
    return b"\x43" + cid + b"protected payload"


def long_header(kind, cid, version=1, length=None):
    return struct.pack("!BIB", 0xC0 | kind << 4, version,
                       len(cid) if length is None else length) + cid + b"\0crypto"


def stable(number, first=0x52):
    return struct.pack("!I", first << 24 | number) + b"more"


def id_option(number, kind=0xB7, length=6):
    return struct.pack("<BBI", kind, length, number)


def padded(options):
    return options + bytes(-len(options) % 4)


# ---- suites ----

class Ids:
    """A service with ids, and packets of one flow after another to it."""

    def __init__(self, suite, service, v6, is_stable):
        self.suite, self.service, self.v6, self.is_stable = suite, service, v6, is_stable
        self.client, self.vip = (CLIENT6 if v6 else CLIENT4), service.address
        self.sport = 10000

    def send(self, name, payload=b"", options=None, flags=0x10, to=None, note=None):
        """to: the real that the packet itself names, else its slot's."""
        self.sport += 1
        port, slot = self.service.port, self.service.real(self.client, self.sport,
                                                          self.service.port)
        if self.service.proto == "tcp":
            l4, proto = wire.tcp(self.client, self.vip, self.sport, port, payload, flags,
                                 padded(options or b"")), TCP
        else:
            l4, proto = wire.udp(self.client, self.vip, self.sport, port, payload), UDP
        whole = (wire.ipv6 if self.v6 else wire.ipv4)(self.client, self.vip, proto, l4)
        self.suite.forwards(name, whole, self.service, self.client, self.sport, port,
                            real=to or slot)
        self.suite.note(note or ("id-routed" if to else "id-none"))
        # Stable UDP remembers nothing: there a packet without id belongs to no flow that had one.
        if to and to != slot and not self.is_stable:
            self.suite.note("id-exception")


def ids_of(suite, vip, v6, word, ids, **options):
    service = suite.service(vip, 443, word, POOL, **options)
    for real in ids:
        if real not in POOL:
            suite.op("set_real", address=real)
    suite.op("set_server_ids", vip=[vip, 443, wire.TCP if word == "tcp" else wire.UDP], ids=ids)
    return Ids(suite, service, v6, options.get("stable_udp", False))


def quic():
    suite = Suite("own_quic", mtu=1600, client_mtu=1500)
    for v6, family, vip, _ in FAMILIES:
        ids = {POOL[0]: 1, POOL[1]: 1023, POOL[2]: 0xFFFF, POOL[3]: 0x00ABCD}
        service = ids_of(suite, vip, v6, "udp", ids, quic=True, encap="gue" if v6 else "ipip")
        for version in (1, 2, 3):
            for real, number in ids.items():
                cid = connection_id(version, number)
                service.send("%s short header, version %d, id %d" % (family, version, number),
                             short_header(cid), to=real)
                for kind, name in ((2, "Handshake"), (3, "Retry")):
                    service.send("%s %s, version %d, id %d" % (family, name, version, number),
                                 long_header(kind, cid), to=real)
        cid = connection_id(2, 1023)
        for kind, name in ((0, "Initial"), (1, "0-RTT")):
            service.send("%s %s: the client's own connection id" % (family, name),
                         long_header(kind, cid), note="id-initial")
        for kind, name in ((1, "Initial"), (2, "0-RTT")):
            service.send("%s %s of QUIC version 2" % (family, name),
                         long_header(kind, cid, 0x6B3343CF), note="id-initial")
        for kind, name in ((3, "Handshake"), (0, "Retry")):
            service.send("%s %s of QUIC version 2" % (family, name),
                         long_header(kind, cid, 0x6B3343CF), to=POOL[1])
        service.send("%s long connection id" % family, long_header(2, connection_id(2, 1023, 20)),
                     to=POOL[1])
        for name, payload in (
                ("connection id of version 0", short_header(connection_id(0, 0x01020304))),
                ("id 0", short_header(connection_id(2, 0))),
                ("short header cut before the id's end", short_header(cid)[:8]),
                ("long header with a short connection id", long_header(2, cid[:7])),
                ("long header that ends in its connection id", long_header(2, cid)[:13]),
                ("connection id longer than the datagram", long_header(2, cid, length=21)),
                ("connection id said to be empty", long_header(2, cid, length=0)),
                ("connection id said to reach behind", long_header(2, cid, length=18)),
                ("one byte", b"\x40"), ("nothing", b"")):
            service.send("%s no id: %s" % (family, name), payload)
        service.send("%s an id that no real has" % family, short_header(connection_id(1, 77)),
                     note="id-unknown")
    error_of_ids(suite, service)
    return suite


def error_of_ids(suite, service):
    """An error about a flow with ids: what it quotes is not looked at for ids."""
    vip, client = service.vip, service.client
    quote = wire.ipv6(vip, client, UDP, wire.udp(vip, client, 443, 20000, b"\x43" + bytes(30)))
    whole = wire.ipv6("2001:db8:c::fe", vip, wire.ICMP6,
                      wire.icmp6("2001:db8:c::fe", vip, 1, 4, 0, quote))
    suite.forwards("an ICMPv6 error about a QUIC flow", whole, service.service, client, 20000, 443)
    suite.note("id-none")


def tcp_ids():
    suite = Suite("own_tcp_ids", mtu=1600, client_mtu=1500)
    for v6, family, vip, _ in FAMILIES:
        ids = {POOL[0]: 1, POOL[1]: 0x80000001, POOL[2]: 0xFFFFFFFE, POOL[3]: 0x01020304}
        service = ids_of(suite, vip, v6, "tcp", ids, tcp_server_id=True)
        stamps = b"\1\1\x08\x0a" + bytes(8)
        for real, number in ids.items():
            for name, options in (("alone", id_option(number)),
                                  ("behind no-operations", b"\1\1" + id_option(number)),
                                  ("behind time stamps", stamps + id_option(number)),
                                  ("behind an option of odd length",
                                   b"\xfd\x05abc" + id_option(number)),
                                  ("the fifteenth option", b"\1" * 14 + id_option(number)),
                                  ("the last of a full header", b"\xfe\x22" + bytes(32) +
                                   id_option(number))):
                service.send("%s id %d %s" % (family, number, name), b"x", options, to=real)
        good = id_option(1)
        for name, options in (
                ("no options", b""), ("id 0", id_option(0)),
                ("behind the end of the list", b"\0" + good),
                ("the sixteenth option", b"\1" * 15 + good),
                ("of length 5", id_option(1, length=5)), ("of length 7", id_option(1, length=7)),
                ("of another kind", id_option(1, kind=0xB6)),
                ("behind an option of length 0", b"\x08\0" + good),
                ("behind an option of length 1", b"\x08\1" + good),
                ("behind an option longer than the header", b"\x08\x28" + good)):
            service.send("%s no id: %s" % (family, name), b"x", options)
        service.send("%s SYN with an id" % family, b"", good, flags=2)
        service.send("%s RST with an id" % family, b"", good, flags=4, to=POOL[0])
        service.send("%s an id that no real has" % family, b"", id_option(9), note="id-unknown")
    return suite


def stable_udp():
    suite = Suite("own_stable_udp", mtu=1600, client_mtu=1500)
    for v6, family, vip, _ in FAMILIES:
        ids = {POOL[0]: 1, POOL[1]: 0x010000, POOL[2]: 0xFFFFFF}
        service = ids_of(suite, vip, v6, "udp", ids, stable_udp=True)
        for real, number in ids.items():
            service.send("%s id %d" % (family, number), stable(number), to=real)
        for name, payload in (("another first byte", stable(1, 0x53)), ("id 0", stable(0)),
                              ("seven bytes", stable(1)[:7]), ("nothing", b"")):
            service.send("%s no id: %s" % (family, name), payload)
        service.send("%s an id that no real has" % family, stable(2), note="id-unknown")
    return suite


def id_scope():
    """Where an id may lead, and what becomes of ids of reals that leave or die."""
    suite = Suite("own_id_scope", mtu=1600, client_mtu=1500)
    ids = {POOL[0]: 5, POOL[1]: 6}
    own = ids_of(suite, VIP4, False, "udp", ids, stable_udp=True)
    ids_of(suite, "203.0.113.11", False, "udp", {STRANGER: 7}, stable_udp=True)
    wide = ids_of(suite, "203.0.113.12", False, "udp", {}, stable_udp=True, server_ids="any")
    own.send("an id of another pool", stable(7), note="id-unknown")
    wide.send("any id of any pool", stable(7), to=STRANGER)
    wide.send("and of the first", stable(5), to=POOL[0])
    suite.op("set_real", address=POOL[0], life="leaving")
    own.send("a real that takes no new flows still gets what names it", stable(5), to=POOL[0])
    suite.op("set_real", address=POOL[0], life="dead")
    own.send("a dead one does not", stable(5), note="id-unknown")
    suite.op("set_server_ids", vip=[VIP4, 443, UDP], ids={POOL[1]: 5})
    own.send("an id that another real got", stable(5), to=POOL[1])
    own.send("an id that was taken away", stable(6), note="id-unknown")
    return suite


def sources():
    """Drop lists, source routes and rates."""
    suite = Suite("own_sources", mtu=1600, client_mtu=1500)
    drops(suite)
    routes(suite)
    rates(suite)
    return suite


def drops(suite):
    for v6, family, vip, client in FAMILIES:
        prefix = "2001:db8:bad::/48" if v6 else "198.51.100.128/25"
        one = "2001:db8:c::bad" if v6 else "198.51.100.3"
        service = suite.service(vip, 80, "tcp", POOL, drop_sources=[prefix, one])
        for source, is_dropped in (((one, True), ("2001:db8:bad:1::1", True), (client, False),
                                    ("2001:db8:bae::1", False)) if v6 else
                                   ((one, True), ("198.51.100.128", True),
                                    ("198.51.100.255", True), (client, False),
                                    ("198.51.100.127", False), ("198.51.100.2", False))):
            whole = packet(TCP, 11000, 80, b"", v6, src=source)
            if is_dropped:
                suite.drops("%s on the drop list" % source, ethernet(whole), "source-dropped")
            else:
                suite.forwards("%s not on the drop list" % source, whole, service, source, 11000,
                               80)
    suite.drops("an ICMP error about a dropped client's flow", ethernet(packet4(
        wire.ICMP4, wire.icmp4(3, 1, 0, wire.ipv4(VIP4, "198.51.100.200", TCP, wire.tcp(
            VIP4, "198.51.100.200", 80, 11000))), "203.0.113.254")), "source-dropped")
    suite.service("203.0.113.30", 80, "tcp", POOL)
    suite.op("set_service", vip=["203.0.113.30", 80, TCP], drop_sources=["0.0.0.0/0"])
    suite.drops("everybody on the drop list", ethernet(packet(
        TCP, 11001, 80, dst="203.0.113.30")), "source-dropped")


def routes(suite):
    for v6, family, vip, client in FAMILIES:
        wide, narrow = (("2001:db8:c::/48", "2001:db8:c:9::/64") if v6 else
                        ("198.51.100.0/24", "198.51.100.64/28"))
        service = suite.service(vip, 81, "tcp", POOL, encap="gue",
                                source_routes={wide: "192.0.2.50", narrow: "192.0.2.51"})
        cases = ((("2001:db8:c:1::1", "192.0.2.50"), ("2001:db8:c:9::1", "192.0.2.51"),
                  ("2001:db8:d::1", None)) if v6 else
                 (("198.51.100.1", "192.0.2.50"), ("198.51.100.70", "192.0.2.51"),
                  ("203.0.113.200", None)))
        for source, real in cases:
            for flags in (2, 0x10):
                suite.forwards("%s by %s" % (source, real or "the ring"),
                               packet(TCP, 11002, 81, b"", v6, src=source, flags=flags), service,
                               source, 11002, 81, real=real)
                if real:
                    suite.note("source-routed")
    quote = quoted(False, TCP, 81, 11003, 8)
    suite.forwards("an ICMP error follows the route of the flow it quotes",
                   error4(3, 4, quote, 1400),
                   suite_service(suite, VIP4, 81), CLIENT4, 11003, 81, real="192.0.2.51")
    suite.note("source-routed")


def suite_service(suite, address, port):
    return next(s for s in suite.services if s.address == address and s.port == port)


def rates(suite):
    """A rate that is not reached, and one that is, on a clock that stands still in between."""
    service = suite.service("203.0.113.31", 80, "tcp", POOL)
    suite.op("set_service", vip=["203.0.113.31", 80, TCP], rate=1000000)
    for flags, name in ((2, "SYN"), (0x10, "ACK"), (4, "RST")):
        suite.forwards("%s below the rate" % name, packet(
            TCP, 11004, 80, b"", dst="203.0.113.31", flags=flags), service, CLIENT4, 11004, 80)
    service = suite.service("203.0.113.32", 80, "tcp", POOL)
    suite.op("set_service", vip=["203.0.113.32", 80, TCP], rate=20)

    def syn(name, let_in):
        whole = packet(TCP, 11005, 80, b"", dst="203.0.113.32", flags=2)
        if let_in:
            suite.forwards(name, whole, service, CLIENT4, 11005, 80)
        else:
            suite.drops(name, ethernet(whole), "rate-limited")

    for after_ms, let_in, name in ((0, 3, "after a long time"), (49, 0, "just before the next"),
                                   (50, 1, "a twentieth of a second later"),
                                   (60000, 3, "a minute later")):
        suite.op("set_clock", us=10**10 + 1000 * after_ms)
        for i in range(let_in + 1):
            syn("SYN %d of a rate of 20, %s" % (i + 1, name), i < let_in)
    suite.forwards("ACK of the service whose rate is reached", packet(
        TCP, 11005, 80, b"", dst="203.0.113.32"), service, CLIENT4, 11005, 80)


ALL = [quic, tcp_ids, stable_udp, id_scope, sources]
