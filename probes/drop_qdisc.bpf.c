/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `drop qdisc --by flow`: whose packets the transmit queues dropped. How many
 * there were is the qdiscs' own counters' business: cmd/drop_qdisc.c
 */
#include "vnet.bpf.h"
#include "vnet/abi/drop_qdisc.h"
#include "vnet/abi/stream.h"

/* Flavours: the parts of these types that no other probe looks at. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct Qdisc_ops___id {
	char id[16];
};

struct Qdisc___id {
	void *enqueue;
	const struct Qdisc_ops___id *ops;
	__u32 handle;
	__u32 parent;
};

struct netdev_queue___qdisc {
	struct Qdisc___id *qdisc;
};

struct net_device___queues {
	struct netdev_queue___qdisc *_tx;
	unsigned int num_tx_queues;
};

#pragma clang attribute pop

const volatile struct vnet_qdisc_config config = {};

/* Frames looked at for the caller of kfree_skb_list(). */
#define FRAMES		12

/* Work space of one program run. */
struct scratch {
	__u8 bytes[VNET_SNAP_INNER + VNET_PARSE_SLACK];
	struct vnet_packet packet;
	struct vnet_qdisc_key key;
	__u64 ips[FRAMES];
};

/* A softirq may drop a packet while a drop in its process is being counted. */
#define NEST_MAX	4

/* nesting depth -> work space; per CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NEST_MAX);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* 0 -> programs at work on this CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} nesting SEC(".maps");

/* 0 -> where the functions are that drop; written once by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_qdisc_code);
} code SEC(".maps");

/* 0 -> number of the interval being counted (vnet/abi/stream.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} epoch SEC(".maps");

/*
 * Whose packet, by which qdisc -> how many; one map for even intervals and one
 * for odd. Sized by --max-entries; user space empties the one that rests.
 */
struct flows {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1);
	__type(key, struct vnet_qdisc_key);
	__type(value, __u64);
};
struct flows flows0 SEC(".maps");
struct flows flows1 SEC(".maps");

/* One packet that a qdisc gave up. */
struct drop {
	struct sk_buff *skb;
	struct Qdisc___id *qdisc;	/* NULL: to be found by the packet's queue */
	__u64 location;		/* kernels without reasons; else 0 */
	__u32 reason;
	struct place place;
};

/* The qdisc at the top of the packet's own transmit queue. */
static __always_inline struct Qdisc___id *find_qdisc(const struct drop *drop)
{
	struct net_device___queues *dev = (void *)drop->place.dev;
	struct sk_buff *skb = drop->skb;
	__u32 queue = BPF_CORE_READ(skb, queue_mapping);
	void *queues = BPF_CORE_READ(dev, _tx);
	struct netdev_queue___qdisc *txq;

	if (queue >= BPF_CORE_READ(dev, num_tx_queues))
		return NULL;
	txq = queues + queue * bpf_core_type_size(struct netdev_queue___qdisc);
	return BPF_CORE_READ(txq, qdisc);
}

/*
 * compat: before v5.17 (c504e5c2f964, kfree_skb_reason) a drop has no reason.
 * There __dev_queue_xmit() frees all that an enqueue refused as one list; the
 * same way it frees what it may not send at all, but then there is no queue.
 */
static __always_inline bool is_refused(void *ctx, const struct drop *drop,
				       struct scratch *scratch)
{
	struct Qdisc___id *qdisc = drop->qdisc;
	struct vnet_qdisc_code *at;
	bool caller = false, found = false;
	__u32 zero = 0;
	long size;

	if (!drop->location)
		return true;
	at = bpf_map_lookup_elem(&code, &zero);
	if (!at)
		return false;
	/* The compiler may have put one function into the other. */
	found = drop->location - at->xmit_from < at->xmit_to - at->xmit_from;
	if (!found && drop->location - at->list_from < at->list_to - at->list_from) {
		size = bpf_get_stack(ctx, scratch->ips, sizeof(scratch->ips), 0);
		if (size < 0)
			loss(VNET_LOSS_stack_failed);
#pragma unroll
		for (int i = 0; i < FRAMES; i++) {
			__u64 ip = scratch->ips[i];

			if (i * 8 >= size)
				continue;
			if (caller)
				found |= ip - at->xmit_from < at->xmit_to - at->xmit_from;
			caller = ip == drop->location;
		}
	}
	return found && qdisc && BPF_CORE_READ(qdisc, enqueue);
}

