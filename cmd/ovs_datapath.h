/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's datapaths and their own counters, over generic netlink. */
#ifndef VNET_CMD_OVS_DATAPATH_H
#define VNET_CMD_OVS_DATAPATH_H

#include <stddef.h>
#include <stdint.h>

struct ovs_datapath {
	char name[16];
	uint64_t hit, missed, lost;	/* packets, since it was made */
};

/*
 * One datagram of the answer to a dump, pure: nothing in it is trusted. Appends
 * to *all. 0: more follow; 1: that was the last; -EBADMSG: malformed; another
 * -errno is the kernel's.
 */
int ovs_datapaths_parse(const void *data, size_t len, struct ovs_datapath **all, size_t *nr);
/* All datapaths of this network namespace, allocated: free(). 0 or -errno. */
int ovs_datapaths_read(struct ovs_datapath **all, size_t *nr);

#endif
