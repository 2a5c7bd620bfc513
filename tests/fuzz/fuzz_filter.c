/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzzes the filter compiler (core/filter.c) and the matcher (probes/match.h)
 * against a second matcher that is written bit by bit from the arguments. The
 * input is cut into arguments and one packet. Linked with core/filter.c,
 * options.c, parse.c, util.c and log.c.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/parse_shim.h"
#include "match.h"
#include "vnet/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
};

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* The next bytes; zero behind the end. */
static void take(struct input *in, void *to, size_t n)
{
	size_t there = n < in->size ? n : in->size;

	memset(to, 0, n);
	if (there)	/* memcpy() takes no null pointer, not even for 0 bytes */
		memcpy(to, in->data, there);
	in->data += there;
	in->size -= there;
}

static uint32_t take_u32(struct input *in, uint32_t below)
{
	uint32_t v;

	take(in, &v, sizeof(v));
	return v % below;
}

/* As core/parse.c makes them: a prefix in the family's range, mask to match. */
static void take_cidr(struct input *in, struct vnet_cidr *c)
{
	static const uint8_t families[] = { 0, 4, 6 };

	memset(c, 0, sizeof(*c));
	c->family = families[take_u32(in, 3)];
	if (!c->family)
		return;
	take(in, c->addr, c->family == 4 ? 4 : 16);
	c->prefix = (uint8_t)take_u32(in, c->family == 4 ? 33 : 129);
	for (int bit = 0; bit < c->prefix; bit++)
		c->mask[bit / 8] |= 0x80 >> bit % 8;
}

static void take_args(struct input *in, struct vnet_args *args, char comm[20])
{
	uint32_t given = take_u32(in, 256);

	memset(args, 0, sizeof(*args));
	take_cidr(in, &args->src_ip);
	take_cidr(in, &args->dst_ip);
	args->src_port = given & 1 ? (int32_t)take_u32(in, 65535) + 1 : -1;
	args->dst_port = given & 2 ? (int32_t)take_u32(in, 65535) + 1 : -1;
	args->vlan = given & 4 ? (int32_t)take_u32(in, 4096) : -1;
	args->protocol = given & 8 ? take_u32(in, 7) : 0;
	args->inner = given & 16;
	args->pid = given & 32 ? take_u32(in, 1 << 22) : 0;
	if (given & 64) {
		take(in, comm, 19);
		comm[19] = '\0';
		args->comm = comm;
	}
	if (given & 128) {
		args->device.nr = take_u32(in, VNET_FILTER_IFS + 1);
		for (uint32_t i = 0; i < args->device.nr; i++) {
			args->device.ifindex[i] = take_u32(in, 64);
			take(in, args->device.names[i], 15);
		}
	}
}

static bool in_cidr(const struct vnet_cidr *c, uint8_t family, const uint8_t addr[16])
{
	if (!c->family)
		return true;
	if (c->family != family)
		return false;
	for (int bit = 0; bit < c->prefix; bit++)
		if ((addr[bit / 8] ^ c->addr[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static bool has_protocol(const struct vnet_args *args, const struct vnet_flow *f)
{
	const char *name = vnet_protocol_names[args->protocol];
	int number = f->flags & VNET_FLOW_PROTOCOL ? f->protocol : -1;

	if (!strcmp(name, "all"))
		return true;
	if (!strcmp(name, "arp"))
		return f->ethertype == 0x0806;
	if (!strcmp(name, "icmp"))
		return number == 1 && f->family == 4;
	if (!strcmp(name, "icmp6"))
		return number == 58 && f->family == 6;
	return number == (!strcmp(name, "tcp") ? 6 : !strcmp(name, "udp") ? 17 : 132);
}

static bool want(const struct vnet_args *args, const struct vnet_packet *p)
{
	const struct vnet_flow *f = &p->flow;
	int src = f->flags & VNET_FLOW_PORTS ? f->src_port : -2;
	int dst = f->flags & VNET_FLOW_PORTS ? f->dst_port : -2;
	int outer = f->flags & VNET_FLOW_VLAN ? f->vlan : -2;
	int second = p->has & VNET_HAS_VLAN2 ? p->vlan2 : -2;

	return in_cidr(&args->src_ip, f->family, f->src) &&
	       in_cidr(&args->dst_ip, f->family, f->dst) && has_protocol(args, f) &&
	       (args->src_port < 0 || args->src_port == src) &&
	       (args->dst_port < 0 || args->dst_port == dst) &&
	       (args->vlan < 0 || args->vlan == outer || args->vlan == second);
}

/* A packet near the filter, or nothing would ever match. */
static void take_packet(struct input *in, const struct vnet_args *args,
			struct vnet_packet *p)
{
	static const uint8_t protocols[] = { 0, 6, 17, 1, 58, 132, 0 };
	uint32_t near = take_u32(in, 256);

	take(in, p, sizeof(*p));
	if (near & 1)
		memcpy(p->flow.src, args->src_ip.addr, 16);
	if (near & 2)
		memcpy(p->flow.dst, args->dst_ip.addr, 16);
	if (near & 4)
		p->flow.family = args->src_ip.family ? args->src_ip.family :
						       args->dst_ip.family;
	if (near & 8)
		p->flow.src_port = (uint16_t)args->src_port;
	if (near & 16)
		p->flow.dst_port = (uint16_t)args->dst_port;
	if (near & 32)
		p->flow.vlan = (uint16_t)args->vlan;
	if (near & 64)
		p->flow.protocol = protocols[args->protocol];
	if (near & 128)
		p->flow.flags |= VNET_FLOW_PORTS | VNET_FLOW_PROTOCOL | VNET_FLOW_VLAN;
}

/* Made of any bytes: must be refused or explained, never crash. */
static void explain(const struct vnet_filter *f)
{
	static FILE *null;

	if (!null)
		null = fopen("/dev/null", "w");
	require(null && !vnet_filter_explain(f, null));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vnet_filter_pairs pairs;
	struct input in = { data, size };
	struct vnet_filter filter, wild;
	struct vnet_packet packet;
	struct vnet_args args;
	char comm[20];

	take_args(&in, &args, comm);
	take_packet(&in, &args, &packet);
	take(&in, &wild, sizeof(wild));
	vnet_filter_pairs(&args, &pairs);
	require(pairs.nr <= VNET_FILTER_PAIRS);
	explain(&wild);
	(void)vnet_match_packet(&wild, &packet);
	if (vnet_filter_make(&args, &filter)) {
		/* Refused: then it is the comm, or no packet can pass. */
		bool impossible = args.src_ip.family || args.dst_ip.family ||
				  args.src_port >= 0 || args.dst_port >= 0;

		require((args.comm && strlen(args.comm) > 15) || impossible);
		return 0;
	}
	explain(&filter);
	require(vnet_match_packet(&filter, &packet) == want(&args, &packet));
	return 0;
}
