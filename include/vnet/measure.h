/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every measuring command does the same way: facts, plan (--dry-run,
 * --explain-filter), session, the run with its intervals and records, the end.
 * A command gives a struct vnet_measure and gets an exit status back.
 */
#ifndef VNET_MEASURE_H
#define VNET_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnet/cli.h"
#include "vnet/plan.h"
#include "vnet/report.h"
#include "vnet/session.h"

struct vnet_run;

/* A stretch of time that a report covers. */
struct vnet_span {
	uint64_t start_ns, end_ns;	/* CLOCK_MONOTONIC */
	uint64_t wall_ns;		/* wall clock at the end */
	bool last;
};

/* So many a second, rounded; NONE of a span without length. */
struct vnet_value vnet_span_rate(const struct vnet_span *span, uint64_t count);

struct vnet_measure {
	const struct vnet_cmd *cmd;
	const struct vnet_args *args;
	const char *object;		/* probes/<object>.bpf.c */
	const struct vnet_want *wants;
	size_t nr_wants;
	const char *title;		/* text heading of reports */
	uint32_t rate_limit;		/* of records, a second; 0: none */
	/* More filters as given, for the meta (beside the shared ones); may be NULL. */
	const struct vnet_pair *pairs;
	size_t nr_pairs;
	/* Writes rodata and map sizes: 0, or -errno having spoken; may be NULL. */
	int (*configure)(struct vnet_run *run);
	/* Once attached, before the first interval; may be NULL. */
	int (*started)(struct vnet_run *run);
	/*
	 * Summaries: at the end of each interval. Adds tables to `report` (of
	 * type "report"); the caller renders and frees it.
	 */
	int (*interval)(struct vnet_run *run, const struct vnet_span *span,
			struct vnet_report *report);
	/*
	 * Details: fills `report` (of type "record") from one record. 0: render
	 * it; 1: leave it out; -errno. Summaries that are made of records have
	 * this as well as `interval`, and leave out all of them.
	 */
	int (*record)(struct vnet_run *run, const void *data, size_t size,
		      struct vnet_report *report);
	/* Each second, to take out of the maps what has grown old; may be NULL. */
	int (*tidy)(struct vnet_run *run);
	uint32_t limit;			/* details: end after so many records; 0: none */
	/* Details: extras of the "end" line; may be NULL. */
	void (*ended)(struct vnet_run *run, struct vnet_report *report);
	void *ctx;			/* the command's own */
};

/* A run under way: what the callbacks may use. */
struct vnet_run {
	const struct vnet_measure *measure;
	const struct vnet_args *args;
	void *ctx;
	struct vnet_kernel *kernel;	/* without btf once loaded */
	const struct vnet_plan *plan;
	struct vnet_session *session;
	struct vnet_meta meta;
	int64_t wall_offset_ns;		/* wall clock minus CLOCK_MONOTONIC */
	uint64_t nr_records;		/* rendered so far */
};

/* The whole life of a measuring command. Returns an exit status. */
int vnet_measure(const struct vnet_measure *measure);
/*
 * Shows a record that user space made, as if it had come from the kernel; for
 * tidy(). 0, or -errno if it could not be written.
 */
int vnet_measure_record(struct vnet_run *run, void *data, size_t size);
/* Whether the plan chose any mechanism for the point. */
bool vnet_run_has(const struct vnet_run *run, enum vnet_point_id point);

#endif
