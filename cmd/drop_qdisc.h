/* SPDX-License-Identifier: GPL-2.0-only */
/* The command `drop qdisc` and its rows. Private to cmd. */
#ifndef VNET_CMD_DROP_QDISC_H
#define VNET_CMD_DROP_QDISC_H

#include <linux/types.h>

#include "vnet/abi/drop_qdisc.h"
#include "vnet/measure.h"
#include "vnet/netlink.h"

#define QDISC_BY_QDISC	0x1
#define QDISC_BY_FLOW	0x2

struct qdisc_args {
	struct vnet_args common;
	uint32_t by;		/* QDISC_BY_* */
	uint32_t top;
	bool all;
	uint32_t max_entries;
};

enum {
	QDISC_DEVICE, QDISC_IFINDEX, QDISC_KIND, QDISC_HANDLE, QDISC_PARENT, QDISC_QUEUE,
	QDISC_DROPS, QDISC_OVERLIMITS, QDISC_REQUEUES, QDISC_BACKLOG, QDISC_QLEN,
	QDISC_NEW, QDISC_SOURCE, QDISC_REASON, QDISC_INFERRED, QDISC_FLOW,
	NR_QDISC_COLUMNS
};

struct vnet_reasons;

struct qdisc_run {
	const struct qdisc_args *args;
	struct vnet_reasons *reasons;	/* --by flow */
	bool by_location;		/* the kernel gives none */
	struct vnet_column columns[NR_QDISC_COLUMNS];
	struct vnet_qdisc *before;	/* at the end of the last interval, sorted */
	size_t nr_before;
	uint64_t drops;			/* since the start */
};

struct qdisc_totals {
	uint64_t drops;			/* of the qdiscs at the devices' roots */
	uint64_t flow_drops;		/* of those that a tracepoint told */
	uint64_t gone;			/* qdiscs that were there before */
};

/* Makes an order that qdisc_rows() and others search by. */
void qdisc_sort(struct vnet_qdisc *qdiscs, size_t nr);
/* Compares with q->before; adds the rows (if they are wanted) and to `totals`. */
void qdisc_rows(const struct qdisc_run *q, struct vnet_report *report,
		struct vnet_table *table, const struct vnet_qdisc *now, size_t nr,
		struct qdisc_totals *totals);
/* Empties the resting copy of the map of flows into rows. 0 or -errno. */
int qdisc_flow_rows(struct vnet_run *run, struct vnet_report *report,
		    struct vnet_table *table, int copy, const struct vnet_qdisc *now,
		    size_t nr, struct qdisc_totals *totals);

#endif
