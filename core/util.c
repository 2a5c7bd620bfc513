/* SPDX-License-Identifier: GPL-2.0-only */
/* Clocks, memory, small files and text. For everyone. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "vnet/cli.h"
#include "vnet/util.h"

/* /proc/kallsyms, the largest that is read, has some 15 MB. */
#define MAX_FILE	(256u << 20)
#define FIRST_READ	4096
/* Tries at reading two clocks at one moment. */
#define CLOCK_TRIES	8

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * VNET_NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t vnet_now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t vnet_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t vnet_wall_offset_ns(void)
{
	uint64_t best = UINT64_MAX;
	int64_t offset = 0;

	/* The pair least torn by an interruption in between is the truest. */
	for (int i = 0; i < CLOCK_TRIES; i++) {
		uint64_t before = vnet_now_ns();
		uint64_t wall = vnet_wall_ns();
		uint64_t gap = vnet_now_ns() - before;

		if (gap < best) {
			best = gap;
			offset = (int64_t)(wall - (before + gap / 2));
		}
	}
	return offset;
}

static void *memory_or_exit(void *p)
{
	if (!p) {
		fputs("vnetdiag: error: out of memory\n", stderr);
		exit(VNET_EXIT_RUNTIME);
	}
	return p;
}

void *vnet_alloc(size_t size)
{
	return memory_or_exit(calloc(1, size ? size : 1));
}

void *vnet_realloc(void *p, size_t size)
{
	return memory_or_exit(realloc(p, size ? size : 1));
}

char *vnet_strdup(const char *s)
{
	return memory_or_exit(strdup(s));
}

char *vnet_printf(const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	return memory_or_exit(n < 0 ? NULL : text);
}

/* Reads to the end: the size of a file in /proc is not known before. */
static int read_all(int fd, char **data, size_t *size)
{
	size_t used = 0, room = FIRST_READ;
	char *text = vnet_alloc(room);
	int err = 0;

	for (;;) {
		ssize_t n = read(fd, text + used, room - used - 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			err = -errno;
		if (n <= 0)
			break;
		used += (size_t)n;
		if (used + 1 < room)
			continue;
		if (room >= MAX_FILE) {
			err = -EFBIG;
			break;
		}
		room *= 2;
		text = vnet_realloc(text, room);
	}
	if (err) {
		free(text);
		return err;
	}
	text[used] = '\0';
	*data = text;
	if (size)
		*size = used;
	return 0;
}

int vnet_read_file(const char *path, char **data, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = read_all(fd, data, size);
	close(fd);
	return err;
}

bool vnet_copy(char *to, size_t size, const char *from)
{
	size_t n = strlen(from);

	if (!size)
		return false;
	if (n >= size) {
		memcpy(to, from, size - 1);
		to[size - 1] = '\0';
		return false;
	}
	memcpy(to, from, n + 1);
	return true;
}

/*
 * The bytes of the printable UTF-8 character that `s` begins with, or 0:
 * malformed, over-long, a surrogate, beyond U+10FFFF, or a control character.
 */
static size_t printable_length(const unsigned char *s)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t c = s[0];
	size_t n;

	if (c < 0x80)
		return c >= 0x20 && c != 0x7f;
	if (c >= 0xf8 || c < 0xc0)
		return 0;
	n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		/* A terminating NUL is no continuation byte: it ends this. */
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < smallest[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ||
	    (c >= 0x80 && c < 0xa0))
		return 0;
	return n;
}

void vnet_sanitise(char *text)
{
	while (*text) {
		size_t n = printable_length((const unsigned char *)text);

		if (n)
			text += n;
		else
			*text++ = '?';
	}
}
