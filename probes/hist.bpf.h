/* SPDX-License-Identifier: GPL-2.0-only */
/* Adding to the histograms of vnet/abi/hist.h. */
#ifndef VNET_HIST_BPF_H
#define VNET_HIST_BPF_H

#include "kernel.bpf.h"
#include "vnet/abi/hist.h"

/* Position of the highest bit of v > 0, without a loop: BPF has no such instruction. */
static __always_inline __u64 log2_u64(__u64 v)
{
	__u64 e = 0, shift;

	shift = (v > 0xffffffff) << 5;	v >>= shift; e |= shift;
	shift = (v > 0xffff) << 4;	v >>= shift; e |= shift;
	shift = (v > 0xff) << 3;	v >>= shift; e |= shift;
	shift = (v > 0xf) << 2;		v >>= shift; e |= shift;
	shift = (v > 0x3) << 1;		v >>= shift; e |= shift;
	return e | (v >> 1);
}

static __always_inline __u64 hist_slot(__u64 v)
{
	__u64 e, slot;

	if (v < VNET_HIST_SUB)
		return v;
	e = log2_u64(v);
	slot = (e - VNET_HIST_SUB_BITS + 1) * VNET_HIST_SUB +
	       ((v >> (e - VNET_HIST_SUB_BITS)) & (VNET_HIST_SUB - 1));
	return slot < VNET_HIST_SLOTS ? slot : VNET_HIST_SLOTS - 1;
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

/* In .rodata; nobody writes it. */
static const __u8 hist_near[VNET_HIST_NEAR] = VNET_HIST_NEAR_SLOTS;

/* For values that hist_near does not serve. */
static __attribute__((noinline)) __u64 hist_slot_far(__u64 v)
{
	return hist_slot(v);
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
