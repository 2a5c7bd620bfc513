/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of `latency qdisc` share: its options, and what it read. */
#ifndef VNET_CMD_LATENCY_QDISC_H
#define VNET_CMD_LATENCY_QDISC_H

#include <linux/types.h>

#include "vnet/abi/latency_qdisc.h"
#include "vnet/cli.h"
#include "vnet/measure.h"

struct txq_args {
	struct vnet_args common;
	uint64_t over_ns;
	uint64_t threshold_ns;		/* 0: a summary */
	uint32_t top;
	uint32_t max_entries;
	uint32_t limit;
	uint32_t rate_limit;
};

/* What one transmit queue did in an interval. */
struct txq_queue {
	uint32_t ifindex, queue;
	uint64_t waiting;		/* at its end */
	uint64_t aged;			/* taken for gone by user space */
	struct vnet_txq_stats sum;	/* over all CPUs */
};

struct txq_reader;

struct txq_reader *txq_reader_new(void);
void txq_reader_free(struct txq_reader *reader);
/*
 * Ends an interval: turns the epoch over and reads what the copy at rest holds.
 * The queues are the reader's, until the next call. 0 or -errno.
 */
int txq_read(struct txq_reader *reader, struct vnet_session *session,
	     struct txq_queue **queues, size_t *nr);
/*
 * Deletes packets that have waited for too long from the map, as txq_read()
 * does: for records, which have no intervals. At most each 10 s. 0 or -errno.
 */
int txq_sweep(struct txq_reader *reader, struct vnet_session *session);
/* Packets of the queue that are neither delivered nor known to be dropped. */
uint64_t txq_incomplete(const struct txq_queue *queue, bool last);

/* The sum over queues; place and waiting packets' ages aside. */
void txq_total(const struct txq_queue *queues, size_t nr, struct txq_queue *all);

/*
 * Fills a record's report; `devices` names the devices, all of the network
 * namespace `netns`. As the `record` callback of struct vnet_measure.
 */
int txq_record(struct vnet_run *run, const struct vnet_devices *devices, uint64_t netns,
	       const void *data, size_t size, struct vnet_report *report);

#endif
