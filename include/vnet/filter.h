/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The filter compiler: the user's arguments -> struct vnet_filter, which the
 * session writes into each program's .rodata. Used by the commands and the
 * plan.
 */
#ifndef VNET_FILTER_H
#define VNET_FILTER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <linux/types.h>

#include "vnet/abi/filter.h"
#include "vnet/cli.h"
#include "vnet/report.h"

/*
 * Fills *filter, all of it. -EINVAL: no packet could pass (core/cli.c explains
 * that to the user before it gets here); another -errno: the network namespace
 * could not be looked up (only with --device). *filter is then unusable.
 */
int vnet_filter_make(const struct vnet_args *args, struct vnet_filter *filter);

#define VNET_FILTER_PAIRS	11

/* The filters as given, for vnet_meta. Points into itself: do not copy. */
struct vnet_filter_pairs {
	struct vnet_pair pairs[VNET_FILTER_PAIRS];
	size_t nr;
	/* Values that are not text already; the longest is a list of devices. */
	char text[VNET_FILTER_PAIRS][VNET_FILTER_IFS * 16 + 1];
};
void vnet_filter_pairs(const struct vnet_args *args, struct vnet_filter_pairs *out);

/*
 * --explain-filter: a line for each test, in the order the probes make them,
 * then what is read of a packet for it. 0, or -errno if `out` fails.
 */
int vnet_filter_explain(const struct vnet_filter *filter, FILE *out);

#endif
