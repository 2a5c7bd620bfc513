/* SPDX-License-Identifier: GPL-2.0-only */
/* What test_report.c and test_values.c have in common. */
#ifndef VNET_REPORT_FIXTURE_H
#define VNET_REPORT_FIXTURE_H

#include <arpa/inet.h>
#include <stdlib.h>
#include <time.h>

#include "vnet/report.h"

#include "test.h"

static const struct vnet_probe_info probes[] = {
	{ "kfree_skb", "tp_btf", "kfree_skb" },
	{ "ovs_vport_receive", "kprobe", "ovs_vport_receive" },
};
static const struct vnet_meta details_meta = {
	.command = "drop details", .schema = "vnetdiag.drop.details/1",
	.title = "Dropped packets", .host = "node-1", .kernel = "6.1.0-18-amd64",
	.probes = probes, .nr_probes = 1,
};

static inline struct vnet_flow make_flow(const char *src, const char *dst, uint8_t protocol)
{
	struct vnet_flow flow = { .protocol = protocol, .flags = VNET_FLOW_PROTOCOL };

	flow.family = strchr(src, ':') ? 6 : 4;
	flow.ethertype = flow.family == 6 ? 0x86dd : 0x0800;
	inet_pton(flow.family == 6 ? AF_INET6 : AF_INET, src, flow.src);
	inet_pton(flow.family == 6 ? AF_INET6 : AF_INET, dst, flow.dst);
	return flow;
}

static inline struct vnet_flow with_ports(struct vnet_flow flow, uint16_t src, uint16_t dst)
{
	flow.flags |= VNET_FLOW_PORTS;
	flow.src_port = src;
	flow.dst_port = dst;
	return flow;
}

/* What the renderer writes; the caller frees it. */
static inline char *render(const struct vnet_renderer *renderer, const struct vnet_report *report)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	CHECK_EQ(renderer->render(report, out), 0);
	fclose(out);
	return text;
}

/* The headings are in local time. */
__attribute__((constructor)) static void set_time_zone(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
}

#endif
