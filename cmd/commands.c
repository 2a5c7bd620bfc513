/* SPDX-License-Identifier: GPL-2.0-only */
/* The only list of commands, in the order in which help shows them. */
#include "cmd/commands.h"

const struct vnet_cmd *const vnet_commands[] = {
	&vnet_cmd_drop_summary,
	&vnet_cmd_drop_details,
	&vnet_cmd_drop_qdisc,
	&vnet_cmd_latency_summary,
	&vnet_cmd_latency_details,
	&vnet_cmd_latency_pair,
	&vnet_cmd_latency_qdisc,
	&vnet_cmd_latency_rtt,
	/* ovs: commands of a subject stand together */
	&vnet_cmd_ovs_upcall_summary,
	&vnet_cmd_ovs_upcall_details,
	&vnet_cmd_ovs_megaflow,
	&vnet_cmd_ovs_drop,
	&vnet_cmd_ovs_threads,
	&vnet_cmd_tun_summary,
	&vnet_cmd_tun_details,
	&vnet_cmd_vhost_summary,
	&vnet_cmd_vhost_details,
	&vnet_cmd_vhost_signal,
	&vnet_cmd_vhost_peek,
	&vnet_cmd_topo,
	&vnet_cmd_probes,
	&vnet_cmd_doctor,
	&vnet_cmd_help,
	&vnet_cmd_version,
	&vnet_cmd_introspect,
	NULL
};
