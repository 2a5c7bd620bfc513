/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs a program in a network namespace. Called by peer_run of
 * tests/lab/topology.sh: "ip netns exec" takes an emulated CPU 0.3 s more, for it
 * also copies all mounts, which waits for RCU, and has a dozen libraries.
 *
 *   netns NAME PROGRAM [ARGUMENT...]
 * /sys stays that of the caller's namespace.
 */
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "tool.h"

int main(int argc, char **argv)
{
	char path[256];
	int fd;

	if (argc < 3)
		return 2;
	snprintf(path, sizeof(path), "/run/netns/%s", argv[1]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die("netns: '%s'", argv[1]);
	execvp(argv[2], argv + 2);
	die("netns: cannot run '%s'", argv[2]);
}
