/* SPDX-License-Identifier: GPL-2.0-only */
/* Takes an interval of `tun summary` out of the kernel: maps, then the rings. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "cmd/tun.h"
#include "vnet/log.h"
#include "vnet/symbols.h"
#include "vnet/util.h"

/* The function whose drops are the tap's tx_dropped. */
#define DROPS_IN	"tun_net_xmit"

struct tun_reader {
	const struct vnet_devices *devices;
	uint64_t stalled_ns;
	uint64_t began_ns;		/* CLOCK_MONOTONIC */
	struct tun_queue *queues;	/* all that were ever seen */
	size_t nr, room;
	char *keys;			/* room for a walk over a map */
	size_t room_keys;
};

struct tun_reader *tun_reader_new(const struct vnet_devices *devices, uint64_t stalled_ns)
{
	struct tun_reader *r = vnet_alloc(sizeof(*r));

	r->devices = devices;
	r->stalled_ns = stalled_ns;
	return r;
}

void tun_reader_free(struct tun_reader *r)
{
	if (!r)
		return;
	free(r->queues);
	free(r->keys);
	free(r);
}

static struct tun_queue *find_queue(struct tun_reader *r, uint32_t ifindex, uint32_t queue)
{
	struct tun_queue *q;

	for (size_t i = 0; i < r->nr; i++)
		if (r->queues[i].ifindex == ifindex && r->queues[i].queue == queue)
			return &r->queues[i];
	if (r->nr == r->room) {
		r->room = r->room ? r->room * 2 : 16;
		r->queues = vnet_realloc(r->queues, r->room * sizeof(*r->queues));
	}
	q = &r->queues[r->nr++];
	*q = (struct tun_queue){ .ifindex = ifindex, .queue = queue };
	return q;
}

/*
 * All keys of a map. Nothing is deleted meanwhile, so the walk never starts over;
 * what is added meanwhile belongs to the other copy.
 */
static size_t find_keys(struct tun_reader *r, int fd, size_t size)
{
	const void *before = NULL;
	size_t nr = 0;

	for (;;) {
		if ((nr + 1) * size > r->room_keys) {
			r->room_keys = (nr + 1) * size * 2;
			r->keys = vnet_realloc(r->keys, r->room_keys);
			before = nr ? r->keys + (nr - 1) * size : NULL;
		}
		if (bpf_map_get_next_key(fd, before, r->keys + nr * size))
			return nr;
		before = r->keys + nr++ * size;
	}
}

static void add_stats(struct tun_queue *q, const struct vnet_tun_stats *part)
{
	q->packets += part->packets;
	q->full += part->full;
	q->unread += part->unread;
	q->consumed += part->consumed;
	if (part->consumed_ns > q->moved_ns)
		q->moved_ns = part->consumed_ns;
	vnet_hist_merge(&q->depth, &part->depth);
}

static int take_stats(struct tun_reader *r, struct vnet_session *session, uint32_t copy)
{
	int fd = vnet_session_map(session, "queues"), err = 0;
	struct vnet_tun_stats *part;
	struct vnet_tun_key *key;
	size_t nr;

	if (fd < 0)
		return fd;
	part = vnet_alloc(sizeof(*part));
	nr = find_keys(r, fd, sizeof(*key));
	for (size_t i = 0; i < nr && !err; i++) {
		key = (void *)(r->keys + i * sizeof(*key));
		if (key->copy != copy)
			continue;
		if (bpf_map_lookup_elem(fd, key, part) || bpf_map_delete_elem(fd, key))
			err = -errno;
		else
			add_stats(find_queue(r, key->ifindex, key->queue), part);
	}
	free(part);
	return err;
}

/* Freed by the function itself, not by one that met the address later. */
static bool is_drop(uint64_t location)
{
	struct vnet_frame frame;
	size_t len = strlen(DROPS_IN);

	return vnet_symbol_find(location, &frame) &&
	       !strncmp(frame.symbol, DROPS_IN, len) &&
	       (!frame.symbol[len] || frame.symbol[len] == '.');
}

static int take_drops(struct tun_reader *r, struct vnet_session *session, uint32_t copy)
{
	int fd = vnet_session_map(session, "drops");
	struct vnet_tun_drop *key;
	struct tun_queue *q;
	uint64_t count;
	size_t nr;

	if (fd < 0)
		return fd;
	nr = find_keys(r, fd, sizeof(*key));
	for (size_t i = 0; i < nr; i++) {
		key = (void *)(r->keys + i * sizeof(*key));
		if (key->copy != copy)
			continue;
		if (bpf_map_lookup_elem(fd, key, &count) || bpf_map_delete_elem(fd, key))
			return -errno;
		if (!is_drop(key->location))
			continue;
		q = find_queue(r, key->ifindex, key->queue);
		if (key->full)
			q->drops += count;
		else
			q->other_drops += count;
	}
	return 0;
}

