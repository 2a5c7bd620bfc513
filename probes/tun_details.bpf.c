/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `tun details`: a record for each packet that meets a full ring, or for each
 * (config.all). cmd/tun_details.c
 */
#include "tun.bpf.h"
#include "stream.bpf.h"

/* Work space of one program run: with softirqs disabled, so no other meets it. */
struct scratch {
	__u8 bytes[VNET_SNAP_INNER + VNET_PARSE_SLACK];
	struct vnet_tun_record record;
};

/* 0 -> that work space; per CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

static __always_inline void record_fill(void *ctx, const struct vnet_tun_slot *slot,
					struct vnet_tun_record *record)
{
	__u64 id = bpf_get_current_pid_tgid();

	record->time_ns = bpf_ktime_get_ns();
	record->ifindex = slot->ifindex;
	record->queue = slot->queue;
	record->ring = slot->ring;
	record->cpu = bpf_get_smp_processor_id();
	record->pid = id >> 32;
	record->tid = id;
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	if (!config.stack)
		return;
	__builtin_memset(&record->stack, 0, sizeof(record->stack));
	if (bpf_get_stack(ctx, record->stack.ip, sizeof(record->stack.ip), 0) <= 0)
		loss(VNET_LOSS_stack_failed);
}

static __always_inline int on_tun_net_xmit(void *ctx, struct sk_buff *skb,
					   struct net_device *dev, enum access access)
{
	struct vnet_tun_record *record;
	struct vnet_tun_slot *slot;
	struct scratch *scratch;
	struct start start;
	struct place place;
	__u32 zero = 0;

	if (!place_tap(dev, access, &place))
		return 0;
	slot = slot_fill(skb, &place, access);
	scratch = bpf_map_lookup_elem(&scratches, &zero);
	if (!slot || !scratch || (!slot->full && !config.all))
		return 0;
	record = &scratch->record;
	__builtin_memset(&record->packet, 0, sizeof(record->packet));
	start_find(skb, access, &place, &start);
	packet_read(skb, access, &start, scratch->bytes, &record->packet);
	if (!vnet_match_packet(&filter, &record->packet) || !rate_allows())
		return 0;
	record_fill(ctx, slot, record);
	if (config.stack)
		stream_emit(ctx, record, sizeof(*record));
	else
		stream_emit(ctx, record, __builtin_offsetof(struct vnet_tun_record, stack));
	return 0;
}

SEC("?fentry/tun_net_xmit")
int tun_net_xmit__fentry(__u64 *ctx)
{
	return on_tun_net_xmit(ctx, (struct sk_buff *)ctx[0], (struct net_device *)ctx[1],
			       TYPED);
}

SEC("?kprobe/tun_net_xmit")
int tun_net_xmit__kprobe(struct pt_regs *ctx)
{
	return on_tun_net_xmit(ctx, (struct sk_buff *)PT_REGS_PARM1(ctx),
			       (struct net_device *)PT_REGS_PARM2(ctx), PROBED);
}
