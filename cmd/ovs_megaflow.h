/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of `ovs megaflow` share. Private to cmd. */
#ifndef VNET_CMD_OVS_MEGAFLOW_H
#define VNET_CMD_OVS_MEGAFLOW_H

#include "cmd/ovs_waiting.h"
#include "vnet/abi/ovs_megaflow.h"
#include "vnet/measure.h"

/* "ufid:", 32 digits, 4 dashes and the end */
#define UFID_SIZE	42

struct megaflow_args {
	struct vnet_args common;
	uint32_t events;	/* --event: 1 << enum vnet_megaflow_event */
	const char *ufid_text;	/* --ufid, or NULL */
	char ufid[UFID_SIZE];	/* the same as dpctl writes it */
	bool in_port_given;
	const char *in_port_text;	/* --in-port, or NULL */
	uint32_t in_port;
	uint32_t limit;
	uint32_t rate_limit;
	uint32_t max_entries;
	bool summary;
	uint32_t top;
};

struct megaflow_summary;

/* A run of the command. */
struct megaflow {
	const struct megaflow_args *args;
	struct vnet_filter filter;	/* for the keys of flows; the packets' is in the kernel */
	struct ovs_flows *flows;
	struct ovs_waiting *waiting;
	struct megaflow_summary *summary;	/* NULL: records are shown */
};

/* One record of the kernel with all that is known about its flow. */
struct megaflow_event {
	const struct vnet_megaflow_record *record;
	struct ovs_message message;	/* the request, or the upcall */
	struct ovs_message reply;	/* all NULL: there was none */
	struct ovs_bytes ufid, key, mask, actions;	/* from wherever they are known */
	struct ovs_link link;		/* new: the packets that waited */
	struct ovs_returned returned;	/* return: the packet that it was */
	uint64_t lifetime_ns;		/* del: 0: not known */
	bool flush;			/* del: all flows of the datapath ... */
	uint32_t flushed;		/* ... of which so many were known */
};

extern const char *const megaflow_event_names[];

/* The kind of thread, by the name that ovs-vswitchd gives it. */
const char *megaflow_who(const struct vnet_megaflow_record *r);
/* The key under its mask as dpctl writes it, in the report's memory. */
const char *megaflow_key_text(struct vnet_report *report, struct ovs_bytes key,
			      struct ovs_bytes mask);
/* The members of a mask by themselves, in the syntax of a key. */
const char *megaflow_mask_text(struct vnet_report *report, struct ovs_bytes mask);
/* Renders the event as the report's record. */
void megaflow_record(const struct vnet_run *run, const struct megaflow_event *e,
		     struct vnet_report *report);

/* ---- --summary ---- */

/* `max`: flows that are remembered. */
struct megaflow_summary *megaflow_summary_new(uint32_t max);
void megaflow_summary_free(struct megaflow_summary *s);
/* Counts an event. False: there was no room to remember the flow. */
bool megaflow_summary_add(struct megaflow_summary *s, const struct megaflow_event *e);
/* Counts a deleted flow; NULL: one that was not seen coming. */
void megaflow_summary_gone(struct megaflow_summary *s, const struct ovs_flow *flow,
			   uint64_t now_ns, const char *who);
/* The flow must have gone unseen. */
void megaflow_summary_forget(struct megaflow_summary *s, const struct ovs_flow *flow);
/* struct vnet_measure.interval */
int megaflow_interval(struct vnet_run *run, const struct vnet_span *span,
		      struct vnet_report *report);

#endif
