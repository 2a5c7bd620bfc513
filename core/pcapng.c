/* SPDX-License-Identifier: GPL-2.0-only */
/* The pcapng writer of `drop details --pcap`. */
#include <arpa/inet.h>
#include <errno.h>

#include "vnet/pcapng.h"
#include "vnet/util.h"

#define BLOCK_SECTION	0x0a0d0d0a
#define BLOCK_INTERFACE	1
#define BLOCK_PACKET	6
#define BYTE_ORDER_MARK	0x1a2b3c4d
#define LINK_ETHERNET	1
#define OPTION_END	0
#define OPTION_COMMENT	1
#define OPTION_NAME	2
#define OPTION_TSRESOL	9	/* of an interface: 9 means ns */
#define COMMENT_MAX	1024

struct vnet_pcapng {
	FILE *file;
};

#define MAC_BYTES	12	/* both addresses */
#define HEAD_MAX	18	/* they, a VLAN tag and the type */

/* A block under construction: everything in it is padded to 4 bytes. */
struct block {
	uint8_t *data;
	size_t len, room;
};

static void put(struct block *b, const void *data, size_t size)
{
	size_t padded = (size + 3) & ~(size_t)3;

	if (b->len + padded > b->room) {
		b->room = (b->len + padded) * 2;
		b->data = vnet_realloc(b->data, b->room);
	}
	memcpy(b->data + b->len, data, size);
	memset(b->data + b->len + size, 0, padded - size);
	b->len += padded;
}

static void put_u32(struct block *b, uint32_t v)
{
	put(b, &v, sizeof(v));
}

static void put_u16s(struct block *b, uint16_t first, uint16_t second)
{
	uint16_t v[2] = { first, second };

	put(b, v, sizeof(v));
}

static void put_option(struct block *b, uint16_t code, const void *data, size_t size)
{
	put_u16s(b, code, size);
	put(b, data, size);
}

static void begin(struct block *b, uint32_t type)
{
	put_u32(b, type);
	put_u32(b, 0);	/* the length, see finish() */
}

/* The length stands in front and behind. */
static int finish(struct vnet_pcapng *pcap, struct block *b)
{
	uint32_t total = b->len + sizeof(total);
	int err = 0;

	put_u32(b, total);
	memcpy(b->data + sizeof(total), &total, sizeof(total));
	errno = 0;
	if (fwrite(b->data, 1, b->len, pcap->file) != b->len || fflush(pcap->file))
		err = errno ? -errno : -EIO;
	free(b->data);
	return err;
}

static int write_section(struct vnet_pcapng *pcap)
{
	struct block b = {};
	int64_t unknown_length = -1;

	begin(&b, BLOCK_SECTION);
	put_u32(&b, BYTE_ORDER_MARK);
	put_u16s(&b, 1, 0);	/* version 1.0 */
	put(&b, &unknown_length, sizeof(unknown_length));
	return finish(pcap, &b);
}

static int write_interface(struct vnet_pcapng *pcap, uint32_t snap_length)
{
	static const char name[] = "dropped";
	static const uint8_t ns = 9;
	struct block b = {};

	begin(&b, BLOCK_INTERFACE);
	put_u16s(&b, LINK_ETHERNET, 0);
	put_u32(&b, snap_length);
	put_option(&b, OPTION_NAME, name, sizeof(name) - 1);
	put_option(&b, OPTION_TSRESOL, &ns, sizeof(ns));
	put_u16s(&b, OPTION_END, 0);
	return finish(pcap, &b);
}

int vnet_pcapng_open(struct vnet_pcapng **out, const char *path, uint32_t snap_length)
{
	struct vnet_pcapng *pcap;
	FILE *file = fopen(path, "we");
	int err;

	if (!file)
		return -errno;
	pcap = vnet_alloc(sizeof(*pcap));
	pcap->file = file;
	err = write_section(pcap);
	err = err ?: write_interface(pcap, snap_length + HEAD_MAX);
	if (err) {
		vnet_pcapng_close(pcap);
		return err;
	}
	*out = pcap;
	return 0;
}

static uint32_t put_be16(uint8_t *to, uint16_t v)
{
	v = htons(v);
	memcpy(to, &v, sizeof(v));
	return sizeof(v);
}

/*
 * What is written in place of the first *replaced bytes: an Ethernet header for
 * a packet that had none (all addresses zero), the VLAN tag that the kernel
 * kept beside the bytes. Returns its length.
 */
static uint32_t make_head(const struct vnet_pcapng_packet *p, uint8_t head[HEAD_MAX],
			  uint32_t *replaced)
{
	uint32_t n = 0;

	*replaced = 0;
	if (!p->ethertype && (!p->tpid || p->captured < MAC_BYTES))
		return 0;
	memset(head, 0, MAC_BYTES);
	if (!p->ethertype) {
		memcpy(head, p->data, MAC_BYTES);
		*replaced = MAC_BYTES;
	}
	n = MAC_BYTES;
	if (p->tpid) {
		n += put_be16(head + n, p->tpid);
		n += put_be16(head + n, p->tci);
	}
	if (p->ethertype)
		n += put_be16(head + n, p->ethertype);
	return n;
}

int vnet_pcapng_write(struct vnet_pcapng *pcap, const struct vnet_pcapng_packet *p)
{
	uint8_t head[HEAD_MAX];
	uint32_t replaced, extra = make_head(p, head, &replaced);
	uint32_t captured = p->captured + extra - replaced;
	uint32_t length = p->length + extra - replaced;
	uint8_t *data = vnet_alloc(captured + 1);
	struct block b = {};

	memcpy(data, head, extra);
	memcpy(data + extra, (const uint8_t *)p->data + replaced, p->captured - replaced);
	begin(&b, BLOCK_PACKET);
	put_u32(&b, 0);	/* the interface */
	put_u32(&b, p->wall_ns >> 32);
	put_u32(&b, p->wall_ns);
	put_u32(&b, captured);
	put_u32(&b, length > captured ? length : captured);
	put(&b, data, captured);
	free(data);
	if (p->comment) {
		put_option(&b, OPTION_COMMENT, p->comment, strnlen(p->comment, COMMENT_MAX));
		put_u16s(&b, OPTION_END, 0);
	}
	return finish(pcap, &b);
}

int vnet_pcapng_close(struct vnet_pcapng *pcap)
{
	int err = 0;

	if (!pcap)
		return 0;
	if (fclose(pcap->file))
		err = -errno;
	free(pcap);
	return err;
}
