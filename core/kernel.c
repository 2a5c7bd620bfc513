/* SPDX-License-Identifier: GPL-2.0-only */
/* The running kernel's facts: BTF, modules, symbols, tracepoints, privileges. */
#include <dirent.h>
#include <errno.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/capability.h>

#include <bpf/bpf.h>

#include "core/btf.h"
#include "core/layout.h"
#include "core/names.h"
#include "vnet/check.h"
#include "vnet/kernel.h"
#include "vnet/util.h"

#define BTF_DIR		"/sys/kernel/btf"
#define KPROBE_PMU	"/sys/bus/event_source/devices/kprobe/type"
#define LOCKDOWN	"/sys/kernel/security/lockdown"
#define KALLSYMS	"/proc/kallsyms"
#define SCAN_BUFFER	65536
/* Both may be absent, which is no 0: then nothing switches off. */
#define FTRACE_ENABLED	"/proc/sys/kernel/ftrace_enabled"
#define KPROBES_ENABLED	"/sys/kernel/debug/kprobes/enabled"

/* Where tracefs may be mounted, the modern place first. */
static const char *tracefs_path(void)
{
	static const char *const places[] = {
		"/sys/kernel/tracing", "/sys/kernel/debug/tracing",
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(places); i++) {
		char path[64];

		snprintf(path, sizeof(path), "%s/events", places[i]);
		if (!access(path, R_OK | X_OK))
			return places[i];
	}
	return NULL;
}

/* The name a point has in BTF: the function, or what follows "btf_trace_". */
static const char *point_name(const struct vnet_point *p)
{
	const char *colon = p->kind == VNET_POINT_TP ? strchr(p->target, ':') : NULL;

	return colon ? colon + 1 : p->target;
}

/* The names of all functions or of all tracepoints; value: the point. */
static void names_make(struct vnet_names *names, bool functions)
{
	for (int id = 0; id < VNET_NR_POINTS; id++) {
		const char *name = point_name(&vnet_points[id]);

		if (vnet_point_is_function(id) == functions)
			vnet_names_add(names, name, strlen(name), id);
	}
	vnet_names_sort(names);
}

static const struct vnet_name *names_find(const struct vnet_names *names, const char *name)
{
	return vnet_names_may(names, name) ?
	       vnet_names_find(names, name, strlen(name)) : NULL;
}

/* Arguments of a tracepoint: of btf_trace_NAME's function, less its context. */
static uint32_t tp_args(const struct vnet_btf *btf, const struct btf_type *type)
{
	type = vnet_btf_type(btf, type->type);
	if (!type || !btf_is_ptr(type))
		return 0;
	type = vnet_btf_type(btf, type->type);
	return type && btf_is_func_proto(type) && btf_vlen(type) ? btf_vlen(type) - 1 : 0;
}

static uint32_t func_args(const struct vnet_btf *btf, const struct btf_type *type)
{
	type = vnet_btf_type(btf, type->type);
	return type && btf_is_func_proto(type) ? btf_vlen(type) : 0;
}

static void feature_enum(struct vnet_kernel *k, const char *name)
{
	if (!strcmp(name, "BPF_MAP_TYPE_RINGBUF"))
		k->features[VNET_HAS_FEATURE_ring_buffer] = true;
	else if (!strcmp(name, "BPF_TRACE_RAW_TP"))
		k->features[VNET_HAS_FEATURE_tp_btf] = true;
	else if (!strcmp(name, "BPF_TRACE_FENTRY"))
		k->features[VNET_HAS_FEATURE_fentry] = true;
}

/*
 * bpf_map_type and bpf_attach_type tell what BPF can do, without a privilege;
 * ovs_drop_reason, of the module, that its drops have reasons.
 */
