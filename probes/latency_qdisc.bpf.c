/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `latency qdisc`: how long packets stay in a device's transmit queues.
 * cmd/latency_qdisc.c
 *
 * A packet enters at net_dev_queue and leaves at net_dev_start_xmit, maybe on
 * another CPU: between the two its stamp is in `waits`. A device without a
 * qdisc never lets go of the CPU: there the CPU's slot is enough. All of these
 * run with softirqs disabled and never interrupt one another on a CPU; only
 * what ends a packet's stay otherwise (on_end()) may be interrupted by them.
 */
#include "vnet.bpf.h"
#include "hist.bpf.h"
#include "stream.bpf.h"
#include "vnet/abi/latency_qdisc.h"

/* Flavours: the parts of these types that no other probe looks at. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qdisc_skb_head___len {
	__u32 qlen;
};

struct Qdisc_ops___name {
	char id[16];
};

struct Qdisc___wait {
	void *enqueue;	/* NULL: "noqueue", packets never wait here */
	unsigned int flags;
	const struct Qdisc_ops___name *ops;
	__u32 handle;
	struct qdisc_skb_head___len q;
};

#pragma clang attribute pop

/* Qdisc.flags: it has a length for each CPU only (pfifo_fast); in no BTF. */
#define TCQ_F_NOLOCK	0x100

const volatile struct vnet_txq_config config = {};

/* 0 -> number of the interval being counted (vnet/abi/stream.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} epoch SEC(".maps");

/*
 * skb address -> packet in a queue. Deleted when it leaves, when its address
 * turns up with another packet, and by user space at VNET_TXQ_AGE_NS. Sized by
 * --max-entries. Not an LRU: that would evict without a count.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct vnet_txq_wait);
} waits SEC(".maps");

/* 0 -> the packet that this CPU queued last; per CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_txq_slot);
} slots SEC(".maps");

/*
 * A queue, as one CPU saw it -> what it did; made when it is first needed, user
 * space deletes those of the copy at rest. Sized by the number of queues.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct vnet_txq_key);
	__type(value, struct vnet_txq_stats);
} queues SEC(".maps");

/* 0 -> zeros, for a new entry of `queues`: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_txq_stats);
} zeros SEC(".maps");

/* Work space of one program run. */
struct scratch {
	__u8 bytes[VNET_SNAP_INNER + VNET_PARSE_SLACK];
	struct vnet_txq_record record;
};

