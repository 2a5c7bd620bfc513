/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IP output of the host's own packets: notes of when each was there, for their
 * first device to find. Called by latency_path.bpf.h.
 */
#ifndef VNET_LATENCY_OUTPUT_BPF_H
#define VNET_LATENCY_OUTPUT_BPF_H

#include "latency.bpf.h"

/*
 * The place for the packet's note. The verifier calculates with no pointer, but
 * with what it reads from a map. NULL: a softirq came between and used the
 * same member.
 */
static __always_inline struct vnet_latency_start *start_of(struct vnet_latency_cpu *cpu,
							   struct sk_buff *skb)
{
	volatile __u64 *address = &cpu->address;
	__u64 v, seen;

	*address = (__u64)skb;
	v = seen = *address;
	vnet_forget(v);	/* or clang takes the pointer itself, which is equal */
	if (seen != (__u64)skb)
		return NULL;
	/* socket buffers lie 256 or 512 bytes apart */
	return &cpu->starts[(v >> 8 ^ v >> 12) & (VNET_LATENCY_STARTS - 1)];
}

/*
 * The stack sends a packet, perhaps by OVS: its device is not known yet, nor
 * with TCP over IPv6 its header. So this only notes the time, and the path
 * begins in fact at the first device. In a process a softirq may come between
 * any two lines here and send a packet of its own.
 */
static __always_inline int on_ip_output(void *ctx, struct sk_buff *skb, enum access access)
{
	struct vnet_latency_cpu *cpu = this_cpu();
	__u64 now, socket = (__u64)FIELD(access, skb, sk);
	struct vnet_latency_start *start;

	if (!cpu || !socket)
		return 0;
	start = start_of(cpu, skb);
	if (!start) {
		loss(VNET_LOSS_overwritten);
		return 0;
	}
	now = bpf_ktime_get_ns();
	if (start->skb && start->skb != (__u64)skb)
		start->victim = start->skb;
	start->socket = socket;
	start->at = now;
	barrier();
	start->skb = (__u64)skb;
	barrier();
	if (start->at != now || start->socket != socket) {
		start->skb = 0;
		start->victim = (__u64)skb;
	}
	return 0;
}

/* The time noted at IP output; false if there is none. */
static __always_inline bool tx_noted(struct vnet_latency_cpu *cpu, struct sk_buff *skb,
				     __u64 socket, __u64 *at)
{
	struct vnet_latency_start *start = start_of(cpu, skb);
	bool same;

	if (!start)
		return false;
	same = start->skb == (__u64)skb && start->socket == socket;
	*at = start->at;
	if (!same && start->victim == (__u64)skb) {
		start->victim = 0;
		loss(VNET_LOSS_overwritten);
	}
	if (start->skb == (__u64)skb)
		start->skb = 0;
	return same && bpf_ktime_get_ns() < *at + VNET_LATENCY_AGE_NS;
}

static __always_inline void tx_unfollowed(struct vnet_latency_cpu *cpu, struct sk_buff *skb,
					  enum access access)
{
	__u16 type = bpf_ntohs(FIELD(access, skb, protocol));

	if (type == VNET_ETH_IPV4 || type == VNET_ETH_IPV6)
		counts_of(cpu, TX, current_epoch())->unfollowed++;
}

#endif
