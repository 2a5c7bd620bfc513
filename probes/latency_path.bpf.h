/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Every place where a packet's path is seen, for `latency summary` and
 * `latency details`: the includer is one of their objects. cmd/latency.c
 */
#ifndef VNET_LATENCY_PATH_BPF_H
#define VNET_LATENCY_PATH_BPF_H

#include "latency.bpf.h"
#include "latency_end.bpf.h"
#include "latency_output.bpf.h"
#include "latency_upcall.bpf.h"

/* One packet of config.sample, by chance: a rhythm would fall in with the traffic's. */
static __always_inline bool in_sample(struct vnet_latency_cpu *cpu, __u32 dir)
{
	if (config.sample < 2 || bpf_get_prandom_u32() % config.sample == 0)
		return true;
	counts_of(cpu, dir, current_epoch())->unsampled++;
	return false;
}

/* ---- whom the packet belongs to ---- */

/*
 * The packet in the datapath: carried by this CPU in one direction or the
 * other, or just back from ovs-vswitchd.
 */
static __always_inline __u32 find_direction(struct vnet_latency_cpu *cpu, struct sk_buff *skb,
					    enum access access)
{
	if (has_direction(RX) && is_carried(&cpu->slots[RX], RX, skb, access))
		return RX;
	if (has_direction(TX) && is_carried(&cpu->slots[TX], TX, skb, access))
		return TX;
	return VNET_LATENCY_DIRECTIONS;
}

/* The same behind the datapath's entry, where packets come back from upcalls. */
static __always_inline __u32 find_again(struct vnet_latency_cpu *cpu, struct sk_buff *skb,
					enum access access)
{
	__u32 dir = find_direction(cpu, skb, access);
	struct vnet_latency_slot *slot;

	if (dir < VNET_LATENCY_DIRECTIONS) {
		if (cpu->slots[dir].trip.stage == VNET_LATENCY_UPCALL &&
		    !slot_taken_back(cpu, dir))
			return VNET_LATENCY_DIRECTIONS;
		return dir;
	}
	slot = upcall_resume(cpu, skb, access);
	return slot ? slot->trip.direction & 1 : VNET_LATENCY_DIRECTIONS;
}

/* ---- from a device: NIC, tap, internal port ---- */

static __always_inline void receive_start(struct vnet_latency_cpu *cpu, __u32 dir,
					  __u64 ifindex, struct sk_buff *skb,
					  enum access access)
{
	if (!in_sample(cpu, dir) || (!is_lean && filter.look && look_refuses(skb, access)) ||
	    !match_start(skb, access))
		return;
	/* Its skb_iif will be this device, unless it comes in by one above. */
	slot_start(cpu, dir, VNET_LATENCY_START, skb, access, ifindex);
}

/* The backlog gives the packet to this CPU, which carries it to the end. */
static __always_inline void backlog_resume(struct vnet_latency_cpu *cpu, struct sk_buff *skb,
					   enum access access)
{
	struct vnet_latency_slot *slot = &cpu->slots[RX];

	if (!has_stage(RX, VNET_LATENCY_INTERNAL) ||
	    !wait_end(cpu, slot, (__u64)skb, RX,
		      (BIT(VNET_LATENCY_QDISC) - 1) & ~BIT(VNET_LATENCY_UPCALL)))
		return;
	slot->skb = (__u64)skb;
	slot->head = (__u64)FIELD(access, skb, head);
	slot->tag = TAG_PAST;
	slot_advance(cpu, RX, VNET_LATENCY_INTERNAL, skb, access);
}

/*
 * Every received packet passes here, so whatever this CPU carried before is
 * gone: a slot is never older than the packet that its CPU is busy with.
 */
static __always_inline int on_netif_receive_skb(void *ctx, struct sk_buff *skb,
						enum access access)
{
	struct vnet_latency_cpu *cpu = this_cpu();
	struct net_device *dev = FIELD(access, skb, dev);
	__u64 rx = config.probed[RX], tx = config.vm ? config.probed[TX] : 0, ifindex;

	if (!cpu || !dev)
		return 0;
	if (rx)
		slot_drop(cpu, RX);
	if (tx)
		slot_drop(cpu, TX);
	ifindex = ifindex_of(dev, access);
	if (rx && is_phy(ifindex)) {
		if (is_ours(cpu, dev, access))
			receive_start(cpu, RX, ifindex, skb, access);
	} else if (tx && is_guest(ifindex)) {
		if (is_ours(cpu, dev, access))
			receive_start(cpu, TX, ifindex, skb, access);
	} else if (config.ovs && rx && is_internal(cpu, dev, access)) {
		backlog_resume(cpu, skb, access);
	}
	return 0;
}

