/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The end of a packet's path: its times go into the histograms of
 * `latency summary`, or make a record of `latency details`. Called by
 * latency_path.bpf.h with softirqs disabled.
 */
#ifndef VNET_LATENCY_END_BPF_H
#define VNET_LATENCY_END_BPF_H

#include "latency.bpf.h"

/* The packet as it is now, with its headers decoded; NULL: not readable. */
static __always_inline struct vnet_packet *packet_now(struct sk_buff *skb, enum space space,
					      enum access access)
{
	__u32 key = space_index(space);
	struct scratch *scratch = bpf_map_lookup_elem(&scratches, &key);
	struct place place;
	struct start start;

	if (!scratch)
		return NULL;
	__builtin_memset(&scratch->packet, 0, sizeof(scratch->packet));
	place_read(skb, access, &place);
	start_find(skb, access, &place, &start);
	if (!packet_read(skb, access, &start, scratch->bytes, &scratch->packet))
		return NULL;
	return &scratch->packet;
}

/* A call takes five arguments: the constants of trip_end() go in one. */
static __always_inline __u32 how_direction(__u32 how)
{
	return how & 1;
}

static __always_inline enum space how_space(__u32 how)
{
	return how >> 1 & 1;
}

static __always_inline enum access how_access(__u32 how)
{
	return how >> 2 & 1;
}

/* The path's last stage, where the packet is. */
static __always_inline __u32 how_stage(__u32 how)
{
	return how >> 3;
}

#ifdef VNET_LATENCY_DETAILS

#include "stream.bpf.h"

/* space_index() -> the record being made; per CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NR_SPACES);
	__type(key, __u32);
	__type(value, struct vnet_latency_record);
} records SEC(".maps");

/* Whether the user wants to see it; the verifier deletes tests without a threshold. */
static __always_inline bool is_slow(__u32 dir, const struct vnet_latency_trip *trip)
{
	__u64 before = 0, first = 0, mark = 0;
	bool seen = false, slow = config.all;

#pragma unroll
	for (__u32 s = 0; s < VNET_LATENCY_STAGES; s++) {
		if (!(config.shown[dir] & BIT(s)) || !(trip->seen & BIT(s)))
			continue;
		if (!seen)
			first = trip->at[s];
		else if (mark)
			slow |= trip->at[s] - before > mark;
		before = trip->at[s];
		mark = config.stage_ns[dir][s];
		seen = true;
	}
	return slow || (config.total_ns && before - first > config.total_ns);
}

static __always_inline void gso_fill(struct sk_buff *skb, enum access access,
				     struct vnet_packet *packet)
{
	struct skb_shared_info *info = (void *)(FIELD(access, skb, head) +
						FIELD(access, skb, end));

	packet->gso_size = BPF_CORE_READ(info, gso_size);
	packet->gso_segs = BPF_CORE_READ(info, gso_segs);
	packet->gso_type = BPF_CORE_READ(info, gso_type);
}

OUT_OF_LINE int trip_end(void *ctx, struct vnet_latency_cpu *cpu,
			 struct vnet_latency_trip *trip, struct sk_buff *skb, __u32 how)
{
	enum access access = how_access(how);
	enum space space = how_space(how);
	__u32 dir = how_direction(how), key = space_index(space);
	struct vnet_latency_record *record;
	struct vnet_packet *packet;

	trip->stage = 0;
	counts_of(cpu, dir, 0)->completed++;
	if (!is_slow(dir, trip) || !rate_allows())
		return 0;
	record = bpf_map_lookup_elem(&records, &key);
	packet = packet_now(skb, space, access);
	if (!record || !packet)
		return 0;
	gso_fill(skb, access, packet);
	record->direction = dir;
	record->seen = trip->seen;
	__builtin_memcpy(record->at, trip->at, sizeof(record->at));
	__builtin_memcpy(record->where, trip->where, sizeof(record->where));
	__builtin_memcpy(&record->packet, packet, sizeof(record->packet));
	stream_emit(ctx, record, sizeof(*record));
	return 0;
}

#else

/* copy * DIRECTIONS + direction -> histograms; user space zeroes the copy at rest. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2 * VNET_LATENCY_DIRECTIONS);
	__type(key, __u32);
	__type(value, struct vnet_latency_hists);
} hists SEC(".maps");

/*
 * Flow -> its times, for --by flow; one map for each copy. The CPU is part of
 * the key, so that plain additions are enough. User space empties the copy at
 * rest. No memory is taken before there is a flow.
 */
