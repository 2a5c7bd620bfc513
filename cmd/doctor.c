// SPDX-License-Identifier: GPL-2.0-only
/* `vnetdiag doctor`: what works on this host, before anything is loaded. */
#include "cmd/commands.h"
#include "cmd/doctor.h"
#include "cmd/host.h"
#include "vnet/plan.h"
#include "vnet/util.h"

struct doctor_args {
	struct host_args host;
};

enum { COL_COMMAND, COL_STATUS, COL_WHY, COL_HINT, NR_COLUMNS };

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_COMMAND] = { "command", "COMMAND", VNET_T_STR },
	[COL_STATUS] = { "status", "STATUS", VNET_T_STR },
	[COL_WHY] = { "why", "WHY", VNET_T_STR },
	[COL_HINT] = { "hint", "Hint", VNET_T_STR, VNET_R_LINE },
};

/* What a command needs and does not get. */
enum verdict { WORKS, DEGRADED, NO_PRIVILEGE, IMPOSSIBLE };

static const char *const verdict_words[] = {
	[WORKS] = "works", [DEGRADED] = "degraded",
	[NO_PRIVILEGE] = "cannot", [IMPOSSIBLE] = "cannot",
};

struct finding {
	enum verdict verdict;
	const char *why, *hint;
};

struct doctor {
	const struct vnet_kernel *kernel;
	struct host_report out;
	bool any[IMPOSSIBLE + 1];	/* verdicts that were given */
};

static void join(struct vnet_report *report, const char **text, const char *more)
{
	*text = *text ? vnet_report_printf(report, "%s; %s", *text, more) : more;
}

/* What helps when a point has no mechanism. */
static const char *point_hint(struct doctor *d, enum vnet_point_id id)
{
	const struct vnet_kernel *k = d->kernel;
	const struct vnet_point *p = &vnet_points[id];

	if (!k->loaded[id])
		return doctor_module_hint(d->out.report, k, p->module);
	if (vnet_point_is_function(id) && !vnet_kernel_has(k, VNET_HAS_FEATURE_ftrace))
		return "sysctl kernel.ftrace_enabled=1";
	if (vnet_point_is_function(id) && !vnet_kernel_has(k, VNET_HAS_FEATURE_fentry) &&
	    !vnet_kernel_has(k, VNET_HAS_FEATURE_kprobe))
		return "functions can be probed on a kernel with CONFIG_KPROBES";
	if (p->kind == VNET_POINT_TP && k->points[id].exists == VNET_UNKNOWN)
		return "mount -t tracefs tracefs /sys/kernel/tracing";
	/* This kernel has no such place: no setting helps. */
	return NULL;
}

/* Points that cannot be had: those that are required decide, then the others. */
static void judge_points(struct doctor *d, const struct vnet_plan *plan,
			 struct finding *f)
{
	for (size_t i = 0; i < plan->nr; i++) {
		const struct vnet_choice *c = &plan->choices[i];
		const char *words;

		if (c->mechanism || c->want->optional == !plan->possible)
			continue;
		if (!f->hint)
			f->hint = point_hint(d, c->want->point);
		if (c->want->optional && c->want->without) {
			words = c->want->without;
			/* Two points may be missed for the same thing. */
			if (f->why && strstr(f->why, words))
				continue;
		} else {
			words = vnet_report_printf(d->out.report, "no probe at '%s' (%s)",
						   c->target, c->reason);
		}
		join(d->out.report, &f->why, words);
	}
}

static struct finding judge(struct doctor *d, const struct vnet_cmd *cmd)
{
	struct finding f = { WORKS };
	struct vnet_plan plan;
	const struct vnet_want *wants;
	size_t nr;

	if (vnet_kernel_has(d->kernel, VNET_HAS_FEATURE_lockdown))
		return (struct finding){
			IMPOSSIBLE, "the kernel is locked down for confidentiality",
			"boot without lockdown=confidentiality",
		};
	if (!vnet_kernel_has(d->kernel, VNET_HAS_FEATURE_btf))
		return (struct finding){
			IMPOSSIBLE, "the kernel does not describe its types (BTF)",
			"give the BTF of this kernel by --btf FILE",
		};
	wants = cmd->wants(NULL, &nr);
	vnet_plan_make(d->kernel, wants, nr, &plan);
	judge_points(d, &plan, &f);
	if (!plan.possible)
		f.verdict = IMPOSSIBLE;
	else if (!d->kernel->recorded &&
		 !vnet_kernel_has(d->kernel, VNET_HAS_FEATURE_cap_bpf))
		f = (struct finding){
			NO_PRIVILEGE, "no permission to load BPF programs", "run as root",
		};
	else if (plan.degraded)
		f.verdict = DEGRADED;
	return f;
}

static void add_commands(struct doctor *d)
{
	struct vnet_table *table = vnet_report_table(d->out.report, "Commands:",
		VNET_L_TABLE, columns, NR_COLUMNS);

	for (size_t i = 0; vnet_commands[i]; i++) {
		const struct vnet_cmd *cmd = vnet_commands[i];
		struct vnet_value *row;
		struct finding f;

		if (!cmd->wants || cmd->hidden)
			continue;
		f = judge(d, cmd);
		d->any[f.verdict] = true;
		row = vnet_report_row(d->out.report, table);
		row[COL_COMMAND] = vnet_str(cmd->path);
		row[COL_STATUS] = vnet_str(verdict_words[f.verdict]);
		row[COL_WHY] = vnet_str(f.why);
		row[COL_HINT] = vnet_str(f.hint);
	}
}

static int run(void *data)
{
	const struct doctor_args *args = data;
	struct vnet_kernel *kernel;
	struct doctor d = {};
	int status = host_facts(&args->host, false, &kernel);

	if (status)
		return status;
	d.kernel = kernel;
	host_report_begin(&d.out, vnet_cmd_doctor.path, "vnetdiag.doctor/1",
			  "What works here", kernel);
	add_commands(&d);
	doctor_host_checks(d.out.report, kernel);
	status = host_report_end(&d.out, &args->host);
	vnet_kernel_free(kernel);
	if (status)
		return status;
	if (d.any[IMPOSSIBLE])
		return VNET_EXIT_IMPOSSIBLE;
	return d.any[NO_PRIVILEGE] ? VNET_EXIT_PERMISSION : VNET_EXIT_OK;
}

static const struct vnet_cmd_example examples[] = {
	{ "What works on this host", "vnetdiag doctor" },
	{ "Commands that cannot work, and why",
	  "vnetdiag doctor --format json | jq -r '.rows[] | select(.status == \"cannot\") | "
	  ".command + \": \" + .why'" },
	{}
};

const struct vnet_cmd vnet_cmd_doctor = {
	.path = "doctor",
	.summary = "What works on this host, and what to do about the rest",
	.description =
		"Tells for each command whether it works here, works with less, or cannot "
		"work, why, and what helps; then what of the kernel and the host decides "
		"that. Loads and changes nothing. The exit status is 3 if a command cannot "
		"work, 4 if nothing but privileges is missing.",
	.options = { host_options },
	.args_size = sizeof(struct doctor_args),
	.run = run,
	.examples = examples,
};
