/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Takes an interval of `vhost summary` out of the kernel: what workers counted,
 * then each virtqueue as it is, then the guest's own part of it.
 *
 * Entries grow for the whole run; an interval is the difference of two readings.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "cmd/tun.h"
#include "cmd/vhost.h"
#include "vnet/guests.h"
#include "vnet/log.h"
#include "vnet/util.h"

/* An entry that changes all the time is taken as it is at last. */
#define READ_TRIES	1000
#define RETRY_NS	50000
/* A worker signals within this time after it returned buffers, or does not. */
#define SIGNAL_NS	(10 * 1000000)
/* What waits for so long while nothing moves is stalled. */
#define STALL_NS	(100 * 1000000)
#define AVAIL_NO_INTERRUPT	1
/* A virtqueue has at most so many descriptors. */
#define MAX_SIZE	32768

struct vhost_reader {
	const struct vnet_devices *devices;
	uint32_t netns;
	struct vhost_queue **queues;
	size_t nr;
	uint64_t hidden;
};

struct vhost_reader *vhost_reader_new(const struct vnet_devices *devices)
{
	struct vhost_reader *r = vnet_alloc(sizeof(*r));

	r->devices = devices;
	return r;
}

static void queue_free(struct vhost_queue *q)
{
	free(q->vm);
	free(q);
}

void vhost_reader_free(struct vhost_reader *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->nr; i++)
		queue_free(r->queues[i]);
	free(r->queues);
	free(r);
}

static struct vhost_queue *find_queue(struct vhost_reader *r, uint64_t address)
{
	struct vhost_queue *q;

	for (size_t i = 0; i < r->nr; i++)
		if (r->queues[i]->address == address)
			return r->queues[i];
	r->queues = vnet_realloc(r->queues, (r->nr + 1) * sizeof(*r->queues));
	q = r->queues[r->nr++] = vnet_alloc(sizeof(*q));
	q->address = address;
	return q;
}

static bool is_wanted(const struct vhost_reader *r, const struct vnet_vhost_tap *tap)
{
	for (uint32_t i = 0; i < r->devices->nr; i++)
		if (r->devices->ifindex[i] == tap->ifindex && tap->netns == r->netns)
			return true;
	return !r->devices->nr;
}

static void pause_ns(long ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = ns }, NULL);
}

/* ---- what the workers counted ---- */

/* An entry that nobody was writing meanwhile. */
static int read_entry(int fd, uint64_t key, struct vnet_vhost_queue *entry)
{
	struct vnet_vhost_queue again;

	for (int i = 0; i < READ_TRIES; i++) {
		if (bpf_map_lookup_elem(fd, &key, entry) ||
		    bpf_map_lookup_elem(fd, &key, &again))
			return -errno;
		if (!(again.seq & 1) && again.seq == entry->seq)
			break;
		pause_ns(RETRY_NS);
	}
	return 0;
}

static int take_entries(struct vhost_reader *r, int fd)
{
	struct vnet_vhost_queue entry;
	struct vhost_queue *q;
	uint64_t key, *before = NULL;

	while (!bpf_map_get_next_key(fd, before, &key)) {
		before = &key;
		/* Only this process deletes. */
		if (read_entry(fd, key, &entry))
			return -errno;
		if (!entry.seq || entry.ignored)
			continue;
		q = find_queue(r, key);
		q->now = entry;
		q->tap = entry.tap;
		q->direction = entry.direction;
		q->tid = entry.tid;
		q->cpu = entry.cpu;
		q->ran = true;
	}
	return 0;
}

/*
 * The last chance of a queue that came to rest: no signal came in time, so it was
 * suppressed. The kernel finds the same when it sees the queue again. What is in
 * the middle of it is left to the next interval.
 */
