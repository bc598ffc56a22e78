# SPDX-License-Identifier: Apache-2.0
"""
Which real a flow goes to: the hash of the flow and the Maglev V2 ring in katran's order, written
from their public descriptions (B. Jenkins' lookup3 and SpookyHash V2, A. Appleby's MurmurHash3,
the Maglev paper). check() holds known values; nothing of bpf/ or src/ is looked at.
"""

import ipaddress
import struct

SLOTS = 65537
SEED, SEED_V6 = 33554944, 512
M32, M64 = (1 << 32) - 1, (1 << 64) - 1


def rotate32(word, bits):
    return (word << bits | word >> (32 - bits)) & M32


def rotate64(word, bits):
    return (word << bits | word >> (64 - bits)) & M64


# ---- lookup3 ----

def final(a, b, c):
    for to, other, bits in ((2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14),
                            (2, 1, 24)):
        words = [a, b, c]
        words[to] = ((words[to] ^ words[other]) - rotate32(words[other], bits)) & M32
        a, b, c = words
    return c


def mix(a, b, c):
    words = [a, b, c]
    for to, less, bits in ((0, 2, 4), (1, 0, 6), (2, 1, 8), (0, 2, 16), (1, 0, 19), (2, 1, 4)):
        words[to] = ((words[to] - words[less]) & M32) ^ rotate32(words[less], bits)
        words[less] = (words[less] + words[3 - to - less]) & M32
    return words


def two_words(a, b, seed):
    start = (seed + 0xDEADBEEF + 8) & M32
    return final((a + start) & M32, (b + start) & M32, start)


def four_words(data, seed):
    start = (0xDEADBEEF + 16 + seed) & M32
    words = struct.unpack("<4I", data)
    a, b, c = mix(*((start + word) & M32 for word in words[:3]))
    return final((a + words[3]) & M32, b, c)


def flow_slot(client, sport, dport, seed=SEED, seed_v6=SEED_V6):
    """client: 4 or 16 bytes; what does not count is 0."""
    ports = struct.unpack("<I", struct.pack("!HH", sport, dport))[0]
    if len(client) == 16:
        word = four_words(client, seed_v6)
    else:
        word = struct.unpack("<I", client)[0]
    return two_words(word, ports, seed) % SLOTS


# ---- endpoints ----

def fold(upper, lower):
    k = 0x9DDFEA08EB382D69
    x = (lower ^ upper) * k & M64
    x ^= x >> 47
    y = (upper ^ x) * k & M64
    y ^= y >> 47
    return y * k & M64


SPOOKY = 0xDEADBEEFDEADBEEF
SPOOKY_MIX = (50, 52, 30, 41, 54, 48, 38, 37, 62, 34, 5, 36)
SPOOKY_END = (15, 52, 26, 51, 28, 9, 47, 54, 32, 25, 63)


def spooky(data):
    """SpookyHash V2 of 16 bytes, both seeds 0."""
    low, high = struct.unpack("<2Q", data)
    h = [0, 0, (SPOOKY + low) & M64, (SPOOKY + high) & M64]
    for i, bits in enumerate(SPOOKY_MIX):
        a, b, c = (i + 2) % 4, (i + 3) % 4, i % 4
        h[a] = (rotate64(h[a], bits) + h[b]) & M64
        h[c] ^= h[a]
    h[3] = (h[3] + (16 << 56) + SPOOKY) & M64
    h[2] = (h[2] + SPOOKY) & M64
    for i, bits in enumerate(SPOOKY_END):
        a, b = (i + 3) % 4, (i + 2) % 4
        h[a] ^= h[b]
        h[b] = rotate64(h[b], bits)
        h[a] = (h[a] + h[b]) & M64
    return h[0], h[1]


def endpoint_hash(address):
    data = ipaddress.ip_address(address).packed
    if len(data) == 16:
        return fold(10, fold(*spooky(data)))
    word = 2166136261
    for byte in data:
        word = word * 16777619 & M32
        word ^= byte if byte < 128 else byte | 0xFFFFFF00
    return fold(2, word)


def murmur(a, b, seed):
    """The first 64 bits of MurmurHash3 x64 128 of two words."""
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
    h1 = h2 = seed
    h1 ^= rotate64(a * c1 & M64, 31) * c2 & M64
    h1 = ((rotate64(h1, 27) + h2) * 5 + 0x52DCE729) & M64
    h2 ^= rotate64(b * c2 & M64, 33) * c1 & M64
    h2 = ((rotate64(h2, 31) + h1) * 5 + 0x38495AB5) & M64
    h1, h2 = h1 ^ 16, h2 ^ 16
    h1 = (h1 + h2) & M64
    h2 = (h2 + h1) & M64
    h1, h2 = scramble(h1), scramble(h2)
    return (h1 + h2) & M64


def scramble(word):
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        word = (word ^ word >> 33) * factor & M64
    return word ^ word >> 33


def maglev(reals):
    """reals: {address: weight} -> the address of each slot, or all None."""
    ends = sorted((endpoint_hash(a), a, w) for a, w in reals.items() if w)
    if not ends:
        return [None] * SLOTS
    if len(ends) == 1:
        return [ends[0][1]] * SLOTS
    offsets = [murmur(h, 42, 0) % SLOTS for h, _, _ in ends]
    skips = [murmur(h, 2718281828, 2307) % (SLOTS - 1) + 1 for h, _, _ in ends]
    most, gathered, next_probe = max(w for _, _, w in ends), [0] * len(ends), [0] * len(ends)
    slots, left = [None] * SLOTS, SLOTS
    while left:
        for i, (_, address, weight) in enumerate(ends):
            gathered[i] += weight
            if gathered[i] < most:
                continue
            gathered[i] -= most
            while True:
                place = (offsets[i] + next_probe[i] * skips[i] & M32) % SLOTS
                next_probe[i] += 1
                if slots[place] is None:
                    break
            slots[place] = address
            left -= 1
            if not left:
                break
    return slots


def check():
    """Values that katran's own code gives; published facts about it."""
    known = {"10.0.0.1": 0xD671359DBAA15954, "10.0.0.2": 0x2CD426D008B90279,
             "10.0.0.3": 0x6EB4A2989236785D, "fc00::1": 0x64E74A25B986D744,
             "fc00::2": 0x87D247835B02295B, "fc00::3": 0x0B2E5EA98827F017}
    for address, value in known.items():
        assert endpoint_hash(address) == value, address
    assert murmur(1, 42, 0) == 830322281416518563
    assert flow_slot(bytes((172, 16, 0, 1)), 31337, 80) == 43349
    assert flow_slot(ipaddress.ip_address("fc00:2::1").packed, 31337, 80) == 37505
    owners = maglev({"10.0.0.1": 100, "10.0.0.2": 50, "10.0.0.3": 1})
    assert [owners.count("10.0.0.%d" % i) for i in (1, 2, 3)] == [43402, 21701, 434]
