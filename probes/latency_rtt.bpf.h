/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How an echo request and its reply are followed as one round trip, from step
 * to step (vnet/abi/latency_rtt.h). Shared by latency_rtt.bpf.c, which counts
 * the round trips, and latency_rtt_details.bpf.c, which records some.
 *
 * A packet is known by its own numbers, not by its address: an upcall or a
 * copy on the way changes nothing. What is not followed in full is counted and
 * gives no time.
 *
 * Requests are noted where a path begins, and started, that is counted, where
 * they are known to be this host's own by the given devices. A softirq may come
 * between any two lines at IP output: counts are atomic, and the work space is
 * the stack.
 */
#ifndef VNET_LATENCY_RTT_BPF_H
#define VNET_LATENCY_RTT_BPF_H

#include "echo.bpf.h"

/* Types that no other probe reads. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct dst_entry___dev {
	struct net_device *dev;
};

struct sk_buff___dst {
	unsigned long _skb_refdst;
};

#pragma clang attribute pop

/* Bit 0 of _skb_refdst: no reference is held. */
#define DST_PTRMASK	(~1ul)

#define INITIATOR	(config.role == VNET_RTT_INITIATOR)
/* The number of a step among all. */
#define TX(step)	((INITIATOR ? 0 : VNET_RTT_RX_STEPS) + VNET_RTT_TX_##step)
#define RX(step)	((INITIATOR ? VNET_RTT_TX_STEPS : 0) + VNET_RTT_RX_##step)
#define MASK		(VNET_RTT_ROOM - 1)

/* For a member that is a bit field on some kernels. */
#define FIELD_BITS(access, p, field) \
	((access) == TYPED ? BPF_CORE_READ_BITFIELD(p, field) : \
			     BPF_CORE_READ_BITFIELD_PROBED(p, field))

/* 0 -> number of the interval being counted (vnet/abi/stream.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} epoch SEC(".maps");

/* copy -> counts; user space zeroes the copy at rest. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct vnet_rtt_counts);
} counts SEC(".maps");

/*
 * Round trips under way. Deleted when they are complete, and by user space
 * after the timeout. Not an LRU: that would evict without a count.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct vnet_rtt_key);
	__type(value, struct vnet_rtt_trip);
} trips SEC(".maps");

#define RECENT	1024

/*
 * Low bits of a hash of the key -> the whole hash: answered a moment ago, so
 * that another reply is a duplicate. Overwritten by later ones; nobody deletes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RECENT);
	__type(key, __u32);
	__type(value, __u64);
} recent SEC(".maps");

static __always_inline __u32 current_copy(void)
{
	__u32 zero = 0, *now = bpf_map_lookup_elem(&epoch, &zero);

	return now ? *now & 1 : 0;
}

/* Adds to a member of the counts of now. */
#define COUNT(member) do {							\
	__u32 copy_ = current_copy();						\
	struct vnet_rtt_counts *c_ = bpf_map_lookup_elem(&counts, &copy_);	\
	if (c_)									\
		__sync_fetch_and_add(&c_->member, 1);				\
} while (0)

static __always_inline __u64 key_hash(const struct vnet_rtt_key *key)
{
	const __u64 *words = (const void *)key;
	__u64 hash = 0;

#pragma unroll
	for (__u32 i = 0; i < sizeof(*key) / 8; i++) {
		hash = (hash ^ words[i]) * 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 29;
	}
	return hash | 1;	/* 0 is an empty place */
}

static __always_inline __u64 *recent_of(__u64 hash)
{
	__u32 place = hash >> 32 & (RECENT - 1);

	return bpf_map_lookup_elem(&recent, &place);
}

static __always_inline bool device_in(struct net_device *dev, enum access access,
				      const volatile __u32 *list, __u32 nr)
{
	__u32 ifindex = FIELD(access, dev, ifindex);
	bool found = false;

#pragma unroll
	for (int i = 0; i < VNET_FILTER_IFS; i++)
		if (i < nr)
			found |= list[i] == ifindex;
	return found;
}

