/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of `latency rtt` share: its options, and what it read. */
#ifndef VNET_CMD_LATENCY_RTT_H
#define VNET_CMD_LATENCY_RTT_H

#include "vnet/abi/latency_rtt.h"
#include "vnet/cli.h"
#include "vnet/measure.h"

/* Values of --via, in this order. */
enum rtt_via { RTT_VIA_OVS, RTT_VIA_KERNEL };

struct rtt_args {
	struct vnet_args common;
	struct vnet_devices phy;
	struct vnet_devices internal;	/* nr 0: all */
	uint32_t via;			/* enum rtt_via */
	uint32_t role;			/* enum vnet_rtt_role */
	uint64_t timeout_ns;
	uint64_t over_ns;		/* 0: not given */
	uint64_t threshold_ns;		/* 0: a summary; else records above it */
	uint32_t limit;
};

/* A run of the command. */
struct rtt_run {
	const struct rtt_args *args;
	struct vnet_rtt_config config;
	/* What tidying counted since the last report. */
	struct vnet_rtt_counts aged;
	int64_t waiting;	/* started, and nothing known of their end yet */
	struct vnet_pair pairs[8];
	char texts[8][VNET_FILTER_IFS * 17];
};

extern const char *const rtt_via_names[], *const rtt_role_names[];

/* Whether a step is probed; and its name, "request_nic". */
bool rtt_has(const struct rtt_run *r, uint32_t step);
const char *rtt_step_name(const struct rtt_run *r, uint32_t step);

/*
 * Takes requests out of the map whose answer did not come in time, and counts
 * them in r->aged. 0 or -errno.
 */
int rtt_sweep(struct vnet_run *run);
/* vnet_measure's callbacks. */
int rtt_interval(struct vnet_run *run, const struct vnet_span *span,
		 struct vnet_report *report);
int rtt_record(struct vnet_run *run, const void *data, size_t size,
	       struct vnet_report *report);
void rtt_ended(struct vnet_run *run, struct vnet_report *report);

#endif
