/* SPDX-License-Identifier: GPL-2.0-only */
/* Chooses a mechanism for each wanted point from the kernel's facts. Pure. */
#include <stdio.h>
#include <stdlib.h>

#include "vnet/plan.h"
#include "vnet/util.h"

const char *const vnet_mechanism_names[VNET_NR_MECHANISMS] = {
	"none", "tp_btf", "raw_tp", "fentry", "kprobe", "fexit", "kretprobe",
	"types",
};

#define NO_SYMBOL	"the function is no symbol here (inlined or absent)"
#define SWITCHED_OFF	"kernel.ftrace_enabled is 0, so that it would never run"

#define LOCKED_DOWN	"the kernel is locked down for confidentiality"

/* A mechanism: what it needs, and the words when that is not there. */
struct way {
	enum vnet_mechanism mechanism;
	/* NULL if it can be used, else why not. */
	const char *(*refuse)(const struct vnet_kernel *k, enum vnet_point_id id);
	const char *why;	/* when chosen */
};

static const char *refuse_tp_btf(const struct vnet_kernel *k, enum vnet_point_id id)
{
	if (!vnet_kernel_has(k, VNET_HAS_FEATURE_tp_btf))
		return "no typed tracepoints on this kernel";
	return k->points[id].btf ? NULL : "the tracepoint is not in BTF";
}

static const char *refuse_raw_tp(const struct vnet_kernel *k, enum vnet_point_id id)
{
	/* compat: before v5.5 raw tracepoints of modules cannot be opened */
	if (k->points[id].exists == VNET_YES || k->points[id].btf)
		return NULL;
	return k->points[id].exists == VNET_NO ?
		"the kernel has no such tracepoint" :
		"tracefs cannot be read to look for the tracepoint";
}

static const char *refuse_fentry(const struct vnet_kernel *k, enum vnet_point_id id)
{
	if (!vnet_kernel_has(k, VNET_HAS_FEATURE_fentry))
		return "no fentry on this kernel";
	if (!vnet_kernel_has(k, VNET_HAS_FEATURE_ftrace))
		return SWITCHED_OFF;
	if (!k->points[id].btf)
		return vnet_points[id].module[0] &&
		       !vnet_kernel_has(k, VNET_HAS_FEATURE_module_btf) ?
			"modules have no BTF" : "the function is not in BTF";
	if (k->points[id].nr_args > VNET_FENTRY_ARGS &&
	    !vnet_kernel_has(k, VNET_HAS_FEATURE_fentry_args))
		return "more than six arguments, too many for this kernel's fentry";
	/* BTF names a function by its source, also where only a clone is left. */
	if (k->points[id].exists == VNET_NO)
		return NO_SYMBOL;
	return k->points[id].traceable == VNET_NO ?
		"the function is not traceable" : NULL;
}

static const char *refuse_kprobe(const struct vnet_kernel *k, enum vnet_point_id id)
{
	const struct vnet_point_facts *f = &k->points[id];

	if (!vnet_kernel_has(k, VNET_HAS_FEATURE_kprobe))
		return "no kprobes on this kernel, or they are switched off";
	if (!vnet_kernel_has(k, VNET_HAS_FEATURE_ftrace))
		return SWITCHED_OFF;
	if (f->exists == VNET_NO && !f->clone[0])
		return NO_SYMBOL;
	return f->traceable == VNET_NO ? "the function is not traceable" : NULL;
}

static const struct way tp_ways[] = {
	{ VNET_M_TP_BTF, refuse_tp_btf, "typed tracepoint, the cheapest" },
	{ VNET_M_RAW_TP, refuse_raw_tp, "the tracepoint, untyped" },
	{ VNET_M_NONE }
};

static const struct way func_ways[] = {
	{ VNET_M_FENTRY, refuse_fentry, "in BTF: typed and cheap" },
	{ VNET_M_KPROBE, refuse_kprobe, "at the symbol, untyped" },
	{ VNET_M_NONE }
};

/* What lets a function's entry be probed lets its return be. */
static const struct way ret_ways[] = {
	{ VNET_M_FEXIT, refuse_fentry, "in BTF: typed and cheap" },
	{ VNET_M_KRETPROBE, refuse_kprobe, "at the symbol, untyped" },
	{ VNET_M_NONE }
};

static const struct way *const ways[VNET_NR_KINDS] = {
	[VNET_POINT_TP] = tp_ways,
	[VNET_POINT_FUNC] = func_ways,
	[VNET_POINT_RET] = ret_ways,
};

static void append(char *text, size_t size, const char *mechanism, const char *why)
{
	size_t used = strlen(text);

	snprintf(text + used, size - used, "%s%s: %s", used ? "; " : "", mechanism, why);
}

static void choose_target(const struct vnet_kernel *k, enum vnet_point_id id,
			  struct vnet_choice *choice)
{
	const struct vnet_point_facts *f = &k->points[id];
	bool symbol = choice->mechanism == VNET_M_KPROBE ||
		      choice->mechanism == VNET_M_KRETPROBE;
	bool clone = symbol && f->exists != VNET_YES && f->clone[0];

	vnet_copy(choice->target, sizeof(choice->target),
		  clone ? f->clone : vnet_points[id].target);
}

size_t vnet_plan_candidates(const struct vnet_kernel *kernel, enum vnet_point_id point,
			    struct vnet_candidate candidates[VNET_NR_MECHANISMS])
{
	const struct way *way;
	size_t nr = 0;

