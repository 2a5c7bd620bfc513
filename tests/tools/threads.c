/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process with two threads that send UDP. Called by tests/lab/drop.bats.
 *
 *   threads SRC DST PORT COUNT OTHER_COUNT NAME
 * Prints its pid and the other thread's tid and waits for a byte on stdin. Then
 * the main thread sends COUNT packets to PORT, and the other one, whose name is
 * NAME (in hex: it need not be UTF-8), OTHER_COUNT to the next port. A packet
 * that the kernel refuses is as good as sent.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <unistd.h>

#include "tool.h"

/* What both threads do. */
static struct {
	const char *src;
	const char *dst;
	uint16_t port; /* of the main thread's packets */
	uint64_t count, other_count;
	const char *name; /* of the other thread, in hex */
} job;

/* The other thread waits here until it may send. */
static pthread_barrier_t go;

static void send_to(uint16_t port, uint64_t count)
{
	struct sockaddr_in from = { .sin_family = AF_INET }, to = from;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	static const char payload[32];

	to.sin_port = htons(port);
	if (fd < 0 || inet_pton(AF_INET, job.src, &from.sin_addr) != 1 ||
	    inet_pton(AF_INET, job.dst, &to.sin_addr) != 1 ||
	    bind(fd, (struct sockaddr *)&from, sizeof(from)))
		die("threads: '%s' to '%s'", job.src, job.dst);
	limit_waits(fd);
	for (uint64_t i = 0; i < count; i++)
		if (sendto(fd, payload, sizeof(payload), 0, (struct sockaddr *)&to, sizeof(to)) <
			    0 &&
		    errno != EPERM)
			die("threads: packet %llu", (unsigned long long)i);
	close(fd);
}

static void *other(void *unused)
{
	rename_thread(job.name);
	printf("%d %d\n", getpid(), gettid());
	fflush(stdout);
	pthread_barrier_wait(&go);
	send_to(job.port + 1, job.other_count);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	char byte;

	if (argc != 7)
		return 2;
	job.src = argv[1];
	job.dst = argv[2];
	job.port = whole_number(argv[3]);
	job.count = whole_number(argv[4]);
	job.other_count = whole_number(argv[5]);
	job.name = argv[6];
	pthread_barrier_init(&go, NULL, 2);
	if (pthread_create(&thread, NULL, other, NULL))
		die("threads: pthread_create");
	if (read(0, &byte, 1) != 1)
		die("threads: nobody said go");
	pthread_barrier_wait(&go);
	send_to(job.port, job.count);
	return pthread_join(thread, NULL) != 0;
}
