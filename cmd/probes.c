/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag probes`: every probe point and how this kernel lets it be reached. */
#include <errno.h>

#include "cmd/commands.h"
#include "cmd/host.h"
#include "vnet/check.h"
#include "vnet/log.h"
#include "vnet/plan.h"
#include "vnet/util.h"

struct probes_args {
	struct host_args host;
	bool check;
	const char *record;
};

static const struct vnet_opt options[] = {
	{ "check", 'c', VNET_OPT_FLAG, offsetof(struct probes_args, check), NULL,
	  "Look everything up and attach an empty program to each point, for a moment" },
	{ "record", 0, VNET_OPT_FILE, offsetof(struct probes_args, record), "FILE",
	  "Write what was found out about this kernel to FILE, for --kernel-facts "
	  "elsewhere" },
	{}
};

enum {
	COL_POINT, COL_KIND, COL_TARGET, COL_MODULE, COL_MECHANISM, COL_USABLE,
	COL_OTHERS, COL_REASON, COL_CANDIDATES, NR_COLUMNS
};

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_POINT] = { "point", "POINT", VNET_T_STR },
	[COL_KIND] = { "kind", "KIND", VNET_T_STR },
	[COL_TARGET] = { "target", "TARGET", VNET_T_STR },
	[COL_MODULE] = { "module", "MODULE", VNET_T_STR },
	[COL_MECHANISM] = { "mechanism", "MECHANISM", VNET_T_STR },
	[COL_USABLE] = { "usable", "WORKS", VNET_T_BOOL },
	[COL_OTHERS] = { "others", "OTHERWISE", VNET_T_STR, VNET_R_TEXT },
	[COL_REASON] = { "reason", "WHY", VNET_T_STR },
	[COL_CANDIDATES] = { "candidates", "CANDIDATES", VNET_T_LIST, VNET_R_JSON },
};

static const char *const kind_names[] = {
	[VNET_POINT_TP] = "tracepoint", [VNET_POINT_FUNC] = "function",
	[VNET_POINT_RET] = "return",
};

/* One listing. */
struct listing {
	const struct vnet_kernel *kernel;
	bool attach;			/* --check, and it is allowed */
	struct vnet_column columns[NR_COLUMNS];
	struct host_report out;
};

/* ENOTSUPP is the kernel's own, and the commonest refusal here. */
static const char *refusal(int err)
{
	return err == -524 ? "not supported" : strerror(-err);
}

/* Fills a candidate's words; returns 0 if the kernel took it, else -errno. */
static int try_candidate(struct listing *l, const struct vnet_choice *choice,
			 const struct vnet_candidate *c, const char **words)
{
	const char *name = vnet_mechanism_names[c->mechanism];
	int err = 0;

	if (l->attach && c->usable)
		err = vnet_check_attach(l->kernel, choice->want->point, c->mechanism,
					choice->target);
	if (err)
		*words = vnet_report_printf(l->out.report, "%s: refused (%s)", name,
					    refusal(err));
	else
		*words = vnet_report_printf(l->out.report, "%s: %s (%s)", name,
					    !c->usable ? "no" : l->attach ? "works" : "yes",
					    c->why);
	return err;
}

/* The point's candidates as words, and what trying the chosen one came to. */
static void fill_candidates(struct listing *l, const struct vnet_choice *choice,
			    struct vnet_value *row, int *err)
{
	struct vnet_report *report = l->out.report;
	struct vnet_candidate candidates[VNET_NR_MECHANISMS];
	size_t nr = vnet_plan_candidates(l->kernel, choice->want->point, candidates);
	struct vnet_list *list = vnet_report_alloc(report, sizeof(*list));
	const char *others = NULL;

	list->nr = nr;
	list->items = vnet_report_alloc(report, nr * sizeof(*list->items));
	for (size_t i = 0; i < nr; i++) {
		const char *name = vnet_mechanism_names[candidates[i].mechanism];
		int failed = try_candidate(l, choice, &candidates[i], &list->items[i]);

		if (candidates[i].mechanism == choice->mechanism)
			*err = failed;
		else if (candidates[i].usable && !failed)
			others = others ?
				vnet_report_printf(report, "%s, %s", others, name) : name;
	}
	row[COL_OTHERS] = vnet_str(others);
	row[COL_CANDIDATES] = (struct vnet_value){ .type = VNET_T_LIST, .list = list };
}

static void fill_row(struct listing *l, enum vnet_point_id id, struct vnet_value *row)
{
	const struct vnet_want want = { .point = id };
	const struct vnet_point *p = &vnet_points[id];
	struct vnet_report *report = l->out.report;
	struct vnet_choice choice;
	const char *reason;
	int err = 0;

	vnet_plan_choose(l->kernel, &want, &choice);
	fill_candidates(l, &choice, row, &err);
	reason = vnet_report_strdup(report, choice.reason);
	if (err)
		reason = vnet_report_printf(report, "%s; but the kernel refused: %s",
					    reason, refusal(err));
	row[COL_POINT] = vnet_str(p->id);
	row[COL_KIND] = vnet_str(kind_names[p->kind]);
	row[COL_TARGET] = vnet_str(vnet_report_strdup(report, choice.target));
	row[COL_MODULE] = vnet_str(p->module[0] ? p->module : NULL);
	row[COL_MECHANISM] = vnet_str(vnet_mechanism_names[choice.mechanism]);
	if (l->attach)
		row[COL_USABLE] = vnet_bool(choice.mechanism && !err);
	row[COL_REASON] = vnet_str(reason);
}

/* True if no function's fact is known: the file was not to be read. */
static bool none_known(const struct vnet_kernel *k, bool traceable)
{
	for (int id = 0; id < VNET_NR_POINTS; id++) {
		const struct vnet_point_facts *f = &k->points[id];

		if (vnet_point_is_function(id) && k->loaded[id] &&
		    (traceable ? f->traceable : f->exists) != VNET_UNKNOWN)
			return false;
	}
	return true;
}

/* What the table would say more about if it could be read. */
static void add_unseen(struct vnet_report *report, const struct vnet_kernel *k,
		       bool thorough)
{
	struct vnet_list *list = vnet_report_alloc(report, sizeof(*list));

	list->items = vnet_report_alloc(report, 4 * sizeof(*list->items));
	if (!vnet_kernel_has(k, VNET_HAS_FEATURE_btf))
		list->items[list->nr++] = "the kernel's types (BTF)";
	if (!vnet_kernel_has(k, VNET_HAS_FEATURE_tracefs))
		list->items[list->nr++] = "tracefs: which tracepoints there are";
	if (thorough && none_known(k, false))
		list->items[list->nr++] = "kallsyms: which functions are symbols";
	if (thorough && none_known(k, true))
		list->items[list->nr++] = "available_filter_functions: which functions "
					  "can be traced";
	vnet_report_extra(report, "not_seen", list->nr ? "Could not be seen" : NULL,
			  (struct vnet_value){ .type = VNET_T_LIST, .list = list });
}

static int list_points(const struct probes_args *args, const struct vnet_kernel *kernel)
{
	struct listing l = { .kernel = kernel };
	struct vnet_table *table;

	l.attach = args->check && vnet_kernel_has(kernel, VNET_HAS_FEATURE_cap_bpf);
	if (args->check && !l.attach) {
		vnet_warn("no permission to load BPF programs: none was tried");
		vnet_hint("run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN");
	}
	memcpy(l.columns, columns, sizeof(columns));
	if (!l.attach)
		l.columns[COL_USABLE].role = VNET_R_JSON;
	host_report_begin(&l.out, vnet_cmd_probes.path, "vnetdiag.probes/1",
			  "Probe points", kernel);
	table = vnet_report_table(l.out.report, NULL, VNET_L_TABLE, l.columns, NR_COLUMNS);
	for (int id = 0; id < VNET_NR_POINTS; id++)
		fill_row(&l, id, vnet_report_row(l.out.report, table));
	add_unseen(l.out.report, kernel, args->check || args->record || kernel->recorded);
	return host_report_end(&l.out, &args->host);
}

static int record(const struct vnet_kernel *kernel, const char *path)
{
	FILE *out = fopen(path, "we");
	int err;

	if (!out) {
		vnet_error("cannot write '%s': %s", path, strerror(errno));
		return VNET_EXIT_RUNTIME;
	}
	err = vnet_kernel_write(kernel, out);
	if (fclose(out) && !err)
		err = -errno;
	if (!err)
		return VNET_EXIT_OK;
	vnet_error("cannot write '%s': %s", path, strerror(-err));
	return VNET_EXIT_RUNTIME;
}

static int check(void *data)
{
	const struct probes_args *args = data;

	if (!args->host.kernel_facts || (!args->check && !args->record))
		return 0;
	vnet_error("option '--%s' is about the running kernel: it does not go with "
		   "'--kernel-facts'", args->check ? "check" : "record");
	vnet_hint("leave one of them out");
	return VNET_EXIT_USAGE;
}

static int run(void *data)
{
	const struct probes_args *args = data;
	struct vnet_kernel *kernel;
	int status = host_facts(&args->host, args->check || args->record, &kernel);

	if (status)
		return status;
	if (args->record)
		status = record(kernel, args->record);
	status = status ?: list_points(args, kernel);
	vnet_kernel_free(kernel);
	return status;
}

static const struct vnet_cmd_example examples[] = {
	{ "The points, and what would be used here", "vnetdiag probes" },
	{ "Attach to each of them for a moment", "vnetdiag probes --check" },
	{ "Take a kernel's facts elsewhere, and plan for it there",
	  "vnetdiag probes --record node7.facts; "
	  "vnetdiag drop summary --dry-run --kernel-facts node7.facts" },
	{}
};

const struct vnet_cmd vnet_cmd_probes = {
	.path = "probes",
	.summary = "The probe points, and how this kernel lets them be reached",
	.description =
		"Lists every place in the kernel that a command may attach to, the ways to "
		"do so in order of preference, which one would be used on this kernel and "
		"why. Works without privileges as far as it can see. A point that is not "
		"there is an answer, not an error.",
	.options = { options, host_options },
	.args_size = sizeof(struct probes_args),
	.check = check,
	.run = run,
	.examples = examples,
};
