/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does a decoded packet pass the user's filter? Pure: used by the probes
 * (vnet.bpf.h) with the filter in .rodata, where the verifier deletes each
 * test whose bit in `active` is not set, and by the unit tests.
 * Tests come in the order of the VNET_F_* bits, which is also the order in
 * which core/filter.c explains them. A packet that lacks what a test looks at
 * does not match.
 */
#ifndef VNET_MATCH_H
#define VNET_MATCH_H

#include "vnet/abi/filter.h"
#include "vnet/abi/packet.h"

/* An address seen as words; the members are bytes. */
typedef __u32 __attribute__((may_alias)) vnet_word;

static __always_inline bool vnet_match_address(const __u8 *addr,
					       const volatile __u8 *want,
					       const volatile __u8 *mask)
{
	const vnet_word *a = (const void *)addr;
	const volatile vnet_word *w = (const volatile void *)want;
	const volatile vnet_word *m = (const volatile void *)mask;

	/* A mask of zero is known to the verifier, and so is the result. */
	return (a[0] & m[0]) == w[0] && (a[1] & m[1]) == w[1] &&
	       (a[2] & m[2]) == w[2] && (a[3] & m[3]) == w[3];
}

static __always_inline bool vnet_match_vlan(const struct vnet_packet *p, __u16 vlan)
{
	if (p->flow.flags & VNET_FLOW_VLAN && p->flow.vlan == vlan)
		return true;
	return p->has & VNET_HAS_VLAN2 && p->vlan2 == vlan;
}

/*
 * The VNET_F_PACKET tests of `f`; the others need no headers and are the
 * caller's. An address test relies on VNET_F_FAMILY being set with it.
 */
static __always_inline bool vnet_match_packet(const volatile struct vnet_filter *f,
					      const struct vnet_packet *p)
{
	__u32 active = f->active;

	if (active & VNET_F_FAMILY && p->flow.family != f->family)
		return false;
	if (active & VNET_F_PROTOCOL && (!(p->flow.flags & VNET_FLOW_PROTOCOL) ||
					 p->flow.protocol != f->protocol))
		return false;
	if (active & VNET_F_VLAN && !vnet_match_vlan(p, f->vlan))
		return false;
	if (active & VNET_F_SRC && !vnet_match_address(p->flow.src, f->src, f->src_mask))
		return false;
	if (active & VNET_F_DST && !vnet_match_address(p->flow.dst, f->dst, f->dst_mask))
		return false;
	if (active & (VNET_F_SRC_PORT | VNET_F_DST_PORT) &&
	    !(p->flow.flags & VNET_FLOW_PORTS))
		return false;
	if (active & VNET_F_SRC_PORT && p->flow.src_port != f->src_port)
		return false;
	if (active & VNET_F_DST_PORT && p->flow.dst_port != f->dst_port)
		return false;
	return !(active & VNET_F_ETHERTYPE) || p->flow.ethertype == f->ethertype;
}

/*
 * A look at the first words of an IPv4 header and what follows it. True only if
 * vnet_match_packet() would refuse the packet: the ports are there if it has no
 * options and is no later fragment.
 */
static __always_inline bool vnet_look_refuses(const volatile struct vnet_filter *f,
					      const __u64 words[VNET_LOOK_WORDS + 1])
{
	const __u8 *bytes = (const void *)words;
	__u64 differ = (words[1] & f->look_mask[0]) ^ f->look_value[0];

	differ |= (words[2] & f->look_mask[1]) ^ f->look_value[1];
	return differ && bytes[0] == 0x45 && !(bytes[6] & 0x1f) && !bytes[7];
}

#endif
