# SPDX-License-Identifier: Apache-2.0
"""The suites of plain forwarding: a function each, the packets in the order they are sent."""

import struct

import wire
from balancer import GATEWAY, OVERHEAD, Suite, version
from wire import HOP, ICMP4, ICMP6, OPTIONS, ROUTING, TCP, UDP, ethernet, put16

VIP4, VIP6 = "203.0.113.10", "2001:db8:cafe::10"
CLIENT4, CLIENT6 = "198.51.100.77", "2001:db8:c:1::77"
OTHER4, OTHER6 = "203.0.113.99", "2001:db8:cafe::99"
ROUTER4, ROUTER6 = "198.51.100.254", "2001:db8:c::fe"
REALS4 = ["192.0.2.%d" % i for i in (1, 2, 3)]
REALS6 = ["2001:db8:ea::%d" % i for i in (1, 2, 3)]


def packet4(proto, l4, src=CLIENT4, dst=VIP4, **ip):
    return wire.ipv4(src, dst, proto, l4, **ip)


def packet6(proto, l4, src=CLIENT6, dst=VIP6, **ip):
    return wire.ipv6(src, dst, proto, l4, **ip)


def packet(proto, sport, dport, payload=b"", v6=False, dst=None, src=None, flags=0x10, **ip):
    """A whole TCP or UDP packet of a client to a VIP."""
    src, dst = src or (CLIENT6 if v6 else CLIENT4), dst or (VIP6 if v6 else VIP4)
    if proto == TCP:
        l4 = wire.tcp(src, dst, sport, dport, payload, flags)
    else:
        l4 = wire.udp(src, dst, sport, dport, payload)
    return (packet6 if v6 else packet4)(proto, l4, src, dst, **ip)


FORMS = [(TCP, "tcp"), (UDP, "udp")]
FAMILIES = [(False, "IPv4", VIP4, CLIENT4), (True, "IPv6", VIP6, CLIENT6)]


def forward():
    """Every pair of families and protocols, TOS, flags, many flows over weighted reals."""
    suite = Suite("own_forward", mtu=1600, client_mtu=1500)
    port = 1000
    for proto, word in FORMS:
        for v6, family, vip, client in FAMILIES:
            for reals, to in ((REALS4, "IPv4"), (REALS6, "IPv6")):
                port += 1
                service = suite.service(vip, port, word, reals)
                for sport in (1, 255, 256, 31337, 65535):
                    suite.forwards(
                        "%s %s from port %d to %s real" % (family, word, sport, to),
                        packet(proto, sport, port, b"q" * (sport % 17), v6),
                        service, client, sport, port)
    weights = {REALS4[0]: 100, REALS4[1]: 50, REALS6[2]: 1, "192.0.2.40": 0}
    for v6, family, vip, client in FAMILIES:
        service = suite.service(vip, 443, "tcp", weights)
        for i in range(40):
            sport = 2000 + 1237 * i
            suite.forwards("%s flow %d over weighted reals" % (family, i),
                           packet(TCP, sport, 443, b"", v6, flags=0x02 if i % 2 else 0x18,
                                  **{"tclass" if v6 else "tos": 7 * i % 256}),
                           service, client, sport, 443)
        for i in range(10):
            source = "2001:db8:c:%x::%x" % (i * 77, i * 4919) if v6 else "198.51.100.%d" % (9 * i)
            suite.forwards("%s client %s" % (family, source),
                           packet(TCP, 5000, 443, b"x", v6, src=source), service, source, 5000,
                           443)
        suite.forwards("%s with TTL 1" % family,
                       packet(TCP, 5001, 443, b"", v6, **{"hops" if v6 else "ttl": 1}),
                       service, client, 5001, 443)
    suite.forwards("IPv6 with a flow label", packet(TCP, 5002, 443, b"", True, label=0xABCDE),
                   service, CLIENT6, 5002, 443)
    service = suite.service(VIP4, 53, "udp", REALS4)
    whole = packet(UDP, 5003, 53, b"padded")
    outer = ethernet(service.outer(whole, CLIENT4, 5003, 53), dst=GATEWAY, src=wire.UPLINK)
    suite.vector("short frame padded by the sender: the padding stays behind", ethernet(whole) +
                 bytes(18), "XDP_TX", "forwarded", outer + bytes(18))
    return suite


