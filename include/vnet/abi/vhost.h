/* SPDX-License-Identifier: GPL-2.0-only */
/* What probes/vhost_*.bpf.c and cmd/vhost*.c share. */
#ifndef VNET_ABI_VHOST_H
#define VNET_ABI_VHOST_H

#include "hist.h"
#include "packet.h"

/* As the guest sees it, and the index of struct vhost_net's virtqueues. */
enum vnet_vhost_direction {
	VNET_VHOST_RX,		/* the guest receives */
	VNET_VHOST_TX,
	VNET_VHOST_DIRECTIONS
};

/* Why the guest was not signalled when buffers were returned. */
enum vnet_vhost_cause {
	VNET_VHOST_NO_INTERRUPT,	/* it set VRING_AVAIL_F_NO_INTERRUPT */
	VNET_VHOST_EVENT_INDEX,		/* used_event is not reached */
	VNET_VHOST_NO_EVENTFD,		/* nobody waits for a signal: the guest polls */
	VNET_VHOST_CAUSES
};

/* What has become of the last chance to signal. */
enum vnet_vhost_chance {
	VNET_VHOST_SETTLED,
	VNET_VHOST_OPEN,	/* no signal came yet; if none comes it was suppressed */
	VNET_VHOST_SIGNALLED,	/* how many buffers it returned is not known yet */
};

enum vnet_vhost_event {
	VNET_VHOST_RUN,		/* the worker begins to work for it */
	VNET_VHOST_USED,	/* it is about to return buffers */
	VNET_VHOST_SIGNAL,	/* it signals the guest */
	VNET_VHOST_EVENTS
};

/* vnet_vhost_record.flags */
#define VNET_VHOST_JUMP		0x1	/* an index moved further than the ring is long */
#define VNET_VHOST_BACKWARD	0x2	/* buffers that were taken are given back */
#define VNET_VHOST_REPEAT	0x4	/* the return before returned none */

/* The queue of a tap that is a virtqueue's backend. */
struct vnet_vhost_tap {
	__u32	ifindex;	/* 0: the backend is no tap */
	__u32	netns;
	__u32	queue;
	char	device[16];
};

/*
 * The value of the map `queues`: a virtqueue, by its address. It only grows, and
 * its worker alone writes it; user space takes differences.
 */
struct vnet_vhost_queue {
	__u64	seq;		/* odd: it is being written; 0: not filled yet */
	__u64	backend;	/* address of the struct socket */
	__u64	ctx;		/* the eventfd that signals the guest; 0: none, or not seen yet */
	struct vnet_vhost_tap tap;
	__u32	direction;	/* enum vnet_vhost_direction */
	__u32	ignored;	/* 1: the filter does not want it; nothing is counted */
	__u32	chance;		/* enum vnet_vhost_chance: of the last return of buffers */
	__u32	cause;		/* enum vnet_vhost_cause, if that is not signalled */
	__u32	tid;		/* of the worker, when last seen, and its CPU */
	__u32	cpu;
	__u16	last_avail;	/* the virtqueue's own indices when last seen */
	__u16	last_used;
	__u64	handled;	/* runs of handle_rx or handle_tx with a backend */
	__s64	taken;		/* buffers: how far the indices moved; vhost may give */
	__u64	used;		/*	back what it took */
	__u64	resets;		/* indices that jumped: the guest began anew */
	__u64	chances;	/* returns of buffers */
	__u64	signals;
	__u64	suppressed[VNET_VHOST_CAUSES];
	struct vnet_hist batch;	/* buffers returned at once */
};
_Static_assert(sizeof(struct vnet_vhost_queue) == 2488, "abi");

/* A virtqueue as it is at one moment. */
struct vnet_vhost_ring {
	__u64	address;	/* the key in `queues` */
	__u64	avail;		/* of the guest's ring in its process; 0: not known */
	__u32	started;	/* 1: it has a backend */
	__u32	size;		/* descriptors */
	__u32	event_index;	/* 1: VIRTIO_RING_F_EVENT_IDX is in use */
	__u32	busy_poll_us;	/* 0: the worker does not poll */
	__u32	worker;		/* its thread; 0: not known */
	__u32	depth;		/* packets that wait in the tap's ring */
	__u16	avail_idx;	/* as vhost read it last */
	__u16	last_avail;
	__u16	last_used;
	__u16	fetched;	/* packets out of the tap's ring, on their way to the guest */
	struct vnet_vhost_tap tap;
	__u32	eventfd;	/* "eventfd-id" of fdinfo, plus 1; 0: none */
};
_Static_assert(sizeof(struct vnet_vhost_ring) == 80, "abi");

/* The value of the map `state`, key 0: what the program run__state found. */
struct vnet_vhost_state {
	__u32	found;		/* 1: the descriptor is open and has something behind it */
	__u32	reserved;
	struct vnet_vhost_ring rings[VNET_VHOST_DIRECTIONS];
};
_Static_assert(sizeof(struct vnet_vhost_state) == 168, "abi");

/* peek: the value of the map `looks`: an rx virtqueue, by its address; only grows. */
struct vnet_vhost_looks {
	__u64	empty;		/* looks that found no packet */
	__u64	vain;		/* of these the first of their run */
	__u64	first;		/* 1: a run has begun, and did not look yet */
	struct vnet_hist found;	/* lengths, in bytes, of packets that were found */
};
_Static_assert(sizeof(struct vnet_vhost_looks) == 2360, "abi");

/* details: `const volatile struct vnet_vhost_config config` */
struct vnet_vhost_config {
	__u32	events;		/* 1 << enum vnet_vhost_event: those that are recorded */
	__u32	flagged;	/* 1: only with flags */
};

/* A record of vhost details. */
struct vnet_vhost_record {
	__u64	time_ns;	/* CLOCK_MONOTONIC */
	__u64	address;	/* of the virtqueue */
	struct vnet_vhost_tap tap;
	__u32	event;		/* enum vnet_vhost_event */
	__u32	direction;
	__u32	flags;
	__u32	tid;		/* of the worker */
	__u32	cpu;
	__s32	taken;		/* RUN, USED: buffers since the event before of these two */
	__s32	returned;
	__u32	chance;		/* what the return before came to */
	__u32	cause;
	__u16	last_avail;	/* as they were at that event */
	__u16	last_used;
	__u32	reserved;
};
_Static_assert(sizeof(struct vnet_vhost_record) == 88, "abi");

#endif
