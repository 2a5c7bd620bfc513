/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a socket buffer to the numbers of an echo request or reply: at most
 * three short reads, and one for a packet that is no ICMP. (The parser of
 * probes/parse.h reads all headers.) Used by latency_rtt.bpf.h.
 */
#ifndef VNET_ECHO_BPF_H
#define VNET_ECHO_BPF_H

#include "vnet.bpf.h"
#include "vnet/abi/latency_rtt.h"

const volatile struct vnet_rtt_config config = {};

/* The outermost tags, as --vlan looks at them. */
#define ECHO_VLANS	2

struct echo {
	struct vnet_rtt_key key;	/* of a reply: its request's */
	__u16 vlan[ECHO_VLANS];
	__u8 nr_vlans;
	bool reply;
};

struct ipv4_header {
	__u8 version_ihl, tos;
	__u16 len, id, frag;
	__u8 ttl, protocol;
	__u16 check;
	__u32 src, dst;
};

struct ipv6_header {
	__u8 version;	/* in the upper half */
	__u8 flow[3];
	__u16 len;
	__u8 next, hops;
	__u32 src[4], dst[4];
};

struct icmp_header {
	__u8 type, code;
	__u16 check, id, seq;
};

struct fragment_header {
	__u8 next, reserved;
	__u16 off;	/* 3 bits of flags below it */
	__u32 id;
};

/* Where headers are: an address in the kernel and the bytes from there on. */
struct span {
	const unsigned char *at;
	__u32 left;
};

/* False, and counted, if they are not in the packet's linear part. */
static __always_inline bool span_read(const struct span *span, __u32 off, void *to, __u32 size)
{
	if (off + size <= span->left && !bpf_probe_read_kernel(to, size, span->at + off))
		return true;
	loss(VNET_LOSS_read_failed);
	return false;
}

static __always_inline bool echo_read_icmp(const struct span *span, __u32 off, bool v6,
					   struct echo *echo)
{
	struct icmp_header h;

	if (!span_read(span, off, &h, sizeof(h)))
		return false;
	echo->reply = h.type == (v6 ? 129 : 0);
	if (h.code || (!echo->reply && h.type != (v6 ? 128 : 8)))
		return false;
	echo->key.id = bpf_ntohs(h.id);
	echo->key.seq = bpf_ntohs(h.seq);
	echo->key.family = v6 ? 6 : 4;
	return true;
}

static __always_inline bool echo_read_ipv4(const struct span *span, struct echo *echo)
{
	struct ipv4_header h;

	if (!span_read(span, 0, &h, sizeof(h)))
		return false;
	if (h.protocol != VNET_IP_ICMP || h.version_ihl >> 4 != 4 ||
	    h.frag & bpf_htons(0x1fff))
		return false;
	if (!echo_read_icmp(span, (h.version_ihl & 15) * 4, false, echo))
		return false;
	*(__u32 *)echo->key.src = echo->reply ? h.dst : h.src;
	*(__u32 *)echo->key.dst = echo->reply ? h.src : h.dst;
	return true;
}

/* A fragment header may stand before ICMP, and no other extension. */
static __always_inline bool echo_read_ipv6(const struct span *span, struct echo *echo)
{
	__u32 off = sizeof(struct ipv6_header);
	struct fragment_header fragment;
	struct ipv6_header h;

	if (!span_read(span, 0, &h, sizeof(h)) || h.version >> 4 != 6)
		return false;
	if (h.next == VNET_IP_FRAGMENT) {
		if (!span_read(span, off, &fragment, sizeof(fragment)) ||
		    fragment.off & bpf_htons(0xfff8))
			return false;
		h.next = fragment.next;
		off += sizeof(fragment);
	}
	if (h.next != VNET_IP_ICMP6 || !echo_read_icmp(span, off, true, echo))
		return false;
	__builtin_memcpy(echo->key.src, echo->reply ? h.dst : h.src, 16);
	__builtin_memcpy(echo->key.dst, echo->reply ? h.src : h.dst, 16);
	return true;
}

/* Where IP has the packet: network_header can be relied upon. */
static __always_inline bool echo_read_packet(struct sk_buff *skb, bool v6, enum access access,
					     struct echo *echo)
{
	__u32 off = FIELD(access, skb, network_header), tail = FIELD(access, skb, tail);
	struct span span = {
		.at = FIELD(access, skb, head) + off,
		.left = tail > off ? tail - off : 0,
	};

	return v6 ? echo_read_ipv6(&span, echo) : echo_read_ipv4(&span, echo);
}

static __always_inline void echo_add_tag(struct echo *echo, __u16 tci)
{
	if (echo->nr_vlans < ECHO_VLANS)
		echo->vlan[echo->nr_vlans++ & (ECHO_VLANS - 1)] = tci & 0xfff;
}

/* Tags in the bytes behind the MAC addresses; `type` and `off` become IP's. */
static __always_inline bool echo_read_tags(const struct span *span, __u16 *type, __u32 *off,
					   struct echo *echo)
{
	struct { __u16 tci, type; } tag;

#pragma unroll
	for (int i = 0; i < VNET_MAX_VLANS; i++) {
		if (!vnet_is_vlan(*type))
			break;
		if (!span_read(span, *off, &tag, sizeof(tag)))
			return false;
		echo_add_tag(echo, bpf_ntohs(tag.tci));
		*type = bpf_ntohs(tag.type);
		*off += sizeof(tag);
	}
	return true;
}

/* On a device, where the link layer may or may not be in the bytes. */
static __always_inline bool echo_read_frame(struct sk_buff *skb, struct net_device *dev,
					    enum access access, struct echo *echo)
{
	__u16 type = bpf_ntohs(FIELD(access, skb, protocol));
	struct place place = { .dev = dev };
	struct start start;
	struct span span;
	__u32 off = 0;
	int tci;

	if (type != VNET_ETH_IPV4 && type != VNET_ETH_IPV6 && !vnet_is_vlan(type))
		return false;
	start_find(skb, access, &place, &start);
	span.at = FIELD(access, skb, head) + start.off;
	span.left = start.avail;
	if (filter.active & VNET_F_VLAN) {
		tci = vlan_accelerated(skb, access);
		if (tci >= 0)
			echo_add_tag(echo, tci);
	}
	if (start.l2) {
		off = 14;
		if (!echo_read_tags(&span, &type, &off, echo))
			return false;
	}
	span.at += off;
	span.left = span.left > off ? span.left - off : 0;
	if (type == VNET_ETH_IPV4)
		return echo_read_ipv4(&span, echo);
	return type == VNET_ETH_IPV6 && echo_read_ipv6(&span, echo);
}

#endif
