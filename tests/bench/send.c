/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sends UDP datagrams and prints how many ns that took: the traffic of
 * tests/bench/packets.sh. Not pktgen, which frees each of its packets with
 * kfree_skb() and so adds a drop of its own to every packet.
 * usage: send ADDRESS PORT COUNT
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	static const char payload[58];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	unsigned long n;
	uint64_t start;

	if (argc != 4 || fd < 0 || !inet_pton(AF_INET, argv[1], &to.sin_addr))
		return 2;
	to.sin_port = htons(strtoul(argv[2], NULL, 10));
	n = strtoul(argv[3], NULL, 10);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return 1;
	start = now_ns();
	for (unsigned long i = 0; i < n; i++)
		if (send(fd, payload, sizeof(payload), 0) < 0)
			return 1;
	printf("%llu\n", (unsigned long long)(now_ns() - start));
	return 0;
}