def gue():
    """GUE per pool, its own port, and the sums of its checksum."""
    suite = Suite("own_gue", mtu=1600, client_mtu=1500)
    port = 2000
    services = {}
    for proto, word in FORMS:
        for v6, family, vip, client in FAMILIES:
            for reals, to in ((REALS4, 4), (REALS6, 6)):
                port += 1
                service = suite.service(vip, port, word, reals, encap="gue",
                                        gue_port=6080 + port % 2)
                services[v6, proto, to] = service
                for size in (0, 1, 2, 33, 64, 1300):
                    suite.forwards("%s %s of %d bytes to IPv%d real" % (family, word, size, to),
                                   packet(proto, 300 + size, port, bytes(range(255, 0, -1)) * 5 +
                                          bytes(25) if size == 1300 else b"\xfe" * size, v6,
                                          **{"tclass" if v6 else "tos": 0xB8}),
                                   service, client, 300 + size, port)
    suite.service(VIP4, 80, "tcp", REALS4)
    for v6, family, vip, client in FAMILIES:
        for to in (4, 6):
            service = services[v6, UDP, to]
            l4 = wire.udp(client, vip, 700, service.port, b"no sum", summed=False)
            suite.forwards("%s UDP without checksum to IPv%d real" % (family, to),
                           (packet6 if v6 else packet4)(UDP, l4), service, client, 700,
                           service.port, unsummed=True)
            whole, sport = sum_to_nothing(service, v6, client)
            suite.forwards("%s UDP whose outer checksum computes to 0, IPv%d real" % (family, to),
                           whole, service, client, sport, service.port)
            service = services[v6, TCP, to]
            error = quote_error(v6, service, 900)
            suite.forwards("%s ICMP error to IPv%d real: summed whole" % (family, to), error,
                           service, client, 900, service.port)
    for to in (4, 6):
        service = services[True, TCP, to]
        l4 = wire.tcp(CLIENT6, VIP6, 910, service.port, b"behind an extension header")
        suite.forwards("IPv6 extension headers to IPv%d real: summed whole" % to,
                       packet6(HOP, wire.extension(OPTIONS) + wire.extension(TCP, 16) + l4),
                       service, CLIENT6, 910, service.port)
        service = services[False, TCP, to]
        l4 = wire.tcp(CLIENT4, VIP4, 911, service.port, b"behind IPv4 options")
        suite.forwards("IPv4 options to IPv%d real" % to,
                       packet4(TCP, l4, options=bytes((7, 7, 4, 0, 0, 0, 0, 0))),
                       service, CLIENT4, 911, service.port)
    for v6, family, vip, client in FAMILIES:
        for to in (4, 6):
            service = services[v6, UDP, to]
            l4 = wire.udp(client, vip, 920, service.port, b"short") + b"behind the datagram"
            suite.forwards("%s UDP with options behind it to IPv%d real" % (family, to),
                           (packet6 if v6 else packet4)(UDP, l4), service, client, 920,
                           service.port)
    return suite


def sum_to_nothing(service, v6, client):
    """A datagram whose outer GUE checksum computes to 0, which is sent as 0xffff; and its port."""
    for size in range(500):
        for real in service.reals:
            data = b"z" * size
            outer = service.outer(packet(UDP, 1, service.port, data, v6), client, 1, service.port,
                                  real=real)
            at = 20 if version(real) == 4 else 40
            spread, _, _, check = struct.unpack("!HHHH", outer[at:at + 8])
            spread = (spread + check) % 65535
            sport = port_that_spreads(spread, client, version(real))
            if service.real(client, sport, service.port) == real:
                return packet(UDP, sport, service.port, data, v6), sport
    raise AssertionError("no such datagram")


def port_that_spreads(spread, client, real_version):
    """The client's port that gives this outer source port."""
    last, high, low = wire.raw(client)[-4:], spread >> 8, spread & 0xFF
    if real_version == 4:
        return (low ^ last[3]) << 8 | high ^ last[2]
    last = last[2:] if version(client) == 4 else last[:2]
    return (high ^ last[0]) << 8 | low ^ last[1]


