/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Holds threads of a process for a while, as a busy or frozen host does. Called
 * by tests/lab/latency.bats.
 *
 *   stall MS PID [PREFIX [--hold]]
 * Stops those whose names begin with PREFIX (all by default) by ptrace, waits MS
 * milliseconds, lets them go on, and prints from when to when all stood still, in
 * ns since 1970. With --hold says "stopped" once they do, and MS is the longest:
 * a line on its standard input, or the end of that, lets them go on earlier.
 */
#include <dirent.h>
#include <poll.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>

#include "tool.h"

#define MAX_THREADS 1024
#define NS_PER_S 1000000000ULL

static pid_t seized[MAX_THREADS];
static int nr_seized;

static int name_fits(const char *pid, const char *tid, const char *prefix)
{
	char path[512], comm[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/task/%s/comm", pid, tid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (!fgets(comm, sizeof(comm), file))
		comm[0] = 0;
	fclose(file);
	return !strncmp(comm, prefix, strlen(prefix));
}

/* The threads that are there now; one that ends meanwhile is no matter. */
static void seize(const char *pid, const char *prefix)
{
	struct dirent *entry;
	char path[300];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	if (!dir)
		die("stall: '%s'", path);
	while ((entry = readdir(dir)) && nr_seized < MAX_THREADS) {
		pid_t tid;

		if (entry->d_name[0] == '.' || !name_fits(pid, entry->d_name, prefix))
			continue;
		tid = whole_number(entry->d_name);
		if (!ptrace(PTRACE_SEIZE, tid, NULL, NULL))
			seized[nr_seized++] = tid;
		else if (errno != ESRCH)
			die("stall: thread %d", tid);
	}
	closedir(dir);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

int main(int argc, char **argv)
{
	struct pollfd input = { .fd = 0, .events = POLLIN };
	struct timespec pause;
	uint64_t ms, start, end;

	if (argc < 3 || argc > 5 || (argc == 5 && strcmp(argv[4], "--hold")))
		return 2;
	ms = whole_number(argv[1]);
	pause = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	seize(argv[2], argc > 3 ? argv[3] : "");
	errno = 0;
	if (!nr_seized)
		die("stall: no such threads");
	for (int i = 0; i < nr_seized; i++)
		if (ptrace(PTRACE_INTERRUPT, seized[i], NULL, NULL))
			die("stall: PTRACE_INTERRUPT");
	for (int i = 0; i < nr_seized; i++)
		if (waitpid(seized[i], NULL, __WALL) < 0)
			die("stall: waitpid");
	start = now_ns();
	if (argc == 5) {
		puts("stopped");
		fflush(stdout);
		poll(&input, 1, ms);
	} else {
		nanosleep(&pause, NULL);
	}
	end = now_ns();
	for (int i = 0; i < nr_seized; i++)
		if (ptrace(PTRACE_DETACH, seized[i], NULL, NULL) && errno != ESRCH)
			die("stall: PTRACE_DETACH");
	printf("%llu %llu\n", (unsigned long long)start, (unsigned long long)end);
	return 0;
}
