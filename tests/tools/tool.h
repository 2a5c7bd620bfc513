/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the programs of tests/tools have in common. They are what makes and takes
 * the packets of the tests; static, for a start that costs emulated CPUs little.
 */
#ifndef TESTS_TOOL_H
#define TESTS_TOOL_H

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

/* No call of theirs waits for longer. */
#define WAIT_S 10

/* Says why, with errno's text if there is one, and ends the program. */
__attribute__((noreturn, format(printf, 1, 2))) static inline void
die(const char *format, ...)
{
	int error = errno;
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, error ? ": %s\n" : "\n", strerror(error));
	exit(1);
}

/* The number in decimal that text begins with; *rest is what follows it. */
static inline uint64_t number_of(const char *text, const char **rest)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *text == '-')
		die("'%s' is no number", text);
	*rest = end;
	return value;
}

/* The same for a text that has nothing else. */
static inline uint64_t whole_number(const char *text)
{
	const char *rest;
	uint64_t value = number_of(text, &rest);

	if (*rest)
		die("'%s' is no number", text);
	return value;
}

/* Bytes of a text in hexadecimal, between which there may be colons. */
static inline size_t hex_bytes(const char *text, uint8_t *bytes, size_t room)
{
	char pair[3] = "";
	char *end;
	size_t n;

	for (n = 0; *text; n++) {
		if (n == room || !text[1])
			die("'%s' is not in hexadecimal, or too long", text);
		memcpy(pair, text, 2);
		bytes[n] = strtoul(pair, &end, 16);
		if (*end)
			die("'%s' is not in hexadecimal", text);
		text += 2;
		if (*text == ':')
			text++;
	}
	return n;
}

/* Other programs see this name of the calling thread; it need not be UTF-8. */
static inline void rename_thread(const char *hex)
{
	uint8_t name[15];
	size_t length = hex_bytes(hex, name, sizeof(name));
	FILE *file = fopen("/proc/thread-self/comm", "w");

	if (!file || fwrite(name, 1, length, file) != length || fclose(file))
		die("cannot rename the thread");
}

static inline void limit_waits(int fd)
{
	struct timeval limit = { .tv_sec = WAIT_S };

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)))
		die("SO_SNDTIMEO");
}

#endif