static void scan_enum(struct vnet_kernel *k, const struct vnet_btf *btf,
		      const struct btf_type *type)
{
	const char *name = vnet_btf_string(btf, type->name_off);
	const struct btf_enum *e = btf_enum(type);

	if (!strcmp(name, "ovs_drop_reason"))
		k->features[VNET_HAS_FEATURE_ovs_reasons] = true;
	if (strcmp(name, "bpf_map_type") && strcmp(name, "bpf_attach_type"))
		return;
	for (int i = 0; i < btf_vlen(type); i++, e++)
		feature_enum(k, vnet_btf_string(btf, e->name_off));
}

/* A point found in BTF: the type is the function, or btf_trace_NAME. */
static void note_btf(struct vnet_kernel *k, enum vnet_point_id point,
		     const struct vnet_btf *btf, uint32_t id)
{
	const struct btf_type *type = vnet_btf_type(btf, id);

	k->points[point].btf = true;
	k->loaded[point] = true;
	k->points[point].nr_args = btf_is_typedef(type) ? tp_args(btf, type) :
				   func_args(btf, type);
	k->places[point] = (struct vnet_btf_place){ id, btf->base };
}

/* Whether it is loaded; what is built in may have a folder there, but no state. */
static bool is_module(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s/initstate", name);
	return name[0] && !access(path, F_OK);
}

/* All points of that name, but for functions elsewhere that share it. */
static void note_found(struct vnet_kernel *k, const struct vnet_names *names,
		       const char *name, const struct vnet_btf *btf, uint32_t id,
		       const char *module)
{
	const struct vnet_name *found = names_find(names, name);

	for (; found; found = vnet_names_next(names, found)) {
		const char *home = vnet_points[found->value].module;

		if (btf->base ? !strcmp(home, module) : !is_module(home))
			note_btf(k, found->value, btf, id);
	}
}

/* One pass over a BTF's own types for all points at once. */
static void scan_btf(struct vnet_kernel *k, const struct vnet_btf *btf, const char *module)
{
	static const char prefix[] = "btf_trace_";
	struct vnet_names funcs = {}, tps = {};

	names_make(&funcs, true);
	names_make(&tps, false);
	for (uint32_t id = btf->first; id < btf->end; id++) {
		const struct btf_type *type = vnet_btf_type(btf, id);
		const char *name = vnet_btf_string(btf, type->name_off);

		if (btf_is_func(type))
			note_found(k, &funcs, name, btf, id, module);
		else if (btf_is_typedef(type) && !strncmp(name, prefix, sizeof(prefix) - 1))
			note_found(k, &tps, name + sizeof(prefix) - 1, btf, id, module);
		else if (btf_is_enum(type))
			scan_enum(k, btf, type);
	}
	vnet_names_free(&funcs);
	vnet_names_free(&tps);
}

static bool module_loaded(const char *module)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s", module);
	return !access(path, F_OK);
}

static bool modules_have_btf(void)
{
	DIR *dir = opendir(BTF_DIR);
	struct dirent *entry;
	int n = 0;

	if (!dir)
		return false;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.' && strcmp(entry->d_name, "vmlinux");
	closedir(dir);
	return n > 0;
}

/*
 * compat: before v5.11 modules have no BTF, and later it may be left out: then
 * their structures are laid out here, for those who read them.
 */
static void lay_out_module(struct vnet_kernel *k, const char *module)
{
	struct vnet_btf *btf;
	char why[160];

	if (!k->btf || vnet_layout_built_in(module, k->btf))
		return;
	btf = vnet_layout_make(module, k->btf, why);
	if (btf) {
		k->modules[k->nr_modules++] = btf;
		return;
	}
	k->untyped[k->nr_untyped].module = module;
	k->untyped[k->nr_untyped++].why = vnet_strdup(why);
}

static void scan_module(struct vnet_kernel *k, const struct vnet_btf *own,
			const char *module)
{
	struct vnet_btf *btf = NULL;

	if (own && vnet_kernel_has(k, VNET_HAS_FEATURE_module_btf))
		btf = vnet_btf_module(module, own);
	if (btf)
		scan_btf(k, btf, module);
	if (btf && k->btf == own) {
		k->modules[k->nr_modules++] = btf;
		return;
	}
	vnet_btf_free(btf);
	lay_out_module(k, module);
}