/* The state of one ring, by a program that runs in the kernel now. */
static int look(struct vnet_session *session, uint32_t ifindex, uint32_t queue,
		struct vnet_tun_state *state)
{
	int fd = vnet_session_map(session, "state"), err;
	uint64_t args[] = { ifindex, queue };
	uint32_t zero = 0;

	if (fd < 0)
		return fd;
	err = vnet_session_run(session, "run__state", args, VNET_ARRAY_SIZE(args));
	if (err)
		return err;
	return bpf_map_lookup_elem(fd, &zero, state) ? -errno : 0;
}

static int look_at_device(struct tun_reader *r, struct vnet_session *session,
			  uint32_t ifindex, const char *name)
{
	struct vnet_tun_state state = { .nr_queues = 1 };
	int err;

	for (uint32_t i = 0; i < state.nr_queues; i++) {
		struct tun_queue *q;

		err = look(session, ifindex, i, &state);
		if (err)
			return err;
		if (state.misfit) {
			vnet_error("the structures of '%s' are not as this kernel's types "
				   "say", name);
			return -EBADMSG;
		}
		if (!state.ring.size)
			continue;
		q = find_queue(r, ifindex, i);
		vnet_copy(q->device, sizeof(q->device), name);
		q->ring = state.ring;
	}
	return 0;
}

/* Every ring, also those that no packet came to. */
static int look_at_all(struct tun_reader *r, struct vnet_session *session)
{
	struct if_nameindex *all;
	int err = 0;

	for (uint32_t i = 0; i < r->devices->nr && !err; i++)
		err = look_at_device(r, session, r->devices->ifindex[i],
				     r->devices->names[i]);
	if (r->devices->nr || err)
		return err;
	all = if_nameindex();
	if (!all)
		return -errno;
	for (size_t i = 0; all[i].if_index && !err; i++)
		if (tun_is_tap(all[i].if_name))
			err = look_at_device(r, session, all[i].if_index, all[i].if_name);
	if_freenameindex(all);
	return err;
}

static void begin_interval(struct tun_queue *q)
{
	q->polled = q->ring.size;
	q->old_head = q->ring.consumer_head;
	q->packets = q->full = q->unread = q->consumed = 0;
	q->drops = q->other_drops = 0;
	memset(&q->depth, 0, sizeof(q->depth));
	memset(&q->ring, 0, sizeof(q->ring));
}

int tun_reader_begin(struct tun_reader *r, struct vnet_session *session)
{
	r->began_ns = vnet_now_ns();
	return look_at_all(r, session);
}

/*
 * The reader of a tap shows where it copies a packet; XDP frames it takes in
 * another way, but the ring's own index moves for them, too.
 */
static void settle(struct tun_reader *r, struct tun_queue *q, uint64_t now)
{
	if (q->polled && q->ring.size && !q->consumed && q->old_head != q->ring.consumer_head)
		q->moved_ns = now;
	q->idle_ns = q->moved_ns ? now - q->moved_ns : now - r->began_ns;
	if (q->moved_ns > now)
		q->idle_ns = 0;
	q->state = tun_state_of(q, r->stalled_ns);
}

enum tun_state tun_state_of(const struct tun_queue *q, uint64_t stalled_ns)
{
	const struct vnet_tun_ring *ring = &q->ring;

	if (!ring->size)
		return TUN_UNKNOWN;
	if (ring->depth && q->idle_ns >= stalled_ns)
		return TUN_STALLED;
	if (ring->full || q->full)
		return TUN_FULL;
	/* Anything else that waits while nothing moves may only be on its way. */
	if (ring->depth > ring->size / 2)
		return TUN_BACKLOG;
	if (q->packets || q->consumed)
		return TUN_FLOWING;
	return ring->depth ? TUN_BACKLOG : TUN_IDLE;
}

int tun_read(struct tun_reader *r, struct vnet_session *session,
	     const struct vnet_span *span, struct tun_queue **queues, size_t *nr)
{
	int copy = vnet_session_flip(session), err;

	if (copy < 0)
		return copy;
	for (size_t i = 0; i < r->nr; i++)
		begin_interval(&r->queues[i]);
	err = take_stats(r, session, copy);
	err = err ?: take_drops(r, session, copy);
	err = err ?: look_at_all(r, session);
	for (size_t i = 0; i < r->nr; i++)
		settle(r, &r->queues[i], vnet_now_ns());
	*queues = r->queues;
	*nr = r->nr;
	return err;
}
