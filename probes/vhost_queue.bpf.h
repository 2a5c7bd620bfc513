/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the workers of vhost-net do, for vhost_summary.bpf.c and vhost_details.bpf.c.
 * The including file has on_event(), which gets each event when it is counted.
 *
 * A virtqueue has one worker, which runs all programs here: nothing is atomic, and
 * nothing is per CPU. How many buffers a call returns is known when the next one
 * comes, by the virtqueue's index; and so is whether it led to a signal, which vhost
 * sends before it returns.
 */
#ifndef VNET_VHOST_QUEUE_BPF_H
#define VNET_VHOST_QUEUE_BPF_H

#include "vhost.bpf.h"
#include "hist.bpf.h"

/* What is new of a virtqueue at an event. */
struct step {
	__s32 taken;		/* buffers since the event before */
	__s32 returned;
	bool jumped;		/* the indices: the guest began anew, and nothing else counts */
	__u32 chance;		/* enum vnet_vhost_chance: what the return before came to */
	__u32 cause;		/* enum vnet_vhost_cause, if there was no signal */
};

static __always_inline void on_event(void *ctx, enum vnet_vhost_event event,
				     const struct vnet_vhost_queue *q, __u64 vq,
				     const struct step *step);

/*
 * Address of a struct vhost_virtqueue -> what its worker did. Made here when it
 * first runs; user space deletes those that have gone.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct vnet_vhost_queue);
} queues SEC(".maps");

/* Address of an eventfd's context -> the virtqueue that it signals; likewise. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u64);
} signals SEC(".maps");

/* 0 -> zeros, for a new entry of `queues`: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_vhost_queue);
} zeros SEC(".maps");

/* Around all that is written: user space reads again what changed meanwhile. */
static __always_inline void write_begin(struct vnet_vhost_queue *q)
{
	*(volatile __u64 *)&q->seq += 1;
	barrier();
}

static __always_inline void write_end(struct vnet_vhost_queue *q)
{
	barrier();
	*(volatile __u64 *)&q->seq += 1;
}

/* Whose queue it is, and from where its indices count. */
static __always_inline void queue_fill(struct vnet_vhost_queue *q, struct vhost_virtqueue *vq,
				       __u32 direction, __u64 backend, enum access access)
{
	q->backend = backend;
	q->direction = direction;
	tap_of(backend, &q->tap);
	q->ignored = !match_tap(&q->tap);
	q->chance = VNET_VHOST_SETTLED;
	q->last_avail = FIELD(access, vq, last_avail_idx);
	q->last_used = FIELD(access, vq, last_used_idx);
}

static __always_inline struct vnet_vhost_queue *queue_make(__u64 key)
{
	struct vnet_vhost_queue *q, *none;
	__u32 zero = 0;
	int err;

	none = bpf_map_lookup_elem(&zeros, &zero);
	if (!none)
		return NULL;
	err = bpf_map_update_elem(&queues, &key, none, BPF_NOEXIST);
	q = bpf_map_lookup_elem(&queues, &key);
	if (!q)
		loss_of_update(err);
	return q;
}

/* How far a 16-bit index moved in a ring of so many; further is no move: a jump. */
static __always_inline bool index_moved(__u16 from, __u16 to, __u32 size, __s32 *by)
{
	__u16 on = to - from, back = from - to;

	*by = on <= size ? on : -(__s32)back;
	return on <= size || back <= size;
}

/* The indices now, and with them what the last return of buffers was. */
static __always_inline void settle(struct vnet_vhost_queue *q, struct vhost_virtqueue *vq,
				   enum access access, struct step *step)
{
	__u16 avail = FIELD(access, vq, last_avail_idx);
	__u16 used = FIELD(access, vq, last_used_idx);
	__u32 size = FIELD(access, vq, num);

	step->chance = q->chance;
	step->cause = q->cause;
	step->jumped = !index_moved(q->last_avail, avail, size, &step->taken) ||
		       !index_moved(q->last_used, used, size, &step->returned) ||
		       step->returned < 0;
	if (step->jumped) {
		step->taken = step->returned = 0;
		q->resets++;
	} else {
		q->taken += step->taken;
		q->used += step->returned;
	}
	q->last_avail = avail;
	q->last_used = used;
	if (q->chance == VNET_VHOST_SETTLED)
		return;
	if (step->returned > 0)
		hist_add(&q->batch, step->returned);
	if (q->chance == VNET_VHOST_OPEN && q->cause < VNET_VHOST_CAUSES)
		q->suppressed[q->cause]++;
	q->chance = VNET_VHOST_SETTLED;
}

static __always_inline int on_handle(void *ctx, struct vhost_virtqueue *vq, __u32 direction,
				     enum access access)
{
	__u64 key = (__u64)vq, backend = (__u64)FIELD(access, vq, private_data);
	struct vnet_vhost_queue *q;
	struct step step = {};

