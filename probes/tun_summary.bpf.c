/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `tun summary`: what goes into the rings of taps and what is taken out.
 * cmd/tun_summary.c
 *
 * tun_net_xmit produces; its reader, vhost or a program, is seen where it copies
 * a packet. What tun_net_xmit drops is freed inside of it: the CPU's slot still
 * has the packet, and user space knows the place by name.
 */
#include "tun.bpf.h"
#include "hist.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct hlist_node {
	struct hlist_node *next;
};

struct hlist_head {
	struct hlist_node *first;
};

struct net___index {
	struct hlist_head *dev_index_head;
};

struct nsproxy {
	struct net___index *net_ns;
};

struct task_struct {
	struct nsproxy *nsproxy;
};

struct net_device___index {
	struct hlist_node index_hlist;
};

#pragma clang attribute pop

/* NETDEV_HASHENTRIES, and how many devices of one bucket are looked at. */
#define INDEX_BUCKETS	256
#define INDEX_CHAIN	64

/* 0 -> number of the interval being counted (vnet/abi/stream.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} epoch SEC(".maps");

/*
 * A queue, as one CPU saw it -> what it did; made when it is first needed, user
 * space deletes those of the copy at rest. Sized by --max-entries.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct vnet_tun_key);
	__type(value, struct vnet_tun_stats);
} queues SEC(".maps");

/* 0 -> zeros, for a new entry of `queues`: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_tun_stats);
} zeros SEC(".maps");

/* Where, on whose way -> packets dropped; user space deletes the copy at rest. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct vnet_tun_drop);
	__type(value, __u64);
} drops SEC(".maps");

/* 0 -> what run__state found; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_tun_state);
} state SEC(".maps");

static __always_inline __u32 this_copy(void)
{
	__u32 zero = 0, *now = bpf_map_lookup_elem(&epoch, &zero);

	return now ? *now & 1 : 0;
}

/* The queue's counts on this CPU. NULL, counted as a loss: no room. */
static __always_inline struct vnet_tun_stats *stats_of(__u32 ifindex, __u32 queue)
{
	struct vnet_tun_key key = { .ifindex = ifindex, .queue = queue };
	struct vnet_tun_stats *stats, *none;
	__u32 zero = 0;
	int err;

	key.cpu = bpf_get_smp_processor_id();
	key.copy = this_copy();
	stats = bpf_map_lookup_elem(&queues, &key);
	if (stats)
		return stats;
	none = bpf_map_lookup_elem(&zeros, &zero);
	if (!none)
		return NULL;
	err = bpf_map_update_elem(&queues, &key, none, BPF_NOEXIST);
	stats = bpf_map_lookup_elem(&queues, &key);
	if (!stats)
		loss_of_update(err);
	return stats;
}

static __always_inline int on_tun_net_xmit(struct sk_buff *skb, struct net_device *dev,
					   enum access access)
{
	struct vnet_tun_stats *stats;
	struct vnet_tun_slot *slot;
	struct place place;

	if (!place_tap(dev, access, &place))
		return 0;
	slot = slot_fill(skb, &place, access);
	if (!slot)
		return 0;
	stats = stats_of(slot->ifindex, slot->queue);
	if (!stats)
		return 0;
	stats->packets++;
	if (!slot->ring.size) {
		stats->unread++;
		return 0;
	}
	if (slot->full)
		stats->full++;
	hist_add(&stats->depth, slot->ring.depth);
	return 0;
}

