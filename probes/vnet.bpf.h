/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What all probes share: loss counters, the user's filter, and the way from a
 * socket buffer to a decoded packet. Run-time state is in maps, never in
 * globals; tunables are const volatile and written before load.
 */
#ifndef VNET_VNET_BPF_H
#define VNET_VNET_BPF_H

#include "kernel.bpf.h"
#include "vnet/abi/filter.h"
#include "vnet/abi/loss.h"
#include "vnet/abi/packet.h"
#include "parse.h"
#include "match.h"

char LICENSE[] SEC("license") = "GPL";

/*
 * Which way a body reads the kernel's memory. tp_btf and fentry hand it typed
 * pointers, which the verifier lets it follow directly (34 ns a packet where
 * bpf_probe_read_kernel takes 174 to 261); kprobes and raw tracepoints do not.
 */
enum access { PROBED, TYPED };

/* By way of p_: in BPF_CORE_READ the steps to a pointer would be relocated, too. */
#define FIELD(access, p, field) ({						\
	__typeof__(p) p_ = (p);							\
	(access) == TYPED ? p_->field : BPF_CORE_READ(p_, field);		\
})

const volatile struct vnet_filter filter = {};

/* enum vnet_loss_id -> count; lives as long as the run; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, VNET_NR_LOSSES);
	__type(key, __u32);
	__type(value, __u64);
} losses SEC(".maps");

static __always_inline void loss(__u32 id)
{
	__u64 *count = bpf_map_lookup_elem(&losses, &id);

	if (count)
		__sync_fetch_and_add(count, 1);
}

/*
 * A failed map update: which loss it was. Full is what says so; EBUSY, and from
 * v6.15 on EDEADLK and ETIMEDOUT, are a bucket's lock that was not to be had.
 */
static __always_inline void loss_of_update(int err)
{
	bool full = err == -7 /* E2BIG */ || err == -12 /* ENOMEM */;

	loss(full ? VNET_LOSS_map_full : VNET_LOSS_map_busy);
}

/* The device a packet is on, as records and keys have it. */
struct place {
	struct net_device *dev;
	__u32 ifindex;
	__u32 netns;
};

static __always_inline void place_read(struct sk_buff *skb, enum access access,
				       struct place *place)
{
	struct net_device *dev = FIELD(access, skb, dev);

	place->ifindex = dev ? FIELD(access, dev, ifindex) : 0;
	place->netns = 0;
	/* In a UDP receive queue `dev` is scratch space: reading through it gives 0. */
	place->dev = place->ifindex ? dev : NULL;
	if (place->dev)
		place->netns = BPF_CORE_READ(dev, nd_net.net, ns.inum);
}

static __always_inline bool match_place(const struct place *place)
{
	bool found = false;

	if (!(filter.active & VNET_F_DEVICE))
		return true;
	if (place->netns != filter.netns)
		return false;
#pragma unroll
	for (int i = 0; i < VNET_FILTER_IFS; i++)
		found |= i < filter.nr_ifindex && filter.ifindex[i] == place->ifindex;
	return found;
}

typedef __u64 __attribute__((may_alias)) aliasing_u64;
_Static_assert(VNET_COMM_LEN == 16 &&
	       __builtin_offsetof(struct vnet_filter, comm) % sizeof(__u64) == 0,
	       "a name is two aligned words");

/* The thread that runs now; which for received packets is whoever was interrupted. */
static __always_inline bool match_task(void)
{
	const volatile aliasing_u64 *name = (const volatile void *)filter.comm;
	__u64 id, comm[VNET_COMM_LEN / 8] = {};

	if (!(filter.active & (VNET_F_PID | VNET_F_TID | VNET_F_COMM)))
		return true;
	id = bpf_get_current_pid_tgid();
	if (filter.active & VNET_F_PID && id >> 32 != filter.pid)
		return false;
	if (filter.active & VNET_F_TID && (__u32)id != filter.tid)
		return false;
	if (!(filter.active & VNET_F_COMM))
		return true;
	bpf_get_current_comm(comm, sizeof(comm));
	/* Both are padded with zeros. By bytes it is 2^16 ways for the verifier. */
	return comm[0] == name[0] && comm[1] == name[1];
}

