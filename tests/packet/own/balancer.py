# SPDX-License-Identifier: Apache-2.0
"""
What a balancer must do with a packet, from docs/packet-path.md and the published facts about
katran's wire formats; and the writing of suites, in the format that README.md describes.

A suite says of each packet which flow it belongs to; nothing here parses packets, so a mistake of
the program's parser cannot be repeated here.
"""

import functools
import ipaddress
import json
import struct

import ring
import wire

GATEWAY = bytes.fromhex("0200000000fe")
LOCAL_MAC = bytes.fromhex("0200000000fd")
SOURCE4, SOURCE6 = "192.0.2.250", "2001:db8:ffff::250"
OVERHEAD = {("ipip", 4): 20, ("ipip", 6): 40, ("gue", 4): 28, ("gue", 6): 48}
PROTOS = {"tcp": wire.TCP, "udp": wire.UDP}


@functools.cache
def maglev(reals):
    return ring.maglev(dict(reals))


def mac_text(mac):
    return ":".join("%02x" % byte for byte in mac)


def version(address):
    return ipaddress.ip_address(address).version


def type_of_service(packet):
    if packet[0] >> 4 == 4:
        return packet[1]
    return struct.unpack("!H", packet[:2])[0] >> 4 & 0xFF


def wrap(packet, client, sport, real, encap="ipip", gue_port=6080, unsummed=False):
    """The outer packet: client is the last four bytes of the client's address."""
    high, low = sport >> 8, sport & 0xFF
    inner, outer = packet[0] >> 4, version(real)
    tos, proto = type_of_service(packet), wire.IPIP if inner == 4 else wire.IPV6
    if encap == "ipip" and outer == 4:
        source = ipaddress.ip_address(bytes((172, 16, low ^ client[2], high ^ client[3])))
        return wire.ipv4(source, real, proto, packet, tos=tos, ident=0)
    if encap == "ipip":
        mixed = bytes((client[0] ^ high, client[1] ^ low)) + client[2:]
        source = ipaddress.ip_address(b"\x01" + bytes(11) + mixed)
        return wire.ipv6(source, real, proto, packet, tclass=tos)
    if outer == 4:
        spread = bytes((low ^ client[2], high ^ client[3]))
        datagram = wire.udp(SOURCE4, real, *struct.unpack("!H", spread), gue_port, packet,
                            summed=not unsummed)
        return wire.ipv4(SOURCE4, real, wire.UDP, datagram, tos=tos, ident=0)
    tail = client[2:] if inner == 4 else client[:2]
    spread = bytes((high ^ tail[0], low ^ tail[1]))
    datagram = wire.udp(SOURCE6, real, *struct.unpack("!H", spread), gue_port, packet)
    return wire.ipv6(SOURCE6, real, wire.UDP, datagram, tclass=tos)


class Service:
    """A VIP, protocol and port with the reals behind it."""

    def __init__(self, vip, port, proto, reals, encap="ipip", gue_port=6080, hash="5-tuple",
                 **others):
        """others: options that change nothing of what a steady slot says."""
        net = ipaddress.ip_network(vip)
        self.address, self.length = str(net.network_address), net.prefixlen
        self.is_prefix = net.prefixlen < net.max_prefixlen
        self.port, self.proto, self.reals = port, proto, dict(reals)
        self.encap, self.gue_port, self.hash = encap, gue_port, hash
        self.seeds = (ring.SEED, ring.SEED_V6)
        self.slots = maglev(tuple(sorted(self.reals.items())))

    def slot(self, client, sport, dport):
        data = wire.raw(client)
        if self.hash == "destination-port":
            return ring.flow_slot(bytes(len(data)), dport, dport, *self.seeds)
        if self.hash != "all-ports" and (not self.port or self.is_prefix):
            dport = 0
        return ring.flow_slot(data, 0 if self.hash == "source-ip" else sport, dport, *self.seeds)

    def real(self, client, sport, dport):
        return self.slots[self.slot(client, sport, dport)]

    def outer(self, packet, client, sport, dport, real=None, unsummed=False):
        entropy = wire.raw(client)[-4:]
        if self.hash == "destination-port":
            entropy = bytes(4)
        return wrap(packet, entropy, 0 if self.hash == "source-ip" else sport,
                    real or self.real(client, sport, dport), self.encap, self.gue_port, unsummed)


class Suite:
    """Operations and vectors in order; node: options of the node, as in README.md."""

    def __init__(self, name, program="balancer", defines=(), **node):
        self.name, self.program, self.defines, self.node = name, program, list(defines), node
        self.phases, self.count = [], 0
        self.totals, self.services = {}, []
        self.new_phase()

    def new_phase(self):
        self.phases.append({"provisioning_ops": [], "vectors": []})

    def op(self, name, **fields):
        if self.phases[-1]["vectors"]:
            self.new_phase()
        self.phases[-1]["provisioning_ops"].append({"op": name, **fields})

    def service(self, vip, port, proto, reals, **options):
        """reals: addresses, or {address: weight}."""
        if not isinstance(reals, dict):
            reals = {address: 1 for address in reals}
        service = Service(vip, port, proto, reals, **options)
        self.services.append(service)
        key = [service.address, port, PROTOS[proto]]
        self.op("add_vip", address=key[0], port=key[1], proto=key[2],
                cidr=service.length if service.is_prefix else 0)
        if options:
            self.op("set_service", vip=key, **options)
        if reals:
            self.op("set_reals", vip=key, reals=reals)
        return service

    def vector(self, description, frame, action, cause, output=b""):
        self.count += 1
        self.phases[-1]["vectors"].append({
            "index": self.count, "description": description, "input_hex": frame.hex(),
            "expected_output_hex": output.hex(), "expected_action": action})
        if not cause:
            return
        self.last()["expected_cause"] = cause
        verdict = {"XDP_TX": "sent", "XDP_PASS": "passed", "XDP_DROP": "dropped"}[action]
        for name in (verdict, "%s/%s" % (verdict, cause)):
            self.totals[name] = self.totals.get(name, 0) + 1

    def last(self):
        return self.phases[-1]["vectors"][-1]

    def forwards(self, description, packet, service, client, sport, dport, tags=(), **how):
        """The packet of this flow leaves for its real, or for how's."""
        outer = service.outer(packet, client, sport, dport, **how)
        self.vector(description, wire.ethernet(packet, tags), "XDP_TX", "forwarded",
                    wire.ethernet(outer, tags, dst=GATEWAY, src=wire.UPLINK))

    def answers(self, description, packet, answer, cause, tags=()):
        self.vector(description, wire.ethernet(packet, tags), "XDP_TX", cause,
                    wire.ethernet(answer, tags, dst=wire.ROUTER, src=wire.UPLINK))

    def passes(self, description, frame, cause):
        self.vector(description, frame, "XDP_PASS", cause, frame)

    def drops(self, description, frame, cause):
        self.vector(description, frame, "XDP_DROP", cause)

    def note(self, name, times=1):
        """What the packets so far met on their way."""
        name = "noted/" + name
        self.totals[name] = self.totals.get(name, 0) + times

    def text(self):
        constants = {"default_mac": mac_text(GATEWAY), "local_mac": mac_text(LOCAL_MAC),
                     "encap_src_v4": SOURCE4, "encap_src_v6": SOURCE6}
        suite = {"name": self.name, "program": self.program, "bpf_build_defines": self.defines,
                 "constants": constants, "phases": self.phases}
        if self.program == "balancer":
            suite |= {"node": self.node, "expected_totals": self.totals}
        return json.dumps(suite, indent=1) + "\n"