/* An internal port puts the packet into a CPU's backlog. */
static __always_inline int on_netif_rx(void *ctx, struct sk_buff *skb, enum access access)
{
	struct net_device *dev = FIELD(access, skb, dev);
	struct vnet_latency_cpu *cpu;
	struct vnet_latency_slot *slot;

	if (!dev)
		return 0;
	cpu = this_cpu();
	if (!cpu || !is_internal(cpu, dev, access))
		return 0;
	slot = &cpu->slots[RX];
	if (find_again(cpu, skb, access) == RX &&
	    may_move(RX, stage_index(slot->trip.stage), VNET_LATENCY_INTERNAL))
		wait_begin(cpu, RX, slot, skb);
	else
		wait_forget(cpu, skb);
	return 0;
}

/* ---- host rx: the stack ---- */

static __always_inline int on_ip_rcv(void *ctx, struct sk_buff *skb, enum access access)
{
	struct vnet_latency_cpu *cpu = this_cpu();

	if (cpu && is_same(&cpu->slots[RX], skb, access))
		slot_advance(cpu, RX, VNET_LATENCY_IP_IN, skb, access);
	return 0;
}

static __always_inline int on_transport(void *ctx, struct sk_buff *skb, enum access access)
{
	struct vnet_latency_cpu *cpu = this_cpu();
	struct vnet_latency_slot *slot;

	if (!cpu)
		return 0;
	slot = &cpu->slots[RX];
	if (is_same(slot, skb, access))
		slot_complete(ctx, cpu, RX, VNET_LATENCY_TRANSPORT, skb, access);
	return 0;
}

/* ---- host tx: IP and the internal port ---- */

/* The host's packet is at its first device, at `stage`; false: not followed. */
static __always_inline bool send_start(struct vnet_latency_cpu *cpu, __u32 stage,
				       struct sk_buff *skb, enum access access)
{
	struct vnet_latency_slot *slot = &cpu->slots[TX];
	__u64 socket = (__u64)FIELD(access, skb, sk), at = 0;

	if (!in_sample(cpu, TX) || !match_start(skb, access))
		return false;
	if (!socket || (has_stage(TX, VNET_LATENCY_IP_OUT) && !tx_noted(cpu, skb, socket, &at))) {
		tx_unfollowed(cpu, skb, access);
		return false;
	}
	slot_drop(cpu, TX);
	slot_start(cpu, TX, stage, skb, access, socket);
	if (has_stage(TX, VNET_LATENCY_IP_OUT)) {
		/* The same thread; its softirq may be another CPU's clock, no later. */
		slot->trip.at[VNET_LATENCY_IP_OUT] = at;
		slot->trip.seen |= BIT(VNET_LATENCY_IP_OUT);
		if (slot->trip.at[stage] < at)
			slot->trip.at[stage] = at;
		note_where(&slot->trip, VNET_LATENCY_IP_OUT, skb, access);
	}
	return true;
}

static __always_inline int on_internal_dev_xmit(void *ctx, struct sk_buff *skb,
						enum access access)
{
	struct vnet_latency_cpu *cpu = this_cpu();
	struct net_device *dev = FIELD(access, skb, dev);

	if (!cpu || !dev)
		return 0;
	slot_drop(cpu, TX);
	/* Routed or bridged packets came in by a device: not this host's own. */
	if (!FIELD(access, skb, skb_iif) && is_internal(cpu, dev, access))
		send_start(cpu, VNET_LATENCY_START, skb, access);
	return 0;
}

/* ---- a device's queue and driver ---- */

/* Whether the slot's packet is this one, on a device that it leaves by. */
static __always_inline bool is_leaving(struct vnet_latency_cpu *cpu, __u32 dir,
				       struct sk_buff *skb, enum access access)
{
	struct vnet_latency_slot *slot = &cpu->slots[dir];

	if (config.vm ? is_same(slot, skb, access) : slot->skb == (__u64)skb)
		return true;
	/* Where the datapath's output is not probed (--stages ends). */
	if (has_stage(dir, VNET_LATENCY_OUTPUT))
		return false;
	slot = upcall_resume(cpu, skb, access);
	return slot && slot->trip.direction == dir;
}

