/* SPDX-License-Identifier: GPL-2.0-only */
/* What the commands of vhost all do: points, and which taps. */
#include <string.h>

#include "cmd/tun.h"
#include "cmd/vhost.h"
#include "vnet/util.h"

static const struct vnet_want point_wants[] = {
	{ VNET_P_handle_rx, .typed = true },
	{ VNET_P_handle_tx, .typed = true },
	{ VNET_P_vhost_used, .typed = true },
	{ VNET_P_eventfd_signal, .only_if = VNET_IF(eventfd_signal) },
	{ VNET_P_eventfd_signal_mask, .not_if = VNET_IF(eventfd_signal) },
	{ VNET_P_tun_net_xmit, .optional = true, .without = "no virtqueue has a tap",
	  .typed = true, .types = true },
};

const char *const vhost_directions[] = {
	[VNET_VHOST_RX] = "rx", [VNET_VHOST_TX] = "tx",
};

const char *const vhost_causes[] = {
	[VNET_VHOST_NO_INTERRUPT] = "no_interrupt", [VNET_VHOST_EVENT_INDEX] = "event_index",
	[VNET_VHOST_NO_EVENTFD] = "no_eventfd",
};

const struct vnet_want *vhost_wants(const void *args, size_t *nr)
{
	*nr = VNET_ARRAY_SIZE(point_wants);
	return point_wants;
}

int vhost_check(void *args)
{
	struct vhost_args *a = args;

	return tun_find_devices(a->vm_names, &a->common.device);
}

size_t vhost_pair(const struct vhost_args *args, struct vnet_pair *pair)
{
	*pair = (struct vnet_pair){ "vm", args->vm_names };
	return args->vm_names ? 1 : 0;
}

void vhost_add_hidden(struct vnet_report *report, uint64_t hidden)
{
	vnet_report_extra(report, "hidden", hidden ?
			  "Processes or descriptors that could not be looked at" : NULL,
			  vnet_u64(hidden));
}

int vhost_by_place(const struct vhost_queue *x, const struct vhost_queue *y)
{
	int names = strcmp(x->tap.device, y->tap.device);

	if (names)
		return names;
	if (x->tap.ifindex != y->tap.ifindex)
		return x->tap.ifindex < y->tap.ifindex ? -1 : 1;
	if (x->tap.queue != y->tap.queue)
		return x->tap.queue < y->tap.queue ? -1 : 1;
	if (x->direction != y->direction)
		return x->direction < y->direction ? -1 : 1;
	return x->address < y->address ? -1 : 1;
}