	/* Without a backend vhost does nothing either. */
	if (!backend)
		return 0;
	q = bpf_map_lookup_elem(&queues, &key);
	if (!q)
		q = queue_make(key);
	if (!q)
		return 0;
	if (q->ignored && q->backend == backend)
		return 0;
	write_begin(q);
	if (q->backend == backend)
		settle(q, vq, access, &step);
	else
		queue_fill(q, vq, direction, backend, access);
	if (!q->ignored)
		q->handled++;
	q->tid = bpf_get_current_pid_tgid();
	q->cpu = bpf_get_smp_processor_id();
	write_end(q);
	if (!q->ignored)
		on_event(ctx, VNET_VHOST_RUN, q, key, &step);
	return 0;
}

/* Whom the eventfd signals. */
static __always_inline void note_eventfd(struct vnet_vhost_queue *q, __u64 key, __u64 ctx)
{
	int err;

	if (ctx == q->ctx)
		return;
	if (q->ctx)
		bpf_map_delete_elem(&signals, &q->ctx);
	q->ctx = ctx;
	err = ctx ? bpf_map_update_elem(&signals, &ctx, &key, BPF_ANY) : 0;
	if (err)
		loss_of_update(err);
}

static __always_inline int on_used(void *ctx, struct vhost_virtqueue *vq, enum access access)
{
	__u64 key = (__u64)vq, eventfd;
	struct vnet_vhost_queue *q = bpf_map_lookup_elem(&queues, &key);
	struct step step;

	/* A virtqueue of another driver of vhost, or not wanted. */
	if (!q || q->ignored)
		return 0;
	eventfd = (__u64)FIELD(access, vq, call_ctx.ctx);
	write_begin(q);
	settle(q, vq, access, &step);
	note_eventfd(q, key, eventfd);
	q->chances++;
	q->chance = VNET_VHOST_OPEN;
	q->cause = !eventfd ? VNET_VHOST_NO_EVENTFD :
		   FIELD(access, vq, acked_features) & 1ull << VIRTIO_RING_F_EVENT_IDX ?
		   VNET_VHOST_EVENT_INDEX : VNET_VHOST_NO_INTERRUPT;
	write_end(q);
	on_event(ctx, VNET_VHOST_USED, q, key, &step);
	return 0;
}

static __always_inline int on_eventfd_signal(void *ctx, __u64 eventfd)
{
	__u64 *key = bpf_map_lookup_elem(&signals, &eventfd);
	struct vnet_vhost_queue *q = key ? bpf_map_lookup_elem(&queues, key) : NULL;
	struct step step = {};

	if (!q || q->ctx != eventfd || q->tid != (__u32)bpf_get_current_pid_tgid())
		return 0;
	write_begin(q);
	q->signals++;
	if (q->chance == VNET_VHOST_OPEN)
		q->chance = VNET_VHOST_SIGNALLED;
	write_end(q);
	on_event(ctx, VNET_VHOST_SIGNAL, q, *key, &step);
	return 0;
}

/* ---- the programs: <point>__<mechanism> ---- */

SEC("?fentry/handle_rx")
int handle_rx__fentry(__u64 *ctx)
{
	struct vhost_net *net = (void *)ctx[0];

	return on_handle(ctx, &net->vqs[VNET_VHOST_RX].vq, VNET_VHOST_RX, TYPED);
}

SEC("?kprobe/handle_rx")
int handle_rx__kprobe(struct pt_regs *ctx)
{
	struct vhost_net *net = (void *)PT_REGS_PARM1(ctx);

	return on_handle(ctx, &net->vqs[VNET_VHOST_RX].vq, VNET_VHOST_RX, PROBED);
}

SEC("?fentry/handle_tx")
int handle_tx__fentry(__u64 *ctx)
{
	struct vhost_net *net = (void *)ctx[0];

	return on_handle(ctx, &net->vqs[VNET_VHOST_TX].vq, VNET_VHOST_TX, TYPED);
}

SEC("?kprobe/handle_tx")
int handle_tx__kprobe(struct pt_regs *ctx)
{
	struct vhost_net *net = (void *)PT_REGS_PARM1(ctx);

	return on_handle(ctx, &net->vqs[VNET_VHOST_TX].vq, VNET_VHOST_TX, PROBED);
}

SEC("?fentry/vhost_add_used_and_signal_n")
int vhost_used__fentry(__u64 *ctx)
{
	return on_used(ctx, (struct vhost_virtqueue *)ctx[1], TYPED);
}

SEC("?kprobe/vhost_add_used_and_signal_n")
int vhost_used__kprobe(struct pt_regs *ctx)
{
	return on_used(ctx, (struct vhost_virtqueue *)PT_REGS_PARM2(ctx), PROBED);
}

SEC("?fentry/eventfd_signal")
int eventfd_signal__fentry(__u64 *ctx)
{
	return on_eventfd_signal(ctx, ctx[0]);
}

SEC("?kprobe/eventfd_signal")
int eventfd_signal__kprobe(struct pt_regs *ctx)
{
	return on_eventfd_signal(ctx, PT_REGS_PARM1(ctx));
}

SEC("?fentry/eventfd_signal_mask")
int eventfd_signal_mask__fentry(__u64 *ctx)
{
	return on_eventfd_signal(ctx, ctx[0]);
}

SEC("?kprobe/eventfd_signal_mask")
int eventfd_signal_mask__kprobe(struct pt_regs *ctx)
{
	return on_eventfd_signal(ctx, PT_REGS_PARM1(ctx));
}

#endif
