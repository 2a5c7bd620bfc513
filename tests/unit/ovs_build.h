/* SPDX-License-Identifier: GPL-2.0-only */
/* Attributes of flows under construction, and their text, for test_ovs_*.c. */
#ifndef VNET_OVS_BUILD_H
#define VNET_OVS_BUILD_H

#include <stdlib.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/openvswitch.h>

#include "vnet/ovs_flow.h"

struct build {
	unsigned char data[4096];
	size_t len;
	size_t nests[40];	/* where those that are open begin */
	size_t nr_nests;
};

static inline void put(struct build *b, const void *data, size_t len)
{
	memcpy(b->data + b->len, data, len);
	b->len += len;
	while (b->len % 4)
		b->data[b->len++] = 0;
}

static inline void put_attr(struct build *b, uint16_t type, const void *data, size_t len)
{
	struct nlattr head = { .nla_len = NLA_HDRLEN + len, .nla_type = type };

	put(b, &head, sizeof(head));
	put(b, data, len);
}

#define PUT_U8(b, type, ...) \
	put_attr(b, type, ((uint8_t[]){ __VA_ARGS__ }), sizeof((uint8_t[]){ __VA_ARGS__ }))

static inline void put_u16(struct build *b, uint16_t type, uint16_t value)
{
	put_attr(b, type, &value, sizeof(value));
}

static inline void put_u32(struct build *b, uint16_t type, uint32_t value)
{
	put_attr(b, type, &value, sizeof(value));
}

static inline void begin(struct build *b, uint16_t type)
{
	b->nests[b->nr_nests++] = b->len;
	put_attr(b, type, "", 0);
}

static inline void end(struct build *b)
{
	size_t at = b->nests[--b->nr_nests];
	uint16_t len = b->len - at;

	memcpy(b->data + at, &len, sizeof(len));
}

/* From memory of exactly that size, so that ASan sees a byte too far. */
static inline void *exact(const void *data, size_t len)
{
	void *copy = calloc(1, len ? len : 1);

	memcpy(copy, data, len);
	return copy;
}

#define TEXT_SIZE	16384

/* mask NULL: none. */
static inline const char *key_text(const struct build *key, const struct build *mask,
				   const struct vnet_ovs_style *style)
{
	static char text[TEXT_SIZE];
	void *k = exact(key->data, key->len);
	void *m = mask ? exact(mask->data, mask->len) : NULL;

	vnet_ovs_key_text(text, sizeof(text), style, k, key->len, m, mask ? mask->len : 0);
	free(k);
	free(m);
	return text;
}

static inline const char *actions_text(const struct build *b, const struct vnet_ovs_style *style)
{
	static char text[TEXT_SIZE];
	void *copy = exact(b->data, b->len);

	vnet_ovs_actions_text(text, sizeof(text), style, copy, b->len);
	free(copy);
	return text;
}

#endif