static void settle_chances(struct vhost_reader *r, int fd)
{
	struct vnet_vhost_queue again;
	bool any = false;

	for (size_t i = 0; i < r->nr; i++)
		any |= r->queues[i]->now.chance == VNET_VHOST_OPEN;
	if (any)
		pause_ns(SIGNAL_NS);
	for (size_t i = 0; any && i < r->nr; i++) {
		struct vnet_vhost_queue *now = &r->queues[i]->now;

		if (now->chance != VNET_VHOST_OPEN || now->cause >= VNET_VHOST_CAUSES)
			continue;
		if (!read_entry(fd, r->queues[i]->address, &again) && again.seq == now->seq)
			now->suppressed[now->cause]++;
		else
			now->chances--;
	}
}

/* ---- the virtqueues as they are ---- */

/* A copy of the process's descriptor, for as long as it is looked at. */
static int duplicate(uint32_t pid, uint32_t fd)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0), copy, err;

	if (pidfd < 0)
		return -errno;
	copy = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	err = errno;
	close(pidfd);
	return copy < 0 ? -err : copy;
}

static int look(struct vnet_session *session, int copy, struct vnet_vhost_state *state)
{
	int fd = vnet_session_map(session, "state"), err;
	uint64_t arg = copy;
	uint32_t zero = 0;

	if (fd < 0)
		return fd;
	err = vnet_session_run(session, "run__state", &arg, 1);
	if (err)
		return err;
	return bpf_map_lookup_elem(fd, &zero, state) ? -errno : 0;
}

