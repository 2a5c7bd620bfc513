/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tp_btf, fentry and fexit programs: see core/trace.h. For each object that has a
 * program of type "tracing" libbpf reads and indexes the kernel's BTF, goes
 * through its names for each program, and reads all modules' BTF for an fentry
 * into one of them: 0.1 to 1.2 s in the lab. So libbpf knows ours under another
 * type, until the moment of the load.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/btf.h"
#include "core/trace.h"
#include "vnet/log.h"
#include "vnet/util.h"

/* Of the load that is under way: libbpf's callback takes no context of ours. */
static struct {
	const struct vnet_kernel *kernel;
	struct {
		const char *name;
		int fd;
	} modules[VNET_NR_POINTS];
	size_t nr_modules;
} now;

/* A descriptor of the module's BTF, which stays open until the end. */
static int module_fd(const char *module)
{
	int fd;

	for (size_t i = 0; i < now.nr_modules; i++)
		if (!strcmp(now.modules[i].name, module))
			return now.modules[i].fd;
	fd = vnet_btf_module_fd(module);
	if (fd < 0)
		return fd;
	now.modules[now.nr_modules].name = module;
	now.modules[now.nr_modules++].fd = fd;
	return fd;
}

/* The point of a program: it is named <point>__<mechanism>. */
static int find_point(const char *name)
{
	for (int id = 0; id < VNET_NR_POINTS; id++) {
		size_t len = strlen(vnet_points[id].id);

		if (!strncmp(name, vnet_points[id].id, len) &&
		    !strncmp(name + len, "__", 2) && !strstr(name + len + 2, "__"))
			return id;
	}
	return -ENOENT;
}

/* What libbpf calls before it loads one. */
static int prepare(struct bpf_program *program, struct bpf_prog_load_opts *opts,
		   long cookie)
{
	int fd, point = find_point(bpf_program__name(program));
	const struct vnet_btf_place *place;

	if (point < 0 || !now.kernel || !now.kernel->places[point].id) {
		vnet_error("program '%s' has no place in the kernel's BTF",
			   bpf_program__name(program));
		return -ENOENT;
	}
	place = &now.kernel->places[point];
	if (place->module) {
		fd = module_fd(vnet_points[point].module);
		if (fd < 0)
			return fd;
		opts->attach_btf_obj_fd = fd;
	}
	opts->attach_btf_id = place->id;
	return bpf_program__set_type(program, BPF_PROG_TYPE_TRACING);
}

void vnet_trace_init(void)
{
	static const struct {
		const char *section;
		enum bpf_attach_type type;
	} sections[] = {
		{ "tp_btf+", BPF_TRACE_RAW_TP },
		{ "fentry+", BPF_TRACE_FENTRY },
		{ "fexit+", BPF_TRACE_FEXIT },
	};
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = prepare);

	for (size_t i = 0; i < VNET_ARRAY_SIZE(sections); i++)
		libbpf_register_prog_handler(sections[i].section,
					     BPF_PROG_TYPE_RAW_TRACEPOINT,
					     sections[i].type, &opts);
}

void vnet_trace_begin(const struct vnet_kernel *kernel)
{
	now.kernel = kernel;
}

void vnet_trace_end(void)
{
	while (now.nr_modules)
		close(now.modules[--now.nr_modules].fd);
	now.kernel = NULL;
}
