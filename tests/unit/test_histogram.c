/* SPDX-License-Identifier: GPL-2.0-only */
/* Properties of core/histogram.c, checked against exact arithmetic. */
#include <stdlib.h>

#include "vnet/hist.h"

#include "test.h"

#define LAST	(VNET_HIST_SLOTS - 1)
/* The last value that has a slot narrower than the rest of the world. */
#define COVERED	(vnet_hist_slot_from(LAST) - 1)

/* xorshift64: the same numbers on every machine. */
static uint64_t seed = 88172645463325252ull;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Any magnitude is as likely as any other. */
static uint64_t next_log_random(void)
{
	return next_random() >> (next_random() % 64);
}

/* The slot formula spelled out, without the module's own helpers. */
static unsigned int slot_by_formula(uint64_t v)
{
	unsigned int e = 0, slot;

	if (v < 8)
		return v;
	while (e < 63 && v >> (e + 1))
		e++;
	slot = (e - 2) * 8 + ((v >> (e - 3)) & 7);
	return slot < LAST ? slot : LAST;
}

static int is_well_placed(uint64_t v)
{
	unsigned int slot = vnet_hist_slot(v);
	uint64_t from = vnet_hist_slot_from(slot), to = vnet_hist_slot_to(slot);
	uint64_t middle = from + (to - from) / 2;
	uint64_t error = middle > v ? middle - v : v - middle;

	if (slot != slot_by_formula(v) || v < from || v > to)
		return 0;
	/* 6.25 % is one sixteenth. */
	return v > COVERED || error * 16 <= v;
}

TEST(every_value_in_its_slot)
{
	unsigned int e, bad = 0;
	int64_t d;

	for (uint64_t v = 0; v < 100000; v++)
		bad += !is_well_placed(v);
	for (e = 3; e < 64; e++) {
		for (d = -9; d <= 9; d++)
			bad += !is_well_placed((1ull << e) + (uint64_t)d);
	}
	for (int i = 0; i < 200000; i++)
		bad += !is_well_placed(next_log_random());
	bad += !is_well_placed(UINT64_MAX);
	CHECK_EQ(bad, 0);
}

/* What the probes look up is what vnet_hist_slot() computes. */
static int is_looked_up(uint64_t v)
{
	static const uint8_t near[VNET_HIST_NEAR] = VNET_HIST_NEAR_SLOTS;
	uint64_t slot = VNET_HIST_IS_NEAR(v, 0) ? VNET_HIST_SLOT(near, v, 0) :
			VNET_HIST_IS_NEAR(v, VNET_HIST_FAR_SHIFT) ?
			VNET_HIST_SLOT(near, v, VNET_HIST_FAR_SHIFT) :
			vnet_hist_slot_far(near, v);

	if (slot != vnet_hist_slot(v))
		printf("# %llu\n", (unsigned long long)v);
	return slot == vnet_hist_slot(v);
}

TEST(near_slots)
{
	uint64_t bad = 0;

	for (uint64_t v = 0; v < 1u << 20; v++)
		bad += !is_looked_up(v);
	for (unsigned int i = 0; i < VNET_HIST_SLOTS; i++) {
		bad += !is_looked_up(vnet_hist_slot_from(i));
		bad += !is_looked_up(vnet_hist_slot_to(i));
	}
	for (int i = 0; i < 200000; i++)
		bad += !is_looked_up(next_log_random());
	bad += !is_looked_up(UINT64_MAX);
	CHECK_EQ(bad, 0);
}

TEST(slots_are_contiguous)
{
	CHECK_EQ(vnet_hist_slot_from(0), 0);
	for (unsigned int i = 0; i < LAST; i++) {
		CHECK(vnet_hist_slot_to(i) + 1 == vnet_hist_slot_from(i + 1));
		CHECK_EQ(vnet_hist_slot(vnet_hist_slot_from(i)), i);
		CHECK_EQ(vnet_hist_slot(vnet_hist_slot_to(i)), i);
	}
	CHECK(vnet_hist_slot_from(LAST) == (1ull << 38) - (1ull << 34));
	CHECK(vnet_hist_slot_to(LAST) == UINT64_MAX);
}

