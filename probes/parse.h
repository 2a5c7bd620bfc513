/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The packet parser: headers in a plain byte buffer -> struct vnet_packet.
 * Used by the probes (vnet.bpf.h) on a copy of the headers, and in user space
 * by the unit tests and fuzz targets. The includer provides the __uN types,
 * bool, __always_inline, bpf_ntohs and bpf_ntohl: kernel.bpf.h in BPF,
 * tests/lib/parse_shim.h in user space.
 *
 * How it stays cheap for the verifier: the parser is a row of stages, and all
 * that one stage leaves to the next is written to the buffer's slack and read
 * back (struct vnet_cursor). Of a number read from a map value the verifier
 * knows nothing but its width, so every path through a stage ends in the same
 * state and all but the first are pruned: branches add up, they do not
 * multiply. This holds only if buffer and packet are in a map value; on the
 * BPF stack their contents would be tracked. A whole program that copies,
 * parses and matches: 1,776 instructions visited, 3,184 with `inner` (6.18).
 */
#ifndef VNET_PARSE_H
#define VNET_PARSE_H

#include "vnet/abi/packet.h"
#include "bytes.h"

/* The longest header that is read from one masked offset: a fixed IPv6 one. */
#define VNET_HDR_MAX		40
/*
 * Bytes that the buffer must have behind its VNET_SNAP_INNER: room for a
 * header that begins at the last byte (never used, but the verifier sees only
 * the mask), then the cursor.
 */
#define VNET_PARSE_SLACK	(VNET_HDR_MAX + 8)

#define VNET_ETH_IPV4		0x0800
#define VNET_ETH_ARP		0x0806
#define VNET_ETH_VLAN		0x8100
#define VNET_ETH_QINQ		0x88a8
#define VNET_ETH_QINQ_OLD	0x9100
#define VNET_ETH_IPV6		0x86dd
#define VNET_ETH_TEB		0x6558	/* an Ethernet frame, in Geneve */
#define VNET_ETH_MIN		0x0600	/* below it is a length, or a pseudo type */

#define VNET_IP_HOPOPTS		0
#define VNET_IP_ICMP		1
#define VNET_IP_TCP		6
#define VNET_IP_UDP		17
#define VNET_IP_ROUTING		43
#define VNET_IP_FRAGMENT	44
#define VNET_IP_AH		51
#define VNET_IP_ICMP6		58
#define VNET_IP_NONE		59
#define VNET_IP_DSTOPTS		60
#define VNET_IP_SCTP		132

#define VNET_PORT_VXLAN		4789
#define VNET_PORT_VXLAN_LINUX	8472	/* the kernel driver's default */
#define VNET_PORT_GENEVE	6081

/* What a stage leaves to the next one; at the end of the slack. */
struct vnet_cursor {
	__u16 off;	/* of the next header, from the buffer's start */
	__u16 end;	/* bytes to parse; an IP length may lower it */
	__u16 type;	/* EtherType, later next header, of what is at off */
	__u16 reserved;
};

static __always_inline struct vnet_cursor *vnet_cursor(__u8 *buf)
{
	return (void *)(buf + VNET_SNAP_INNER + VNET_HDR_MAX);
}

/*
 * The header at `off`, whose presence vnet_have() has checked: the mask is for
 * the verifier and changes nothing.
 */
static __always_inline const __u8 *vnet_at(__u8 *buf, __u64 off)
{
	off &= VNET_SNAP_INNER - 1;
	vnet_forget(off);
	return buf + off;
}

/* True if `n` bytes are there from `off` on; if not, the packet is TRUNCATED. */
static __always_inline bool vnet_have(__u8 *buf, struct vnet_packet *pkt,
				      __u64 off, __u32 n)
{
	if (off + n <= vnet_cursor(buf)->end)
		return true;
	pkt->flow.flags |= VNET_FLOW_TRUNCATED;
	return false;
}

static __always_inline bool vnet_malformed(struct vnet_packet *pkt)
{
	pkt->flow.flags |= VNET_FLOW_MALFORMED;
	return false;
}

/* Tags come outermost first; the third and further ones have no place. */
static __always_inline void vnet_add_tag(struct vnet_packet *pkt, __u16 tci)
{
	if (!(pkt->flow.flags & VNET_FLOW_VLAN)) {
		pkt->flow.flags |= VNET_FLOW_VLAN;
		pkt->flow.vlan = tci & 0xfff;
	} else if (!(pkt->has & VNET_HAS_VLAN2)) {
		pkt->has |= VNET_HAS_VLAN2;
		pkt->vlan2 = tci & 0xfff;
	}
}

