/* SPDX-License-Identifier: GPL-2.0-only */
/* `drop details`: one record for each dropped packet. cmd/drop_details.c */
#include "drop.bpf.h"
#include "stream.bpf.h"

static __always_inline void gso_read(struct sk_buff *skb, enum access access,
				     struct vnet_packet *packet)
{
	struct skb_shared_info *info = (void *)(FIELD(access, skb, head) +
						FIELD(access, skb, end));

	packet->gso_size = BPF_CORE_READ(info, gso_size);
	packet->gso_segs = BPF_CORE_READ(info, gso_segs);
	packet->gso_type = BPF_CORE_READ(info, gso_type);
}

static __always_inline void record_fill(const struct drop *drop,
					struct vnet_drop_record *record)
{
	__u64 id = bpf_get_current_pid_tgid();

	record->time_ns = bpf_ktime_get_ns();
	record->location = drop->location;
	record->reason = drop->reason;
	record->consumed = drop->consumed;
	record->ifindex = drop->place.ifindex;
	record->netns = drop->place.netns;
	record->cpu = bpf_get_smp_processor_id();
	record->pid = id >> 32;
	record->tid = id;
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	if (drop->place.dev)
		bpf_probe_read_kernel(record->device, sizeof(record->device),
				      drop->place.dev->name);
}

/* The packet's own bytes for --pcap; only its linear part can be read. */
static __always_inline void snap_fill(const struct drop *drop, const struct start *start,
				      struct scratch *scratch)
{
	__u64 len = start->avail;
	int tci = vlan_beside(drop->skb, drop->access);

	if (tci >= 0) {
		scratch->record.snap_tpid = bpf_ntohs(FIELD(drop->access, drop->skb, vlan_proto));
		scratch->record.snap_tci = tci;
	}
	scratch->record.snap_of = FIELD(drop->access, drop->skb, len) + start->data -
				  start->off;
	if (len > config.pcap_snap)
		len = config.pcap_snap;
	if (!len)
		return;
	/* 1 to VNET_DROP_SNAP_MAX in a form that every verifier follows. */
	len = ((len - 1) & (VNET_DROP_SNAP_MAX - 1)) + 1;
	if (!bpf_probe_read_kernel(scratch->snap, len,
				   FIELD(drop->access, drop->skb, head) + start->off)) {
		scratch->record.snap_len = len;
		scratch->record.snap_l2 = start->l2;
	}
}

static __always_inline int drop_handle(void *ctx, struct drop *drop,
				       struct scratch *scratch)
{
	struct vnet_drop_record *record = &scratch->record;
	__u64 size = sizeof(*record);
	struct start start;
	long len;

	__builtin_memset(&record->packet, 0, sizeof(record->packet));
	start_find(drop->skb, drop->access, &drop->place, &start);
	packet_read(drop->skb, drop->access, &start, scratch->bytes, &record->packet);
	if (!vnet_match_packet(&filter, &record->packet) || !rate_allows())
		return 0;
	__builtin_memset(record->device, 0, sizeof(record->device));
	record_fill(drop, record);
	gso_read(drop->skb, drop->access, &record->packet);
	record->nr_ips = 0;
	record->snap_len = 0;
	record->snap_l2 = 0;
	record->snap_tpid = 0;
	if (config.stack) {
		len = bpf_get_stack(ctx, record->stack.ip, sizeof(record->stack.ip), 0);
		if (len > 0)
			record->nr_ips = len / 8;
		else
			loss(VNET_LOSS_stack_failed);
	}
	if (config.pcap_snap) {
		snap_fill(drop, &start, scratch);
		/* snap[] follows the record: both go in one piece. */
		size += record->snap_len & (VNET_DROP_SNAP_MAX * 2 - 1);
		if (size > sizeof(*record) + VNET_DROP_SNAP_MAX)
			size = sizeof(*record) + VNET_DROP_SNAP_MAX;
	}
	stream_emit(ctx, record, size);
	return 0;
}