def quoted(v6, proto, port, sport, bytes_of_l4=20):
    """The start of a packet that the VIP sent to the client."""
    vip, client = (VIP6, CLIENT6) if v6 else (VIP4, CLIENT4)
    l4 = (wire.tcp if proto == TCP else wire.udp)(vip, client, port, sport, b"data")
    whole = (wire.ipv6 if v6 else wire.ipv4)(vip, client, proto, l4)
    return whole[:(40 if v6 else 20) + bytes_of_l4]


def error4(kind, code, quote, rest=0, **ip):
    return packet4(ICMP4, wire.icmp4(kind, code, rest, quote), ROUTER4, **ip)


def error6(kind, code, quote, rest=0, **ip):
    return packet6(ICMP6, wire.icmp6(ROUTER6, VIP6, kind, code, rest, quote), ROUTER6, **ip)


def quote_error(v6, service, sport):
    quote = quoted(v6, TCP, service.port, sport, 8)
    return error6(2, 0, quote, 1280) if v6 else error4(3, 4, quote, 1400)


def hashes():
    """The four hash modes, on a port, on any port, and on prefixes."""
    suite = Suite("own_hashes", mtu=1600, client_mtu=1500)
    hosts = 20
    for mode in ("5-tuple", "all-ports", "source-ip", "destination-port"):
        for v6, family, _, client in FAMILIES:
            for port in (53, 0):
                hosts += 1
                vip = "2001:db8:cafe::%x" % hosts if v6 else "203.0.113.%d" % hosts
                service = suite.service(vip, port, "udp", REALS4 + REALS6, hash=mode)
                for sport, dport in ((1024, 53), (1025, 53), (1025, 54), (40000, 9999)):
                    if port and dport != port:
                        continue
                    suite.forwards(
                        "%s %s, port %s: %d to %d" % (family, mode, port or "any", sport, dport),
                        packet(UDP, sport, dport, b"?", v6, dst=vip), service, client, sport,
                        dport)
    return suite


def prefixes():
    """VIPs that are prefixes: the longest wins, an exact address over all."""
    suite = Suite("own_prefixes", mtu=1600, client_mtu=1500)
    far = suite.service("203.0.112.0/22", 80, "tcp", REALS4[:1] + REALS6)
    near = suite.service("203.0.113.128/25", 80, "tcp", REALS4[1:])
    exact = suite.service("203.0.113.130", 80, "tcp", REALS4[2:])
    any_port = suite.service("203.0.113.64/26", 0, "udp", REALS6)
    wide = suite.service("2001:db8:cafe::/48", 80, "tcp", REALS6)
    narrow = suite.service("2001:db8:cafe:7::/64", 80, "tcp", REALS4, hash="all-ports")
    for vip, service in (("203.0.112.1", far), ("203.0.113.63", far), ("203.0.115.255", far),
                         ("203.0.113.128", near), ("203.0.113.255", near),
                         ("203.0.113.130", exact)):
        for sport in (4000, 4001, 4002):
            suite.forwards("%s from %d" % (vip, sport), packet(TCP, sport, 80, dst=vip), service,
                           CLIENT4, sport, 80)
    for vip, service in (("2001:db8:cafe:1::1", wide), ("2001:db8:cafe:7::1", narrow),
                         ("2001:db8:cafe:7:ffff:ffff:ffff:ffff", narrow),
                         ("2001:db8:cafe:8::", wide)):
        suite.forwards("to %s" % vip, packet(TCP, 4003, 80, b"", True, dst=vip), service, CLIENT6,
                       4003, 80)
    for port in (1, 53, 65535):
        suite.forwards("any port of a prefix: %d" % port,
                       packet(UDP, 4004, port, dst="203.0.113.65"), any_port, CLIENT4, 4004, port)
    suite.drops("another port of a prefix", ethernet(packet(TCP, 1, 81, dst="203.0.112.1")),
                "unserved")
    suite.drops("the longest prefix has no such service, a shorter one does not help",
                ethernet(packet(UDP, 1, 80, dst="203.0.113.200")), "unserved")
    suite.passes("just before the prefix", ethernet(packet(TCP, 1, 80, dst="203.0.111.255")),
                 "not-a-vip")
    suite.passes("just behind it", ethernet(packet(TCP, 1, 80, dst="203.0.116.0")), "not-a-vip")
    suite.passes("IPv6 just behind", ethernet(packet(TCP, 1, 80, b"", True,
                                                     dst="2001:db8:caff::")), "not-a-vip")
    for vip in ("203.0.113.200", "203.0.113.130"):
        suite.passes("IPv6 to the mapped form of %s" % vip,
                     ethernet(packet(TCP, 1, 80, b"", True, dst="::ffff:" + vip)), "not-a-vip")
    return suite


