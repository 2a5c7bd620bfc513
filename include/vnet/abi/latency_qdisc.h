/* SPDX-License-Identifier: GPL-2.0-only */
/* What probes/latency_qdisc.bpf.c and cmd/latency_qdisc*.c share. */
#ifndef VNET_ABI_LATENCY_QDISC_H
#define VNET_ABI_LATENCY_QDISC_H

#include "hist.h"
#include "packet.h"

/* `const volatile struct vnet_txq_config config` */
struct vnet_txq_config {
	__u32	records;	/* 1: a record for each above over_ns, no histograms */
	__u32	reserved;
	__u64	over_ns;	/* packets that took longer are counted; 0: no mark */
};
_Static_assert(sizeof(struct vnet_txq_config) == 16, "abi");

/* Without an end for so long, a packet has left in a way that no probe sees. */
#define VNET_TXQ_AGE_NS		60000000000ull

/* In vnet_txq_wait.backlog: the qdisc keeps no length that could be read. */
#define VNET_TXQ_NO_BACKLOG	0xffffffff

/* A packet in a queue: the value of the map `waits`, key its address. */
struct vnet_txq_wait {
	__u64	since;		/* ns, CLOCK_MONOTONIC */
	__u32	ifindex;
	__u32	queue;		/* that was chosen for it */
	__u32	cpu;
	__u32	backlog;	/* packets in the qdisc before it */
	__u32	pid;		/* records only, as the next two */
	__u32	tid;
	char	comm[16];
};
_Static_assert(sizeof(struct vnet_txq_wait) == 48, "abi");

/* The value of the map `slots`: what a CPU gave to a queue last; skb 0: none. */
struct vnet_txq_slot {
	__u64	skb;
	__u32	noqueue;	/* 1: `wait` is all there is, the packet is in no map */
	__u32	reserved;
	struct vnet_txq_wait wait;
};
_Static_assert(sizeof(struct vnet_txq_slot) == 64, "abi");

/*
 * Key of the map `queues`. An entry belongs to one CPU, so that nothing in it
 * needs atomics, and there is one only for a CPU that used the queue: a per-CPU
 * map would take memory for each queue on each CPU.
 */
struct vnet_txq_key {
	__u32	ifindex;
	__u32	queue;
	__u32	cpu;
	__u32	copy;		/* 0 or 1: vnet/abi/stream.h */
};

/* The value of the map `queues`. All but the last two are counts of packets. */
struct vnet_txq_stats {
	__u64	started;	/* reached the device's queues */
	__u64	completed;	/* given to the driver */
	__u64	bypassed;	/* of those: went past the qdisc, or there is none */
	__u64	dropped;
	__u64	segmented;	/* replaced by their segments, which are not followed */
	__u64	vanished;	/* their address turned up with another packet */
	__u64	unfollowed;	/* given to the driver, but not seen before */
	__u64	over;
	__u64	backlogs;	/* started with a backlog that could be read */
	__u64	backlog_sum;
	__u64	backlog_max;
	struct vnet_hist hist;	/* ns from the queue to the driver */
};
_Static_assert(sizeof(struct vnet_txq_stats) == 2424, "abi");

/* A record: one packet that took longer than over_ns. */
struct vnet_txq_record {
	__u64	time_ns;	/* CLOCK_MONOTONIC, when the driver got it */
	__u64	sojourn_ns;
	struct vnet_txq_wait wait;
	__u32	cpu;		/* that gave it to the driver */
	__u32	handle;		/* of the queue's qdisc, as netlink has it */
	char	kind[16];	/* "" if it could not be read */
	__u32	bypassed;
	struct vnet_packet packet;
};
_Static_assert(sizeof(struct vnet_txq_record) == 200, "abi");

#endif
