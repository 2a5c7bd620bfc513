/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Gives the generic netlink sockets of a process receive buffers of another size.
 * Called by tests/lab/ovs_upcall.bats.
 *
 *   rcvbuf PID BYTES
 * Takes the process's descriptors by pidfd_getfd(2) and sets SO_RCVBUFFORCE, of
 * which the kernel makes twice as many bytes, 2304 at least.
 */
#include <dirent.h>
#include <linux/netlink.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tool.h"

static int socket_option(int fd, int option)
{
	socklen_t size = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &size) ? -1 : value;
}

/* 1 if it was such a socket. */
static int set_one(int process, int number, int bytes)
{
	int fd = (int)syscall(SYS_pidfd_getfd, process, number, 0), found;

	if (fd < 0)
		die("rcvbuf: descriptor %d", number);
	found = socket_option(fd, SO_DOMAIN) == AF_NETLINK &&
		socket_option(fd, SO_PROTOCOL) == NETLINK_GENERIC;
	if (found && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		die("rcvbuf: SO_RCVBUFFORCE");
	close(fd);
	return found;
}

int main(int argc, char **argv)
{
	struct dirent *entry;
	char path[64];
	int process, found = 0;
	DIR *dir;

	if (argc != 3)
		return 2;
	process = (int)syscall(SYS_pidfd_open, (pid_t)whole_number(argv[1]), 0);
	if (process < 0)
		die("rcvbuf: process %s", argv[1]);
	snprintf(path, sizeof(path), "/proc/%llu/fd",
		 (unsigned long long)whole_number(argv[1]));
	dir = opendir(path);
	if (!dir)
		die("rcvbuf: '%s'", path);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			found += set_one(process, (int)whole_number(entry->d_name),
					 (int)whole_number(argv[2]));
	errno = 0;
	if (!found)
		die("rcvbuf: no such sockets");
	printf("%d\n", found);
	return 0;
}