/* The same number may stand for another device in another namespace. */
static __always_inline bool is_here(struct net_device *dev)
{
	return BPF_CORE_READ(dev, nd_net.net, ns.inum) == config.netns;
}

static __always_inline bool is_phy(struct net_device *dev, enum access access)
{
	return device_in(dev, access, config.phy, config.nr_phy) && is_here(dev);
}

static __always_inline bool is_internal(struct net_device *dev, enum access access)
{
	if (!config.ovs || !(FIELD_BITS(access, dev, priv_flags) & IFF_OPENVSWITCH))
		return false;
	if (config.nr_internal &&
	    !device_in(dev, access, config.internal, config.nr_internal))
		return false;
	return is_here(dev);
}

/* ---- a round trip from its first step to its last ---- */

/* It will not be measured: counted as something else, or not to be counted. */
static __always_inline void trip_end_late(struct vnet_rtt_trip *trip)
{
	if (trip->state == VNET_RTT_STARTED)
		COUNT(unanswered[trip->step & MASK]);
	else if (trip->state == VNET_RTT_NOTED)
		COUNT(elsewhere);
	trip->state = VNET_RTT_DEAD;
}

/*
 * The key is in the map already. True: of an earlier request, which is over,
 * so that the new one may take its place.
 */
static __always_inline bool trip_repeat(struct vnet_rtt_trip *trip, __u64 now)
{
	if (now > trip->at[0] + config.timeout_ns || trip->state == VNET_RTT_FILTERED) {
		trip_end_late(trip);
		return true;
	}
	/* From now on nothing says which of the two a packet belongs to. */
	COUNT(duplicates);
	if (trip->state == VNET_RTT_STARTED)
		COUNT(ambiguous);
	trip->state = VNET_RTT_DEAD;
	return false;
}

/* False: it could not be put into the map, or is there already; counted. */
static __always_inline bool trip_begin(const struct vnet_rtt_key *key, __u32 state)
{
	struct vnet_rtt_trip fresh = {}, *trip = bpf_map_lookup_elem(&trips, key);
	/* compat: before v6.4 a helper's result has an undefined upper half: no long */
	int err;

	fresh.at[0] = bpf_ktime_get_ns();
	fresh.cpu[0] = bpf_get_smp_processor_id();
	fresh.state = state;
	if (trip && !trip_repeat(trip, fresh.at[0]))
		return false;
	err = bpf_map_update_elem(&trips, key, &fresh, BPF_ANY);
	if (err) {
		loss_of_update(err);
		return false;
	}
	if (state != VNET_RTT_NOTED)
		COUNT(started);
	return true;
}

/* A packet of the round trip is at `step`. True: it came by the one before. */
static __always_inline bool trip_advance(struct vnet_rtt_trip *trip, __u32 step)
{
	__u32 before = config.before[step & MASK] & MASK;
	__u64 now = bpf_ktime_get_ns();

	if (trip->state != VNET_RTT_NOTED && trip->state != VNET_RTT_STARTED)
		return false;
	if (now > trip->at[0] + config.timeout_ns) {
		trip_end_late(trip);
		return false;
	}
	/* It was here before: OVS floods it, or a driver was busy. */
	if (trip->step > before)
		return false;
	if (trip->step < before) {
		if (trip->state == VNET_RTT_STARTED)
			COUNT(not_followed);
		else
			COUNT(elsewhere);
		trip->state = VNET_RTT_DEAD;
		return false;
	}
	/* Clocks of two CPUs may differ a little. */
	trip->at[step & MASK] = now > trip->at[before] ? now : trip->at[before];
	trip->cpu[step & MASK] = bpf_get_smp_processor_id();
	trip->step = step;
	return true;
}

