// SPDX-License-Identifier: GPL-2.0-only
/* The host's part of `vnetdiag doctor`: settings, privileges, modules. */
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "cmd/doctor.h"
#include "vnet/util.h"

#define TRACEFS		"/sys/kernel/tracing"

/*
 * Statuses: ok; note: it works, with less or more slowly; problem: something
 * cannot work.
 */
#define OK		"ok"
#define NOTE		"note"
#define PROBLEM		"problem"

enum { COL_CHECK, COL_STATUS, COL_VALUE, COL_HINT, NR_COLUMNS };

static const struct vnet_column columns[NR_COLUMNS] = {
	[COL_CHECK] = { "check", "CHECK", VNET_T_STR },
	[COL_STATUS] = { "status", "STATUS", VNET_T_STR },
	[COL_VALUE] = { "value", "VALUE", VNET_T_STR },
	[COL_HINT] = { "hint", "Hint", VNET_T_STR, VNET_R_LINE },
};

struct checks {
	struct vnet_report *report;
	struct vnet_table *table;
	const struct vnet_kernel *kernel;
};

static void add(struct checks *c, const char *check, const char *status,
		const char *value, const char *hint)
{
	struct vnet_value *row = vnet_report_row(c->report, c->table);

	row[COL_CHECK] = vnet_str(check);
	row[COL_STATUS] = vnet_str(status);
	row[COL_VALUE] = vnet_str(value);
	row[COL_HINT] = vnet_str(hint);
}

static bool has(const struct checks *c, enum vnet_feature feature)
{
	return vnet_kernel_has(c->kernel, feature);
}

/* The first line of a file in the report's memory; NULL if it is not to be read. */
static const char *read_line(struct vnet_report *report, const char *path)
{
	char *text, *line;

	if (vnet_read_file(path, &text, NULL))
		return NULL;
	text[strcspn(text, "\n")] = 0;
	line = vnet_report_strdup(report, text);
	free(text);
	return line;
}

