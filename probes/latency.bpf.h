/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How latency_path.bpf.h follows a packet: who it is, where its time stamps
 * are kept, and what happens to them at the end.
 *
 * One CPU carries a packet from the device through the datapath to the next
 * queue, with softirqs disabled: its stamps are in a slot of that CPU, one for
 * each direction. While it waits (for ovs-vswitchd, in a qdisc, a tap's ring
 * or a backlog) they are in the map `waits`.
 *
 * Everything that counts runs with softirqs disabled, so no program here ever
 * interrupts another one on its CPU and plain additions are enough. The
 * exceptions only note a time (on_ip_output()) or move an entry of `waits`
 * (on_ovs_return()).
 */
#ifndef VNET_LATENCY_BPF_H
#define VNET_LATENCY_BPF_H

#include "vnet.bpf.h"
#include "hist.bpf.h"
#include "vnet/abi/latency.h"

#define RX	VNET_LATENCY_RX
#define TX	VNET_LATENCY_TX
#define BIT	VNET_LATENCY_BIT

/* For a member that is a bit field on some kernels. */
#define FIELD_BITS(access, p, field) \
	((access) == TYPED ? BPF_CORE_READ_BITFIELD(p, field) : \
			     BPF_CORE_READ_BITFIELD_PROBED(p, field))

#define barrier()	asm volatile("" ::: "memory")

#define EEXIST		17

const volatile struct vnet_latency_config config = {};

/*
 * The lean object is for runs without a filter, --over and --by flow. The kernel
 * would leave their code out as well, but only after it has gone through all of
 * it, instruction by instruction: that is most of the time that a start takes.
 */
#ifdef VNET_LATENCY_LEAN
static const bool is_lean = true;
#else
static const bool is_lean = false;
#endif

/* 0 -> number of the interval being counted (vnet/abi/stream.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} epoch SEC(".maps");

/* 0 -> slots and counts; per CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_latency_cpu);
} cpus SEC(".maps");

/*
 * Packet -> what is known of it while it waits. The key is the skb's address,
 * or for one that is with ovs-vswitchd a hash of its headers, whose highest bit
 * is 0. Deleted when the packet goes on, when its address turns up with another
 * one, and by user space at VNET_LATENCY_AGE_NS. Not an LRU: that would evict
 * without a count.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct vnet_latency_trip);
} waits SEC(".maps");

/* Work space of whatever reads headers. */
struct scratch {
	__u8 bytes[VNET_SNAP_INNER + VNET_PARSE_SLACK];
	struct vnet_packet packet;
};

/*
 * Who works there: softirqs do so one after the other on a CPU; a thread may be
 * interrupted by them, and where the kernel is preemptible by another thread,
 * so that threads have spaces by their numbers.
 */
enum space { SPACE_SOFTIRQ, SPACE_THREAD };

#define THREAD_SPACES	8
#define NR_SPACES	(1 + THREAD_SPACES)

/* space_index() -> that work space; per CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NR_SPACES);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline __u32 space_index(enum space space)
{
	return space == SPACE_SOFTIRQ ? 0 :
	       1 + ((__u32)bpf_get_current_pid_tgid() & (THREAD_SPACES - 1));
}

static __always_inline struct vnet_latency_cpu *this_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&cpus, &zero);
}

/* The copy to count in; `details` has no intervals. */
static __always_inline __u32 current_epoch(void)
{
#ifdef VNET_LATENCY_DETAILS
	return 0;
#else
	__u32 zero = 0, *now = bpf_map_lookup_elem(&epoch, &zero);

	return now ? *now : 0;
#endif
}

static __always_inline struct vnet_latency_counts *counts_of(struct vnet_latency_cpu *cpu,
							     __u32 dir, __u32 epoch)
{
	return &cpu->counts[epoch & 1][dir & 1];
}

static __always_inline bool has_direction(__u32 dir)
{
	return config.probed[dir];
}

static __always_inline bool has_stage(__u32 dir, __u32 stage)
{
	return config.probed[dir] & BIT(stage);
}