static __always_inline void queue_enter(__u32 dir, struct sk_buff *skb,
					struct net_device *dev, enum access access)
{
	struct vnet_latency_cpu *cpu = this_cpu();
	bool here;

	if (!cpu)
		return;
	if (dir == TX && !config.vm && !config.ovs)
		here = is_ours(cpu, dev, access) &&
		       send_start(cpu, VNET_LATENCY_QDISC, skb, access);
	else
		here = is_leaving(cpu, dir, skb, access) && is_ours(cpu, dev, access) &&
		       slot_advance(cpu, dir, VNET_LATENCY_QDISC, skb, access);
	if (!may_wait(dev, access)) {
		if (here)
			cpu->slots[dir].skb = (__u64)skb;
	} else if (here) {
		wait_begin(cpu, dir, &cpu->slots[dir], skb);
	} else if (is_ours(cpu, dev, access)) {
		wait_forget(cpu, skb);
	}
}

static __always_inline int on_net_dev_queue(void *ctx, struct sk_buff *skb,
					    enum access access)
{
	struct net_device *dev = FIELD(access, skb, dev);
	__u64 ifindex;

	if (!dev)
		return 0;
	ifindex = ifindex_of(dev, access);
	if (has_direction(TX) && is_phy(ifindex)) {
		if (config.vm || !FIELD(access, skb, skb_iif))
			queue_enter(TX, skb, dev, access);
	} else if (has_direction(RX) && is_guest(ifindex)) {
		queue_enter(RX, skb, dev, access);
	}
	return 0;
}

/* From the device's queue, on whichever CPU empties it. */
static __always_inline void driver_resume(void *ctx, struct vnet_latency_cpu *cpu, __u32 dir,
					  struct sk_buff *skb, enum access access)
{
	struct vnet_latency_slot *slot = &cpu->slots[VNET_LATENCY_QUEUED];
	struct vnet_latency_trip *trip;

	trip = wait_end(cpu, slot, (__u64)skb, dir, BIT(VNET_LATENCY_QDISC));
	if (!trip)
		return;
	if (!advance(dir, trip, VNET_LATENCY_DRIVER)) {
		trip_lose(cpu, dir, trip);
		return;
	}
	note_where(trip, VNET_LATENCY_DRIVER, skb, access);
	if (has_stage(dir, VNET_LATENCY_TAKEN))
		wait_begin(cpu, dir, slot, skb);
	else
		complete(ctx, cpu, dir, VNET_LATENCY_DRIVER, trip, skb, SPACE_SOFTIRQ,
			 access);
}

static __always_inline void driver_enter(void *ctx, __u32 dir, struct sk_buff *skb,
					 struct net_device *dev, enum access access)
{
	struct vnet_latency_cpu *cpu = this_cpu();

	if (!cpu)
		return;
	if (is_leaving(cpu, dir, skb, access)) {
		/* What did not wait in the queue has been looked at there. */
		if (cpu->slots[dir].trip.stage != VNET_LATENCY_QDISC &&
		    !is_ours(cpu, dev, access))
			return;
		if (!has_stage(dir, VNET_LATENCY_TAKEN))
			slot_complete(ctx, cpu, dir, VNET_LATENCY_DRIVER, skb, access);
		else if (slot_advance(cpu, dir, VNET_LATENCY_DRIVER, skb, access))
			wait_begin(cpu, dir, &cpu->slots[dir], skb);
	} else if (has_stage(dir, VNET_LATENCY_QDISC) && may_wait(dev, access) &&
		   is_ours(cpu, dev, access)) {
		driver_resume(ctx, cpu, dir, skb, access);
	}
}

static __always_inline int on_net_dev_start_xmit(void *ctx, struct sk_buff *skb,
						 struct net_device *dev, enum access access)
{
	__u64 ifindex = ifindex_of(dev, access);

	if (has_direction(TX) && is_phy(ifindex))
		driver_enter(ctx, TX, skb, dev, access);
	else if (has_direction(RX) && is_guest(ifindex))
		driver_enter(ctx, RX, skb, dev, access);
	return 0;
}

