/* SPDX-License-Identifier: GPL-2.0-only */
/* Small helpers that have no better home. */
#ifndef VNET_UTIL_H
#define VNET_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VNET_ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define VNET_NS_PER_S		1000000000ull

/* CLOCK_MONOTONIC and CLOCK_REALTIME in ns. */
uint64_t vnet_now_ns(void);
uint64_t vnet_wall_ns(void);
/* What to add to a kernel ktime (CLOCK_MONOTONIC) for wall-clock ns. */
int64_t vnet_wall_offset_ns(void);

/* malloc and friends that end the program with a message when memory is out. */
void *vnet_alloc(size_t size);		/* zeroed */
void *vnet_realloc(void *p, size_t size);
char *vnet_strdup(const char *s);
char *vnet_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A whole small file (also of /proc, /sys): NUL-terminated, *size without it. */
int vnet_read_file(const char *path, char **data, size_t *size);
/* Copies with termination; true if all of it fitted. */
bool vnet_copy(char *to, size_t size, const char *from);
/* Rewrites invalid UTF-8 and control characters as '?', in place. */
void vnet_sanitise(char *text);

#endif