def headers():
    """IPv4 options, IPv6 extension headers, fragments, and headers that cannot be."""
    suite = Suite("own_headers", mtu=1600, client_mtu=1500)
    web4 = suite.service(VIP4, 80, "tcp", REALS4)
    web6 = suite.service(VIP6, 80, "tcp", REALS6)
    options4(suite, web4)
    extensions6(suite, web6)
    fragments(suite)
    lies(suite)
    return suite


def options4(suite, web):
    l4 = wire.tcp(CLIENT4, VIP4, 6000, 80, b"with options")
    for size in (4, 8, 20, 40):
        suite.forwards("%d bytes of IPv4 options" % size, packet4(TCP, l4, options=b"\1" * size),
                       web, CLIENT4, 6000, 80)
    suite.forwards("router alert and the end of the list",
                   packet4(TCP, l4, options=bytes((148, 4, 0, 0, 0, 0, 0, 0))), web, CLIENT4,
                   6000, 80)


def chain(kinds, last):
    """Extension headers of these kinds before a header `last`."""
    data = b""
    for kind, following in zip(kinds, kinds[1:] + [last]):
        data += wire.auth_header(following) if kind == wire.AUTH else wire.extension(following)
    return data


def extensions6(suite, web):
    l4 = wire.tcp(CLIENT6, VIP6, 6001, 80, b"with headers")
    for kinds in ([HOP], [OPTIONS], [ROUTING], [wire.AUTH], [HOP, ROUTING, OPTIONS, wire.AUTH],
                  [OPTIONS] * 8):
        suite.forwards("extension headers %s" % kinds, packet6(kinds[0], chain(kinds, TCP) + l4),
                       web, CLIENT6, 6001, 80)
    suite.forwards("an extension header of 256 bytes",
                   packet6(OPTIONS, wire.extension(TCP, 256) + l4), web, CLIENT6, 6001, 80)
    suite.drops("nine extension headers", ethernet(packet6(OPTIONS, chain([OPTIONS] * 9, TCP) +
                                                           l4)), "ext-headers")
    suite.drops("a chain that ends behind the first 1,023 bytes",
                ethernet(packet6(OPTIONS, wire.extension(OPTIONS, 256) * 3 +
                                 wire.extension(TCP, 256) + l4)), "ext-headers")
    suite.drops("an extension header that ends behind the packet", ethernet(
        packet6(OPTIONS, put16(wire.extension(TCP), 0, TCP << 8 | 40) + l4)), "malformed-l4")
    suite.drops("half an extension header", ethernet(packet6(HOP, b"\x06\0\1\0")), "malformed-ip")
    suite.drops("no next header", ethernet(packet6(wire.NONE, b"")), "unserved")
    suite.drops("a protocol that no service has", ethernet(packet6(132, bytes(40))), "unserved")
    suite.drops("the same behind an extension header",
                ethernet(packet6(HOP, wire.extension(132) + bytes(40))), "unserved")