static bool read_guest(uint32_t pid, uint64_t address, void *to, size_t size)
{
	struct iovec local = { to, size };
	struct iovec remote = { (void *)(uintptr_t)address, size };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

/* struct vring_avail: flags, idx, the ring, and behind it used_event. */
static void look_at_guest(struct vhost_queue *q)
{
	const struct vnet_vhost_ring *ring = &q->ring;
	uint16_t head[2];

	q->guest.known = ring->avail && ring->size && ring->size <= MAX_SIZE &&
		read_guest(q->pid, ring->avail, head, sizeof(head)) &&
		read_guest(q->pid, ring->avail + sizeof(head) + 2 * ring->size,
			   &q->guest.used_event, sizeof(q->guest.used_event));
	if (!q->guest.known)
		return;
	q->guest.no_interrupt = head[0] & AVAIL_NO_INTERRUPT;
	q->guest.idx = head[1];
}

static void note_ring(struct vhost_reader *r, const struct vnet_guest *guest,
		      const struct vnet_vhost_ring *ring, uint32_t direction)
{
	struct vhost_queue *q;

	if (!is_wanted(r, &ring->tap))
		return;
	q = find_queue(r, ring->address);
	q->ring = *ring;
	q->direction = direction;
	/* A queue that was stopped has no tap, and had one. */
	if (ring->tap.ifindex)
		q->tap = ring->tap;
	if (ring->worker)
		q->tid = ring->worker;
	if (q->pid != guest->pid) {
		free(q->vm);
		q->vm = guest->name ? vnet_strdup(guest->name) : NULL;
		q->pid = guest->pid;
	}
	look_at_guest(q);
}

/* 0 also for what has gone meanwhile, or may not be looked at. */
static int look_at_descriptor(struct vhost_reader *r, struct vnet_session *session,
			      const struct vnet_guest *guest, uint32_t fd)
{
	struct vnet_vhost_state state;
	int copy = duplicate(guest->pid, fd), err;

	if (copy < 0) {
		r->hidden += copy != -ESRCH && copy != -EBADF;
		return 0;
	}
	err = look(session, copy, &state);
	close(copy);
	if (err || !state.found)
		return err;
	for (uint32_t i = 0; i < VNET_VHOST_DIRECTIONS; i++)
		note_ring(r, guest, &state.rings[i], i);
	return 0;
}

static int look_at_all(struct vhost_reader *r, struct vnet_session *session)
{
	struct vnet_guests guests;
	int err = vnet_guests_find("/proc", "/sys", &guests);

	r->hidden = guests.nr_hidden;
	for (size_t i = 0; i < r->nr; i++)
		memset(&r->queues[i]->ring, 0, sizeof(r->queues[i]->ring));
	for (size_t i = 0; !err && i < guests.nr; i++)
		for (uint32_t n = 0; !err && n < guests.guests[i].nr_vhost; n++)
			err = look_at_descriptor(r, session, &guests.guests[i],
						 guests.guests[i].vhost[n]);
	vnet_guests_free(&guests);
	return err;
}

/* ---- what that makes ---- */

/* The two indices are read one after the other, and the worker goes on meanwhile. */
static uint32_t between(uint16_t from, uint16_t to, uint32_t size)
{
	uint16_t distance = to - from;

	return distance < size ? distance : size;
}

uint32_t vhost_avail(const struct vhost_queue *q)
{
	return between(q->ring.last_avail, q->guest.idx, q->ring.size);
}

uint32_t vhost_taken(const struct vhost_queue *q)
{
	return between(q->ring.last_used, q->ring.last_avail, q->ring.size);
}

/*
 * What the queue would be if it does not move on at once: to receive, packets wait
 * for the worker, or it has no buffers; to send, the guest's buffers wait.
 */
static enum vhost_state standing(const struct vhost_queue *q)
{
	bool rx = q->direction == VNET_VHOST_RX;

	if (rx && q->guest.known && !vhost_avail(q))
		return VHOST_NO_BUFFERS;
	if (rx ? q->ring.depth || q->ring.fetched : q->guest.known && vhost_avail(q))
		return VHOST_STALLED;
	return q->used || q->taken ? VHOST_FLOWING : VHOST_IDLE;
}

static enum vhost_state state_of(const struct vhost_queue *q)
{
	if (!q->ring.address)
		return VHOST_GONE;
	return q->ring.started ? standing(q) : VHOST_STOPPED;
}

static bool seems_to_stand(const struct vhost_queue *q)
{
	return q->state == VHOST_STALLED || q->state == VHOST_NO_BUFFERS;
}

/*
 * What moved since the worker was last seen is not in the entry yet. The worker goes
 * on: an entry that is read after the ring is behind it by one return of buffers at
 * most; if it is ahead, it has all that there is.
 */
static void add_moved(struct vhost_queue *q, const struct vnet_vhost_queue *entry)
{
	uint16_t used = q->ring.last_used - entry->last_used;
	int16_t taken = q->ring.last_avail - entry->last_avail;

	q->now.used = entry->used;
	q->now.taken = entry->taken;
	if (!q->ring.address || used > q->ring.size)
		return;
	q->now.used += used;
	q->now.taken += taken;
}

static int add_all_moved(struct vhost_reader *r, int fd)
{
	struct vnet_vhost_queue entry;

	for (size_t i = 0; i < r->nr; i++) {
		struct vhost_queue *q = r->queues[i];

		/* A worker that was never seen counts from nowhere. */
		if (!q->now.seq)
			continue;
		if (read_entry(fd, q->address, &entry))
			return -errno;
		add_moved(q, &entry);
	}
	return 0;
}

static uint64_t grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

static void take_difference(struct vhost_queue *q)
{
	const struct vnet_vhost_queue *now = &q->now, *before = &q->before;
	int64_t chances = now->chances - before->chances;

	q->handled = grown(now->handled, before->handled);
	q->used = grown(now->used, before->used);
	q->taken = now->taken - before->taken;
	q->resets = grown(now->resets, before->resets);
	q->signals = grown(now->signals, before->signals);
	for (int i = 0; i < VNET_VHOST_CAUSES; i++) {
		q->suppressed[i] = grown(now->suppressed[i], before->suppressed[i]);
		/*
		 * A worker that lost its CPU signalled after all, or is about to: what
		 * was counted as suppressed is taken back, and counted here or next.
		 */
		chances += now->suppressed[i] < before->suppressed[i];
	}
	q->chances = chances > 0 ? chances : 0;
	q->batch = now->batch;
	vnet_hist_since(&q->batch, &before->batch);
	q->state = state_of(q);
}

/* What was seen of a queue that seems to stand. */
struct glance {
	uint16_t last_avail, last_used, idx;
};

static struct glance glance_at(const struct vhost_queue *q)
{
	return (struct glance){ q->ring.last_avail, q->ring.last_used, q->guest.idx };
}

static void confirm(struct vhost_queue *q, struct glance before)
{
	struct glance now = glance_at(q);

	if (!q->ring.address)
		q->state = VHOST_GONE;
	else if (memcmp(&now, &before, sizeof(now)))
		q->state = VHOST_FLOWING;
	else
		q->state = state_of(q);
}

/* A queue that seems to stand may only have got its packet a moment ago. */
static int confirm_all(struct vhost_reader *r, struct vnet_session *session)
{
	struct glance *glances = vnet_alloc((r->nr + 1) * sizeof(*glances));
	size_t nr = r->nr, standing = 0;
	int err = 0;

	for (size_t i = 0; i < nr; i++) {
		glances[i] = glance_at(r->queues[i]);
		standing += seems_to_stand(r->queues[i]);
	}
	if (standing) {
		pause_ns(STALL_NS);
		err = look_at_all(r, session);
	}
	for (size_t i = 0; standing && i < nr; i++)
		if (seems_to_stand(r->queues[i]))
			confirm(r->queues[i], glances[i]);
	free(glances);
	return err;
}

/* The kernel's entries of those that have gone; their addresses may come again. */
static void delete_gone(struct vhost_reader *r, struct vnet_session *session)
{
	int queues = vnet_session_map(session, "queues");
	int signals = vnet_session_map(session, "signals");

	for (size_t i = 0; i < r->nr; i++) {
		if (r->queues[i]->state != VHOST_GONE)
			continue;
		bpf_map_delete_elem(queues, &r->queues[i]->address);
		bpf_map_delete_elem(signals, &r->queues[i]->now.ctx);
	}
}

/* After a report: what had gone is in it for the last time. */
static void begin_interval(struct vhost_reader *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->nr; i++) {
		struct vhost_queue *q = r->queues[i];

		if (q->state == VHOST_GONE) {
			queue_free(q);
			continue;
		}
		q->before = q->now;
		r->queues[kept++] = q;
	}
	r->nr = kept;
}

