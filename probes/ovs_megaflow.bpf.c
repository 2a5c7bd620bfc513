/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `ovs megaflow`: what ovs-vswitchd asks of the datapath's flow table, and the
 * packets that made it do so. cmd/ovs_megaflow.c
 *
 * A request is one call of ovs_flow_cmd_*() in the thread that sent it: noted
 * at its entry, its answer (which has the statistics of a deleted flow) seen
 * by genl_notify(), and recorded at its return, when the result is known. So
 * nothing is read of openvswitch's own types, which 5.10 does not describe.
 *
 * An upcall is a netlink message as well: all of the packet's key is in there,
 * in the same form as in a request. ovs_dp_upcall() runs with softirqs
 * disabled; between its entry and its return the CPU's slot belongs to it. It is
 * recorded before the message is on its way: a handler on another CPU may install
 * the flow before ovs_dp_upcall() returns. If that fails there is a second record.
 *
 * A packet that comes back is a request, too (ovs_packet_cmd_execute()), whose packet
 * is decoded where the datapath looks at it.
 */
#include "vnet.bpf.h"
#include "stream.bpf.h"
#include "vnet/abi/ovs_megaflow.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct nlmsghdr {
	__u32 nlmsg_len;	/* in host byte order, as all of netlink */
};

struct genl_info {
	struct nlmsghdr *nlhdr;
};

#pragma clang attribute pop

/* Of the interface to user space: a struct nlattr, and where the first one is. */
struct attr {
	__u16 len;
	__u16 type;
};

#define ATTRS_AT	24	/* behind nlmsghdr, genlmsghdr and ovs_header */
#define NLA_TYPE	0x3fff
#define OVS_PACKET_ATTR_KEY	2

const volatile struct vnet_megaflow_config config = {};

/* A request under way, and the record that it becomes. */
struct request {
	__u64 info;		/* address of its struct genl_info */
	__u64 message;		/* address of its struct nlmsghdr */
	__u64 unwanted;		/* 1: a returned packet that does not pass the filter */
	struct vnet_megaflow_record record;
	__u8 reply[VNET_MEGAFLOW_REPLY];	/* these two go out with the record */
	__u8 bytes[VNET_MEGAFLOW_MESSAGE];
};
#define REQUEST_FIXED	(sizeof(struct vnet_megaflow_record) + VNET_MEGAFLOW_REPLY)
_Static_assert(__builtin_offsetof(struct request, bytes) ==
	       __builtin_offsetof(struct request, record) + REQUEST_FIXED,
	       "record, reply and bytes in one piece");

/*
 * Thread -> its request: also the work space, since a thread may be preempted
 * in the middle. Deleted when the request is done; what a missed return leaves
 * is taken over by the thread's next request, which counts it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VNET_MEGAFLOW_REQUESTS);
	__type(key, __u32);
	__type(value, struct request);
} requests SEC(".maps");

/* 0 -> zeros, for a new entry of `requests`: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct request);
} zeros SEC(".maps");

/* The upcall that a CPU is making. */
struct upcall {
	__u64 wanted;		/* 1: there is one, and it passes the filter */
	struct vnet_megaflow_record record;
	__u8 bytes[VNET_MEGAFLOW_UPCALL_MAX];	/* goes out with the record */
	__u8 headers[VNET_SNAP_INNER + VNET_PARSE_SLACK];
	struct vnet_packet packet;
};
_Static_assert(__builtin_offsetof(struct upcall, bytes) ==
	       __builtin_offsetof(struct upcall, record) +
	       sizeof(struct vnet_megaflow_record), "record and bytes in one piece");

/* 0 -> that upcall; per CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct upcall);
} upcalls SEC(".maps");

static __always_inline struct upcall *this_upcall(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&upcalls, &zero);
}

static __always_inline void record_begin(struct vnet_megaflow_record *record, __u32 event)
{
	__u64 id = bpf_get_current_pid_tgid();

	record->event = event;
	record->error = 0;
	record->pid = id >> 32;
	record->tid = id;
	record->ifindex = 0;
	record->message_len = 0;
	record->message_have = 0;
	record->reply_len = 0;
	record->reply_have = 0;
	bpf_get_current_comm(record->comm, sizeof(record->comm));
}

/*
 * Copies up to `room` bytes, a constant power of two; returns how many.
 * Failure is counted and leaves none.
 */
