/* SPDX-License-Identifier: GPL-2.0-only */
/* What probes/ovs_megaflow.bpf.c and cmd/ovs_megaflow*.c share. */
#ifndef VNET_ABI_OVS_MEGAFLOW_H
#define VNET_ABI_OVS_MEGAFLOW_H

enum vnet_megaflow_event {
	VNET_MEGAFLOW_UPCALL,
	VNET_MEGAFLOW_NEW,
	VNET_MEGAFLOW_SET,
	VNET_MEGAFLOW_DEL,
	VNET_MEGAFLOW_RETURN,	/* a packet comes back from ovs-vswitchd */
	VNET_MEGAFLOW_EVENTS
};

/*
 * Bytes kept of a request; a power of two. Key, mask and the actions of a flow
 * take some 300 to 1,500.
 */
#define VNET_MEGAFLOW_MESSAGE	4096
/*
 * Bytes kept of an answer, of which only the statistics are wanted. A returned
 * packet has none; it is decoded here: struct vnet_packet.
 */
#define VNET_MEGAFLOW_REPLY	1024
/* Bytes kept of an upcall, of which only the key is wanted. */
#define VNET_MEGAFLOW_UPCALL_MAX	1024
/* Requests that can be under way at a time: one in each thread of ovs-vswitchd. */
#define VNET_MEGAFLOW_REQUESTS	512

/* `const volatile struct vnet_megaflow_config config` */
struct vnet_megaflow_config {
	__u32	upcalls;	/* 1: upcalls are recorded */
	__u32	reserved;
};

/*
 * A record. Behind it, of an upcall: `message_have` bytes of it. Of a request:
 * room for VNET_MEGAFLOW_REPLY bytes with `reply_have` of its answer, then
 * `message_have` of the request. All are from their struct nlmsghdr on.
 */
struct vnet_megaflow_record {
	__u64	time_ns;	/* CLOCK_MONOTONIC: the request is done; the upcall begins */
	__u32	event;		/* enum vnet_megaflow_event */
	/*
	 * Of the function: 0 or -errno. An upcall whose message could not be sent
	 * has two records, the first without an error.
	 */
	__s32	error;
	__u32	pid;		/* of what ran then; of an upcall by chance */
	__u32	tid;
	__u32	cpu;
	__u32	ifindex;	/* of an upcall: the packet's device; 0: none */
	char	comm[16];
	__u32	message_len;	/* bytes that the message has; 0: it was never sent */
	__u32	message_have;
	__u32	reply_len;	/* bytes that the answer has; 0: there was none */
	__u32	reply_have;	/* RETURN: 0 if the packet could not be read */
};
_Static_assert(sizeof(struct vnet_megaflow_record) == 64, "abi");

#endif