/* Each module of a wanted point once. */
static void scan_modules(struct vnet_kernel *k, const struct vnet_btf *own,
			 const bool *wanted)
{
	for (int id = 0; id < VNET_NR_POINTS; id++) {
		const char *module = vnet_points[id].module;
		bool seen = false;

		if (!module[0]) {
			k->loaded[id] = true;
			continue;
		}
		if (module_loaded(module))
			k->loaded[id] = true;
		for (int i = 0; i < id; i++)
			seen |= (!wanted || wanted[i]) && !strcmp(vnet_points[i].module, module);
		if (k->loaded[id] && !seen && (!wanted || wanted[id]))
			scan_module(k, own, module);
	}
}

/* Both functions below get a line's function name and, if any, its module. */
typedef void (*symbol_fn)(struct vnet_kernel *k, const struct vnet_names *funcs,
			  const char *name);

static bool is_clone(const char *suffix)
{
	return (strstr(suffix, ".isra") || strstr(suffix, ".constprop") ||
		strstr(suffix, ".part")) && !strstr(suffix, ".cold");
}

static void note_symbol(struct vnet_kernel *k, const struct vnet_names *funcs,
			const char *name)
{
	const struct vnet_name *found;
	size_t len;

	if (!vnet_names_may(funcs, name))
		return;
	len = strcspn(name, ".");
	if (name[len] && !is_clone(name + len))
		return;
	found = vnet_names_find(funcs, name, len);
	for (; found; found = vnet_names_next(funcs, found)) {
		struct vnet_point_facts *f = &k->points[found->value];

		if (name[len])
			vnet_copy(f->clone, sizeof(f->clone), name);
		else
			f->exists = VNET_YES;
	}
}

static void note_traceable(struct vnet_kernel *k, const struct vnet_names *funcs,
			   const char *name)
{
	const struct vnet_name *found = names_find(funcs, name);

	for (; found; found = vnet_names_next(funcs, found))
		k->points[found->value].traceable = VNET_YES;
	/* A clone speaks for the function only where it is all that is left. */
	for (int id = 0; vnet_names_may(funcs, name) && id < VNET_NR_POINTS; id++)
		if (k->points[id].exists != VNET_YES && k->points[id].clone[0] &&
		    !strcmp(k->points[id].clone, name))
			k->points[id].traceable = VNET_YES;
}

/* Lines "ADDRESS TYPE NAME [MODULE]" (skip 2 words) or "NAME [MODULE]" (0). */
static int scan_lines(struct vnet_kernel *k, const char *path, int skip, symbol_fn fn)
{
	FILE *f = fopen(path, "re");
	struct vnet_names funcs = {};
	char *line = NULL, *buffer;
	size_t size = 0;

	if (!f)
		return -errno;
	/* The kernel gives a page at a time; stdio's own buffer has 1 kB. */
	buffer = vnet_alloc(SCAN_BUFFER);
	setvbuf(f, buffer, _IOFBF, SCAN_BUFFER);
	names_make(&funcs, true);
	while (getline(&line, &size, f) > 0) {
		char *name = line;

		for (int i = 0; i < skip; i++) {
			name = strchr(name, ' ');
			if (!name)
				break;
			name++;
		}
		if (!name)
			continue;
		name[strcspn(name, " \t\n")] = 0;
		fn(k, &funcs, name);
	}
	vnet_names_free(&funcs);
	free(line);
	fclose(f);
	free(buffer);
	return 0;
}

/* What was asked for and not found is known to be absent. */
static void settle(struct vnet_kernel *k, bool symbols, bool traceable)
{
	for (int id = 0; id < VNET_NR_POINTS; id++) {
		struct vnet_point_facts *f = &k->points[id];

		if (!vnet_point_is_function(id) || !k->loaded[id])
			continue;
		if (symbols && f->exists == VNET_UNKNOWN)
			f->exists = VNET_NO;
		if (traceable && f->traceable == VNET_UNKNOWN)
			f->traceable = VNET_NO;
	}
}

