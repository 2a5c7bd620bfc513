/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `latency pair`: the time from one device to another. cmd/latency_pair.c
 *
 * A packet is known at both by its headers (identity.h), so that it does not
 * matter what it waits for on its way, on which CPU it goes on, and whether its
 * bytes are copied: Open vSwitch's upcalls give them a new buffer. Headers may be
 * equal: of datagrams without an IP id, or of IPv6. Such packets are told apart by
 * the address of their bytes, as long as that stays; where it does not, they are
 * counted as ambiguous.
 *
 * What is at a device runs with softirqs disabled, so that it is never interrupted
 * by its like; only on_skb_gso_segment() may be, and has a work space of its own.
 */
#include "vnet.bpf.h"
#include "hist.bpf.h"
#include "identity.h"
#include "stream.bpf.h"
#include "vnet/abi/latency_pair.h"

/* Functions that stay functions: the verifier follows each call with its constants. */
#define OUT_OF_LINE	static __attribute__((noinline))

#define EEXIST		17
#define EBUSY		16
#define NO_WAY		0xff

const volatile struct vnet_pairs_config config = {};

/* 0 -> number of the interval being counted (vnet/abi/stream.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} epoch SEC(".maps");

/*
 * Packet of a pair -> when it came in. Deleted when it arrives, and by user space
 * when its time is over: nothing here takes the place of an entry. Sized by
 * --max-entries. Not an LRU: that would evict without a count.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct vnet_pairs_key);
	__type(value, struct vnet_pairs_trip);
} trips SEC(".maps");

/* copy * pairs + pair -> counts; user space zeroes the copy at rest. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct vnet_pairs_stats);
} stats SEC(".maps");

#define CROWDS	1024

/*
 * Low bits of an id -> until when (ns) there may be several packets of such an id;
 * else one look-up is enough. Overwritten by later times; nobody deletes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CROWDS);
	__type(key, __u32);
	__type(value, __u64);
} crowded SEC(".maps");

/*
 * Work space of one program run. What search() finds is here and not in
 * registers, where the verifier would follow each combination.
 */
struct scratch {
	__u8 bytes[VNET_SNAP_INNER + VNET_PARSE_SLACK];
	__u64 id;			/* of the packet at hand */
	__u64 now;
	__u32 seen;			/* packets of that id and pair on their way */
	__u8 match;			/* the way of the one with its bytes, or NO_WAY */
	__u8 other;			/* the first of the others whose time is not over */
	__u8 doubtful;
	__u8 busy;			/* SPACE_SEGMENT: somebody works here */
	struct vnet_pairs_trip trip;	/* the packet at hand, as it may be put into `trips` */
	struct vnet_pairs_record record;
};

/* Whose it is: what is at a device, and what cuts packets, maybe in a thread. */
enum space { SPACE_DEVICE, SPACE_SEGMENT, NR_SPACES };

/* enum space -> that work space; per CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NR_SPACES);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct scratch *scratch_of(__u32 space)
{
	return bpf_map_lookup_elem(&scratches, &space);
}

static __always_inline struct vnet_pairs_stats *stats_of(__u32 pair)
{
	__u32 zero = 0, *now = bpf_map_lookup_elem(&epoch, &zero);
	__u32 key = (now ? *now & 1 : 0) * config.nr + pair;

	return bpf_map_lookup_elem(&stats, &key);
}

static __always_inline __u64 *crowd_of(__u64 id)
{
	__u32 place = id & (CROWDS - 1);

	return bpf_map_lookup_elem(&crowded, &place);
}

static __always_inline bool is_over(const struct vnet_pairs_trip *trip, __u64 now)
{
	return now > trip->since + config.timeout_ns;
}

/*
 * The pairs that begin or end at this device, as bits. By arithmetic: 16 branches
 * would be 2^16 ways for the verifier.
 */
