# SPDX-License-Identifier: Apache-2.0
"""Packets field by field, from the RFCs alone. Nothing of bpf/ is looked at."""

import ipaddress
import struct

ETH_IPV4, ETH_IPV6, ETH_ARP = 0x0800, 0x86DD, 0x0806
TAG_CUSTOMER, TAG_SERVICE = 0x8100, 0x88A8
HOP, IPIP, TCP, UDP, IPV6, ROUTING, FRAGMENT, AUTH, ICMP4, ICMP6, NONE, OPTIONS = (
    0, 4, 6, 17, 41, 43, 44, 51, 1, 58, 59, 60)

UPLINK = bytes.fromhex("020000000000")
ROUTER = bytes.fromhex("010000000000")


def raw(address):
    return ipaddress.ip_address(address).packed


def ones_sum(data):
    """The one's complement sum of 16-bit words (RFC 1071), not inverted."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def checksum(data):
    return ones_sum(data) ^ 0xFFFF


def pseudo(src, dst, proto, length):
    if len(src) == 4:
        return src + dst + struct.pack("!BBH", 0, proto, length)
    return src + dst + struct.pack("!IHBB", length, 0, 0, proto)


def put16(data, offset, value):
    return data[:offset] + struct.pack("!H", value) + data[offset + 2:]


def ipv4(src, dst, proto, payload, tos=0, ttl=64, ident=1, fragment=0, options=b""):
    """fragment: the word of flags and offset. options: padded by the caller."""
    header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, tos,
                         20 + len(options) + len(payload), ident, fragment, ttl, proto, 0)
    header += raw(src) + raw(dst) + options
    return put16(header, 10, checksum(header)) + payload


def ipv6(src, dst, proto, payload, tclass=0, label=0, hops=64):
    return struct.pack("!IHBB", 6 << 28 | tclass << 20 | label, len(payload), proto,
                       hops) + raw(src) + raw(dst) + payload


def extension(proto, length=8):
    """A hop-by-hop, routing or destination-options header, padded by one PadN."""
    return struct.pack("!BBBB", proto, length // 8 - 1, 1, length - 4) + bytes(length - 4)


def fragment_header(proto, offset, more, ident=7):
    return struct.pack("!BBHI", proto, 0, offset << 3 | more, ident)


def auth_header(proto, words=4):
    return struct.pack("!BBHII", proto, words - 2 + 1, 0, 0x100, 1) + bytes(4 * words - 8)


def tcp(src, dst, sport, dport, payload=b"", flags=0x10, options=b"", urgent=0):
    segment = struct.pack("!HHIIBBHHH", sport, dport, 1000, 2000,
                          (5 + len(options) // 4) << 4, flags, 8192, 0, urgent)
    segment += options + payload
    head = pseudo(raw(src), raw(dst), TCP, len(segment))
    return put16(segment, 16, checksum(head + segment))


def udp(src, dst, sport, dport, payload=b"", summed=True):
    datagram = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    if not summed:
        return datagram
    check = checksum(pseudo(raw(src), raw(dst), UDP, len(datagram)) + datagram)
    return put16(datagram, 6, check or 0xFFFF)


def icmp4(kind, code, rest, payload):
    message = struct.pack("!BBHI", kind, code, 0, rest) + payload
    return put16(message, 2, checksum(message))


def icmp6(src, dst, kind, code, rest, payload):
    message = struct.pack("!BBHI", kind, code, 0, rest) + payload
    return put16(message, 2, checksum(pseudo(raw(src), raw(dst), ICMP6, len(message)) + message))


def family(packet):
    return ETH_IPV4 if packet[0] >> 4 == 4 else ETH_IPV6


def ethernet(packet, tags=(), dst=UPLINK, src=ROUTER, kind=None):
    """tags: (type, control word) from the outermost in."""
    frame = dst + src
    for tag, control in tags:
        frame += struct.pack("!HH", tag, control)
    return frame + struct.pack("!H", kind or family(packet)) + packet
