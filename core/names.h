/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A few names that are looked for among 100,000: nearly all of those are told
 * apart by their first four characters. Used by core/kernel.c and core/btf_part.c.
 */
#ifndef VNET_CORE_NAMES_H
#define VNET_CORE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vnet_name {
	const char *name;	/* not owned, need not end with len */
	size_t len;
	int value;		/* the caller's */
};

#define VNET_NAMES_PREFIX	4
#define VNET_NAMES_STARTS	(1 << 14)

/* Zeroed at first; freed by vnet_names_free(). */
struct vnet_names {
	struct vnet_name *all;
	size_t nr, room;
	size_t prefix;		/* how much of a name is told apart by starts */
	uint8_t starts[VNET_NAMES_STARTS / 8];	/* a bit for each start there is */
};

void vnet_names_add(struct vnet_names *names, const char *name, size_t len, int value);
/* After the last was added and before the first is looked for. */
void vnet_names_sort(struct vnet_names *names);
/* NULL if it is not there; the first if it was added more than once. */
struct vnet_name *vnet_names_find(const struct vnet_names *names, const char *name,
				  size_t len);
/* The next of the same name, or NULL. */
struct vnet_name *vnet_names_next(const struct vnet_names *names,
				  const struct vnet_name *name);
void vnet_names_free(struct vnet_names *names);

/* Whether it is worth a search: some name that was added begins so, or like it. */
static inline bool vnet_names_may(const struct vnet_names *names, const char *name)
{
	unsigned int start = 0;

	for (size_t i = 0; i < names->prefix; i++) {
		if (!name[i])
			return false;
		start = start * 31 + (unsigned char)name[i];
	}
	start %= VNET_NAMES_STARTS;
	return names->starts[start / 8] & 1u << start % 8;
}

#endif
