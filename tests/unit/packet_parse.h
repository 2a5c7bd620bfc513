/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs probes/parse.h on a hand-built packet (packets.h) and on every shorter
 * piece of it. Shared by test_packet.c and test_packet_nested.c.
 */
#ifndef VNET_TEST_PACKET_PARSE_H
#define VNET_TEST_PACKET_PARSE_H

#include <stdlib.h>

#include "tests/lib/parse_shim.h"
#include "parse.h"
#include "packets.h"
#include "test.h"

/* How a packet is given to the parser. */
struct how {
	uint32_t ethertype;	/* 0x10000: it begins with an Ethernet header */
	int tci;
	uint32_t inner;
};
#define L2		0x10000
#define PLAIN		((struct how){ .ethertype = L2, .tci = -1 })
#define INNER		((struct how){ .ethertype = L2, .tci = -1, .inner = 1 })
#define TCI(v)		((struct how){ .ethertype = L2, .tci = (v) })
#define NET(type)	((struct how){ .ethertype = (type), .tci = -1 })

/* On the heap and of the exact size, so that ASan sees every byte too far. */
static inline struct vnet_packet parse_filled(const struct bytes *p, uint32_t len,
				       struct how how, uint8_t fill)
{
	size_t size = VNET_SNAP_INNER + VNET_PARSE_SLACK;
	uint8_t *buf = malloc(size);
	struct vnet_packet *pkt = malloc(sizeof(*pkt)), result;

	memset(buf, fill, size);
	memset(pkt, fill, sizeof(*pkt));
	memcpy(buf, p->b, len < VNET_SNAP_INNER ? len : VNET_SNAP_INNER);
	vnet_parse(buf, len, how.ethertype == L2, (uint16_t)how.ethertype, how.tci,
		   how.inner, pkt);
	result = *pkt;
	free(pkt);
	free(buf);
	return result;
}

/* What has been decoded must stay, and be so whatever follows the bytes. */
static inline void check_truncations(const struct bytes *p, struct how how,
			      const struct vnet_packet *whole)
{
	for (uint32_t len = 0; len <= p->n; len++) {
		struct vnet_packet zero = parse_filled(p, len, how, 0);
		struct vnet_packet ones = parse_filled(p, len, how, 0xff);

		CHECK(!memcmp(&zero, &ones, sizeof(zero)));
		if (!(zero.flow.flags & VNET_FLOW_TRUNCATED)) {
			CHECK(!memcmp(&zero, whole, sizeof(zero)));
			continue;
		}
		/* Entering a tunnel starts again from nothing. */
		if ((zero.flow.flags ^ whole->flow.flags) & VNET_FLOW_INNER)
			continue;
		CHECK(!(zero.has & ~whole->has));
		CHECK(!(zero.flow.flags & ~whole->flow.flags & ~VNET_FLOW_TRUNCATED));
		CHECK(!zero.flow.family || zero.flow.family == whole->flow.family);
		CHECK(!zero.flow.family || !memcmp(zero.flow.src, whole->flow.src, 32));
		CHECK(!zero.flow.src_port || zero.flow.src_port == whole->flow.src_port);
		CHECK(!zero.tcp_seq || zero.tcp_seq == whole->tcp_seq);
	}
}

static inline struct vnet_packet parse(const struct bytes *p, struct how how)
{
	struct vnet_packet whole = parse_filled(p, p->n, how, 0);

	check_truncations(p, how, &whole);
	return whole;
}

/* The first length at which nothing is missing any more. */
static inline uint32_t first_whole(const struct bytes *p, struct how how)
{
	uint32_t len = 0;

	while (len < p->n &&
	       parse_filled(p, len, how, 0).flow.flags & VNET_FLOW_TRUNCATED)
		len++;
	return len;
}

static inline void check_v4(const struct vnet_packet *k)
{
	CHECK_EQ(k->flow.family, 4);
	CHECK(!memcmp(k->flow.src, "\x0a\x01\x02\x03\0\0\0\0\0\0\0\0\0\0\0\0", 16));
	CHECK(!memcmp(k->flow.dst, "\x0a\x04\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0", 16));
}

static inline void check_v6(const struct vnet_packet *k)
{
	CHECK_EQ(k->flow.family, 6);
	CHECK(!memcmp(k->flow.src, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16));
	CHECK(!memcmp(k->flow.dst, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02", 16));
}

static inline void check_ports(const struct vnet_packet *k, uint32_t src, uint32_t dst)
{
	CHECK(k->flow.flags & VNET_FLOW_PORTS);
	CHECK_EQ(k->flow.src_port, src);
	CHECK_EQ(k->flow.dst_port, dst);
}

#endif