static int read_all(struct vhost_reader *r, struct vnet_session *session)
{
	int fd = vnet_session_map(session, "queues"), err;

	if (fd < 0)
		return fd;
	err = take_entries(r, fd);
	if (err)
		return err;
	settle_chances(r, fd);
	err = look_at_all(r, session);
	err = err ?: add_all_moved(r, fd);
	for (size_t i = 0; i < r->nr; i++)
		take_difference(r->queues[i]);
	return err;
}

int vhost_reader_begin(struct vhost_reader *r, struct vnet_session *session)
{
	int err = tun_netns(&r->netns);

	err = err ?: read_all(r, session);
	if (err)
		vnet_error("cannot look at the virtqueues: %s", strerror(-err));
	/* What happened since the programs were attached is of the first interval. */
	for (size_t i = 0; i < r->nr; i++)
		memset(&r->queues[i]->now, 0, sizeof(r->queues[i]->now));
	return err;
}

int vhost_read(struct vhost_reader *r, struct vnet_session *session,
	       struct vhost_queue ***queues, size_t *nr, uint64_t *hidden)
{
	int err;

	begin_interval(r);
	err = read_all(r, session);
	err = err ?: confirm_all(r, session);
	delete_gone(r, session);
	*queues = r->queues;
	*nr = r->nr;
	*hidden = r->hidden;
	return err;
}