static __always_inline bool vnet_is_vlan(__u16 type)
{
	return type == VNET_ETH_VLAN || type == VNET_ETH_QINQ ||
	       type == VNET_ETH_QINQ_OLD;
}

/* One tag in the bytes, if there is one. False: it is cut off. */
static __always_inline bool vnet_parse_tag(__u8 *buf, struct vnet_packet *pkt)
{
	struct vnet_cursor *cur = vnet_cursor(buf);
	__u64 off = cur->off;
	const __u8 *h;

	if (!vnet_is_vlan(cur->type))
		return true;
	if (!vnet_have(buf, pkt, off, 4))
		return false;
	h = vnet_at(buf, off);
	vnet_add_tag(pkt, vnet_be16(h));
	cur->type = vnet_be16(h + 2);
	cur->off = off + 4;
	return true;
}

/* MAC addresses and EtherType. */
static __always_inline bool vnet_parse_mac(__u8 *buf, struct vnet_packet *pkt)
{
	struct vnet_cursor *cur = vnet_cursor(buf);
	__u64 off = cur->off;
	const __u8 *h;

	if (!vnet_have(buf, pkt, off, 14))
		return false;
	h = vnet_at(buf, off);
	vnet_put_mac(pkt->dst_mac, h);
	vnet_put_mac(pkt->src_mac, h + 6);
	pkt->has |= VNET_HAS_MAC;
	cur->type = vnet_be16(h + 12);
	cur->off = off + 14;
	return true;
}

/* No EtherType (locally made, not yet sent): the version nibble tells. */
static __always_inline bool vnet_guess_type(__u8 *buf, struct vnet_packet *pkt)
{
	struct vnet_cursor *cur = vnet_cursor(buf);
	__u64 off = cur->off;
	__u8 version;

	if (!vnet_have(buf, pkt, off, 1))
		return false;
	version = *vnet_at(buf, off) >> 4;
	if (version == 4)
		cur->type = VNET_ETH_IPV4;
	else if (version == 6)
		cur->type = VNET_ETH_IPV6;
	return true;
}

/* Link layer. cursor->type: TEB for an Ethernet frame, else what is there. */
static __always_inline bool vnet_parse_link(__u8 *buf, struct vnet_packet *pkt)
{
	struct vnet_cursor *cur = vnet_cursor(buf);

	if (cur->type == VNET_ETH_TEB) {
		if (!vnet_parse_mac(buf, pkt))
			return false;
	} else if (!cur->type) {
		if (!vnet_guess_type(buf, pkt))
			return false;
	}
	vnet_unroll
	for (int i = 0; i < VNET_MAX_VLANS; i++) {
		vnet_stage();
		if (!vnet_parse_tag(buf, pkt))
			return false;
	}
	vnet_stage();
	if (cur->type < VNET_ETH_MIN)
		return false;	/* LLC: no type, nothing more to read */
	pkt->flow.ethertype = cur->type;
	pkt->l3_off = cur->off;
	if (!vnet_is_vlan(cur->type))
		return true;
	pkt->flow.flags |= VNET_FLOW_TRUNCATED;	/* more tags than are walked */
	return false;
}

/* IPv4 over Ethernet only; of others the EtherType has to do. */
static __always_inline void vnet_parse_arp(__u8 *buf, struct vnet_packet *pkt)
{
	__u64 off = vnet_cursor(buf)->off;
	const __u8 *h;

	if (!vnet_have(buf, pkt, off, 8))
		return;
	h = vnet_at(buf, off);
	if (vnet_be32(h) != (1 << 16 | VNET_ETH_IPV4) || vnet_be16(h + 4) != 0x0604)
		return;
	pkt->arp_op = vnet_be16(h + 6);
	pkt->has |= VNET_HAS_ARP;
	if (!vnet_have(buf, pkt, off, 28))
		return;
	vnet_put32(pkt->flow.src, h + 14);
	vnet_put32(pkt->flow.dst, h + 24);
	pkt->flow.family = 4;
}

/*
 * Lowers the end of the bytes to that of the IP packet, so that Ethernet
 * padding is not taken for a header. 0: not stated (big TCP, from v6.3 on; a
 * packet that is still being built), then the bytes decide.
 */
static __always_inline void vnet_set_end(struct vnet_cursor *cur, __u64 off, __u32 len)
{
	if (len && off + len < cur->end)
		cur->end = off + len;
}

