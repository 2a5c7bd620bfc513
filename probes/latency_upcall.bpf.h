/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Across an upcall: ovs-vswitchd returns a packet's bytes in a new socket
 * buffer, so it is known by its headers. Called by latency_path.bpf.h.
 */
#ifndef VNET_LATENCY_UPCALL_BPF_H
#define VNET_LATENCY_UPCALL_BPF_H

#include "latency.bpf.h"

/*
 * What both buffers have in common: everything decoded, but for where it
 * stands (a VLAN tag moves from beside the bytes into them) and the buffer's
 * own length. Checksums are not decoded: a partial one is completed on the way.
 */
static __always_inline __u64 hash_packet(struct vnet_packet *packet)
{
	const vnet_word *word = (const void *)packet;
	__u64 hash = 0xcbf29ce484222325;

	packet->len = 0;
	packet->l3_off = 0;
	packet->l4_off = 0;
	packet->flow.flags &= ~VNET_FLOW_TRUNCATED;
#pragma unroll
	for (int i = 0; i < sizeof(*packet) / sizeof(*word); i++)
		hash = (hash ^ word[i]) * 0x100000001b3;
	/* FNV's high bits are its best; the highest tells it from an address. */
	return (hash ^ hash >> 32) & ~(1ull << 63);
}

/*
 * The packet as ovs-vswitchd sees it. In the datapath `data` is at the
 * Ethernet header, and so it is in the buffer that comes back, which knows
 * nothing of its headers yet. 0: not readable.
 */
OUT_OF_LINE __u64 upcall_key(struct sk_buff *skb, enum space space,
					enum access access)
{
	__u32 work = space_index(space);
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &work);
	__u32 data = (__u64)FIELD(access, skb, data) - (__u64)FIELD(access, skb, head);
	__u32 tail = FIELD(access, skb, tail);
	struct start start;

	barrier_var(data);
	if (!scratch)
		return 0;
	__builtin_memset(&scratch->packet, 0, sizeof(scratch->packet));
	start.off = data;
	start.data = data;
	start.avail = tail > data ? tail - data : 0;
	start.ethertype = 0;
	start.l2 = true;
	if (!packet_read(skb, access, &start, scratch->bytes, &scratch->packet))
		return 0;
	return hash_packet(&scratch->packet);
}

/*
 * The slot's packet goes to ovs-vswitchd: with a miss it ends here, with an
 * action (sFlow, a controller) it also goes on, and then slot_taken_back().
 * What a packet did since an earlier upcall is part of the time between both.
 */
static __always_inline void upcall_begin(struct vnet_latency_cpu *cpu, __u32 dir,
					 struct sk_buff *skb, enum access access)
{
	struct vnet_latency_slot *slot = &cpu->slots[dir];
	struct vnet_latency_trip *trip = &slot->trip;
	__u32 from = stage_index(trip->stage);
	__u64 at = time_after(trip->at[from]);

	if (from < (has_stage(dir, VNET_LATENCY_OVS) ? VNET_LATENCY_OVS : VNET_LATENCY_START) ||
	    from > VNET_LATENCY_OUTPUT || from == VNET_LATENCY_UPCALL)
		return;
	slot->key = upcall_key(skb, SPACE_SOFTIRQ, access);
	if (!slot->key)
		return;
	slot->resume = from;
	trip->seen &= BIT(VNET_LATENCY_RETURN) - 1;
	if (!(trip->seen & BIT(VNET_LATENCY_UPCALL))) {
		trip->at[VNET_LATENCY_UPCALL] = at;
		note_where(trip, VNET_LATENCY_UPCALL, skb, access);
	}
	trip->seen |= BIT(VNET_LATENCY_UPCALL);
	trip->stage = VNET_LATENCY_UPCALL;
	trip->direction = dir;
	if (wait_put(trip, slot->key, counts_of(cpu, dir, current_epoch())))
		return;
	slot->skb = 0;
	trip->stage = 0;
}

/*
 * A packet that was sent up by an action goes on here: as if it had not been.
 * False: the one that was sent up is back already, and is the one followed.
 */
static __always_inline bool slot_taken_back(struct vnet_latency_cpu *cpu, __u32 dir)
{
	struct vnet_latency_slot *slot = &cpu->slots[dir];
	struct vnet_latency_trip *trip = &slot->trip;
	__u32 stage = stage_index(slot->resume);

	if (bpf_map_delete_elem(&waits, &slot->key)) {
		slot->skb = 0;
		trip->stage = 0;
		return false;
	}
	counts_of(cpu, dir, current_epoch())->resumed[VNET_LATENCY_UPCALL]++;
	trip->seen &= ~BIT(VNET_LATENCY_UPCALL);
	trip->stage = stage;
	return true;
}

/*
 * ovs-vswitchd returns a packet, in a thread of its own: the entry of `waits`
 * gets the new buffer's address. Nothing is counted here, where softirqs may
 * come between.
 */
static __always_inline void upcall_return(struct sk_buff *skb, enum access access)
{
	struct vnet_latency_trip *trip;
	__u64 key = upcall_key(skb, SPACE_THREAD, access), address = (__u64)skb;
	int err;

	if (!key)
		return;
	trip = bpf_map_lookup_elem(&waits, &key);
	if (!trip)
		return;
	err = bpf_map_update_elem(&waits, &address, trip, BPF_ANY);
	if (bpf_map_delete_elem(&waits, &key) || err)
		return;
	trip = bpf_map_lookup_elem(&waits, &address);
	if (!trip)
		return;
	trip->at[VNET_LATENCY_RETURN] = time_after(trip->at[VNET_LATENCY_UPCALL]);
	trip->seen |= BIT(VNET_LATENCY_RETURN);
	note_where(trip, VNET_LATENCY_RETURN, skb, access);
}

/* The first that is seen of such a packet with softirqs disabled. NULL: it is none. */
static __always_inline struct vnet_latency_slot *upcall_resume(struct vnet_latency_cpu *cpu,
							       struct sk_buff *skb,
							       enum access access)
{
	struct vnet_latency_slot *slot = &cpu->slots[VNET_LATENCY_QUEUED], *to;
	struct vnet_latency_trip *trip;
	__u32 dir;

	if (!config.upcalls || FIELD(access, skb, skb_iif) || FIELD(access, skb, sk))
		return NULL;
	trip = wait_end(cpu, slot, (__u64)skb, VNET_LATENCY_DIRECTIONS,
			BIT(VNET_LATENCY_UPCALL));
	if (!trip)
		return NULL;
	dir = trip->direction & 1;
	if (!(trip->seen & BIT(VNET_LATENCY_RETURN))) {
		counts_of(cpu, dir, current_epoch())->lost[VNET_LATENCY_UPCALL]++;
		trip->stage = 0;
		return NULL;
	}
	slot_drop(cpu, dir);
	to = &cpu->slots[dir];
	to->skb = (__u64)skb;
	to->head = (__u64)FIELD(access, skb, head);
	/* On host tx it is the socket, of which it has none. */
	to->tag = !config.vm && dir == TX ? 0 : TAG_RETURNED;
	to->trip = *trip;
	to->trip.stage = VNET_LATENCY_RETURN;
	trip->stage = 0;
	return to;
}

#endif
