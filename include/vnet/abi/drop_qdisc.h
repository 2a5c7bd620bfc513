/* SPDX-License-Identifier: GPL-2.0-only */
/* What probes/drop_qdisc.bpf.c and cmd/drop_qdisc.c share. */
#ifndef VNET_ABI_DROP_QDISC_H
#define VNET_ABI_DROP_QDISC_H

#include "packet.h"

#define VNET_QDISC_REASONS	8

/* `const volatile struct vnet_qdisc_config config` */
struct vnet_qdisc_config {
	__u32	nr_args;	/* of the kfree_skb tracepoint: 2 has no reason */
	__u32	netns;		/* inode number: others are not looked at */
	__u32	nr_reasons;
	__u32	reasons[VNET_QDISC_REASONS];	/* of kfree_skb, that are ours */
	__u32	reserved;
};
_Static_assert(sizeof(struct vnet_qdisc_config) == 48, "abi");

/*
 * The map `code`, key 0, for kernels without reasons: functions as address
 * ranges [from, to). Filled once attached: nothing is counted before.
 */
struct vnet_qdisc_code {
	__u64	list_from, list_to;	/* kfree_skb_list() */
	__u64	xmit_from, xmit_to;	/* __dev_queue_xmit() */
};

/* Key of the maps `flows0` and `flows1`. */
struct vnet_qdisc_key {
	__u32	ifindex;
	__u32	handle;		/* of the queue's qdisc, as netlink has it */
	__u32	parent;
	__u32	reason;		/* 0: the kernel gave none */
	char	kind[16];	/* "" if it could not be read */
	struct vnet_flow flow;
};
_Static_assert(sizeof(struct vnet_qdisc_key) == 76, "abi");

#endif