/* True if a transport header follows at the cursor. */
static __always_inline bool vnet_parse_ipv4(__u8 *buf, struct vnet_packet *pkt)
{
	struct vnet_cursor *cur = vnet_cursor(buf);
	__u64 off = cur->off;
	__u32 hlen, frag;
	const __u8 *h;

	if (!vnet_have(buf, pkt, off, 20))
		return false;
	h = vnet_at(buf, off);
	if (h[0] >> 4 != 4)
		return vnet_malformed(pkt);
	hlen = (h[0] & 15) * 4;
	frag = vnet_be16(h + 6);
	pkt->tos = h[1];
	pkt->ip_len = vnet_be16(h + 2);
	pkt->ip_id = vnet_be16(h + 4);
	/* Two flags in the order 0 DF MF; the ABI has DF 1, MF 2. */
	pkt->ip_flags = (frag >> 14 & VNET_IP_DF) | (frag >> 12 & VNET_IP_MF);
	pkt->frag_off = (frag & 0x1fff) * 8;
	pkt->ttl = h[8];
	pkt->has |= VNET_HAS_IP;
	pkt->flow.protocol = h[9];
	pkt->flow.flags |= VNET_FLOW_PROTOCOL;
	vnet_put32(pkt->flow.src, h + 12);
	vnet_put32(pkt->flow.dst, h + 16);
	pkt->flow.family = 4;
	if (hlen < 20 || (pkt->ip_len && pkt->ip_len < hlen))
		return vnet_malformed(pkt);
	vnet_set_end(cur, off, pkt->ip_len);
	cur->type = pkt->flow.protocol;
	cur->off = off + hlen;
	if (pkt->frag_off) {
		pkt->flow.flags |= VNET_FLOW_FRAGMENT;
		return false;
	}
	return vnet_have(buf, pkt, off, hlen);
}

static __always_inline bool vnet_parse_ipv6(__u8 *buf, struct vnet_packet *pkt)
{
	struct vnet_cursor *cur = vnet_cursor(buf);
	__u64 off = cur->off;
	__u32 word, len;
	const __u8 *h;

	if (!vnet_have(buf, pkt, off, 40))
		return false;
	h = vnet_at(buf, off);
	word = vnet_be32(h);
	if (word >> 28 != 6)
		return vnet_malformed(pkt);
	len = vnet_be16(h + 4);
	pkt->tos = word >> 20;
	pkt->ip_len = len + 40 > 0xffff ? 0xffff : len + 40;
	pkt->ttl = h[7];
	pkt->has |= VNET_HAS_IP;
	vnet_unroll
	for (int i = 0; i < 16; i += 4) {
		vnet_put32(pkt->flow.src + i, h + 8 + i);
		vnet_put32(pkt->flow.dst + i, h + 24 + i);
	}
	pkt->flow.family = 6;
	/* A payload of 0 is a jumbogram or big TCP, or there is nothing to read. */
	vnet_set_end(cur, off, len ? len + 40 : 0);
	cur->type = h[6];
	cur->off = off + 40;
	return true;
}

/* What vnet_parse_exthdr() found. */
enum vnet_ext { VNET_EXT_NONE, VNET_EXT_WALKED, VNET_EXT_STOP };

static __always_inline bool vnet_is_exthdr(__u16 type)
{
	return type == VNET_IP_HOPOPTS || type == VNET_IP_ROUTING ||
	       type == VNET_IP_FRAGMENT || type == VNET_IP_AH ||
	       type == VNET_IP_DSTOPTS;
}

/* Called for a fragment header at `h`. True: it is the first fragment. */
static __always_inline bool vnet_parse_fragment(const __u8 *h, struct vnet_packet *pkt)
{
	__u16 frag = vnet_be16(h + 2);

	pkt->ip_id = vnet_be32(h + 4);
	pkt->frag_off = frag & 0xfff8;
	pkt->ip_flags = frag & 1 ? VNET_IP_MF : 0;
	if (!pkt->frag_off)
		return true;
	pkt->flow.flags |= VNET_FLOW_FRAGMENT | VNET_FLOW_PROTOCOL;
	pkt->flow.protocol = h[0];
	return false;
}

/* One IPv6 extension header, if there is one. */
static __always_inline enum vnet_ext vnet_parse_exthdr(__u8 *buf, struct vnet_packet *pkt)
{
	struct vnet_cursor *cur = vnet_cursor(buf);
	__u64 off = cur->off;
	__u16 type = cur->type;
	const __u8 *h;
	__u32 len;

	if (!vnet_is_exthdr(type))
		return VNET_EXT_NONE;
	if (!vnet_have(buf, pkt, off, 8))
		return VNET_EXT_STOP;
	h = vnet_at(buf, off);
	len = (h[1] + 1) * 8;
	if (type == VNET_IP_AH)
		len = (h[1] + 2) * 4;
	if (type == VNET_IP_FRAGMENT) {
		len = 8;
		if (!vnet_parse_fragment(h, pkt))
			return VNET_EXT_STOP;
	}
	cur->type = h[0];
	cur->off = off + len;
	return vnet_have(buf, pkt, off, len) ? VNET_EXT_WALKED : VNET_EXT_STOP;
}

