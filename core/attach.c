/* SPDX-License-Identifier: GPL-2.0-only */
/* One function per mechanism, in a table. */
#include <bpf/libbpf.h>

#include "core/attach.h"
#include "vnet/plan.h"
#include "vnet/util.h"

static struct bpf_link *attach_trace(struct bpf_program *program, const char *target)
{
	return bpf_program__attach_trace(program);
}

static struct bpf_link *attach_raw_tp(struct bpf_program *program, const char *target)
{
	const char *name = strchr(target, ':');

	return bpf_program__attach_raw_tracepoint(program, name ? name + 1 : target);
}

static struct bpf_link *attach_kprobe(struct bpf_program *program, const char *target)
{
	return bpf_program__attach_kprobe(program, false, target);
}

static struct bpf_link *attach_kretprobe(struct bpf_program *program, const char *target)
{
	return bpf_program__attach_kprobe(program, true, target);
}

struct bpf_link *vnet_attach(struct bpf_program *program, const struct vnet_choice *choice)
{
	static struct bpf_link *(*const attach[VNET_NR_MECHANISMS])(struct bpf_program *,
								    const char *) = {
		[VNET_M_TP_BTF] = attach_trace,
		[VNET_M_RAW_TP] = attach_raw_tp,
		[VNET_M_FENTRY] = attach_trace,
		[VNET_M_KPROBE] = attach_kprobe,
		[VNET_M_FEXIT] = attach_trace,
		[VNET_M_KRETPROBE] = attach_kretprobe,
	};

	return attach[choice->mechanism](program, choice->target);
}
