/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guests of this host, found in /proc: who holds a tap's queues, its
 * vhost-net workers and virtual CPUs. Reads files only; used by cmd/topo.c and
 * by --vm of other commands.
 */
#ifndef VNET_GUESTS_H
#define VNET_GUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A thread and where it ran last; cpu and numa are -1 where unknown. */
struct vnet_thread {
	uint32_t tid;
	int32_t number;		/* vCPU: its number; worker: -1 */
	int32_t cpu;
	int32_t numa;
};

/* A descriptor that is attached to a tap. */
struct vnet_queue {
	char device[16];	/* the tap */
	uint32_t queue;		/* from 0, among those attached to the same tap */
	uint32_t rank;		/* from 0, among all tap descriptors of the process */
};

/* A network device of the guest that does not use this host's taps. */
struct vnet_bypass {
	const char *kind;	/* "vhost-user", "vfio", "vdpa" */
	char *what;		/* socket or chardev, PCI address, device node */
};

/* A process that holds tap queues or bypasses, or is a guest without any. */
struct vnet_guest {
	char *name;		/* of its command line; NULL: no such name */
	char process[16];	/* comm */
	uint32_t pid;
	bool is_vm;		/* it has a KVM machine, or is a QEMU */
	struct vnet_queue *queues;	/* in the order of the descriptors */
	size_t nr_queues;
	/* tap descriptors in all: a guest does not use all the queues that it has */
	uint32_t nr_tun;
	uint32_t *vhost;	/* descriptors of /dev/vhost-net, by number */
	uint32_t nr_vhost;	/* 0: no vhost */
	struct vnet_thread *workers;	/* vhost's, in the order they were made */
	size_t nr_workers;
	struct vnet_thread *vcpus;	/* whose thread is known, by number */
	size_t nr_vcpus;
	uint32_t vcpus_total;	/* that the machine has; 0: not readable */
	struct vnet_bypass *bypasses;
	size_t nr_bypasses;
};

struct vnet_guests {
	struct vnet_guest *guests;	/* by pid */
	size_t nr;
	/* processes whose descriptors could not be read (no permission) */
	size_t nr_hidden;
};

/*
 * Looks through `proc` ("/proc") and `sys` ("/sys"). 0 or -errno; a process that
 * ends meanwhile is left out. Free with vnet_guests_free(), also after an error.
 */
int vnet_guests_find(const char *proc, const char *sys, struct vnet_guests *guests);
void vnet_guests_free(struct vnet_guests *guests);
/*
 * vhost's worker of a queue of the guest's: by rank, since a queue, its
 * descriptor and its worker are made one after the other. NULL: there is none,
 * or their numbers do not agree.
 */
const struct vnet_thread *vnet_guest_worker(const struct vnet_guest *guest,
					    const struct vnet_queue *queue);
/*
 * The guest's name in a QEMU's arguments (NUL behind each, size in all): behind
 * -name, with or without "guest=", ",," for a comma. Allocated; NULL: none.
 */
char *vnet_guest_name(const char *args, size_t size);

#endif
