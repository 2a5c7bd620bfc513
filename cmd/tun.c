/* SPDX-License-Identifier: GPL-2.0-only */
/* What `tun summary` and `tun details` both do: which devices are taps. */
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/tun.h"
#include "cmd/vm.h"
#include "vnet/log.h"

bool tun_is_tap(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/net/%.15s/tun_flags", name);
	return !access(path, F_OK);
}

static int check_devices(const struct vnet_devices *devices)
{
	for (uint32_t i = 0; i < devices->nr; i++) {
		if (tun_is_tap(devices->names[i]))
			continue;
		vnet_error("option '--device': '%s' is no tap or tun device",
			   devices->names[i]);
		vnet_hint("'ip -d link show type tun' lists them");
		return VNET_EXIT_USAGE;
	}
	return 0;
}

int tun_find_devices(const char *vm_names, struct vnet_devices *devices)
{
	int status = vm_names ? vm_taps(vm_names, devices) : 0;

	return status ?: check_devices(devices);
}

const char *tun_name(struct vnet_report *report, const struct vnet_devices *devices,
		     uint32_t ifindex)
{
	char name[IF_NAMESIZE];

	for (uint32_t i = 0; i < devices->nr; i++)
		if (devices->ifindex[i] == ifindex)
			return devices->names[i];
	return if_indextoname(ifindex, name) ? vnet_report_strdup(report, name) : NULL;
}

int tun_netns(uint32_t *netns)
{
	struct stat st;

	if (stat("/proc/self/ns/net", &st)) {
		int err = -errno;

		vnet_error("cannot look up this network namespace: %s", strerror(-err));
		return err;
	}
	*netns = st.st_ino;
	return 0;
}

/* A queue is an open file of the tap; it has as many transmit queues as it may get. */
static uint32_t queues_of(const char *name)
{
	struct dirent *entry;
	char path[64];
	uint32_t nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/class/net/%.15s/queues", name);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		nr += !strncmp(entry->d_name, "tx-", 3);
	if (dir)
		closedir(dir);
	return nr;
}

uint32_t tun_count_queues(const struct vnet_devices *devices)
{
	struct if_nameindex *all;
	uint32_t nr = 0;

	for (uint32_t i = 0; i < devices->nr; i++)
		nr += queues_of(devices->names[i]);
	if (devices->nr)
		return nr;
	all = if_nameindex();
	for (size_t i = 0; all && all[i].if_index; i++)
		if (tun_is_tap(all[i].if_name))
			nr += queues_of(all[i].if_name);
	if (all)
		if_freenameindex(all);
	return nr;
}