/* What is done with a complete round trip: counted, or recorded. */
static __always_inline void trip_done(void *ctx, __u32 copy,
				      const struct vnet_rtt_record *record);

/* False: there is no such round trip. */
static __always_inline bool trip_finish(void *ctx, const struct vnet_rtt_key *key)
{
	struct vnet_rtt_trip *trip = bpf_map_lookup_elem(&trips, key);
	struct vnet_rtt_counts *now;
	struct vnet_rtt_record record;
	__u32 copy;

	if (!trip)
		return false;
	if (trip->state == VNET_RTT_NOTED || trip->state == VNET_RTT_FILTERED) {
		if (trip->state == VNET_RTT_NOTED)
			COUNT(elsewhere);
		bpf_map_delete_elem(&trips, key);
		return true;
	}
	if (!trip_advance(trip, VNET_RTT_LAST))
		return true;
	record.key = *key;
	record.trip = *trip;
	/* User space may take an old one at the same time: who deletes it has it. */
	if (bpf_map_delete_elem(&trips, key))
		return true;
	copy = current_copy();
	now = bpf_map_lookup_elem(&counts, &copy);
	if (!now)
		return true;
	__sync_fetch_and_add(&now->completed, 1);
	if (config.over_ns &&
	    record.trip.at[VNET_RTT_LAST] - record.trip.at[0] > config.over_ns)
		__sync_fetch_and_add(&now->over, 1);
	trip_done(ctx, copy, &record);
	return true;
}

/* ---- the user's filter: all addresses are those of the request ---- */

static __always_inline bool match_addresses(const struct vnet_rtt_key *key)
{
	if (filter.active & VNET_F_FAMILY && key->family != filter.family)
		return false;
	if (filter.active & VNET_F_SRC &&
	    !vnet_match_address(key->src, filter.src, filter.src_mask))
		return false;
	return !(filter.active & VNET_F_DST) ||
	       vnet_match_address(key->dst, filter.dst, filter.dst_mask);
}

/* What only a frame on a device can tell. */
static __always_inline bool match_frame(struct sk_buff *skb, const struct echo *echo,
					enum access access)
{
	struct place place;
	bool found = false;

	if (filter.active & VNET_F_DEVICE) {
		place_read(skb, access, &place);
		if (!match_place(&place))
			return false;
	}
	if (!(filter.active & VNET_F_VLAN))
		return true;
#pragma unroll
	for (int i = 0; i < ECHO_VLANS; i++)
		found |= i < echo->nr_vlans && echo->vlan[i] == filter.vlan;
	return found;
}

/* ---- sending ---- */

/*
 * Whether the packet's route is by a device that tells it is ours. Of a bond or
 * a VLAN device it is not: there the request is started further down.
 */
static __always_inline bool is_routed_here(struct sk_buff *skb)
{
	struct sk_buff___dst *with_dst = (void *)skb;
	struct dst_entry___dev *dst;
	struct net_device *dev;

	if (filter.active & (VNET_F_DEVICE | VNET_F_VLAN))
		return false;
	dst = (void *)(BPF_CORE_READ(with_dst, _skb_refdst) & DST_PTRMASK);
	dev = BPF_CORE_READ(dst, dev);
	if (!dev)
		return false;
	return config.ovs ? is_internal(dev, PROBED) : is_phy(dev, PROBED);
}

static __always_inline int on_ip_output(struct sk_buff *skb, bool v6, enum access access)
{
	struct vnet_rtt_trip *trip;
	struct echo echo = {};
	struct sock *sk;

	if (!echo_read_packet(skb, v6, access, &echo) || echo.reply == INITIATOR)
		return 0;
	sk = FIELD(access, skb, sk);
	if (BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum) != config.netns)
		return 0;
	if (!INITIATOR) {
		trip = bpf_map_lookup_elem(&trips, &echo.key);
		if (trip)
			trip_advance(trip, TX(IP));
		return 0;
	}
	if (match_addresses(&echo.key))
		trip_begin(&echo.key, is_routed_here(skb) ? VNET_RTT_STARTED :
							    VNET_RTT_NOTED);
	return 0;
}

