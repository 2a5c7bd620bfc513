/* SPDX-License-Identifier: GPL-2.0-only */
/* A few names to be found among many: see core/names.h. */
#include <stdlib.h>
#include <string.h>

#include "core/names.h"
#include "vnet/util.h"

void vnet_names_add(struct vnet_names *names, const char *name, size_t len, int value)
{
	if (!len)
		return;
	if (names->nr == names->room) {
		names->room = names->room ? names->room * 2 : 64;
		names->all = vnet_realloc(names->all, names->room * sizeof(*names->all));
	}
	names->all[names->nr++] = (struct vnet_name){ name, len, value };
}

static int order(const void *a, const void *b)
{
	const struct vnet_name *x = a, *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int diff = memcmp(x->name, y->name, len);

	return diff ?: (x->len > y->len) - (x->len < y->len);
}

/* The shortest name says how much of each can be told apart. */
static void note_starts(struct vnet_names *names)
{
	names->prefix = VNET_NAMES_PREFIX;
	for (size_t i = 0; i < names->nr; i++)
		if (names->all[i].len < names->prefix)
			names->prefix = names->all[i].len;
	for (size_t i = 0; i < names->nr; i++) {
		unsigned int start = 0;

		for (size_t j = 0; j < names->prefix; j++)
			start = start * 31 + (unsigned char)names->all[i].name[j];
		start %= VNET_NAMES_STARTS;
		names->starts[start / 8] |= 1u << start % 8;
	}
}

void vnet_names_sort(struct vnet_names *names)
{
	if (!names->nr)
		return;
	qsort(names->all, names->nr, sizeof(*names->all), order);
	note_starts(names);
}

struct vnet_name *vnet_names_find(const struct vnet_names *names, const char *name,
				  size_t len)
{
	struct vnet_name key = { name, len }, *found;

	if (!names->nr)
		return NULL;
	found = bsearch(&key, names->all, names->nr, sizeof(key), order);
	while (found && found > names->all && !order(found - 1, found))
		found--;
	return found;
}

struct vnet_name *vnet_names_next(const struct vnet_names *names,
				  const struct vnet_name *name)
{
	struct vnet_name *next = names->all + (name - names->all) + 1;

	return next < names->all + names->nr && !order(name, next) ? next : NULL;
}

void vnet_names_free(struct vnet_names *names)
{
	free(names->all);
	*names = (struct vnet_names){};
}
