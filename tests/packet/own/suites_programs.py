# SPDX-License-Identifier: Apache-2.0
"""Suites of the other programs: decapsulation on a real, probes carried through a tunnel."""

import wire
from balancer import GATEWAY, LOCAL_MAC, SOURCE4, SOURCE6, Suite, version
from suites import FAMILIES, packet
from suites_tunnel import BALANCE, FORMS, NEIGHBOURS, tunnel
from wire import TCP, UDP, ethernet

SOURCES = {4: SOURCE4, 6: SOURCE6}


def real_decap():
    """What arrives at a real: tunnels are opened and nothing in them is changed."""
    suite = Suite("own_real_decap", program="xdpdecap", defines=["-DGUE_DPORT=6081"])
    for v6, family, vip, client in FAMILIES:
        for form, outer, gue in FORMS:
            what = "%s in %s over IPv%d: " % (family, form, outer)
            for name, inner in (("TCP", packet(TCP, 13000, 80, b"opened", v6)),
                                ("UDP", packet(UDP, 13000, 80, b"opened", v6)),
                                ("hop limit 1", packet(UDP, 13000, 80, b"", v6,
                                                       **{"hops" if v6 else "ttl": 1}))):
                suite.vector(what + name, ethernet(tunnel(inner, outer, BALANCE, gue)),
                             "XDP_PASS", None, ethernet(inner))
            inner = packet(TCP, 13001, 80, b"lies", v6)
            for name, whole in (("cut inside", tunnel(inner[:-1], outer, BALANCE, gue)),
                                ("half a header inside", tunnel(inner[:19], outer, BALANCE, gue)),
                                ("nothing inside", tunnel(inner[:1], outer, BALANCE, gue))):
                suite.passes(what + name, ethernet(whole), None)
    inner = packet(TCP, 13002, 80)
    for name, whole in (("no tunnel", inner), ("no tunnel, IPv6", packet(TCP, 1, 80, b"", True)),
                        ("GUE to another port", tunnel(inner, 4, BALANCE, 6082)),
                        ("a fragment of a tunnel", tunnel(inner, 4, BALANCE, fragment=0x2000)),
                        ("GUE of no IP version", wire.ipv4(NEIGHBOURS[4], BALANCE[4], UDP, wire.udp(
                            NEIGHBOURS[4], BALANCE[4], 1, 6081, b"\x55" * 40)))):
        suite.passes(name, ethernet(whole), None)
    suite.vector("an encapsulation limit before a tunnel", ethernet(wire.ipv6(
        NEIGHBOURS[6], BALANCE[6], wire.OPTIONS, wire.extension(wire.IPIP) + inner)), "XDP_PASS",
        None, ethernet(inner))
    return suite


def probe(inner, real, is_gue):
    """The outer packet of a probe: addresses of the config, any source port, no checksum."""
    outer = version(real)
    proto = wire.IPIP if inner[0] >> 4 == 4 else wire.IPV6
    if is_gue:
        proto = UDP
        inner = wire.udp(SOURCES[outer], real, 0, 6081, inner, summed=False)
    if outer == 4:
        return wire.ipv4(SOURCES[4], real, proto, inner, ident=0)
    return wire.ipv6(SOURCES[6], real, proto, inner)


def probes(name, is_gue):
    suite = Suite(name, program="healthcheck", defines=["-DGUE_DPORT=6081"] if is_gue else [])
    marks = {1: "192.0.2.1", 2: "2001:db8:ea::1", 300: "192.0.2.3"}
    for mark, real in marks.items():
        suite.op("add_hc_dst", somark=mark, address=real)
    for v6, family, vip, client in FAMILIES:
        for proto, word in ((TCP, "TCP"), (UDP, "UDP")):
            for mark, real in marks.items():
                inner = packet(proto, 13100, 80, b"probe", v6, **{"tclass" if v6 else "tos": 0x20})
                suite.vector("%s %s for %s" % (family, word, real), ethernet(inner),
                             "TC_ACT_REDIRECT", None, ethernet(
                                 probe(inner, real, is_gue), dst=GATEWAY, src=LOCAL_MAC))
                port = 14 + (20 if version(real) == 4 else 40)
                suite.last()["skb_mark"] = mark
                if is_gue:
                    suite.last()["ignore_output_bytes"] = [port, port + 1]
        suite.vector("%s without mark" % family, ethernet(packet(TCP, 13101, 80, b"", v6)),
                     "TC_ACT_UNSPEC", None, ethernet(packet(TCP, 13101, 80, b"", v6)))
    return suite


def probes_ipip():
    return probes("own_probes_ipip", False)


def probes_gue():
    return probes("own_probes_gue", True)


ALL = [real_decap, probes_ipip, probes_gue]
