/* SPDX-License-Identifier: GPL-2.0-only */
/* The columns of a distribution of times: see cmd/times.h. */
#include "cmd/times.h"

void times_fill(const struct vnet_hist *hist, struct vnet_value *v)
{
	static const uint32_t percentiles[NR_TIMES] = {
		[TIMES_P50] = 500, [TIMES_P90] = 900, [TIMES_P95] = 950, [TIMES_P99] = 990,
		[TIMES_P999] = 999,
	};

	v[TIMES_COUNT] = vnet_u64(hist->count);
	if (!hist->count)
		return;
	v[TIMES_MIN] = vnet_ns(vnet_hist_min(hist));
	v[TIMES_MEAN] = vnet_ns(vnet_hist_mean(hist));
	v[TIMES_MAX] = vnet_ns(hist->max);
	for (int i = TIMES_P50; i <= TIMES_P999; i++)
		v[i] = vnet_ns(vnet_hist_percentile(hist, percentiles[i]));
}

struct vnet_value times_histogram(struct vnet_report *report, const struct vnet_hist *hist)
{
	struct vnet_hist *copy = vnet_report_alloc(report, sizeof(*copy));

	*copy = *hist;
	return (struct vnet_value){ .type = VNET_T_HIST, .hist = copy };
}
