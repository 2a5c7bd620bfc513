/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads and merges the log-linear histograms that the probes fill. Called by
 * the commands (merging CPUs) and by the renderers (percentiles, bars).
 */
#include "vnet/hist.h"

#define LAST_SLOT	(VNET_HIST_SLOTS - 1)
#define SUB_MASK	(VNET_HIST_SUB - 1)

_Static_assert(VNET_HIST_SLOTS % VNET_HIST_SUB == 0, "whole powers of two");

/* floor(log2(value)); value must not be 0. */
static unsigned int log2_floor(uint64_t value)
{
	return 63 - __builtin_clzll(value);
}

unsigned int vnet_hist_slot(uint64_t value)
{
	unsigned int e, slot;

	if (value < VNET_HIST_SUB)
		return value;
	e = log2_floor(value);
	slot = (e - VNET_HIST_SUB_BITS + 1) * VNET_HIST_SUB +
	       ((value >> (e - VNET_HIST_SUB_BITS)) & SUB_MASK);
	return slot < LAST_SLOT ? slot : LAST_SLOT;
}

uint64_t vnet_hist_slot_from(unsigned int slot)
{
	if (slot < VNET_HIST_SUB)
		return slot;
	if (slot > LAST_SLOT)
		slot = LAST_SLOT;
	return (uint64_t)(VNET_HIST_SUB + (slot & SUB_MASK)) <<
	       (slot / VNET_HIST_SUB - 1);
}

uint64_t vnet_hist_slot_to(unsigned int slot)
{
	if (slot >= LAST_SLOT)
		return UINT64_MAX;
	return vnet_hist_slot_from(slot + 1) - 1;
}

void vnet_hist_add(struct vnet_hist *hist, uint64_t value)
{
	hist->count++;
	hist->sum += value;
	if (~value > hist->min_inv)
		hist->min_inv = ~value;
	if (value > hist->max)
		hist->max = value;
	hist->slots[vnet_hist_slot(value)]++;
}

void vnet_hist_merge(struct vnet_hist *sum, const struct vnet_hist *part)
{
	unsigned int i;

	sum->count += part->count;
	sum->sum += part->sum;
	if (part->min_inv > sum->min_inv)
		sum->min_inv = part->min_inv;
	if (part->max > sum->max)
		sum->max = part->max;
	for (i = 0; i < VNET_HIST_SLOTS; i++)
		sum->slots[i] += part->slots[i];
}

void vnet_hist_since(struct vnet_hist *hist, const struct vnet_hist *before)
{
	uint64_t max = hist->max;

	hist->sum -= before->sum;
	hist->count = hist->min_inv = hist->max = 0;
	for (unsigned int i = 0; i < VNET_HIST_SLOTS; i++) {
		hist->slots[i] -= before->slots[i];
		if (!hist->slots[i])
			continue;
		if (!hist->count)
			hist->min_inv = ~vnet_hist_slot_from(i);
		hist->count += hist->slots[i];
		hist->max = vnet_hist_slot_to(i) < max ? vnet_hist_slot_to(i) : max;
	}
}

uint64_t vnet_hist_min(const struct vnet_hist *hist)
{
	uint64_t min = ~hist->min_inv;

	if (!hist->count)
		return 0;
	/*
	 * A copy taken between two stores of a running probe may have a count
	 * and no minimum yet; the maximum is the best known bound then.
	 */
	return min < hist->max ? min : hist->max;
}

uint64_t vnet_hist_mean(const struct vnet_hist *hist)
{
	return hist->count ? hist->sum / hist->count : 0;
}

/* Nearest rank, from 1: ceil(total * permille / 1000). */
static uint64_t sample_rank(uint64_t total, unsigned int permille)
{
	uint64_t rank;

	if (permille >= 1000)
		return total;
	/* In two parts, so that a large total does not overflow. */
	rank = total / 1000 * permille + (total % 1000 * permille + 999) / 1000;
	return rank ? rank : 1;
}

static uint64_t slot_middle(unsigned int slot)
{
	uint64_t from = vnet_hist_slot_from(slot);

	return from + (vnet_hist_slot_to(slot) - from) / 2;
}

uint64_t vnet_hist_percentile(const struct vnet_hist *hist, unsigned int permille)
{
	uint64_t total = 0, seen = 0, min, rank, value;
	unsigned int i;

	/* Not hist->count: in a copy of a live histogram the two may differ. */
	for (i = 0; i < VNET_HIST_SLOTS; i++)
		total += hist->slots[i];
	if (!total)
		return 0;
	rank = sample_rank(total, permille);
	for (i = 0; i < LAST_SLOT; i++) {
		seen += hist->slots[i];
		if (seen >= rank)
			break;
	}
	value = slot_middle(i);
	min = vnet_hist_min(hist);
	if (value > hist->max)
		value = hist->max;
	return value > min ? value : min;
}

/* The row of a slot: 0 and 1 have their own, then one for each power of two. */
static unsigned int slot_row(unsigned int slot)
{
	uint64_t from = vnet_hist_slot_from(slot);

	return from ? log2_floor(from) + 1 : 0;
}

size_t vnet_hist_fold(const struct vnet_hist *hist, struct vnet_hist_row rows[65])
{
	unsigned int i, row, first = 65, last = 0;
	uint64_t counts[65] = { 0 };

	for (i = 0; i < VNET_HIST_SLOTS; i++) {
		if (!hist->slots[i])
			continue;
		row = slot_row(i);
		counts[row] += hist->slots[i];
		if (first > row)
			first = row;
		last = row;
	}
	for (row = first; row <= last; row++) {
		rows[row - first] = (struct vnet_hist_row){
			.from = row ? 1ull << (row - 1) : 0,
			.to = row ? UINT64_MAX >> (64 - row) : 0,
			.count = counts[row],
		};
	}
	if (first > last)
		return 0;
	if (hist->slots[LAST_SLOT] && hist->max > rows[last - first].to)
		rows[last - first].to = UINT64_MAX >> __builtin_clzll(hist->max);
	return last - first + 1;
}
