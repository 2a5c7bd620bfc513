/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Attaches an empty program to see whether the kernel lets it: see
 * include/vnet/check.h. Done with bare system calls, since libbpf attaches only
 * programs that stand in an object file by name.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/perf_event.h>

#include <bpf/bpf.h>

#include "core/btf.h"
#include "vnet/check.h"
#include "vnet/cli.h"
#include "vnet/util.h"

#define KPROBE_PMU	"/sys/bus/event_source/devices/kprobe/type"

/* return 0 */
static const struct bpf_insn insns[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
	{ .code = BPF_JMP | BPF_EXIT },
};

static int load(enum bpf_prog_type type, struct bpf_prog_load_opts *opts)
{
	int fd = bpf_prog_load(type, "vnet_check", "GPL", insns, VNET_ARRAY_SIZE(insns),
			       opts);

	return fd < 0 ? -errno : fd;
}

/* The program says at load what it will be attached to. */
static int open_trace(const struct vnet_kernel *k, enum vnet_point_id point,
		      enum bpf_attach_type type)
{
	const struct vnet_btf_place *place = &k->places[point];
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .attach_btf_id = place->id,
		    .expected_attach_type = type);
	int prog, fd, btf_fd = 0;

	if (!place->id)
		return -ENOENT;
	if (place->module) {
		btf_fd = vnet_btf_module_fd(vnet_points[point].module);
		if (btf_fd < 0)
			return btf_fd;
		opts.attach_btf_obj_fd = btf_fd;
	}
	prog = load(BPF_PROG_TYPE_TRACING, &opts);
	if (place->module)
		close(btf_fd);
	if (prog < 0)
		return prog;
	fd = bpf_raw_tracepoint_open(NULL, prog);
	if (fd < 0)
		fd = -errno;
	close(prog);
	return fd;
}

static int open_raw_tp(const struct vnet_point *p)
{
	int fd, prog = load(BPF_PROG_TYPE_RAW_TRACEPOINT, NULL);

	if (prog < 0)
		return prog;
	fd = bpf_raw_tracepoint_open(strchr(p->target, ':') + 1, prog);
	if (fd < 0)
		fd = -errno;
	close(prog);
	return fd;
}

static int kprobe_type(uint32_t *type)
{
	const char *why;
	char *text;
	int err = vnet_read_file(KPROBE_PMU, &text, NULL);

	if (err)
		return err;
	text[strcspn(text, "\n")] = 0;
	err = vnet_parse_u32(text, 0, UINT32_MAX, type, &why);
	free(text);
	return err;
}

static int open_kprobe(const char *target, bool ret)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.kprobe_func = (uintptr_t)target,
		.config = ret,	/* bit 0, as its format/retprobe says */
	};
	int fd, prog, err = kprobe_type(&attr.type);

	if (err)
		return err;
	prog = load(BPF_PROG_TYPE_KPROBE, NULL);
	if (prog < 0)
		return prog;
	fd = (int)syscall(__NR_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	err = fd < 0 ? -errno : 0;
	if (!err && ioctl(fd, PERF_EVENT_IOC_SET_BPF, prog))
		err = -errno;
	if (!err && ioctl(fd, PERF_EVENT_IOC_ENABLE, 0))
		err = -errno;
	close(prog);
	if (err && fd >= 0)
		close(fd);
	return err ?: fd;
}

int vnet_check_attach(const struct vnet_kernel *kernel, enum vnet_point_id point,
		      enum vnet_mechanism mechanism, const char *target)
{
	const struct vnet_point *p = &vnet_points[point];
	int fd = -EOPNOTSUPP;

	/*
	 * While ftrace is off the kernel takes a probe of a function and leaves marks
	 * of it behind, for which it gives up ftrace as a whole when that is on again
	 * and the last probe goes (seen on 6.12 and 7.2).
	 */
	if (vnet_point_is_function(point) && !vnet_kernel_has(kernel, VNET_HAS_FEATURE_ftrace))
		return fd;
	switch (mechanism) {
	case VNET_M_TP_BTF:
		fd = open_trace(kernel, point, BPF_TRACE_RAW_TP);
		break;
	case VNET_M_FENTRY:
		fd = open_trace(kernel, point, BPF_TRACE_FENTRY);
		break;
	case VNET_M_FEXIT:
		fd = open_trace(kernel, point, BPF_TRACE_FEXIT);
		break;
	case VNET_M_RAW_TP:
		fd = open_raw_tp(p);
		break;
	case VNET_M_KPROBE:
	case VNET_M_KRETPROBE:
		fd = open_kprobe(target, mechanism == VNET_M_KRETPROBE);
		break;
	default:
		break;
	}
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}
