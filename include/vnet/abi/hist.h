/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Log-linear histograms: 8 sub-buckets for each power of two, so a bucket's
 * middle is within 6.25 % of every value in it. The probes add with
 * hist_add() (probes/vnet.bpf.h), core/histogram.c merges and reads.
 */
#ifndef VNET_ABI_HIST_H
#define VNET_ABI_HIST_H

#define VNET_HIST_SUB_BITS	3
#define VNET_HIST_SUB		(1 << VNET_HIST_SUB_BITS)
/* Values below 8 have a slot each; the last slot takes all from 2^38 - 2^34. */
#define VNET_HIST_SLOTS		288

/*
 * The slots of the values of up to eleven bits, as an initializer. With eight
 * bits more a value counts eight powers of two further: shifted by them its slot
 * is here as well. That takes a third of the instructions of a logarithm, and a
 * verifier does not follow each of its outcomes.
 */
#define VNET_HIST_NEAR		2048
#define VNET_HIST_FAR_SHIFT	8
#define VNET_HIST_X2(slot)	slot, slot
#define VNET_HIST_X4(slot)	VNET_HIST_X2(slot), VNET_HIST_X2(slot)
#define VNET_HIST_X8(slot)	VNET_HIST_X4(slot), VNET_HIST_X4(slot)
#define VNET_HIST_X16(slot)	VNET_HIST_X8(slot), VNET_HIST_X8(slot)
#define VNET_HIST_X32(slot)	VNET_HIST_X16(slot), VNET_HIST_X16(slot)
#define VNET_HIST_X64(slot)	VNET_HIST_X32(slot), VNET_HIST_X32(slot)
#define VNET_HIST_X128(slot)	VNET_HIST_X64(slot), VNET_HIST_X64(slot)
/* A power of two: its sub-buckets, each for so many values. */
#define VNET_HIST_OCTAVE(times, first)						\
	times(first), times(first + 1), times(first + 2), times(first + 3),	\
	times(first + 4), times(first + 5), times(first + 6), times(first + 7)
#define VNET_HIST_NEAR_SLOTS {							\
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,			\
	VNET_HIST_OCTAVE(VNET_HIST_X2, 16), VNET_HIST_OCTAVE(VNET_HIST_X4, 24),	\
	VNET_HIST_OCTAVE(VNET_HIST_X8, 32), VNET_HIST_OCTAVE(VNET_HIST_X16, 40), \
	VNET_HIST_OCTAVE(VNET_HIST_X32, 48), VNET_HIST_OCTAVE(VNET_HIST_X64, 56), \
	VNET_HIST_OCTAVE(VNET_HIST_X128, 64) }

/* Whether `v` has a slot of the table when it is shifted so far, and that slot. */
#define VNET_HIST_IS_NEAR(v, shift)	((v) < (__u64)VNET_HIST_NEAR << (shift))
/* The mask changes nothing: the verifier does not know the table. */
#define VNET_HIST_SLOT(near, v, shift)	\
	((shift) * VNET_HIST_SUB + ((near)[(v) >> (shift)] & 127u))

/*
 * The slot of a value that is not near at VNET_HIST_FAR_SHIFT, by the table of
 * VNET_HIST_NEAR_SLOTS. Each shift leaves four bits or more, as a slot needs.
 */
static inline __attribute__((always_inline)) __u64 vnet_hist_slot_far(const __u8 *near, __u64 v)
{
	__u64 shift = VNET_HIST_IS_NEAR(v, 16) ? 16 : VNET_HIST_IS_NEAR(v, 24) ? 24 : 27;
	__u64 at = v >> shift, slot;

	if (!VNET_HIST_IS_NEAR(v, 27))
		return VNET_HIST_SLOTS - 1;
	/* The mask changes nothing, but 5.10 may have lost the bounds on the way. */
	__asm__ volatile("" : "+r"(at));
	slot = shift * VNET_HIST_SUB + near[at & (VNET_HIST_NEAR - 1)];
	return slot < VNET_HIST_SLOTS ? slot : VNET_HIST_SLOTS - 1;
}

/* One histogram of one CPU; all zero is an empty one. 2336 bytes. */
struct vnet_hist {
	__u64	count;
	__u64	sum;
	__u64	min_inv;	/* ~min, so that zeroed memory means "no minimum yet" */
	__u64	max;
	__u64	slots[VNET_HIST_SLOTS];
};
_Static_assert(sizeof(struct vnet_hist) == 2336, "abi");

#endif
