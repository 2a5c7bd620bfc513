/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of `vhost summary`, `vhost signal` and `vhost details` share. */
#ifndef VNET_CMD_VHOST_H
#define VNET_CMD_VHOST_H

#include <linux/types.h>

#include "vnet/abi/vhost.h"
#include "vnet/cli.h"
#include "vnet/measure.h"

struct vhost_args {
	struct vnet_args common;
	const char *vm_names;	/* NULL: not given */
	uint32_t top;		/* summary */
	uint32_t events;	/* details, as the next three: 1 << enum vnet_vhost_event */
	bool flagged;
	uint32_t limit;
	uint32_t rate_limit;
};

/* By enum vnet_vhost_direction and enum vnet_vhost_cause, as JSON has them. */
extern const char *const vhost_directions[], *const vhost_causes[];
const struct vnet_want *vhost_wants(const void *args, size_t *nr);
/* --vm and --device: an exit status, having spoken. */
int vhost_check(void *args);

/* In the order of a report: what needs attention first. */
enum vhost_state {
	VHOST_STALLED, VHOST_NO_BUFFERS, VHOST_FLOWING, VHOST_IDLE, VHOST_STOPPED, VHOST_GONE,
};

/* What the guest's memory says of a virtqueue. */
struct vhost_guest_ring {
	bool known;
	bool no_interrupt;	/* VRING_AVAIL_F_NO_INTERRUPT */
	uint16_t idx;		/* avail->idx */
	uint16_t used_event;
};

/* A virtqueue: an interval's counts, and what lives on. */
struct vhost_queue {
	uint64_t address;
	uint32_t pid;			/* of the process that has it open; 0: none */
	char *vm;			/* that guest's name, or NULL; owned */
	struct vnet_vhost_tap tap;
	uint32_t direction;
	struct vnet_vhost_ring ring;	/* at the interval's end; address 0: it has gone */
	struct vhost_guest_ring guest;
	uint32_t tid, cpu;		/* of the worker; known if `ran` */
	bool ran;			/* ever since the run began */
	enum vhost_state state;
	/* of the interval */
	uint64_t handled, used, resets, chances, signals, suppressed[VNET_VHOST_CAUSES];
	int64_t taken;
	struct vnet_hist batch;
	struct vnet_vhost_queue now, before;	/* two readings of the kernel's entry */
};

/* The heading of a table without rows. */
#define VHOST_NONE	"No virtqueues: nobody has /dev/vhost-net open here"

/* --vm as a filter of the report's meta: how many pairs that are. */
size_t vhost_pair(const struct vhost_args *args, struct vnet_pair *pair);
/* Says what could not be looked at, in text only if there is any. */
void vhost_add_hidden(struct vnet_report *report, uint64_t hidden);
/* For qsort(): by device, queue, direction. */
int vhost_by_place(const struct vhost_queue *x, const struct vhost_queue *y);

struct vhost_reader;

/* `devices` (nr 0: every virtqueue of this host) must outlive the reader. */
struct vhost_reader *vhost_reader_new(const struct vnet_devices *devices);
void vhost_reader_free(struct vhost_reader *reader);
/* The first look, when the run has begun. 0 or -errno, having spoken. */
int vhost_reader_begin(struct vhost_reader *reader, struct vnet_session *session);
/*
 * Ends an interval. The queues are the reader's, until the next call; `hidden` is
 * how many descriptors could not be looked at. 0 or -errno.
 */
int vhost_read(struct vhost_reader *reader, struct vnet_session *session,
	       struct vhost_queue ***queues, size_t *nr, uint64_t *hidden);

/* Buffers that the guest offers and vhost has not taken, if q->guest.known. */
uint32_t vhost_avail(const struct vhost_queue *q);
/* Buffers that are taken and not returned. */
uint32_t vhost_taken(const struct vhost_queue *q);

#endif
