/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzzes the packet parser, probes/parse.h. Input: a byte of choices, the
 * EtherType, a tag, then the packet. clang -fsanitize=fuzzer,address,undefined
 * -Iinclude -Iprobes -I.; seeds in corpus/packet.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/parse_shim.h"
#include "parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD		5
#define CHOICE_L2	1
#define CHOICE_INNER	2
#define CHOICE_TAG	4

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void parse(const uint8_t *data, size_t size, size_t len, uint8_t fill,
		  struct vnet_packet *result)
{
	size_t bytes = VNET_SNAP_INNER + VNET_PARSE_SLACK;
	uint8_t *buf = malloc(bytes);
	size_t nr = size - HEAD;

	memset(buf, fill, bytes);
	memset(result, fill, sizeof(*result));
	memcpy(buf, data + HEAD, nr < VNET_SNAP_INNER ? nr : VNET_SNAP_INNER);
	if (len < VNET_SNAP_INNER)
		memset(buf + len, fill, VNET_SNAP_INNER - len);
	vnet_parse(buf, (uint32_t)len, data[0] & CHOICE_L2,
		   (uint16_t)(data[1] << 8 | data[2]),
		   data[0] & CHOICE_TAG ? data[3] << 8 | data[4] : -1,
		   data[0] & CHOICE_INNER, result);
	free(buf);
}

/* What every decoded packet must be, whatever the bytes were. */
static void check(const struct vnet_packet *p, size_t len, bool inner)
{
	const struct vnet_flow *f = &p->flow;
	bool inside = f->flags & VNET_FLOW_INNER;
	static const uint8_t zero[16];

	require(f->family == 0 || f->family == 4 || f->family == 6);
	require(f->family || (!memcmp(f->src, zero, 16) && !memcmp(f->dst, zero, 16)));
	require(f->family != 4 || !memcmp(f->src + 4, zero, 12));
	require(!(p->has & VNET_HAS_IP) || f->family);
	require(!(p->has & VNET_HAS_TCP) || (f->protocol == 6 && f->flags & VNET_FLOW_PORTS));
	require(f->flags & VNET_FLOW_PORTS || !(f->src_port | f->dst_port));
	require(f->flags & VNET_FLOW_PROTOCOL || !f->protocol);
	require(f->flags & VNET_FLOW_VLAN || (!f->vlan && !(p->has & VNET_HAS_VLAN2)));
	require(f->vlan < 4096 && p->vlan2 < 4096);
	require(!(f->flags & VNET_FLOW_FRAGMENT) || !(f->flags & VNET_FLOW_PORTS));
	require(inside == !!(p->has & VNET_HAS_TUNNEL));
	require(inner || !inside);
	require(p->l4_off <= len && (!p->l4_off || p->l4_off > p->l3_off));
	require(!(p->len | p->gso_size | p->gso_segs | p->gso_type | p->reserved));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vnet_packet zero, ones, less;
	size_t len, max;

	if (size < HEAD)
		return 0;
	len = size - HEAD;
	max = data[0] & CHOICE_INNER ? VNET_SNAP_INNER : VNET_SNAP;
	parse(data, size, len, 0x00, &zero);
	parse(data, size, len, 0xff, &ones);
	require(!memcmp(&zero, &ones, sizeof(zero)));
	check(&zero, len < max ? len : max, data[0] & CHOICE_INNER);
	/* With fewer bytes the answer is the same, or it is said to be cut. */
	parse(data, size, len * data[0] / 256, 0xff, &less);
	require(less.flow.flags & VNET_FLOW_TRUNCATED || !memcmp(&zero, &less, sizeof(zero)));
	return 0;
}
