/* SPDX-License-Identifier: GPL-2.0-only */
/* `ovs threads`: what its figures say (cmd/ovs_threads_judge.c). */
#include <string.h>

#include "cmd/ovs_threads_judge.c"

#include "test.h"

#define MS	1000000ull

static struct threads_verdict judge(const struct threads_row *rows, size_t nr)
{
	struct threads_verdict v;

	threads_judge(rows, nr, &v);
	return v;
}

/* A thread that slept nearly all of a second. */
static struct threads_row idle(const char *comm, uint32_t tid)
{
	struct threads_row row = {
		.tid = tid, .window_ns = 1000 * MS, .running_ns = 2 * MS,
		.runnable_ns = 1 * MS, .blocked_ns = 997 * MS, .syscall_ns = 1 * MS,
	};

	vnet_copy(row.comm, sizeof(row.comm), comm);
	return row;
}

TEST(nothing_to_blame)
{
	struct threads_row rows[] = { idle("handler1", 7), idle("revalidator2", 8) };
	struct threads_verdict v;

	/* Stalls of under 10 ms are none. */
	rows[0].stall = (struct vnet_thread_stall){
		.ns = 10 * MS - 1, .state = VNET_THREAD_RUNNABLE,
	};
	v = judge(rows, 2);
	CHECK_STR(v.blame, "none");
	v = judge(rows, 0);
	CHECK_STR(v.blame, "none");
	CHECK(!strncmp(v.words, "no:", 3));
}

TEST(each_rule_and_its_words)
{
	static const struct {
		struct vnet_thread_stall stall;
		uint64_t running, syscall, irq;
		const char *blame, *words;
	} cases[] = {
		{ { .ns = 10 * MS, .state = VNET_THREAD_STOPPED }, 2, 1, 0,
		  "stopped", "no: handler1 (7) was stopped for 10.0 ms" },
		{ { .ns = 52 * MS, .state = VNET_THREAD_RUNNABLE, .by_tid = 99,
		    .by_comm = "hog" }, 2, 1, 0,
		  "cpu", "yes, for want of a CPU: handler1 (7) was ready and waited 52.0 ms "
			 "(0 % of its time in all); before it ran hog (99)" },
		{ { .ns = 10 * MS, .state = VNET_THREAD_RUNNABLE }, 2, 1, 0,
		  "cpu", "yes, for want of a CPU" },
		{ { .ns = 30 * MS, .state = VNET_THREAD_UNINTERRUPTIBLE }, 2, 1, 0,
		  "kernel", "yes: it held handler1 (7) for 30.0 ms" },
		{ {}, 60, 10, 12, "interrupts", "yes: interrupts took 20 %" },
		{ {}, 60, 10, 11, "none", "no: no thread" },
		{ {}, 600, 500, 0, "kernel", "yes: handler1 (7) ran in system calls for 50 %" },
		{ {}, 600, 99, 0, "user", "no: handler1 (7) is busy in its own code for 50 %" },
		{ {}, 600, 101, 0, "none", "no: no thread" },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(cases); i++) {
		struct threads_row row = idle("handler1", 7);
		struct threads_verdict v;

		row.stall = cases[i].stall;
		row.running_ns = cases[i].running * MS;
		row.syscall_ns = cases[i].syscall * MS;
		row.irq_ns = cases[i].irq * MS;
		v = judge(&row, 1);
		CHECK_STR(v.blame, cases[i].blame);
		if (strncmp(v.words, cases[i].words, strlen(cases[i].words)))
			printf("# case %zu: '%s'\n", i, v.words);
		CHECK(!strncmp(v.words, cases[i].words, strlen(cases[i].words)));
	}
}

/* Of several findings the one with the longest time speaks. */
TEST(the_worst_speaks)
{
	struct threads_row rows[] = { idle("handler1", 7), idle("handler2", 8) };

	rows[0].stall = (struct vnet_thread_stall){
		.ns = 20 * MS, .state = VNET_THREAD_RUNNABLE,
	};
	rows[1].stall = (struct vnet_thread_stall){
		.ns = 21 * MS, .state = VNET_THREAD_UNINTERRUPTIBLE,
	};
	CHECK_STR(judge(rows, 2).blame, "kernel");
	rows[0].stall.ns = 22 * MS;
	CHECK_STR(judge(rows, 2).blame, "cpu");
}

TEST_MAIN(T(nothing_to_blame), T(each_rule_and_its_words), T(the_worst_speaks))