struct flows {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct vnet_latency_flow);
	__type(value, struct vnet_latency_flow_times);
};
struct flows flows0 SEC(".maps");
struct flows flows1 SEC(".maps");

/* 0 -> no times at all, to begin with; nobody writes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_latency_flow_times);
} no_times SEC(".maps");

static __always_inline void flow_add(void *flows, struct vnet_latency_flow *key, __u64 total)
{
	struct vnet_latency_flow_times *times = bpf_map_lookup_elem(flows, key), *none;
	__u32 zero = 0;
	int err;

	if (!times) {
		none = bpf_map_lookup_elem(&no_times, &zero);
		if (!none)
			return;
		err = bpf_map_update_elem(flows, key, none, BPF_NOEXIST);
		times = bpf_map_lookup_elem(flows, key);
		if (!times) {
			loss_of_update(err);
			return;
		}
	}
	hist_add(&times->total, total);
	if (config.over_ns && total > config.over_ns)
		times->over++;
}

OUT_OF_LINE int count_flow(__u64 total, __u32 dir_epoch, struct sk_buff *skb,
			   enum space space, enum access access)
{
	struct vnet_packet *packet = packet_now(skb, space, access);
	struct vnet_latency_flow key;

	if (!packet)
		return 0;
	__builtin_memset(&key, 0, sizeof(key));
	key.flow = packet->flow;
	key.direction = dir_epoch >> 1;
	key.cpu = bpf_get_smp_processor_id();
	if (dir_epoch & 1)
		flow_add(&flows1, &key, total);
	else
		flow_add(&flows0, &key, total);
	return 0;
}

/* A packet's time from *before to `at`, which becomes *before; never negative. */
static __always_inline void span_note(struct vnet_hist *hist, __u64 *before, __u64 at)
{
	__u64 ns = at - *before, slot;

	if (VNET_HIST_IS_NEAR(ns, 0)) {
		slot = VNET_HIST_SLOT(hist_near, ns, 0);
	} else if (VNET_HIST_IS_NEAR(ns, VNET_HIST_FAR_SHIFT)) {
		slot = VNET_HIST_SLOT(hist_near, ns, VNET_HIST_FAR_SHIFT);
	} else {
		/* Clocks of two CPUs, or one that was just adjusted. */
		if (ns >> 63) {
			ns = 0;
			at = *before;
		}
		slot = hist_slot_far(ns);
	}
	*before = at;
	hist_note(hist, ns, slot);
}

/* From the first stage that is shown to the last. */
struct span {
	__u64 first, last;
};

/* All intervals of a packet that left out all optional stages, and no other. */
static __always_inline void plain_note(struct vnet_latency_hists *h, __u32 dir,
				       const struct vnet_latency_trip *trip, struct span *span)
{
	__u64 before = trip->at[config.plain[dir][0]];
	__u32 nr = config.nr_plain[dir];

	span->first = before;
	if (nr == 2) {
		span->last = trip->at[config.plain[dir][1]];
		return;
	}
#pragma unroll
	for (__u32 i = 1; i < VNET_LATENCY_PLAIN; i++) {
		if (i < nr)
			span_note(&h->pairs[i - 1], &before, trip->at[config.plain[dir][i]]);
	}
	span->last = before;
}

OUT_OF_LINE __u64 span_put(struct vnet_hist *hist, __u64 before, __u64 at)
{
	span_note(hist, &before, at);
	return before;
}

static __always_inline void pair_note(struct vnet_latency_hists *h, __u32 dir, __u32 from,
				      __u32 to, __u64 *before, __u64 at)
{
	__u32 pair = config.pair[dir][from & VNET_LATENCY_STAGE_MASK][to];

	if (config.nr_plain[dir] > 2 && pair < VNET_LATENCY_PAIRS)
		*before = span_put(&h->pairs[pair], *before, at);
	else if (at > *before)
		*before = at;
}

/*
 * The same of any packet that arrived. It has passed every mandatory stage: to say
 * so here spares the verifier most of the ways through.
 */
