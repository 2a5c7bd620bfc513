/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `latency summary` and `latency details` share: their options, the
 * stages of each path and the points that show them (latency_path.c), and what
 * the summary reads (latency_read.c).
 */
#ifndef VNET_CMD_LATENCY_H
#define VNET_CMD_LATENCY_H

#include "vnet/abi/latency.h"
#include "vnet/cli.h"
#include "vnet/measure.h"

/* Stages that --threshold can name. */
#define LATENCY_THRESHOLDS	8

/* Values of --direction, --via and --stages, in this order. */
enum latency_way { LATENCY_BOTH, LATENCY_WAY_TX, LATENCY_WAY_RX };
enum latency_via { LATENCY_VIA_AUTO, LATENCY_VIA_OVS, LATENCY_VIA_KERNEL };
enum latency_level { LATENCY_DEFAULT, LATENCY_ENDS, LATENCY_FULL };

struct latency_args {
	struct vnet_args common;
	struct vnet_devices phy;
	struct vnet_devices internal;	/* nr 0: all */
	struct vnet_devices vm;		/* nr 0: the host path */
	const char *vm_names;		/* guests whose taps are added to it */
	uint32_t direction;		/* enum latency_way */
	uint32_t via;			/* enum latency_via */
	uint32_t stages;		/* enum latency_level */
	uint32_t sample;
	/* summary */
	uint64_t over_ns;
	uint32_t by;			/* 1: flow */
	uint32_t top;
	uint32_t max_flows;
	/* details */
	const char *threshold;		/* "[STAGE=]TIME[,...]" */
	uint64_t total_ns;		/* of it, of the total; 0: none */
	uint32_t nr_thresholds;		/* of it, by stage */
	struct latency_threshold {
		char stage[16];
		uint64_t ns;
	} thresholds[LATENCY_THRESHOLDS];
	uint32_t limit, rate_limit;
};

extern const struct vnet_opt latency_path_options[];
/* "both", "tx", "rx" */
extern const char *const latency_way_names[];
extern const char *const latency_direction_names[VNET_LATENCY_DIRECTIONS];
/* "host" or "vm" */
const char *latency_path_name(const struct vnet_latency_config *config);
/* What the stage is called on this path. */
const char *latency_stage_name(const struct vnet_latency_config *config, uint32_t dir,
			       uint32_t stage);
/* Whether any path has a stage of that name. */
bool latency_stage_exists(const char *name);

/* The points for these arguments; NULL: of the whole host path. Not reentrant. */
const struct vnet_want *latency_wants(const void *args, size_t *nr);
/* Fills all but the marks: what path, by what the plan could give. 0 or -errno. */
int latency_configure(const struct vnet_run *run, const struct latency_args *args,
		      struct vnet_latency_config *config);
/* The path's own options as reports show them. Valid until the next call. */
const struct vnet_pair *latency_pairs(const struct latency_args *args, size_t *nr);
/* Cross-option checks: 0 or an exit status, having spoken. */
int latency_check(void *args);

/* Whether the stage is shown, and the direction at all. */
static inline bool latency_has(const struct vnet_latency_config *config, uint32_t dir,
			       uint32_t stage)
{
	return config->shown[dir] & VNET_LATENCY_BIT(stage);
}

static inline bool latency_on(const struct vnet_latency_config *config, uint32_t dir)
{
	return config->shown[dir];
}

/* What one direction did in an interval. */
struct latency_path {
	uint64_t started, completed, over, unfollowed, unsampled;
	uint64_t waiting;		/* at its end: in a queue or an upcall */
	/* by the last stage reached */
	uint64_t incomplete[VNET_LATENCY_STAGES];
	struct vnet_latency_hists hists;
};

/* Totals of a flow; sorted by P99, the slowest first. */
struct latency_flow {
	struct vnet_latency_flow key;	/* cpu 0 */
	struct vnet_latency_flow_times times;
};

/* Deletes what has waited in `waits` for too long; adds up where it was. */
void latency_sweep(int fd, uint64_t aged[VNET_LATENCY_DIRECTIONS][VNET_LATENCY_STAGES]);

struct latency_reader;

struct latency_reader *latency_reader_new(const struct vnet_latency_config *config);
void latency_reader_free(struct latency_reader *reader);
/*
 * Ends an interval: turns the epoch over and reads what the copy at rest holds
 * (paths[dir]; a direction that is off stays zero). `last`: no interval
 * follows, so packets that wait are incomplete. 0 or -errno.
 */
int latency_read(struct latency_reader *reader, struct vnet_session *session, bool last,
		 struct latency_path paths[VNET_LATENCY_DIRECTIONS]);
/* The flows of the interval that latency_read() ended; belongs to the reader. */
int latency_read_flows(struct latency_reader *reader, struct vnet_session *session,
		       const struct latency_flow **flows, size_t *nr);

#endif
