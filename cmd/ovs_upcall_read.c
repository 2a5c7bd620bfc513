/* SPDX-License-Identifier: GPL-2.0-only */
/* Takes an interval of `ovs upcall` out of the kernel's maps. */
#include <errno.h>

#include <bpf/bpf.h>

#include "cmd/ovs_upcall.h"
#include "vnet/util.h"

/* Steps of one sweep: it starts over where upcalls come and go. */
#define SWEEP_MAX	65536
/* Unread for so long, its end was missed: a stopped handler may still come back. */
#define UNREAD_AGE_NS	(600 * VNET_NS_PER_S)

struct upcall_reader {
	const struct upcall_args *args;
	struct upcall_row *rows;	/* of the interval that is read */
	size_t nr_rows, room_rows;
	/* What sweeps gave up since the last one: only key, no_return, vanished. */
	struct upcall_row *given_up;
	size_t nr_given_up, room_given_up;
	struct vnet_upcall_key *keys;	/* room for a walk over `rows` */
	size_t room_keys;
	struct upcall_lost *lost;
	size_t nr_lost, room_lost;
	int64_t waiting;
};

struct upcall_reader *upcall_reader_new(const struct upcall_args *args)
{
	struct upcall_reader *r = vnet_alloc(sizeof(*r));

	r->args = args;
	return r;
}

void upcall_reader_free(struct upcall_reader *r)
{
	if (!r)
		return;
	free(r->rows);
	free(r->given_up);
	free(r->keys);
	free(r->lost);
	free(r);
}

/* The row of the key, made if it is not there, in one of the two lists. */
static struct upcall_row *find_row(struct upcall_row **rows, size_t *nr, size_t *room,
				   const struct vnet_upcall_key *key)
{
	struct upcall_row *row;

	for (size_t i = 0; i < *nr; i++)
		if (!memcmp(&(*rows)[i].key, key, sizeof(*key)))
			return &(*rows)[i];
	if (*nr == *room) {
		*room = *room ? *room * 2 : 16;
		*rows = vnet_realloc(*rows, *room * sizeof(**rows));
	}
	row = &(*rows)[(*nr)++];
	memset(row, 0, sizeof(*row));
	row->key = *key;
	return row;
}

static struct upcall_row *interval_row(struct upcall_reader *r,
				       const struct vnet_upcall_key *key)
{
	return find_row(&r->rows, &r->nr_rows, &r->room_rows, key);
}

/* Sorted in, if it is among the longest. */
static void add_handler(struct upcall_row *row, uint32_t tid,
			const struct vnet_upcall_stats *part)
{
	struct upcall_handler handler = {
		.tid = tid, .cpu = part->max_done_cpu,
		.max_ns = part->times[VNET_UPCALL_TOTAL].max,
	};
	uint32_t at = row->nr_handlers;

	if (!part->times[VNET_UPCALL_TOTAL].count)
		return;
	memcpy(handler.comm, part->comm, sizeof(handler.comm));
	while (at > 0 && row->handlers[at - 1].max_ns < handler.max_ns) {
		if (at < UPCALL_HANDLERS)
			row->handlers[at] = row->handlers[at - 1];
		at--;
	}
	if (at < UPCALL_HANDLERS)
		row->handlers[at] = handler;
	if (row->nr_handlers < UPCALL_HANDLERS)
		row->nr_handlers++;
}

static void add_counts(struct vnet_upcall_stats *sum, const struct vnet_upcall_stats *part)
{
	sum->count += part->count;
	sum->lost += part->lost;
	sum->messages += part->messages;
	sum->discarded += part->discarded;
	sum->vanished += part->vanished;
	sum->read += part->read;
	sum->returned += part->returned;
	sum->ambiguous += part->ambiguous;
}

