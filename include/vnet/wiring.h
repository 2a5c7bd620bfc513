/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a network device leads: its bridge and the devices by which that leaves
 * the host. Read from /sys and, for Open vSwitch, its database. Used by `topo`.
 */
#ifndef VNET_WIRING_H
#define VNET_WIRING_H

#include <stdbool.h>
#include <stddef.h>

#include "vnet/ovsdb.h"

#define VNET_WIRING_UPLINKS	16	/* more are counted, not named */

struct vnet_names {
	char names[VNET_WIRING_UPLINKS][64];	/* devices: at most 15; OVS's own: more */
	size_t nr;		/* in names */
	size_t nr_more;		/* that had no room */
};

/* What a device is connected to. */
struct vnet_wiring {
	char bridge[64];	/* "": none */
	char port[64];		/* the port of it that the device is; or "" */
	bool ovs;		/* it is a bridge of Open vSwitch */
	bool userspace;		/* whose datapath is in user space (netdev, DPDK) */
	/*
	 * Devices with hardware behind them, of bonds and VLANs the lower ones; if
	 * there are none, the bridge's other system devices that are no taps.
	 */
	struct vnet_names uplinks;
	struct vnet_names tunnels;	/* Open vSwitch's tunnel ports */
};

/* Follows `device` from `sys` ("/sys"), across patch ports and pairs of veths. */
void vnet_wiring_find(const char *sys, const struct vnet_ovsdb *db, const char *device,
		      struct vnet_wiring *wiring);
/* Whether the device exists and is a tap or tun. */
bool vnet_wiring_is_tap(const char *sys, const char *device);

#endif