static __always_inline __u32 copy(__u8 *to, __u32 room, __u64 from, __u32 len)
{
	__u64 size = len < room ? len : room;

	if (!size)
		return 0;
	/* 1 to `room` in a form that clang leaves alone and every verifier follows. */
	barrier_var(size);
	size = ((size - 1) & (room - 1)) + 1;
	if (!bpf_probe_read_kernel(to, size, (void *)from))
		return size;
	loss(VNET_LOSS_read_failed);
	return 0;
}

/* ---- requests ---- */

static __always_inline int on_request(struct genl_info *info, __u32 event)
{
	__u32 zero = 0, tid = bpf_get_current_pid_tgid();
	struct request *request = bpf_map_lookup_elem(&requests, &tid), *none;
	int err;

	if (request) {
		loss(VNET_LOSS_probe_misses);
	} else {
		none = bpf_map_lookup_elem(&zeros, &zero);
		if (!none)
			return 0;
		err = bpf_map_update_elem(&requests, &tid, none, BPF_ANY);
		request = bpf_map_lookup_elem(&requests, &tid);
		if (!request) {
			loss_of_update(err);
			return 0;
		}
	}
	request->info = (__u64)info;
	/* A returned packet is wanted when it is known to pass. */
	request->unwanted = event == VNET_MEGAFLOW_RETURN && filter.active & VNET_F_PACKET;
	request->message = (__u64)BPF_CORE_READ(info, nlhdr);
	record_begin(&request->record, event);
	return 0;
}

/* The answer, if it is one to this thread's request. */
static __always_inline int on_genl_notify(struct sk_buff *skb, __u64 info, enum access access)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct request *request = bpf_map_lookup_elem(&requests, &tid);
	struct vnet_megaflow_record *record;

	if (!request || request->info != info)
		return 0;
	record = &request->record;
	record->reply_len = FIELD(access, skb, len);
	record->reply_have = copy(request->reply, VNET_MEGAFLOW_REPLY,
				  (__u64)FIELD(access, skb, data), record->reply_len);
	return 0;
}

/* Those that were under way when the run began have no entry either: -1. */
static __always_inline int request_end(void *ctx, int error)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct request *request = bpf_map_lookup_elem(&requests, &tid);
	struct vnet_megaflow_record *record;
	struct nlmsghdr *message;
	__u64 size;

	if (!request)
		return -1;
	if (request->unwanted) {
		bpf_map_delete_elem(&requests, &tid);
		return 0;
	}
	record = &request->record;
	record->time_ns = bpf_ktime_get_ns();
	record->cpu = bpf_get_smp_processor_id();
	record->error = error;
	/* A local: CO-RE would relocate `request` as well. */
	message = (void *)request->message;
	record->message_len = BPF_CORE_READ(message, nlmsg_len);
	record->message_have = copy(request->bytes, VNET_MEGAFLOW_MESSAGE, (__u64)message,
				    record->message_len);
	if (record->message_have && rate_allows()) {
		size = record->message_have;
		barrier_var(size);
		size = ((size - 1) & (VNET_MEGAFLOW_MESSAGE - 1)) + 1;
		stream_emit(ctx, record, REQUEST_FIXED + size);
	}
	bpf_map_delete_elem(&requests, &tid);
	return 0;
}

static __always_inline int on_request_ret(void *ctx, int error)
{
	if (request_end(ctx, error))
		loss(VNET_LOSS_unmatched);
	return 0;
}

/* In the datapath `data` is at the Ethernet header. */
static __always_inline bool headers_read(struct sk_buff *skb, enum access access, __u8 *bytes,
					 struct vnet_packet *packet)
{
	__u32 data = (__u64)FIELD(access, skb, data) - (__u64)FIELD(access, skb, head);
	__u32 tail = FIELD(access, skb, tail);
	struct start start;

	barrier_var(data);
	start.off = data;
	start.data = data;
	start.avail = tail > data ? tail - data : 0;
	start.ethertype = 0;
	start.l2 = true;
	return packet_read(skb, access, &start, bytes, packet);
}

/* ---- packets that come back ---- */

static __always_inline int on_ovs_return(struct sk_buff *skb, enum access access)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct request *request = bpf_map_lookup_elem(&requests, &tid);
	struct vnet_packet *packet;

	if (!request || request->record.event != VNET_MEGAFLOW_RETURN)
		return 0;
	packet = (void *)request->reply;
	__builtin_memset(packet, 0, sizeof(*packet));
	/* Where the message will be: work space until then. */
	if (!headers_read(skb, access, request->bytes, packet))
		return 0;
	request->record.reply_have = sizeof(*packet);
	if (vnet_match_packet(&filter, packet))
		request->unwanted = 0;
	return 0;
}

