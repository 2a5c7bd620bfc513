/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is true of a kernel, as far as a plan depends on it: plain data, read
 * from the running kernel or from a recorded file, so that plans can be made
 * and tested for any kernel without a privilege.
 */
#ifndef VNET_KERNEL_H
#define VNET_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Arguments that fentry takes on every kernel that has it. */
#define VNET_FENTRY_ARGS	6

/* A tracepoint, a function's entry, its return. */
enum vnet_point_kind { VNET_POINT_TP, VNET_POINT_FUNC, VNET_POINT_RET, VNET_NR_KINDS };

enum vnet_point_id {
#define VNET_POINT(id, kind, module, target, words) VNET_P_##id,
#include "vnet/points.def"
#undef VNET_POINT
	VNET_NR_POINTS
};

struct vnet_point {
	const char *id, *module, *target, *words;
	enum vnet_point_kind kind;
};
extern const struct vnet_point vnet_points[VNET_NR_POINTS];

/* Its target is a function, whose entry or return it is. */
static inline bool vnet_point_is_function(enum vnet_point_id id)
{
	return vnet_points[id].kind != VNET_POINT_TP;
}

enum vnet_known { VNET_UNKNOWN, VNET_YES, VNET_NO };

/* Facts of one point. */
struct vnet_point_facts {
	bool btf;		/* the function, or btf_trace_NAME, is in BTF */
	uint32_t nr_args;	/* with btf: arguments of the tracepoint or function */
	enum vnet_known exists;	/* FUNC: a symbol; TP: tracefs has it */
	enum vnet_known traceable;	/* FUNC: in available_filter_functions */
	char clone[64];		/* FUNC without a symbol: "name.constprop.0" */
};

/* Yes or no questions about the kernel and this process. */
#define VNET_FEATURES(F) \
	F(btf,		"the kernel describes its types (BTF)") \
	F(module_btf,	"its modules do so too") \
	F(fentry,	"functions can be probed by fentry") \
	F(fentry_args,	"also functions of more than six arguments") \
	F(kprobe,	"functions can be probed by kprobes") \
	F(ftrace,	"probes of functions are switched on (kernel.ftrace_enabled)") \
	F(tp_btf,	"tracepoints can be probed with types") \
	F(ring_buffer,	"BPF ring buffers exist") \
	F(tracefs,	"tracefs is mounted and readable") \
	F(kallsyms,	"kernel addresses are readable") \
	F(cap_bpf,	"this process may load BPF programs") \
	F(lockdown,	"the kernel is locked down for confidentiality") \
	F(ovs_reasons,	"the OVS datapath names its reasons to drop a packet") \
	F(eventfd_signal, "eventfd_signal() is a function of its own")

enum vnet_feature {
#define F(name, words) VNET_HAS_FEATURE_##name,
	VNET_FEATURES(F)
#undef F
	VNET_NR_FEATURES
};
extern const char *const vnet_feature_names[VNET_NR_FEATURES];
extern const char *const vnet_feature_words[VNET_NR_FEATURES];

struct vnet_btf;

/* How a point is named to the kernel: by its type's number, not by name. */
struct vnet_btf_place {
	uint32_t id;		/* of the function, or of btf_trace_NAME; 0: unknown */
	bool module;		/* in the BTF of the point's module, else in vmlinux's */
};

struct vnet_kernel {
	char release[65];
	bool features[VNET_NR_FEATURES];
	bool recorded;		/* from a file: says nothing about this host */
	/* By point, whether its module is loaded (or built in). */
	bool loaded[VNET_NR_POINTS];
	struct vnet_point_facts points[VNET_NR_POINTS];
	/* Of the running kernel's own BTF. */
	struct vnet_btf_place places[VNET_NR_POINTS];
	/* Owned: vmlinux's types, or NULL, and those of wanted points' modules. */
	struct vnet_btf *btf, *modules[VNET_NR_POINTS];
	size_t nr_modules;
	/* Modules of wanted points whose structures are not known, and why; owned. */
	struct {
		const char *module;
		char *why;
	} untyped[VNET_NR_POINTS];
	size_t nr_untyped;
};

/*
 * Reads the running kernel's facts. `btf_path` replaces /sys/kernel/btf/vmlinux
 * if not NULL: -EINVAL if it cannot be read as BTF. `thorough` also reads what
 * costs over 100 ms (kallsyms, available_filter_functions) for every point;
 * otherwise only where BTF leaves a question open for a point in `wanted`
 * (VNET_NR_POINTS members, NULL: all).
 */
int vnet_kernel_load(struct vnet_kernel **kernel, const char *btf_path,
		     const bool *wanted, bool thorough);
/* Reads facts that vnet_kernel_write() wrote. -EINVAL with *line of the fault. */
int vnet_kernel_read(struct vnet_kernel **kernel, FILE *in, int *line);
int vnet_kernel_write(const struct vnet_kernel *kernel, FILE *out);
void vnet_kernel_free(struct vnet_kernel *kernel);
/* Why the structures of the point's module cannot be read; NULL: they can. */
const char *vnet_kernel_untyped(const struct vnet_kernel *kernel, enum vnet_point_id point);
/* Frees the types only, some 5 MB; the places stay. */
void vnet_kernel_forget_types(struct vnet_kernel *kernel);

static inline bool vnet_kernel_has(const struct vnet_kernel *k, enum vnet_feature f)
{
	return k->features[f];
}

#endif