/* A stage as an index; the mask is for the verifier. */
static __always_inline __u32 stage_index(__u32 stage)
{
	stage &= VNET_LATENCY_STAGE_MASK;
	return stage < VNET_LATENCY_STAGES ? stage : 0;
}

/* 64 bits wide, here and below: clang clears the upper half of each narrower copy. */
static __always_inline __u64 ifindex_of(struct net_device *dev, enum access access)
{
	return FIELD(access, dev, ifindex);
}

static __always_inline bool is_listed(__u64 ifindex, const volatile __u32 *list, __u32 nr)
{
#pragma unroll
	for (int i = 0; i < VNET_FILTER_IFS; i++)
		if (i < nr && list[i] == ifindex)
			return true;
	return false;
}

/*
 * The same number may stand for another device in another namespace: to be
 * tested last, since it takes most. The address of our namespace is kept from
 * the first time on, which saves reading its number.
 */
static __always_inline bool is_ours(struct vnet_latency_cpu *cpu, struct net_device *dev,
				    enum access access)
{
	struct net *net = FIELD(access, dev, nd_net.net);

	if (!net)
		return false;
	if (cpu->net == (__u64)net)
		return true;
	if (FIELD(access, net, ns.inum) != config.netns)
		return false;
	cpu->net = (__u64)net;
	return true;
}

/* The number is that of a physical device; is_ours() tells whether it is that. */
static __always_inline bool is_phy(__u64 ifindex)
{
	return is_listed(ifindex, config.phy, config.nr_phy);
}

/* Likewise of the tap of a guest that is followed. */
static __always_inline bool is_guest(__u64 ifindex)
{
	return config.vm && is_listed(ifindex, config.local, config.nr_local);
}

static __always_inline bool is_internal(struct vnet_latency_cpu *cpu, struct net_device *dev,
					enum access access)
{
	if (config.vm || !(FIELD_BITS(access, dev, priv_flags) & IFF_OPENVSWITCH))
		return false;
	return !config.nr_local ||
	       (is_listed(ifindex_of(dev, access), config.local, config.nr_local) &&
		is_ours(cpu, dev, access));
}

/* The device's queue that was chosen for the packet. */
static __always_inline struct netdev_queue *queue_of(struct sk_buff *skb,
						     struct net_device *dev,
						     enum access access)
{
	__u64 queue = FIELD(access, skb, queue_mapping);

	/* Not by FIELD: a typed pointer may not be added to. */
	return (void *)BPF_CORE_READ(dev, _tx) +
	       queue * bpf_core_type_size(struct netdev_queue);
}

/*
 * Whether the device has a qdisc to wait in: not "noqueue". One that has a qdisc
 * for each queue (mq, mqprio) cannot be waited in itself, but in theirs. Asking
 * the queue itself would take three reads by helpers.
 */
static __always_inline bool may_wait(struct net_device *dev, enum access access)
{
	struct Qdisc *root = FIELD(access, dev, qdisc);

	if (!root)
		return false;
	return FIELD(access, root, enqueue) || FIELD(access, root, flags) & TCQ_F_MQROOT;
}

/*
 * Out of line, for the size of the programs (4.19 takes 4,096 instructions):
 * the verifier follows each call by itself, with `access` as the constant it is.
 */
#define OUT_OF_LINE	static __attribute__((noinline))

/* The user's filter's tests of the packet. */
OUT_OF_LINE int match_headers(struct sk_buff *skb, enum access access)
{
	__u32 space = SPACE_SOFTIRQ;
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &space);
	struct place place;
	struct start start;

	if (!scratch)
		return 0;
	place_read(skb, access, &place);
	__builtin_memset(&scratch->packet, 0, sizeof(scratch->packet));
	start_find(skb, access, &place, &start);
	return packet_read(skb, access, &start, scratch->bytes, &scratch->packet) &&
	       vnet_match_packet(&filter, &scratch->packet);
}

