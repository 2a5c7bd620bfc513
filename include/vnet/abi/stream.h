/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How records leave the kernel: `const volatile struct vnet_stream stream` in
 * .rodata and the map `events`. Written by core/session.c.
 */
#ifndef VNET_ABI_STREAM_H
#define VNET_ABI_STREAM_H

struct vnet_stream {
	__u32	ring_buffer;	/* 1: events is a ring buffer, 0: a perf event array */
	__u32	rate_limit;	/* records a second over all CPUs, 0: no limit */
};

/* The value of the map `rate`, key 0: a window of one second. */
struct vnet_rate {
	__u64	window;		/* ktime in whole seconds */
	__u64	count;		/* records asked for in it */
};

/* Symbols of a kernel stack that a record or a key can carry. */
#define VNET_STACK_DEPTH	24

struct vnet_stack_ips {
	__u64	ip[VNET_STACK_DEPTH];	/* innermost first; 0 ends it */
};

/*
 * The map `epoch`, key 0: summaries keep two copies of everything they count
 * and write to copy (epoch & 1). To read, user space raises the epoch, waits
 * for an RCU grace period and then owns the other copy: nothing is lost or
 * counted twice.
 */
#endif
