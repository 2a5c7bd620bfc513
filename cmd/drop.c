/* SPDX-License-Identifier: GPL-2.0-only */
/* What `drop summary` and `drop details` share: reasons, locations, the gate. */
#include <dirent.h>
#include <sys/stat.h>

#include <bpf/bpf.h>

#include "cmd/drop.h"
#include "vnet/log.h"
#include "vnet/symbols.h"
#include "vnet/util.h"

const struct vnet_opt drop_reason_options[] = {
	{ "reason", 0, VNET_OPT_STRING, offsetof(struct drop_args, reason), "NAME",
	  "Only drops for this reason of the kernel, such as NO_SOCKET" },
	{ "all", 0, VNET_OPT_FLAG, offsetof(struct drop_args, all), NULL,
	  "Also packets that ended normally: delivered, or left in a closed socket" },
	{}
};

static const struct vnet_want wants[] = {
	{ VNET_P_kfree_skb },
	{ VNET_P_consume_skb, true, "packets freed normally are not counted" },
};

const struct vnet_want *drop_wants(const void *args, size_t *nr)
{
	const struct drop_args *a = args;

	*nr = a && a->all ? 2 : 1;
	return wants;
}

/* --reason: a name of this kernel, or an explanation. */
static int find_reason(const struct vnet_reasons *reasons, const char *name,
		       struct vnet_drop_config *config)
{
	if (!vnet_reasons_known(reasons)) {
		vnet_error("option '--reason': this kernel gives no drop reasons");
		vnet_hint("use '--by location': each function drops for few reasons");
		return VNET_EXIT_IMPOSSIBLE;
	}
	config->match_reason = 1;
	if (vnet_reasons_find(reasons, name, &config->reason))
		return 0;
	vnet_error("option '--reason': this kernel has no drop reason '%s'", name);
	vnet_hint("the names are those of the kernel's enum skb_drop_reason");
	return VNET_EXIT_USAGE;
}

int drop_configure(struct vnet_run *run, const struct drop_args *args,
		   struct vnet_drop_config *config, struct vnet_reasons **reasons)
{
	config->nr_args = run->kernel->points[VNET_P_kfree_skb].nr_args;
	config->all = args->all;
	*reasons = vnet_reasons_load(run->kernel->btf, config->nr_args);
	vnet_reasons_normal(*reasons, config->normal_reasons);
	return args->reason ? find_reason(*reasons, args->reason, config) : 0;
}

bool drop_is_normal(struct vnet_run *run, const struct vnet_reasons *reasons,
		    uint64_t location, uint32_t reason)
{
	const struct vnet_drop_place place = { .location = location, .reason = reason };
	static const uint8_t yes = 1;
	struct vnet_frame frame;
	int fd;

	if (!vnet_symbol_find(location, &frame) ||
	    !vnet_reasons_normal_at(reasons, frame.symbol, reason))
		return false;
	/* If the map is full the kernel goes on asking, which is as right. */
	fd = vnet_session_map(run->session, "normal");
	if (fd >= 0)
		bpf_map_update_elem(fd, &place, &yes, BPF_ANY);
	return true;
}

void drop_cause_find(struct vnet_report *report, const struct vnet_reasons *reasons,
		     uint64_t location, uint32_t reason, bool consumed,
		     struct drop_cause *cause)
{
	const char *inferred = NULL;
	struct vnet_frame frame;

	*cause = (struct drop_cause){};
	if (location) {
		cause->location = vnet_symbol_text(report, location);
		if (vnet_symbol_find(location, &frame))
			inferred = vnet_reasons_infer(frame.symbol);
	}
	if (consumed) {
		cause->reason = "CONSUMED";
	} else if (!vnet_reasons_known(reasons)) {
		cause->reason = inferred;
		cause->inferred = inferred;
	} else {
		cause->reason = vnet_reasons_name(reasons, reason);
		if (!cause->reason)
			cause->reason = vnet_report_printf(report, "0x%x", reason);
		if (inferred && vnet_reasons_vague(reasons, reason)) {
			cause->reason = inferred;
			cause->inferred = true;
		}
	}
	cause->text = cause->inferred ?
		vnet_report_printf(report, "%s (inferred)", cause->reason) : cause->reason;
}

/* `ip netns` keeps names as mounts of the namespaces' files. */
static const char *netns_name(struct vnet_report *report, uint32_t netns)
{
	static const char folder[] = "/run/netns";
	const char *name = NULL;
	struct dirent *entry;
	DIR *dir = opendir(folder);

	while (dir && !name && (entry = readdir(dir))) {
		char path[300];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] != '.' && !stat(path, &st) && st.st_ino == netns)
			name = vnet_report_strdup(report, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return name;
}

const char *drop_netns_text(struct vnet_report *report, uint32_t netns)
{
	struct stat st;
	const char *name;

	if (!netns || stat("/proc/self/ns/net", &st) || st.st_ino == netns)
		return NULL;
	name = netns_name(report, netns);
	return name ?: vnet_report_printf(report, "%u", netns);
}
