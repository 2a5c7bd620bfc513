/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The usual way to do what `latency summary` does from a guest to a NIC, to
 * compare with: kprobes and raw tracepoints, the stamps of a packet in an LRU
 * hash by its address, times in a hash of power-of-two buckets. It does less:
 * no filter, no percentiles, no count of what is lost. Loaded by
 * tests/bench/attach.c.
 */
#include "kernel.bpf.h"

char LICENSE[] SEC("license") = "GPL";

/* The guest's device, where the path begins, and the NIC. */
const volatile struct {
	__u32 local, phy;
} devices = {};

enum stage { START, OVS, UPCALL, RETURN, OUTPUT, QDISC, DRIVER, STAGES };

/* The stage of the histogram of whole paths. */
#define TOTAL STAGES

struct trip {
	__u64 at[STAGES];
	__u32 stage;
	__u32 reserved;
};

/* Packet's address -> its stamps; deleted at the end of the path, or evicted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__type(key, __u64);
	__type(value, struct trip);
} trips SEC(".maps");

struct bucket {
	__u32 from, to, log2;
};

/* Bucket -> packets; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct bucket);
	__type(value, __u64);
} buckets SEC(".maps");

static __always_inline bool is_on(struct sk_buff *skb, __u32 ifindex)
{
	return BPF_CORE_READ(skb, dev, ifindex) == ifindex;
}

/* Position of the highest bit of v > 0, as the old tools find it. */
static __always_inline __u64 log2_u64(__u64 v)
{
	__u64 e = 0, shift;

	shift = (v > 0xffffffff) << 5;	v >>= shift; e |= shift;
	shift = (v > 0xffff) << 4;	v >>= shift; e |= shift;
	shift = (v > 0xff) << 3;	v >>= shift; e |= shift;
	shift = (v > 0xf) << 2;		v >>= shift; e |= shift;
	shift = (v > 0x3) << 1;		v >>= shift; e |= shift;
	return e | (v >> 1);
}

static __always_inline void bucket_add(__u32 from, __u32 to, __u64 ns)
{
	struct bucket key = { .from = from, .to = to, .log2 = log2_u64(ns | 1) };
	__u64 one = 1, *count = bpf_map_lookup_elem(&buckets, &key);

	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&buckets, &key, &one, BPF_NOEXIST);
}

static __always_inline int begin(struct sk_buff *skb)
{
	struct trip trip = {};
	__u64 key = (__u64)skb;

	if (!is_on(skb, devices.local))
		return 0;
	trip.at[START] = bpf_ktime_get_ns();
	bpf_map_update_elem(&trips, &key, &trip, BPF_ANY);
	return 0;
}

static __always_inline int reach(struct sk_buff *skb, __u32 stage)
{
	__u64 key = (__u64)skb, now;
	struct trip *trip = bpf_map_lookup_elem(&trips, &key);
	__u32 from;

	if (!trip)
		return 0;
	from = trip->stage;
	if (from >= STAGES)
		return 0;
	now = bpf_ktime_get_ns();
	bucket_add(from, stage, now - trip->at[from]);
	trip->at[stage] = now;
	trip->stage = stage;
	if (stage != DRIVER)
		return 0;
	bucket_add(START, TOTAL, now - trip->at[START]);
	bpf_map_delete_elem(&trips, &key);
	return 0;
}

static __always_inline int leave(struct sk_buff *skb, __u32 stage)
{
	return is_on(skb, devices.phy) ? reach(skb, stage) : 0;
}

SEC("?raw_tp/netif_receive_skb")
int netif_receive_skb__raw_tp(__u64 *ctx)
{
	return begin((struct sk_buff *)ctx[0]);
}

SEC("?kprobe/ovs_vport_receive")
int ovs_vport_receive__kprobe(struct pt_regs *ctx)
{
	return reach((struct sk_buff *)PT_REGS_PARM2(ctx), OVS);
}

SEC("?kprobe/ovs_dp_upcall")
int ovs_dp_upcall__kprobe(struct pt_regs *ctx)
{
	return reach((struct sk_buff *)PT_REGS_PARM2(ctx), UPCALL);
}

SEC("?kprobe/ovs_flow_key_extract_userspace")
int ovs_return__kprobe(struct pt_regs *ctx)
{
	return reach((struct sk_buff *)PT_REGS_PARM3(ctx), RETURN);
}

SEC("?kprobe/ovs_vport_send")
int ovs_vport_send__kprobe(struct pt_regs *ctx)
{
	return reach((struct sk_buff *)PT_REGS_PARM2(ctx), OUTPUT);
}

SEC("?raw_tp/net_dev_queue")
int net_dev_queue__raw_tp(__u64 *ctx)
{
	return leave((struct sk_buff *)ctx[0], QDISC);
}

SEC("?raw_tp/net_dev_start_xmit")
int net_dev_start_xmit__raw_tp(__u64 *ctx)
{
	return leave((struct sk_buff *)ctx[0], DRIVER);
}
