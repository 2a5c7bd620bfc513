/* SPDX-License-Identifier: GPL-2.0-only */
/* What probes/ovs_drop.bpf.c and cmd/ovs_drop.c share. */
#ifndef VNET_ABI_OVS_DROP_H
#define VNET_ABI_OVS_DROP_H

#include "packet.h"

/* vnet_ovs_drop_config.by: what tells two entries apart */
#define VNET_OVS_BY_CAUSE	0x01
#define VNET_OVS_BY_PORT	0x02
#define VNET_OVS_BY_FLOW	0x04

/* How a drop was seen; together with reason and places it makes the cause. */
enum vnet_ovs_event {
	VNET_OVS_FREED,		/* the datapath freed it as dropped */
	VNET_OVS_MTU,		/* so, as too long for the output port */
	VNET_OVS_NO_ACTION,	/* a list of actions with nothing in it was executed */
	VNET_OVS_METER,		/* a meter said no */
	VNET_OVS_UPCALL,	/* ovs-vswitchd did not get it */
	VNET_OVS_NR_EVENTS
};

/* `const volatile struct vnet_ovs_drop_config config` */
struct vnet_ovs_drop_config {
	__u64	from;		/* where the datapath's code is: [from, to) */
	__u64	to;
	__u32	nr_args;	/* of the kfree_skb tracepoint: 2 has no reason */
	__u32	by;		/* VNET_OVS_BY_* */
};

/* Key of the maps `drops0` and `drops1`; members not in `by` are zero. */
struct vnet_ovs_drop_key {
	__u64	location;	/* return address in the function that freed; or 0 */
	__u64	callee;		/* what was called there: not always kfree_skb; or 0 */
	__u32	event;		/* enum vnet_ovs_event */
	__u32	reason;		/* the kernel's, 0 if it gives none */
	__u32	ifindex;	/* port that it came in by; 0: the packet had no device */
	__u32	netns;		/* inode number, 0: unknown */
	char	device[16];
	char	out_device[16];	/* MTU: the port it was for */
	struct vnet_flow flow;
	__u32	out_ifindex;	/* MTU; else 0 */
};
_Static_assert(sizeof(struct vnet_ovs_drop_key) == 112, "abi");

struct vnet_ovs_drop_count {
	__u64	count;
	__u64	bytes;
};

#endif
