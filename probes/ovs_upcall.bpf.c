/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `ovs upcall`: how long packets are with ovs-vswitchd, and which never come
 * back. cmd/ovs_upcall*.c
 *
 * An upcall is in its CPU's slot while ovs_dp_upcall() runs, with softirqs
 * disabled: what the CPU sends by netlink meanwhile are its messages. From then
 * on a message is an entry of `waits`, by its address until a handler has read
 * it and by its packet's contents until that comes back, and of `returning`
 * while the datapath works on that. A packet that hits a flow meets no program.
 */
#include "ovs_upcall.bpf.h"
#include "ovs_upcall_count.bpf.h"
#include "stream.bpf.h"

/* Flavours: the parts of these types that no other probe looks at. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock___upcall {
	void *sk_socket;	/* NULL: it is closed */
};

/* In the module's types, so not before v5.11. */
struct dp_upcall_info {
	__u8 cmd;
};

#pragma clang attribute pop

#define EEXIST	17

/*
 * One step at a time: were the return of ovs_dp_upcall() missed, then what the
 * CPU sends later would not be taken for this upcall's.
 */
enum step { STEP_NONE, STEP_MAKING, STEP_SENDING };

/* The upcall that a CPU is making. */
struct slot {
	__u64 skb;		/* its packet; 0: none */
	__u64 message;		/* SENDING: its address; 0: it cannot be followed */
	struct identity id;	/* of the packet or segment being sent */
	__u32 messages;		/* that it tried to send */
	__u32 step;		/* enum step */
	struct vnet_upcall upcall;
};

/* 0 -> that; per CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

/*
 * Message -> what is known of it. The key is its address, or once it is read
 * struct identity's hash, whose highest bit is 0. Deleted when the packet comes
 * back, when the address turns up with another message, and by user space when
 * there was no answer for --timeout. Sized by --max-entries.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct vnet_upcall);
} waits SEC(".maps");

/* Thread -> the upcall whose packet it hands back; deleted when that is done. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct vnet_upcall);
} returning SEC(".maps");

/* The slot of this CPU if it is making an upcall that matches. */
static __always_inline struct slot *slot_active(void)
{
	__u32 zero = 0;
	struct slot *slot = bpf_map_lookup_elem(&slots, &zero);

	return slot && slot->skb ? slot : NULL;
}

/* ---- the upcall, on the CPU that makes it ---- */

static __always_inline int on_ovs_dp_upcall(struct sk_buff *skb, struct dp_upcall_info *info,
					    enum access access)
{
	__u32 zero = 0, avail;
	struct slot *slot = bpf_map_lookup_elem(&slots, &zero);
	struct scratch *scratch;
	struct vnet_upcall *upcall;
	struct place place;

	if (!slot)
		return 0;
	/* The return of the one before was not seen: the kernel had no probe left. */
	if (slot->skb)
		loss(VNET_LOSS_probe_misses);
	slot->skb = 0;
	place_read(skb, access, &place);
	if (filter.active & VNET_F_DEVICE && (!place.dev || !match_place(&place)))
		return 0;
	scratch = bpf_map_lookup_elem(&scratches, &zero);
	if (!scratch || !headers_read(skb, access, scratch, &avail))
		return 0;
	if (!vnet_match_packet(&filter, &scratch->packet))
		return 0;
	upcall = &slot->upcall;
	upcall->packet = scratch->packet;
	upcall->ifindex = place.ifindex;
	upcall->netns = place.netns;
	upcall->cpu = bpf_get_smp_processor_id();
	upcall->cause = bpf_core_field_exists(info->cmd) ? BPF_CORE_READ(info, cmd) : 0;
	upcall->in_port = 0;
	upcall->dp_ifindex = 0;
	upcall->portid = 0;
	upcall->device[0] = 0;
	if (place.dev)
		bpf_probe_read_kernel_str(upcall->device, sizeof(upcall->device),
					  &place.dev->name);
	slot->step = STEP_NONE;
	slot->messages = 0;
	slot->skb = (__u64)skb;
	upcall->since = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int on_ovs_queue(struct sk_buff *skb, enum access access)
{
	struct slot *slot = slot_active();

	if (!slot)
		return 0;
	packet_identify(skb, SPACE_SOFTIRQ, access, &slot->id);
	slot->step = STEP_MAKING;
	return 0;
}

/* Puts a message where its reader finds it. */
static __always_inline bool wait_begin(__u64 address, const struct vnet_upcall *upcall)
{
	struct vnet_upcall *old;
	struct vnet_upcall_stats *stats;
	int err = bpf_map_update_elem(&waits, &address, upcall, BPF_NOEXIST);

	if (err == -EEXIST) {
		old = bpf_map_lookup_elem(&waits, &address);
		stats = old ? stats_of(old, 0) : NULL;
		if (stats)
			add(&stats->vanished);
		err = bpf_map_update_elem(&waits, &address, upcall, BPF_ANY);
	}
	if (err)
		loss_of_update(err);
	return !err;
}

static __always_inline int on_netlink_unicast(struct sk_buff *message, __u32 portid,
					      enum access access)
{
	struct slot *slot = slot_active();
	struct vnet_upcall *upcall;

