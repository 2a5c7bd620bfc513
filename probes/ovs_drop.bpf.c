/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `ovs drop`: what the OVS datapath drops. cmd/ovs_drop.c
 *
 * It frees most packets as dropped itself: kfree_skb, from its own code. What
 * that does not show, or not apart, is seen where it is decided: before v6.6
 * empty lists of actions and meters (there freed as consumed), on all kernels
 * upcalls that failed, and the port that a packet was too long for. All of this
 * runs with softirqs disabled but for some frees, which these may interrupt.
 */
#include "vnet.bpf.h"
#include "vnet/abi/ovs_drop.h"

/* Flavours: the parts of these types that no other probe looks at. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net_device___size {
	unsigned int mtu;
	unsigned short hard_header_len;
};

/* Of the module: not in BTF where modules have none. */
struct vport {
	struct net_device *dev;
};

#pragma clang attribute pop

const volatile struct vnet_ovs_drop_config config = {};

/* 0 -> number of the interval being counted (vnet/abi/stream.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} epoch SEC(".maps");

/*
 * What was dropped -> how much, one map for even intervals and one for odd.
 * Sized by --max-entries; user space empties the one that rests.
 */
struct drops {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct vnet_ovs_drop_key);
	__type(value, struct vnet_ovs_drop_count);
};
struct drops drops0 SEC(".maps");
struct drops drops1 SEC(".maps");

/* What this CPU is doing in the datapath: set at a function's entry. */
struct slot {
	__u64 sent;		/* the packet last given to a port */
	__u64 vport;		/* that port */
	__u64 asked;		/* the packet at ovs_dp_upcall */
	__u64 metered;		/* the packet at ovs_meter_execute */
	__u32 sent_len;
	__u32 reserved;
};

/* 0 -> that; per CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

/* Work space of one program run. */
struct scratch {
	__u8 bytes[VNET_SNAP_INNER + VNET_PARSE_SLACK];
	struct vnet_packet packet;
	struct vnet_ovs_drop_key key;
};

/* A softirq may drop a packet while a drop in a process is being counted. */
#define NEST_MAX	4

/* nesting depth -> work space; per CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, NEST_MAX);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* 0 -> programs at work on this CPU; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} nesting SEC(".maps");

/* One drop of one packet. */
struct drop {
	struct sk_buff *skb;
	__u64 location;
	__u64 callee;
	__u32 event;
	__u32 reason;
	struct net_device *out;	/* port that it was too long for, or NULL */
	enum access access;
	struct place place;
};

static __always_inline struct slot *this_slot(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&slots, &zero);
}

/* Adds to a map that is a constant, as the verifier wants it. */
static __always_inline void count_in(void *map, const struct drop *drop,
				     const struct vnet_ovs_drop_key *key)
{
	struct vnet_ovs_drop_count zero = {}, *value;
	int err;

	value = bpf_map_lookup_elem(map, key);
	if (!value) {
		err = bpf_map_update_elem(map, key, &zero, BPF_NOEXIST);
		value = bpf_map_lookup_elem(map, key);
		if (!value) {
			loss_of_update(err);
			return;
		}
	}
	__sync_fetch_and_add(&value->count, 1);
	__sync_fetch_and_add(&value->bytes, FIELD(drop->access, drop->skb, len));
}

/* The cause is kept in any case: user space leaves out what is none. */
static __always_inline void key_fill(const struct drop *drop, struct scratch *scratch)
{
	struct vnet_ovs_drop_key *key = &scratch->key;
	/* A local: CO-RE would relocate `drop` as well. */
	struct net_device *out = drop->out;

	__builtin_memset(key, 0, sizeof(*key));
	key->location = drop->location;
	key->callee = drop->callee;
	key->event = drop->event;
	key->reason = drop->reason;
	if (config.by & VNET_OVS_BY_FLOW)
		key->flow = scratch->packet.flow;
	if (config.by & VNET_OVS_BY_PORT && drop->place.dev) {
		key->ifindex = drop->place.ifindex;
		key->netns = drop->place.netns;
		bpf_probe_read_kernel(key->device, sizeof(key->device),
				      drop->place.dev->name);
	}
	if (out) {
		key->out_ifindex = BPF_CORE_READ(out, ifindex);
		bpf_probe_read_kernel(key->out_device, sizeof(key->out_device), out->name);
	}
}

