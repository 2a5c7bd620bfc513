/* SPDX-License-Identifier: GPL-2.0-only */
/* What probes/ovs_upcall.bpf.c and cmd/ovs_upcall*.c share. */
#ifndef VNET_ABI_OVS_UPCALL_H
#define VNET_ABI_OVS_UPCALL_H

#include "hist.h"
#include "packet.h"

/* vnet_upcall_config.by: what tells two entries of `rows` apart, beside the thread. */
#define VNET_UPCALL_BY_PORT	0x1
#define VNET_UPCALL_BY_HANDLER	0x2	/* threads are always told apart */
#define VNET_UPCALL_BY_CAUSE	0x4
#define VNET_UPCALL_BY_FLOW	0x8

/* Where an upcall's time goes; the three parts are the total. */
enum vnet_upcall_part {
	VNET_UPCALL_TOTAL,
	VNET_UPCALL_QUEUE,	/* until a handler has read the message */
	VNET_UPCALL_USER,	/* until it hands the packet back */
	VNET_UPCALL_RETURN,	/* until the datapath has done with that */
	VNET_UPCALL_PARTS
};

/* vnet_upcall_key.cause: as OVS_PACKET_CMD_*; 0: unknown, or not asked for */
#define VNET_UPCALL_MISS	1
#define VNET_UPCALL_ACTION	2

/* `const volatile struct vnet_upcall_config config` */
struct vnet_upcall_config {
	__u32	by;		/* VNET_UPCALL_BY_* */
	__u32	records;	/* 1: a record for each above a threshold, no histograms */
	__u64	over_ns[VNET_UPCALL_PARTS];	/* 0: none; all 0: every upcall */
};
_Static_assert(sizeof(struct vnet_upcall_config) == 40, "abi");

/*
 * A message of an upcall under way, a segment's if the packet was a GSO one;
 * also the record of it. The value of the maps `waits` and `returning`.
 */
struct vnet_upcall {
	__u64	since;		/* ns, CLOCK_MONOTONIC: ovs_dp_upcall() */
	__u64	read;		/* a handler has read it; 0: not yet */
	__u64	returned;	/* it hands the packet back */
	__u64	done;		/* the datapath has carried out what it asked for */
	__u64	id;		/* of the packet's contents; its highest bit is 0 */
	__u32	ifindex;	/* the device it came in by */
	__u32	netns;
	__u32	cause;		/* VNET_UPCALL_MISS or _ACTION; 0: unknown */
	__u32	portid;		/* of the netlink socket it was sent to */
	__u32	in_port;	/* number of the vport */
	__u32	dp_ifindex;	/* of the datapath */
	__u32	cpu;		/* of the upcall */
	__u32	read_cpu;
	__u32	done_cpu;
	__u32	pid;		/* of the thread that read it, as the next two */
	__u32	tid;
	/* Equal packets under way, of which none can be told from another; else 1. */
	__u32	nr;
	__u32	ambiguous;	/* there was more than one: they are not measured */
	char	comm[16];
	char	device[16];
	struct vnet_packet packet;
};
_Static_assert(sizeof(struct vnet_upcall) == 232, "abi");

/*
 * Key of the map `rows`. What is counted at the upcall itself has tid 0 and is
 * added atomically; what a thread did has its tid, so that it has no rival.
 */
struct vnet_upcall_key {
	struct vnet_flow flow;	/* zeros without BY_FLOW */
	__u32	ifindex;	/* 0 without BY_PORT, as netns */
	__u32	netns;
	__u32	cause;		/* 0 without BY_CAUSE */
	__u32	tid;
	__u32	copy;		/* 0 or 1: vnet/abi/stream.h */
};
_Static_assert(sizeof(struct vnet_upcall_key) == 64, "abi");

/* The value of the map `rows`. */
struct vnet_upcall_stats {
	__u64	count;		/* tid 0: upcalls */
	__u64	lost;		/* tid 0: of those, the datapath calls lost */
	__u64	messages;	/* tid 0: queued for a handler */
	__u64	discarded;	/* messages whose socket was closed unread */
	__u64	vanished;	/* messages whose end was not seen */
	__u64	read;		/* messages that this thread took */
	__u64	returned;	/* packets that this thread handed back */
	__u64	ambiguous;	/* of those, not measured: see vnet_upcall */
	__u32	in_port;	/* of the last one */
	__u32	dp_ifindex;
	__u32	max_cpu;	/* of the longest: where the upcall was made, ... */
	__u32	max_done_cpu;	/* ... and where it came back */
	char	device[16];
	char	comm[16];	/* of the thread */
	struct vnet_hist times[VNET_UPCALL_PARTS];	/* ns */
};
_Static_assert(sizeof(struct vnet_upcall_stats) == 112 + 4 * 2336, "abi");

/* Key of the map `undelivered`; value: how many messages, or upcalls without one. */
struct vnet_upcall_loss {
	__u32	portid;		/* 0: it did not come to a message */
	__u32	error;		/* errno */
	__u32	copy;
};

/* The value of the map `owners`, by portid: the thread that read there last. */
struct vnet_upcall_owner {
	__u32	pid;
	__u32	tid;
	char	comm[16];
};

#endif
