/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of `vnetdiag ovs threads`. Private to cmd. */
#ifndef VNET_CMD_OVS_THREADS_H
#define VNET_CMD_OVS_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "vnet/abi/stream.h"
#include "vnet/abi/ovs_threads.h"
#include "vnet/session.h"

#define THREADS_SYMBOL	64

/* A kernel function in which a thread slept, and how much of an interval. */
struct threads_blocker {
	char symbol[THREADS_SYMBOL];
	uint64_t ns, count;
};

/* What one thread did in an interval; running + runnable + blocked = window. */
struct threads_row {
	uint32_t tid;
	char comm[16];
	const char *role;		/* "handler", "main"...; constant */
	uint64_t window_ns;		/* of the interval, that it existed and was seen */
	uint64_t running_ns, runnable_ns;
	uint64_t blocked_ns;		/* asleep in any way, of this: */
	uint64_t uninterruptible_ns, stopped_ns;
	uint64_t syscall_ns, irq_ns;	/* of running_ns */
	uint64_t switches, preempted;
	struct vnet_thread_stall stall;	/* the longest; ns 0: none */
	struct threads_blocker blockers[VNET_THREAD_BLOCKERS + 2];	/* most first */
	size_t nr_blockers;
};

struct threads_reader;

struct threads_reader *threads_reader_new(uint32_t pid);
void threads_reader_free(struct threads_reader *reader);
/* Once attached: tells the kernel of the threads that are there. 0 or -errno. */
int threads_start(struct threads_reader *reader, struct vnet_session *session);
/* Ends an interval: a row for each thread, allocated: free(). 0 or -errno. */
int threads_read(struct threads_reader *reader, struct vnet_session *session,
		 struct threads_row **rows, size_t *nr);
/* The stack of a hash as the kernel gave it; false: none. */
bool threads_stack(struct vnet_session *session, uint64_t hash,
		   struct vnet_stack_ips *ips);
/* "handler", "revalidator", "pmd", "main" or "other". */
const char *threads_role(const char *comm, bool main);

/* Whom the figures blame: what is said of the worst of all threads. */
struct threads_verdict {
	const char *blame;	/* "cpu", "kernel", "interrupts", "stopped", "user", "none" */
	char words[200];
};
/* Pure. */
void threads_judge(const struct threads_row *rows, size_t nr,
		   struct threads_verdict *verdict);

#endif
