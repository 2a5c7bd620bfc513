/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the flow decoder (core/ovs_*.c) share: text that is being
 * written, attributes that are being read, and the members of the structures
 * in them as tables. The interface for others is include/vnet/ovs_flow.h.
 */
#ifndef VNET_CORE_OVS_TEXT_H
#define VNET_CORE_OVS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vnet/ovs_flow.h"

/* The datapath itself nests actions 16 deep, each through two attributes. */
#define VNET_OVS_MAX_DEPTH	32

/* Attribute types that are newer than the headers of the build host may be. */
#define VNET_OVS_ACTION_DROP	24	/* Linux 6.7 */
#define VNET_OVS_ACTION_PSAMPLE	25	/* Linux 6.11 */

/* Text under construction. Made by vnet_ovs_out_init(). */
struct vnet_ovs_out {
	char *buf;
	size_t size;
	size_t len;		/* of the whole text, also where it did not fit */
	const struct vnet_ovs_style *style;	/* never NULL */
	bool terse;		/* now; style->terse is what the caller wants */
	bool separate;		/* put a comma before the next item */
	unsigned int depth;	/* of nested attributes */
};

struct vnet_ovs_out vnet_ovs_out_init(char *buf, size_t size,
				      const struct vnet_ovs_style *style);
void vnet_ovs_puts(struct vnet_ovs_out *out, const char *text);
void vnet_ovs_printf(struct vnet_ovs_out *out, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Begins an item of a list: the comma, if it is not the first. */
void vnet_ovs_item(struct vnet_ovs_out *out);
/* "name(" as an item, and the list of its own items; then ")". */
void vnet_ovs_open(struct vnet_ovs_out *out, const char *name);
void vnet_ovs_close(struct vnet_ovs_out *out);
/* Bytes as they are: "0102ff", with this between two. NULL: len zeros. */
void vnet_ovs_bytes(struct vnet_ovs_out *out, const void *data, size_t len,
		    const char *between);
/* "bad(0102ff)", an item. */
void vnet_ovs_bad(struct vnet_ovs_out *out, const void *data, size_t len);
/* One big-endian number of any size: "0x1ff", "0". */
void vnet_ovs_hex(struct vnet_ovs_out *out, const uint8_t *data, size_t len);
/* The port's name, if it has one, else its number. */
void vnet_ovs_port(struct vnet_ovs_out *out, uint32_t port);

/* Flags with names: the index is the number of the bit. */
struct vnet_ovs_flags {
	const char *const *names;	/* NULL where a bit has none */
	unsigned int nr;
	uint32_t all;		/* a mask of these bits is a complete one */
};

/* "df|key", with this between two; "0" if there are none. */
void vnet_ovs_flags(struct vnet_ovs_out *out, const struct vnet_ovs_flags *flags,
		    uint32_t value, const char *between);
/* "+trk-new", "0/0"; with a complete mask as above. */
void vnet_ovs_flags_masked(struct vnet_ovs_out *out, const struct vnet_ovs_flags *flags,
			   uint32_t value, uint32_t mask);

/* One attribute: its payload is not aligned. */
struct vnet_ovs_attr {
	uint16_t type;		/* without the flag bits */
	size_t len;
	const uint8_t *data;
};

/* What is left of a stream of attributes. */
struct vnet_ovs_stream {
	const uint8_t *at;
	size_t left;
};

/* False at the end; stream->left bytes at stream->at are no attribute then. */
bool vnet_ovs_next(struct vnet_ovs_stream *stream, struct vnet_ovs_attr *attr);
/*
 * Fills found[type] for the types below nr with the last of each; found[].data
 * is NULL for the others. False if bytes are left over at the end.
 */
bool vnet_ovs_parse(const struct vnet_ovs_attr *nest, struct vnet_ovs_attr *found,
		    unsigned int nr);

/* Numbers at any address: host byte order, and network byte order. */
uint16_t vnet_ovs_u16(const uint8_t *data);
uint32_t vnet_ovs_u32(const uint8_t *data);
uint16_t vnet_ovs_be16(const uint8_t *data);
uint32_t vnet_ovs_be32(const uint8_t *data);
uint64_t vnet_ovs_be64(const uint8_t *data);

/* A value and its mask. */
struct vnet_ovs_pair {
	struct vnet_ovs_attr key;
	/* data NULL: no mask, all is exact; that of a wildcard is NULL as well */
	struct vnet_ovs_attr mask;
	bool wild;		/* a mask without a bit, of key's length */
};

/* What a mask is read from at most at a time where all of it is zero. */
#define VNET_OVS_MASK_MAX	128

/* The mask of what begins at `offset`; NULL: exact. Readable as far as the key. */
const uint8_t *vnet_ovs_mask_at(const struct vnet_ovs_pair *pair, size_t offset);
/* "key31(01 02/ff 00)": an attribute that is not known, or has a wrong length. */
void vnet_ovs_put_unknown(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair);
/* The attributes of a nest whose types are 0 or beyond nr, as above. */
void vnet_ovs_put_rest(struct vnet_ovs_out *out, const struct vnet_ovs_attr *nest,
		       unsigned int nr);
/* "bad(0102)/bad(ff)" */
void vnet_ovs_bad_pair(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair);
/* The mask for an attribute of the key, from a stream of masks (NULL: none). */
void vnet_ovs_pair_find(struct vnet_ovs_pair *pair, const void *mask, size_t mask_len);

/* How a member is written. */
enum vnet_ovs_format {
	VNET_OVS_DEC,		/* a number, its mask in hexadecimal */
	VNET_OVS_HEX,
	VNET_OVS_HEX_PLAIN,	/* "0x" also before 0 */
	VNET_OVS_IPV4,
	VNET_OVS_IPV6,
	VNET_OVS_MAC,
	VNET_OVS_LABEL,		/* 20 bits are all of an IPv6 label */
	VNET_OVS_FRAG,
	VNET_OVS_FORMATS
};

/* A member of a structure in an attribute; numbers are big-endian. */
struct vnet_ovs_field {
	const char *name;
	uint8_t offset;
	uint8_t size;		/* bytes */
	uint8_t format;		/* enum vnet_ovs_format */
};

/* "name=value/mask" as an item; mask NULL: exact. Terse: not if it is zero. */
void vnet_ovs_field(struct vnet_ovs_out *out, const struct vnet_ovs_field *field,
		    const uint8_t *value, const uint8_t *mask);
/* A number of `size` bytes that is no member as it stands. */
void vnet_ovs_number(struct vnet_ovs_out *out, const char *name, uint64_t value,
		     const uint64_t *mask, unsigned int size, enum vnet_ovs_format format);

/* Connection labels and their mask: one number of 128 bits in host byte order. */
void vnet_ovs_put_labels(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair);

/* The formatters that are files of their own. Each writes what is in its name's (). */
void vnet_ovs_put_tunnel(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair);
void vnet_ovs_put_nsh(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair);
void vnet_ovs_put_vlan(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair);
/* One label stack entry, exact. */
void vnet_ovs_put_lse(struct vnet_ovs_out *out, uint32_t lse);
/* "name(...)": one attribute of a key with its mask. */
void vnet_ovs_put_key_attr(struct vnet_ovs_out *out, const struct vnet_ovs_pair *pair);
/* A list of actions, "drop" if there is none. */
void vnet_ovs_put_actions(struct vnet_ovs_out *out, const uint8_t *data, size_t len);
/* Whole actions with nested attributes: "ct(...)", ... */
void vnet_ovs_put_ct(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr);
void vnet_ovs_put_userspace(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr);
void vnet_ovs_put_push_nsh(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr);
/* set(nsh(...)) of SET_MASKED: masks are inside, behind each value. */
void vnet_ovs_put_set_nsh(struct vnet_ovs_out *out, const struct vnet_ovs_attr *attr);

#endif
