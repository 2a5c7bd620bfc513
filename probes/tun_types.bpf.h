/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a tap to its queues and their rings, and back. The types are those of
 * the module tun: where modules have no BTF, core/layout.c makes them.
 */
#ifndef VNET_TUN_TYPES_BPF_H
#define VNET_TUN_TYPES_BPF_H

#include "vnet.bpf.h"
#include "vnet/abi/tun.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ptr_ring {
	int producer;
	int consumer_head;
	int consumer_tail;
	int size;
	void **queue;
};

struct socket {
	short type;
};

struct tun_struct;

struct tun_file {
	struct socket socket;
	struct tun_struct *tun;
	__u16 queue_index;
	struct ptr_ring tx_ring;
};

struct tun_struct {
	struct tun_file *tfiles[256];
	unsigned int numqueues;
	struct net_device *dev;
};

/* compat: before v6.11 (net_device became flexible) the private part has no name */
struct net_device___priv {
	__u8 priv[0];
};

#pragma clang attribute pop

/* MAX_TAP_QUEUES: bound of tun_struct.tfiles */
#define TUN_QUEUES	256
/* compat: before net_device.priv: netdev_priv() rounds its size up to this */
#define NETDEV_ALIGN	32

static __always_inline __u64 tun_of(struct net_device *dev)
{
	struct net_device___priv *named = (void *)dev;

	if (bpf_core_field_exists(named->priv))
		return (__u64)dev + bpf_core_field_offset(named->priv);
	return (__u64)dev + ((bpf_core_type_size(struct net_device) + NETDEV_ALIGN - 1) &
			     ~(NETDEV_ALIGN - 1ull));
}

/* The structure of one open file of the tap, which is a queue; NULL: none. */
static __always_inline struct tun_file *tun_queue(struct tun_struct *tun, __u32 queue)
{
	struct tun_file *file = NULL, **files;

	if (queue >= TUN_QUEUES)
		return NULL;
	files = (void *)__builtin_preserve_access_index(&tun->tfiles);
	bpf_probe_read_kernel(&file, sizeof(file), files + queue);
	return file;
}

/*
 * Reads a ring without its locks: the producers' and the consumer's end may move
 * between two reads, by what other CPUs do in that time.
 */
static __always_inline bool ring_read(struct tun_file *file, struct vnet_tun_ring *ring)
{
	void *next = NULL, **queue;
	__u32 size, producer, head;

	__builtin_memset(ring, 0, sizeof(*ring));
	if (!file)
		return false;
	queue = BPF_CORE_READ(file, tx_ring.queue);
	size = BPF_CORE_READ(file, tx_ring.size);
	producer = BPF_CORE_READ(file, tx_ring.producer);
	head = BPF_CORE_READ(file, tx_ring.consumer_head);
	/* Another size may just be coming in (tx_queue_len). */
	if (producer >= size || head >= size ||
	    bpf_probe_read_kernel(&next, sizeof(next), queue + producer))
		return false;
	ring->size = size;
	ring->producer = producer;
	ring->consumer_head = head;
	ring->consumer_tail = BPF_CORE_READ(file, tx_ring.consumer_tail);
	ring->full = !!next;
	ring->depth = producer >= head ? producer - head : producer + size - head;
	/* Both ends at one place: nothing in it, or nothing but packets. */
	if (next && !ring->depth)
		ring->depth = size;
	return true;
}

#endif
