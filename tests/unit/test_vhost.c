/* SPDX-License-Identifier: GPL-2.0-only */
/* An interval of `vhost summary` out of two readings (cmd/vhost_read.c). */
#include "cmd/tun.c"
#include "cmd/vm.c"
#include "cmd/vhost_read.c"

#include "test.h"

static struct vhost_queue a_queue(uint32_t direction)
{
	return (struct vhost_queue){
		.address = 1,
		.direction = direction,
		.ring = { .address = 1, .started = 1, .size = 256, .last_avail = 65530,
			  .last_used = 65500 },
		.guest = { .known = true, .idx = 65530 },
	};
}

TEST(words_for_virtqueues)
{
	struct vhost_queue q = a_queue(VNET_VHOST_TX);

	CHECK_EQ(state_of(&q), VHOST_IDLE);
	q.used = 3;
	CHECK_EQ(state_of(&q), VHOST_FLOWING);
	/* The guest has 16 to send, over the wrap. */
	q.guest.idx = 10;
	CHECK_EQ(state_of(&q), VHOST_STALLED);
	/* Without the guest's memory nobody can say so. */
	q.guest.known = false;
	CHECK_EQ(state_of(&q), VHOST_FLOWING);
	q = a_queue(VNET_VHOST_RX);
	CHECK_EQ(state_of(&q), VHOST_NO_BUFFERS);
	q.guest.idx = 200;
	CHECK_EQ(state_of(&q), VHOST_IDLE);
	q.taken = -1;
	CHECK_EQ(state_of(&q), VHOST_FLOWING);
	q.ring.depth = 1;
	CHECK_EQ(state_of(&q), VHOST_STALLED);
	q.ring.started = 0;
	CHECK_EQ(state_of(&q), VHOST_STOPPED);
	q.ring.address = 0;
	CHECK_EQ(state_of(&q), VHOST_GONE);
}

/* What moved between two looks does not stand. */
TEST(a_second_look)
{
	struct vhost_queue q = a_queue(VNET_VHOST_TX);
	struct glance before;

	q.guest.idx = 10;
	q.state = state_of(&q);
	before = glance_at(&q);
	confirm(&q, before);
	CHECK_EQ(q.state, VHOST_STALLED);
	q.ring.last_avail++;
	confirm(&q, before);
	CHECK_EQ(q.state, VHOST_FLOWING);
	before = glance_at(&q);
	q.ring.address = 0;
	confirm(&q, before);
	CHECK_EQ(q.state, VHOST_GONE);
}

TEST(indices_after_the_last_event)
{
	struct vnet_vhost_queue entry = {};
	struct vhost_queue q = a_queue(VNET_VHOST_RX);

	entry.used = 100;
	entry.taken = 200;
	entry.last_used = 65500 - 7;
	entry.last_avail = 4;	/* two were given back meanwhile, and eight more */
	q.ring.last_avail = 65530;
	add_moved(&q, &entry);
	CHECK_EQ(q.now.used, 107);
	CHECK_EQ(q.now.taken, 190);
	/* The worker went on after the ring was read: the entry has it all. */
	entry.used = 300;
	entry.taken = 300;
	entry.last_used = 65500 + 30;
	add_moved(&q, &entry);
	CHECK_EQ(q.now.used, 300);
	CHECK_EQ(q.now.taken, 300);
	/* Of a virtqueue that has gone there is the entry alone. */
	entry.last_used = 65499;
	q.ring.address = 0;
	add_moved(&q, &entry);
	CHECK_EQ(q.now.used, 300);
}

TEST(differences)
{
	struct vhost_queue q = a_queue(VNET_VHOST_RX);

	q.guest.idx = 0;
	q.before.handled = 10;
	q.before.chances = 7;
	q.before.suppressed[VNET_VHOST_EVENT_INDEX] = 2;
	vnet_hist_add(&q.before.batch, 64);
	q.now = q.before;
	q.now.handled = 15;
	q.now.chances = 9;
	q.now.signals = 1;
	q.now.suppressed[VNET_VHOST_EVENT_INDEX] = 3;
	q.now.used = 5;
	vnet_hist_add(&q.now.batch, 2);
	vnet_hist_add(&q.now.batch, 3);
	take_difference(&q);
	CHECK_EQ(q.handled, 5);
	CHECK_EQ(q.chances, 2);
	CHECK_EQ(q.signals + q.suppressed[VNET_VHOST_EVENT_INDEX], 2);
	CHECK_EQ(q.batch.count, 2);
	CHECK_EQ(q.batch.max, 3);
	CHECK_EQ(vnet_hist_min(&q.batch), 2);
	CHECK_EQ(q.state, VHOST_FLOWING);
}

TEST(a_guess_taken_back)
{
	struct vhost_queue q = a_queue(VNET_VHOST_RX);

	/* No signal came in time, and the worker woke at the next look. */
	q.before.chances = 8;
	q.before.suppressed[VNET_VHOST_EVENT_INDEX] = 7;
	q.now.chances = 7;
	q.now.suppressed[VNET_VHOST_EVENT_INDEX] = 6;
	take_difference(&q);
	CHECK_EQ(q.chances, 0);
	CHECK_EQ(q.suppressed[VNET_VHOST_EVENT_INDEX], 0);
	/* Then it signalled. */
	q.before = q.now;
	q.now.chances = 8;
	q.now.signals = 1;
	take_difference(&q);
	CHECK_EQ(q.chances, 1);
	CHECK_EQ(q.signals, 1);
}

TEST(queues_that_go)
{
	struct vnet_devices devices = { .nr = 1, .ifindex = { 7 } };
	struct vhost_reader *r = vhost_reader_new(&devices);
	struct vhost_queue *q = find_queue(r, 1);

	CHECK(find_queue(r, 2) != q && find_queue(r, 1) == q);
	q->state = VHOST_GONE;
	q->vm = vnet_strdup("web");
	find_queue(r, 2)->state = VHOST_IDLE;
	find_queue(r, 2)->now.handled = 3;
	begin_interval(r);
	CHECK_EQ(r->nr, 1);
	CHECK_EQ(r->queues[0]->before.handled, 3);
	r->netns = 5;
	CHECK(is_wanted(r, &(struct vnet_vhost_tap){ .ifindex = 7, .netns = 5 }));
	CHECK(!is_wanted(r, &(struct vnet_vhost_tap){ .ifindex = 7, .netns = 6 }));
	CHECK(!is_wanted(r, &(struct vnet_vhost_tap){ .ifindex = 8, .netns = 5 }));
	devices.nr = 0;
	CHECK(is_wanted(r, &(struct vnet_vhost_tap){}));
	vhost_reader_free(r);
}

TEST_MAIN(T(words_for_virtqueues), T(a_second_look), T(indices_after_the_last_event),
	  T(differences), T(a_guess_taken_back), T(queues_that_go))