/*
 * A look at a packet that a device has handed in: its network header is at
 * `data`, and `protocol` says which. True only if match_headers(), which takes
 * ten times as long, would refuse it.
 */
static __always_inline bool look_refuses(struct sk_buff *skb, enum access access)
{
	__u64 words[VNET_LOOK_WORDS + 1];

	return FIELD(access, skb, protocol) == bpf_htons(VNET_ETH_IPV4) &&
	       !bpf_probe_read_kernel(words, sizeof(words), FIELD(access, skb, data)) &&
	       vnet_look_refuses(&filter, words);
}

/* The user's filter, device first. Only where a packet's path begins. */
static __always_inline bool match_start(struct sk_buff *skb, enum access access)
{
	__u32 active = is_lean ? 0 : filter.active;
	struct place place;

	if (active & VNET_F_DEVICE) {
		place_read(skb, access, &place);
		if (!match_place(&place))
			return false;
	}
	return !(active & VNET_F_PACKET) || match_headers(skb, access);
}

/* ---- who a packet is ---- */

/* In place of skb_iif: ovs-vswitchd has returned it; it is past the datapath. */
#define TAG_RETURNED	(1ull << 32)
#define TAG_PAST	(2ull << 32)

/* The same packet: itself, or a clone of it that shares its buffer. */
static __always_inline bool is_same(const struct vnet_latency_slot *slot,
				    struct sk_buff *skb, enum access access)
{
	if (slot->skb == (__u64)skb)
		return true;
	return slot->skb && slot->head == (__u64)FIELD(access, skb, head);
}

/* Not the tag that was expected, or a packet that ovs-vswitchd returned. */
static __always_inline bool is_tagged(struct vnet_latency_slot *slot, __u32 iif,
				      struct sk_buff *skb, enum access access)
{
	if (slot->tag == TAG_RETURNED)
		return !iif && !FIELD(access, skb, sk);
	/* Where it came in by a device above the one that it began at: a VLAN, a bond. */
	if (!iif || slot->trip.stage != VNET_LATENCY_START)
		return false;
	slot->tag = iif;
	return true;
}

/*
 * The same, in the stack and the datapath. An address alone may be another
 * packet's by now: what ovs-vswitchd sends has no skb_iif, what came in by a
 * device has one, and a host's own has its socket. Clones have no socket: of a
 * host's packet that OVS floods the original is followed.
 */
static __always_inline bool is_carried(struct vnet_latency_slot *slot, __u32 dir,
				       struct sk_buff *skb, enum access access)
{
	__u32 iif;

	if (!config.vm && dir == TX)
		return slot->skb == (__u64)skb &&
		       slot->tag == (__u64)FIELD(access, skb, sk);
	if (!is_same(slot, skb, access))
		return false;
	iif = FIELD(access, skb, skb_iif);
	if (slot->tag != iif && !is_tagged(slot, iif, skb, access))
		return false;
	/* A packet socket on the device (tcpdump) makes OVS take a clone. */
	slot->skb = (__u64)skb;
	return true;
}

/* ---- a packet's way ---- */

#ifdef VNET_LATENCY_DETAILS
static __always_inline void note_where(struct vnet_latency_trip *trip, __u32 stage,
				       struct sk_buff *skb, enum access access)
{
	struct vnet_latency_where *where = &trip->where[stage];
	struct net_device *dev = FIELD(access, skb, dev);

	where->id = bpf_get_current_pid_tgid();
	where->cpu = bpf_get_smp_processor_id();
	where->ifindex = dev ? FIELD(access, dev, ifindex) : 0;
	where->queue = FIELD(access, skb, queue_mapping);
	where->backlog = 0;
	if (stage == VNET_LATENCY_QDISC && dev) {
		struct netdev_queue *txq = queue_of(skb, dev, access);

		where->backlog = BPF_CORE_READ(txq, qdisc, q.qlen);
	}
	bpf_get_current_comm(where->comm, sizeof(where->comm));
}
#else
static __always_inline void note_where(struct vnet_latency_trip *trip, __u32 stage,
				       struct sk_buff *skb, enum access access)
{
}
#endif

