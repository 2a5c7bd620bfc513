/* SPDX-License-Identifier: GPL-2.0-only */
/* What probes/ovs_threads.bpf.c and cmd/ovs_threads*.c share. */
#ifndef VNET_ABI_OVS_THREADS_H
#define VNET_ABI_OVS_THREADS_H

/* What a thread is doing. */
enum vnet_thread_state {
	VNET_THREAD_UNKNOWN,	/* nothing of it was seen yet: see `guess` */
	VNET_THREAD_RUNNING,
	VNET_THREAD_RUNNABLE,	/* it could run, but has no CPU */
	VNET_THREAD_BLOCKED,	/* sleeps, may be woken by a signal */
	VNET_THREAD_UNINTERRUPTIBLE,	/* sleeps until the kernel is done */
	VNET_THREAD_STOPPED,	/* by a signal or a debugger */
	VNET_THREAD_GONE,	/* has ended; user space deletes it */
	VNET_THREAD_STATES
};

/* Places where a thread sleeps that are told apart in a run. */
#define VNET_THREAD_BLOCKERS	12

struct vnet_threads_config {
	__u32	tgid;		/* the process */
	__u32	reserved;
};

/* One place where it sleeps: counts since the start. */
struct vnet_thread_blocker {
	__u64	stack;		/* hash: key of `stacks`; 0: none was had */
	__u64	ns;
	__u64	count;		/* 0: the place is free */
};

/* The longest time without a CPU, or asleep against its will, in an interval. */
struct vnet_thread_stall {
	__u64	ns;
	__u64	end_ns;		/* CLOCK_MONOTONIC */
	__u64	stack;		/* where it stood */
	__u32	epoch;		/* the interval; another one: nothing is here */
	__u32	state;		/* enum vnet_thread_state */
	__u32	by_tid;		/* RUNNABLE: who had the CPU that it got; 0: nobody */
	__u32	cpu;
	char	by_comm[16];
};
_Static_assert(sizeof(struct vnet_thread_stall) == 56, "abi");

/* Value of the map `threads`. Times since the start of the run, in ns. */
struct vnet_thread {
	__u32	seq;		/* odd while it is being written */
	__u32	state;		/* enum vnet_thread_state, since `since` */
	__u32	tid;
	__u32	in_syscall;
	__u64	since;		/* CLOCK_MONOTONIC */
	__u64	stack;		/* of its last switch-out */
	__u64	ns[VNET_THREAD_STATES];	/* in each state, without the present one */
	__u64	syscall_ns;	/* of RUNNING: in system calls, without irq_ns */
	__u64	syscall_since;	/* while it runs in one */
	__u64	irq_ns;		/* of RUNNING: taken by interrupts */
	__u64	irq_since;
	__u32	irq_depth;
	__u32	guess;		/* state before the first event, as /proc has it */
	__u64	switches;
	__u64	preempted;	/* of these against its will */
	__u64	other_ns;	/* asleep at places that found no room */
	__u64	other_count;
	struct vnet_thread_stall stalls[2];	/* of even intervals and odd */
	struct vnet_thread_blocker blockers[VNET_THREAD_BLOCKERS];
	char	comm[16];
};
_Static_assert(sizeof(struct vnet_thread) == 576, "abi");

#endif