static __always_inline int on_kfree_skb(__u64 skb, __u64 location)
{
	__u32 zero = 0;
	struct vnet_tun_slot *slot = bpf_map_lookup_elem(&slots, &zero);
	struct vnet_tun_drop key = { .location = location };
	struct vnet_tun_ring ring;
	__u64 one = 1, *count;
	int err;

	if (!slot || slot->skb != skb)
		return 0;
	slot->skb = 0;
	key.ifindex = slot->ifindex;
	key.queue = slot->queue;
	key.copy = this_copy();
	key.full = slot->full;
	/* Others may have filled the last slots in between. */
	if (!key.full && ring_read(tun_queue((void *)slot->tun, slot->queue), &ring))
		key.full = ring.full;
	count = bpf_map_lookup_elem(&drops, &key);
	if (!count) {
		err = bpf_map_update_elem(&drops, &key, &one, BPF_NOEXIST);
		if (!err)
			return 0;
		count = bpf_map_lookup_elem(&drops, &key);
		if (!count)
			loss_of_update(err);
	}
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

/*
 * A packet's bytes are copied to a reader. Its device is still there only if it
 * came out of a tap: sockets take it away when they queue a packet.
 */
static __always_inline int on_skb_copy_datagram_iovec(struct sk_buff *skb, int len,
						      enum access access)
{
	struct vnet_tun_stats *stats;
	struct place place;

	if (!place_tap(FIELD(access, skb, dev), access, &place))
		return 0;
	/* With a tag to be put in, the two addresses before it are copied first. */
	if (len == 12 && vlan_beside(skb, access) >= 0)
		return 0;
	stats = stats_of(place.ifindex, FIELD(access, skb, queue_mapping));
	if (!stats)
		return 0;
	/* The reader can be interrupted by what sends to it. */
	__sync_fetch_and_add(&stats->consumed, 1);
	stats->consumed_ns = bpf_ktime_get_ns();
	return 0;
}

/* A device of the namespace of whoever runs this program; NULL: none. */
static __always_inline struct net_device *find_device(__u32 ifindex)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct net_device___index *dev;
	struct hlist_head *heads;
	struct hlist_node *node;

	heads = BPF_CORE_READ(task, nsproxy, net_ns, dev_index_head);
	heads += ifindex % INDEX_BUCKETS;
	node = BPF_CORE_READ(heads, first);
	/* Not unrolled: before v5.10 no kernel could run such a program anyway. */
	for (int i = 0; i < INDEX_CHAIN; i++) {
		if (!node)
			return NULL;
		dev = (void *)node - bpf_core_field_offset(struct net_device___index,
							   index_hlist);
		if (BPF_CORE_READ((struct net_device *)dev, ifindex) == ifindex)
			return (void *)dev;
		node = BPF_CORE_READ(node, next);
	}
	return NULL;
}

/*
 * Not attached: user space runs it at the end of an interval for each queue, so
 * that a queue without traffic is seen as well.
 */
SEC("?raw_tp")
int run__state(__u64 *ctx)
{
	__u32 zero = 0, ifindex = ctx[0], queue = ctx[1];
	struct vnet_tun_state *found = bpf_map_lookup_elem(&state, &zero);
	struct net_device *dev;
	struct tun_struct *tun;

	if (!found)
		return 0;
	__builtin_memset(found, 0, sizeof(*found));
	dev = find_device(ifindex);
	if (!dev)
		return 0;
	tun = (void *)tun_of(dev);
	/* It points back, or it is none. */
	found->misfit = BPF_CORE_READ(tun, dev) != dev;
	if (found->misfit)
		return 0;
	found->found = 1;
	found->nr_queues = BPF_CORE_READ(tun, numqueues);
	if (queue < found->nr_queues)
		ring_read(tun_queue(tun, queue), &found->ring);
	return 0;
}

/* ---- the programs: <point>__<mechanism> ---- */

SEC("?fentry/tun_net_xmit")
int tun_net_xmit__fentry(__u64 *ctx)
{
	return on_tun_net_xmit((struct sk_buff *)ctx[0], (struct net_device *)ctx[1], TYPED);
}

SEC("?kprobe/tun_net_xmit")
int tun_net_xmit__kprobe(struct pt_regs *ctx)
{
	return on_tun_net_xmit((struct sk_buff *)PT_REGS_PARM1(ctx),
			       (struct net_device *)PT_REGS_PARM2(ctx), PROBED);
}

SEC("?tp_btf/kfree_skb")
int kfree_skb__tp_btf(__u64 *ctx)
{
	return on_kfree_skb(ctx[0], ctx[1]);
}

SEC("?raw_tp/kfree_skb")
int kfree_skb__raw_tp(__u64 *ctx)
{
	return on_kfree_skb(ctx[0], ctx[1]);
}

SEC("?tp_btf/skb_copy_datagram_iovec")
int skb_copy_datagram_iovec__tp_btf(__u64 *ctx)
{
	return on_skb_copy_datagram_iovec((struct sk_buff *)ctx[0], ctx[1], TYPED);
}

SEC("?raw_tp/skb_copy_datagram_iovec")
int skb_copy_datagram_iovec__raw_tp(__u64 *ctx)
{
	return on_skb_copy_datagram_iovec((struct sk_buff *)ctx[0], ctx[1], PROBED);
}
