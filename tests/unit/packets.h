/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Hand-built packets for the parser tests: each helper appends one
 * header with recognisable values. Addresses are 10.1.2.3 -> 10.4.5.6 and
 * fd00::1 -> fd00::2 (inner ones 192.168.0.1 -> .2), ports 1000 -> 2000.
 */
#ifndef VNET_TEST_PACKETS_H
#define VNET_TEST_PACKETS_H

#include <stdint.h>
#include <string.h>

struct bytes {
	uint8_t b[512];
	uint32_t n;
};

static inline void add(struct bytes *p, const void *data, uint32_t n)
{
	memcpy(p->b + p->n, data, n);
	p->n += n;
}

static inline void add8(struct bytes *p, uint32_t v)
{
	p->b[p->n++] = (uint8_t)v;
}

static inline void add16(struct bytes *p, uint32_t v)
{
	add8(p, v >> 8);
	add8(p, v);
}

static inline void add32(struct bytes *p, uint32_t v)
{
	add16(p, v >> 16);
	add16(p, v);
}

static inline void pad(struct bytes *p, uint32_t n, uint8_t v)
{
	memset(p->b + p->n, v, n);
	p->n += n;
}

static inline void eth(struct bytes *p, uint32_t type)
{
	add(p, "\x02\x00\x00\x00\x00\xd0\x02\x00\x00\x00\x00\x50", 12);
	add16(p, type);
}

static inline void tag(struct bytes *p, uint32_t tci, uint32_t type)
{
	add16(p, tci);
	add16(p, type);
}

/* `options` bytes of NOPs; `frag` is the flags and offset word as sent. */
static inline uint32_t ip4(struct bytes *p, uint32_t protocol, uint32_t options, uint32_t frag)
{
	uint32_t at = p->n;

	add8(p, 0x40 | (5 + options / 4));
	add8(p, 0x28);
	add16(p, 0);
	add16(p, 0x1234);
	add16(p, frag);
	add8(p, 63);
	add8(p, protocol);
	add16(p, 0);
	add(p, "\x0a\x01\x02\x03\x0a\x04\x05\x06", 8);
	pad(p, options, 1);
	return at;
}

/* Sets the total length of the IPv4 header at `at` to what has been added. */
static inline void ip4_end(struct bytes *p, uint32_t at)
{
	p->b[at + 2] = (uint8_t)((p->n - at) >> 8);
	p->b[at + 3] = (uint8_t)(p->n - at);
}

static inline uint32_t ip6(struct bytes *p, uint32_t next)
{
	uint32_t at = p->n;

	add32(p, 0x6b800000 | 0x12345);	/* traffic class 0xb8 */
	add16(p, 0);
	add8(p, next);
	add8(p, 61);
	add(p, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	add(p, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02", 16);
	return at;
}

static inline void ip6_end(struct bytes *p, uint32_t at)
{
	p->b[at + 4] = (uint8_t)((p->n - at - 40) >> 8);
	p->b[at + 5] = (uint8_t)(p->n - at - 40);
}

/* An extension header of 8 + 8 * `units` bytes. */
static inline void ext(struct bytes *p, uint32_t next, uint32_t units)
{
	add8(p, next);
	add8(p, units);
	pad(p, 6 + 8 * units, 0xe0);
}

static inline void ext_fragment(struct bytes *p, uint32_t next, uint32_t word)
{
	add8(p, next);
	add8(p, 0);
	add16(p, word);
	add32(p, 0xabcdef01);
}

/* 24 bytes, as with a 96-bit ICV: a length in words of 4, minus 2. */
static inline void ext_ah(struct bytes *p, uint32_t next)
{
	add8(p, next);
	add8(p, 4);
	pad(p, 22, 0xaa);
}

static inline void tcp(struct bytes *p, uint32_t flags)
{
	add16(p, 1000);
	add16(p, 2000);
	add32(p, 0x11223344);
	add32(p, 0x55667788);
	add8(p, 0x50);
	add8(p, flags);
	pad(p, 6, 0);
}

static inline void udp(struct bytes *p, uint32_t port, uint32_t payload)
{
	add16(p, 1000);
	add16(p, port);
	add16(p, payload + 8);
	add16(p, 0);
}

static inline void sctp(struct bytes *p)
{
	add16(p, 1000);
	add16(p, 2000);
	add32(p, 0x01020304);
	add32(p, 0);
}

static inline void icmp(struct bytes *p, uint32_t type, uint32_t code)
{
	add8(p, type);
	add8(p, code);
	add16(p, 0);
	add16(p, 0x4321);
	add16(p, 7);
}

static inline void arp(struct bytes *p, uint32_t op)
{
	add(p, "\x00\x01\x08\x00\x06\x04", 6);
	add16(p, op);
	add(p, "\x02\x00\x00\x00\x00\x50\x0a\x01\x02\x03", 10);
	add(p, "\x00\x00\x00\x00\x00\x00\x0a\x04\x05\x06", 10);
}

static inline void vxlan(struct bytes *p, uint32_t flags, uint32_t vni)
{
	add32(p, flags << 24);
	add32(p, vni << 8);
}

static inline void geneve(struct bytes *p, uint32_t options, uint32_t type, uint32_t vni)
{
	add8(p, options / 4);
	add8(p, 0);
	add16(p, type);
	add32(p, vni << 8);
	pad(p, options, 0x77);
}

/* The frame that tunnels carry: VLAN 33, 192.168.0.1 -> 192.168.0.2, TCP SYN. */
static inline void inner_frame(struct bytes *p)
{
	uint32_t at;

	eth(p, 0x8100);
	tag(p, 33, 0x0800);
	at = ip4(p, 6, 0, 0);
	memcpy(p->b + at + 12, "\xc0\xa8\x00\x01\xc0\xa8\x00\x02", 8);
	tcp(p, 0x02);
	ip4_end(p, at);
}

#endif
