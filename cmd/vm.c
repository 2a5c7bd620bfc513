/* SPDX-License-Identifier: GPL-2.0-only */
/* From a guest's name to its taps: see cmd/vm.h. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>

#include "cmd/vm.h"
#include "vnet/guests.h"
#include "vnet/log.h"
#include "vnet/util.h"

static int add_tap(const char *name, struct vnet_devices *devices)
{
	uint32_t ifindex = if_nametoindex(name);

	for (uint32_t i = 0; ifindex && i < devices->nr; i++)
		if (devices->ifindex[i] == ifindex)
			return 0;
	if (!ifindex) {
		vnet_error("tap '%s' is not in this network namespace", name);
		vnet_hint("run the command there: ip netns exec NAME vnetdiag ...");
		return VNET_EXIT_IMPOSSIBLE;
	}
	if (devices->nr == VNET_FILTER_IFS) {
		vnet_error("option '--vm': more than %d taps", VNET_FILTER_IFS);
		vnet_hint("name some of them by '--vm-interface'");
		return VNET_EXIT_USAGE;
	}
	devices->ifindex[devices->nr] = ifindex;
	vnet_copy(devices->names[devices->nr], sizeof(devices->names[0]), name);
	devices->nr++;
	return 0;
}

static int add_guest(const struct vnet_guests *guests, const char *name,
		     struct vnet_devices *devices)
{
	const struct vnet_guest *found = NULL;
	uint32_t nr = 0;
	int status = 0;

	for (size_t i = 0; i < guests->nr; i++) {
		const struct vnet_guest *guest = &guests->guests[i];

		if (!guest->name || strcmp(guest->name, name))
			continue;
		found = guest;
		for (size_t q = 0; !status && q < guest->nr_queues; q++, nr++)
			status = add_tap(guest->queues[q].device, devices);
	}
	if (status || nr)
		return status;
	if (!found) {
		vnet_error("no guest '%s' runs here%s", name,
			   guests->nr_hidden ? ", or it may not be looked at" : "");
		vnet_hint("'vnetdiag topo' lists the guests, by the names of their command lines");
		return VNET_EXIT_USAGE;
	}
	vnet_error("guest '%s' has no tap%s%s", name, found->nr_bypasses ?
		   ": its packets go past the kernel by " : "",
		   found->nr_bypasses ? found->bypasses[0].kind : "");
	vnet_hint("'vnetdiag topo' shows what it has");
	return VNET_EXIT_IMPOSSIBLE;
}

int vm_taps(const char *names, struct vnet_devices *devices)
{
	char *copy = vnet_strdup(names), *rest = NULL;
	struct vnet_guests guests;
	int status = 0, err = vnet_guests_find("/proc", "/sys", &guests);

	if (err) {
		vnet_error("cannot look for guests in '/proc': %s", strerror(-err));
		status = VNET_EXIT_RUNTIME;
	}
	for (char *name = strtok_r(copy, ",", &rest); name && !status;
	     name = strtok_r(NULL, ",", &rest))
		status = add_guest(&guests, name, devices);
	vnet_guests_free(&guests);
	free(copy);
	return status;
}
