/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which packet is it? A number made of what a host does not change when it only
 * forwards a packet. Pure: used by latency_pair.bpf.c, and by the unit tests.
 *
 * Left out: VLAN tags, which Open vSwitch puts on and takes off; MAC addresses
 * and TTL, which routing changes; TOS, which a queue may mark; what a tunnel
 * adds; lengths of buffers. Checksums are not decoded: a partial one is completed
 * on the way. So a packet keeps its number across an upcall, a copy and a tunnel
 * (with --inner), and has another one behind NAT.
 */
#ifndef VNET_IDENTITY_H
#define VNET_IDENTITY_H

#include "vnet/abi/packet.h"

/* Words seen in members that are bytes. */
typedef __u32 __attribute__((may_alias)) vnet_id_word;

/* An odd constant spreads each word over the 64 bits, the shift brings them down. */
static __always_inline __u64 vnet_identity_mix(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

static __always_inline __u64 vnet_identity_address(__u64 hash, const __u8 *address)
{
	const vnet_id_word *w = (const void *)address;

	hash = vnet_identity_mix(hash, (__u64)w[0] << 32 | w[1]);
	return vnet_identity_mix(hash, (__u64)w[2] << 32 | w[3]);
}

/* For what is no IP: then addresses of the link are all there is. */
static __always_inline __u64 vnet_identity_link(__u64 hash, const struct vnet_packet *p)
{
	const __u8 *a = p->src_mac, *b = p->dst_mac;

	hash = vnet_identity_mix(hash, (__u64)(a[0] << 8 | a[1]) << 32 |
				 (__u32)a[2] << 24 | a[3] << 16 | a[4] << 8 | a[5]);
	hash = vnet_identity_mix(hash, (__u64)(b[0] << 8 | b[1]) << 32 |
				 (__u32)b[2] << 24 | b[3] << 16 | b[4] << 8 | b[5]);
	return vnet_identity_mix(hash, p->arp_op);
}

static __always_inline __u64 vnet_identity(const struct vnet_packet *p)
{
	const struct vnet_flow *f = &p->flow;
	__u64 hash = 0;

	hash = vnet_identity_address(hash, f->src);
	hash = vnet_identity_address(hash, f->dst);
	hash = vnet_identity_mix(hash, (__u64)f->src_port << 48 | (__u64)f->dst_port << 32 |
				 (__u32)f->ethertype << 16 | f->family << 8 | f->protocol);
	if (!(p->has & VNET_HAS_IP))
		return vnet_identity_link(hash, p);
	hash = vnet_identity_mix(hash, (__u64)p->ip_id << 32 | (__u32)p->frag_off << 16 |
				 p->ip_len);
	hash = vnet_identity_mix(hash, (__u64)p->tcp_seq << 32 | p->tcp_ack);
	return vnet_identity_mix(hash, (__u64)p->icmp_id << 48 | (__u64)p->icmp_seq << 32 |
				 (__u32)p->icmp_type << 24 | p->icmp_code << 16 |
				 p->tcp_flags << 8 | (p->ip_flags & VNET_IP_MF));
}

#endif
