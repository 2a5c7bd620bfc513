/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets that are with ovs-vswitchd, for `ovs megaflow`: which of them a new flow
 * is for, and which one comes back. Pure: time comes with each call. Private to cmd.
 */
#ifndef VNET_CMD_OVS_WAITING_H
#define VNET_CMD_OVS_WAITING_H

#include "cmd/ovs_flows.h"
#include "vnet/abi/packet.h"

/* A packet that has no flow by then is not waiting for one any more. */
#define OVS_UPCALL_AGE_NS	10000000000ull
/* Packets that can wait at the same time, for a flow and to come back. */
#define OVS_UPCALLS		4096

struct ovs_waiting;

struct ovs_waiting *ovs_waiting_new(void);
void ovs_waiting_free(struct ovs_waiting *waiting);

/* A packet goes up. False: an older one had to be forgotten for it. */
bool ovs_waiting_add(struct ovs_waiting *waiting, uint64_t now_ns, uint32_t dp,
		      struct ovs_bytes key);

/* The one that went up at that time did not arrive. */
void ovs_waiting_lost(struct ovs_waiting *waiting, uint64_t at_ns, uint32_t dp);

/* The packets that waited for a flow. */
struct ovs_link {
	uint32_t nr;		/* 0: none is known */
	uint64_t since_ns;	/* the first went up then */
};

/* Takes those out that the message's flow covers. */
void ovs_waiting_link(struct ovs_waiting *waiting, uint64_t now_ns, const struct ovs_message *m,
		    struct ovs_link *link);

/* A packet that came back. */
struct ovs_returned {
	uint32_t nr;		/* packets like it that were away; 0: none is known */
	uint64_t since_ns;	/* the first of them went up then: it is taken for that */
	struct ovs_bytes key;	/* of that; valid until the next call */
};

/*
 * Finds it among those that went up, by port and headers: the datapath gets it
 * without its key. `meta` are the attributes that came with it; at NULL: of any port.
 */
void ovs_waiting_return(struct ovs_waiting *waiting, uint64_t now_ns, uint32_t dp,
		      struct ovs_bytes meta, const struct vnet_packet *packet,
		      struct ovs_returned *returned);

#endif