def fragments(suite):
    any4 = suite.service("203.0.113.11", 0, "udp", REALS4 + REALS6, hash="source-ip")
    any6 = suite.service("2001:db8:cafe::11", 0, "udp", REALS4 + REALS6, hash="source-ip",
                         encap="gue")
    plain = suite.service("203.0.113.12", 0, "udp", REALS4)
    l4 = wire.udp(CLIENT4, "203.0.113.11", 6002, 9, bytes(range(64)))
    for name, data, word in (("first", l4[:32], 0x2000), ("middle", l4[32:48], 0x2004),
                             ("last", l4[48:], 0x0006)):
        suite.forwards("%s fragment to an any-port source-ip service" % name,
                       packet4(UDP, data, dst="203.0.113.11", fragment=word), any4, CLIENT4, 0, 0)
        suite.drops("%s fragment to another hash" % name,
                    ethernet(packet4(UDP, data, dst="203.0.113.12", fragment=word)), "fragment")
        suite.drops("%s fragment to a service with a port" % name,
                    ethernet(packet4(TCP, data, fragment=word)), "fragment")
        suite.passes("%s fragment to the host" % name,
                     ethernet(packet4(UDP, data, dst=OTHER4, fragment=word)), "not-a-vip")
    suite.forwards("not a fragment: the same real", packet4(UDP, l4, dst="203.0.113.11",
                                                            fragment=0x4000), any4, CLIENT4, 6002,
                   9)
    suite.forwards("do-not-fragment is no fragment", packet4(UDP, wire.udp(
        CLIENT4, "203.0.113.12", 6003, 9), dst="203.0.113.12", fragment=0x4000), plain, CLIENT4,
        6003, 9)
    l4 = wire.udp(CLIENT6, "2001:db8:cafe::11", 6004, 9, bytes(range(64)))
    for name, data, offset, more in (("first", l4[:32], 0, 1), ("middle", l4[32:48], 4, 1),
                                     ("last", l4[48:], 6, 0), ("only", l4, 0, 0)):
        head = wire.fragment_header(UDP, offset, more)
        suite.forwards("%s IPv6 fragment in GUE" % name,
                       packet6(wire.FRAGMENT, head + data, dst="2001:db8:cafe::11"), any6,
                       CLIENT6, 0, 0)
        suite.drops("%s IPv6 fragment to a service with a port" % name,
                    ethernet(packet6(wire.FRAGMENT, wire.fragment_header(TCP, offset, more) +
                                     data)), "fragment")
    suite.drops("a fragment of ICMP", ethernet(packet4(ICMP4, bytes(16), fragment=0x2000)),
                "fragment")


def lies(suite):
    good = packet(TCP, 6005, 80, b"lies")
    for name, frame in (("version 6 behind an IPv4 type", b"\x65" + good[1:]),
                        ("a header of 16 bytes", b"\x44" + good[1:]),
                        ("a header that ends behind the packet", b"\x4f" + good[1:20] +
                         good[20:36]),
                        ("a total length beyond the frame", put16(good, 2, len(good) + 1)),
                        ("a total length less than the header", put16(good, 2, 19))):
        suite.drops("IPv4: " + name, ethernet(frame, kind=wire.ETH_IPV4), "malformed-ip")
    good = packet(TCP, 6005, 80, b"lies", True)
    for name, frame in (("version 4 behind an IPv6 type", b"\x40" + good[1:]),
                        ("a payload beyond the frame", put16(good, 4, len(good) - 39))):
        suite.drops("IPv6: " + name, ethernet(frame, kind=wire.ETH_IPV6), "malformed-ip")
    suite.drops("half a TCP header", ethernet(packet4(TCP, bytes(19))), "malformed-l4")
    suite.drops("half a UDP header", ethernet(packet4(UDP, bytes(7))), "malformed-l4")
    suite.drops("half a TCP header, IPv6", ethernet(packet6(TCP, bytes(12))), "malformed-l4")
    suite.drops("no ICMP header", ethernet(packet4(ICMP4, b"")), "malformed-l4")


def icmp():
    """Errors go where the flow they quote goes; pings to a VIP are answered."""
    suite = Suite("own_icmp", mtu=1600, client_mtu=1500)
    services = {}
    for v6, family, vip, client in FAMILIES:
        for proto, word in FORMS:
            services[v6, proto] = suite.service(vip, 80, word, REALS4 + REALS6)
            suite.forwards("%s %s: the flow itself" % (family, word),
                           packet(proto, 7000, 80, b"", v6), services[v6, proto], client, 7000,
                           80)
    for proto, word in FORMS:
        for kind, code in ((3, 1), (3, 3), (3, 4), (11, 0), (12, 0)):
            suite.forwards("ICMP %d/%d quotes 8 bytes of %s" % (kind, code, word),
                           error4(kind, code, quoted(False, proto, 80, 7000, 8), tos=0xC0),
                           services[False, proto], CLIENT4, 7000, 80)
        for kind, code in ((1, 4), (2, 0), (3, 0), (4, 1)):
            suite.forwards("ICMPv6 %d/%d quotes 8 bytes of %s" % (kind, code, word),
                           error6(kind, code, quoted(True, proto, 80, 7000, 8)),
                           services[True, proto], CLIENT6, 7000, 80)
    odd_quotes(suite, services)
    echoes(suite)
    return suite


