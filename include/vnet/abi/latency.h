/* SPDX-License-Identifier: GPL-2.0-only */
/* What probes/latency*.bpf.c and cmd/latency*.c share. */
#ifndef VNET_ABI_LATENCY_H
#define VNET_ABI_LATENCY_H

#include "filter.h"
#include "hist.h"
#include "packet.h"

/* RX is towards the host or guest: it begins at the NIC. TX ends there. */
enum vnet_latency_direction {
	VNET_LATENCY_RX,
	VNET_LATENCY_TX,
	VNET_LATENCY_DIRECTIONS
};

/*
 * The stages of all paths, in the order of any path that has them. A packet
 * passes the mandatory ones of its path one after the other without a gap, or
 * is followed no further; the others as it comes.
 */
enum vnet_latency_stage {
	VNET_LATENCY_IP_OUT,	/* host tx: IP output; only noted, the path begins behind */
	VNET_LATENCY_START,	/* NIC (rx), internal port (host tx), vnet (VM tx) */
	VNET_LATENCY_OVS,	/* it enters the datapath */
	VNET_LATENCY_UPCALL,	/* it is sent to ovs-vswitchd, the first time */
	VNET_LATENCY_RETURN,	/* it is back, the last time */
	VNET_LATENCY_CT,	/* conntrack takes it, the first time */
	VNET_LATENCY_CT_DONE,	/* and has done with it, the last time: it is looked up anew */
	VNET_LATENCY_OUTPUT,	/* the datapath outputs it, the last time */
	VNET_LATENCY_QDISC,	/* it reaches a device's transmit queues */
	VNET_LATENCY_DRIVER,	/* it is given to the driver; for a tap: its ring */
	VNET_LATENCY_TAKEN,	/* VM rx: the tap's reader, vhost, has it */
	VNET_LATENCY_INTERNAL,	/* host rx: the internal port hands it over */
	VNET_LATENCY_IP_IN,
	VNET_LATENCY_TRANSPORT,
	VNET_LATENCY_STAGES
};

/* Work spaces for a direction are indexed by stage with this mask. */
#define VNET_LATENCY_STAGE_MASK	15
#define VNET_LATENCY_BIT(stage)	(1u << (stage))

/* Pairs of stages that a direction can have, each with a histogram. */
#define VNET_LATENCY_PAIRS	13
/* Mandatory stages that a path can have. */
#define VNET_LATENCY_PLAIN	8
#define VNET_LATENCY_NO_PAIR	0xff

/*
 * How far a packet is: the last stage it reached (low half) and those that it
 * was seen at, as bits. Of stage 0 there is no packet, or its path is over.
 */
#define VNET_LATENCY_STATE(stage, seen)	((__u64)(seen) << 32 | (stage))
#define VNET_LATENCY_NO_STATE	(~0ull)

/* A packet that leaves out all optional stages, before and after a stage. */
struct vnet_latency_step {
	__u64	before;		/* VNET_LATENCY_NO_STATE: not a stage of such packets */
	__u64	after;
};

/* `const volatile struct vnet_latency_config config` */
struct vnet_latency_config {
	__u32	netns;		/* inode number: where all ifindexes are valid */
	__u32	vm;		/* 1: between guests and the NIC, 0: host and NIC */
	__u32	ovs;		/* 1: the path leads through Open vSwitch */
	__u32	sample;		/* follow one packet of so many; 0 and 1: each */
	__u32	nr_phy;
	__u32	nr_local;	/* 0: any internal port (never with vm) */
	__u32	phy[VNET_FILTER_IFS];
	__u32	local[VNET_FILTER_IFS];	/* internal ports, or taps of guests */
	__u32	probed[VNET_LATENCY_DIRECTIONS];	/* bits of stages; 0: direction off */
	__u32	shown[VNET_LATENCY_DIRECTIONS];	/* those whose times are wanted */
	__u32	mandatory[VNET_LATENCY_DIRECTIONS];	/* those that every packet passes */
	__u32	upcalls;	/* 1: packets are followed across them */
	__u32	by_flow;	/* summary, 1: totals by flow as well */
	__u32	all;		/* details, 1: a record of each packet */
	__u32	nr_plain[VNET_LATENCY_DIRECTIONS];
	__u32	reserved;
	/* the mandatory stages that are shown, in order: pair i is from [i] to [i + 1] */
	__u8	plain[VNET_LATENCY_DIRECTIONS][VNET_LATENCY_STAGE_MASK + 1];
	/* [direction][from][to] -> histogram, or VNET_LATENCY_NO_PAIR */
	__u8	pair[VNET_LATENCY_DIRECTIONS][VNET_LATENCY_STAGE_MASK + 1]
		    [VNET_LATENCY_STAGE_MASK + 1];
	struct vnet_latency_step steps[VNET_LATENCY_DIRECTIONS][VNET_LATENCY_STAGES];
	__u64	over_ns;	/* totals above it are counted; 0: no mark */
	/* details: a record if the total or the time from a stage on is above; 0: none */
	__u64	total_ns;
	__u64	stage_ns[VNET_LATENCY_DIRECTIONS][VNET_LATENCY_STAGES];
};
_Static_assert(sizeof(struct vnet_latency_config) == 1432, "abi");

/* A packet that waits no longer than this is followed. */
#define VNET_LATENCY_AGE_NS	10000000000ull

/*
 * Counts of packets since the start, in the copy (epoch) of the moment that they
 * happened in. A packet that a CPU carries is not counted as started: it is by
 * how that ended. Either it completed (the histograms count that), it waits, or
 * it is lost, which is found out when the CPU's slot gets another packet.
 */
