/* SPDX-License-Identifier: GPL-2.0-only */
/* Every command, for the one list in cmd/commands.c. */
#ifndef VNET_COMMANDS_H
#define VNET_COMMANDS_H

#include "vnet/cli.h"

extern const struct vnet_cmd vnet_cmd_drop_summary;
extern const struct vnet_cmd vnet_cmd_drop_details;
extern const struct vnet_cmd vnet_cmd_drop_qdisc;
extern const struct vnet_cmd vnet_cmd_latency_summary;
extern const struct vnet_cmd vnet_cmd_latency_details;
extern const struct vnet_cmd vnet_cmd_latency_pair;
extern const struct vnet_cmd vnet_cmd_latency_qdisc;
extern const struct vnet_cmd vnet_cmd_latency_rtt;
extern const struct vnet_cmd vnet_cmd_ovs_megaflow;
/* ovs */
extern const struct vnet_cmd vnet_cmd_ovs_upcall_summary;
extern const struct vnet_cmd vnet_cmd_ovs_upcall_details;
extern const struct vnet_cmd vnet_cmd_ovs_drop;
extern const struct vnet_cmd vnet_cmd_ovs_threads;
extern const struct vnet_cmd vnet_cmd_tun_summary;
extern const struct vnet_cmd vnet_cmd_tun_details;
extern const struct vnet_cmd vnet_cmd_vhost_summary;
extern const struct vnet_cmd vnet_cmd_vhost_details;
extern const struct vnet_cmd vnet_cmd_vhost_signal;
extern const struct vnet_cmd vnet_cmd_vhost_peek;
extern const struct vnet_cmd vnet_cmd_topo;
extern const struct vnet_cmd vnet_cmd_probes;
extern const struct vnet_cmd vnet_cmd_doctor;
extern const struct vnet_cmd vnet_cmd_help;
extern const struct vnet_cmd vnet_cmd_version;
extern const struct vnet_cmd vnet_cmd_introspect;

#endif
