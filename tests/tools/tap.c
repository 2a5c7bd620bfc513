/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Holds a tap open as a guest's QEMU would, reading from it or not. Called by
 * tap_up of tests/lab/topology.sh and by tests/live/drop.bats.
 *
 *   tap NAME QUEUES READY_FILE
 * Starts without reading, so that the ring of the tap fills. SIGUSR1: read and
 * throw away; SIGUSR2: stop reading; SIGHUP: read, but not from the first queue.
 * Every change is acknowledged by writing "read N", "hold N" or "part N" (packets
 * read so far) to READY_FILE.
 */
#include <fcntl.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tool.h"

#define MAX_QUEUES 64

/* The queues, and behind them what brings the signals. */
static struct pollfd polled[MAX_QUEUES + 1];
static nfds_t nr_queues;

/* One file descriptor is one queue of the tap. */
static int open_queue(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	if (nr_queues > 1)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request))
		die("tap: '%s'", name);
	return fd;
}

/* A rename, so that nobody sees half of it. */
static void acknowledge(const char *path, const char *state, uint64_t total)
{
	char fresh[4096];
	FILE *file;

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	file = fopen(fresh, "w");
	if (!file)
		die("tap: '%s'", fresh);
	fprintf(file, "%s %llu\n", state, (unsigned long long)total);
	if (fclose(file) || rename(fresh, path))
		die("tap: '%s'", path);
}

/* Reads what is there from all queues behind the first; returns the number of packets. */
static uint64_t drain(nfds_t first)
{
	static char buffer[1 << 17];
	uint64_t count = 0;

	for (nfds_t i = first; i < nr_queues; i++) {
		while (read(polled[i].fd, buffer, sizeof(buffer)) >= 0)
			count++;
		/* EIO: the device is down, or gone. */
		if (errno != EAGAIN && errno != EIO && errno != EBADFD)
			die("tap: read");
	}
	return count;
}

int main(int argc, char **argv)
{
	struct signalfd_siginfo signal;
	const char *state = "hold";
	nfds_t first;	/* of the queues that are read */
	uint64_t total = 0;
	sigset_t set;

	if (argc != 4)
		return 2;
	nr_queues = first = whole_number(argv[2]);
	if (!nr_queues || nr_queues > MAX_QUEUES)
		return 2;
	for (nfds_t i = 0; i < nr_queues; i++)
		polled[i] = (struct pollfd){ .fd = open_queue(argv[1]), .events = POLLIN };
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	polled[nr_queues] = (struct pollfd){ .fd = signalfd(-1, &set, 0), .events = POLLIN };
	acknowledge(argv[3], state, 0);
	for (;;) {
		if (poll(polled + first, nr_queues + 1 - first, -1) < 0)
			die("tap: poll");
		if (polled[nr_queues].revents) {
			if (read(polled[nr_queues].fd, &signal, sizeof(signal)) < 0)
				die("tap: signalfd");
			state = signal.ssi_signo == SIGUSR1 ? "read" :
				signal.ssi_signo == SIGHUP ? "part" : "hold";
			first = *state == 'r' ? 0 : *state == 'p' ? 1 : nr_queues;
			/* What is there when reading begins is told at once. */
			total += drain(first);
			acknowledge(argv[3], state, total);
		} else {
			total += drain(first);
		}
	}
}
