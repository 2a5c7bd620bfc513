/* SPDX-License-Identifier: GPL-2.0-only */
/* What probes/latency_rtt*.bpf.* and cmd/latency_rtt*.c share. */
#ifndef VNET_ABI_LATENCY_RTT_H
#define VNET_ABI_LATENCY_RTT_H

#include "filter.h"
#include "hist.h"

enum vnet_rtt_role {
	VNET_RTT_INITIATOR,	/* this host pings */
	VNET_RTT_RESPONDER	/* this host is pinged */
};

/*
 * The steps of a round trip, in order, as numbers from the first one of their
 * direction. An initiator sends first, a responder receives first.
 */
enum vnet_rtt_tx_step {
	VNET_RTT_TX_IP,
	VNET_RTT_TX_INTERNAL,	/* the internal port takes it; not without OVS */
	VNET_RTT_TX_QDISC,	/* it reaches a --phy-interface's queues */
	VNET_RTT_TX_DRIVER,
	VNET_RTT_TX_STEPS
};

enum vnet_rtt_rx_step {
	VNET_RTT_RX_NIC,	/* a --phy-interface hands it over */
	VNET_RTT_RX_INTERNAL,	/* so does the internal port; not without OVS */
	VNET_RTT_RX_TRANSPORT,	/* ICMP has it */
	VNET_RTT_RX_STEPS
};

#define VNET_RTT_STEPS	(VNET_RTT_TX_STEPS + VNET_RTT_RX_STEPS)
#define VNET_RTT_LAST	(VNET_RTT_STEPS - 1)
/* Of arrays by step: a power of two, so that a mask can bound an index. */
#define VNET_RTT_ROOM	8
#define VNET_RTT_PARTS	3	/* of a round trip: both ways, and what is between */
#define VNET_RTT_NONE	0xffffffff

/* `const volatile struct vnet_rtt_config config` */
struct vnet_rtt_config {
	__u32	netns;		/* inode number: where all devices and sockets are */
	__u32	nr_phy;
	__u32	phy[VNET_FILTER_IFS];
	__u32	nr_internal;	/* 0: any internal port */
	__u32	internal[VNET_FILTER_IFS];
	__u32	role;		/* enum vnet_rtt_role */
	__u32	ovs;		/* 1: by Open vSwitch */
	__u32	start;		/* the step at which a request is known to be ours */
	/*
	 * The step probed before each one, the first one's is itself;
	 * VNET_RTT_NONE: the step is not probed.
	 */
	__u32	before[VNET_RTT_ROOM];
	__u64	over_ns;	/* totals above it are counted (0: none) or recorded */
	__u64	timeout_ns;	/* no answer after this time: none at all */
};
_Static_assert(sizeof(struct vnet_rtt_config) == 200, "abi");

/* Key of the map `trips`: the request's own numbers, which the reply has too. */
struct vnet_rtt_key {
	__u8	src[16];	/* who pings; IPv4 in the first 4 bytes */
	__u8	dst[16];	/* who is pinged */
	__u16	id;		/* host byte order */
	__u16	seq;
	__u8	family;		/* 4 or 6 */
	__u8	reserved[3];
};
_Static_assert(sizeof(struct vnet_rtt_key) == 40, "abi");

enum vnet_rtt_state {
	VNET_RTT_NOTED,		/* it may be none of ours: not counted yet */
	VNET_RTT_STARTED,	/* counted, and waited for */
	VNET_RTT_DEAD,		/* counted as something else; what follows is ignored */
	VNET_RTT_FILTERED	/* the filter does not want it */
};

/* The value: how far it has come. */
struct vnet_rtt_trip {
	__u64	at[VNET_RTT_ROOM];	/* by step: ns, CLOCK_MONOTONIC; 0: not there */
	__u16	cpu[VNET_RTT_ROOM];
	__u32	step;		/* the last one reached */
	__u32	state;		/* enum vnet_rtt_state */
};
_Static_assert(sizeof(struct vnet_rtt_trip) == 88, "abi");

/* A record of `latency rtt --threshold`: a completed round trip. */
struct vnet_rtt_record {
	struct vnet_rtt_key key;
	struct vnet_rtt_trip trip;
};
_Static_assert(sizeof(struct vnet_rtt_record) == 128, "abi");

/*
 * The map `counts`, key: copy (epoch & 1). Every request that was started is
 * in the end completed, unanswered, ambiguous or not followed.
 */
struct vnet_rtt_counts {
	__u64	started;
	__u64	completed;
	__u64	over;		/* completed, with a total above over_ns */
	__u64	ambiguous;	/* repeated before its answer: which one was answered? */
	__u64	not_followed;	/* it passed a step without the one before it */
	__u64	duplicates;	/* repeats of requests, and of replies */
	__u64	unmatched;	/* replies to this host whose request is not known */
	__u64	elsewhere;	/* noted, and gone another way than by these devices */
	__u64	unanswered[VNET_RTT_ROOM];	/* by the last step; user space adds more */
};
_Static_assert(sizeof(struct vnet_rtt_counts) == 128, "abi");

/* The value of the map `hists`, key: copy. */
struct vnet_rtt_hists {
	struct vnet_hist stages[VNET_RTT_LAST];	/* [step - 1]: from the one before it */
	struct vnet_hist parts[VNET_RTT_PARTS];
	struct vnet_hist total;
};
/* The kernel's limit for a value of a per-CPU array is 32 kB. */
_Static_assert(sizeof(struct vnet_rtt_hists) < 32768, "abi");

/* The step that begins a part; where the last part ends is the last step. */
static inline unsigned int vnet_rtt_part_from(unsigned int role, unsigned int part)
{
	if (!part)
		return 0;
	if (role == VNET_RTT_INITIATOR)
		return part == 1 ? VNET_RTT_TX_DRIVER : VNET_RTT_TX_STEPS;
	return part == 1 ? VNET_RTT_RX_TRANSPORT : VNET_RTT_RX_STEPS;
}

static inline unsigned int vnet_rtt_part_to(unsigned int role, unsigned int part)
{
	return part + 1 < VNET_RTT_PARTS ? vnet_rtt_part_from(role, part + 1) :
					   VNET_RTT_LAST;
}

#endif