TEST(empty)
{
	struct vnet_hist hist = { 0 }, sum = { 0 };
	struct vnet_hist_row rows[65];

	CHECK_EQ(vnet_hist_min(&hist), 0);
	CHECK_EQ(vnet_hist_mean(&hist), 0);
	CHECK_EQ(vnet_hist_percentile(&hist, 500), 0);
	CHECK_EQ(vnet_hist_fold(&hist, rows), 0);
	vnet_hist_merge(&sum, &hist);
	CHECK(!memcmp(&sum, &hist, sizeof(sum)));
}

TEST(exact_members)
{
	struct vnet_hist hist = { 0 };

	vnet_hist_add(&hist, 1000);
	CHECK_EQ(vnet_hist_min(&hist), 1000);
	CHECK(hist.min_inv == ~1000ull);
	CHECK_EQ(vnet_hist_percentile(&hist, 1), 1000);
	CHECK_EQ(vnet_hist_percentile(&hist, 999), 1000);
	vnet_hist_add(&hist, 0);
	CHECK_EQ(vnet_hist_min(&hist), 0);
	vnet_hist_add(&hist, 2001);
	CHECK_EQ(hist.count, 3);
	CHECK_EQ(hist.sum, 3001);
	CHECK_EQ(vnet_hist_mean(&hist), 1000);
	CHECK_EQ(hist.max, 2001);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Nearest rank in sorted values: ceil(n * permille / 1000), from 1. */
static uint64_t exact_percentile(const uint64_t *sorted, size_t n, unsigned int permille)
{
	size_t rank = (n * permille + 999) / 1000;

	return sorted[rank ? rank - 1 : 0];
}

/* Each percentile within one sixteenth of the true one; sorts `values`. */
static unsigned int count_wrong(uint64_t *values, size_t n)
{
	static const unsigned int permilles[] = {
		0, 1, 10, 250, 500, 501, 900, 950, 990, 999, 1000,
	};
	struct vnet_hist hist = { 0 };
	unsigned int wrong = 0;
	uint64_t last = 0;

	for (size_t i = 0; i < n; i++)
		vnet_hist_add(&hist, values[i]);
	qsort(values, n, sizeof(*values), compare);
	wrong += vnet_hist_min(&hist) != values[0];
	wrong += hist.max != values[n - 1];
	for (size_t i = 0; i < sizeof(permilles) / sizeof(permilles[0]); i++) {
		uint64_t want = exact_percentile(values, n, permilles[i]);
		uint64_t got = vnet_hist_percentile(&hist, permilles[i]);
		uint64_t error = got > want ? got - want : want - got;

		wrong += got < values[0] || got > values[n - 1];
		wrong += got < last;
		/* An overflow slot has no width: only its order is known. */
		wrong += want <= COVERED && error * 16 > want;
		wrong += want > COVERED && got <= COVERED;
		last = got;
	}
	return wrong;
}

TEST(percentiles_random)
{
	static uint64_t values[5000];
	unsigned int wrong = 0;

	for (int round = 0; round < 60; round++) {
		size_t n = 1 + next_random() % 5000;

		for (size_t i = 0; i < n; i++) {
			uint64_t r = next_random();

			switch (round % 5) {
			case 0: values[i] = next_log_random(); break;
			case 1: values[i] = r % 1000; break;
			case 2: values[i] = 1000000 + r % 1000; break;
			case 3: values[i] = r % 100 ? 500 : 1ull << 35; break;
			default: values[i] = next_log_random() & COVERED; break;
			}
		}
		wrong += count_wrong(values, n);
	}
	CHECK_EQ(wrong, 0);
}

TEST(percentiles_nasty)
{
	uint64_t one[] = { 12345 }, zeros[] = { 0, 0, 0 };
	uint64_t two[] = { 1, 1ull << 41 }, same[1000];
	uint64_t edges[] = { 7, 8, 15, 16, 17, 1023, 1024, 1025 };
	uint64_t top[] = { UINT64_MAX, UINT64_MAX - 1, COVERED + 1, 3 };
	uint64_t rank[1000];

	CHECK_EQ(count_wrong(one, 1), 0);
	CHECK_EQ(count_wrong(zeros, 3), 0);
	CHECK_EQ(count_wrong(two, 2), 0);
	CHECK_EQ(count_wrong(edges, 8), 0);
	/* The sums wrap; the order statistics do not care. */
	CHECK_EQ(count_wrong(top, 4), 0);
	for (int i = 0; i < 1000; i++) {
		same[i] = 999;
		rank[i] = i == 999 ? 1000000 : 5;
	}
	CHECK_EQ(count_wrong(same, 1000), 0);
	/* The one outlier is rank 1000: P99.9 must not show it, P100 must. */
	CHECK_EQ(count_wrong(rank, 1000), 0);
}

TEST(percentile_of_huge_counts)
{
	struct vnet_hist hist = { 0 };

	/* count * 999 would not fit in 64 bits. */
	hist.count = 1ull << 62;
	hist.slots[5] = (1ull << 62) - 4;
	hist.slots[20] = 4;
	hist.min_inv = ~5ull;
	hist.max = vnet_hist_slot_to(20);
	CHECK_EQ(vnet_hist_percentile(&hist, 999), 5);
	CHECK_EQ(vnet_hist_slot(vnet_hist_percentile(&hist, 1000)), 20);
}

TEST(torn_copies_stay_sane)
{
	struct vnet_hist hist = { 0 };

	/* The probe has counted, but not yet stored the rest. */
	hist.count = 1;
	CHECK_EQ(vnet_hist_min(&hist), 0);
	CHECK_EQ(vnet_hist_percentile(&hist, 500), 0);
	/* The count runs ahead of the slots. */
	hist = (struct vnet_hist){ 0 };
	vnet_hist_add(&hist, 100);
	hist.count = 1000;
	CHECK_EQ(vnet_hist_percentile(&hist, 999), 100);
}

TEST(merge_is_adding_both)
{
	struct vnet_hist a = { 0 }, b = { 0 }, both = { 0 };

	for (int i = 0; i < 20000; i++) {
		uint64_t v = next_log_random();

		vnet_hist_add(i % 3 ? &a : &b, v);
		vnet_hist_add(&both, v);
	}
	vnet_hist_merge(&a, &b);
	CHECK(!memcmp(&a, &both, sizeof(a)));
	/* An empty part must not lower the minimum to 0. */
	b = (struct vnet_hist){ 0 };
	vnet_hist_merge(&a, &b);
	CHECK(!memcmp(&a, &both, sizeof(a)));
}

TEST(since_is_what_came_in_between)
{
	struct vnet_hist hist = { 0 }, before, part = { 0 };

	for (int i = 0; i < 1000; i++)
		vnet_hist_add(&hist, next_log_random());
	before = hist;
	for (int i = 0; i < 100; i++) {
		uint64_t v = next_log_random();

		vnet_hist_add(&part, v);
		vnet_hist_add(&hist, v);
	}
	vnet_hist_since(&hist, &before);
	CHECK_EQ(hist.count, 100);
	CHECK_EQ(hist.sum, part.sum);
	CHECK(!memcmp(hist.slots, part.slots, sizeof(part.slots)));
	/* The outermost slots' own ends: small numbers are exact. */
	CHECK(vnet_hist_min(&hist) <= vnet_hist_min(&part) && hist.max >= part.max);
	CHECK_EQ(vnet_hist_slot(vnet_hist_min(&hist)), vnet_hist_slot(vnet_hist_min(&part)));
	CHECK_EQ(vnet_hist_slot(hist.max), vnet_hist_slot(part.max));
	before = hist;
	vnet_hist_since(&hist, &before);
	CHECK(!hist.count && !vnet_hist_min(&hist) && !hist.max);
}

TEST(overflow_slot)
{
	struct vnet_hist hist = { 0 };
	struct vnet_hist_row rows[65];

	vnet_hist_add(&hist, COVERED + 1);
	CHECK_EQ(hist.slots[LAST], 1);
	CHECK_EQ(vnet_hist_fold(&hist, rows), 1);
	CHECK(rows[0].from == 1ull << 37 && rows[0].to == (1ull << 38) - 1);
	vnet_hist_add(&hist, 1ull << 50);
	CHECK_EQ(hist.slots[LAST], 2);
	CHECK_EQ(vnet_hist_fold(&hist, rows), 1);
	CHECK(rows[0].to == (1ull << 51) - 1);
	/* The middle of the slot is far beyond what was seen. */
	CHECK(vnet_hist_percentile(&hist, 990) == 1ull << 50);
	vnet_hist_add(&hist, UINT64_MAX);
	CHECK_EQ(hist.slots[LAST], 3);
	CHECK_EQ(vnet_hist_fold(&hist, rows), 1);
	CHECK(rows[0].to == UINT64_MAX);
	CHECK_EQ(rows[0].count, 3);
	CHECK(hist.max == UINT64_MAX && vnet_hist_min(&hist) == COVERED + 1);
	hist = (struct vnet_hist){ 0 };
	vnet_hist_add(&hist, UINT64_MAX);
	CHECK(vnet_hist_min(&hist) == UINT64_MAX);
}

TEST(fold_small)
{
	static const uint64_t values[] = { 0, 0, 1, 2, 3, 16, 31 };
	static const struct vnet_hist_row want[] = {
		{ 0, 0, 2 }, { 1, 1, 1 }, { 2, 3, 2 }, { 4, 7, 0 },
		{ 8, 15, 0 }, { 16, 31, 2 },
	};
	struct vnet_hist hist = { 0 };
	struct vnet_hist_row rows[65];

	for (int i = 0; i < 7; i++)
		vnet_hist_add(&hist, values[i]);
	CHECK_EQ(vnet_hist_fold(&hist, rows), 6);
	for (int i = 0; i < 6; i++) {
		CHECK_EQ(rows[i].from, want[i].from);
		CHECK_EQ(rows[i].to, want[i].to);
		CHECK_EQ(rows[i].count, want[i].count);
	}
	/* Nothing before the first sample. */
	hist = (struct vnet_hist){ 0 };
	vnet_hist_add(&hist, 1500);
	CHECK_EQ(vnet_hist_fold(&hist, rows), 1);
	CHECK_EQ(rows[0].from, 1024);
	CHECK_EQ(rows[0].to, 2047);
}

TEST(fold_keeps_every_sample)
{
	struct vnet_hist hist = { 0 };
	struct vnet_hist_row rows[65];
	uint64_t exact[65] = { 0 }, sum = 0;
	unsigned int wrong = 0;
	size_t n;

	for (int i = 0; i < 50000; i++) {
		uint64_t v = next_log_random() & COVERED;

		vnet_hist_add(&hist, v);
		exact[v ? 64 - __builtin_clzll(v) : 0]++;
	}
	n = vnet_hist_fold(&hist, rows);
	CHECK(n > 30 && n <= 65);
	for (size_t i = 0; i < n; i++) {
		sum += rows[i].count;
		wrong += rows[i].count !=
			 exact[rows[i].to ? 64 - __builtin_clzll(rows[i].to) : 0];
		wrong += i && rows[i].from != rows[i - 1].to + 1;
	}
	CHECK_EQ(sum, 50000);
	CHECK_EQ(wrong, 0);
}

TEST_MAIN(T(every_value_in_its_slot), T(near_slots), T(slots_are_contiguous), T(empty),
	  T(exact_members), T(percentiles_random), T(percentiles_nasty),
	  T(percentile_of_huge_counts), T(torn_copies_stay_sane),
	  T(merge_is_adding_both), T(since_is_what_came_in_between), T(overflow_slot),
	  T(fold_small), T(fold_keeps_every_sample))