static const struct { int number; const char *name; } capabilities[] = {
	{ CAP_BPF, "CAP_BPF" },
	{ CAP_PERFMON, "CAP_PERFMON" },
	{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
	{ CAP_NET_ADMIN, "CAP_NET_ADMIN" },
	{ CAP_SYSLOG, "CAP_SYSLOG" },
	{ CAP_SYS_RESOURCE, "CAP_SYS_RESOURCE" },
};

static uint64_t effective_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	if (syscall(SYS_capget, &header, data))
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

static void check_privileges(struct checks *c)
{
	uint64_t caps = effective_capabilities();
	const char *value = NULL;
	bool may_load = has(c, VNET_HAS_FEATURE_cap_bpf);
	bool admin = caps & 1ull << CAP_SYS_ADMIN;

	for (size_t i = 0; i < VNET_ARRAY_SIZE(capabilities); i++)
		if (caps & 1ull << capabilities[i].number)
			value = value ? vnet_report_printf(c->report, "%s %s", value,
							   capabilities[i].name) :
				capabilities[i].name;
	add(c, "privileges", may_load ? admin ? OK : NOTE : PROBLEM, value ?: "none",
	    !may_load ? "run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN" :
	    admin ? NULL : "without CAP_SYS_ADMIN functions of modules cannot be probed "
			   "by fentry");
}

static void check_lockdown(struct checks *c)
{
	bool down = has(c, VNET_HAS_FEATURE_lockdown);
	const char *line = read_line(c->report, "/sys/kernel/security/lockdown");

	add(c, "lockdown", down ? PROBLEM : OK,
	    down ? "confidentiality" : line ?: "none known",
	    down ? "BPF programs may not read this kernel's memory: boot without "
		   "lockdown=confidentiality" : NULL);
}

static void check_types(struct checks *c)
{
	bool btf = has(c, VNET_HAS_FEATURE_btf);
	bool modules = has(c, VNET_HAS_FEATURE_module_btf);
	bool fentry = has(c, VNET_HAS_FEATURE_fentry);

	add(c, "kernel types (BTF)", btf ? OK : PROBLEM, btf ? "yes" : "no",
	    btf ? NULL : "give the BTF of this kernel by --btf FILE, or run a kernel with "
			 "CONFIG_DEBUG_INFO_BTF");
	add(c, "module types (BTF)", modules || !fentry ? OK : NOTE, modules ? "yes" : "no",
	    modules || !fentry ? NULL :
	    "functions of modules are probed by kprobes, at a higher cost");
}

static void check_mechanisms(struct checks *c)
{
	bool typed = has(c, VNET_HAS_FEATURE_tp_btf);
	bool fentry = has(c, VNET_HAS_FEATURE_fentry);
	bool kprobe = has(c, VNET_HAS_FEATURE_kprobe);

	add(c, "typed tracepoints", typed ? OK : NOTE, typed ? "yes" : "no",
	    typed ? NULL : "raw tracepoints are used, at a higher cost");
	/* Some kernels name fentry and refuse it: only a load shows that. */
	add(c, "fentry", fentry ? OK : kprobe ? NOTE : PROBLEM,
	    !fentry ? "no" : has(c, VNET_HAS_FEATURE_cap_bpf) ? "yes" : "not tried",
	    fentry ? NULL : kprobe ? "functions are probed by kprobes, at a higher cost" :
	    "functions cannot be probed at all: run a kernel with CONFIG_KPROBES");
	add(c, "kprobes", kprobe ? OK : fentry ? NOTE : PROBLEM, kprobe ? "yes" : "no",
	    kprobe || !fentry ? NULL :
	    "a function that fentry does not reach cannot be probed");
	add(c, "records", OK,
	    has(c, VNET_HAS_FEATURE_ring_buffer) ? "ring buffer" : "perf buffers", NULL);
}

static bool is_mounted(const char *type)
{
	char *text, *line, *save = NULL;
	bool found = false;

	if (vnet_read_file("/proc/self/mounts", &text, NULL))
		return false;
	for (line = strtok_r(text, "\n", &save); line && !found;
	     line = strtok_r(NULL, "\n", &save)) {
		/* DEVICE MOUNTPOINT TYPE OPTIONS; blanks in names are escaped. */
		char *word = strchr(line, ' ');

		word = word ? strchr(word + 1, ' ') : NULL;
		found = word && !strncmp(word + 1, type, strlen(type)) &&
			word[1 + strlen(type)] == ' ';
	}
	free(text);
	return found;
}

static void check_tracefs(struct checks *c)
{
	bool readable = has(c, VNET_HAS_FEATURE_tracefs);
	bool mounted = readable || (!c->kernel->recorded && is_mounted("tracefs"));

	add(c, "tracefs", readable ? OK : NOTE,
	    readable ? "readable" : mounted ? "mounted, not readable" : "not mounted",
	    readable ? NULL : mounted ? "run as root to read it" :
	    "mount -t tracefs tracefs " TRACEFS);
}

static void check_symbols(struct checks *c)
{
	bool readable = has(c, VNET_HAS_FEATURE_kallsyms);
	const char *restrict_line = c->kernel->recorded ? NULL :
		read_line(c->report, "/proc/sys/kernel/kptr_restrict");
	const char *value = readable ? "readable" : "hidden";

	if (restrict_line)
		value = vnet_report_printf(c->report, "%s (kptr_restrict %s)", value,
					   restrict_line);
	add(c, "kernel addresses", readable ? OK : NOTE, value,
	    readable ? NULL : "stacks and locations stay numbers: run as root with "
			      "kernel.kptr_restrict=1 or 0");
}

/* A setting that is a number; `bad` is the value that hurts. */
static void check_setting(struct checks *c, const char *name, const char *path,
			  const char *bad, const char *status, const char *hint)
{
	const char *value = read_line(c->report, path);
	bool hurts = value && !strcmp(value, bad);

	add(c, name, hurts ? status : OK, value ?: "no such setting", hurts ? hint : NULL);
}

static void check_settings(struct checks *c)
{
	check_setting(c, "net.core.bpf_jit_enable", "/proc/sys/net/core/bpf_jit_enable", "0",
		      NOTE, "BPF programs are interpreted, many times slower, and fentry "
			    "is impossible: sysctl net.core.bpf_jit_enable=1");
	check_setting(c, "kernel.ftrace_enabled", "/proc/sys/kernel/ftrace_enabled", "0",
		      PROBLEM, "probes of functions would be attached and never run: "
			       "sysctl kernel.ftrace_enabled=1");
	/* Whoever may load programs has the capabilities; shown since people ask. */
	check_setting(c, "kernel.unprivileged_bpf_disabled",
		      "/proc/sys/kernel/unprivileged_bpf_disabled", "", OK, NULL);
	if (vnet_kernel_has(c->kernel, VNET_HAS_FEATURE_tracefs))
		check_setting(c, "kprobes switched on", "/sys/kernel/debug/kprobes/enabled",
			      "0", PROBLEM, "kprobes would be attached and never run: "
			      "echo 1 > /sys/kernel/debug/kprobes/enabled");
}

/* Modules of the path from guest to NIC; `sign` is there too if it is built in. */
static const struct {
	const char *name, *sign, *what, *load;
} modules[] = {
	{ "openvswitch", "/sys/module/openvswitch", "the OVS datapath", "openvswitch" },
	{ "vhost_net", "/sys/class/misc/vhost-net", "guests' packets", "vhost_net" },
	{ "tun", "/sys/class/misc/tun", "tap devices", "tun" },
	{ "kvm", "/sys/class/misc/kvm", "guests", "kvm_intel' or 'modprobe kvm_amd" },
};

/* Whether this kernel's module is installed: modules.dep names its file. */
static bool is_installed(const struct vnet_kernel *k, const char *name)
{
	char *path = vnet_printf("/lib/modules/%s/modules.dep", k->release);
	char *file = vnet_printf("/%s.ko", name);
	char *text = NULL;
	bool found = false;

	if (!vnet_read_file(path, &text, NULL)) {
		/* The name may be spelt with dashes there. */
		for (char *t = text; *t; t++)
			if (*t == '-')
				*t = '_';
		found = strstr(text, file);
	}
	free(text);
	free(file);
	free(path);
	return found;
}

const char *doctor_module_hint(struct vnet_report *report, const struct vnet_kernel *kernel,
			       const char *module)
{
	const char *load = module;

	for (size_t i = 0; i < VNET_ARRAY_SIZE(modules); i++)
		if (!strcmp(modules[i].name, module))
			load = modules[i].load;
	if (!kernel->recorded && !is_installed(kernel, module))
		return vnet_report_printf(report, "no module '%s' is installed for this "
					  "kernel", module);
	return vnet_report_printf(report, "'modprobe %s' loads it", load);
}

static void check_modules(struct checks *c)
{
	for (size_t i = 0; i < VNET_ARRAY_SIZE(modules); i++) {
		const char *name = modules[i].name;
		char path[64];
		bool loaded;

		snprintf(path, sizeof(path), "/sys/module/%s", name);
		loaded = !access(path, F_OK) || !access(modules[i].sign, F_OK);
		add(c, vnet_report_printf(c->report, "module %s", name),
		    loaded ? OK : NOTE, loaded ? "loaded" : "not loaded",
		    loaded ? NULL : vnet_report_printf(c->report, "%s: %s", modules[i].what,
				doctor_module_hint(c->report, c->kernel, name)));
	}
}

void doctor_host_checks(struct vnet_report *report, const struct vnet_kernel *kernel)
{
	struct checks c = { .report = report, .kernel = kernel };

	c.table = vnet_report_table(report, "Host:", VNET_L_TABLE, columns, NR_COLUMNS);
	c.table->key = "checks";
	if (!kernel->recorded)
		check_privileges(&c);
	check_lockdown(&c);
	check_types(&c);
	check_mechanisms(&c);
	check_tracefs(&c);
	check_symbols(&c);
	if (kernel->recorded)
		return;
	check_settings(&c);
	check_modules(&c);
}
