/* SPDX-License-Identifier: GPL-2.0-only */
/* `vhost details`: a record for each event of a virtqueue. cmd/vhost_details.c */
#include "vhost_queue.bpf.h"
#include "stream.bpf.h"

const volatile struct vnet_vhost_config config = {};

/*
 * An index that went where it should not: it jumped, the worker gave back what it had
 * taken, or a return of buffers returned none.
 */
static __always_inline __u32 flags_of(enum vnet_vhost_event event, const struct step *step)
{
	__u32 flags = 0;

	if (step->jumped)
		flags |= VNET_VHOST_JUMP;
	if (step->taken < 0)
		flags |= VNET_VHOST_BACKWARD;
	if (event != VNET_VHOST_SIGNAL && step->chance != VNET_VHOST_SETTLED &&
	    !step->returned && !step->jumped)
		flags |= VNET_VHOST_REPEAT;
	return flags;
}

static __always_inline void on_event(void *ctx, enum vnet_vhost_event event,
				     const struct vnet_vhost_queue *q, __u64 vq,
				     const struct step *step)
{
	struct vnet_vhost_record record = { .event = event };

	record.flags = flags_of(event, step);
	if (!(config.events & 1u << event) || (config.flagged && !record.flags) ||
	    !rate_allows())
		return;
	record.time_ns = bpf_ktime_get_ns();
	record.address = vq;
	record.tap = q->tap;
	record.direction = q->direction;
	record.tid = q->tid;
	record.cpu = bpf_get_smp_processor_id();
	record.last_avail = q->last_avail;
	record.last_used = q->last_used;
	record.taken = step->taken;
	record.returned = step->returned;
	record.chance = step->chance;
	record.cause = step->cause;
	stream_emit(ctx, &record, sizeof(record));
}
