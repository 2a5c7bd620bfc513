/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared options that contradict each other. Called by core/cli.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/cli.h"
#include "vnet/cli.h"
#include "vnet/log.h"

/* Linux keeps 15 bytes of a thread's name. */
#define MAX_COMM	(VNET_COMM_LEN - 1)

static bool uses(const struct vnet_cmd *cmd, const struct vnet_opt *table)
{
	for (size_t i = 0; i < VNET_CMD_TABLES && cmd->options[i]; i++)
		if (cmd->options[i] == table)
			return true;
	return false;
}

static int conflict(const char *one, const char *other)
{
	vnet_error("conflicting filters: %s, but %s", one, other);
	vnet_hint("no packet can match both: remove one");
	return -EINVAL;
}

/* The address family that a protocol has, or 0 for either. */
static uint8_t protocol_family(const char *name)
{
	if (!strcmp(name, "icmp6"))
		return 6;
	return !strcmp(name, "icmp") || !strcmp(name, "arp") ? 4 : 0;
}

/* Filters that no packet passes are mistakes, whatever the command. */
static int check_filter(const struct vnet_args *args)
{
	const char *protocol = vnet_protocol_names[args->protocol];
	const struct vnet_cidr *ip = args->src_ip.family ? &args->src_ip :
							   &args->dst_ip;
	bool ports = args->src_port >= 0 || args->dst_port >= 0;
	uint8_t family = protocol_family(protocol);
	char one[64], other[64];

	if (args->src_ip.family && args->dst_ip.family &&
	    args->src_ip.family != args->dst_ip.family) {
		snprintf(one, sizeof(one), "'--src-ip' is IPv%d",
			 args->src_ip.family);
		snprintf(other, sizeof(other), "'--dst-ip' is IPv%d",
			 args->dst_ip.family);
		return conflict(one, other);
	}
	snprintf(one, sizeof(one), "'--protocol' is %s", protocol);
	if (family && ip->family && ip->family != family) {
		snprintf(other, sizeof(other), "'%s' is IPv%d",
			 ip == &args->src_ip ? "--src-ip" : "--dst-ip",
			 ip->family);
		return conflict(one, other);
	}
	/* The protocols of one family are those without ports. */
	if (family && ports) {
		snprintf(other, sizeof(other), "'%s' asks for a port",
			 args->src_port >= 0 ? "--src-port" : "--dst-port");
		return conflict(one, other);
	}
	return 0;
}

int vnet_cli_check_shared(const struct vnet_cmd *cmd, const void *shared)
{
	const struct vnet_args *args = shared;

	if (uses(cmd, vnet_common_options)) {
		vnet_set_verbose(args->verbose);
		if (args->kernel_facts && !args->dry_run) {
			vnet_error("option '--kernel-facts' works only with "
				   "'--dry-run'");
			vnet_hint("add '--dry-run'");
			return -EINVAL;
		}
	}
	if (uses(cmd, vnet_task_options) && args->comm &&
	    strlen(args->comm) > MAX_COMM) {
		vnet_error("option '--comm': '%s' is longer than %d bytes",
			   args->comm, MAX_COMM);
		vnet_hint("the kernel keeps %d: '--comm %.*s'", MAX_COMM,
			  MAX_COMM, args->comm);
		return -EINVAL;
	}
	return uses(cmd, vnet_filter_options) ? check_filter(args) : 0;
}
