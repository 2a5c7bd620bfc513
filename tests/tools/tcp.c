/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A known number of bytes by TCP. Called by the bats files of tests/lab.
 *
 *   tcp listen PORT FILE
 * Returns as soon as it listens (IPv4 and IPv6). In the background it takes one
 * connection, reads to its end, and then puts the number of bytes into FILE.
 *
 *   tcp send ADDRESS PORT BYTES [reset]
 * Connects, sends the bytes, and returns when the other side has read all of
 * them and closed. "reset": returns at once, with a reset.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "tool.h"

/* Nobody waits for the other side for longer, in s. */
#define PATIENCE_S 120

static char buffer[1 << 17];

static void put_result(const char *path, uint64_t bytes)
{
	char fresh[4096];
	FILE *file;

	/* A rename, so that nobody sees half of it. */
	snprintf(fresh, sizeof(fresh), "%s.new", path);
	file = fopen(fresh, "w");
	if (!file)
		die("tcp: '%s'", fresh);
	fprintf(file, "%llu\n", (unsigned long long)bytes);
	if (fclose(file) || rename(fresh, path))
		die("tcp: '%s'", path);
}

/* Reads to the end; the number of bytes. */
static uint64_t read_all(int fd)
{
	uint64_t bytes = 0;
	ssize_t length;

	while ((length = read(fd, buffer, sizeof(buffer))) > 0)
		bytes += length;
	if (length < 0)
		die("tcp: read");
	return bytes;
}

static int take_one(const char *port, const char *path)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_STREAM, 0), one = 1, null;
	pid_t child;

	any.sin6_port = htons(whole_number(port));
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, 1))
		die("tcp: port %s", port);
	child = fork();
	if (child < 0)
		die("tcp: fork");
	if (child)
		return 0;
	/* Nothing of the caller's is held open. */
	null = open("/dev/null", O_RDWR);
	for (int i = 0; i < 10; i++)
		if (i != fd && i != null)
			dup2(null, i);
	setsid();
	alarm(PATIENCE_S);
	null = accept(fd, NULL, NULL);
	if (null < 0)
		die("tcp: accept");
	put_result(path, read_all(null));
	return 0;
}

/* Returns the address's length. */
static socklen_t parse(const char *text, const char *port, struct sockaddr_storage *storage)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)storage;
	struct sockaddr_in *four = (struct sockaddr_in *)storage;

	if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(whole_number(port));
		return sizeof(*six);
	}
	if (inet_pton(AF_INET, text, &four->sin_addr) != 1)
		die("tcp: '%s' is no address", text);
	four->sin_family = AF_INET;
	four->sin_port = htons(whole_number(port));
	return sizeof(*four);
}

static int send_bytes(char **argv, bool reset)
{
	struct linger hard = { .l_onoff = 1 };
	struct sockaddr_storage address = {};
	socklen_t length = parse(argv[0], argv[1], &address);
	uint64_t left = whole_number(argv[2]);
	int fd = socket(address.ss_family, SOCK_STREAM, 0);

	alarm(PATIENCE_S);
	if (connect(fd, (struct sockaddr *)&address, length))
		die("tcp: cannot connect to '%s'", argv[0]);
	while (left) {
		ssize_t sent = write(fd, buffer, left < sizeof(buffer) ? left : sizeof(buffer));

		if (sent < 0)
			die("tcp: write");
		left -= sent;
	}
	if (reset) {
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		return close(fd) != 0;
	}
	/* The other side sends nothing: its end comes when it has read ours. */
	if (shutdown(fd, SHUT_WR) || read_all(fd))
		die("tcp: the end");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "listen"))
		return take_one(argv[2], argv[3]);
	if ((argc == 5 || (argc == 6 && !strcmp(argv[5], "reset"))) && !strcmp(argv[1], "send"))
		return send_bytes(argv + 2, argc == 6);
	return 2;
}