static __always_inline int on_ip_local_out(void *ctx, struct sk_buff *skb,
					   enum access access)
{
	return on_ip_output(skb, false, access);
}

static __always_inline int on_ip6_send_skb(void *ctx, struct sk_buff *skb,
					   enum access access)
{
	return on_ip_output(skb, true, access);
}

/*
 * A request of this host that IP output did not show: its sender made the IP
 * header itself. It is counted, but has no beginning to measure from.
 */
static __always_inline void tx_headless(struct sk_buff *skb, const struct echo *echo,
					enum access access)
{
	if (FIELD(access, skb, skb_iif) || !FIELD(access, skb, sk))
		return;
	if (trip_begin(&echo->key, VNET_RTT_DEAD))
		COUNT(not_followed);
}

/* An initiator's request is at its first device. */
static __always_inline void tx_first(struct sk_buff *skb, const struct echo *echo,
				     __u32 step, enum access access)
{
	struct vnet_rtt_trip *trip = bpf_map_lookup_elem(&trips, &echo->key);
	bool wanted = match_addresses(&echo->key) && match_frame(skb, echo, access);

	if (!trip) {
		if (wanted)
			tx_headless(skb, echo, access);
		return;
	}
	if (trip->state == VNET_RTT_NOTED && !wanted) {
		trip->state = VNET_RTT_FILTERED;
		return;
	}
	if (trip_advance(trip, step) && trip->state == VNET_RTT_NOTED) {
		trip->state = VNET_RTT_STARTED;
		COUNT(started);
	}
}

static __always_inline void tx_step(struct sk_buff *skb, struct net_device *dev,
				    __u32 step, enum access access)
{
	struct vnet_rtt_trip *trip;
	struct echo echo = {};

	if (!echo_read_frame(skb, dev, access, &echo) || echo.reply == INITIATOR)
		return;
	if (INITIATOR && step == config.start) {
		tx_first(skb, &echo, step, access);
		return;
	}
	trip = bpf_map_lookup_elem(&trips, &echo.key);
	if (trip)
		trip_advance(trip, step);
}

static __always_inline int on_internal_dev_xmit(void *ctx, struct sk_buff *skb,
						enum access access)
{
	struct net_device *dev = FIELD(access, skb, dev);

	if (dev && is_internal(dev, access))
		tx_step(skb, dev, TX(INTERNAL), access);
	return 0;
}

static __always_inline int on_net_dev_queue(void *ctx, struct sk_buff *skb,
					    enum access access)
{
	struct net_device *dev = FIELD(access, skb, dev);

	if (dev && is_phy(dev, access))
		tx_step(skb, dev, TX(QDISC), access);
	return 0;
}

static __always_inline int on_net_dev_start_xmit(void *ctx, struct sk_buff *skb,
						 enum access access)
{
	struct net_device *dev = FIELD(access, skb, dev);
	struct echo echo = {};

	if (!dev || !is_phy(dev, access))
		return 0;
	if (INITIATOR) {
		tx_step(skb, dev, TX(DRIVER), access);
		return 0;
	}
	if (echo_read_frame(skb, dev, access, &echo) && echo.reply)
		trip_finish(ctx, &echo.key);
	return 0;
}

/* ---- receiving ---- */

/* A request that is known to be for this host. */
static __always_inline void rx_start(struct vnet_rtt_trip *trip, __u32 step)
{
	if (trip_advance(trip, step) && trip->state == VNET_RTT_NOTED &&
	    step == config.start) {
		trip->state = VNET_RTT_STARTED;
		COUNT(started);
	}
}

static __always_inline int on_netif_receive_skb(void *ctx, struct sk_buff *skb,
						enum access access)
{
	struct net_device *dev = FIELD(access, skb, dev);
	struct vnet_rtt_trip *trip;
	struct echo echo = {};
	bool phy;

