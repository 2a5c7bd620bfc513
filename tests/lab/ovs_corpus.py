#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-only
"""Puts flows of every kind into a kernel datapath of its own, over netlink:
ovs-dpctl cannot be told of all of them, and a process for each is dear in the
lab. Called by tests/lab/ovs_decode.bats.

    ovs_corpus.py DATAPATH   makes it, with three ports, and adds the flows
        A line is printed for each: "added NAME" or "refused NAME ERRNO".

The names are of no importance but one: a flow whose name ends in "*" has
something that not every kernel takes, and one that ends in "!" something that
Open vSwitch 3.1 does not know or writes wrongly.
"""
import errno
import socket
import struct
import sys

NETDEVS = ("ov1", "ov2", "ov3")
NESTED = 0x8000  # only newer parts of the kernel ask for it


def attr(kind, data):
    """One netlink attribute; the padding is not counted in its length."""
    return struct.pack("=HH", len(data) + 4, kind) + data + bytes(-len(data) % 4)


def nest(kind, *attrs):
    return attr(kind, b"".join(attrs))


def address(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


# Members of a key's attributes: name, and size in bytes or letter of struct.
# Numbers of several bytes are big-endian but for the letters.
PORTS = (("src", 2), ("dst", 2))
ICMP = (("type", 1), ("code", 1))
HEADERS = {
    "skb_priority": (2, (("v", "I"),)),
    "in_port": (3, (("v", "I"),)),
    "eth": (4, (("src", 6), ("dst", 6))),
    "vlan": (5, (("tci", 2),)),
    "eth_type": (6, (("v", 2),)),
    "ipv4": (7, (("src", 4), ("dst", 4), ("proto", 1), ("tos", 1), ("ttl", 1), ("frag", 1))),
    "ipv6": (8, (("src", 16), ("dst", 16), ("label", 4), ("proto", 1), ("tclass", 1),
                 ("hlimit", 1), ("frag", 1))),
    "tcp": (9, PORTS),
    "udp": (10, PORTS),
    "icmp": (11, ICMP),
    "icmpv6": (12, ICMP),
    "arp": (13, (("sip", 4), ("tip", 4), ("op", 2), ("sha", 6), ("tha", 6), ("pad", 2))),
    "nd": (14, (("target", 16), ("sll", 6), ("tll", 6))),
    "skb_mark": (15, (("v", "I"),)),
    "sctp": (17, PORTS),
    "tcp_flags": (18, (("v", 2),)),
    "dp_hash": (19, (("v", "I"),)),
    "recirc_id": (20, (("v", "I"),)),
    "mpls": (21, (("lse", 4),)),
    "mpls2": (21, (("lse", 4), ("lse2", 4))),
    "ct_state": (22, (("v", "I"),)),
    "ct_zone": (23, (("v", "H"),)),
    "ct_mark": (24, (("v", "I"),)),
    "ct_label": (25, (("v", 16),)),
    "ct_tuple4": (26, (("src", 4), ("dst", 4), ("sport", 2), ("dport", 2), ("proto", 1),
                       ("pad", 3))),
    "ct_tuple6": (27, (("src", 16), ("dst", 16), ("sport", 2), ("dport", 2), ("proto", 1),
                       ("pad", 3))),
    "nsh_base": (1, (("flags", 1), ("ttl", 1), ("mdtype", 1), ("np", 1), ("path", 4))),
    "nsh_md1": (2, (("c1", 4), ("c2", 4), ("c3", 4), ("c4", 4))),
    "tun_id": (0, (("v", 8),)),
    "tun_src": (1, (("v", 4),)),
    "tun_dst": (2, (("v", 4),)),
    "tun_tos": (3, (("v", 1),)),
    "tun_ttl": (4, (("v", 1),)),
    "tun_df": (5, ()),
    "tun_csum": (6, ()),
    "tun_oam": (7, ()),
    "tun_tp_src": (9, (("v", 2),)),
    "tun_tp_dst": (10, (("v", 2),)),
    "tun_src6": (12, (("v", 16),)),
    "tun_dst6": (13, (("v", 16),)),
}


def member(value, size):
    """A value or a mask as bytes: a number, an address, a MAC or bytes."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return mac(value) if size == 6 else address(value)
    if isinstance(size, str):
        return struct.pack("=" + size, value)
    return value.to_bytes(size, "big")


def header(name, *unnamed, **named):
    """(key, mask) of one attribute: each member exact, (value, mask), or neither."""
    kind, members = HEADERS[name]
    values = dict(zip([m[0] for m in members], unnamed), **named)
    key = mask = b""
    for field, size in members:
        value = values.pop(field, None)
        length = struct.calcsize(size) if isinstance(size, str) else size
        if value is None:
            value = (bytes(length), bytes(length))
        elif not isinstance(value, tuple):
            value = (value, b"\xff" * length)
        key_part, mask_part = member(value[0], size), member(value[1], size)
        key += bytes(k & m for k, m in zip(key_part, mask_part))
        mask += mask_part
    assert not values, values
    return attr(kind, key), attr(kind, mask)


def group(kind, *parts):
    """A nested attribute of a key."""
    return tuple(nest(kind, *(part[i] for part in parts)) for i in (0, 1))


def raw(kind, key, mask=None):
    return attr(kind, key), attr(kind, b"\xff" * len(key) if mask is None else mask)


H = header
FLOWS = []
ETH = H("eth")


def flow(name, key, *actions):
    FLOWS.append((name, key, b"".join(actions)))


def ip4(source, **fields):
    """The usual beginning of a key; frag exact, so that ports may follow."""
    fields.setdefault("frag", 0)
    return [H("in_port", 1), ETH, H("eth_type", 0x0800), H("ipv4", src=source, **fields)]


def ip6(source, **fields):
    fields.setdefault("frag", 0)
    return [H("in_port", 1), ETH, H("eth_type", 0x86DD), H("ipv6", src=source, **fields)]


# --- actions -----------------------------------------------------------------


def num(kind, value):
    return attr(kind, struct.pack("=I", value))


def out(port):
    return num(1, port)


def half(part, masked=False):
    """The one header of a set action; masked: value and mask in one attribute."""
    key, mask = part
    if not masked:
        return attr(3, key)
    length, kind = struct.unpack("=HH", key[:4])
    return nest(11, attr(kind, key[4:length] + mask[4:length]))


def put(name, *unnamed, **named):
    return half(header(name, *unnamed, **named))


def put_masked(name, *unnamed, **named):
    return half(header(name, *unnamed, **named), True)


def userspace(pid, *more):
    return nest(2, num(1, pid), *more)


def cookie(kind, data):
    return attr(2, struct.pack("=HxxI", kind, 1) + bytes(16) + data.ljust(24, b"\0"))


def sample(share, *actions):
    return nest(6, num(1, share), nest(2, *actions))


def check_len(size, more, less):
    return nest(21, attr(1, struct.pack("=H", size)), nest(2, *more), nest(3, *less))


def ct(*attrs):
    return nest(12, *attrs)


COMMIT, FORCE = attr(1, b""), attr(7, b"")
SRC, DST, PERSISTENT, HASH, RANDOM = (attr(kind, b"") for kind in (1, 2, 7, 8, 9))


def zone(number):
    return attr(2, struct.pack("=H", number))


def mark(value, mask):
    return attr(3, struct.pack("=II", value, mask))


def label(value, mask):
    return attr(4, value.to_bytes(16, "little") + mask.to_bytes(16, "little"))


def nat(*attrs):
    return nest(6, *attrs)


def ips(first, last=None):
    return attr(3, address(first)) + (attr(4, address(last)) if last else b"")


def ports(first, last=None):
    return attr(5, struct.pack("=H", first)) + (
        attr(6, struct.pack("=H", last)) if last else b"")


def push_vlan(tpid, tci):
    return attr(4, struct.pack("!HH", tpid, tci | 0x1000))


def lse(label_, tc, ttl, bos):
    return label_ << 12 | tc << 9 | bos << 8 | ttl


def push_mpls(entry, ethertype):
    return attr(9, struct.pack("!IHxx", entry, ethertype))


def geneve(*options):
    """class, type, data"""
    return b"".join(struct.pack("!HBB", c, t, len(d) // 4) + d for c, t, d in options)


# --- keys --------------------------------------------------------------------

MAC1, MAC2 = "02:00:00:00:00:01", "02:00:00:00:00:02"
SYN_ACK = H("tcp_flags", 0x012)

flow("icmp", [H("in_port", 1), H("eth", MAC1, MAC2), H("eth_type", 0x0800),
              H("ipv4", "10.0.0.1", "10.0.0.2", 1, 0, 64, 0), H("icmp", 8, 0)], out(2))
flow("masks", [H("in_port", 1),
               H("eth", ("02:00:00:00:00:03", "ff:ff:ff:ff:ff:0f"),
                 ("01:00:00:00:00:00", "01:00:00:00:00:00")), H("eth_type", 0x0800),
               H("ipv4", ("10.1.0.0", "255.255.0.0"), proto=6, tos=(3, 3), ttl=(1, 0xF0),
                 frag=0), H("tcp", 80, (0x400, 0xFC00)), H("tcp_flags", (0x002, 0x012))],
     out(2), out(3))
flow("port mask", [H("in_port", (0x10, 0xFFFF00F0)), ETH, H("eth_type", 0x0800), H("ipv4")],
     out(2))
flow("tcp", ip4("10.0.0.3", proto=6) + [H("tcp", 1, 65535), H("tcp_flags", 0x052)], out(9))
flow("no flags", ip4("10.0.0.33", proto=6) + [H("tcp", 1, 2), H("tcp_flags", 0)], out(9))
flow("udp", ip4("10.0.0.4", proto=17, frag=1) + [H("udp", 53, (1024, 0xFC00))], out(2))
flow("later", ip4("10.0.0.5", dst="255.255.255.255", proto=17, tos=0xFC, ttl=255, frag=2),
     out(2))
flow("sctp", ip4("10.0.0.6", proto=132) + [H("sctp", 7, 9)], out(2))
flow("igmp", ip4("10.0.0.7", proto=2, frag=None), out(2))
flow("arp", [H("in_port", 1), ETH, H("eth_type", 0x0806),
             H("arp", "10.0.0.1", "10.0.0.2", 1, MAC1, "00:00:00:00:00:00")], out(2))
flow("arp masks", [H("in_port", 1), ETH, H("eth_type", 0x0806),
                   H("arp", "10.0.0.9", ("10.0.0.0", "255.255.255.0"), (2, 0xFF),
                     (MAC1, "ff:ff:ff:00:00:00"))], out(2))
flow("other type", [H("in_port", 1), H("eth", "02:00:00:00:00:0a"), H("eth_type", 0x1234)],
     out(2))
flow("802.2", [H("in_port", 1), H("eth", "02:00:00:00:00:0b"), (b"", H("eth_type", 0)[1])],
     out(2))
flow("no header", [H("in_port", 2), H("eth_type", 0x0800), H("ipv4", "10.0.0.8")], out(2))
flow("drop", [H("in_port", 2), H("eth", "02:00:00:00:00:0c"), H("eth_type", 0x1235)])
flow("ipv6", ip6("fd00::1", dst="fd00::2", label=0x12345, proto=6, tclass=0xB8, hlimit=64)
     + [H("tcp", 443, 50000), SYN_ACK], out(2))
flow("ipv6 masks", [H("in_port", 1), ETH, H("eth_type", 0x86DD),
                    H("ipv6", ("fd00:1::", "ffff:ffff::"), "::ffff:10.0.0.1",
                      (0x300, 0xFF00), 17, (1, 3), (1, 0x0F), 0), H("udp", 546, 547)], out(2))
flow("icmpv6", ip6("fd00::3", proto=58) + [H("icmpv6", 128, 0)], out(2))
flow("nd", ip6("fe80::1", dst="ff02::1:ff00:2", proto=58, hlimit=255)
     + [H("icmpv6", 135, 0), H("nd", "fe80::2", MAC1, "00:00:00:00:00:00")], out(2))
flow("nd masks", ip6("fe80::2", proto=58)
     + [H("icmpv6", 136, 0), H("nd", ("fe80::", "ffff::"), None, (MAC2, "ff:ff:ff:00:00:00"))],
     out(2))
flow("ipv6 later", ip6("fd00::4", proto=44, frag=2), out(2))
flow("extensions*", ip6("fd00::6", proto=59) + [raw(32, b"\x09\x00", b"\xff\x00")], out(2))

IN_VLAN = [H("eth_type", 0x0800), H("ipv4", "10.0.1.1", proto=17, frag=0), H("udp", 5, 6)]
flow("vlan", [H("in_port", 1), ETH, H("eth_type", 0x8100), H("vlan", 0x7000 | 10),
              group(1, *IN_VLAN)], attr(5, b""), out(2))
flow("vlan masks", [H("in_port", 1), H("eth", MAC1), H("eth_type", 0x8100),
                    H("vlan", (0x5020, 0x5FF0)),
                    group(1, H("eth_type", 0x0806), H("arp", op=1))], out(2))
flow("vlan 802.2", [H("in_port", 1), H("eth", MAC2), H("eth_type", 0x8100),
                    H("vlan", 0x1007), group(1, (b"", H("eth_type", 0)[1]))], out(2))
flow("qinq", [H("in_port", 1), ETH, H("eth_type", 0x88A8), H("vlan", 0x1064),
              group(1, H("eth_type", 0x8100), H("vlan", 0x30C8), group(1, *IN_VLAN))],
     attr(5, b""), attr(5, b""), out(2))
flow("mpls", [H("in_port", 1), H("eth", "02:00:00:00:00:0f"), H("eth_type", 0x8847),
              H("mpls", lse(100, 3, 64, 1))], attr(10, b"\x08\x00"), out(2))
flow("mpls mask", [H("in_port", 1), H("eth", "02:00:00:00:00:10"), H("eth_type", 0x8847),
                   H("mpls", (lse(16, 1, 3, 0), lse(0xFF, 7, 15, 0)))],
     attr(10, b"\x88\x47"), out(2))
flow("two labels*", [H("in_port", 1), H("eth", "02:00:00:00:00:11"), H("eth_type", 0x8848),
                     H("mpls2", lse(1, 0, 2, 0), (lse(2, 1, 3, 1), lse(0xFFFFF, 0, 0, 1)))],
     put("mpls", lse(5, 6, 7, 0)), out(2))


def nsh(base, *md1):
    return [H("in_port", 1), ETH, H("eth_type", 0x894F), group(28, base, *md1)]


flow("nsh", nsh(H("nsh_base", 0, 63, 1, 1, 0x123456FF), H("nsh_md1", 1, 2, 3, 0xFFFFFFFF)),
     attr(18, b""), out(2))
flow("nsh masks", nsh(H("nsh_base", (1, 1), mdtype=1, path=(0x1205, 0xFF0F)),
                      H("nsh_md1", (0xAB00, 0xFF00))),
     out(2))
flow("nsh md2", nsh(H("nsh_base", mdtype=2, np=3)), out(2))

# What the datapath adds
flow("recirculated", [H("recirc_id", 5)] + ip4("10.0.3.2"), out(2))
flow("metadata", [H("dp_hash", (0x13, 0xFF)), H("skb_priority", 16), H("skb_mark", (64, 240))]
     + ip4("10.0.3.1"), out(2))
flow("ct", [H("recirc_id", 6), H("ct_state", (0x21, 0x23)), H("ct_zone", 7),
            H("ct_mark", (1, 15)),
            H("ct_label", (0x1234567890ABCDEF, 0xF1F2F3F4F5F6F7F8F9F0FAFBFCFDFEFF))]
     + ip4("10.0.3.3"), out(2))
flow("ct tuple", [H("recirc_id", 7), H("ct_state", (0xAA, 0xFF)), H("ct_mark", 0xFFFFFFFF),
                  H("ct_label", 0x10000),
                  H("ct_tuple4", ("10.10.0.0", "255.255.0.0"), "10.10.10.10", 1, (2, 255), 17)]
     + ip4("10.0.3.4", proto=17) + [H("udp", 1, 2)], out(2))
flow("ct tuple 6", [H("recirc_id", 8), H("ct_state", (0x21, 0x23)),
                    H("ct_tuple6", ("fd00::", "ffff::"), "fd00::2", 8, proto=6)]
     + ip6("fd00::9", proto=6) + [H("tcp", dst=22), SYN_ACK], out(2))


# Tunnels
def tunnel(number, *parts, inner=None):
    inner = inner or [ETH, H("eth_type", 0x0800), H("ipv4", frag=0)]
    return [group(16, H("tun_id", number), *parts), H("in_port", 4), *inner]


V4 = [H("tun_src", "1.1.1.1"), H("tun_dst", "2.2.2.2"), H("tun_ttl", 64)]
flow("tunnel", tunnel(0x7F10354, *V4, H("tun_csum")), out(1))
flow("tunnel masks", tunnel((0xFEDCBA9800000000, 0xFFFFFFFF00000000),
                            H("tun_src", ("10.10.0.0", "255.255.0.0")),
                            H("tun_dst", "20.20.20.20"), H("tun_tos", (3, 3)),
                            H("tun_ttl", None), H("tun_df"), (b"", H("tun_csum")[1])), out(1))
flow("tunnel 6", tunnel(9, H("tun_src6", "fd00::1"), H("tun_dst6", ("fd00::", "ffff::")),
                        H("tun_tos", 8), H("tun_ttl", 128), H("tun_tp_src", 1234),
                        H("tun_tp_dst", (0x1200, 0xFF00)), H("tun_df"),
                        inner=[ETH, H("eth_type", 0x86DD), H("ipv6", frag=0)]), out(1))
flow("gbp", tunnel(1, *V4, group(11, raw(1, struct.pack("=I", 0x48000A)))), out(1))
flow("gbp masks", tunnel(2, *V4, group(11, raw(1, struct.pack("=I", 0x80010),
                                               struct.pack("=I", 0x800F0)))), out(1))
OPTIONS = geneve((0xFFFF, 0, b"\0\0\0\x0a"), (0x102, 0x80, bytes(range(8))), (0xFFFE, 2, b""))
flow("geneve", tunnel(3, *V4, H("tun_oam"), raw(8, OPTIONS)), out(1))
MASKS = (b"\xff" * 8 + b"\xff\xff\xf0\xff" + b"\xff\0\0\0\xff\xff\xff\xff" + b"\xff\0\0\xff")
flow("geneve masks", tunnel(4, *V4, raw(8, bytes(k & m for k, m in zip(OPTIONS, MASKS)),
                                        MASKS)), out(1))
ERSPAN1 = struct.pack("=I", 1) + b"\0\0\0\7" + bytes(4)
ERSPAN2 = struct.pack("=I", 2) + bytes(7) + b"\x78"
flow("erspan 1", tunnel(5, *V4, H("tun_df"), raw(15, ERSPAN1)), out(1))
flow("erspan 2", tunnel(6, *V4, raw(15, ERSPAN2, b"\xff" * 11 + b"\x28")), out(1))

# --- actions -----------------------------------------------------------------

flow("userspace", ip4("10.1.0.1"), userspace(6633),
     userspace(1, attr(2, bytes(range(15))), attr(4, b"")),
     userspace(0xFFFFFFFF, cookie(1, struct.pack("!Hxx", 0xF009) + struct.pack("=I", 10)),
               attr(4, b""), num(3, 4)))
flow("slow path", ip4("10.1.0.2"),
     *(userspace(2, cookie(2, struct.pack("=II", 0, why))) for why in (0, 1, 0x70, 0x182)),
     userspace(3, cookie(4, struct.pack("=I", 10))),
     userspace(3, cookie(4, struct.pack("=I", 2)), num(3, 2)))
flow("flow sample", ip4("10.1.0.3"),
     *(userspace(5, cookie(3, struct.pack("=HxxIIIII", 123, 1234, 2345, 0xFFFFFFFF, 2, way)))
       for way in (0, 1, 2, 3)))
flow("controller", ip4("10.1.0.4"),
     *(userspace(5, cookie(5, struct.pack("=BBHI", a, b, 7, 4444)
                           + struct.pack("!Q", 0x5555AAAA66667777 * a)
                           + struct.pack("=HH", 3, 65535)))
       for a, b in ((0, 1), (1, 0))), userspace(5, cookie(9, b"\1\2\3")))
flow("set eth", ip4("10.1.0.5"), put("eth", MAC1, MAC2), put_masked("eth", MAC1),
     put_masked("eth", None, ("10:11:12:00:00:00", "ff:ff:ff:00:00:00")), out(1))
flow("set ipv4", [H("in_port", 2), ETH, H("eth_type", 0x0800),
                  H("ipv4", "10.1.0.6", "10.1.1.1", 6, 0, 64, 0), H("tcp", 1, 2), SYN_ACK],
     put("ipv4", "35.8.2.41", "172.16.0.20", 6, 0x80, 128, 0),
     put_masked("ipv4", ("35.8.2.0", "255.255.255.0"), tos=(4, 0xFC)),
     put_masked("ipv4", ttl=63), put("tcp", 80, 8080), put_masked("tcp", None, (0x1F00, 0xFF00)),
     out(1))
flow("set udp", ip4("10.1.0.7", proto=17) + [H("udp", 1, 2)], put_masked("udp", 81),
     put("udp", 82, 6632), put("skb_priority", 32), put_masked("skb_mark", (0x30, 0xF0)),
     put("skb_mark", 7), put_masked("skb_mark", 8), out(1))
flow("set sctp", ip4("10.1.0.8", proto=132) + [H("sctp", 1, 2)],
     put_masked("sctp", (0x5200, 0xFF00), 6633), out(1))
flow("set ipv6", ip6("fd01::1", proto=17) + [H("udp", 1, 2)],
     put_masked("ipv6", "::1", "::2"),
     put_masked("ipv6", label=(5, 0xFFFFF), tclass=0x70, hlimit=128),
     put_masked("ipv6", label=(0x10, 0xFF0), tclass=(4, 0xFC)), out(1))
flow("push", ip4("10.1.0.9"), push_vlan(0x8100, 12), push_vlan(0x88A8, 0xA00D), out(1))
flow("push mpls", ip4("10.1.0.10"), push_mpls(lse(10, 1, 64, 1), 0x8847),
     push_mpls(lse(0xFFFFF, 7, 255, 0), 0x8847), out(1))
flow("add mpls*", ip4("10.1.0.11"),
     attr(22, struct.pack("!IH", lse(3, 1, 5, 1), 0x8847) + b"\1\0"), out(1))
flow("push eth", [H("in_port", 2), H("eth_type", 0x0800), H("ipv4", "10.1.0.12", frag=0)],
     attr(14, mac(MAC1) + mac(MAC2)), out(1))
flow("pop eth", ip4("10.1.0.13"), attr(15, b""), out(9))
flow("push nsh", ip4("10.1.0.14"),
     nest(17, nest(28, attr(1, b"\0\x3f\1\3\0\0\1\xff"),
                   attr(2, struct.pack("!IIII", 1, 0x20, 0x300, 0)))), out(1))
flow("push nsh md2", ip4("10.1.0.15"),
     nest(17, nest(28, attr(1, b"\2\1\2\3\xab\xcd\xef\0"),
                   attr(3, bytes.fromhex("10000a041234567820001408fedcba9876543210")))), out(1))
flow("hash", ip4("10.1.0.16"), attr(8, struct.pack("=II", 0, 5)), num(7, 0x2A))
flow("sym hash*", ip4("10.1.0.17"), attr(8, struct.pack("=II", 1, 6)), num(7, 0))
flow("sample", ip4("10.1.0.18"), sample(416611827, out(1), out(3), push_vlan(0x8100, 0x4001)),
     sample(0xFFFFFFFF, userspace(5, cookie(2, struct.pack("=II", 0, 2)))), sample(1), out(1))
flow("clone", ip4("10.1.0.19"), nest(20, out(1)),
     nest(20, nest(20, push_vlan(0x8100, 12), out(3)), out(1)), out(3))
flow("check length", ip4("10.1.0.20"),
     check_len(200, [out(1)],
               [out(3), check_len(65535, [num(13, 100), out(1)], [])]))
flow("truncate", ip4("10.1.0.21"), num(13, 100), out(1), num(13, 0xFFFFFFFF), out(3))
flow("meter", ip4("10.1.0.22"), num(19, 0), num(19, 0xFFFFFFFF), out(1))
flow("set tunnel", ip4("10.1.0.23"),
     half(group(16, H("tun_id", 0xABCDEF1234567890), *V4, H("tun_df"), H("tun_csum"))), out(4))
flow("set gbp", ip4("10.1.0.24"),
     half(group(16, H("tun_id", 1), H("tun_dst", "2.2.2.2"), H("tun_tos", 16), H("tun_ttl", 1),
                H("tun_tp_src", 1), H("tun_tp_dst", 4789),
                group(11, raw(1, struct.pack("=I", 0x80FFF))))), out(4))
flow("set geneve", ip4("10.1.0.25"),
     half(group(16, H("tun_id", 2), H("tun_src6", "fd00::1"), H("tun_dst6", "fd00::2"),
                H("tun_ttl", 64), H("tun_df"), H("tun_oam"), raw(8, OPTIONS))), out(5))
flow("set plain", ip4("10.1.0.26"),
     half(group(16, H("tun_dst", "2.2.2.2"), H("tun_ttl", 64))), out(4))
flow("set erspan", ip4("10.1.0.27"),
     *(half(group(16, H("tun_id", 1), *V4, raw(15, data))) for data in (ERSPAN1, ERSPAN2)),
     out(9))

# Connection tracking
EVENTS = attr(8, struct.pack("=I", 0x487))
TCP4 = ip4("10.2.0.4", proto=6) + [H("tcp", 1, 2), SYN_ACK]
flow("ct", ip4("10.2.0.1"), ct(), num(7, 1))
flow("ct zone", ip4("10.2.0.2"), ct(zone(5)), ct(zone(0)), ct(COMMIT),
     ct(COMMIT, zone(65535), EVENTS), ct(FORCE, zone(1)), attr(16, b""), out(1))
flow("ct mark", ip4("10.2.0.3"), ct(COMMIT, mark(0xA0A0A0A0, 0xFEFEFEFE)),
     ct(COMMIT, mark(0, 0xFFFFFFFF)),
     ct(COMMIT, zone(2), label(0x1030507090B0D0F0000000000000001, (1 << 128) - 2)),
     ct(COMMIT, label(1, 1)), ct(COMMIT, label(1 << 127, (1 << 128) - 1)), out(1))
flow("ct helper", TCP4, ct(COMMIT, attr(5, b"ftp\0")),
     ct(COMMIT, zone(1), mark(1, 1), label(2, 3), attr(5, b"ftp\0"),
        nat(SRC, ips("10.1.1.240", "10.1.1.255"))), out(1))
flow("ct nat", ip4("10.2.0.5"), ct(nat()), ct(COMMIT, nat(SRC)), ct(COMMIT, nat(DST)),
     ct(COMMIT, nat(SRC, ips("10.0.0.240"), RANDOM)),
     ct(COMMIT, nat(SRC, ips("10.0.0.240"), ports(32768, 65535), RANDOM)), out(1))
flow("ct nat range", ip4("10.2.0.6"),
     ct(COMMIT, nat(DST, ips("10.0.0.128", "10.0.0.254"), HASH)),
     ct(COMMIT, nat(SRC, ips("10.0.0.240", "10.0.0.254"), ports(32768, 65535), PERSISTENT)),
     ct(COMMIT, nat(DST, ips("10.0.0.1"), ports(80))), out(1))
FIRST, LAST = "fe80::20c:29ff:fe88:1", "fe80::20c:29ff:fe88:a18b"
flow("ct nat 6", ip6("fd02::1"), ct(COMMIT, nat(SRC, ips(LAST), RANDOM)),
     ct(COMMIT, nat(SRC, ips(FIRST, LAST), RANDOM)),
     ct(COMMIT, nat(SRC, ips(FIRST, LAST), ports(255, 4096), RANDOM)),
     ct(COMMIT, nat(DST, ips("fd00::1"), ports(80))), out(1))

# Open vSwitch 3.1 has other actions of these numbers, or hides a part.
flow("events!", ip4("10.3.0.1"), ct(COMMIT, attr(8, struct.pack("=I", 3))), out(1))
flow("less ttl*!", ip4("10.3.0.2", ttl=64), nest(23, nest(1, out(2))), out(1))
flow("drop*!", ip4("10.3.0.3"), num(24, 5))
flow("psample*!", ip4("10.3.0.4"), nest(25 | NESTED, num(1, 7), attr(2, b"\1\2\3\4")), out(1))

# --- netlink -----------------------------------------------------------------


class Netlink:
    """Generic netlink, one request after the other, each acknowledged."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.socket.bind((0, 0))
        self.seq = 0
        self.families = {}

    def call(self, family, command, body):
        """errno, and what the kernel said before."""
        self.seq += 1
        self.socket.send(struct.pack("=IHHIIBBH", len(body) + 20, family, 5, self.seq, 0,
                                     command, 1, 0) + body)
        answer = b""
        while True:
            data = self.socket.recv(65536)
            if struct.unpack_from("=H", data, 4)[0] == 2:
                return -struct.unpack_from("=i", data, 16)[0], answer
            answer = data

    def family(self, name):
        if name not in self.families:
            error, answer = self.call(16, 3, attr(2, name.encode() + b"\0"))
            if error:
                sys.exit(f"no family {name}: {errno.errorcode[error]}")
            at = 20
            while at < len(answer):
                length, kind = struct.unpack_from("=HH", answer, at)
                if kind == 1:
                    self.families[name] = struct.unpack_from("=H", answer, at + 4)[0]
                at += (length + 3) & ~3
        return self.families[name]

    def must(self, family, command, ifindex, *attrs):
        error, _ = self.call(self.family(family), command,
                             struct.pack("=I", ifindex) + b"".join(attrs))
        if error:
            sys.exit(f"{family}: {errno.errorcode[error]}")


def ufid(number):
    return attr(9, struct.pack("=IIII", 0x0DECDE00, 0, 0, number))


def main():
    netlink = Netlink()
    name = sys.argv[1]
    netlink.must("ovs_datapath", 1, 0, attr(1, name.encode() + b"\0"), num(2, 0))
    ifindex = socket.if_nametoindex(name)
    for number, port in enumerate(NETDEVS, 1):
        netlink.must("ovs_vport", 1, ifindex, num(1, number), num(2, 2),
                     attr(3, port.encode() + b"\0"), num(5, 0))
    for number, (flow_name, key, actions) in enumerate(FLOWS, 1):
        body = struct.pack("=I", ifindex) + ufid(number)
        body += nest(1, *(part[0] for part in key)) + nest(7, *(part[1] for part in key))
        error, _ = netlink.call(netlink.family("ovs_flow"), 1, body + attr(2, actions))
        print(f"refused {flow_name} {errno.errorcode[error]}" if error
              else f"added {flow_name}")


main()
