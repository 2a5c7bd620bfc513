/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ground that the flow decoder stands on: text of any length in a buffer
 * of a given size, netlink attributes, flags, hexadecimal.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/netlink.h>

#include "core/ovs_text.h"
#include "vnet/util.h"

struct vnet_ovs_out vnet_ovs_out_init(char *buf, size_t size,
				      const struct vnet_ovs_style *style)
{
	static const struct vnet_ovs_style plain;

	if (size)
		buf[0] = 0;
	return (struct vnet_ovs_out){
		.buf = buf, .size = size, .style = style ? style : &plain,
		.terse = style && style->terse,
	};
}

static void put(struct vnet_ovs_out *out, const char *text, size_t len)
{
	if (out->len < out->size) {
		size_t room = out->size - out->len - 1;
		size_t n = len < room ? len : room;

		memcpy(out->buf + out->len, text, n);
		out->buf[out->len + n] = 0;
	}
	out->len += len;
}

void vnet_ovs_puts(struct vnet_ovs_out *out, const char *text)
{
	put(out, text, strlen(text));
}

void vnet_ovs_printf(struct vnet_ovs_out *out, const char *format, ...)
{
	/* Names and numbers; the longest is four numbers with their words. */
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	vnet_ovs_puts(out, text);
}

void vnet_ovs_item(struct vnet_ovs_out *out)
{
	if (out->separate)
		put(out, ",", 1);
	out->separate = true;
}

void vnet_ovs_open(struct vnet_ovs_out *out, const char *name)
{
	vnet_ovs_item(out);
	vnet_ovs_puts(out, name);
	put(out, "(", 1);
	out->separate = false;
}

void vnet_ovs_close(struct vnet_ovs_out *out)
{
	put(out, ")", 1);
	out->separate = true;
}

void vnet_ovs_bytes(struct vnet_ovs_out *out, const void *data, size_t len,
		    const char *between)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < len; i++)
		vnet_ovs_printf(out, "%s%02x", i ? between : "", bytes ? bytes[i] : 0);
}

void vnet_ovs_bad(struct vnet_ovs_out *out, const void *data, size_t len)
{
	vnet_ovs_open(out, "bad");
	vnet_ovs_bytes(out, data, len, "");
	vnet_ovs_close(out);
}

void vnet_ovs_hex(struct vnet_ovs_out *out, const uint8_t *data, size_t len)
{
	while (len && !*data) {
		data++;
		len--;
	}
	if (!len) {
		put(out, "0", 1);
		return;
	}
	vnet_ovs_printf(out, "0x%x", *data);
	vnet_ovs_bytes(out, data + 1, len - 1, "");
}

void vnet_ovs_port(struct vnet_ovs_out *out, uint32_t port)
{
	const struct vnet_ovs_style *style = out->style;
	const char *name = style->port_name ? style->port_name(style->ctx, port) : NULL;

	if (name)
		vnet_ovs_puts(out, name);
	else
		vnet_ovs_printf(out, "%u", port);
}

static const char *flag_name(const struct vnet_ovs_flags *flags, unsigned int bit)
{
	return bit < flags->nr ? flags->names[bit] : NULL;
}

void vnet_ovs_flags(struct vnet_ovs_out *out, const struct vnet_ovs_flags *flags,
		    uint32_t value, const char *between)
{
	uint32_t unknown = 0;
	bool first = true;

	if (!value)
		put(out, "0", 1);
	for (unsigned int bit = 0; bit < 32; bit++) {
		const char *name = flag_name(flags, bit);

		if (!(value & 1u << bit))
			continue;
		if (!name) {
			unknown |= 1u << bit;
			continue;
		}
		vnet_ovs_printf(out, "%s%s", first ? "" : between, name);
		first = false;
	}
	if (unknown)
		vnet_ovs_printf(out, "%s0x%x", first ? "" : between, unknown);
}