static __always_inline void key_fill(const struct drop *drop, struct scratch *scratch)
{
	struct vnet_qdisc_key *key = &scratch->key;
	struct Qdisc___id *qdisc = drop->qdisc;
	const struct Qdisc_ops___id *ops;

	__builtin_memset(key, 0, sizeof(*key));
	key->ifindex = drop->place.ifindex;
	key->reason = drop->reason;
	key->flow = scratch->packet.flow;
	if (!qdisc)
		return;
	key->handle = BPF_CORE_READ(qdisc, handle);
	key->parent = BPF_CORE_READ(qdisc, parent);
	ops = BPF_CORE_READ(qdisc, ops);
	bpf_probe_read_kernel_str(key->kind, sizeof(key->kind), &ops->id);
}

/* Adds to a map that is a constant, as the verifier wants it. */
static __always_inline void count_in(void *map, const struct vnet_qdisc_key *key)
{
	__u64 zero = 0, *value = bpf_map_lookup_elem(map, key);
	long err;

	if (!value) {
		err = bpf_map_update_elem(map, key, &zero, BPF_NOEXIST);
		value = bpf_map_lookup_elem(map, key);
		if (!value) {
			loss_of_update(err);
			return;
		}
	}
	/* Atomic: a softirq's drop may interrupt this one. */
	__sync_fetch_and_add(value, 1);
}

static __always_inline void drop_count(void *ctx, struct drop *drop,
				       struct scratch *scratch)
{
	__u32 zero = 0, *now = bpf_map_lookup_elem(&epoch, &zero);
	struct start start;

	if (!drop->qdisc)
		drop->qdisc = find_qdisc(drop);
	if (!now || !is_refused(ctx, drop, scratch))
		return;
	__builtin_memset(&scratch->packet, 0, sizeof(scratch->packet));
	start_find(drop->skb, PROBED, &drop->place, &start);
	packet_read(drop->skb, PROBED, &start, scratch->bytes, &scratch->packet);
	if (!vnet_match_packet(&filter, &scratch->packet))
		return;
	key_fill(drop, scratch);
	if (*now & 1)
		count_in(&flows1, &scratch->key);
	else
		count_in(&flows0, &scratch->key);
}

/* Runs drop_count() with a work space of its own. */
static __always_inline int drop_enter(void *ctx, struct drop *drop)
{
	__u32 zero = 0, depth, *nested;
	struct scratch *scratch;

	place_read(drop->skb, PROBED, &drop->place);
	if (!drop->place.dev || drop->place.netns != config.netns ||
	    !match_place(&drop->place))
		return 0;
	nested = bpf_map_lookup_elem(&nesting, &zero);
	if (!nested)
		return 0;
	depth = *nested;
	*nested = depth + 1;
	scratch = bpf_map_lookup_elem(&scratches, &depth);
	if (scratch)
		drop_count(ctx, drop, scratch);
	else
		loss(VNET_LOSS_overwritten);
	*nested = depth;
	return 0;
}

/* Of the drops of the whole kernel nearly all end here. */
static __always_inline bool is_ours(__u32 reason)
{
	bool found = false;

#pragma unroll
	for (int i = 0; i < VNET_QDISC_REASONS; i++)
		found |= i < config.nr_reasons && config.reasons[i] == reason;
	return found;
}

static __always_inline int on_kfree_skb(__u64 *ctx)
{
	struct drop drop = { .skb = (void *)ctx[0] };

	if (config.nr_args > 2) {
		drop.reason = ctx[2];
		if (!is_ours(drop.reason))
			return 0;
	} else {
		struct vnet_qdisc_code *at;
		__u32 zero = 0;

		drop.location = ctx[1];
		at = bpf_map_lookup_elem(&code, &zero);
		if (!at || (drop.location - at->list_from >= at->list_to - at->list_from &&
			    drop.location - at->xmit_from >= at->xmit_to - at->xmit_from))
			return 0;
	}
	return drop_enter(ctx, &drop);
}

/*
 * From v7.1: the qdisc itself says what it drops and why. kfree_skb follows
 * with QDISC_DROP, which user space has then left out of config.reasons.
 */
static __always_inline int on_qdisc_drop(__u64 *ctx)
{
	struct drop drop = {
		.qdisc = (void *)ctx[0],
		.skb = (void *)ctx[3],
		.reason = ctx[4],
	};

	return drop_enter(ctx, &drop);
}

SEC("?tp_btf/kfree_skb")
int kfree_skb__tp_btf(__u64 *ctx)
{
	return on_kfree_skb(ctx);
}

SEC("?raw_tp/kfree_skb")
int kfree_skb__raw_tp(__u64 *ctx)
{
	return on_kfree_skb(ctx);
}

SEC("?tp_btf/qdisc_drop")
int qdisc_drop__tp_btf(__u64 *ctx)
{
	return on_qdisc_drop(ctx);
}

SEC("?raw_tp/qdisc_drop")
int qdisc_drop__raw_tp(__u64 *ctx)
{
	return on_qdisc_drop(ctx);
}
