/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `ovs megaflow` knows of a datapath's flows: messages taken apart, and
 * flows that are installed. Pure: time comes with each
 * call, and nothing is printed. Private to cmd.
 */
#ifndef VNET_CMD_OVS_FLOWS_H
#define VNET_CMD_OVS_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/types.h>

#include "vnet/abi/filter.h"
#include "vnet/ovs_flow.h"

/* Attributes, not owned; at NULL: there are none of that kind. */
struct ovs_bytes {
	const void *at;
	size_t len;
};

/* A message of the flow family, or of the packet family, taken apart. */
struct ovs_message {
	uint8_t cmd;		/* OVS_FLOW_CMD_* or OVS_PACKET_CMD_* */
	uint32_t dp;		/* ifindex of the datapath */
	struct ovs_bytes key, mask, actions, ufid, stats;
	bool probe;		/* ovs-vswitchd only tries out what the kernel can */
};

/*
 * Takes a request, an answer or (`packet`) an upcall apart, of which `len` bytes
 * from the struct nlmsghdr on are there. False: they are no such message.
 */
bool ovs_message_parse(const void *data, size_t len, bool packet, struct ovs_message *m);
/* Whether a flow of that key under that mask takes a packet of that key. */
bool ovs_flow_covers(struct ovs_bytes key, struct ovs_bytes mask, struct ovs_bytes packet);
/*
 * Writes the key as the datapath keeps it, with what is wildcarded zeroed, and
 * says how long that is: no more than `key`. The tuple of a connection is left
 * out if nothing of it is matched, as the kernel does.
 */
size_t ovs_key_mask(uint8_t *out, struct ovs_bytes key, struct ovs_bytes mask);
/*
 * Whether it may take a packet that passes the filter: nothing that the filter
 * asks for is matched with another value. A mask at NULL matches all exactly.
 */
bool ovs_flow_may_match(const struct vnet_filter *filter, struct ovs_bytes key,
			struct ovs_bytes mask);

/* An installed flow, or what is known of one that is not. */
struct ovs_flow {
	struct ovs_flow *next;	/* of the same bucket */
	uint64_t id;		/* hash of datapath and identifier */
	uint32_t dp;
	uint64_t since_ns;	/* installed then */
	struct ovs_bytes ufid, key, mask;	/* in `memory` */
	struct ovs_bytes actions;	/* owned */
	void *memory;
};

struct ovs_flows;

/* `max`: flows that are remembered. Free with ovs_flows_free(). */
struct ovs_flows *ovs_flows_new(uint32_t max);
void ovs_flows_free(struct ovs_flows *flows);

/* It is installed. NULL: there is no room for one more. */
struct ovs_flow *ovs_flows_add(struct ovs_flows *flows, uint64_t now_ns,
			       const struct ovs_message *m);
/*
 * The flow that the message means; NULL: it is not known. By its key it is found
 * also if the message has that as the datapath keeps it.
 */
struct ovs_flow *ovs_flows_find(struct ovs_flows *flows, const struct ovs_message *m);
/* Its actions are others from now on. */
void ovs_flow_set_actions(struct ovs_flow *flow, struct ovs_bytes actions);
void ovs_flows_remove(struct ovs_flows *flows, struct ovs_flow *flow);
/* Removes all of a datapath. */
void ovs_flows_flush(struct ovs_flows *flows, uint32_t dp);
/* Flows that are installed, as far as they were seen coming. */
uint32_t ovs_flows_count(const struct ovs_flows *flows);
/* Calls fn for each of a datapath. */
void ovs_flows_each(const struct ovs_flows *flows, uint32_t dp,
		    void (*fn)(void *ctx, const struct ovs_flow *flow), void *ctx);

#endif
