/* SPDX-License-Identifier: GPL-2.0-only */
/* `drop summary`: counts per (stack, location, reason, device, flow). cmd/drop.c */
#include "drop.bpf.h"

/* 0 -> number of the interval being counted (vnet/abi/stream.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} epoch SEC(".maps");

/*
 * What was dropped -> how much, one map for even intervals and one for odd.
 * Sized by --max-entries; user space empties the one that rests. Shared by the
 * CPUs: made per CPU it would cost 0.2 s more at the start for its allocations,
 * and 40 MB on a host of 128 CPUs, to save an atomic addition.
 */
struct drops {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct vnet_drop_key);
	__type(value, struct vnet_drop_count);
};
struct drops drops0 SEC(".maps");
struct drops drops1 SEC(".maps");

/* Hash of a stack -> the stack. Kept for the whole run: stacks repeat. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct vnet_stack_ips);
} stacks SEC(".maps");

/*
 * The stack's hash, after making sure that `stacks` knows it. Not
 * bpf_get_stackid(): that hashes to 32 bits and a collision there either
 * loses the stack or shows another one.
 */
static __always_inline __u64 stack_hash(void *ctx, struct vnet_stack_ips *stack)
{
	__u64 hash = 14695981039346656037ull;
	long err;

	__builtin_memset(stack, 0, sizeof(*stack));
	if (bpf_get_stack(ctx, stack->ip, sizeof(stack->ip), 0) <= 0) {
		loss(VNET_LOSS_stack_failed);
		return 0;
	}
#pragma unroll
	for (int i = 0; i < VNET_STACK_DEPTH; i++) {
		hash = (hash ^ stack->ip[i]) * 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 29;
	}
	if (!hash)
		hash = 1;
	if (bpf_map_lookup_elem(&stacks, &hash))
		return hash;
	err = bpf_map_update_elem(&stacks, &hash, stack, BPF_ANY);
	if (err) {
		loss(VNET_LOSS_stack_failed);
		return 0;
	}
	return hash;
}

static __always_inline void key_fill(void *ctx, const struct drop *drop,
				     struct scratch *scratch)
{
	struct vnet_drop_key *key = &scratch->key;

	__builtin_memset(key, 0, sizeof(*key));
	key->consumed = drop->consumed;
	if (config.by & VNET_DROP_BY_STACK)
		key->stack = stack_hash(ctx, &scratch->stack);
	key->location = drop->location;
	key->reason = drop->reason;
	if (config.by & VNET_DROP_BY_FLOW)
		key->flow = scratch->packet.flow;
	if (config.by & VNET_DROP_BY_DEVICE && drop->place.dev) {
		key->ifindex = drop->place.ifindex;
		key->netns = drop->place.netns;
		bpf_probe_read_kernel(key->device, sizeof(key->device),
				      drop->place.dev->name);
	}
}

/* Adds to a map that is a constant, as the verifier wants it. */
static __always_inline void count_in(void *map, const struct drop *drop,
				     const struct vnet_drop_key *key)
{
	struct vnet_drop_count zero = {}, *value;
	long err;

	value = bpf_map_lookup_elem(map, key);
	if (!value) {
		err = bpf_map_update_elem(map, key, &zero, BPF_NOEXIST);
		value = bpf_map_lookup_elem(map, key);
		if (!value) {
			loss_of_update(err);
			return;
		}
	}
	__sync_fetch_and_add(&value->count, 1);
	__sync_fetch_and_add(&value->bytes, FIELD(drop->access, drop->skb, len));
}

static __always_inline int drop_handle(void *ctx, struct drop *drop,
				       struct scratch *scratch)
{
	__u32 zero = 0, *now = bpf_map_lookup_elem(&epoch, &zero);
	struct start start;

	if (!now)
		return 0;
	if (filter.active & VNET_F_PACKET || config.by & VNET_DROP_BY_FLOW) {
		__builtin_memset(&scratch->packet, 0, sizeof(scratch->packet));
		start_find(drop->skb, drop->access, &drop->place, &start);
		packet_read(drop->skb, drop->access, &start, scratch->bytes,
			    &scratch->packet);
		if (!vnet_match_packet(&filter, &scratch->packet))
			return 0;
	}
	key_fill(ctx, drop, scratch);
	if (*now & 1)
		count_in(&drops1, drop, &scratch->key);
	else
		count_in(&drops0, drop, &scratch->key);
	return 0;
}
