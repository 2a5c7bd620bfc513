/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands `drop summary` and `drop details` share. Private to cmd. */
#ifndef VNET_CMD_DROP_H
#define VNET_CMD_DROP_H

#include "vnet/abi/drop.h"
#include "vnet/measure.h"
#include "vnet/reasons.h"

struct drop_args {
	struct vnet_args common;
	const char *reason;	/* --reason */
	bool all;
	/* drop summary */
	uint32_t by;		/* VNET_DROP_BY_*, as the choices are ordered */
	uint32_t top;
	bool no_stack;
	uint32_t max_entries;
	/* drop details */
	bool stack;
	uint32_t limit;
	uint32_t rate_limit;
	const char *pcap;
	uint32_t snap_length;
};

extern const struct vnet_opt drop_reason_options[];

/* How a row or record names why and where; strings in the report's memory. */
struct drop_cause {
	const char *reason;	/* NULL: nothing is known */
	bool inferred;
	const char *text;	/* for people: with "(inferred)" */
	const char *location;	/* "ip_forward+0x1d", NULL: none */
};

const struct vnet_want *drop_wants(const void *args, size_t *nr);
/*
 * Fills `config` from the arguments and the kernel: 0, or an exit status after
 * an explanation. Sets *reasons, the caller's to free.
 */
int drop_configure(struct vnet_run *run, const struct drop_args *args,
		   struct vnet_drop_config *config, struct vnet_reasons **reasons);
/*
 * Whether frees at that place for that reason are normal, by the function it
 * is in. If so the kernel is told, and leaves them out itself from then on.
 */
bool drop_is_normal(struct vnet_run *run, const struct vnet_reasons *reasons,
		    uint64_t location, uint32_t reason);
void drop_cause_find(struct vnet_report *report, const struct vnet_reasons *reasons,
		     uint64_t location, uint32_t reason, bool consumed,
		     struct drop_cause *cause);
/* The device's network namespace if it is not our own: its name or number. */
const char *drop_netns_text(struct vnet_report *report, uint32_t netns);

#endif