static __always_inline void drop_handle(struct drop *drop, struct scratch *scratch)
{
	__u32 zero = 0, *now = bpf_map_lookup_elem(&epoch, &zero);
	struct start start;

	if (!now)
		return;
	if (filter.active & VNET_F_PACKET || config.by & VNET_OVS_BY_FLOW) {
		__builtin_memset(&scratch->packet, 0, sizeof(scratch->packet));
		start_find(drop->skb, drop->access, &drop->place, &start);
		packet_read(drop->skb, drop->access, &start, scratch->bytes,
			    &scratch->packet);
		if (!vnet_match_packet(&filter, &scratch->packet))
			return;
	}
	key_fill(drop, scratch);
	if (*now & 1)
		count_in(&drops1, drop, &scratch->key);
	else
		count_in(&drops0, drop, &scratch->key);
}

/* Runs drop_handle() with a work space of its own. */
static __always_inline int drop_enter(struct drop *drop)
{
	__u32 zero = 0, depth, *nested = bpf_map_lookup_elem(&nesting, &zero);
	struct scratch *scratch;

	if (!nested)
		return 0;
	place_read(drop->skb, drop->access, &drop->place);
	if (!match_place(&drop->place))
		return 0;
	depth = *nested;
	*nested = depth + 1;
	scratch = bpf_map_lookup_elem(&scratches, &depth);
	if (scratch)
		drop_handle(drop, scratch);
	else
		loss(VNET_LOSS_overwritten);
	*nested = depth;
	return 0;
}

/*
 * The function that the call before a return address went to, 0 if that is not
 * known. Where a function ends in kfree_skb() compilers make it a jump: the
 * address is then its caller's, and only this tells which function that was.
 */
static __always_inline __u64 called_before(__u64 location)
{
#if defined(__TARGET_ARCH_x86)
	struct {
		__u8 opcode;
		__u8 offset[4];
	} call;
	__s32 offset;

	if (bpf_probe_read_kernel(&call, sizeof(call), (void *)(location - sizeof(call))) ||
	    call.opcode != 0xe8)
		return 0;
	__builtin_memcpy(&offset, call.offset, sizeof(offset));
	return location + offset;
#elif defined(__TARGET_ARCH_arm64)
	__u32 insn;

	if (bpf_probe_read_kernel(&insn, sizeof(insn), (void *)(location - sizeof(insn))) ||
	    insn >> 26 != 0x25)
		return 0;
	/* 26 bits, signed, in units of an instruction, from the call itself */
	return location - sizeof(insn) + (((__s64)insn << 38) >> 36);
#else
	return 0;
#endif
}

/* Longer than the device takes, as ovs_vport_send() reckons. */
static __always_inline bool is_too_long(struct sk_buff *skb, enum access access,
					struct net_device *dev)
{
	struct net_device___size *size = (void *)dev;
	unsigned char *end = FIELD(access, skb, head) + FIELD(access, skb, end);
	struct skb_shared_info *shared = (void *)end;
	__u32 length = FIELD(access, skb, len), type;

	/* Super-packets are cut up later. */
	if (BPF_CORE_READ(shared, gso_size))
		return false;
	length -= BPF_CORE_READ(size, hard_header_len);
	type = bpf_ntohs(FIELD(access, skb, protocol));
	if (vlan_beside(skb, access) < 0 && (type == 0x8100 || type == 0x88a8))
		length -= 4;
	return (__s32)length > (__s32)BPF_CORE_READ(size, mtu);
}

/*
 * Whether the packet is freed by ovs_vport_send() as too long, and for which
 * port. The note may be an old one of another packet at the same address: that
 * was sent, so it was not as long as this is.
 */
static __always_inline void find_port(struct drop *drop)
{
	struct slot *slot = this_slot();
	struct net_device *dev;
	struct vport *vport;

	vport = slot ? (struct vport *)slot->vport : NULL;
	if (!vport || slot->sent != (__u64)drop->skb ||
	    slot->sent_len != FIELD(drop->access, drop->skb, len))
		return;
	slot->sent = 0;
	if (!bpf_core_field_exists(vport->dev))
		return;
	dev = BPF_CORE_READ(vport, dev);
	if (!dev || !is_too_long(drop->skb, drop->access, dev))
		return;
	drop->event = VNET_OVS_MTU;
	drop->out = dev;
}

static __always_inline int on_kfree_skb(__u64 *ctx, enum access access)
{
	struct drop drop = {
		.skb = (void *)ctx[0],
		.location = ctx[1],
		.reason = config.nr_args > 2 ? ctx[2] : 0,
		.event = VNET_OVS_FREED,
		.access = access,
	};

	if (drop.location < config.from || drop.location >= config.to)
		return 0;
	drop.callee = called_before(drop.location);
	find_port(&drop);
	return drop_enter(&drop);
}

static __always_inline int on_ovs_vport_send(__u64 vport, struct sk_buff *skb,
					     enum access access)
{
	struct slot *slot = this_slot();

