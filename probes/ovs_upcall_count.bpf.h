/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What ovs_upcall.bpf.c counts, in two copies for exact intervals. What the
 * upcall's CPU counts is added atomically, what a thread does is in an entry of
 * its own.
 */
#ifndef VNET_OVS_UPCALL_COUNT_BPF_H
#define VNET_OVS_UPCALL_COUNT_BPF_H

#include "vnet.bpf.h"
#include "hist.bpf.h"
#include "vnet/abi/ovs_upcall.h"

const volatile struct vnet_upcall_config config = {};

/* 0 -> number of the interval being counted (vnet/abi/stream.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} epoch SEC(".maps");

/*
 * What is counted together -> counts and times; made when it is first needed,
 * user space deletes those of the copy at rest. Sized by --by.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct vnet_upcall_key);
	__type(value, struct vnet_upcall_stats);
} rows SEC(".maps");

/* 0 -> zeros, for a new entry of `rows`: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_upcall_stats);
} zeros SEC(".maps");

/* Socket and error -> messages lost by it; user space deletes as in `rows`. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct vnet_upcall_loss);
	__type(value, __u64);
} undelivered SEC(".maps");

/* Port id of a socket -> the thread that read there last; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct vnet_upcall_owner);
} owners SEC(".maps");

/* Copy -> packets that came from ovs-vswitchd, but of no upcall that is known. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} strangers SEC(".maps");

static __always_inline void add(__u64 *count)
{
	__sync_fetch_and_add(count, 1);
}

static __always_inline __u32 this_copy(void)
{
	__u32 zero = 0, *now = bpf_map_lookup_elem(&epoch, &zero);

	return now ? *now & 1 : 0;
}

/* What the upcall is counted with. NULL, counted as a loss: no room. */
static __always_inline struct vnet_upcall_stats *stats_of(const struct vnet_upcall *upcall,
							  __u32 tid)
{
	struct vnet_upcall_key key = { .tid = tid };
	struct vnet_upcall_stats *stats, *none;
	__u32 zero = 0;
	int err;

	if (config.by & VNET_UPCALL_BY_FLOW)
		key.flow = upcall->packet.flow;
	if (config.by & VNET_UPCALL_BY_PORT) {
		key.ifindex = upcall->ifindex;
		key.netns = upcall->netns;
	}
	if (config.by & VNET_UPCALL_BY_CAUSE)
		key.cause = upcall->cause;
	key.copy = this_copy();
	stats = bpf_map_lookup_elem(&rows, &key);
	if (!stats) {
		none = bpf_map_lookup_elem(&zeros, &zero);
		if (!none)
			return NULL;
		err = bpf_map_update_elem(&rows, &key, none, BPF_NOEXIST);
		stats = bpf_map_lookup_elem(&rows, &key);
		if (!stats) {
			loss_of_update(err);
			return NULL;
		}
	}
	if (config.by & VNET_UPCALL_BY_PORT) {
		stats->in_port = upcall->in_port;
		stats->dp_ifindex = upcall->dp_ifindex;
		__builtin_memcpy(stats->device, upcall->device, sizeof(stats->device));
	}
	return stats;
}

static __always_inline void count_undelivered(__u32 portid, __u32 error)
{
	struct vnet_upcall_loss key = {
		.portid = portid, .error = error, .copy = this_copy(),
	};
	__u64 *count = bpf_map_lookup_elem(&undelivered, &key), none = 0;
	int err;

	if (!count) {
		err = bpf_map_update_elem(&undelivered, &key, &none, BPF_NOEXIST);
		count = bpf_map_lookup_elem(&undelivered, &key);
		if (!count) {
			loss_of_update(err);
			return;
		}
	}
	add(count);
}

#endif
