/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which flows are made again and again, and which bits of their masks are the
 * reason: flows of one mask and one port differ in what the mask matches.
 * Pure. Private to cmd.
 */
#ifndef VNET_CMD_OVS_CHURN_H
#define VNET_CMD_OVS_CHURN_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/ovs_flows.h"

/* Members of a key that are told apart. */
#define OVS_FIELDS		20
/* Different values of a member that are counted; more are "so many or more". */
#define OVS_VALUES_MAX		256
/* Pairs of a mask and a port. */
#define OVS_GROUPS_MAX		512

/* A member under a mask, in the flows of a group. */
struct ovs_variety {
	uint32_t bits;		/* that the mask matches; 0: wildcarded */
	uint32_t nr;		/* different values so far */
	uint32_t room;
	uint32_t *values;	/* hashes of them; owned */
};

/* The flows of one mask at one port. */
struct ovs_group {
	uint64_t id;
	uint64_t mask_id;	/* hash of the mask alone */
	uint32_t dp, in_port;
	struct ovs_bytes mask;	/* owned */
	uint64_t installed;	/* in this interval, ... */
	uint64_t repeated;	/* ... of which so many had been there before */
	uint64_t flows;		/* there are now, of those seen coming */
	struct ovs_variety fields[OVS_FIELDS];
};

/* A flow by what it matches, with or without another UFID. */
struct ovs_churner {
	struct ovs_churner *next;
	uint64_t id;
	uint64_t installs;	/* since the start */
	uint64_t recent;	/* in this interval */
	struct ovs_bytes key, mask;	/* owned; only once there are two installs */
};

struct ovs_churn;

/* The name of a member, 0 to OVS_FIELDS - 1: "src_port". */
const char *ovs_field_name(int field);

/* `max`: flows that are remembered. */
struct ovs_churn *ovs_churn_new(uint32_t max);
void ovs_churn_free(struct ovs_churn *churn);
/* A flow is installed. False: there was no room to remember it. */
bool ovs_churn_add(struct ovs_churn *churn, uint32_t dp, struct ovs_bytes key,
		   struct ovs_bytes mask);
/* A flow that was added is gone. */
void ovs_churn_gone(struct ovs_churn *churn, uint32_t dp, struct ovs_bytes key,
		    struct ovs_bytes mask);
/* Masks of flows that are there; the same one at two ports is one. */
uint32_t ovs_churn_masks(const struct ovs_churn *churn);
/*
 * Groups that got flows in this interval, most first; and flows that were made
 * again in it, those made most often since the start first. An array of
 * pointers, valid until the next call for this churn: free() it. Returns how many.
 */
uint32_t ovs_churn_groups(const struct ovs_churn *churn, const struct ovs_group ***groups);
uint32_t ovs_churn_repeated(const struct ovs_churn *churn,
			    const struct ovs_churner ***churners);
/* Begins a new interval. */
void ovs_churn_turn(struct ovs_churn *churn);

#endif