def odd_quotes(suite, services):
    l4 = wire.tcp(VIP4, CLIENT4, 80, 7001, b"data")
    suite.forwards("a quote with IPv4 options",
                   error4(11, 0, wire.ipv4(VIP4, CLIENT4, TCP, l4, options=b"\1" * 8)[:36]),
                   services[False, TCP], CLIENT4, 7001, 80)
    suite.forwards("a quote of a first fragment",
                   error4(11, 1, wire.ipv4(VIP4, CLIENT4, TCP, l4, fragment=0x2000)[:28]),
                   services[False, TCP], CLIENT4, 7001, 80)
    l4 = wire.tcp(VIP6, CLIENT6, 80, 7001, b"data")
    suite.forwards("a quote with IPv6 extension headers",
                   error6(1, 0, wire.ipv6(VIP6, CLIENT6, HOP, chain([HOP, OPTIONS], TCP) + l4)),
                   services[True, TCP], CLIENT6, 7001, 80)
    for more, offset in ((1, 0), (0, 0)):
        head = wire.fragment_header(TCP, offset, more)
        suite.forwards("a quote of a first IPv6 fragment",
                       error6(2, 0, wire.ipv6(VIP6, CLIENT6, wire.FRAGMENT, head + l4), 1280),
                       services[True, TCP], CLIENT6, 7001, 80)
    suite.drops("a quote of a later IPv6 fragment to a service with a port", ethernet(error6(
        1, 0, wire.ipv6(VIP6, CLIENT6, wire.FRAGMENT, wire.fragment_header(TCP, 4, 0) + l4))),
                "fragment")
    any_port = suite.service("203.0.113.11", 0, "udp", REALS4, hash="source-ip")
    later = wire.ipv4("203.0.113.11", CLIENT4, UDP, bytes(16), fragment=4)
    suite.forwards("a quote of a later fragment, any-port source-ip service",
                   packet4(ICMP4, wire.icmp4(3, 3, 0, later), ROUTER4, "203.0.113.11"), any_port,
                   CLIENT4, 0, 0)
    suite.drops("the same to a service with a port",
                ethernet(error4(3, 3, wire.ipv4(VIP4, CLIENT4, TCP, bytes(16), fragment=4))),
                "fragment")
    for name, quote in (("3 bytes of TCP", quoted(False, TCP, 80, 7000, 3)),
                        ("half an IPv4 header", quoted(False, TCP, 80, 7000)[:19]),
                        ("another address than the VIP's", wire.ipv4(OTHER4, CLIENT4, TCP, l4)),
                        ("a ping", wire.ipv4(VIP4, CLIENT4, ICMP4, wire.icmp4(8, 0, 1, b""))),
                        ("an IPv6 packet", quoted(True, TCP, 80, 7000)),
                        ("nothing", b"")):
        suite.drops("an IPv4 error that quotes " + name, ethernet(error4(3, 1, quote)),
                    "icmp-quote")
    for name, quote in (("3 bytes of TCP", quoted(True, TCP, 80, 7000, 3)),
                        ("another address than the VIP's", wire.ipv6(OTHER6, CLIENT6, TCP, l4)),
                        ("nine extension headers", wire.ipv6(VIP6, CLIENT6, OPTIONS, chain(
                            [OPTIONS] * 9, TCP) + l4)),
                        ("an IPv4 packet", quoted(False, TCP, 80, 7000)), ("nothing", b"")):
        suite.drops("an IPv6 error that quotes " + name, ethernet(error6(1, 0, quote)),
                    "icmp-quote")
    suite.drops("an error for a port that no service has",
                ethernet(error4(3, 1, quoted(False, TCP, 81, 7000))), "unserved")


