/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `probes` and `doctor` share: facts of this host or of a recorded one,
 * and a single report that is no measurement. Private to cmd.
 */
#ifndef VNET_CMD_HOST_H
#define VNET_CMD_HOST_H

#include "vnet/cli.h"
#include "vnet/kernel.h"
#include "vnet/report.h"

/* The members that both commands' args structures begin with. */
struct host_args {
	uint32_t format;		/* enum vnet_format, text or json */
	const char *kernel_facts;	/* --kernel-facts, or NULL */
};

extern const struct vnet_opt host_options[];

/* A report under way, and what must live as long. */
struct host_report {
	struct vnet_meta meta;
	char host[65];
	struct vnet_report *report;
};

/*
 * The facts of the recorded kernel, or of the running one for all points
 * (vnet_kernel_load's `thorough`). 0, or an exit status having spoken.
 */
int host_facts(const struct host_args *args, bool thorough, struct vnet_kernel **kernel);
/* Begins a report about `kernel`, which must outlive it. */
void host_report_begin(struct host_report *r, const char *command, const char *schema,
		       const char *title, const struct vnet_kernel *kernel);
/* Renders to stdout and frees the report. Returns an exit status. */
int host_report_end(struct host_report *r, const struct host_args *args);

#endif
