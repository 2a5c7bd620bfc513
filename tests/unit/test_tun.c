/* SPDX-License-Identifier: GPL-2.0-only */
/* The word that `tun summary` has for a queue (cmd/tun_read.c). */
#include "cmd/tun.c"
#include "cmd/vm.c"
#include "cmd/tun_read.c"

#include "test.h"

#define SECOND	VNET_NS_PER_S

TEST(words_for_queues)
{
	static const struct {
		const char *what;
		struct tun_queue queue;
		enum tun_state want;
	} cases[] = {
		{ "not open", { .packets = 5 }, TUN_UNKNOWN },
		{ "nothing to do for an hour", { .ring = { .size = 100 },
		  .idle_ns = 3600 * SECOND }, TUN_IDLE },
		{ "in and out", { .ring = { .size = 100, .depth = 3 }, .packets = 9,
		  .consumed = 6 }, TUN_FLOWING },
		{ "only out: what came before", { .ring = { .size = 100 }, .consumed = 6 },
		  TUN_FLOWING },
		{ "half is no backlog", { .ring = { .size = 100, .depth = 50 },
		  .packets = 50 }, TUN_FLOWING },
		{ "more is", { .ring = { .size = 100, .depth = 51 }, .packets = 51 },
		  TUN_BACKLOG },
		{ "waits, not for long, and no traffic", { .ring = { .size = 100, .depth = 1 },
		  .idle_ns = SECOND - 1 }, TUN_BACKLOG },
		{ "waits for too long", { .ring = { .size = 100, .depth = 1 },
		  .idle_ns = SECOND }, TUN_STALLED },
		{ "full, and the consumer moves", { .ring = { .size = 100, .depth = 100,
		  .full = 1 }, .packets = 9, .consumed = 9 }, TUN_FULL },
		{ "was full in between", { .ring = { .size = 100 }, .packets = 300,
		  .full = 1, .consumed = 299 }, TUN_FULL },
		{ "full, and it stands", { .ring = { .size = 100, .depth = 96, .full = 1 },
		  .full = 7, .idle_ns = 2 * SECOND }, TUN_STALLED },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(cases); i++) {
		enum tun_state got = tun_state_of(&cases[i].queue, SECOND);

		if (got != cases[i].want)
			printf("# %s\n", cases[i].what);
		CHECK_EQ(got, cases[i].want);
	}
}

/* From one interval to the next: when the consumer moved, by either sign of it. */
TEST(when_the_consumer_moved)
{
	struct vnet_devices none = {};
	struct tun_reader *r = tun_reader_new(&none, SECOND);
	struct tun_queue *q = find_queue(r, 7, 1);

	CHECK(find_queue(r, 7, 0) && find_queue(r, 7, 1) == &r->queues[0]);
	q = find_queue(r, 7, 1);
	r->began_ns = 10 * SECOND;
	q->ring = (struct vnet_tun_ring){ .size = 100, .depth = 4, .consumer_head = 6 };
	settle(r, q, 13 * SECOND);
	CHECK_EQ(q->idle_ns, 3 * SECOND);
	CHECK_EQ(q->state, TUN_STALLED);
	begin_interval(q);
	q->ring = (struct vnet_tun_ring){ .size = 100, .depth = 3, .consumer_head = 7 };
	settle(r, q, 14 * SECOND);
	CHECK_EQ(q->idle_ns, 0);
	CHECK_EQ(q->state, TUN_BACKLOG);
	begin_interval(q);
	add_stats(q, &(struct vnet_tun_stats){ .consumed = 1, .consumed_ns = 15 * SECOND });
	add_stats(q, &(struct vnet_tun_stats){ .consumed = 1, .consumed_ns = 14 * SECOND });
	q->ring = (struct vnet_tun_ring){ .size = 100, .consumer_head = 9 };
	settle(r, q, 18 * SECOND);
	CHECK_EQ(q->consumed, 2);
	CHECK_EQ(q->idle_ns, 3 * SECOND);
	CHECK_EQ(q->state, TUN_FLOWING);
	tun_reader_free(r);
}

TEST_MAIN(T(words_for_queues), T(when_the_consumer_moved))
