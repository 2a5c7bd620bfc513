/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Members of the structures in a flow's key, each with its mask. ovs-dpctl
 * writes a mask that has all bits set as none, and with -m every other one,
 * the empty mask too.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include "core/ovs_text.h"
#include "vnet/util.h"

static const uint8_t no_mask[VNET_OVS_MASK_MAX];

const uint8_t *vnet_ovs_mask_at(const struct vnet_ovs_pair *pair, size_t offset)
{
	if (pair->wild)
		return no_mask;
	return pair->mask.data ? pair->mask.data + offset : NULL;
}

void vnet_ovs_pair_find(struct vnet_ovs_pair *pair, const void *mask, size_t mask_len)
{
	struct vnet_ovs_stream stream = { mask, mask_len };
	struct vnet_ovs_attr attr;

	pair->mask = (struct vnet_ovs_attr){};
	/* The first one: no kernel has two, and ovs-dpctl would take that. */
	while (mask && !pair->mask.data && vnet_ovs_next(&stream, &attr))
		if (attr.type == pair->key.type)
			pair->mask = attr;
	pair->wild = mask && !pair->mask.data;
}

static bool is_all(const uint8_t *data, size_t len, uint8_t value)
{
	for (size_t i = 0; i < len; i++)
		if (data[i] != value)
			return false;
	return true;
}

void vnet_ovs_put_unknown(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair)
{
	char name[16];

	snprintf(name, sizeof(name), "key%u", pair->key.type);
	vnet_ovs_open(out, name);
	vnet_ovs_bytes(out, pair->key.data, pair->key.len, " ");
	if (pair->wild || pair->mask.data) {
		vnet_ovs_puts(out, "/");
		vnet_ovs_bytes(out, pair->mask.data,
			       pair->wild ? pair->key.len : pair->mask.len, " ");
	}
	vnet_ovs_close(out);
}

void vnet_ovs_put_rest(struct vnet_ovs_out *out, const struct vnet_ovs_attr *nest,
		       unsigned int nr)
{
	struct vnet_ovs_stream stream = { nest->data, nest->len };
	struct vnet_ovs_pair pair = {};

	while (vnet_ovs_next(&stream, &pair.key))
		if (!pair.key.type || pair.key.type >= nr)
			vnet_ovs_put_unknown(out, &pair);
}

void vnet_ovs_bad_pair(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair)
{
	vnet_ovs_bad(out, pair->key.data, pair->key.len);
	if (!pair->mask.data)
		return;
	vnet_ovs_puts(out, "/");
	out->separate = false;
	vnet_ovs_bad(out, pair->mask.data, pair->mask.len);
}

static void put_label(struct vnet_ovs_out *out, const uint8_t *data)
{
	uint8_t big[sizeof(struct ovs_key_ct_labels)];

	memcpy(big, data, sizeof(big));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = data[sizeof(big) - 1 - i];
#endif
	vnet_ovs_hex(out, big, sizeof(big));
}

void vnet_ovs_put_labels(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair)
{
	const uint8_t *mask = vnet_ovs_mask_at(pair, 0);

	put_label(out, pair->key.data);
	if (!mask || is_all(mask, sizeof(struct ovs_key_ct_labels), 0xff))
		return;
	vnet_ovs_puts(out, "/");
	put_label(out, mask);
}

static uint64_t read_number(const uint8_t *data, unsigned int size)
{
	uint64_t value = 0;

	while (size--)
		value = value << 8 | *data++;
	return value;
}

static const char *const number_formats[VNET_OVS_FORMATS] = {
	[VNET_OVS_DEC] = "%s=%llu",
	[VNET_OVS_HEX] = "%s=%#llx",
	[VNET_OVS_HEX_PLAIN] = "%s=0x%llx",
	[VNET_OVS_LABEL] = "%s=%#llx",
};

void vnet_ovs_number(struct vnet_ovs_out *out, const char *name, uint64_t value,
		     const uint64_t *mask, unsigned int size, enum vnet_ovs_format format)
{
	uint64_t all = format == VNET_OVS_LABEL ? 0xfffff : UINT64_MAX >> (64 - 8 * size);

	if (out->terse && mask && !*mask)
		return;
	vnet_ovs_item(out);
	vnet_ovs_printf(out, number_formats[format], name, (unsigned long long)value);
	if (mask && (*mask & all) != all)
		vnet_ovs_printf(out, "/%#llx", (unsigned long long)*mask);
}

static void put_number(struct vnet_ovs_out *out, const struct vnet_ovs_field *field,
		       const uint8_t *value, const uint8_t *mask)
{
	uint64_t bits = mask ? read_number(mask, field->size) : 0;

	vnet_ovs_number(out, field->name, read_number(value, field->size),
			mask ? &bits : NULL, field->size, field->format);
}

/* A kind of fragment has no bits that a mask could choose from. */
static void put_frag(struct vnet_ovs_out *out, const struct vnet_ovs_field *field,
		     const uint8_t *value, const uint8_t *mask)
{
	static const char *const kinds[] = {
		[OVS_FRAG_TYPE_NONE] = "no",
		[OVS_FRAG_TYPE_FIRST] = "first",
		[OVS_FRAG_TYPE_LATER] = "later",
	};

	if (mask && !*mask)
		return;
	vnet_ovs_item(out);
	if (mask && *mask != 0xff)
		vnet_ovs_printf(out, "error: partial mask not supported for %s (%#x)",
				field->name, *mask);
	else
		vnet_ovs_printf(out, "%s=%s", field->name,
				*value < VNET_ARRAY_SIZE(kinds) ? kinds[*value] : "<error>");
}

static void address_text(const struct vnet_ovs_field *field, const uint8_t *data,
			 char buf[INET6_ADDRSTRLEN])
{
	if (field->format == VNET_OVS_MAC)
		snprintf(buf, INET6_ADDRSTRLEN, "%02x:%02x:%02x:%02x:%02x:%02x", data[0],
			 data[1], data[2], data[3], data[4], data[5]);
	else
		inet_ntop(field->format == VNET_OVS_IPV4 ? AF_INET : AF_INET6, data, buf,
			  INET6_ADDRSTRLEN);
}

static void put_address(struct vnet_ovs_out *out, const struct vnet_ovs_field *field,
			const uint8_t *value, const uint8_t *mask)
{
	char text[INET6_ADDRSTRLEN];

	if (out->terse && mask && is_all(mask, field->size, 0))
		return;
	vnet_ovs_item(out);
	address_text(field, value, text);
	vnet_ovs_printf(out, "%s=%s", field->name, text);
	if (mask && !is_all(mask, field->size, 0xff)) {
		address_text(field, mask, text);
		vnet_ovs_printf(out, "/%s", text);
	}
}

void vnet_ovs_field(struct vnet_ovs_out *out, const struct vnet_ovs_field *field,
		    const uint8_t *value, const uint8_t *mask)
{
	static void (*const formats[VNET_OVS_FORMATS])(struct vnet_ovs_out *out,
						       const struct vnet_ovs_field *field,
						       const uint8_t *value,
						       const uint8_t *mask) = {
		[VNET_OVS_DEC] = put_number,
		[VNET_OVS_HEX] = put_number,
		[VNET_OVS_HEX_PLAIN] = put_number,
		[VNET_OVS_LABEL] = put_number,
		[VNET_OVS_IPV4] = put_address,
		[VNET_OVS_IPV6] = put_address,
		[VNET_OVS_MAC] = put_address,
		[VNET_OVS_FRAG] = put_frag,
	};

	formats[field->format](out, field, value, mask);
}