OUT_OF_LINE __u32 pairs_at(__u32 ifindex, __u32 host, bool end)
{
	__u32 found = 0;

#pragma unroll
	for (__u32 i = 0; i < VNET_PAIRS_MAX; i++) {
		__u64 differs;

		if (i >= config.nr)
			continue;
		differs = (end ? config.to[i] : config.from[i]) ^ VNET_PAIRS_END(ifindex, host);
		found |= (__u32)((differs - 1) >> 63) << i;
	}
	return found;
}

/* ---- at the first device ---- */

/* Behind this only their own bytes tell packets of this id. */
OUT_OF_LINE int mark_doubtful(struct vnet_pairs_key *key)
{
	struct vnet_pairs_trip *trip;

#pragma unroll
	for (__u32 way = 0; way < VNET_PAIRS_WAYS; way++) {
		key->way = way;
		trip = bpf_map_lookup_elem(&trips, key);
		if (trip)
			trip->doubtful = 1;
	}
	return 0;
}

/*
 * More packets of one id than have numbers: this one is not followed, and what
 * arrives from now on may be it.
 */
static __always_inline void trip_overflow(struct scratch *s, struct vnet_pairs_key *key)
{
	int err;

	mark_doubtful(key);
	key->way = VNET_PAIRS_WAYS;
	err = bpf_map_update_elem(&trips, key, &s->trip, BPF_ANY);
	if (err)
		loss_of_update(err);
}

OUT_OF_LINE int trip_begin(struct scratch *s, __u32 pair)
{
	struct vnet_pairs_key key = { .id = s->id, .pair = pair };
	struct vnet_pairs_stats *sum = stats_of(pair);
	struct vnet_pairs_trip *old;
	__u64 *until;
	/* compat: before v6.4 a helper's result has an undefined upper half: no long */
	int err;

	if (!sum)
		return 0;
	err = bpf_map_update_elem(&trips, &key, &s->trip, BPF_NOEXIST);
	if (err == -EEXIST) {
		until = crowd_of(key.id);
		if (until)
			*until = s->trip.since + config.timeout_ns + 1000000;
	}
#pragma unroll
	for (__u32 way = 1; way < VNET_PAIRS_WAYS; way++) {
		if (err != -EEXIST)
			continue;
		/* Its buffer is free again, and ours: what it carried is elsewhere. */
		old = bpf_map_lookup_elem(&trips, &key);
		if (old && old->head == s->trip.head)
			old->head = 0;
		key.way = way;
		err = bpf_map_update_elem(&trips, &key, &s->trip, BPF_NOEXIST);
	}
	if (err && err != -EEXIST) {
		loss_of_update(err);
		return 0;
	}
	sum->started++;
	if (err) {
		sum->ambiguous++;
		trip_overflow(s, &key);
	}
	return 0;
}

/* ---- on the way, and at the second device ---- */

/* Whether the entry at key->way is the packet at hand; else it is taken down. */
OUT_OF_LINE int is_same(struct scratch *s, const struct vnet_pairs_key *key)
{
	struct vnet_pairs_trip *trip = bpf_map_lookup_elem(&trips, key);

	if (!trip)
		return false;
	s->seen++;
	if (key->way == VNET_PAIRS_WAYS) {
		s->doubtful = 1;
		return false;
	}
	if (trip->head == s->trip.head) {
		/* What comes late is user space's, and nobody else is meant. */
		s->match = is_over(trip, s->now) ? NO_WAY : key->way;
		s->other = NO_WAY;
		return true;
	}
	if (trip->doubtful)
		s->doubtful = 1;
	if (s->other == NO_WAY && !is_over(trip, s->now))
		s->other = key->way;
	return false;
}

/* Looks for the packet at hand among those on their way: the result is in *s. */
OUT_OF_LINE int search(struct scratch *s, __u32 pair)
{
	struct vnet_pairs_key key = { .id = s->id, .pair = pair };
	__u64 *until = crowd_of(key.id);
	bool found;

	s->seen = 0;
	s->match = NO_WAY;
	s->other = NO_WAY;
	s->doubtful = 0;
	found = is_same(s, &key);
	if (found || !until || s->now > *until)
		return 0;
#pragma unroll
	for (__u32 way = 1; way <= VNET_PAIRS_WAYS; way++) {
		key.way = way;
		if (!found)
			found = is_same(s, &key);
	}
	return 0;
}

