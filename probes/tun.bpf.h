/* SPDX-License-Identifier: GPL-2.0-only */
/* The packet that meets a ring, for tun_summary.bpf.c and tun_details.bpf.c. */
#ifndef VNET_TUN_BPF_H
#define VNET_TUN_BPF_H

#include "tun_types.bpf.h"

const volatile struct vnet_tun_config config = {};

/* 0 -> the packet this CPU is giving to a ring; per CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_tun_slot);
} slots SEC(".maps");

/* The number before the rest: most packets are of other devices. */
static __always_inline bool place_tap(struct net_device *dev, enum access access,
				      struct place *place)
{
	bool found = !(filter.active & VNET_F_DEVICE);

	place->dev = dev;
	place->ifindex = dev ? FIELD(access, dev, ifindex) : 0;
	if (!place->ifindex)
		return false;
#pragma unroll
	for (int i = 0; i < VNET_FILTER_IFS; i++)
		if (i < filter.nr_ifindex)
			found |= filter.ifindex[i] == place->ifindex;
	if (!found)
		return false;
	place->netns = BPF_CORE_READ(dev, nd_net.net, ns.inum);
	return place->netns == config.netns;
}

/* Fills the CPU's slot with the packet and the ring it is about to meet. */
static __always_inline struct vnet_tun_slot *
slot_fill(struct sk_buff *skb, const struct place *place, enum access access)
{
	__u32 zero = 0;
	struct vnet_tun_slot *slot = bpf_map_lookup_elem(&slots, &zero);
	struct tun_struct *tun;

	if (!slot)
		return NULL;
	slot->skb = (__u64)skb;
	slot->ifindex = place->ifindex;
	slot->queue = FIELD(access, skb, queue_mapping);
	/* Through memory: the verifier lets nobody add a variable to a typed pointer. */
	*(volatile __u64 *)&slot->tun = tun_of(place->dev);
	tun = (void *)*(volatile __u64 *)&slot->tun;
	ring_read(tun_queue(tun, slot->queue), &slot->ring);
	slot->full = slot->ring.full;
	return slot;
}

#endif