/* Such packets are many: what was under way when the run began is no loss. */
static __always_inline int on_ovs_execute_ret(void *ctx, int error)
{
	request_end(ctx, error);
	return 0;
}

/* ---- upcalls ---- */

static __always_inline bool match_upcall(struct sk_buff *skb, enum access access,
					 struct upcall *upcall)
{
	if (!(filter.active & VNET_F_PACKET))
		return true;
	return headers_read(skb, access, upcall->headers, &upcall->packet) &&
	       vnet_match_packet(&filter, &upcall->packet);
}

static __always_inline int on_ovs_dp_upcall(struct sk_buff *skb, enum access access)
{
	struct upcall *upcall = this_upcall();
	struct net_device *dev;

	if (!config.upcalls || !upcall)
		return 0;
	upcall->wanted = match_upcall(skb, access, upcall);
	if (!upcall->wanted)
		return 0;
	record_begin(&upcall->record, VNET_MEGAFLOW_UPCALL);
	dev = FIELD(access, skb, dev);
	if (dev)
		upcall->record.ifindex = FIELD(access, dev, ifindex);
	upcall->record.cpu = bpf_get_smp_processor_id();
	upcall->record.time_ns = bpf_ktime_get_ns();
	return 0;
}

static __always_inline void upcall_emit(void *ctx, struct upcall *upcall)
{
	__u64 size = upcall->record.message_have;

	if (!rate_allows())
		return;
	if (size > VNET_MEGAFLOW_UPCALL_MAX)
		size = VNET_MEGAFLOW_UPCALL_MAX;
	stream_emit(ctx, &upcall->record, sizeof(upcall->record) + size);
}

/* The message; of a packet that is segmented for it, the first. */
static __always_inline int on_netlink_unicast(void *ctx, struct sk_buff *skb,
					      enum access access)
{
	struct upcall *upcall = this_upcall();
	struct vnet_megaflow_record *record;
	const struct attr *attr;
	__u32 linear;

	if (!upcall || !upcall->wanted || upcall->record.message_len)
		return 0;
	attr = (const void *)(upcall->bytes + ATTRS_AT);
	record = &upcall->record;
	record->message_len = FIELD(access, skb, len);
	/* The packet's bytes are its end and may lie elsewhere. */
	linear = record->message_len - FIELD(access, skb, data_len);
	record->message_have = copy(upcall->bytes, VNET_MEGAFLOW_UPCALL_MAX,
				    (__u64)FIELD(access, skb, data), linear);
	/* The key comes first; what follows, all of the packet, need not go out. */
	if ((attr->type & NLA_TYPE) == OVS_PACKET_ATTR_KEY &&
	    record->message_have > ATTRS_AT + attr->len)
		record->message_have = ATTRS_AT + attr->len;
	upcall_emit(ctx, upcall);
	return 0;
}

static __always_inline int on_ovs_dp_upcall_ret(void *ctx, int error)
{
	struct upcall *upcall = this_upcall();

	if (!upcall || !upcall->wanted)
		return 0;
	upcall->wanted = 0;
	upcall->record.error = error;
	if (error)
		upcall_emit(ctx, upcall);
	return 0;
}

/* ---- the programs: <point>__<mechanism> ---- */

SEC("?fentry/ovs_dp_upcall")
int ovs_dp_upcall__fentry(__u64 *ctx)
{
	return on_ovs_dp_upcall((struct sk_buff *)ctx[1], TYPED);
}

SEC("?kprobe/ovs_dp_upcall")
int ovs_dp_upcall__kprobe(struct pt_regs *ctx)
{
	return on_ovs_dp_upcall((struct sk_buff *)PT_REGS_PARM2(ctx), PROBED);
}

/* Behind its five arguments: the result. */
SEC("?fexit/ovs_dp_upcall")
int ovs_dp_upcall_ret__fexit(__u64 *ctx)
{
	return on_ovs_dp_upcall_ret(ctx, ctx[5]);
}

SEC("?kretprobe/ovs_dp_upcall")
int ovs_dp_upcall_ret__kretprobe(struct pt_regs *ctx)
{
	return on_ovs_dp_upcall_ret(ctx, PT_REGS_RC(ctx));
}

