/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The option tables that commands share, so that an option has one name and
 * one meaning everywhere. Commands list them in struct vnet_cmd.
 */
#include "vnet/cli.h"
#include "vnet/util.h"

/* Long enough for a packet to be worth counting, short enough to watch. */
#define DEFAULT_INTERVAL_NS	(5 * VNET_NS_PER_S)

const char *const vnet_exit_meanings[VNET_NR_EXITS] = {
	[VNET_EXIT_OK] = "success",
	[VNET_EXIT_RUNTIME] = "an error while running",
	[VNET_EXIT_USAGE] = "the command line is wrong",
	[VNET_EXIT_IMPOSSIBLE] = "not possible on this kernel or host",
	[VNET_EXIT_PERMISSION] = "permission denied",
	[VNET_EXIT_LOAD] = "the kernel refused a BPF program",
};

const char *const vnet_protocol_names[] = {
	"all", "tcp", "udp", "icmp", "icmp6", "sctp", "arp", NULL
};

/* In the order of enum vnet_format. */
static const char *const format_names[] = { "text", "json", "hist", NULL };

/* Those that have a second choice; core/measure.c knows the order. */
static const char *const avoid_names[] = { "tp_btf", "fentry", NULL };

#define AT(member)	offsetof(struct vnet_args, member)

const struct vnet_opt vnet_common_options[] = {
	{ .name = "interval", .key = 'i', .type = VNET_OPT_DURATION,
	  .offset = AT(interval_ns), .arg = "TIME", .min = 1,
	  .help = "Time between two reports: a number and a unit "
		  "(us, ms, s, m, h)" },
	{ .name = "duration", .key = 'd', .type = VNET_OPT_DURATION,
	  .offset = AT(duration_ns), .arg = "TIME",
	  .help = "End after this time; without it, run until interrupted" },
	{ .name = "count", .key = 'n', .type = VNET_OPT_U32,
	  .offset = AT(count), .arg = "N", .min = 1,
	  .help = "End after N reports" },
	{ .name = "format", .key = 'f', .type = VNET_OPT_ENUM,
	  .offset = AT(format), .arg = "FORMAT", .choices = format_names,
	  .help = "Form of the output" },
	{ .name = "output", .key = 'o', .type = VNET_OPT_FILE,
	  .offset = AT(output), .arg = "FILE",
	  .help = "Write to FILE instead of standard output" },
	{ .name = "dry-run", .type = VNET_OPT_FLAG, .offset = AT(dry_run),
	  .help = "Show what would be attached, and how, then end; "
		  "needs no privilege" },
	{ .name = "explain-filter", .type = VNET_OPT_FLAG,
	  .offset = AT(explain_filter),
	  .help = "Show how the filters are tested in the kernel, then end" },
	{ .name = "kernel-facts", .type = VNET_OPT_FILE,
	  .offset = AT(kernel_facts), .arg = "PATH",
	  .help = "With --dry-run: plan for the host recorded under PATH" },
	{ .name = "btf", .type = VNET_OPT_FILE, .offset = AT(btf),
	  .arg = "FILE",
	  .help = "Take the kernel's type information from FILE" },
	{ .name = "ready-fd", .type = VNET_OPT_U32, .offset = AT(ready_fd),
	  .arg = "FD", .min = 1, .max = INT32_MAX, .flags = VNET_OPT_HIDDEN,
	  .help = "Write a line to this file descriptor once attached" },
	{ .name = "avoid", .type = VNET_OPT_ENUM_SET, .offset = AT(avoid),
	  .arg = "MECHANISM[,...]", .choices = avoid_names,
	  .flags = VNET_OPT_HIDDEN,
	  .help = "Do without these mechanisms although the kernel has them" },
	{ .name = "perf-buffer", .type = VNET_OPT_FLAG,
	  .offset = AT(perf_buffer), .flags = VNET_OPT_HIDDEN,
	  .help = "Use perf buffers even where ring buffers exist" },
	{ .name = "verbose", .key = 'v', .type = VNET_OPT_FLAG,
	  .offset = AT(verbose),
	  .help = "Tell on standard error what is being done" },
	{ }
};

const struct vnet_opt vnet_filter_options[] = {
	{ .name = "src-ip", .type = VNET_OPT_ADDRESS, .offset = AT(src_ip),
	  .arg = "ADDRESS[/PREFIX]",
	  .help = "Only packets from this IPv4 or IPv6 address or network" },
	{ .name = "dst-ip", .type = VNET_OPT_ADDRESS, .offset = AT(dst_ip),
	  .arg = "ADDRESS[/PREFIX]",
	  .help = "Only packets to this IPv4 or IPv6 address or network" },
	{ .name = "src-port", .type = VNET_OPT_PORT, .offset = AT(src_port),
	  .arg = "PORT",
	  .help = "Only packets from this TCP, UDP or SCTP port" },
	{ .name = "dst-port", .type = VNET_OPT_PORT, .offset = AT(dst_port),
	  .arg = "PORT",
	  .help = "Only packets to this TCP, UDP or SCTP port" },
	{ .name = "protocol", .type = VNET_OPT_ENUM, .offset = AT(protocol),
	  .arg = "PROTOCOL", .choices = vnet_protocol_names,
	  .help = "Only packets of this protocol" },
	{ .name = "vlan", .type = VNET_OPT_VLAN, .offset = AT(vlan),
	  .arg = "ID",
	  .help = "Only packets with this VLAN id, 0 to 4095, in either tag" },
	{ .name = "device", .type = VNET_OPT_DEVICES, .offset = AT(device),
	  .arg = "DEVICE[,...]",
	  .help = "Only packets on these network devices of the current "
		  "network namespace" },
	{ .name = "inner", .type = VNET_OPT_FLAG, .offset = AT(inner),
	  .help = "Match the headers inside VXLAN and Geneve tunnels, "
		  "where there are any" },
	{ }
};

const struct vnet_opt vnet_task_options[] = {
	{ .name = "pid", .type = VNET_OPT_U32, .offset = AT(pid),
	  .arg = "PID", .min = 1, .max = INT32_MAX,
	  .help = "Only what happens in this process" },
	{ .name = "tid", .type = VNET_OPT_U32, .offset = AT(tid),
	  .arg = "TID", .min = 1, .max = INT32_MAX,
	  .help = "Only what happens in this thread" },
	{ .name = "comm", .type = VNET_OPT_STRING, .offset = AT(comm),
	  .arg = "NAME",
	  .help = "Only what happens in threads of this name" },
	{ }
};

void vnet_args_defaults(struct vnet_args *args)
{
	args->interval_ns = DEFAULT_INTERVAL_NS;
	args->src_port = -1;
	args->dst_port = -1;
	args->vlan = -1;
}
