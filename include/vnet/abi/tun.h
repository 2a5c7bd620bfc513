/* SPDX-License-Identifier: GPL-2.0-only */
/* What probes/tun_*.bpf.c and cmd/tun*.c share. */
#ifndef VNET_ABI_TUN_H
#define VNET_ABI_TUN_H

#include "hist.h"
#include "packet.h"
#include "stream.h"

/* `const volatile struct vnet_tun_config config` */
struct vnet_tun_config {
	__u32	netns;		/* inode number of this network namespace */
	__u32	all;		/* details: 1 = every packet, else those at a full ring */
	__u32	stack;		/* details: 1 = take stacks */
	__u32	reserved;
};
_Static_assert(sizeof(struct vnet_tun_config) == 16, "abi");

/*
 * Key of the map `queues`: a queue of a tap, as one CPU saw it. Only the reader
 * may meet another program in its entry, and adds atomically.
 */
struct vnet_tun_key {
	__u32	ifindex;
	__u32	queue;
	__u32	cpu;
	__u32	copy;		/* 0 or 1: vnet/abi/stream.h */
};

/* The value of the map `queues`. */
struct vnet_tun_stats {
	__u64	packets;	/* given to tun_net_xmit */
	__u64	full;		/* of those: met a full ring */
	__u64	unread;		/* of those: the ring could not be read, or there is none */
	__u64	consumed;	/* given to the reader */
	__u64	consumed_ns;	/* when last, CLOCK_MONOTONIC; 0: not in this interval */
	struct vnet_hist depth;	/* packets in the ring that each packet met */
};
_Static_assert(sizeof(struct vnet_tun_stats) == 2376, "abi");

/* Key of the map `drops`: packets that were freed on their way to a ring. */
struct vnet_tun_drop {
	__u64	location;	/* in the function that freed */
	__u32	ifindex;
	__u32	queue;
	__u32	full;		/* 1: for want of room in the ring */
	__u32	copy;
};
_Static_assert(sizeof(struct vnet_tun_drop) == 24, "abi");

/* A ring as it was at one moment. */
struct vnet_tun_ring {
	__u32	size;		/* 0: there is no such queue */
	__u32	producer;	/* index of the next slot to be filled */
	__u32	consumer_head;	/* of the next to be taken */
	__u32	consumer_tail;	/* of the next to be freed: lags by a batch */
	__u32	depth;		/* packets that wait */
	__u32	full;		/* 1: the next packet finds no slot */
};
_Static_assert(sizeof(struct vnet_tun_ring) == 24, "abi");

/* The value of the map `slots`: the packet that a CPU is giving to a ring. */
struct vnet_tun_slot {
	__u64	skb;
	__u64	tun;		/* its device's struct tun_struct */
	__u32	ifindex;
	__u32	queue;
	__u32	full;
	__u32	reserved;
	struct vnet_tun_ring ring;
};
_Static_assert(sizeof(struct vnet_tun_slot) == 56, "abi");

/* The value of the map `state`, key 0: what the program run__state found. */
struct vnet_tun_state {
	__u32	found;		/* 1: the device is there and its structures fit */
	__u32	misfit;		/* 1: the device is there and its structures do not */
	__u32	nr_queues;
	__u32	reserved;
	struct vnet_tun_ring ring;
};
_Static_assert(sizeof(struct vnet_tun_state) == 40, "abi");

/* A record of tun details: a packet that was given to a ring. */
struct vnet_tun_record {
	__u64	time_ns;	/* CLOCK_MONOTONIC */
	__u32	ifindex;
	__u32	queue;
	struct vnet_tun_ring ring;	/* before the packet was in it */
	__u32	cpu;
	__u32	pid;
	__u32	tid;
	char	comm[16];
	struct vnet_packet packet;
	struct vnet_stack_ips stack;	/* with config.stack; else not sent */
};
_Static_assert(sizeof(struct vnet_tun_record) == 368, "abi");

#endif
