/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The types of the modules vhost and vhost_net, and from a virtqueue to the tap
 * behind it. Where modules have no BTF, core/layout.c makes the types.
 */
#ifndef VNET_VHOST_BPF_H
#define VNET_VHOST_BPF_H

#include "tun_types.bpf.h"
#include "vnet/abi/vhost.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct___pid {
	int pid;
};

struct vhost_task {
	struct task_struct___pid *task;
};

struct vhost_worker {
	struct task_struct___pid *kthread_task;	/* since v6.17: NULL unless asked for */
	struct vhost_task *vtsk;
};

/* compat: before v6.4 a device has one worker, a thread of the kernel */
struct vhost_dev {
	struct task_struct___pid *worker;
};

struct eventfd_ctx {
	int id;
};

struct vhost_vring_call {
	struct eventfd_ctx *ctx;
};

struct vhost_virtqueue {
	struct vhost_dev *dev;
	struct vhost_worker *worker;	/* since v6.5 */
	unsigned int num;
	void *avail;
	struct vhost_vring_call call_ctx;
	__u16 last_avail_idx;
	__u16 avail_idx;
	__u16 last_used_idx;
	void *iotlb;
	void *private_data;
	__u64 acked_features;
	__u32 busyloop_timeout;
};

/* Packets that are out of the tap's ring: those from head to tail. */
struct vhost_net_buf {
	int tail;
	int head;
};

struct vhost_net_virtqueue {
	struct vhost_virtqueue vq;
	struct vhost_net_buf rxq;
};

struct vhost_net {
	struct vhost_net_virtqueue vqs[2];
};

#pragma clang attribute pop

#define VIRTIO_RING_F_EVENT_IDX	29

/*
 * The tap's queue whose socket this is. It is one if the device that it says it
 * is of has it in its list; macvtap's and packet sockets are not.
 */
static __always_inline void tap_of(__u64 socket, struct vnet_vhost_tap *tap)
{
	struct net_device *dev;
	struct tun_struct *tun;
	struct tun_file *file;
	__u32 queue;

	__builtin_memset(tap, 0, sizeof(*tap));
	/* The module tun is not loaded: there is no tap. */
	if (!socket || !bpf_core_type_exists(struct tun_file))
		return;
	file = (void *)(socket - bpf_core_field_offset(struct tun_file, socket));
	tun = BPF_CORE_READ(file, tun);
	queue = BPF_CORE_READ(file, queue_index);
	if (!tun || tun_queue(tun, queue) != file)
		return;
	dev = BPF_CORE_READ(tun, dev);
	tap->ifindex = BPF_CORE_READ(dev, ifindex);
	tap->netns = BPF_CORE_READ(dev, nd_net.net, ns.inum);
	tap->queue = queue;
	bpf_probe_read_kernel_str(tap->device, sizeof(tap->device), &dev->name);
}

static __always_inline bool match_tap(const struct vnet_vhost_tap *tap)
{
	struct place place = { .ifindex = tap->ifindex, .netns = tap->netns };

	return match_place(&place);
}

#endif
