/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading histograms made by the probes (vnet/abi/hist.h). */
#ifndef VNET_HIST_H
#define VNET_HIST_H

#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "vnet/abi/hist.h"

/* The slot of a value; the same arithmetic as the probes'. */
unsigned int vnet_hist_slot(uint64_t value);
/* The smallest value of a slot, and the largest (the last slot: UINT64_MAX). */
uint64_t vnet_hist_slot_from(unsigned int slot);
uint64_t vnet_hist_slot_to(unsigned int slot);

/* Adds one value; what the probes do, for tests and for user-space timings. */
void vnet_hist_add(struct vnet_hist *hist, uint64_t value);
/* sum += part: one per CPU, or one per interval. */
void vnet_hist_merge(struct vnet_hist *sum, const struct vnet_hist *part);
/*
 * hist -= before, an earlier copy of the same: what came since then. Minimum and
 * maximum are then those of the outermost slots.
 */
void vnet_hist_since(struct vnet_hist *hist, const struct vnet_hist *before);
/* The exact smallest value; 0 if the histogram is empty. */
uint64_t vnet_hist_min(const struct vnet_hist *hist);
/* Mean, rounded down; 0 if empty. */
uint64_t vnet_hist_mean(const struct vnet_hist *hist);
/*
 * The value at `permille` tenths of a percent (500, 900, 950, 990, 999): the
 * middle of the slot that holds the sample of that rank (nearest-rank),
 * clamped to the exact min and max. 0 if empty.
 */
uint64_t vnet_hist_percentile(const struct vnet_hist *hist, unsigned int permille);

/*
 * The text view: slots folded to powers of two, [2^n, 2^(n+1) - 1]; 0 and 1
 * apart. The last row also holds what was too large for a slot of its own: its
 * `to` grows to the next 2^n - 1 that covers the maximum.
 */
struct vnet_hist_row {
	uint64_t from, to, count;
};
/* Fills rows from the first to the last that holds a sample; returns how many (<= 65). */
size_t vnet_hist_fold(const struct vnet_hist *hist, struct vnet_hist_row rows[65]);

#endif
