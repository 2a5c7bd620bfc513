/* SPDX-License-Identifier: GPL-2.0-only */
/* What `vnetdiag probes` and `vnetdiag doctor` share: see cmd/host.h. */
#include <errno.h>
#include <unistd.h>

#include "cmd/host.h"
#include "vnet/log.h"
#include "vnet/util.h"

/* The first two of --format elsewhere: here is nothing to draw. */
static const char *const format_names[] = { "text", "json", NULL };

const struct vnet_opt host_options[] = {
	{ "format", 'f', VNET_OPT_ENUM, offsetof(struct host_args, format), "FORMAT",
	  "Form of the output", format_names },
	{ "kernel-facts", 0, VNET_OPT_FILE, offsetof(struct host_args, kernel_facts), "PATH",
	  "Tell about the host recorded under PATH instead of this one" },
	{}
};

static int read_facts(const char *path, struct vnet_kernel **kernel)
{
	FILE *in = fopen(path, "re");
	int line, err;

	if (!in) {
		vnet_error("cannot read '%s': %s", path, strerror(errno));
		return VNET_EXIT_RUNTIME;
	}
	err = vnet_kernel_read(kernel, in, &line);
	fclose(in);
	if (!err)
		return VNET_EXIT_OK;
	vnet_error("no kernel facts in '%s': line %d", path, line);
	vnet_hint("'vnetdiag probes --record FILE' makes such a file");
	return VNET_EXIT_USAGE;
}

int host_facts(const struct host_args *args, bool thorough, struct vnet_kernel **kernel)
{
	if (args->kernel_facts)
		return read_facts(args->kernel_facts, kernel);
	if (!vnet_kernel_load(kernel, NULL, NULL, thorough))
		return VNET_EXIT_OK;
	vnet_error("cannot read this kernel's facts");
	return VNET_EXIT_RUNTIME;
}

void host_report_begin(struct host_report *r, const char *command, const char *schema,
		       const char *title, const struct vnet_kernel *kernel)
{
	*r = (struct host_report){
		.meta = {
			.command = command, .schema = schema, .title = title,
			.host = r->host, .kernel = kernel->release,
		},
	};
	/* A recorded kernel is on no host that we know. */
	if (kernel->recorded || gethostname(r->host, sizeof(r->host) - 1))
		r->meta.host = NULL;
	r->report = vnet_report_new(&r->meta, "report");
	if (!kernel->recorded)
		r->report->time_ns = vnet_wall_ns();
}

int host_report_end(struct host_report *r, const struct host_args *args)
{
	int err = vnet_renderer(args->format)->render(r->report, stdout);

	vnet_report_free(r->report);
	return err && err != -EPIPE ? VNET_EXIT_RUNTIME : VNET_EXIT_OK;
}
