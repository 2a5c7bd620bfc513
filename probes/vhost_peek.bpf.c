/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `vhost peek`: what a worker finds when it looks for a packet. cmd/vhost_peek.c
 *
 * It looks with vhost_net_buf_peek(), which says how long the next packet is. Whose
 * look that was is its argument; a kretprobe has none, but the worker's last run does.
 */
#include "vhost_queue.bpf.h"
#include "vhost_state.bpf.h"

/* Address of a virtqueue -> its looks; only grows, as `queues`, and goes with that. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct vnet_vhost_looks);
} looks SEC(".maps");

/* Thread -> the rx virtqueue that it ran for last; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} workers SEC(".maps");

/* 0 -> zeros, for a new entry of `looks`: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_vhost_looks);
} no_looks SEC(".maps");

static __always_inline struct vnet_vhost_looks *looks_of(__u64 key)
{
	struct vnet_vhost_looks *l = bpf_map_lookup_elem(&looks, &key), *none;
	__u32 zero = 0;
	int err;

	if (l)
		return l;
	none = bpf_map_lookup_elem(&no_looks, &zero);
	if (!none)
		return NULL;
	err = bpf_map_update_elem(&looks, &key, none, BPF_NOEXIST);
	l = bpf_map_lookup_elem(&looks, &key);
	if (!l)
		loss_of_update(err);
	return l;
}

/* A run that begins: the first look of it tells whether it was in vain. */
static __always_inline void on_event(void *ctx, enum vnet_vhost_event event,
				     const struct vnet_vhost_queue *q, __u64 vq,
				     const struct step *step)
{
	struct vnet_vhost_looks *l;
	__u32 tid = q->tid;
	__u64 *last;
	int err;

	if (event != VNET_VHOST_RUN || q->direction != VNET_VHOST_RX)
		return;
	l = looks_of(vq);
	if (!l)
		return;
	l->first = 1;
	last = bpf_map_lookup_elem(&workers, &tid);
	if (last && *last == vq)
		return;
	err = bpf_map_update_elem(&workers, &tid, &vq, BPF_ANY);
	if (err)
		loss_of_update(err);
}

static __always_inline int on_peek(__u64 vq, __s32 len)
{
	struct vnet_vhost_looks *l = bpf_map_lookup_elem(&looks, &vq);

	if (!l)
		return 0;
	if (len > 0) {
		hist_add(&l->found, len);
	} else {
		l->empty++;
		l->vain += l->first;
	}
	l->first = 0;
	return 0;
}

SEC("?fexit/vhost_net_buf_peek")
int vhost_peek_ret__fexit(__u64 *ctx)
{
	struct vhost_net_virtqueue *nvq = (void *)ctx[0];

	return on_peek((__u64)&nvq->vq, ctx[1]);
}

SEC("?kretprobe/vhost_net_buf_peek")
int vhost_peek_ret__kretprobe(struct pt_regs *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 *vq = bpf_map_lookup_elem(&workers, &tid);

	return vq ? on_peek(*vq, PT_REGS_RC(ctx)) : 0;
}