/* The reader of a tap, vhost or QEMU, copies the packet to the guest. */
static __always_inline int on_skb_copy(void *ctx, struct sk_buff *skb, enum access access)
{
	struct net_device *dev = FIELD(access, skb, dev);
	struct vnet_latency_cpu *cpu;
	struct vnet_latency_slot *slot;
	struct vnet_latency_trip *trip;

	if (!dev || !is_guest(ifindex_of(dev, access)))
		return 0;
	cpu = this_cpu();
	if (!cpu || !is_ours(cpu, dev, access))
		return 0;
	slot = &cpu->slots[VNET_LATENCY_TAKING];
	trip = wait_end(cpu, slot, (__u64)skb, RX, BIT(VNET_LATENCY_DRIVER));
	if (!trip)
		return 0;
	if (!advance(RX, trip, VNET_LATENCY_TAKEN)) {
		trip_lose(cpu, RX, trip);
		return 0;
	}
	note_where(trip, VNET_LATENCY_TAKEN, skb, access);
	complete(ctx, cpu, RX, VNET_LATENCY_TAKEN, trip, skb, SPACE_THREAD, access);
	return 0;
}

/* ---- the datapath, which all paths cross ---- */

static __always_inline int on_ovs_vport_receive(void *ctx, struct sk_buff *skb,
						enum access access)
{
	struct vnet_latency_cpu *cpu = this_cpu();
	__u32 dir;

	if (!cpu)
		return 0;
	dir = find_direction(cpu, skb, access);
	if (dir == RX)
		slot_advance(cpu, RX, VNET_LATENCY_OVS, skb, access);
	else if (dir == TX)
		slot_advance(cpu, TX, VNET_LATENCY_OVS, skb, access);
	return 0;
}

static __always_inline int on_ovs_dp_upcall(void *ctx, struct sk_buff *skb,
					    enum access access)
{
	struct vnet_latency_cpu *cpu = this_cpu();
	__u32 dir;

	if (!cpu)
		return 0;
	dir = find_again(cpu, skb, access);
	if (dir == RX)
		upcall_begin(cpu, RX, skb, access);
	else if (dir == TX)
		upcall_begin(cpu, TX, skb, access);
	return 0;
}

static __always_inline int on_ovs_return(void *ctx, struct sk_buff *skb, enum access access)
{
	struct vnet_latency_cpu *cpu = this_cpu();

	if (!cpu)
		return 0;
	/* The address is a new packet's from now on. */
#pragma unroll
	for (int i = 0; i < VNET_LATENCY_DIRECTIONS; i++)
		if (cpu->slots[i].skb == (__u64)skb)
			cpu->slots[i].skb = 0;
	upcall_return(skb, access);
	return 0;
}

/* Flooding outputs a packet several times: the last one counts. */
static __always_inline void output_stage(struct vnet_latency_cpu *cpu, __u32 dir,
					 struct sk_buff *skb, enum access access)
{
	struct vnet_latency_trip *trip = &cpu->slots[dir].trip;

	if (!is_plain(trip, dir, VNET_LATENCY_OUTPUT) && trip->stage == VNET_LATENCY_OUTPUT)
		trip->at[VNET_LATENCY_OUTPUT] = time_at(trip);
	else
		slot_advance(cpu, dir, VNET_LATENCY_OUTPUT, skb, access);
}

/* Each zone is a pass: from the first one's begin to the last one's end. */
static __always_inline void ct_stage(struct vnet_latency_cpu *cpu, __u32 dir,
				     struct sk_buff *skb, enum access access)
{
	struct vnet_latency_trip *trip = &cpu->slots[dir].trip;
	__u32 from = stage_index(trip->stage);

	if (from < VNET_LATENCY_CT) {
		slot_advance(cpu, dir, VNET_LATENCY_CT, skb, access);
	} else if (from == VNET_LATENCY_CT_DONE) {
		trip->stage = VNET_LATENCY_CT;
		trip->seen &= ~BIT(VNET_LATENCY_CT_DONE);
	}
}

static __always_inline int on_ovs_ct_execute(void *ctx, struct sk_buff *skb,
					     enum access access)
{
	struct vnet_latency_cpu *cpu = this_cpu();
	__u32 dir;

	if (!cpu)
		return 0;
	dir = find_again(cpu, skb, access);
	if (dir == RX)
		ct_stage(cpu, RX, skb, access);
	else if (dir == TX)
		ct_stage(cpu, TX, skb, access);
	return 0;
}

/* The packet is looked up anew once conntrack has done with it. */
static __always_inline int on_ovs_dp_process_packet(void *ctx, struct sk_buff *skb,
						    enum access access)
{
	struct vnet_latency_cpu *cpu = this_cpu();
	__u32 dir;