struct vnet_latency_counts {
	__u64	waits[VNET_LATENCY_STAGES];	/* began to wait behind the stage */
	__u64	resumed[VNET_LATENCY_STAGES];	/* went on after that */
	__u64	dead[VNET_LATENCY_STAGES];	/* will never go on */
	__u64	lost[VNET_LATENCY_STAGES];	/* carried, and last seen at the stage */
	__u64	started;	/* details only */
	__u64	completed;	/* details only */
	__u64	over;		/* completed, with a total above over_ns */
	__u64	unsampled;	/* left out by --sample */
	/* host tx: an IP packet whose IP stage was not seen */
	__u64	unfollowed;
};
_Static_assert(sizeof(struct vnet_latency_counts) == 488, "abi");

/* details: where a packet was at a stage. */
struct vnet_latency_where {
	__u64	id;		/* pid << 32 | tid of what ran then */
	__u32	cpu;
	__u32	ifindex;	/* of its device then */
	__u32	queue;		/* qdisc, driver: its transmit queue */
	__u32	backlog;	/* qdisc: packets in there before it */
	char	comm[VNET_COMM_LEN];
};
_Static_assert(sizeof(struct vnet_latency_where) == 40, "abi");

/* What is known of a packet on its way; also the value of the map `waits`. */
struct vnet_latency_trip {
	__u32	direction;
	__u32	reserved;
	union {
		struct {
			__u32	stage;	/* the last one reached */
			__u32	seen;	/* bits of stages: members of at[] that count */
		};
		__u64	state;		/* both: VNET_LATENCY_STATE */
	};
	__u64	at[VNET_LATENCY_STAGES];	/* ns, CLOCK_MONOTONIC */
#ifdef VNET_LATENCY_DETAILS
	struct vnet_latency_where where[VNET_LATENCY_STAGES];
#endif
};

/* The size of a trip with all its members, for who reads `waits`. */
#define VNET_LATENCY_TRIP_MAX	(128 + 40 * VNET_LATENCY_STAGES)
_Static_assert(sizeof(struct vnet_latency_trip) <= VNET_LATENCY_TRIP_MAX, "abi");

/*
 * The packet that a CPU carries. Nobody is it if skb is 0; but if trip.stage is
 * not, then it was lost and is still to be counted.
 */
struct vnet_latency_slot {
	__u64	skb;		/* address: who it is, never followed */
	__u64	head;		/* of its buffer, which a clone shares */
	__u64	tag;		/* skb_iif or TAG_*, host tx: its socket; must stay */
	__u64	key;		/* at an upcall: in `waits`, ... */
	__u32	resume;		/* ... and the stage before it */
	__u32	reserved;
	struct vnet_latency_trip trip;
};

/* Where IP output notes the time; a power of two, a CPU. */
#define VNET_LATENCY_STARTS	8

struct vnet_latency_start {
	__u64	skb;		/* 0: free */
	__u64	socket;
	__u64	at;
	__u64	victim;		/* skb that was here before, if it may still be under way */
};

/*
 * Slots beside those of the two directions, for packets on their way out of
 * `waits`: leaving a qdisc or an upcall; leaving a tap's ring, in a process.
 */
#define VNET_LATENCY_QUEUED	VNET_LATENCY_DIRECTIONS
#define VNET_LATENCY_TAKING	(VNET_LATENCY_DIRECTIONS + 1)
#define VNET_LATENCY_SLOTS	(VNET_LATENCY_DIRECTIONS + 2)

/* The value of the map `cpus`, key 0; its size differs with VNET_LATENCY_DETAILS. */
struct vnet_latency_cpu {
	struct vnet_latency_counts counts[2][VNET_LATENCY_DIRECTIONS];
	struct vnet_latency_slot slots[VNET_LATENCY_SLOTS];
	struct vnet_latency_start starts[VNET_LATENCY_STARTS];
	__u64	address;	/* of the skb being looked up in starts */
	/* Network namespace, known to be config.netns: this process keeps it there. */
	__u64	net;
};

/*
 * The value of the map `hists`, key copy * DIRECTIONS + direction. Their members
 * `count` stay 0: the slots tell.
 */
struct vnet_latency_hists {
	struct vnet_hist total;		/* of a path of two stages, also its only pair */
	struct vnet_hist pairs[VNET_LATENCY_PAIRS];	/* by config.pair */
};
/* The kernel's limit for a value of a per-CPU array. */
_Static_assert(sizeof(struct vnet_latency_hists) <= 32768, "abi");

/* Key of the maps `flows0` and `flows1`, one for each copy. */
struct vnet_latency_flow {
	struct vnet_flow flow;
	__u32	direction;
	__u32	cpu;		/* where its packets arrived */
	__u32	reserved;
};
_Static_assert(sizeof(struct vnet_latency_flow) == 56, "abi");

/* Their value. */
struct vnet_latency_flow_times {
	__u64	over;
	struct vnet_hist total;
};

/* A record of `latency details`. */
struct vnet_latency_record {
	__u32	direction;
	__u32	seen;
	__u64	at[VNET_LATENCY_STAGES];
	struct vnet_latency_where where[VNET_LATENCY_STAGES];
	struct vnet_packet packet;	/* as it was at the end of the path */
	__u32	reserved;
};
_Static_assert(sizeof(struct vnet_latency_record) == 792, "abi");

#endif
