/* SPDX-License-Identifier: GPL-2.0-only */
/* The state of a virtqueue, also of one that does nothing. cmd/vhost_read.c */
#ifndef VNET_VHOST_STATE_BPF_H
#define VNET_VHOST_STATE_BPF_H

#include "vhost.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct file {
	void *private_data;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	struct files_struct *files;
};

#pragma clang attribute pop

/* 0 -> what run__state found; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_vhost_state);
} state SEC(".maps");

static __always_inline __u32 worker_of(struct vhost_virtqueue *vq)
{
	struct task_struct___pid *task = NULL;
	struct vhost_worker *worker;

	if (bpf_core_field_exists(vq->worker)) {
		worker = BPF_CORE_READ(vq, worker);
		if (bpf_core_field_exists(worker->kthread_task))
			task = BPF_CORE_READ(worker, kthread_task);
		if (!task)
			task = BPF_CORE_READ(worker, vtsk, task);
	} else if (bpf_core_field_exists(vq->dev->worker) &&
		   !bpf_core_type_exists(struct vhost_worker)) {
		task = BPF_CORE_READ(vq, dev, worker);
	}
	return task ? BPF_CORE_READ(task, pid) : 0;
}

static __always_inline void ring_look(struct vhost_virtqueue *vq, struct vnet_vhost_ring *ring)
{
	__u64 backend = (__u64)BPF_CORE_READ(vq, private_data);
	struct vnet_tun_ring packets;
	struct eventfd_ctx *eventfd;
	struct tun_file *file;

	ring->address = (__u64)vq;
	ring->started = !!backend;
	ring->size = BPF_CORE_READ(vq, num);
	/* Behind an IOMMU of its own it is the guest's address, of no use here. */
	ring->avail = BPF_CORE_READ(vq, iotlb) ? 0 : (__u64)BPF_CORE_READ(vq, avail);
	/* The worker goes on: in this order none is behind the one before it. */
	ring->last_used = BPF_CORE_READ(vq, last_used_idx);
	ring->last_avail = BPF_CORE_READ(vq, last_avail_idx);
	ring->avail_idx = BPF_CORE_READ(vq, avail_idx);
	ring->event_index = BPF_CORE_READ(vq, acked_features) >> VIRTIO_RING_F_EVENT_IDX & 1;
	ring->busy_poll_us = BPF_CORE_READ(vq, busyloop_timeout);
	ring->worker = worker_of(vq);
	eventfd = BPF_CORE_READ(vq, call_ctx.ctx);
	ring->eventfd = eventfd ? BPF_CORE_READ(eventfd, id) + 1 : 0;
	tap_of(backend, &ring->tap);
	if (!ring->tap.ifindex || !bpf_core_type_exists(struct tun_file))
		return;
	file = (void *)(backend - bpf_core_field_offset(struct tun_file, socket));
	ring_read(file, &packets);
	ring->depth = packets.depth;
}

/*
 * Not attached: user space runs it at the end of an interval for each of its own
 * descriptors, which it has duplicated from a guest's process.
 */
SEC("?raw_tp")
int run__state(__u64 *ctx)
{
	__u32 zero = 0, fd = ctx[0];
	struct vnet_vhost_state *found = bpf_map_lookup_elem(&state, &zero);
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file **files, *file = NULL;
	struct vhost_net *net;

	if (!found)
		return 0;
	__builtin_memset(found, 0, sizeof(*found));
	if (fd >= BPF_CORE_READ(task, files, fdt, max_fds))
		return 0;
	files = BPF_CORE_READ(task, files, fdt, fd);
	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	net = file ? BPF_CORE_READ(file, private_data) : NULL;
	if (!net)
		return 0;
	found->found = 1;
	ring_look(&net->vqs[VNET_VHOST_RX].vq, &found->rings[VNET_VHOST_RX]);
	ring_look(&net->vqs[VNET_VHOST_TX].vq, &found->rings[VNET_VHOST_TX]);
	found->rings[VNET_VHOST_RX].fetched = BPF_CORE_READ(net, vqs[VNET_VHOST_RX].rxq.tail) -
					      BPF_CORE_READ(net, vqs[VNET_VHOST_RX].rxq.head);
	return 0;
}

#endif