static __always_inline bool vnet_parse_exthdrs(__u8 *buf, struct vnet_packet *pkt)
{
	struct vnet_cursor *cur = vnet_cursor(buf);

	vnet_unroll
	for (int i = 0; i < VNET_MAX_EXTHDRS; i++) {
		enum vnet_ext ext;

		vnet_stage();
		ext = vnet_parse_exthdr(buf, pkt);
		if (ext == VNET_EXT_STOP)
			return false;
		if (ext == VNET_EXT_NONE)
			break;
	}
	vnet_stage();
	if (vnet_is_exthdr(cur->type)) {
		pkt->flow.flags |= VNET_FLOW_TRUNCATED;
		return false;
	}
	pkt->flow.protocol = cur->type;
	pkt->flow.flags |= VNET_FLOW_PROTOCOL;
	return cur->type != VNET_IP_NONE;
}

static __always_inline void vnet_parse_icmp(__u8 *buf, struct vnet_packet *pkt, bool v6)
{
	__u64 off = vnet_cursor(buf)->off;
	const __u8 *h;
	__u8 type;

	if (!vnet_have(buf, pkt, off, 4))
		return;
	h = vnet_at(buf, off);
	type = h[0];
	pkt->icmp_type = type;
	pkt->icmp_code = h[1];
	pkt->has |= VNET_HAS_ICMP;
	if (v6 ? type != 128 && type != 129 : type != 8 && type != 0)
		return;
	if (!vnet_have(buf, pkt, off, 8))
		return;
	pkt->icmp_id = vnet_be16(h + 4);
	pkt->icmp_seq = vnet_be16(h + 6);
}

static __always_inline void vnet_parse_tcp(__u8 *buf, struct vnet_packet *pkt)
{
	__u64 off = vnet_cursor(buf)->off;
	const __u8 *h;

	if (!vnet_have(buf, pkt, off, 20))
		return;
	h = vnet_at(buf, off);
	pkt->tcp_seq = vnet_be32(h + 4);
	pkt->tcp_ack = vnet_be32(h + 8);
	pkt->tcp_flags = h[13];
	pkt->has |= VNET_HAS_TCP;
	if (h[12] >> 4 < 5)
		vnet_malformed(pkt);
}

static __always_inline void vnet_parse_udp(__u8 *buf, struct vnet_packet *pkt)
{
	__u64 off = vnet_cursor(buf)->off;
	__u16 len;

	if (!vnet_have(buf, pkt, off, 8))
		return;
	len = vnet_be16(vnet_at(buf, off) + 4);
	if (len && len < 8)	/* 0: a jumbogram */
		vnet_malformed(pkt);
}

/* Ports first: they are there even if the rest of the header is not. */
static __always_inline void vnet_parse_ports(__u8 *buf, struct vnet_packet *pkt)
{
	struct vnet_cursor *cur = vnet_cursor(buf);
	__u64 off = cur->off;
	const __u8 *h;

	if (!vnet_have(buf, pkt, off, 4))
		return;
	h = vnet_at(buf, off);
	pkt->flow.src_port = vnet_be16(h);
	pkt->flow.dst_port = vnet_be16(h + 2);
	pkt->flow.flags |= VNET_FLOW_PORTS;
	vnet_stage();
	if (cur->type == VNET_IP_TCP)
		vnet_parse_tcp(buf, pkt);
	else if (cur->type == VNET_IP_UDP)
		vnet_parse_udp(buf, pkt);
	else
		vnet_have(buf, pkt, cur->off, 12);	/* SCTP's common header */
}

static __always_inline void vnet_parse_transport(__u8 *buf, struct vnet_packet *pkt)
{
	struct vnet_cursor *cur = vnet_cursor(buf);
	__u16 type = cur->type;

	pkt->l4_off = cur->off;
	if (type == VNET_IP_TCP || type == VNET_IP_UDP || type == VNET_IP_SCTP)
		vnet_parse_ports(buf, pkt);
	else if (type == VNET_IP_ICMP && pkt->flow.family == 4)
		vnet_parse_icmp(buf, pkt, false);
	else if (type == VNET_IP_ICMP6 && pkt->flow.family == 6)
		vnet_parse_icmp(buf, pkt, true);
}

