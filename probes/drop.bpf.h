/* SPDX-License-Identifier: GPL-2.0-only */
/* What drop_summary.bpf.c and drop_details.bpf.c share: who counts as dropped. */
#ifndef VNET_DROP_BPF_H
#define VNET_DROP_BPF_H

#include "vnet.bpf.h"
#include "vnet/abi/drop.h"

const volatile struct vnet_drop_config config = {};

/* One free of one packet. */
struct drop {
	struct sk_buff *skb;
	__u64 location;
	__u32 reason;
	__u32 consumed;
	enum access access;
	struct place place;
};

/* Work space of one program run. */
struct scratch {
	__u8 bytes[VNET_SNAP_INNER + VNET_PARSE_SLACK];
	struct vnet_packet packet;
	struct vnet_stack_ips stack;
	struct vnet_drop_key key;
	struct vnet_drop_record record;
	__u8 snap[VNET_DROP_SNAP_MAX];	/* goes out with the record before it */
};
_Static_assert(__builtin_offsetof(struct scratch, snap) ==
	       __builtin_offsetof(struct scratch, record) + sizeof(struct vnet_drop_record),
	       "record and snap in one piece");

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

/*
 * Place and reason -> 1: such frees are normal. User space adds each when it
 * first sees it, by the function's name; nobody deletes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VNET_DROP_PLACES);
	__type(key, struct vnet_drop_place);
	__type(value, __u8);
} normal SEC(".maps");

/* Frees that belong to normal life, by reason or by the place they are at. */
static __always_inline bool is_normal(const struct drop *drop)
{
	struct vnet_drop_place place = {
		.location = drop->location,
		.reason = drop->reason,
	};

	if (config.nr_args > 2 && drop->reason < VNET_DROP_REASONS) {
		__u32 word = drop->reason / 64;
		__u64 bits = 0;

#pragma unroll
		for (__u32 i = 0; i < VNET_DROP_REASONS / 64; i++)
			if (i == word)
				bits = config.normal_reasons[i];
		if (bits >> (drop->reason % 64) & 1)
			return true;
	}
	return bpf_map_lookup_elem(&normal, &place);
}

/* The tests that need no packet bytes, cheapest first. */
static __always_inline bool match_early(struct drop *drop)
{
	if (config.match_reason && drop->reason != config.reason)
		return false;
	if (!config.all && is_normal(drop))
		return false;
	place_read(drop->skb, drop->access, &drop->place);
	return match_place(&drop->place) && match_task();
}

static __always_inline int drop_handle(void *ctx, struct drop *drop,
				       struct scratch *scratch);

/* Runs drop_handle() with a work space of its own. */
static __always_inline int drop_enter(void *ctx, struct drop *drop)
{
	__u32 zero = 0, depth, *nested = bpf_map_lookup_elem(&nesting, &zero);
	struct scratch *scratch;

	if (!match_early(drop) || !nested)
		return 0;
	depth = *nested;
	*nested = depth + 1;
	scratch = bpf_map_lookup_elem(&scratches, &depth);
	if (scratch)
		drop_handle(ctx, drop, scratch);
	else
		loss(VNET_LOSS_overwritten);
	*nested = depth;
	return 0;
}

/* The number of arguments is the tracepoint's, which the loader looked up. */
static __always_inline int on_kfree_skb(__u64 *ctx, enum access access)
{
	struct drop drop = {
		.skb = (void *)ctx[0],
		.location = ctx[1],
		.reason = config.nr_args > 2 ? ctx[2] : 0,
		.access = access,
	};

	return drop_enter(ctx, &drop);
}

static __always_inline int on_consume_skb(__u64 *ctx, enum access access)
{
	struct drop drop = {
		.skb = (void *)ctx[0],
		.consumed = 1,
		.access = access,
	};

	return drop_enter(ctx, &drop);
}

SEC("?tp_btf/kfree_skb")
int kfree_skb__tp_btf(__u64 *ctx)
{
	return on_kfree_skb(ctx, TYPED);
}

SEC("?raw_tp/kfree_skb")
int kfree_skb__raw_tp(__u64 *ctx)
{
	return on_kfree_skb(ctx, PROBED);
}

SEC("?tp_btf/consume_skb")
int consume_skb__tp_btf(__u64 *ctx)
{
	return on_consume_skb(ctx, TYPED);
}

SEC("?raw_tp/consume_skb")
int consume_skb__raw_tp(__u64 *ctx)
{
	return on_consume_skb(ctx, PROBED);
}

#endif
