/* SPDX-License-Identifier: GPL-2.0-only */
/* What probes/drop.bpf.c and cmd/drop.c share. */
#ifndef VNET_ABI_DROP_H
#define VNET_ABI_DROP_H

#include "packet.h"
#include "stream.h"

/* vnet_drop_config.by and .emit: what tells two entries apart */
#define VNET_DROP_BY_STACK	0x01
#define VNET_DROP_BY_LOCATION	0x02
#define VNET_DROP_BY_REASON	0x04
#define VNET_DROP_BY_DEVICE	0x08
#define VNET_DROP_BY_FLOW	0x10

/* Reasons that the normal-reason bitmap covers; sub-system ones are beyond. */
#define VNET_DROP_REASONS	256
/* Places that the kernel can know as normal. */
#define VNET_DROP_PLACES	1024

/* Key of the map `normal`: a place where frees for this reason are normal. */
struct vnet_drop_place {
	__u64	location;	/* return address in the function that freed */
	__u32	reason;		/* 0 on kernels without reasons */
	__u32	reserved;
};

/* `const volatile struct vnet_drop_config config` */
struct vnet_drop_config {
	__u32	nr_args;	/* of the kfree_skb tracepoint: 2 has no reason */
	__u32	by;		/* VNET_DROP_BY_* */
	__u32	stack;		/* details: 1 = take stacks */
	__u32	all;		/* 1: normal frees count too */
	__u32	match_reason;	/* 1: only `reason` */
	__u32	reason;
	__u32	pcap_snap;	/* details: bytes of packet kept, 0: none */
	__u32	reserved;
	__u64	normal_reasons[VNET_DROP_REASONS / 64];
};

/*
 * Key of the maps `drops0` and `drops1`; members not in `by` are zero, but for
 * location and reason, which also tell whether a free is normal.
 */
struct vnet_drop_key {
	__u64	stack;		/* hash: key of `stacks`; 0: none was had */
	__u64	location;	/* return address in the function that dropped */
	__u32	reason;
	__u32	ifindex;	/* 0: the packet had no device */
	__u32	netns;		/* inode number, 0: unknown */
	__u32	consumed;	/* 1: a normal end (--all), not a drop */
	char	device[16];
	struct vnet_flow flow;
	__u32	reserved;
};
_Static_assert(sizeof(struct vnet_drop_key) == 96, "abi");

struct vnet_drop_count {
	__u64	count;
	__u64	bytes;
};

#define VNET_DROP_SNAP_MAX	1024

/* A record of `drop details`, followed by snap_len bytes of packet. */
struct vnet_drop_record {
	__u64	time_ns;	/* CLOCK_MONOTONIC */
	__u64	location;
	__u32	reason;
	__u32	ifindex;
	__u32	netns;
	__u32	cpu;
	__u32	pid;
	__u32	tid;
	char	comm[16];
	char	device[16];
	struct vnet_packet packet;
	__u32	snap_len;	/* bytes of packet behind the record */
	__u16	snap_l2;	/* 1: they begin with an Ethernet header */
	__u16	nr_ips;
	__u32	consumed;
	__u32	snap_of;	/* length of the packet from its first byte kept */
	__u16	snap_tpid;	/* VLAN tag that is not in the bytes; 0: none */
	__u16	snap_tci;
	struct vnet_stack_ips stack;
};

#endif