/* All headers from the cursor on. */
static __always_inline void vnet_parse_headers(__u8 *buf, struct vnet_packet *pkt)
{
	struct vnet_cursor *cur = vnet_cursor(buf);

	if (!vnet_parse_link(buf, pkt))
		return;
	vnet_stage();
	if (cur->type == VNET_ETH_IPV4) {
		if (!vnet_parse_ipv4(buf, pkt))
			return;
	} else if (cur->type == VNET_ETH_IPV6) {
		if (!vnet_parse_ipv6(buf, pkt) || !vnet_parse_exthdrs(buf, pkt))
			return;
	} else {
		if (cur->type == VNET_ETH_ARP)
			vnet_parse_arp(buf, pkt);
		return;
	}
	vnet_stage();
	vnet_parse_transport(buf, pkt);
}

/* Starts again behind a tunnel header at `off`; the outer flow is gone. */
static __always_inline void vnet_enter_frame(__u8 *buf, struct vnet_packet *pkt,
					     __u64 off, __u16 type, __u32 vni)
{
	struct vnet_cursor *cur = vnet_cursor(buf);

	__builtin_memset(pkt, 0, sizeof(*pkt));
	pkt->vni = vni;
	pkt->has = VNET_HAS_TUNNEL;
	pkt->flow.flags = VNET_FLOW_INNER;
	cur->off = off;
	cur->type = type;
}

/* True if there is a VXLAN or Geneve header; the cursor is then behind it. */
static __always_inline bool vnet_parse_tunnel(__u8 *buf, struct vnet_packet *pkt)
{
	__u64 off = pkt->l4_off + 8;
	__u16 port = pkt->flow.dst_port;
	const __u8 *h;
	__u32 vni;

	if (pkt->flow.protocol != VNET_IP_UDP ||
	    (pkt->flow.flags & (VNET_FLOW_PORTS | VNET_FLOW_TRUNCATED |
				VNET_FLOW_MALFORMED)) != VNET_FLOW_PORTS)
		return false;
	if (port != VNET_PORT_VXLAN && port != VNET_PORT_VXLAN_LINUX &&
	    port != VNET_PORT_GENEVE)
		return false;
	if (!vnet_have(buf, pkt, off, 8))
		return false;
	h = vnet_at(buf, off);
	vni = vnet_be32(h + 4) >> 8;
	if (port != VNET_PORT_GENEVE) {
		if (!(h[0] & 0x08))	/* no valid VNI: not VXLAN */
			return false;
		vnet_enter_frame(buf, pkt, off + 8, VNET_ETH_TEB, vni);
		return true;
	}
	if (h[0] >> 6)		/* a version yet to come */
		return false;
	vnet_enter_frame(buf, pkt, off + 8 + (h[0] & 63) * 4, vnet_be16(h + 2), vni);
	return true;
}

/*
 * Decodes the packet in `buf` into *pkt, which is cleared first (so len and
 * the gso members are the caller's to set afterwards).
 *
 * buf		VNET_SNAP_INNER + VNET_PARSE_SLACK bytes, 8-byte aligned, of
 *		which the slack is overwritten; in BPF inside a map value, and
 *		not shared with a program that may interrupt this one
 * len		how many of its bytes are real; more than VNET_SNAP (or
 *		VNET_SNAP_INNER with `inner`) are not looked at
 * l2		true: it begins with an Ethernet header; false: with the header
 *		that `ethertype` names
 * ethertype	host byte order, 0: unknown, the IP version tells; unused with l2
 * tci		the tag that the kernel keeps beside the bytes, which is the
 *		outermost; -1: none
 * inner	look into VXLAN and Geneve; constant in BPF (.rodata)
 */
static __always_inline void vnet_parse(__u8 *buf, __u32 len, bool l2, __u16 ethertype,
				       int tci, __u32 inner, struct vnet_packet *pkt)
{
	struct vnet_cursor *cur = vnet_cursor(buf);
	__u32 max = inner ? VNET_SNAP_INNER : VNET_SNAP;

	__builtin_memset(pkt, 0, sizeof(*pkt));
	cur->off = 0;
	cur->end = len < max ? len : max;
	cur->type = l2 ? VNET_ETH_TEB : ethertype;
	if (tci >= 0)
		vnet_add_tag(pkt, tci);
	vnet_stage();
	vnet_parse_headers(buf, pkt);
	vnet_stage();
	if (inner && vnet_parse_tunnel(buf, pkt)) {
		vnet_stage();
		vnet_parse_headers(buf, pkt);
		vnet_stage();
	}
}

#endif
