/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of `latency pair` share: its pairs, options, and what it read. */
#ifndef VNET_CMD_LATENCY_PAIR_H
#define VNET_CMD_LATENCY_PAIR_H

#include <stddef.h>

#include <linux/types.h>

#include "vnet/abi/latency_pair.h"
#include "vnet/cli.h"
#include "vnet/measure.h"

/* Two devices as they were named. */
struct pair_names {
	char from[16];
	char to[16];
	unsigned int line;	/* of the file; 0: by options */
};

struct pair_list {
	uint32_t nr;
	struct pair_names pairs[VNET_PAIRS_MAX];
};

struct pair_args {
	struct vnet_args common;
	struct vnet_devices from;
	struct vnet_devices to;
	const char *file;	/* NULL: the pair of the two above */
	uint64_t timeout_ns;
	uint64_t over_ns;
	uint64_t threshold_ns;	/* 0: no records of slow packets */
	bool missing;		/* a record of each packet that is missing */
	uint32_t limit;
	uint32_t rate_limit;
	uint32_t max_entries;
	struct pair_list list;	/* made of these, by check() */
};

/* What became of a pair's packets in an interval. */
struct pair_sum {
	struct vnet_pairs_stats stats;	/* over all CPUs */
	/* Taken out of the map when their time was over. */
	uint64_t missing, segmented, elsewhere;
	int64_t waiting;	/* started, and nothing known of their end yet */
};

/* A run of the command. */
struct pair_run {
	const struct pair_args *args;
	struct vnet_pairs_config config;
	struct pair_sum sums[VNET_PAIRS_MAX];
	struct vnet_pair pairs[6];
	char texts[6][16];
};

/* Whether the run gives records instead of a summary. */
static inline bool pair_records(const struct pair_args *args)
{
	return args->threshold_ns || args->missing;
}

/*
 * Reads lines "FROM TO", with comments from '#' on, into *list. 0, or -EINVAL with
 * *line (0: the file as a whole) and *why, a constant sentence part. Pure.
 */
int pair_parse(const char *text, size_t size, struct pair_list *list, unsigned int *line,
	       const char **why);
/*
 * Makes args->list of the options, from the file if one is given. 0, or an exit
 * status having spoken.
 */
int pair_list_make(struct pair_args *args);
/* Looks the devices up and fills config->from, to, siblings and nr. Likewise. */
int pair_resolve(const struct pair_args *args, struct vnet_pairs_config *config);

/* vnet_measure's callbacks. */
int pair_sweep(struct vnet_run *run);
int pair_interval(struct vnet_run *run, const struct vnet_span *span,
		  struct vnet_report *report);
int pair_record(struct vnet_run *run, const void *data, size_t size,
		struct vnet_report *report);
void pair_ended(struct vnet_run *run, struct vnet_report *report);

#endif