SEC("?fentry/netlink_unicast")
int netlink_unicast__fentry(__u64 *ctx)
{
	return on_netlink_unicast(ctx, (struct sk_buff *)ctx[1], TYPED);
}

SEC("?kprobe/netlink_unicast")
int netlink_unicast__kprobe(struct pt_regs *ctx)
{
	return on_netlink_unicast(ctx, (struct sk_buff *)PT_REGS_PARM2(ctx), PROBED);
}

SEC("?fentry/genl_notify")
int genl_notify__fentry(__u64 *ctx)
{
	return on_genl_notify((struct sk_buff *)ctx[1], ctx[2], TYPED);
}

SEC("?kprobe/genl_notify")
int genl_notify__kprobe(struct pt_regs *ctx)
{
	return on_genl_notify((struct sk_buff *)PT_REGS_PARM2(ctx), PT_REGS_PARM3(ctx), PROBED);
}

SEC("?fentry/ovs_flow_cmd_new")
int ovs_flow_cmd_new__fentry(__u64 *ctx)
{
	return on_request((struct genl_info *)ctx[1], VNET_MEGAFLOW_NEW);
}

SEC("?kprobe/ovs_flow_cmd_new")
int ovs_flow_cmd_new__kprobe(struct pt_regs *ctx)
{
	return on_request((struct genl_info *)PT_REGS_PARM2(ctx), VNET_MEGAFLOW_NEW);
}

SEC("?fexit/ovs_flow_cmd_new")
int ovs_flow_cmd_new_ret__fexit(__u64 *ctx)
{
	return on_request_ret(ctx, ctx[2]);
}

SEC("?kretprobe/ovs_flow_cmd_new")
int ovs_flow_cmd_new_ret__kretprobe(struct pt_regs *ctx)
{
	return on_request_ret(ctx, PT_REGS_RC(ctx));
}

SEC("?fentry/ovs_flow_cmd_set")
int ovs_flow_cmd_set__fentry(__u64 *ctx)
{
	return on_request((struct genl_info *)ctx[1], VNET_MEGAFLOW_SET);
}

SEC("?kprobe/ovs_flow_cmd_set")
int ovs_flow_cmd_set__kprobe(struct pt_regs *ctx)
{
	return on_request((struct genl_info *)PT_REGS_PARM2(ctx), VNET_MEGAFLOW_SET);
}

SEC("?fexit/ovs_flow_cmd_set")
int ovs_flow_cmd_set_ret__fexit(__u64 *ctx)
{
	return on_request_ret(ctx, ctx[2]);
}

SEC("?kretprobe/ovs_flow_cmd_set")
int ovs_flow_cmd_set_ret__kretprobe(struct pt_regs *ctx)
{
	return on_request_ret(ctx, PT_REGS_RC(ctx));
}

SEC("?fentry/ovs_flow_cmd_del")
int ovs_flow_cmd_del__fentry(__u64 *ctx)
{
	return on_request((struct genl_info *)ctx[1], VNET_MEGAFLOW_DEL);
}

SEC("?kprobe/ovs_flow_cmd_del")
int ovs_flow_cmd_del__kprobe(struct pt_regs *ctx)
{
	return on_request((struct genl_info *)PT_REGS_PARM2(ctx), VNET_MEGAFLOW_DEL);
}

SEC("?fexit/ovs_flow_cmd_del")
int ovs_flow_cmd_del_ret__fexit(__u64 *ctx)
{
	return on_request_ret(ctx, ctx[2]);
}

SEC("?kretprobe/ovs_flow_cmd_del")
int ovs_flow_cmd_del_ret__kretprobe(struct pt_regs *ctx)
{
	return on_request_ret(ctx, PT_REGS_RC(ctx));
}

SEC("?fentry/ovs_packet_cmd_execute")
int ovs_execute__fentry(__u64 *ctx)
{
	return on_request((struct genl_info *)ctx[1], VNET_MEGAFLOW_RETURN);
}

SEC("?kprobe/ovs_packet_cmd_execute")
int ovs_execute__kprobe(struct pt_regs *ctx)
{
	return on_request((struct genl_info *)PT_REGS_PARM2(ctx), VNET_MEGAFLOW_RETURN);
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
	return on_ovs_execute_ret(ctx, ctx[2]);
}

SEC("?kretprobe/ovs_packet_cmd_execute")
int ovs_execute_ret__kretprobe(struct pt_regs *ctx)
{
	return on_ovs_execute_ret(ctx, PT_REGS_RC(ctx));
}