static __always_inline bool is_certain(const struct scratch *s)
{
	return s->match != NO_WAY || (s->seen == 1 && !s->doubtful);
}

/* Notes on an entry what became of its packet, for when its time is over. */
OUT_OF_LINE int trip_note(struct scratch *s, __u32 pair, bool segmented)
{
	struct vnet_pairs_key key = { .id = s->id, .pair = pair };
	struct vnet_pairs_trip *trip;

	search(s, pair);
	key.way = s->match != NO_WAY ? s->match : s->other;
	if (key.way == NO_WAY || !is_certain(s))
		return 0;
	trip = bpf_map_lookup_elem(&trips, &key);
	if (!trip)
		return 0;
	if (segmented)
		trip->segmented = 1;
	else
		trip->elsewhere = 1;
	return 0;
}

/* Counted and timed; records.trip is the packet as it came in. */
static __always_inline void complete(void *ctx, struct scratch *s, __u32 pair)
{
	struct vnet_pairs_record *record = &s->record;
	struct vnet_pairs_stats *sum = stats_of(pair);
	__u64 since = record->trip.since, total;

	if (!sum)
		return;
	/* Clocks of two CPUs may differ a little. */
	total = s->now > since ? s->now - since : 0;
	sum->completed++;
	if (!config.records)
		hist_add(&sum->hist, total);
	if (!config.over_ns || total <= config.over_ns)
		return;
	sum->over++;
	if (!config.records || !rate_allows())
		return;
	record->end_ns = s->now;
	record->pair = pair;
	record->cpu = bpf_get_smp_processor_id();
	stream_emit(ctx, record, sizeof(*record));
}

OUT_OF_LINE int trip_end(void *ctx, struct scratch *s, __u32 pair)
{
	struct vnet_pairs_key key = { .id = s->id, .pair = pair };
	struct vnet_pairs_trip *trip;
	struct vnet_pairs_stats *sum;
	__u32 siblings;
	bool certain;
	int err;

	search(s, pair);
	key.way = s->match != NO_WAY ? s->match : s->other;
	if (key.way == NO_WAY)
		return 0;
	certain = is_certain(s);
	trip = bpf_map_lookup_elem(&trips, &key);
	if (!trip)
		return 0;
	s->record.trip = *trip;
	/* Whoever deletes it has it. */
	err = bpf_map_delete_elem(&trips, &key);
	if (err) {
		if (err == -EBUSY)
			loss(VNET_LOSS_map_busy);
		return 0;
	}
	if (!certain) {
		sum = stats_of(pair);
		if (sum)
			sum->ambiguous++;
		mark_doubtful(&key);
		return 0;
	}
	complete(ctx, s, pair);
	siblings = config.siblings[pair & (VNET_PAIRS_MAX - 1)];
#pragma unroll
	for (__u32 i = 0; i < VNET_PAIRS_MAX; i++)
		if (siblings & 1u << i)
			trip_note(s, i, false);
	return 0;
}

/* ---- the packet ---- */

/* Decodes the packet at hand. False: it could not be read. */
static __always_inline bool packet_know(struct sk_buff *skb, enum access access,
					const struct place *place, struct scratch *s)
{
	struct start start;

	s->now = bpf_ktime_get_ns();
	start_find(skb, access, place, &start);
	if (!packet_read(skb, access, &start, s->bytes, &s->trip.packet))
		return false;
	s->id = vnet_identity(&s->trip.packet);
	s->trip.head = (__u64)FIELD(access, skb, head);
	return true;
}