static void scan_symbols(struct vnet_kernel *k, const bool *wanted, bool thorough)
{
	const char *tracefs = tracefs_path();
	bool needed = thorough;
	char path[64];
	bool symbols, traceable = false;

	for (int id = 0; id < VNET_NR_POINTS; id++)
		needed |= (!wanted || wanted[id]) && k->loaded[id] &&
			  vnet_point_is_function(id) &&
			  (!k->points[id].btf || !vnet_kernel_has(k, VNET_HAS_FEATURE_fentry));
	if (!needed)
		return;
	symbols = !scan_lines(k, KALLSYMS, 2, note_symbol);
	if (thorough && tracefs) {
		snprintf(path, sizeof(path), "%s/available_filter_functions", tracefs);
		traceable = !scan_lines(k, path, 0, note_traceable);
	}
	settle(k, symbols, traceable);
}

static void scan_tracepoints(struct vnet_kernel *k)
{
	const char *tracefs = tracefs_path();
	char path[192];

	k->features[VNET_HAS_FEATURE_tracefs] = tracefs;
	for (int id = 0; tracefs && id < VNET_NR_POINTS; id++) {
		const char *target = vnet_points[id].target, *colon = strchr(target, ':');

		if (vnet_points[id].kind != VNET_POINT_TP)
			continue;
		snprintf(path, sizeof(path), "%s/events/%.*s/%s", tracefs,
			 (int)(colon - target), target, colon + 1);
		k->points[id].exists = access(path, F_OK) ? VNET_NO : VNET_YES;
	}
}

static bool may_load(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};
	uint64_t caps, need = 1ull << CAP_BPF | 1ull << CAP_PERFMON;

	if (syscall(SYS_capget, &header, data))
		return false;
	caps = data[0].effective | (uint64_t)data[1].effective << 32;
	return caps & 1ull << CAP_SYS_ADMIN || (caps & need) == need;
}

/* The kernel's word counts for more than its enum: some refuse fentry at load. */
static bool fentry_loads(const struct vnet_kernel *k)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_TRACE_FENTRY);
	int fd;

	opts.attach_btf_id = k->places[VNET_P_ip_rcv].id;
	if (!opts.attach_btf_id)
		return true;
	fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "vnet_fentry", "GPL", insns,
			   VNET_ARRAY_SIZE(insns), &opts);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static bool addresses_readable(void)
{
	FILE *f = fopen(KALLSYMS, "re");
	char line[64] = "";
	bool zero = true;

	if (!f)
		return false;
	/* The first symbol's address is 0 on x86; look at a few. */
	for (int i = 0; zero && i < 400 && fgets(line, sizeof(line), f); i++)
		zero = line[0] && strspn(line, "0") >= 16;
	fclose(f);
	return !zero;
}

static bool locked_down(void)
{
	char *text = NULL;
	bool yes;

	if (vnet_read_file(LOCKDOWN, &text, NULL))
		return false;
	yes = strstr(text, "[confidentiality]");
	free(text);
	return yes;
}

/*
 * With either switch at 0 probes of functions are attached without complaint
 * and never run (seen on 6.1 for fentry and kprobes, on 5.10 for kprobes).
 */
static bool switched_off(const char *path)
{
	char *text;
	bool off;

	if (vnet_read_file(path, &text, NULL))
		return false;
	off = text[0] == '0';
	free(text);
	return off;
}

static bool wants_functions(const bool *wanted)
{
	for (int id = 0; id < VNET_NR_POINTS; id++)
		if ((!wanted || wanted[id]) && vnet_point_is_function(id))
			return true;
	return false;
}