	if (!cpu)
		return 0;
	dir = find_direction(cpu, skb, access);
	if (dir == RX && cpu->slots[RX].trip.stage == VNET_LATENCY_CT)
		slot_advance(cpu, RX, VNET_LATENCY_CT_DONE, skb, access);
	else if (dir == TX && cpu->slots[TX].trip.stage == VNET_LATENCY_CT)
		slot_advance(cpu, TX, VNET_LATENCY_CT_DONE, skb, access);
	return 0;
}

static __always_inline int on_ovs_vport_send(void *ctx, struct sk_buff *skb,
					     enum access access)
{
	struct vnet_latency_cpu *cpu = this_cpu();
	__u32 dir;

	if (!cpu)
		return 0;
	dir = find_again(cpu, skb, access);
	if (dir == RX)
		output_stage(cpu, RX, skb, access);
	else if (dir == TX)
		output_stage(cpu, TX, skb, access);
	return 0;
}

/* ---- the programs: <point>__<mechanism> ---- */

/* A tracepoint whose first argument is the packet. */
#define PROGRAM_TP(point, body)							\
SEC("?tp_btf/" #point)								\
int point##__tp_btf(__u64 *ctx)							\
{										\
	return body(ctx, (struct sk_buff *)ctx[0], TYPED);			\
}										\
SEC("?raw_tp/" #point)								\
int point##__raw_tp(__u64 *ctx)							\
{										\
	return body(ctx, (struct sk_buff *)ctx[0], PROBED);			\
}

/* Of which the second one is its device. */
#define PROGRAM_TP_DEV(point, body)						\
SEC("?tp_btf/" #point)								\
int point##__tp_btf(__u64 *ctx)							\
{										\
	return body(ctx, (struct sk_buff *)ctx[0], (struct net_device *)ctx[1], TYPED); \
}										\
SEC("?raw_tp/" #point)								\
int point##__raw_tp(__u64 *ctx)							\
{										\
	return body(ctx, (struct sk_buff *)ctx[0], (struct net_device *)ctx[1], PROBED); \
}

/* A function whose argument n (from 1) is the packet. */
#define PROGRAM_FUNC(point, function, n, body)					\
SEC("?fentry/" #function)							\
int point##__fentry(__u64 *ctx)							\
{										\
	return body(ctx, (struct sk_buff *)ctx[n - 1], TYPED);			\
}										\
SEC("?kprobe/" #function)							\
int point##__kprobe(struct pt_regs *ctx)					\
{										\
	return body(ctx, (struct sk_buff *)PT_REGS_PARM##n(ctx), PROBED);	\
}

PROGRAM_TP(netif_receive_skb, on_netif_receive_skb)
PROGRAM_TP(netif_rx, on_netif_rx)
PROGRAM_TP(net_dev_queue, on_net_dev_queue)
PROGRAM_TP_DEV(net_dev_start_xmit, on_net_dev_start_xmit)
PROGRAM_TP(skb_copy_datagram_iovec, on_skb_copy)

PROGRAM_FUNC(ovs_vport_receive, ovs_vport_receive, 2, on_ovs_vport_receive)
PROGRAM_FUNC(ovs_dp_upcall, ovs_dp_upcall, 2, on_ovs_dp_upcall)
PROGRAM_FUNC(ovs_return, ovs_flow_key_extract_userspace, 3, on_ovs_return)
PROGRAM_FUNC(ovs_ct_execute, ovs_ct_execute, 2, on_ovs_ct_execute)
PROGRAM_FUNC(ovs_dp_process_packet, ovs_dp_process_packet, 1, on_ovs_dp_process_packet)
PROGRAM_FUNC(ovs_vport_send, ovs_vport_send, 2, on_ovs_vport_send)

PROGRAM_FUNC(ip_rcv, ip_rcv, 1, on_ip_rcv)
PROGRAM_FUNC(ipv6_rcv, ipv6_rcv, 1, on_ip_rcv)
PROGRAM_FUNC(ip_deliver, ip_protocol_deliver_rcu, 2, on_transport)
PROGRAM_FUNC(ip6_deliver, ip6_protocol_deliver_rcu, 2, on_transport)

PROGRAM_FUNC(ip_local_out, __ip_local_out, 3, on_ip_output)
PROGRAM_FUNC(ip6_xmit, ip6_xmit, 2, on_ip_output)
PROGRAM_FUNC(ip6_send_skb, ip6_send_skb, 1, on_ip_output)
PROGRAM_FUNC(internal_dev_xmit, internal_dev_xmit, 1, on_internal_dev_xmit)

#endif