def echoes(suite):
    for size in (0, 1, 56, 1400):
        data = bytes(range(256)) * 6
        ask = packet4(ICMP4, wire.icmp4(8, 0, 0x12340001, data[:size]), ttl=7, tos=4)
        answer = wire.ipv4(VIP4, CLIENT4, ICMP4, wire.icmp4(0, 0, 0x12340001, data[:size]), tos=4)
        suite.answers("ping of %d bytes" % size, ask, answer, "echo-reply")
        ask = packet6(ICMP6, wire.icmp6(CLIENT6, VIP6, 128, 0, 0x12340001, data[:size]), hops=7)
        answer = wire.ipv6(VIP6, CLIENT6, ICMP6, wire.icmp6(VIP6, CLIENT6, 129, 0, 0x12340001,
                                                            data[:size]))
        suite.answers("IPv6 ping of %d bytes" % size, ask, answer, "echo-reply")
    suite.answers("ping whose checksum carries", packet4(ICMP4, wire.icmp4(8, 0, 0xFFFB, b"")),
                  wire.ipv4(VIP4, CLIENT4, ICMP4, wire.icmp4(0, 0, 0xFFFB, b"")), "echo-reply")
    suite.passes("ping to the host", ethernet(packet4(ICMP4, wire.icmp4(8, 0, 1, b"host"),
                                                      dst=OTHER4)), "not-a-vip")
    suite.passes("IPv6 ping to the host", ethernet(packet6(ICMP6, wire.icmp6(
        CLIENT6, OTHER6, 128, 0, 1, b"host"), dst=OTHER6)), "not-a-vip")
    suite.passes("an error to the host", ethernet(packet4(ICMP4, wire.icmp4(3, 1, 0, b""),
                                                          dst=OTHER4)), "not-a-vip")
    for kind in range(133, 138):
        suite.passes("neighbour discovery, type %d" % kind, ethernet(packet6(ICMP6, wire.icmp6(
            CLIENT6, VIP6, kind, 0, 0, bytes(16)), hops=255)), "neighbour")
    for kind in (0, 5, 13, 30):
        suite.drops("ICMP type %d" % kind, ethernet(packet4(ICMP4, wire.icmp4(kind, 0, 0, b""))),
                    "unserved")
    for kind in (0, 5, 129, 132, 138):
        suite.drops("ICMPv6 type %d" % kind, ethernet(packet6(ICMP6, wire.icmp6(
            CLIENT6, VIP6, kind, 0, 0, b""))), "unserved")


def too_big(name, mtu, client_mtu):
    """Packets of the largest size leave, one byte more is answered with that size."""
    suite = Suite(name, mtu=mtu, client_mtu=client_mtu)
    port = 3000
    for v6, family, vip, client in FAMILIES:
        for encap in ("ipip", "gue"):
            for reals, to in ((REALS4, 4), (REALS6, 6)):
                port += 1
                service = suite.service(vip, port, "tcp", reals, encap=encap)
                limit = min(client_mtu, mtu - OVERHEAD[encap, to])
                sizes(suite, service, v6, limit)
    service = suite.service(VIP4, 81, "tcp", REALS4)
    quote = quoted(False, TCP, 81, 8000) + bytes(1600)
    suite.drops("an oversize ICMP error is not answered", ethernet(error4(3, 1, quote)),
                "too-big")
    suite.service("203.0.113.11", 0, "udp", REALS4, hash="source-ip")
    suite.drops("nor is a fragment", ethernet(packet4(UDP, bytes(1600), dst="203.0.113.11",
                                                      fragment=0x2000)), "too-big")
    suite.passes("what is for the host may be large",
                 ethernet(packet4(TCP, bytes(1600), dst=OTHER4)), "not-a-vip")
    return suite


def sizes(suite, service, v6, limit):
    client, head = (CLIENT6, 60) if v6 else (CLIENT4, 40)
    name = "IPv%d in %s: " % (6 if v6 else 4, service.encap)
    for size in (limit, limit + 1, limit + 100):
        whole = packet(TCP, 8000, service.port, bytes(size - head), v6)
        if size <= limit:
            suite.forwards(name + "%d bytes" % size, whole, service, client, 8000, service.port)
        else:
            suite.answers(name + "%d bytes: %d at most" % (size, limit), whole,
                          too_big_reply(whole, v6, limit), "too-big-reply")