	if (!dev)
		return 0;
	phy = is_phy(dev, access);
	if (!phy && !is_internal(dev, access))
		return 0;
	if (!echo_read_frame(skb, dev, access, &echo) || echo.reply != INITIATOR)
		return 0;
	if (phy && !INITIATOR) {
		if (match_addresses(&echo.key) && match_frame(skb, &echo, access))
			trip_begin(&echo.key, VNET_RTT_NOTED);
		return 0;
	}
	trip = bpf_map_lookup_elem(&trips, &echo.key);
	if (trip)
		rx_start(trip, phy ? RX(NIC) : RX(INTERNAL));
	return 0;
}

/* The end of an initiator's round trip. */
static __always_inline void rx_reply(void *ctx, const struct vnet_rtt_key *key)
{
	__u64 hash = key_hash(key), *seen = recent_of(hash);

	if (!seen)
		return;
	if (trip_finish(ctx, key))
		*seen = hash;
	else if (!match_addresses(key))
		return;
	else if (*seen == hash)
		COUNT(duplicates);
	else
		COUNT(unmatched);
}

static __always_inline int on_icmp(void *ctx, struct sk_buff *skb, bool v6,
				   enum access access)
{
	struct net_device *dev = FIELD(access, skb, dev);
	struct vnet_rtt_trip *trip;
	struct echo echo = {};

	if (!dev || !echo_read_packet(skb, v6, access, &echo) ||
	    echo.reply != INITIATOR || !is_here(dev))
		return 0;
	if (INITIATOR) {
		rx_reply(ctx, &echo.key);
		return 0;
	}
	trip = bpf_map_lookup_elem(&trips, &echo.key);
	if (trip)
		rx_start(trip, RX(TRANSPORT));
	return 0;
}

static __always_inline int on_icmp_rcv(void *ctx, struct sk_buff *skb, enum access access)
{
	return on_icmp(ctx, skb, false, access);
}

static __always_inline int on_icmpv6_rcv(void *ctx, struct sk_buff *skb, enum access access)
{
	return on_icmp(ctx, skb, true, access);
}

/* ---- the programs: <point>__<mechanism> ---- */

/* A tracepoint whose first argument is the packet. */
#define PROGRAM_TP(point)							\
SEC("?tp_btf/" #point)								\
int point##__tp_btf(__u64 *ctx)							\
{										\
	return on_##point(ctx, (struct sk_buff *)ctx[0], TYPED);		\
}										\
SEC("?raw_tp/" #point)								\
int point##__raw_tp(__u64 *ctx)							\
{										\
	return on_##point(ctx, (struct sk_buff *)ctx[0], PROBED);		\
}

/* A function whose argument n (from 1) is the packet. */
#define PROGRAM_FUNC(point, function, n)					\
SEC("?fentry/" #function)							\
int point##__fentry(__u64 *ctx)							\
{										\
	return on_##point(ctx, (struct sk_buff *)ctx[n - 1], TYPED);		\
}										\
SEC("?kprobe/" #function)							\
int point##__kprobe(struct pt_regs *ctx)					\
{										\
	return on_##point(ctx, (struct sk_buff *)PT_REGS_PARM##n(ctx), PROBED);	\
}

PROGRAM_TP(netif_receive_skb)
PROGRAM_TP(net_dev_queue)
PROGRAM_TP(net_dev_start_xmit)

PROGRAM_FUNC(ip_local_out, __ip_local_out, 3)
PROGRAM_FUNC(ip6_send_skb, ip6_send_skb, 1)
PROGRAM_FUNC(internal_dev_xmit, internal_dev_xmit, 1)
PROGRAM_FUNC(icmp_rcv, icmp_rcv, 1)
PROGRAM_FUNC(icmpv6_rcv, icmpv6_rcv, 1)

#endif