static void scan_features(struct vnet_kernel *k, const bool *wanted)
{
	bool *f = k->features;

	f[VNET_HAS_FEATURE_btf] = k->btf;
	f[VNET_HAS_FEATURE_module_btf] = modules_have_btf();
	f[VNET_HAS_FEATURE_kprobe] = !access(KPROBE_PMU, F_OK) &&
				     !switched_off(KPROBES_ENABLED);
	f[VNET_HAS_FEATURE_ftrace] = !switched_off(FTRACE_ENABLED);
	f[VNET_HAS_FEATURE_kallsyms] = addresses_readable();
	f[VNET_HAS_FEATURE_cap_bpf] = may_load();
	f[VNET_HAS_FEATURE_lockdown] = locked_down();
	if (f[VNET_HAS_FEATURE_fentry] && f[VNET_HAS_FEATURE_cap_bpf] &&
	    wants_functions(wanted))
		f[VNET_HAS_FEATURE_fentry] = fentry_loads(k);
}

/*
 * compat: before v6.6 on x86 (473e3150e30a) a function of more than six
 * arguments can be named in an fentry program, but not attached to. Tried on
 * the first that is wanted; without privileges the answer is no.
 */
static void scan_fentry_args(struct vnet_kernel *k, const bool *wanted)
{
	bool *f = k->features;

	if (!f[VNET_HAS_FEATURE_fentry] || !f[VNET_HAS_FEATURE_cap_bpf])
		return;
	for (int id = 0; id < VNET_NR_POINTS; id++) {
		if (!vnet_point_is_function(id) || (wanted && !wanted[id]) ||
		    k->points[id].nr_args <= VNET_FENTRY_ARGS)
			continue;
		f[VNET_HAS_FEATURE_fentry_args] =
			!vnet_check_attach(k, id, VNET_M_FENTRY, vnet_points[id].target);
		return;
	}
}

/*
 * What BTF tells of the points. Where the kernel has none of its own, types from
 * elsewhere tell the arguments, but no number in them means anything to it.
 */
static void scan_types(struct vnet_kernel *k, const struct vnet_btf *own)
{
	if (own || k->btf)
		scan_btf(k, own ?: k->btf, "");
	/* compat: since v6.8 (3652117f8548) inline, around eventfd_signal_mask() */
	k->features[VNET_HAS_FEATURE_eventfd_signal] = k->points[VNET_P_eventfd_signal].btf;
	if (own)
		return;
	memset(k->places, 0, sizeof(k->places));
	k->features[VNET_HAS_FEATURE_tp_btf] = false;
	k->features[VNET_HAS_FEATURE_fentry] = false;
}

int vnet_kernel_load(struct vnet_kernel **kernel, const char *btf_path,
		     const bool *wanted, bool thorough)
{
	struct vnet_kernel *k = vnet_alloc(sizeof(*k));
	struct vnet_btf *own = vnet_btf_kernel();
	struct utsname uts;

	if (!uname(&uts))
		vnet_copy(k->release, sizeof(k->release), uts.release);
	k->btf = btf_path ? vnet_btf_file(btf_path) : own ?: vnet_btf_image();
	if (!k->btf && btf_path) {
		vnet_btf_free(own);
		vnet_kernel_free(k);
		return -EINVAL;
	}
	scan_types(k, own);
	scan_features(k, wanted);
	scan_modules(k, own, wanted);
	scan_fentry_args(k, wanted);
	scan_tracepoints(k);
	scan_symbols(k, wanted, thorough);
	if (own != k->btf)
		vnet_btf_free(own);
	*kernel = k;
	return 0;
}

void vnet_kernel_forget_types(struct vnet_kernel *kernel)
{
	while (kernel->nr_modules)
		vnet_btf_free(kernel->modules[--kernel->nr_modules]);
	vnet_btf_free(kernel->btf);
	kernel->btf = NULL;
}

void vnet_kernel_free(struct vnet_kernel *kernel)
{
	if (!kernel)
		return;
	vnet_kernel_forget_types(kernel);
	while (kernel->nr_untyped)
		free(kernel->untyped[--kernel->nr_untyped].why);
	free(kernel);
}

const char *vnet_kernel_untyped(const struct vnet_kernel *kernel, enum vnet_point_id point)
{
	for (size_t i = 0; i < kernel->nr_untyped; i++)
		if (!strcmp(kernel->untyped[i].module, vnet_points[point].module))
			return kernel->untyped[i].why;
	return NULL;
}