/* Tag (TCI) that the device or the stack keeps beside the bytes; -1: none. */
static __always_inline int vlan_beside(struct sk_buff *skb, enum access access)
{
	struct sk_buff___vlan_present *old = (void *)skb;

	if (bpf_core_field_exists(old->vlan_present)) {
		if (!BPF_CORE_READ_BITFIELD_PROBED(old, vlan_present))
			return -1;
	} else if (!FIELD(access, skb, vlan_tci) && !FIELD(access, skb, vlan_proto)) {
		return -1;
	}
	return FIELD(access, skb, vlan_tci);
}

/* The VLAN id of that tag; -1: none. */
static __always_inline int vlan_accelerated(struct sk_buff *skb, enum access access)
{
	int tci = vlan_beside(skb, access);

	return tci < 0 ? tci : tci & 0xfff;
}

/* Where in the buffer a packet's first usable header stands. */
struct start {
	__u32 off;	/* from skb->head */
	__u32 data;	/* where skb->data is, likewise: skb->len counts from there */
	__u32 avail;	/* bytes there, up to the end of the linear part */
	__u16 ethertype;	/* host order, if it begins at the network header */
	bool l2;	/* it begins with an Ethernet header */
};

/*
 * Finds it without trust in one member: on receive the tracepoints fire before
 * network_header is set; on transmit mac_header may be unset or stale; behind
 * a tunnel either may belong to the other layer. `data` decides between them.
 */
static __always_inline void start_find(struct sk_buff *skb, enum access access,
				       const struct place *place, struct start *start)
{
	__u32 mac = FIELD(access, skb, mac_header);
	__u32 nh = FIELD(access, skb, network_header);
	__u32 tail = FIELD(access, skb, tail);
	__u32 data = (__u64)FIELD(access, skb, data) - (__u64)FIELD(access, skb, head);
	__u16 type = ARPHRD_ETHER;

	/*
	 * The difference of two pointers is a number; v7.x refuses the sums that
	 * a compiler makes of it by computing in another order.
	 */
	barrier_var(data);
	start->data = data;
	start->l2 = false;
	if (mac != MAC_HEADER_UNSET) {
		/* A local: CO-RE would relocate `place` as well. */
		struct net_device *dev = place->dev;

		if (dev)
			type = FIELD(access, dev, type);
		if (type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK)
			start->l2 = nh == mac + 14 || nh == mac + 18 || nh == mac + 22 ||
				    (nh <= mac && (!nh || data == mac + 14 || data == mac));
	}
	start->off = start->l2 ? mac : nh;
	start->ethertype = bpf_ntohs(FIELD(access, skb, protocol));
	start->avail = tail > start->off ? tail - start->off : 0;
}

/* Copies the headers once and decodes them. False: they could not be read. */
static __always_inline bool packet_read(struct sk_buff *skb, enum access access,
					const struct start *start, __u8 *buf,
					struct vnet_packet *packet)
{
	__u32 size = filter.inner ? VNET_SNAP_INNER : VNET_SNAP;
	__u32 len = start->avail < size ? start->avail : size;

	/*
	 * A fixed size is cheaper to verify; what lies past the tail is
	 * skb_shared_info (320 bytes) and the parser does not look at it.
	 */
	if (bpf_probe_read_kernel(buf, size, FIELD(access, skb, head) + start->off)) {
		loss(VNET_LOSS_read_failed);
		return false;
	}
	vnet_parse(buf, len, start->l2, start->ethertype,
		   vlan_accelerated(skb, access), filter.inner, packet);
	packet->len = FIELD(access, skb, len);
	return true;
}

#endif