/* Time now, and never before `than`: clocks of two CPUs may differ a little. */
static __always_inline __u64 time_after(__u64 than)
{
	__u64 now = bpf_ktime_get_ns();

	return now > than ? now : than;
}

/* Of a tap's ring by its reader as well, whom a softirq may interrupt. */
static __always_inline void count_dead(struct vnet_latency_counts *counts, __u32 stage)
{
	__sync_fetch_and_add(&counts->dead[stage], 1);
}

/*
 * The packet is followed no further. At an upcall it is with ovs-vswitchd, and
 * counted as one that waits.
 */
OUT_OF_LINE int trip_lose(struct vnet_latency_cpu *cpu, __u32 dir,
			  struct vnet_latency_trip *trip)
{
	__u32 stage = stage_index(trip->stage);

	trip->stage = 0;
	if (stage != VNET_LATENCY_UPCALL)
		counts_of(cpu, dir, current_epoch())->lost[stage]++;
	return 0;
}

/* The CPU has got another packet: what was in the slot is lost. */
static __always_inline void slot_drop(struct vnet_latency_cpu *cpu, __u32 dir)
{
	struct vnet_latency_slot *slot = &cpu->slots[dir];

	/* If not, then nobody is it any more. */
	if (slot->trip.stage) {
		slot->skb = 0;
		trip_lose(cpu, dir, &slot->trip);
	}
}

/*
 * Time now for the packet that this CPU carries. The summary sees to it at the
 * end that it is not before the stage before (hist_span()).
 */
static __always_inline __u64 time_at(const struct vnet_latency_trip *trip)
{
#ifdef VNET_LATENCY_DETAILS
	return time_after(trip->at[stage_index(trip->stage)]);
#else
	return bpf_ktime_get_ns();
#endif
}

/* A new packet in the slot, which is empty; `stage` is its first. */
static __always_inline void slot_start(struct vnet_latency_cpu *cpu, __u32 dir, __u32 stage,
				       struct sk_buff *skb, enum access access, __u64 tag)
{
	struct vnet_latency_slot *slot = &cpu->slots[dir];
	struct vnet_latency_trip *trip = &slot->trip;

	slot->skb = (__u64)skb;
	slot->head = (__u64)FIELD(access, skb, head);
	slot->tag = tag;
	trip->at[stage] = bpf_ktime_get_ns();
	/* In this order for who looks at it from another CPU. */
	barrier();
	trip->state = VNET_LATENCY_STATE(stage, BIT(stage));
	note_where(trip, stage, skb, access);
#ifdef VNET_LATENCY_DETAILS
	counts_of(cpu, dir, 0)->started++;
#endif
}

/*
 * Whether a packet last seen at `from` may be at `stage` now: it has left out
 * no mandatory one.
 */
static __always_inline bool may_move(__u32 dir, __u32 from, __u32 stage)
{
	__u32 between = config.mandatory[dir] & (BIT(stage) - 1);

	if (!from || from >= stage)
		return false;
	return !(between >> 1 >> (from & VNET_LATENCY_STAGE_MASK));
}

/*
 * The packet is at `stage`. If it cannot have come there, it is not what it
 * was thought to be: false, and it is to be followed no further.
 */
static __always_inline bool trip_advance(__u32 dir, struct vnet_latency_trip *trip, __u32 stage)
{
	__u32 from = stage_index(trip->stage);
	__u64 now;

	if (!may_move(dir, from, stage))
		return false;
	now = time_after(trip->at[from]);
	trip->at[stage] = now;
	barrier();
	trip->stage = stage;
	trip->seen |= BIT(stage);
	return true;
}

OUT_OF_LINE int advance(__u32 dir, struct vnet_latency_trip *trip, __u32 stage)
{
	return trip_advance(dir, trip, stage);
}

