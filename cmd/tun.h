/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of `tun summary` and `tun details` share. */
#ifndef VNET_CMD_TUN_H
#define VNET_CMD_TUN_H

#include <linux/types.h>

#include "vnet/abi/tun.h"
#include "vnet/cli.h"
#include "vnet/measure.h"

struct tun_args {
	struct vnet_args common;
	const char *vm_names;	/* NULL: not given */
	uint64_t stalled_ns;	/* summary: a consumer that stands for so long is stalled */
	uint32_t top;
	bool all;		/* details, as the next three */
	bool stack;
	uint32_t limit;
	uint32_t rate_limit;
};

/* In the order of a report: what needs attention first. */
enum tun_state {
	TUN_STALLED, TUN_FULL, TUN_BACKLOG, TUN_FLOWING, TUN_IDLE, TUN_UNKNOWN,
};

/* One queue of one tap: an interval's counts, and what lives on. */
struct tun_queue {
	uint32_t ifindex, queue;
	char device[16];	/* "": its name was never seen */
	uint64_t packets, full, unread, consumed;
	uint64_t drops;		/* for want of room in the ring */
	uint64_t other_drops;	/* by a filter, or as there is no reader */
	struct vnet_hist depth;
	struct vnet_tun_ring ring;	/* at the interval's end; size 0: unknown */
	uint32_t old_head;	/* consumer_head at the end of the last interval */
	bool polled;		/* old_head is one */
	uint64_t moved_ns;	/* when the consumer last moved; 0: not seen yet */
	uint64_t idle_ns;	/* since then, or since this run began */
	enum tun_state state;
};

struct tun_reader;

/* `devices` (nr 0: every tap of this network namespace) must outlive the reader. */
struct tun_reader *tun_reader_new(const struct vnet_devices *devices, uint64_t stalled_ns);
void tun_reader_free(struct tun_reader *reader);
/* The first look at the rings, when the run has begun. 0 or -errno, having spoken. */
int tun_reader_begin(struct tun_reader *reader, struct vnet_session *session);
/*
 * Ends an interval: takes the counts of the copy at rest, then looks at each
 * ring. The queues are the reader's, until the next call. 0 or -errno.
 */
int tun_read(struct tun_reader *reader, struct vnet_session *session,
	     const struct vnet_span *span, struct tun_queue **queues, size_t *nr);
/* What the queue is doing, from its other members. */
enum tun_state tun_state_of(const struct tun_queue *queue, uint64_t stalled_ns);

/* Queues of all taps, for the size of a map. */
uint32_t tun_count_queues(const struct vnet_devices *devices);
/* Whether it is one of the driver tun: a tap or a tun device. */
bool tun_is_tap(const char *name);
/*
 * Adds the taps of the guests "A[,B...]" (NULL: none) to `devices`, and refuses a
 * device that is no tap: an exit status, having spoken.
 */
int tun_find_devices(const char *vm_names, struct vnet_devices *devices);
/* A device's name: one of `devices`, or as it is now; NULL: it has gone. */
const char *tun_name(struct vnet_report *report, const struct vnet_devices *devices,
		     uint32_t ifindex);
/* The inode number of this network namespace: 0, or -errno having spoken. */
int tun_netns(uint32_t *netns);

#endif