/* 0 -> that work space; per CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline struct vnet_txq_slot *this_slot(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&slots, &zero);
}

/* The queue's counts on this CPU. NULL, counted as a loss: no room. */
static __always_inline struct vnet_txq_stats *stats_of(__u32 ifindex, __u32 queue)
{
	__u32 zero = 0, *now = bpf_map_lookup_elem(&epoch, &zero);
	struct vnet_txq_key key = { .ifindex = ifindex, .queue = queue };
	struct vnet_txq_stats *stats, *none;
	int err;

	key.cpu = bpf_get_smp_processor_id();
	key.copy = now ? *now & 1 : 0;
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

/* Whether it is on a --device; the cheap half of match_place() first. */
static __always_inline bool is_wanted(struct sk_buff *skb, enum access access,
				      struct place *place)
{
	struct net_device *dev = FIELD(access, skb, dev);
	bool found = false;
	__u32 ifindex;

	if (!dev)
		return false;
	ifindex = FIELD(access, dev, ifindex);
#pragma unroll
	for (int i = 0; i < VNET_FILTER_IFS; i++)
		if (i < filter.nr_ifindex)
			found |= filter.ifindex[i] == ifindex;
	if (!found)
		return false;
	place_read(skb, access, place);
	return place->dev && match_place(place);
}

/* The qdisc of a transmit queue: at its top, or mq's for that queue. */
static __always_inline struct Qdisc___wait *qdisc_of(const struct place *place, __u32 queue)
{
	struct net_device *dev = place->dev;
	struct netdev_queue *txq;

	/* Not by FIELD: a typed pointer may not be added to. */
	txq = (void *)BPF_CORE_READ(dev, _tx) +
	      (__u64)queue * bpf_core_type_size(struct netdev_queue);
	return (void *)BPF_CORE_READ(txq, qdisc);
}

static __always_inline bool packet_find(struct sk_buff *skb, enum access access,
					const struct place *place, struct scratch *scratch)
{
	struct start start;

	__builtin_memset(&scratch->record.packet, 0, sizeof(scratch->record.packet));
	start_find(skb, access, place, &start);
	return packet_read(skb, access, &start, scratch->bytes, &scratch->record.packet);
}

static __always_inline bool match_packet(struct sk_buff *skb, enum access access,
					 const struct place *place)
{
	struct scratch *scratch;
	__u32 zero = 0;

	if (!(filter.active & VNET_F_PACKET))
		return true;
	scratch = bpf_map_lookup_elem(&scratches, &zero);
	return scratch && packet_find(skb, access, place, scratch) &&
	       vnet_match_packet(&filter, &scratch->record.packet);
}

/* Takes a packet out of the map: whoever deletes it has it. */
static __always_inline bool wait_take(__u64 key, struct vnet_txq_wait *wait)
{
	struct vnet_txq_wait *found = bpf_map_lookup_elem(&waits, &key);
	/*
	 * compat: before v6.4 (d7ba4cc900bf) map helpers that the verifier calls
	 * directly leave the upper half of the result undefined: no long here.
	 */
	int err;

	if (!found)
		return false;
	*wait = *found;
	err = bpf_map_delete_elem(&waits, &key);
	if (err == -16 /* EBUSY */)
		loss(VNET_LOSS_map_busy);
	return !err;
}

/* What was known of this address is out of date. */
static __always_inline void wait_vanish(const struct vnet_txq_wait *wait)
{
	struct vnet_txq_stats *stats = stats_of(wait->ifindex, wait->queue);

	if (stats)
		stats->vanished++;
}

static __always_inline void wait_forget(__u64 key)
{
	struct vnet_txq_wait wait;

	if (wait_take(key, &wait))
		wait_vanish(&wait);
}

static __always_inline bool wait_begin(__u64 key, const struct vnet_txq_wait *wait)
{
	int err = bpf_map_update_elem(&waits, &key, wait, BPF_NOEXIST);

	if (err == -17 /* EEXIST */) {
		wait_forget(key);
		err = bpf_map_update_elem(&waits, &key, wait, BPF_NOEXIST);
	}
	if (err)
		loss_of_update(err);
	return !err;
}

/* Packets in the qdisc, its children's included. */
static __always_inline __u32 backlog_of(struct Qdisc___wait *qdisc)
{
	if (BPF_CORE_READ(qdisc, flags) & TCQ_F_NOLOCK)
		return VNET_TXQ_NO_BACKLOG;
	return BPF_CORE_READ(qdisc, q.qlen);
}

static __always_inline void count_start(struct vnet_txq_stats *stats, __u32 backlog)
{
	stats->started++;
	if (backlog == VNET_TXQ_NO_BACKLOG)
		return;
	stats->backlogs++;
	stats->backlog_sum += backlog;
	if (backlog > stats->backlog_max)
		stats->backlog_max = backlog;
}

static __always_inline int on_net_dev_queue(void *ctx, struct sk_buff *skb,
					    enum access access)
{
	struct vnet_txq_stats *stats;
	struct vnet_txq_slot *slot;
	struct Qdisc___wait *qdisc;
	struct place place;
	__u64 pid;

	if (!is_wanted(skb, access, &place))
		return 0;
	slot = this_slot();
	if (!slot)
		return 0;
	if (slot->skb && slot->noqueue)
		wait_vanish(&slot->wait);
	slot->skb = 0;
	slot->wait.ifindex = place.ifindex;
	slot->wait.queue = FIELD(access, skb, queue_mapping);
	slot->wait.cpu = bpf_get_smp_processor_id();
	qdisc = qdisc_of(&place, slot->wait.queue);
	slot->noqueue = !BPF_CORE_READ(qdisc, enqueue);
	stats = match_packet(skb, access, &place) ?
		stats_of(place.ifindex, slot->wait.queue) : NULL;
	if (!stats) {
		wait_forget((__u64)skb);
		return 0;
	}
	slot->wait.backlog = slot->noqueue ? VNET_TXQ_NO_BACKLOG : backlog_of(qdisc);
	if (config.records) {
		pid = bpf_get_current_pid_tgid();
		slot->wait.pid = pid >> 32;
		slot->wait.tid = pid;
		bpf_get_current_comm(slot->wait.comm, sizeof(slot->wait.comm));
	}
	slot->wait.since = bpf_ktime_get_ns();
	if (!slot->noqueue && !wait_begin((__u64)skb, &slot->wait))
		return 0;
	slot->skb = (__u64)skb;
	count_start(stats, slot->wait.backlog);
	return 0;
}

static __always_inline void record_emit(void *ctx, struct sk_buff *skb, enum access access,
					const struct place *place,
					const struct vnet_txq_wait *wait, __u64 now,
					bool bypassed)
{
	struct Qdisc___wait *qdisc = qdisc_of(place, wait->queue);
	const struct Qdisc_ops___name *ops;
	struct vnet_txq_record *record;
	struct scratch *scratch;
	__u32 zero = 0;

	if (!rate_allows())
		return;
	scratch = bpf_map_lookup_elem(&scratches, &zero);
	if (!scratch)
		return;
	packet_find(skb, access, place, scratch);
	record = &scratch->record;
	record->time_ns = now;
	record->sojourn_ns = now - wait->since;
	record->wait = *wait;
	record->cpu = bpf_get_smp_processor_id();
	record->handle = BPF_CORE_READ(qdisc, handle);
	record->bypassed = bypassed;
	ops = BPF_CORE_READ(qdisc, ops);
	record->kind[0] = 0;
	bpf_probe_read_kernel_str(record->kind, sizeof(record->kind), &ops->id);
	stream_emit(ctx, record, sizeof(*record));
}

static __always_inline void complete(void *ctx, struct sk_buff *skb, enum access access,
				     const struct place *place,
				     const struct vnet_txq_wait *wait, bool bypassed)
{
	struct vnet_txq_stats *stats = stats_of(wait->ifindex, wait->queue);
	__u64 now = bpf_ktime_get_ns(), sojourn;

	if (!stats)
		return;
	/* Clocks of two CPUs may differ a little. */
	sojourn = now > wait->since ? now - wait->since : 0;
	stats->completed++;
	if (bypassed)
		stats->bypassed++;
	if (!config.records)
		hist_add(&stats->hist, sojourn);
	if (!config.over_ns || sojourn <= config.over_ns)
		return;
	stats->over++;
	if (config.records)
		record_emit(ctx, skb, access, place, wait, now, bypassed);
}

static __always_inline int on_net_dev_start_xmit(void *ctx, struct sk_buff *skb,
						 enum access access)
{
	struct vnet_txq_slot *slot;
	struct vnet_txq_stats *stats;
	struct vnet_txq_wait wait;
	struct place place;
	bool mine, found;

	if (!is_wanted(skb, access, &place))
		return 0;
	slot = this_slot();
	if (!slot)
		return 0;
	mine = slot->skb == (__u64)skb;
	if (mine)
		slot->skb = 0;
	found = mine && slot->noqueue;
	if (found)
		wait = slot->wait;
	else
		found = wait_take((__u64)skb, &wait);
	/* It was redirected on its way, past the place where it would be seen. */
	if (found && wait.ifindex != place.ifindex) {
		wait_vanish(&wait);
		found = false;
	}
	if (found) {
		complete(ctx, skb, access, &place, &wait, mine);
	} else if (!(filter.active & VNET_F_PACKET)) {
		stats = stats_of(place.ifindex, FIELD(access, skb, queue_mapping));
		if (stats)
			stats->unfollowed++;
	}
	return 0;
}

/*
 * A packet that went past the qdisc comes to the driver before its CPU empties
 * any queue: behind this, what it queued has been in the queue.
 */
static __always_inline int on_qdisc_dequeue(void *ctx)
{
	struct vnet_txq_slot *slot = this_slot();

	if (slot && !slot->noqueue)
		slot->skb = 0;
	return 0;
}

/* The stay of a packet that will not come to the driver. */
static __always_inline struct vnet_txq_stats *on_end(__u64 skb)
{
	struct vnet_txq_slot *slot = this_slot();
	struct vnet_txq_wait wait;

	if (slot && slot->skb == skb && slot->noqueue) {
		slot->skb = 0;
		wait = slot->wait;
	} else if (!wait_take(skb, &wait)) {
		return NULL;
	}
	return stats_of(wait.ifindex, wait.queue);
}

static __always_inline int on_kfree_skb(__u64 skb)
{
	struct vnet_txq_stats *stats = on_end(skb);

	if (stats)
		__sync_fetch_and_add(&stats->dropped, 1);
	return 0;
}

/* Its segments are new packets, none of which has its address. */
static __always_inline int on_skb_gso_segment(__u64 skb)
{
	struct vnet_txq_stats *stats = on_end(skb);

	if (stats)
		__sync_fetch_and_add(&stats->segmented, 1);
	return 0;
}

/* ---- the programs: <point>__<mechanism> ---- */

SEC("?tp_btf/net_dev_queue")
int net_dev_queue__tp_btf(__u64 *ctx)
{
	return on_net_dev_queue(ctx, (struct sk_buff *)ctx[0], TYPED);
}

SEC("?raw_tp/net_dev_queue")
int net_dev_queue__raw_tp(__u64 *ctx)
{
	return on_net_dev_queue(ctx, (struct sk_buff *)ctx[0], PROBED);
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

SEC("?tp_btf/qdisc_dequeue")
int qdisc_dequeue__tp_btf(__u64 *ctx)
{
	return on_qdisc_dequeue(ctx);
}

SEC("?raw_tp/qdisc_dequeue")
int qdisc_dequeue__raw_tp(__u64 *ctx)
{
	return on_qdisc_dequeue(ctx);
}

SEC("?tp_btf/kfree_skb")
int kfree_skb__tp_btf(__u64 *ctx)
{
	return on_kfree_skb(ctx[0]);
}

SEC("?raw_tp/kfree_skb")
int kfree_skb__raw_tp(__u64 *ctx)
{
	return on_kfree_skb(ctx[0]);
}

SEC("?fentry/__skb_gso_segment")
int skb_gso_segment__fentry(__u64 *ctx)
{
	return on_skb_gso_segment(ctx[0]);
}

SEC("?kprobe/__skb_gso_segment")
int skb_gso_segment__kprobe(struct pt_regs *ctx)
{
	return on_skb_gso_segment(PT_REGS_PARM1(ctx));
}
