/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The qdiscs of the current network namespace and their counters, read over
 * rtnetlink as `tc -s qdisc` does. Used by `drop qdisc` and `latency qdisc`.
 */
#ifndef VNET_NETLINK_H
#define VNET_NETLINK_H

#include <stddef.h>
#include <stdint.h>

/* A stretch of netlink attributes, walked by vnet_netlink_attr(). */
struct vnet_attrs {
	const unsigned char *at;
	size_t left;
};

struct vnet_attr {
	uint16_t type;		/* without the flag bits */
	const void *data;
	size_t len;		/* of data, in bytes */
};

/* The next attribute: 1; 0 at the end, -EBADMSG. Nothing need be aligned. */
int vnet_netlink_attr(struct vnet_attrs *attrs, struct vnet_attr *attr);

/* One qdisc. Counters of 32 bits are the kernel's own and wrap. */
struct vnet_qdisc {
	uint32_t ifindex;
	uint32_t handle;	/* 0x80010000 is "8001:" */
	uint32_t parent;	/* TC_H_ROOT, or the class it hangs on */
	char kind[16];
	uint64_t bytes;		/* sent, since the qdisc was made */
	uint32_t drops;		/* packets, likewise */
	uint32_t overlimits;
	uint32_t requeues;
	uint32_t qlen;		/* packets now */
	uint32_t backlog;	/* bytes now */
};

/* Called for each qdisc; anything but 0 ends the parse and is returned. */
typedef int (*vnet_qdisc_fn)(void *ctx, const struct vnet_qdisc *qdisc);

/*
 * Parses one datagram of the answer, pure: nothing in it is trusted. 0: more
 * follow; 1: that was the last; -EBADMSG: malformed; -EAGAIN: the kernel's
 * tables changed in between, ask again; another -errno is the kernel's.
 */
int vnet_netlink_parse_qdisc(const void *data, size_t len, vnet_qdisc_fn fn, void *ctx);
/* All qdiscs in the kernel's order, allocated: free(). 0 or -errno. */
int vnet_netlink_qdiscs(struct vnet_qdisc **qdiscs, size_t *nr);
/*
 * The qdisc that the device's transmit queue `queue` (from 0) has: of mq and
 * mqprio the child for that queue, else the root. NULL: none is listed.
 */
const struct vnet_qdisc *vnet_qdisc_of_queue(const struct vnet_qdisc *qdiscs, size_t nr,
					     uint32_t ifindex, uint32_t queue);
/* "8001:1", ":1", "8001:", "root", as tc writes handles. */
void vnet_qdisc_handle_text(uint32_t handle, char buf[24]);

#endif