/* Whether it left out all optional stages so far, and no other: nearly all do. */
static __always_inline bool is_plain(const struct vnet_latency_trip *trip, __u32 dir,
				     __u32 stage)
{
	return trip->state == config.steps[dir][stage].before;
}

static __always_inline bool slot_advance(struct vnet_latency_cpu *cpu, __u32 dir,
					 __u32 stage, struct sk_buff *skb,
					 enum access access)
{
	struct vnet_latency_slot *slot = &cpu->slots[dir];
	struct vnet_latency_trip *trip = &slot->trip;

	if (is_plain(trip, dir, stage)) {
		trip->at[stage] = time_at(trip);
		barrier();
		trip->state = config.steps[dir][stage].after;
	} else if (!has_stage(dir, stage)) {
		return false;
	} else if (!advance(dir, trip, stage)) {
		slot_drop(cpu, dir);
		return false;
	}
	note_where(trip, stage, skb, access);
	return true;
}

/* ---- waiting ---- */

/* Puts the trip into `waits`; it has reached trip->stage. False: it has no room. */
static __always_inline bool wait_put(struct vnet_latency_trip *trip, __u64 key,
				     struct vnet_latency_counts *counts)
{
	/*
	 * compat: before v6.4 (d7ba4cc900bf) map helpers that the verifier calls
	 * directly leave the upper half of the result undefined: no long here.
	 */
	int err = bpf_map_update_elem(&waits, &key, trip, BPF_NOEXIST);

	if (err) {
		if (err == -EEXIST)
			loss(VNET_LOSS_overwritten);
		else
			loss_of_update(err);
		counts->lost[stage_index(trip->stage)]++;
		return false;
	}
	counts->waits[stage_index(trip->stage)]++;
	return true;
}

/* No packet of this address waits: what the map knows of it is out of date. */
static __always_inline void wait_forget(struct vnet_latency_cpu *cpu, struct sk_buff *skb)
{
	__u64 key = (__u64)skb;
	struct vnet_latency_trip *trip = bpf_map_lookup_elem(&waits, &key);
	__u32 dir, stage;

	if (!trip)
		return;
	dir = trip->direction;
	stage = stage_index(trip->stage);
	if (!bpf_map_delete_elem(&waits, &key))
		count_dead(counts_of(cpu, dir, current_epoch()), stage);
}

/* Moves the slot's packet to the map. */
static __always_inline void wait_begin(struct vnet_latency_cpu *cpu, __u32 dir,
				       struct vnet_latency_slot *slot, struct sk_buff *skb)
{
	wait_forget(cpu, skb);
	slot->skb = 0;
	slot->trip.direction = dir;
	wait_put(&slot->trip, (__u64)skb, counts_of(cpu, dir, current_epoch()));
	slot->trip.stage = 0;
}

/*
 * The end of a wait: moves what the map knows into the slot. NULL if the
 * packet is not one that is followed, or was not there to wait. User space may
 * take an old entry at the same time; whoever deletes it has it.
 */
static __always_inline struct vnet_latency_trip *
wait_end(struct vnet_latency_cpu *cpu, struct vnet_latency_slot *slot, __u64 key,
	 __u32 dir, __u32 stages)
{
	struct vnet_latency_trip *trip = bpf_map_lookup_elem(&waits, &key);
	struct vnet_latency_counts *counts;
	__u32 stage;

	if (!trip || !(stages & BIT(stage_index(trip->stage))))
		return NULL;
	if (dir < VNET_LATENCY_DIRECTIONS && trip->direction != dir)
		return NULL;
	slot->trip = *trip;
	trip = &slot->trip;
	if (bpf_map_delete_elem(&waits, &key)) {
		trip->stage = 0;
		return NULL;
	}
	stage = stage_index(trip->stage);
	counts = counts_of(cpu, trip->direction, current_epoch());
	if (bpf_ktime_get_ns() > trip->at[stage] + VNET_LATENCY_AGE_NS) {
		count_dead(counts, stage);
		trip->stage = 0;
		return NULL;
	}
	counts->resumed[stage]++;
	return trip;
}

#endif
