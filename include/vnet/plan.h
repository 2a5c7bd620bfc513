/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The plan: which points a command attaches to and by which mechanism. A pure
 * function of what is wanted and of the kernel's facts.
 */
#ifndef VNET_PLAN_H
#define VNET_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "vnet/kernel.h"
#include "vnet/report.h"

/* In order of preference for each kind of point. */
enum vnet_mechanism {
	VNET_M_NONE,
	VNET_M_TP_BTF,
	VNET_M_RAW_TP,
	VNET_M_FENTRY,
	VNET_M_KPROBE,
	VNET_M_FEXIT,
	VNET_M_KRETPROBE,
	VNET_M_TYPES,	/* nothing is attached: struct vnet_want, types */
	VNET_NR_MECHANISMS
};
extern const char *const vnet_mechanism_names[VNET_NR_MECHANISMS];

#define VNET_IF(feature)	(1 + VNET_HAS_FEATURE_##feature)

/* A point that a command asks for. */
struct vnet_want {
	enum vnet_point_id point;
	bool optional;		/* the command works without it, with less */
	const char *without;	/* what is missing then: "IPv6 is not followed" */
	/* VNET_IF(feature): not in the plan unless, or if, the kernel has it; or 0 */
	uint8_t only_if, not_if;
	bool typed;		/* structures of the point's module are read */
	bool types;		/* nothing else is wanted of it: no program is attached */
};

struct vnet_choice {
	const struct vnet_want *want;
	enum vnet_mechanism mechanism;	/* NONE: not possible, see reason */
	char target[80];	/* "skb:kfree_skb", "fn.constprop.0" */
	char reason[160];	/* why this mechanism, or why none */
};

/* Whether a program is attached. */
static inline bool vnet_choice_attaches(const struct vnet_choice *choice)
{
	return choice->mechanism && choice->mechanism != VNET_M_TYPES;
}

#define VNET_PLAN_MAX	VNET_NR_POINTS

struct vnet_plan {
	struct vnet_choice choices[VNET_PLAN_MAX];
	size_t nr;
	bool possible;		/* every point that is not optional has a mechanism */
	bool degraded;		/* an optional point has none */
};

/* One way to attach to a point, in order of preference. */
struct vnet_candidate {
	enum vnet_mechanism mechanism;
	bool usable;
	const char *why;	/* why it can be used, or why not; constant */
};

/* All ways to attach to the point and what becomes of each. Returns how many. */
size_t vnet_plan_candidates(const struct vnet_kernel *kernel, enum vnet_point_id point,
			    struct vnet_candidate candidates[VNET_NR_MECHANISMS]);
/* Chooses for one point; also what `probes` shows. */
void vnet_plan_choose(const struct vnet_kernel *kernel, const struct vnet_want *want,
		      struct vnet_choice *choice);
void vnet_plan_make(const struct vnet_kernel *kernel, const struct vnet_want *wants,
		    size_t nr, struct vnet_plan *plan);
/* The table of a plan, for --dry-run. */
void vnet_plan_table(struct vnet_report *report, const struct vnet_plan *plan);
/* The same as the report meta's probe list, allocated; free() it. */
struct vnet_probe_info *vnet_plan_probes(const struct vnet_plan *plan, size_t *nr);

#endif
