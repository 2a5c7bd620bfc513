/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of `vnetdiag ovs drop`. Private to cmd. */
#ifndef VNET_CMD_OVS_DROP_H
#define VNET_CMD_OVS_DROP_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/types.h>

/* Why the datapath dropped a packet. */
struct ovs_cause {
	char name[32];		/* "meter" */
	const char *words;	/* "over the rate of a meter"; constant */
};

/* What is known of a drop. */
struct ovs_drop_facts {
	uint32_t event;		/* enum vnet_ovs_event */
	const char *reason;	/* the kernel's own, "OVS_DROP_METER"; NULL or vague: none */
	const char *function;	/* that freed it, NULL: unknown */
	const char *callee;	/* that it called there, NULL: unknown */
	bool in_module;		/* the function is the datapath's for certain */
	bool ports_known;	/* a port's MTU would have been seen apart */
};

/*
 * Finds the cause; pure. False: that was no drop of a packet (a message to user
 * space, a copy), or one that is counted elsewhere.
 */
bool ovs_cause_find(const struct ovs_drop_facts *facts, struct ovs_cause *cause);

#endif