/* A packet is at a device where the pairs of these bits begin, and end. */
static __always_inline void packet_pass(void *ctx, struct sk_buff *skb, enum access access,
					__u32 begin, __u32 end)
{
	struct place place;
	struct scratch *s;

	if (!(begin | end))
		return;
	place_read(skb, access, &place);
	if (place.netns != config.netns)
		return;
	s = scratch_of(SPACE_DEVICE);
	if (!s || !packet_know(skb, access, &place, s))
		return;
#pragma unroll
	for (__u32 i = 0; i < VNET_PAIRS_MAX; i++)
		if (i < config.nr && end & 1u << i)
			trip_end(ctx, s, i);
	if (!begin || (filter.active & VNET_F_PACKET &&
		       !vnet_match_packet(&filter, &s->trip.packet)))
		return;
	s->trip.cpu = bpf_get_smp_processor_id();
	s->trip.since = bpf_ktime_get_ns();
#pragma unroll
	for (__u32 i = 0; i < VNET_PAIRS_MAX; i++)
		if (i < config.nr && begin & 1u << i)
			trip_begin(s, i);
}

static __always_inline int on_netif_receive_skb(void *ctx, struct sk_buff *skb,
						enum access access)
{
	struct net_device *dev = FIELD(access, skb, dev);
	__u32 ifindex = dev ? FIELD(access, dev, ifindex) : 0;

	packet_pass(ctx, skb, access, pairs_at(ifindex, 0, false),
		    pairs_at(ifindex, 1, true));
	return 0;
}

static __always_inline int on_net_dev_start_xmit(void *ctx, struct sk_buff *skb,
						 enum access access)
{
	struct net_device *dev = FIELD(access, skb, dev);
	__u32 ifindex = dev ? FIELD(access, dev, ifindex) : 0;

	packet_pass(ctx, skb, access, pairs_at(ifindex, 1, false),
		    pairs_at(ifindex, 0, true));
	return 0;
}

/* By a queue's device that cannot, or on the way to ovs-vswitchd. */
static __always_inline int on_skb_gso_segment(struct sk_buff *skb, enum access access)
{
	struct scratch *s = scratch_of(SPACE_SEGMENT);
	struct place place;

	if (!s)
		return 0;
	if (s->busy) {
		loss(VNET_LOSS_recursion_misses);
		return 0;
	}
	s->busy = 1;
	place_read(skb, access, &place);
	if (packet_know(skb, access, &place, s)) {
#pragma unroll
		for (__u32 i = 0; i < VNET_PAIRS_MAX; i++)
			if (i < config.nr)
				trip_note(s, i, true);
	}
	s->busy = 0;
	return 0;
}

/* ---- the programs: <point>__<mechanism> ---- */

SEC("?tp_btf/netif_receive_skb")
int netif_receive_skb__tp_btf(__u64 *ctx)
{
	return on_netif_receive_skb(ctx, (struct sk_buff *)ctx[0], TYPED);
}

SEC("?raw_tp/netif_receive_skb")
int netif_receive_skb__raw_tp(__u64 *ctx)
{
	return on_netif_receive_skb(ctx, (struct sk_buff *)ctx[0], PROBED);
}

SEC("?tp_btf/net_dev_start_xmit")
int net_dev_start_xmit__tp_btf(__u64 *ctx)
{
	return on_net_dev_start_xmit(ctx, (struct sk_buff *)ctx[0], TYPED);
}

SEC("?raw_tp/net_dev_start_xmit")
int net_dev_start_xmit__raw_tp(__u64 *ctx)
{
	return on_net_dev_start_xmit(ctx, (struct sk_buff *)ctx[0], PROBED);
}

SEC("?fentry/__skb_gso_segment")
int skb_gso_segment__fentry(__u64 *ctx)
{
	return on_skb_gso_segment((struct sk_buff *)ctx[0], TYPED);
}

SEC("?kprobe/__skb_gso_segment")
int skb_gso_segment__kprobe(struct pt_regs *ctx)
{
	return on_skb_gso_segment((struct sk_buff *)PT_REGS_PARM1(ctx), PROBED);
}
