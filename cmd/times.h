/* SPDX-License-Identifier: GPL-2.0-only */
/* The columns of a distribution of times, as all `latency` commands show it. */
#ifndef VNET_CMD_TIMES_H
#define VNET_CMD_TIMES_H

#include "vnet/report.h"

/* In this order, from a command's column FIRST on. */
enum {
	TIMES_COUNT, TIMES_MIN, TIMES_MEAN, TIMES_P50, TIMES_P90, TIMES_P95, TIMES_P99,
	TIMES_P999, TIMES_MAX, NR_TIMES
};

#define TIMES_COLUMNS(first)							\
	[(first) + TIMES_COUNT] = { "count", "COUNT", VNET_T_U64, VNET_R_COUNT },	\
	[(first) + TIMES_MIN] = { "min_ns", "MIN", VNET_T_NS },			\
	[(first) + TIMES_MEAN] = { "mean_ns", "MEAN", VNET_T_NS },		\
	[(first) + TIMES_P50] = { "p50_ns", "P50", VNET_T_NS },			\
	[(first) + TIMES_P90] = { "p90_ns", "P90", VNET_T_NS },			\
	[(first) + TIMES_P95] = { "p95_ns", "P95", VNET_T_NS },			\
	[(first) + TIMES_P99] = { "p99_ns", "P99", VNET_T_NS },			\
	[(first) + TIMES_P999] = { "p999_ns", "P99.9", VNET_T_NS },		\
	[(first) + TIMES_MAX] = { "max_ns", "MAX", VNET_T_NS }

/* Fills v[0..NR_TIMES-1]; of nothing there is no mean, and so on: null, not 0. */
void times_fill(const struct vnet_hist *hist, struct vnet_value *v);
/* The histogram itself, copied into the report. */
struct vnet_value times_histogram(struct vnet_report *report, const struct vnet_hist *hist);

#endif