	if (!slot || slot->step != STEP_MAKING)
		return 0;
	slot->step = STEP_SENDING;
	slot->messages++;
	upcall = &slot->upcall;
	upcall->portid = portid;
	/* The shorter one serves where the payload could not be seen. */
	upcall->id = slot->id.all ?: slot->id.headers;
	upcall->nr = 1;
	upcall->ambiguous = 0;
	upcall->read = 0;
	message_read(message, access, upcall);
	slot->message = upcall->id && wait_begin((__u64)message, upcall) ?
			(__u64)message : 0;
	return 0;
}

/* Queued, and maybe read by now, or refused: then it is freed already. */
static __always_inline int on_netlink_unicast_ret(__s32 ret)
{
	struct slot *slot = slot_active();
	struct vnet_upcall_stats *stats;
	struct vnet_upcall *wait;
	__u64 address;

	if (!slot || slot->step != STEP_SENDING)
		return 0;
	slot->step = STEP_NONE;
	address = slot->message;
	if (ret < 0) {
		count_undelivered(slot->upcall.portid, -ret);
		wait = address ? bpf_map_lookup_elem(&waits, &address) : NULL;
		/* Another CPU may have got the address by now. */
		if (wait && wait->since == slot->upcall.since &&
		    wait->cpu == slot->upcall.cpu)
			bpf_map_delete_elem(&waits, &address);
		return 0;
	}
	if (!address)
		return 0;
	stats = stats_of(&slot->upcall, 0);
	if (stats)
		add(&stats->messages);
	return 0;
}

static __always_inline int on_ovs_dp_upcall_ret(__s32 ret)
{
	struct slot *slot = slot_active();
	struct vnet_upcall_stats *stats;

	if (!slot)
		return 0;
	slot->skb = 0;
	stats = stats_of(&slot->upcall, 0);
	if (stats) {
		add(&stats->count);
		if (ret)
			add(&stats->lost);
	}
	/* No handler to send it to, no memory, a packet that is too long. */
	if (ret && !slot->messages)
		count_undelivered(0, -ret);
	return 0;
}

/* ---- the handler ---- */

static __always_inline void owner_note(const struct vnet_upcall *upcall)
{
	__u32 portid = upcall->portid;
	struct vnet_upcall_owner *known = bpf_map_lookup_elem(&owners, &portid), owner;
	int err;

	if (known && known->tid == upcall->tid)
		return;
	owner.pid = upcall->pid;
	owner.tid = upcall->tid;
	__builtin_memcpy(owner.comm, upcall->comm, sizeof(owner.comm));
	err = bpf_map_update_elem(&owners, &portid, &owner, BPF_ANY);
	if (err)
		loss_of_update(err);
}

/*
 * Read: from now on it is known by its packet. An equal one spoils the times of
 * both, unless it comes back at this moment: then its place is free.
 */
static __always_inline void wait_read(const struct vnet_upcall *upcall)
{
	__u64 id = upcall->id;
	struct vnet_upcall *equal;
	int err = 0;

#pragma unroll
	for (int i = 0; i < 2; i++) {
		err = bpf_map_update_elem(&waits, &id, upcall, BPF_NOEXIST);
		if (!err)
			return;
		equal = err == -EEXIST ? bpf_map_lookup_elem(&waits, &id) : NULL;
		if (equal) {
			equal->ambiguous = 1;
			__sync_fetch_and_add(&equal->nr, 1);
			return;
		}
	}
	loss_of_update(err);
}

static __always_inline int on_netlink_taken(struct sk_buff *message, enum access access)
{
	__u64 address = (__u64)message, id = bpf_get_current_pid_tgid();
	struct vnet_upcall *upcall = bpf_map_lookup_elem(&waits, &address);
	struct vnet_upcall_stats *stats;
	struct sock___upcall *sk;

	if (!upcall)
		return 0;
	sk = (void *)FIELD(access, message, sk);
	if (!sk || !BPF_CORE_READ(sk, sk_socket)) {
		stats = stats_of(upcall, 0);
		if (stats)
			add(&stats->discarded);
		bpf_map_delete_elem(&waits, &address);
		return 0;
	}
	upcall->read = bpf_ktime_get_ns();
	upcall->read_cpu = bpf_get_smp_processor_id();
	upcall->pid = id >> 32;
	upcall->tid = id;
	bpf_get_current_comm(upcall->comm, sizeof(upcall->comm));
	owner_note(upcall);
	stats = stats_of(upcall, id);
	if (stats) {
		stats->read++;
		__builtin_memcpy(stats->comm, upcall->comm, sizeof(stats->comm));
	}
	wait_read(upcall);
	bpf_map_delete_elem(&waits, &address);
	return 0;
}

/* One of several equal packets: it came back, but which it was is not known. */
static __always_inline void return_ambiguous(struct vnet_upcall *upcall, __u64 id,
					     __u32 tid)
{
	struct vnet_upcall_stats *stats = stats_of(upcall, tid);

	if (stats) {
		stats->returned++;
		stats->ambiguous++;
		bpf_get_current_comm(stats->comm, sizeof(stats->comm));
	}
	if (upcall->nr > 1)
		__sync_fetch_and_add(&upcall->nr, -1);
	else
		bpf_map_delete_elem(&waits, &id);
}

static __always_inline int on_ovs_return(struct sk_buff *skb, enum access access)
{
	__u64 now = bpf_ktime_get_ns(), id;
	__u32 tid = bpf_get_current_pid_tgid(), copy;
	struct vnet_upcall *upcall = NULL;
	struct identity identity;
	int err;

	packet_identify(skb, SPACE_THREAD, access, &identity);
	id = identity.all;
	if (id)
		upcall = bpf_map_lookup_elem(&waits, &id);
	if (!upcall) {
		id = identity.headers;
		upcall = id ? bpf_map_lookup_elem(&waits, &id) : NULL;
	}
	if (!upcall) {
		__u64 *count;

		copy = this_copy();
		count = bpf_map_lookup_elem(&strangers, &copy);
		if (count)
			add(count);
		return 0;
	}
	if (upcall->ambiguous) {
		return_ambiguous(upcall, id, tid);
		return 0;
	}
	err = bpf_map_update_elem(&returning, &tid, upcall, BPF_NOEXIST);
	if (err == -EEXIST) {
		/* The return of the one before was not seen. */
		loss(VNET_LOSS_probe_misses);
		err = bpf_map_update_elem(&returning, &tid, upcall, BPF_ANY);
	}
	if (err)
		loss_of_update(err);
	/* Whoever deletes it has it: user space may have given it up just now. */
	if (bpf_map_delete_elem(&waits, &id) || err) {
		bpf_map_delete_elem(&returning, &tid);
		return 0;
	}
	upcall = bpf_map_lookup_elem(&returning, &tid);
	if (upcall)
		upcall->returned = now;
	return 0;
}

/* Clocks of two CPUs may differ a little. */
static __always_inline __u64 between(__u64 from, __u64 to)
{
	return to > from ? to - from : 0;
}

static __always_inline bool is_over(const __u64 times[VNET_UPCALL_PARTS])
{
	bool over = false, any = false;

#pragma unroll
	for (int i = 0; i < VNET_UPCALL_PARTS; i++) {
		any |= config.over_ns[i];
		over |= config.over_ns[i] && times[i] > config.over_ns[i];
	}
	return over || !any;
}

static __always_inline int on_ovs_execute_ret(void *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct vnet_upcall *upcall = bpf_map_lookup_elem(&returning, &tid);
	struct vnet_upcall_stats *stats;
	__u64 times[VNET_UPCALL_PARTS];

	if (!upcall)
		return 0;
	upcall->done = bpf_ktime_get_ns();
	upcall->done_cpu = bpf_get_smp_processor_id();
	times[VNET_UPCALL_QUEUE] = between(upcall->since, upcall->read);
	times[VNET_UPCALL_USER] = between(upcall->read, upcall->returned);
	times[VNET_UPCALL_RETURN] = between(upcall->returned, upcall->done);
	times[VNET_UPCALL_TOTAL] = times[VNET_UPCALL_QUEUE] + times[VNET_UPCALL_USER] +
				   times[VNET_UPCALL_RETURN];
	stats = stats_of(upcall, tid);
	if (stats) {
		stats->returned++;
		bpf_get_current_comm(stats->comm, sizeof(stats->comm));
		if (times[VNET_UPCALL_TOTAL] >= stats->times[VNET_UPCALL_TOTAL].max) {
			stats->max_cpu = upcall->cpu;
			stats->max_done_cpu = upcall->done_cpu;
		}
#pragma unroll
		for (int i = 0; i < VNET_UPCALL_PARTS; i++)
			hist_add(&stats->times[i], times[i]);
	}
	if (config.records && is_over(times) && rate_allows())
		stream_emit(ctx, upcall, sizeof(*upcall));
	bpf_map_delete_elem(&returning, &tid);
	return 0;
}

/* ---- the programs: <point>__<mechanism> ---- */

SEC("?fentry/ovs_dp_upcall")
int ovs_dp_upcall__fentry(__u64 *ctx)
{
	return on_ovs_dp_upcall((struct sk_buff *)ctx[1], (struct dp_upcall_info *)ctx[3],
				TYPED);
}

SEC("?kprobe/ovs_dp_upcall")
int ovs_dp_upcall__kprobe(struct pt_regs *ctx)
{
	return on_ovs_dp_upcall((struct sk_buff *)PT_REGS_PARM2(ctx),
				(struct dp_upcall_info *)PT_REGS_PARM4(ctx), PROBED);
}

SEC("?fexit/ovs_dp_upcall")
int ovs_dp_upcall_ret__fexit(__u64 *ctx)
{
	return on_ovs_dp_upcall_ret(ctx[5]);
}

SEC("?kretprobe/ovs_dp_upcall")
int ovs_dp_upcall_ret__kretprobe(struct pt_regs *ctx)
{
	return on_ovs_dp_upcall_ret(PT_REGS_RC(ctx));
}

SEC("?fentry/queue_userspace_packet")
int ovs_queue__fentry(__u64 *ctx)
{
	return on_ovs_queue((struct sk_buff *)ctx[1], TYPED);
}

SEC("?kprobe/queue_userspace_packet")
int ovs_queue__kprobe(struct pt_regs *ctx)
{
	return on_ovs_queue((struct sk_buff *)PT_REGS_PARM2(ctx), PROBED);
}

SEC("?fentry/netlink_unicast")
int netlink_unicast__fentry(__u64 *ctx)
{
	return on_netlink_unicast((struct sk_buff *)ctx[1], ctx[2], TYPED);
}

SEC("?kprobe/netlink_unicast")
int netlink_unicast__kprobe(struct pt_regs *ctx)
{
	return on_netlink_unicast((struct sk_buff *)PT_REGS_PARM2(ctx), PT_REGS_PARM3(ctx),
				  PROBED);
}

SEC("?fexit/netlink_unicast")
int netlink_unicast_ret__fexit(__u64 *ctx)
{
	return on_netlink_unicast_ret(ctx[4]);
}

SEC("?kretprobe/netlink_unicast")
int netlink_unicast_ret__kretprobe(struct pt_regs *ctx)
{
	return on_netlink_unicast_ret(PT_REGS_RC(ctx));
}

SEC("?fentry/netlink_skb_destructor")
int netlink_taken__fentry(__u64 *ctx)
{
	return on_netlink_taken((struct sk_buff *)ctx[0], TYPED);
}

SEC("?kprobe/netlink_skb_destructor")
int netlink_taken__kprobe(struct pt_regs *ctx)
{
	return on_netlink_taken((struct sk_buff *)PT_REGS_PARM1(ctx), PROBED);
}

SEC("?fentry/ovs_flow_key_extract_userspace")
int ovs_return__fentry(__u64 *ctx)
{
	return on_ovs_return((struct sk_buff *)ctx[2], TYPED);
}

SEC("?kprobe/ovs_flow_key_extract_userspace")
int ovs_return__kprobe(struct pt_regs *ctx)
{
	return on_ovs_return((struct sk_buff *)PT_REGS_PARM3(ctx), PROBED);
}

SEC("?fexit/ovs_packet_cmd_execute")
int ovs_execute_ret__fexit(__u64 *ctx)
{
	return on_ovs_execute_ret(ctx);
}

SEC("?kretprobe/ovs_packet_cmd_execute")
int ovs_execute_ret__kretprobe(struct pt_regs *ctx)
{
	return on_ovs_execute_ret(ctx);
}
