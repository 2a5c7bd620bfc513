/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `ovs threads`: is the kernel to blame? Each rule has a threshold and an
 * amount; of those that hold the one with the largest amount speaks. Pure.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/ovs_threads.h"
#include "vnet/report.h"
#include "vnet/util.h"

/* A thread that stands still for less is not what anyone looks for. */
#define STALL_NS	(VNET_NS_PER_S / 100)

/* A rule's finding about one thread; amount 0: it does not hold. */
struct finding {
	uint64_t amount;
	const char *blame;
	char words[sizeof(((struct threads_verdict *)0)->words)];
};

static unsigned int percent(uint64_t part, uint64_t whole)
{
	return whole ? (unsigned int)(part * 100 / whole) : 0;
}

static bool stalled(const struct threads_row *row, uint32_t state)
{
	return row->stall.state == state && row->stall.ns >= STALL_NS;
}

static void find_stopped(const struct threads_row *row, struct finding *f)
{
	char time[16];

	if (!stalled(row, VNET_THREAD_STOPPED))
		return;
	f->amount = row->stall.ns;
	f->blame = "stopped";
	vnet_ns_text(row->stall.ns, time);
	snprintf(f->words, sizeof(f->words),
		 "no: %s (%u) was stopped for %s by a signal or a debugger",
		 row->comm, row->tid, time);
}

static void find_waiting(const struct threads_row *row, struct finding *f)
{
	char time[16], who[40] = "nobody that was seen";

	if (!stalled(row, VNET_THREAD_RUNNABLE))
		return;
	f->amount = row->stall.ns;
	f->blame = "cpu";
	vnet_ns_text(row->stall.ns, time);
	if (row->stall.by_tid)
		snprintf(who, sizeof(who), "%.16s (%u)", row->stall.by_comm,
			 row->stall.by_tid);
	snprintf(f->words, sizeof(f->words),
		 "yes, for want of a CPU: %s (%u) was ready and waited %s (%u %% of its time "
		 "in all); before it ran %s",
		 row->comm, row->tid, time, percent(row->runnable_ns, row->window_ns), who);
}

static void find_uninterruptible(const struct threads_row *row, struct finding *f)
{
	char time[16];

	if (!stalled(row, VNET_THREAD_UNINTERRUPTIBLE))
		return;
	f->amount = row->stall.ns;
	f->blame = "kernel";
	vnet_ns_text(row->stall.ns, time);
	snprintf(f->words, sizeof(f->words),
		 "yes: it held %s (%u) for %s where no signal can wake it; see the stack",
		 row->comm, row->tid, time);
}

static void find_interrupts(const struct threads_row *row, struct finding *f)
{
	if (row->irq_ns < STALL_NS || row->irq_ns * 5 < row->running_ns)
		return;
	f->amount = row->irq_ns;
	f->blame = "interrupts";
	snprintf(f->words, sizeof(f->words),
		 "yes: interrupts took %u %% of the time that %s (%u) had a CPU",
		 percent(row->irq_ns, row->running_ns), row->comm, row->tid);
}

static void find_syscalls(const struct threads_row *row, struct finding *f)
{
	if (row->syscall_ns < STALL_NS || row->syscall_ns * 2 < row->window_ns)
		return;
	f->amount = row->syscall_ns;
	f->blame = "kernel";
	snprintf(f->words, sizeof(f->words),
		 "yes: %s (%u) ran in system calls for %u %% of the time",
		 row->comm, row->tid, percent(row->syscall_ns, row->window_ns));
}

static void find_busy(const struct threads_row *row, struct finding *f)
{
	uint64_t own = row->running_ns - row->syscall_ns - row->irq_ns;

	if (row->running_ns < row->syscall_ns + row->irq_ns || own < STALL_NS ||
	    own * 2 < row->window_ns)
		return;
	f->amount = own;
	f->blame = "user";
	snprintf(f->words, sizeof(f->words),
		 "no: %s (%u) is busy in its own code for %u %% of the time",
		 row->comm, row->tid, percent(own, row->window_ns));
}

void threads_judge(const struct threads_row *rows, size_t nr,
		   struct threads_verdict *verdict)
{
	static void (*const rules[])(const struct threads_row *, struct finding *) = {
		find_stopped, find_waiting, find_uninterruptible, find_interrupts,
		find_syscalls, find_busy,
	};
	struct finding worst = {
		.blame = "none",
		.words = "no: no thread stood still for 10 ms or was busy half of the time",
	};

	for (size_t i = 0; i < nr; i++)
		for (size_t rule = 0; rule < VNET_ARRAY_SIZE(rules); rule++) {
			struct finding f = {};

			rules[rule](&rows[i], &f);
			if (f.amount > worst.amount)
				worst = f;
		}
	verdict->blame = worst.blame;
	memcpy(verdict->words, worst.words, sizeof(verdict->words));
}