	if (!slot)
		return 0;
	slot->sent = (__u64)skb;
	slot->vport = vport;
	slot->sent_len = FIELD(access, skb, len);
	return 0;
}

static __always_inline int on_do_execute_actions(struct sk_buff *skb, int len,
						 enum access access)
{
	struct drop drop = {
		.skb = skb,
		.event = VNET_OVS_NO_ACTION,
		.access = access,
	};

	return len > 0 ? 0 : drop_enter(&drop);
}

/* What the entry noted for the return; NULL: nothing. */
static __always_inline int on_refused(__u64 skb, __u32 event)
{
	struct drop drop = {
		.skb = (struct sk_buff *)skb,
		.event = event,
		.access = PROBED,
	};

	if (!skb) {
		loss(VNET_LOSS_unmatched);
		return 0;
	}
	return drop_enter(&drop);
}

static __always_inline int on_ovs_meter_execute(__u64 skb)
{
	struct slot *slot = this_slot();

	if (slot)
		slot->metered = skb;
	return 0;
}

/* It returns a bool, of which only the lowest byte is defined. */
static __always_inline int on_ovs_meter_execute_ret(__u64 ret)
{
	struct slot *slot = this_slot();
	__u64 skb = slot ? slot->metered : 0;

	if (slot)
		slot->metered = 0;
	return ret & 0xff ? on_refused(skb, VNET_OVS_METER) : 0;
}

static __always_inline int on_ovs_dp_upcall(__u64 skb)
{
	struct slot *slot = this_slot();

	if (slot)
		slot->asked = skb;
	return 0;
}

static __always_inline int on_ovs_dp_upcall_ret(__u64 ret)
{
	struct slot *slot = this_slot();
	__u64 skb = slot ? slot->asked : 0;

	if (slot)
		slot->asked = 0;
	return (__u32)ret ? on_refused(skb, VNET_OVS_UPCALL) : 0;
}

/* ---- the programs: <point>__<mechanism> ---- */

SEC("?tp_btf/kfree_skb")
int kfree_skb__tp_btf(__u64 *ctx)
{
	return on_kfree_skb(ctx, TYPED);
}

SEC("?raw_tp/kfree_skb")
int kfree_skb__raw_tp(__u64 *ctx)
{
	return on_kfree_skb(ctx, PROBED);
}

SEC("?fentry/ovs_vport_send")
int ovs_vport_send__fentry(__u64 *ctx)
{
	return on_ovs_vport_send(ctx[0], (struct sk_buff *)ctx[1], TYPED);
}

SEC("?kprobe/ovs_vport_send")
int ovs_vport_send__kprobe(struct pt_regs *ctx)
{
	return on_ovs_vport_send(PT_REGS_PARM1(ctx), (struct sk_buff *)PT_REGS_PARM2(ctx),
				 PROBED);
}

SEC("?fentry/do_execute_actions")
int do_execute_actions__fentry(__u64 *ctx)
{
	return on_do_execute_actions((struct sk_buff *)ctx[1], (int)ctx[4], TYPED);
}

SEC("?kprobe/do_execute_actions")
int do_execute_actions__kprobe(struct pt_regs *ctx)
{
	return on_do_execute_actions((struct sk_buff *)PT_REGS_PARM2(ctx),
				     (int)PT_REGS_PARM5(ctx), PROBED);
}

SEC("?fentry/ovs_meter_execute")
int ovs_meter_execute__fentry(__u64 *ctx)
{
	return on_ovs_meter_execute(ctx[1]);
}

SEC("?kprobe/ovs_meter_execute")
int ovs_meter_execute__kprobe(struct pt_regs *ctx)
{
	return on_ovs_meter_execute(PT_REGS_PARM2(ctx));
}

SEC("?fexit/ovs_meter_execute")
int ovs_meter_execute_ret__fexit(__u64 *ctx)
{
	return on_ovs_meter_execute_ret(ctx[4]);
}

SEC("?kretprobe/ovs_meter_execute")
int ovs_meter_execute_ret__kretprobe(struct pt_regs *ctx)
{
	return on_ovs_meter_execute_ret(PT_REGS_RC(ctx));
}

SEC("?fentry/ovs_dp_upcall")
int ovs_dp_upcall__fentry(__u64 *ctx)
{
	return on_ovs_dp_upcall(ctx[1]);
}

SEC("?kprobe/ovs_dp_upcall")
int ovs_dp_upcall__kprobe(struct pt_regs *ctx)
{
	return on_ovs_dp_upcall(PT_REGS_PARM2(ctx));
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
