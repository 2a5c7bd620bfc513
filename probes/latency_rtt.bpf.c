/* SPDX-License-Identifier: GPL-2.0-only */
/* `latency rtt`: round trips of pings, summed up. cmd/latency_rtt.c */
#include "latency_rtt.bpf.h"
#include "hist.bpf.h"

/* copy -> histograms; user space zeroes the copy at rest. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct vnet_rtt_hists);
} hists SEC(".maps");

static __always_inline void parts_add(struct vnet_rtt_hists *h, const __u64 *at, __u32 role)
{
#pragma unroll
	for (__u32 part = 0; part < VNET_RTT_PARTS; part++)
		hist_add(&h->parts[part], at[vnet_rtt_part_to(role, part)] -
					  at[vnet_rtt_part_from(role, part)]);
}

/*
 * Only softirqs, or what has them disabled, end a round trip, and always at the
 * same point: no one interrupts this.
 */
static __always_inline void trip_done(void *ctx, __u32 copy,
				      const struct vnet_rtt_record *record)
{
	struct vnet_rtt_hists *h = bpf_map_lookup_elem(&hists, &copy);
	const __u64 *at = record->trip.at;

	__u64 before = at[0];

	if (!h)
		return;
#pragma unroll
	for (__u32 step = 1; step < VNET_RTT_STEPS; step++) {
		if (config.before[step] == VNET_RTT_NONE)
			continue;
		hist_add(&h->stages[step - 1], at[step] - before);
		before = at[step];
	}
	if (INITIATOR)
		parts_add(h, at, VNET_RTT_INITIATOR);
	else
		parts_add(h, at, VNET_RTT_RESPONDER);
	hist_add(&h->total, at[VNET_RTT_LAST] - at[0]);
}
