/* SPDX-License-Identifier: GPL-2.0-only */
/* Takes an interval of `latency qdisc` out of the kernel's maps. */
#include <errno.h>

#include <bpf/bpf.h>

#include "cmd/latency_qdisc.h"
#include "vnet/util.h"

/* Steps of one sweep: it starts over where packets come and go. */
#define SWEEP_MAX	32768
#define SWEEP_EACH_NS	(10 * VNET_NS_PER_S)

struct txq_reader {
	struct txq_queue *queues;	/* all that were ever seen */
	size_t nr, room;
	struct vnet_txq_key *keys;	/* room for a walk over the map */
	size_t room_keys;
	uint64_t swept_ns;		/* when txq_sweep() last did */
};

struct txq_reader *txq_reader_new(void)
{
	return vnet_alloc(sizeof(struct txq_reader));
}

void txq_reader_free(struct txq_reader *r)
{
	if (!r)
		return;
	free(r->queues);
	free(r->keys);
	free(r);
}

static struct txq_queue *find_queue(struct txq_reader *r, uint32_t ifindex, uint32_t queue)
{
	struct txq_queue *q;

	for (size_t i = 0; i < r->nr; i++)
		if (r->queues[i].ifindex == ifindex && r->queues[i].queue == queue)
			return &r->queues[i];
	if (r->nr == r->room) {
		r->room = r->room ? r->room * 2 : 16;
		r->queues = vnet_realloc(r->queues, r->room * sizeof(*r->queues));
	}
	q = &r->queues[r->nr++];
	*q = (struct txq_queue){ .ifindex = ifindex, .queue = queue };
	return q;
}

/* One CPU's part. */
static void add_stats(struct vnet_txq_stats *sum, const struct vnet_txq_stats *part)
{
	sum->started += part->started;
	sum->completed += part->completed;
	sum->bypassed += part->bypassed;
	sum->dropped += part->dropped;
	sum->segmented += part->segmented;
	sum->vanished += part->vanished;
	sum->unfollowed += part->unfollowed;
	sum->over += part->over;
	sum->backlogs += part->backlogs;
	sum->backlog_sum += part->backlog_sum;
	if (part->backlog_max > sum->backlog_max)
		sum->backlog_max = part->backlog_max;
	vnet_hist_merge(&sum->hist, &part->hist);
}

/*
 * The keys of one copy. Nothing is deleted meanwhile, so the walk never starts
 * over, and what is added meanwhile belongs to the other copy.
 */
static size_t find_keys(struct txq_reader *r, int fd, uint32_t copy)
{
	struct vnet_txq_key key;
	size_t nr = 0;
	int err = bpf_map_get_next_key(fd, NULL, &key);

	while (!err) {
		if (key.copy == copy) {
			if (nr == r->room_keys) {
				r->room_keys = r->room_keys ? r->room_keys * 2 : 64;
				r->keys = vnet_realloc(r->keys,
						       r->room_keys * sizeof(*r->keys));
			}
			r->keys[nr++] = key;
		}
		err = bpf_map_get_next_key(fd, &key, &key);
	}
	return nr;
}

static int take_stats(struct txq_reader *r, int fd, uint32_t copy)
{
	struct vnet_txq_stats *part = vnet_alloc(sizeof(*part));
	size_t nr = find_keys(r, fd, copy);
	int err = 0;

	for (size_t i = 0; i < nr && !err; i++) {
		struct vnet_txq_key *key = &r->keys[i];

		if (bpf_map_lookup_elem(fd, key, part) || bpf_map_delete_elem(fd, key))
			err = -errno;
		else
			add_stats(&find_queue(r, key->ifindex, key->queue)->sum, part);
	}
	free(part);
	return err;
}

/* A packet that goes on at the same moment is deleted by its program: once. */
static int sweep(struct txq_reader *r, struct vnet_session *session)
{
	int fd = vnet_session_map(session, "waits"), err;
	uint64_t now = vnet_now_ns(), key, next;
	struct vnet_txq_wait wait;

	if (fd < 0)
		return fd;
	err = bpf_map_get_next_key(fd, NULL, &next);
	for (uint32_t i = 0; !err && i < SWEEP_MAX; i++) {
		key = next;
		err = bpf_map_get_next_key(fd, &key, &next);
		if (!bpf_map_lookup_elem(fd, &key, &wait) &&
		    now > wait.since + VNET_TXQ_AGE_NS && !bpf_map_delete_elem(fd, &key))
			find_queue(r, wait.ifindex, wait.queue)->aged++;
	}
	return 0;
}

int txq_sweep(struct txq_reader *r, struct vnet_session *session)
{
	uint64_t now = vnet_now_ns();

	if (now < r->swept_ns + SWEEP_EACH_NS)
		return 0;
	r->swept_ns = now;
	return sweep(r, session);
}

void txq_total(const struct txq_queue *queues, size_t nr, struct txq_queue *all)
{
	for (size_t i = 0; i < nr; i++) {
		all->waiting += queues[i].waiting;
		all->aged += queues[i].aged;
		add_stats(&all->sum, &queues[i].sum);
	}
}

uint64_t txq_incomplete(const struct txq_queue *q, bool last)
{
	return q->sum.vanished + q->aged + (last ? q->waiting : 0);
}

int txq_read(struct txq_reader *r, struct vnet_session *session,
	     struct txq_queue **queues, size_t *nr)
{
	int copy = vnet_session_flip(session);
	int fd = vnet_session_map(session, "queues"), err;

	if (copy < 0)
		return copy;
	if (fd < 0)
		return fd;
	for (size_t i = 0; i < r->nr; i++) {
		r->queues[i].aged = 0;
		memset(&r->queues[i].sum, 0, sizeof(r->queues[i].sum));
	}
	err = take_stats(r, fd, copy);
	err = err ?: sweep(r, session);
	for (size_t i = 0; i < r->nr; i++) {
		struct txq_queue *q = &r->queues[i];
		const struct vnet_txq_stats *s = &q->sum;

		q->waiting += s->started - s->completed - s->dropped - s->segmented -
			      s->vanished - q->aged;
	}
	*queues = r->queues;
	*nr = r->nr;
	return err;
}
