/* SPDX-License-Identifier: GPL-2.0-only */
/* Sending records to user space: one function hides ring and perf buffer. */
#ifndef VNET_STREAM_BPF_H
#define VNET_STREAM_BPF_H

#include "vnet.bpf.h"
#include "vnet/abi/stream.h"

const volatile struct vnet_stream stream = {};

/* Records; core/session.c makes it a perf event array where there is no ring. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

/* 0 -> the second's budget (--rate-limit), shared by all CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_rate);
} rate SEC(".maps");

/*
 * True if this second's budget has room. CPUs that see a second begin at the
 * same time may each restart it: the limit is kept within their number.
 */
static __always_inline bool rate_allows(void)
{
	__u32 zero = 0;
	__u64 second;
	struct vnet_rate *r;

	if (!stream.rate_limit)
		return true;
	r = bpf_map_lookup_elem(&rate, &zero);
	if (!r)
		return true;
	second = bpf_ktime_get_ns() / 1000000000ull;
	if (r->window != second) {
		r->window = second;
		r->count = 0;
	}
	if (r->count >= stream.rate_limit) {
		loss(VNET_LOSS_suppressed);
		return false;
	}
	__sync_fetch_and_add(&r->count, 1);
	return true;
}

static __always_inline void stream_emit(void *ctx, void *record, __u64 size)
{
	long err;

	if (stream.ring_buffer)
		err = bpf_ringbuf_output(&events, record, size, 0);
	else
		err = bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, record, size);
	if (err)
		loss(VNET_LOSS_ring_full);
}

#endif