static void add_stats(struct upcall_row *row, uint32_t tid,
		      const struct vnet_upcall_stats *part)
{
	struct vnet_upcall_stats *sum = &row->sum;

	add_counts(sum, part);
	if (part->device[0]) {
		memcpy(sum->device, part->device, sizeof(sum->device));
		sum->in_port = part->in_port;
		sum->dp_ifindex = part->dp_ifindex;
	}
	if (part->comm[0])
		memcpy(sum->comm, part->comm, sizeof(sum->comm));
	if (part->times[VNET_UPCALL_TOTAL].max >= sum->times[VNET_UPCALL_TOTAL].max)
		sum->max_cpu = part->max_cpu;
	for (int i = 0; i < VNET_UPCALL_PARTS; i++)
		vnet_hist_merge(&sum->times[i], &part->times[i]);
	add_handler(row, tid, part);
}

/*
 * The keys of one copy. Nothing is deleted meanwhile, so the walk never starts
 * over, and what is added meanwhile belongs to the other copy.
 */
static size_t find_keys(struct upcall_reader *r, int fd, uint32_t copy)
{
	struct vnet_upcall_key key;
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

/*
 * A handler's own row begins where it reads: upcalls are counted once, in its
 * row those it read, in the row without a handler those that nobody will read.
 */
static void count_by_handler(struct vnet_upcall_stats *part, uint32_t tid)
{
	part->count = tid ? part->read : part->lost;
	part->messages = part->read;
}

static int take_rows(struct upcall_reader *r, int fd, uint32_t copy,
		     struct upcall_row *total)
{
	struct vnet_upcall_stats *part = vnet_alloc(sizeof(*part));
	size_t nr = find_keys(r, fd, copy);
	int err = 0;

	r->nr_rows = 0;
	for (size_t i = 0; i < nr && !err; i++) {
		struct vnet_upcall_key key = r->keys[i];
		uint32_t tid = key.tid;

		if (bpf_map_lookup_elem(fd, &key, part) || bpf_map_delete_elem(fd, &key)) {
			err = -errno;
			break;
		}
		add_counts(&total->sum, part);
		key.copy = 0;
		if (r->args->by & VNET_UPCALL_BY_HANDLER)
			count_by_handler(part, tid);
		else
			key.tid = 0;
		add_stats(interval_row(r, &key), tid, part);
	}
	free(part);
	return err;
}

static void take_given_up(struct upcall_reader *r, struct upcall_row *total)
{
	for (size_t i = 0; i < r->nr_given_up; i++) {
		const struct upcall_row *from = &r->given_up[i];
		struct upcall_row *to = interval_row(r, &from->key);

		to->no_return += from->no_return;
		to->sum.vanished += from->sum.vanished;
		total->no_return += from->no_return;
		total->sum.vanished += from->sum.vanished;
		if (from->sum.device[0] && !to->sum.device[0])
			memcpy(to->sum.device, from->sum.device, sizeof(to->sum.device));
		if (from->sum.comm[0] && !to->sum.comm[0])
			memcpy(to->sum.comm, from->sum.comm, sizeof(to->sum.comm));
	}
	r->nr_given_up = 0;
}

static void find_owner(int owners, struct upcall_lost *lost)
{
	if (bpf_map_lookup_elem(owners, &lost->portid, &lost->owner) &&
	    !upcall_owner_find(lost->portid, &lost->owner))
		memset(&lost->owner, 0, sizeof(lost->owner));
}

static void add_lost(struct upcall_reader *r, const struct upcall_lost *lost)
{
	if (r->nr_lost == r->room_lost) {
		r->room_lost = r->room_lost ? r->room_lost * 2 : 16;
		r->lost = vnet_realloc(r->lost, r->room_lost * sizeof(*r->lost));
	}
	r->lost[r->nr_lost++] = *lost;
}

/* Deleting would let the walk start over: so it is two. */
static int take_lost(struct upcall_reader *r, int fd, int owners, uint32_t copy)
{
	struct vnet_upcall_loss key;
	int err = bpf_map_get_next_key(fd, NULL, &key);

	r->nr_lost = 0;
	while (!err) {
		struct upcall_lost lost = { .portid = key.portid, .error = key.error };
		__u64 count;

		if (key.copy == copy && !bpf_map_lookup_elem(fd, &key, &count)) {
			lost.count = count;
			add_lost(r, &lost);
		}
		err = bpf_map_get_next_key(fd, &key, &key);
	}
	for (size_t i = 0; i < r->nr_lost; i++) {
		struct upcall_lost *lost = &r->lost[i];

		key = (struct vnet_upcall_loss){ lost->portid, lost->error, copy };
		if (bpf_map_delete_elem(fd, &key))
			return -errno;
		find_owner(owners, lost);
	}
	return 0;
}

/* Packets of the copy at rest, which begins again from 0. */
static int take_strangers(int fd, uint32_t copy, uint64_t *count)
{
	const __u64 none = 0;
	__u64 value;

	if (bpf_map_lookup_elem(fd, &copy, &value) ||
	    bpf_map_update_elem(fd, &copy, &none, BPF_ANY))
		return -errno;
	*count = value;
	return 0;
}

/* Counts an upcall that user space took out of the map, as the probes would. */
static void give_up(struct upcall_reader *r, const struct vnet_upcall *upcall)
{
	uint32_t by = r->args->by;
	struct vnet_upcall_key key = {};
	struct upcall_row *row;

	if (by & VNET_UPCALL_BY_FLOW)
		key.flow = upcall->packet.flow;
	if (by & VNET_UPCALL_BY_PORT) {
		key.ifindex = upcall->ifindex;
		key.netns = upcall->netns;
	}
	if (by & VNET_UPCALL_BY_CAUSE)
		key.cause = upcall->cause;
	if (by & VNET_UPCALL_BY_HANDLER)
		key.tid = upcall->read ? upcall->tid : 0;
	row = find_row(&r->given_up, &r->nr_given_up, &r->room_given_up, &key);
	if (upcall->read)
		row->no_return += upcall->nr;
	else
		row->sum.vanished++;
	memcpy(row->sum.comm, upcall->comm, sizeof(row->sum.comm));
	if (by & VNET_UPCALL_BY_PORT)
		memcpy(row->sum.device, upcall->device, sizeof(row->sum.device));
}

static bool is_old(const struct upcall_reader *r, const struct vnet_upcall *upcall,
		   uint64_t now)
{
	return upcall->read ? now > upcall->read + r->args->timeout_ns :
			      now > upcall->since + UNREAD_AGE_NS;
}

/* One that is answered at the same moment is deleted by its program: once. */
int upcall_sweep(struct upcall_reader *r, struct vnet_session *session)
{
	int fd = vnet_session_map(session, "waits"), err;
	uint64_t now = vnet_now_ns(), key, next;
	struct vnet_upcall upcall;

	if (fd < 0)
		return fd;
	err = bpf_map_get_next_key(fd, NULL, &next);
	for (uint32_t i = 0; !err && i < SWEEP_MAX; i++) {
		key = next;
		err = bpf_map_get_next_key(fd, &key, &next);
		if (!bpf_map_lookup_elem(fd, &key, &upcall) && is_old(r, &upcall, now) &&
		    !bpf_map_delete_elem(fd, &key))
			give_up(r, &upcall);
	}
	return 0;
}

int upcall_read(struct upcall_reader *r, struct vnet_session *session,
		struct upcall_interval *interval)
{
	int copy = vnet_session_flip(session);
	int rows = vnet_session_map(session, "rows");
	int lost = vnet_session_map(session, "undelivered");
	int owners = vnet_session_map(session, "owners");
	int strangers = vnet_session_map(session, "strangers");
	struct upcall_row *total = &interval->total;
	int err;

	if (copy < 0)
		return copy;
	if (rows < 0 || lost < 0 || owners < 0 || strangers < 0)
		return -ENOENT;
	memset(interval, 0, sizeof(*interval));
	err = take_rows(r, rows, copy, total);
	err = err ?: take_lost(r, lost, owners, copy);
	err = err ?: take_strangers(strangers, copy, &interval->strangers);
	err = err ?: upcall_sweep(r, session);
	if (err)
		return err;
	take_given_up(r, total);
	r->waiting += total->sum.messages - total->sum.returned - total->sum.discarded -
		      total->sum.vanished - total->no_return;
	interval->waiting = r->waiting;
	interval->rows = r->rows;
	interval->nr_rows = r->nr_rows;
	interval->lost = r->lost;
	interval->nr_lost = r->nr_lost;
	return 0;
}