void vnet_ovs_flags_masked(struct vnet_ovs_out *out, const struct vnet_ovs_flags *flags,
			   uint32_t value, uint32_t mask)
{
	if (mask == flags->all) {
		vnet_ovs_flags(out, flags, value, "|");
		return;
	}
	if (!mask)
		vnet_ovs_puts(out, "0/0");
	for (unsigned int bit = 0; bit < 32; bit++) {
		const char *name = flag_name(flags, bit);

		if (mask & 1u << bit)
			vnet_ovs_printf(out, "%c%s", value & 1u << bit ? '+' : '-',
					name ? name : "[Unknown]");
	}
}

bool vnet_ovs_next(struct vnet_ovs_stream *stream, struct vnet_ovs_attr *attr)
{
	struct nlattr head;
	size_t step;

	if (stream->left < sizeof(head))
		return false;
	memcpy(&head, stream->at, sizeof(head));
	if (head.nla_len < sizeof(head) || head.nla_len > stream->left)
		return false;
	*attr = (struct vnet_ovs_attr){
		.type = head.nla_type & NLA_TYPE_MASK,
		.len = head.nla_len - sizeof(head),
		.data = stream->at + sizeof(head),
	};
	/* The last one may lack its padding. */
	step = NLA_ALIGN((size_t)head.nla_len);
	step = step < stream->left ? step : stream->left;
	stream->at += step;
	stream->left -= step;
	return true;
}

bool vnet_ovs_parse(const struct vnet_ovs_attr *nest, struct vnet_ovs_attr *found,
		    unsigned int nr)
{
	struct vnet_ovs_stream stream = { nest->data, nest->len };
	struct vnet_ovs_attr attr;

	memset(found, 0, nr * sizeof(*found));
	while (vnet_ovs_next(&stream, &attr))
		if (attr.type < nr)
			found[attr.type] = attr;
	return !stream.left;
}

const void *vnet_ovs_attr(const void *attrs, size_t len, uint16_t type, size_t *payload_len)
{
	struct vnet_ovs_stream stream = { attrs, len };
	struct vnet_ovs_attr attr;
	const void *found = NULL;

	*payload_len = 0;
	while (vnet_ovs_next(&stream, &attr))
		if (attr.type == type) {
			found = attr.data;
			*payload_len = attr.len;
		}
	return found;
}

uint16_t vnet_ovs_u16(const uint8_t *data)
{
	uint16_t value;

	memcpy(&value, data, sizeof(value));
	return value;
}

uint32_t vnet_ovs_u32(const uint8_t *data)
{
	uint32_t value;

	memcpy(&value, data, sizeof(value));
	return value;
}

uint16_t vnet_ovs_be16(const uint8_t *data)
{
	return be16toh(vnet_ovs_u16(data));
}

uint32_t vnet_ovs_be32(const uint8_t *data)
{
	return be32toh(vnet_ovs_u32(data));
}

uint64_t vnet_ovs_be64(const uint8_t *data)
{
	return (uint64_t)vnet_ovs_be32(data) << 32 | vnet_ovs_be32(data + 4);
}

size_t vnet_ovs_ufid_text(char *buf, size_t size, const void *ufid, size_t len)
{
	struct vnet_ovs_out out = vnet_ovs_out_init(buf, size, NULL);
	const uint8_t *data = ufid;

	vnet_ovs_puts(&out, "ufid:");
	if (len != 16) {
		vnet_ovs_bad(&out, ufid, len);
		return out.len;
	}
	/* Four numbers of the host's byte order, as ovs-vswitchd keeps it. */
	vnet_ovs_printf(&out, "%08x-%04x-%04x-%04x-%04x%08x",
			vnet_ovs_u32(data),
			vnet_ovs_u32(data + 4) >> 16, vnet_ovs_u32(data + 4) & 0xffff,
			vnet_ovs_u32(data + 8) >> 16, vnet_ovs_u32(data + 8) & 0xffff,
			vnet_ovs_u32(data + 12));
	return out.len;
}