	for (way = ways[vnet_points[point].kind]; way->mechanism; way++) {
		const char *no = vnet_kernel_has(kernel, VNET_HAS_FEATURE_lockdown) ?
				 LOCKED_DOWN :
				 kernel->loaded[point] ? way->refuse(kernel, point) :
				 "its module is not loaded";

		candidates[nr++] = (struct vnet_candidate){
			way->mechanism, !no, no ? no : way->why,
		};
	}
	return nr;
}

void vnet_plan_choose(const struct vnet_kernel *kernel, const struct vnet_want *want,
		      struct vnet_choice *choice)
{
	struct vnet_candidate candidates[VNET_NR_MECHANISMS];
	enum vnet_point_id id = want->point;
	size_t nr;

	*choice = (struct vnet_choice){ .want = want };
	/* Programs would attach, but may not call what reads a packet. */
	if (vnet_kernel_has(kernel, VNET_HAS_FEATURE_lockdown)) {
		vnet_copy(choice->reason, sizeof(choice->reason), LOCKED_DOWN);
		choose_target(kernel, id, choice);
		return;
	}
	if (!kernel->loaded[id]) {
		snprintf(choice->reason, sizeof(choice->reason),
			 "module '%s' is not loaded", vnet_points[id].module);
		choose_target(kernel, id, choice);
		return;
	}
	if (want->typed && vnet_kernel_untyped(kernel, id)) {
		vnet_copy(choice->reason, sizeof(choice->reason),
			  vnet_kernel_untyped(kernel, id));
		choose_target(kernel, id, choice);
		return;
	}
	if (want->types) {
		choice->mechanism = VNET_M_TYPES;
		vnet_copy(choice->reason, sizeof(choice->reason),
			  "only its module's structures are read");
		choose_target(kernel, id, choice);
		return;
	}
	nr = vnet_plan_candidates(kernel, id, candidates);
	for (size_t i = 0; i < nr && !choice->mechanism; i++) {
		const struct vnet_candidate *c = &candidates[i];

		append(choice->reason, sizeof(choice->reason),
		       vnet_mechanism_names[c->mechanism], c->why);
		if (c->usable)
			choice->mechanism = c->mechanism;
	}
	choose_target(kernel, id, choice);
}

/* Whether the want is meant for a kernel like this. */
static bool is_meant(const struct vnet_kernel *k, const struct vnet_want *want)
{
	return (!want->only_if || vnet_kernel_has(k, want->only_if - 1)) &&
	       (!want->not_if || !vnet_kernel_has(k, want->not_if - 1));
}

void vnet_plan_make(const struct vnet_kernel *kernel, const struct vnet_want *wants,
		    size_t nr, struct vnet_plan *plan)
{
	plan->nr = 0;
	plan->possible = true;
	plan->degraded = false;
	for (size_t i = 0; i < nr && plan->nr < VNET_PLAN_MAX; i++) {
		struct vnet_choice *choice = &plan->choices[plan->nr];

		if (!is_meant(kernel, &wants[i]))
			continue;
		plan->nr++;
		vnet_plan_choose(kernel, &wants[i], choice);
		if (choice->mechanism)
			continue;
		if (wants[i].optional)
			plan->degraded = true;
		else
			plan->possible = false;
	}
}

static const struct vnet_column plan_columns[] = {
	{ "point", "POINT", VNET_T_STR },
	{ "mechanism", "MECHANISM", VNET_T_STR },
	{ "target", "TARGET", VNET_T_STR },
	{ "module", "MODULE", VNET_T_STR, VNET_R_JSON },
	{ "optional", "OPTIONAL", VNET_T_BOOL, VNET_R_JSON },
	{ "without", "WITHOUT", VNET_T_STR, VNET_R_JSON },
	{ "reason", "WHY", VNET_T_STR },
};

void vnet_plan_table(struct vnet_report *report, const struct vnet_plan *plan)
{
	struct vnet_table *table = vnet_report_table(report, "Plan:", VNET_L_TABLE,
		plan_columns, VNET_ARRAY_SIZE(plan_columns));

	for (size_t i = 0; i < plan->nr; i++) {
		const struct vnet_choice *c = &plan->choices[i];
		const struct vnet_point *p = &vnet_points[c->want->point];
		struct vnet_value *row = vnet_report_row(report, table);

		row[0] = vnet_str(p->id);
		row[1] = vnet_str(vnet_mechanism_names[c->mechanism]);
		row[2] = vnet_str(vnet_report_strdup(report, c->target));
		row[3] = vnet_str(p->module[0] ? p->module : NULL);
		row[4] = vnet_bool(c->want->optional);
		row[5] = vnet_str(c->want->without);
		row[6] = vnet_str(vnet_report_strdup(report, c->reason));
	}
}

struct vnet_probe_info *vnet_plan_probes(const struct vnet_plan *plan, size_t *nr)
{
	struct vnet_probe_info *probes = vnet_alloc((plan->nr + 1) * sizeof(*probes));

	*nr = 0;
	for (size_t i = 0; i < plan->nr; i++) {
		const struct vnet_choice *c = &plan->choices[i];

		if (vnet_choice_attaches(c))
			probes[(*nr)++] = (struct vnet_probe_info){
				vnet_points[c->want->point].id,
				vnet_mechanism_names[c->mechanism], c->target,
			};
	}
	return probes;
}
