/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Takes a CPU from all ordinary threads, as a thread of real-time priority does.
 * Called by tests/lab/ovs_threads.bats.
 *
 *   hog CPU MS
 * Runs on that CPU without a pause for so long, half a second at most, which is
 * less than the kernel's limit for such threads. Prints when it began and ended,
 * in ns of CLOCK_MONOTONIC, when it is over.
 */
#include <sched.h>
#include <time.h>

#include "tool.h"

#define MOST_MS	500

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

int main(int argc, char **argv)
{
	struct sched_param param = { .sched_priority = 1 };
	uint64_t ms, start, end;
	cpu_set_t set;

	if (argc != 3)
		return 2;
	ms = whole_number(argv[2]);
	if (ms > MOST_MS)
		return 2;
	CPU_ZERO(&set);
	CPU_SET(whole_number(argv[1]), &set);
	if (sched_setaffinity(0, sizeof(set), &set) ||
	    sched_setscheduler(0, SCHED_FIFO, &param))
		die("hog: CPU %s", argv[1]);
	start = now_ns();
	do
		end = now_ns();
	while (end < start + ms * 1000000);
	printf("%llu %llu\n", (unsigned long long)start, (unsigned long long)end);
	return 0;
}