static __always_inline void trip_note(struct vnet_latency_hists *h, __u32 dir,
				      const struct vnet_latency_trip *trip, struct span *span)
{
	__u64 before = 0;
	__u32 from = 0;
	bool seen = false;

	span->first = 0;
#pragma unroll
	for (__u32 s = 0; s < VNET_LATENCY_STAGES; s++) {
		if (!(config.shown[dir] & BIT(s)) ||
		    !((config.mandatory[dir] | trip->seen) & BIT(s)))
			continue;
		if (seen)
			pair_note(h, dir, from, s, &before, trip->at[s]);
		else
			span->first = before = trip->at[s];
		from = s;
		seen = true;
	}
	span->last = before;
}

static __always_inline struct vnet_latency_hists *hists_of(__u32 dir, __u32 epoch)
{
	__u32 key = (epoch & 1) * VNET_LATENCY_DIRECTIONS + dir;

	return bpf_map_lookup_elem(&hists, &key);
}

/*
 * All intervals of a packet at once: each of a direction's histograms holds the
 * same packets, so the times of its stages add up.
 */
static __always_inline void plain_end(struct vnet_latency_trip *trip, __u32 dir)
{
	struct vnet_latency_hists *h = hists_of(dir, current_epoch());
	struct span span;

	trip->stage = 0;
	if (!h)
		return;
	plain_note(h, dir, trip, &span);
	span_note(&h->total, &span.first, span.last);
}

/* Whether the packet's histograms are all that it is counted in. */
static __always_inline bool only_times(void)
{
	return is_lean || (!config.over_ns && !config.by_flow);
}

OUT_OF_LINE int trip_end(void *ctx, struct vnet_latency_cpu *cpu,
			 struct vnet_latency_trip *trip, struct sk_buff *skb, __u32 how)
{
	__u32 dir = how_direction(how), epoch = current_epoch() & 1;
	struct vnet_latency_hists *h = hists_of(dir, epoch);
	struct span span;
	__u64 ns;

	trip->stage = 0;
	if (!h)
		return 0;
	trip_note(h, dir, trip, &span);
	ns = span.last - span.first;
	span_put(&h->total, span.first, span.last);
	if (only_times())
		return 0;
	if (ns >> 63)
		ns = 0;
	if (config.over_ns && ns > config.over_ns)
		counts_of(cpu, dir, epoch)->over++;
	if (config.by_flow)
		count_flow(ns, dir << 1 | epoch, skb, how_space(how), how_access(how));
	return 0;
}

OUT_OF_LINE int plain_or_trip_end(void *ctx, struct vnet_latency_cpu *cpu,
				  struct vnet_latency_trip *trip, struct sk_buff *skb,
				  __u32 how)
{
	__u32 dir = how_direction(how);

	if (trip->state != config.steps[dir][how_stage(how)].after)
		return trip_end(ctx, cpu, trip, skb, how);
	plain_end(trip, dir);
	return 0;
}

#endif

static __always_inline __u32 how_of(__u32 dir, __u32 stage, enum space space,
				    enum access access)
{
	return dir | space << 1 | access << 2 | stage << 3;
}

/* A packet that has waited is at the last stage of its path. */
static __always_inline void complete(void *ctx, struct vnet_latency_cpu *cpu, __u32 dir,
				     __u32 stage, struct vnet_latency_trip *trip,
				     struct sk_buff *skb, enum space space, enum access access)
{
	__u32 how = how_of(dir, stage, space, access);

#ifndef VNET_LATENCY_DETAILS
	if (only_times()) {
		plain_or_trip_end(ctx, cpu, trip, skb, how);
		return;
	}
#endif
	trip_end(ctx, cpu, trip, skb, how);
}

/* The slot's packet comes to the last stage of its path. */
static __always_inline void slot_complete(void *ctx, struct vnet_latency_cpu *cpu, __u32 dir,
					  __u32 stage, struct sk_buff *skb,
					  enum access access)
{
	struct vnet_latency_slot *slot = &cpu->slots[dir];

#ifndef VNET_LATENCY_DETAILS
	/* Nearly all packets, and most of the work: worth a copy of its own. */
	if (only_times() && is_plain(&slot->trip, dir, stage)) {
		slot->trip.at[stage] = bpf_ktime_get_ns();
		slot->skb = 0;
		plain_end(&slot->trip, dir);
		return;
	}
#endif
	if (!slot_advance(cpu, dir, stage, skb, access))
		return;
	slot->skb = 0;
	trip_end(ctx, cpu, &slot->trip, skb, how_of(dir, stage, SPACE_SOFTIRQ, access));
}

#endif
