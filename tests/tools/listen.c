/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Holds a UDP port open without reading. Called by listen_start of
 * tests/lib/common.bash.
 *
 *   listen ADDRESS PORT RCVBUF FILE
 * Writes "ready" to FILE; at SIGUSR1 reads all there is, writes their number as
 * a second line and ends.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <time.h>

#include "tool.h"

/* Nobody leaves it standing there for longer, in s. */
#define PATIENCE_S 60

int main(int argc, char **argv)
{
	const struct timespec patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_in address = { .sin_family = AF_INET };
	static char buffer[1 << 16];
	unsigned long count = 0;
	int fd, room;
	sigset_t set;
	FILE *file;

	if (argc != 5)
		return 2;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	room = whole_number(argv[3]);
	address.sin_port = htons(whole_number(argv[2]));
	if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1 || fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)))
		die("listen: '%s', port %s", argv[1], argv[2]);
	file = fopen(argv[4], "w");
	if (!file)
		die("listen: '%s'", argv[4]);
	fprintf(file, "ready\n");
	fflush(file);
	if (sigtimedwait(&set, NULL, &patience) < 0)
		die("listen: nobody asked");
	while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) >= 0)
		count++;
	if (errno != EAGAIN)
		die("listen: recv");
	fprintf(file, "%lu\n", count);
	return fclose(file) != 0;
}