def too_big_reply(whole, v6, limit):
    if v6:
        return wire.ipv6(VIP6, CLIENT6, ICMP6, wire.icmp6(VIP6, CLIENT6, 2, 0, limit,
                                                          whole[:248]))
    return wire.ipv4(VIP4, CLIENT4, ICMP4, wire.icmp4(3, 4, limit, whole[:84]), ident=0)


def too_big_client():
    return too_big("own_too_big_client", 1600, 1400)


def too_big_fabric():
    return too_big("own_too_big_fabric", 1500, 1500)


def edges():
    """What is not for a VIP passes; what a VIP does not serve; reals without a way."""
    suite = Suite("own_edges", mtu=1600, client_mtu=1500)
    suite.service(VIP4, 80, "tcp", REALS4)
    good = ethernet(packet(TCP, 9000, 80))
    suite.passes("another MAC", b"\2\0\0\0\0\1" + good[6:], "other-mac")
    suite.passes("broadcast", b"\xff" * 6 + good[6:], "other-mac")
    suite.passes("ARP", ethernet(bytes(46), kind=wire.ETH_ARP), "not-ip")
    suite.passes("LLDP", ethernet(bytes(46), kind=0x88CC), "not-ip")
    suite.passes("an IEEE 802.3 length", ethernet(bytes(46), kind=46), "not-ip")
    for size in (14, 15, 33):
        suite.passes("IPv4 cut to %d bytes" % size, good[:size], "truncated")
    for size in (14, 53):
        suite.passes("IPv6 cut to %d bytes" % size, ethernet(packet(TCP, 1, 80, b"", True))[:size],
                     "truncated")
    suite.passes("another address", ethernet(packet(TCP, 9000, 80, dst=OTHER4)), "not-a-vip")
    suite.passes("another IPv6 address", ethernet(packet(TCP, 9000, 80, b"", True, dst=OTHER6)),
                 "not-a-vip")
    suite.passes("nonsense for the host", ethernet(b"\x4f\xff" + packet(
        TCP, 9000, 80, dst=OTHER4)[2:]), "not-a-vip")
    suite.drops("a port without service", ethernet(packet(TCP, 9000, 81)), "unserved")
    suite.drops("a protocol without service", ethernet(packet(UDP, 9000, 80)), "unserved")
    suite.op("set_vip", address=VIP4, unserved="pass")
    suite.passes("the same where the VIP passes it", ethernet(packet(UDP, 9000, 80)),
                 "unserved-passed")
    suite.passes("and GRE", ethernet(packet4(47, bytes(8))), "unserved-passed")
    suite.drops("but not what is malformed", ethernet(packet4(UDP, bytes(7))), "malformed-l4")
    suite.op("set_vip", address=VIP4, unserved="drop")
    suite.drops("and not when it drops again", ethernet(packet(UDP, 9000, 80)), "unserved")
    reals_of_edges(suite)
    return suite


def reals_of_edges(suite):
    suite.service("203.0.113.20", 80, "tcp", [])
    suite.drops("a service without reals", ethernet(packet(TCP, 9001, 80, dst="203.0.113.20")),
                "no-real")
    here = "192.0.2.77"
    suite.service("203.0.113.21", 80, "tcp", [here])
    suite.op("set_real", address=here, local=True)
    suite.passes("a real that is this host", ethernet(packet(TCP, 9001, 80, dst="203.0.113.21")),
                 "local-real")
    suite.passes("an error to it", ethernet(packet4(ICMP4, wire.icmp4(3, 1, 0, wire.ipv4(
        "203.0.113.21", CLIENT4, TCP, wire.tcp("203.0.113.21", CLIENT4, 80, 9001))), ROUTER4,
        "203.0.113.21")), "local-real")
    away = "192.0.2.78"
    lost = suite.service("203.0.113.22", 80, "tcp", [away])
    suite.op("set_real", address=away, next_hop=False)
    suite.drops("a real without next hop", ethernet(packet(TCP, 9001, 80, dst="203.0.113.22")),
                "no-next-hop")
    suite.op("set_real", address=away, next_hop=True)
    suite.forwards("and with one again", packet(TCP, 9001, 80, dst="203.0.113.22"), lost, CLIENT4,
                   9001, 80)


ALL = [forward, gue, hashes, prefixes, headers, icmp, too_big_client, too_big_fabric, edges]
