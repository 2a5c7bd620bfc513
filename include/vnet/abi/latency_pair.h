/* SPDX-License-Identifier: GPL-2.0-only */
/* What probes/latency_pair.bpf.c and cmd/latency_pair*.c share. */
#ifndef VNET_ABI_LATENCY_PAIR_H
#define VNET_ABI_LATENCY_PAIR_H

#include "hist.h"
#include "packet.h"

/* Pairs of devices in one run. */
#define VNET_PAIRS_MAX		16
/* Packets with equal headers that are told apart between two devices. */
#define VNET_PAIRS_WAYS		8

/*
 * A device as an end of a pair. `host` 1: it is the host's own end (a bridge, an
 * internal port of Open vSwitch): what comes in by it is sent by the host, and what
 * leaves by it is received by the host.
 */
#define VNET_PAIRS_END(ifindex, host)	((ifindex) << 1 | (host))

/* `const volatile struct vnet_pairs_config config` */
struct vnet_pairs_config {
	__u32	netns;		/* inode number: where all the devices are */
	__u32	nr;
	__u32	records;	/* 1: a record for each above over_ns, no histograms */
	__u32	reserved;
	__u64	over_ns;	/* packets that took longer are counted; 0: no mark */
	__u64	timeout_ns;	/* not at `to` after this time: missing */
	__u32	from[VNET_PAIRS_MAX];	/* VNET_PAIRS_END */
	__u32	to[VNET_PAIRS_MAX];
	__u32	siblings[VNET_PAIRS_MAX];	/* 1 << n for each other pair with this `from` */
};
_Static_assert(sizeof(struct vnet_pairs_config) == 224, "abi");

/* Key of the map `trips`. */
struct vnet_pairs_key {
	__u64	id;		/* a hash of what no way changes: probes/identity.h */
	__u32	pair;
	/*
	 * Packets with equal ids have a number each; VNET_PAIRS_WAYS is no packet,
	 * but says that one found no number and may turn up any time.
	 */
	__u32	way;
};
_Static_assert(sizeof(struct vnet_pairs_key) == 16, "abi");

/* The value: a packet on its way. */
struct vnet_pairs_trip {
	__u64	since;		/* ns, CLOCK_MONOTONIC: when it came in by `from` */
	__u64	head;		/* address of its bytes; 0: other bytes are there now */
	__u32	cpu;
	/* Each may be set on any CPU: bytes, so that no bit is lost. */
	__u8	segmented;	/* it was cut into segments on its way */
	__u8	elsewhere;	/* it has arrived at another pair's `to` */
	__u8	doubtful;	/* an equal one may be on its way: only `head` tells */
	__u8	reserved0;
	struct vnet_packet packet;	/* as it came in */
	__u32	reserved;
};
_Static_assert(sizeof(struct vnet_pairs_trip) == 136, "abi");

/*
 * The value of the map `stats`, key: copy (epoch & 1) * nr + pair. Every packet
 * that was started is in the end completed, ambiguous, or what user space counts
 * when its time is over: missing, segmented, elsewhere.
 */
struct vnet_pairs_stats {
	__u64	started;
	__u64	completed;
	__u64	over;
	__u64	ambiguous;	/* it or one with equal headers: not measured */
	struct vnet_hist hist;	/* ns from `from` to `to` */
};
_Static_assert(sizeof(struct vnet_pairs_stats) == 2368, "abi");

/* A record: a packet that took longer than over_ns, or is missing. */
struct vnet_pairs_record {
	__u64	end_ns;		/* CLOCK_MONOTONIC, at `to`; 0: missing */
	__u32	pair;
	__u32	cpu;		/* at `to` */
	struct vnet_pairs_trip trip;
};
_Static_assert(sizeof(struct vnet_pairs_record) == 152, "abi");

#endif
