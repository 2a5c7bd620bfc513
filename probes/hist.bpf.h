/* SPDX-License-Identifier: GPL-2.0-only */
/* Adding to the histograms of vnet/abi/hist.h. */
#ifndef VNET_HIST_BPF_H
#define VNET_HIST_BPF_H

#include "kernel.bpf.h"
#include "vnet/abi/hist.h"

/* In .rodata; nobody writes it. */
static const __u8 hist_near[VNET_HIST_NEAR] = VNET_HIST_NEAR_SLOTS;

static __attribute__((noinline)) __u64 hist_slot_far(__u64 v)
{
	return vnet_hist_slot_far(hist_near, v);
}

static __always_inline __u64 hist_slot(__u64 v)
{
	/* What the compiler knows of v the verifier may not: no test is left out. */
	asm volatile("" : "+r"(v));
	if (VNET_HIST_IS_NEAR(v, 0))
		return VNET_HIST_SLOT(hist_near, v, 0);
	if (VNET_HIST_IS_NEAR(v, VNET_HIST_FAR_SHIFT))
		return VNET_HIST_SLOT(hist_near, v, VNET_HIST_FAR_SHIFT);
	return hist_slot_far(v);
}

/*
 * Adds to a histogram of this CPU. Not atomic: its programs must not interrupt
 * one another on one CPU, or use a copy each.
 */
static __always_inline void hist_add(struct vnet_hist *hist, __u64 v)
{
	__u64 slot = hist_slot(v);

	/* So that the compiler leaves in place the test that the verifier needs. */
	asm volatile("" : "+r"(slot));
	hist->count++;
	hist->sum += v;
	if (~v > hist->min_inv)
		hist->min_inv = ~v;
	if (v > hist->max)
		hist->max = v;
	if (slot < VNET_HIST_SLOTS)
		hist->slots[slot]++;
}

/* As hist_add(), but the number of values is left to be added up from the slots. */
static __always_inline void hist_note(struct vnet_hist *hist, __u64 v, __u64 slot)
{
	hist->sum += v;
	if (~v > hist->min_inv)
		hist->min_inv = ~v;
	if (v > hist->max)
		hist->max = v;
	hist->slots[slot]++;
}

#endif
