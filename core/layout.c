/* SPDX-License-Identifier: GPL-2.0-only */
/* Computes the layout of modules' structures: see core/layout.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/layout.h"
#include "core/names.h"
#include "vnet/util.h"

/* Kernels nest types ten deep or so; more is a circle in a broken file. */
#define MAX_DEPTH	32

#define POINTER_SIZE	sizeof(uint64_t)

/* Bytes that grow. */
struct buffer {
	char *data;
	size_t len, room;
};

struct extent {
	uint64_t size;
	uint32_t align;
};

/* A structure of the description that is laid out already. */
struct made {
	const char *name;
	uint32_t id;
	struct extent extent;
};

/* A structure or union that is being laid out. */
struct open {
	const char *name;
	bool is_union;
	struct extent extent;
	struct buffer members;	/* struct btf_member */
	uint32_t nr;
};

struct builder {
	const struct vnet_btf *vmlinux;
	struct vnet_names names;	/* types that are embedded; value: index in ids */
	uint32_t *ids;			/* of vmlinux; 0: not found */
	struct buffer types, strings;
	uint32_t next;			/* the number of the type to be added */
	uint32_t pointer;		/* void *; 0: none yet */
	uint32_t index_type;		/* of arrays */
	uint32_t cacheline;
	struct made *made;
	size_t nr_made;
	char *why;
};

static void append(struct buffer *b, const void *data, size_t len)
{
	if (b->len + len > b->room) {
		b->room = (b->len + len) * 2;
		b->data = vnet_realloc(b->data, b->room);
	}
	if (len)
		memcpy(b->data + b->len, data, len);
	b->len += len;
}

/* The number that the BTF knows a new string by. */
static uint32_t add_string(struct builder *b, const char *text)
{
	uint32_t offset = b->vmlinux->strings_len + b->strings.len;

	if (!text[0])
		return 0;
	append(&b->strings, text, strlen(text) + 1);
	return offset;
}

static uint32_t add_type(struct builder *b, const char *name, uint32_t kind, uint32_t vlen,
			 uint32_t size, const void *more, size_t more_len)
{
	struct btf_type type = {
		.name_off = add_string(b, name), .info = kind << 24 | vlen, .size = size,
	};

	append(&b->types, &type, sizeof(type));
	append(&b->types, more, more_len);
	return b->next++;
}

static struct extent extent_of(const struct vnet_btf *btf, uint32_t id, int depth);

/* A member at an odd place is of a packed structure, which BTF does not tell. */
static uint32_t members_align(const struct vnet_btf *btf, const struct btf_type *type,
			      int depth)
{
	const struct btf_member *m = btf_members(type);
	uint32_t align = 1;

	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		struct extent e = extent_of(btf, m[i].type, depth + 1);

		if (!btf_member_bitfield_size(type, i) && e.align &&
		    btf_member_bit_offset(type, i) % (8 * e.align))
			return 1;
		if (e.align > align)
			align = e.align;
	}
	return align;
}

/* Natural size and alignment; size 0 for what has none (or is broken). */
static struct extent extent_of(const struct vnet_btf *btf, uint32_t id, int depth)
{
	const struct btf_type *type = vnet_btf_type(btf, id);
	struct extent e = {};

	if (!type || depth > MAX_DEPTH)
		return e;
	switch (btf_kind(type)) {
	case BTF_KIND_PTR:
		return (struct extent){ POINTER_SIZE, POINTER_SIZE };
	case BTF_KIND_INT:
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
	case BTF_KIND_FLOAT:
		return (struct extent){ type->size, type->size > POINTER_SIZE ?
					POINTER_SIZE : type->size };
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return (struct extent){ type->size, members_align(btf, type, depth) };
	case BTF_KIND_ARRAY:
		e = extent_of(btf, btf_array(type)->type, depth + 1);
		e.size *= btf_array(type)->nelems;
		return e;
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		return extent_of(btf, type->type, depth + 1);
	default:
		return e;
	}
}

static bool is_fit(const struct btf_type *type, enum vnet_layout_what what)
{
	return what == VNET_LAYOUT_EMBEDDED ? btf_is_struct(type) :
	       btf_is_typedef(type) || btf_is_int(type);
}

/* Finds all that the lines embed by one pass over vmlinux. */
static void find_types(struct builder *b, const struct vnet_layout_line *lines)
{
	uint32_t nr = 0;

	for (const struct vnet_layout_line *l = lines; l->name; l++, nr++)
		if (l->type)
			vnet_names_add(&b->names, l->type, strlen(l->type), nr);
	b->ids = vnet_alloc((nr + 1) * sizeof(*b->ids));
	vnet_names_sort(&b->names);
	for (uint32_t id = b->vmlinux->first; id < b->vmlinux->end; id++) {
		const struct btf_type *type = vnet_btf_type(b->vmlinux, id);
		const char *name = vnet_btf_string(b->vmlinux, type->name_off);
		struct vnet_name *found;

		if (btf_is_int(type) && !b->index_type)
			b->index_type = id;
		if (!vnet_names_may(&b->names, name))
			continue;
		found = vnet_names_find(&b->names, name, strlen(name));
		for (; found; found = vnet_names_next(&b->names, found))
			if (!b->ids[found->value] && is_fit(type, lines[found->value].what))
				b->ids[found->value] = id;
	}
}

/* The member's own type: of this description, or of vmlinux. 0: unknown. */
static uint32_t resolve(struct builder *b, const struct vnet_layout_line *l, uint32_t line,
			struct extent *extent)
{
	if (l->what == VNET_LAYOUT_POINTER) {
		if (!b->pointer)
			b->pointer = add_type(b, "", BTF_KIND_PTR, 0, 0, NULL, 0);
		*extent = (struct extent){ POINTER_SIZE, POINTER_SIZE };
		return b->pointer;
	}
	for (size_t i = 0; l->what == VNET_LAYOUT_EMBEDDED && i < b->nr_made; i++) {
		if (strcmp(b->made[i].name, l->type))
			continue;
		*extent = b->made[i].extent;
		return b->made[i].id;
	}
	*extent = extent_of(b->vmlinux, b->ids[line], 0);
	return extent->size ? b->ids[line] : 0;
}

static uint64_t round_up(uint64_t value, uint64_t align)
{
	return (value + align - 1) / align * align;
}

static void place(struct builder *b, struct open *o, const char *name, uint32_t type,
		  struct extent extent)
{
	uint64_t at = o->is_union ? 0 : round_up(o->extent.size, extent.align);
	struct btf_member member = {
		.name_off = add_string(b, name), .type = type, .offset = at * 8,
	};

	append(&o->members, &member, sizeof(member));
	o->nr++;
	if (at + extent.size > o->extent.size)
		o->extent.size = at + extent.size;
	if (extent.align > o->extent.align)
		o->extent.align = extent.align;
}

static bool add_member(struct builder *b, struct open *o, const struct vnet_layout_line *l,
		       uint32_t line)
{
	struct extent extent;
	uint32_t type = resolve(b, l, line, &extent);

	if (!type) {
		snprintf(b->why, 160, "the kernel's BTF has no '%s', which is in '%s'",
			 l->type, o->name);
		return false;
	}
	if (l->elements) {
		struct btf_array array = { type, b->index_type, l->elements };

		type = add_type(b, "", BTF_KIND_ARRAY, 0, 0, &array, sizeof(array));
		extent.size *= l->elements;
	}
	if (l->cacheline && extent.align < b->cacheline)
		extent.align = b->cacheline;
	place(b, o, l->name, type, extent);
	return true;
}

/* The whole is a multiple of its alignment. */
static uint32_t finish(struct builder *b, struct open *o)
{
	o->extent.size = round_up(o->extent.size, o->extent.align ?: 1);
	return add_type(b, o->name, o->is_union ? BTF_KIND_UNION : BTF_KIND_STRUCT, o->nr,
			o->extent.size, o->members.data, o->members.len);
}

static void begin(struct open *o, const char *name, bool is_union)
{
	struct buffer members = { o->members.data, 0, o->members.room };

	*o = (struct open){ .name = name, .is_union = is_union, .members = members };
}

static bool build_lines(struct builder *b, const struct vnet_layout_line *lines)
{
	struct open opens[2] = {}, *whole = &opens[0], *part = &opens[1], *o = whole;
	bool ok = true;

	for (uint32_t i = 0; lines[i].name && ok; i++) {
		switch (lines[i].what) {
		case VNET_LAYOUT_STRUCT:
			begin(whole, lines[i].name, false);
			break;
		case VNET_LAYOUT_UNION:
			o = part;
			begin(part, "", true);
			break;
		case VNET_LAYOUT_END:
			if (o == part) {
				uint32_t id = finish(b, part);

				place(b, whole, "", id, part->extent);
				o = whole;
				break;
			}
			b->made[b->nr_made].name = whole->name;
			b->made[b->nr_made].id = finish(b, whole);
			b->made[b->nr_made++].extent = whole->extent;
			break;
		default:
			ok = add_member(b, o, &lines[i], i);
		}
	}
	free(opens[0].members.data);
	free(opens[1].members.data);
	return ok;
}

/* The member's type and place in a structure of vmlinux; NULL: it has none such. */
static const struct btf_type *find_member(const struct vnet_btf *btf, uint32_t id,
					  const char *name, uint32_t *offset)
{
	const struct btf_type *type = vnet_btf_type(btf, id);
	const struct btf_member *m = type ? btf_members(type) : NULL;

	for (uint32_t i = 0; type && i < btf_vlen(type); i++) {
		if (strcmp(vnet_btf_string(btf, m[i].name_off), name))
			continue;
		*offset = btf_member_bit_offset(type, i) / 8;
		return vnet_btf_type(btf, m[i].type);
	}
	return NULL;
}

/*
 * ptr_ring has producer and its lock on a line of their own, consumer_head on
 * the next. The compilers' constant is in no BTF.
 */
static uint32_t find_cacheline(const struct vnet_btf *btf)
{
	uint32_t id = vnet_btf_find(btf, "ptr_ring", BTF_KIND_STRUCT), offset;

	return find_member(btf, id, "consumer_head", &offset) ? offset : 0;
}

static bool is_sign(const struct vnet_btf *btf, const struct vnet_layout_sign *sign)
{
	uint32_t id = vnet_btf_find(btf, sign->type, BTF_KIND_STRUCT), offset;
	const struct btf_type *member = NULL;
	bool there = id;

	if (sign->member) {
		member = find_member(btf, id, sign->member, &offset);
		there = member;
	}
	if (sign->wanted == VNET_SIGN_EMBEDDED)
		return member && btf_is_struct(member);
	return there == (sign->wanted == VNET_SIGN_THERE);
}

static bool is_of_time(const struct vnet_description *layout, const struct vnet_btf *vmlinux)
{
	for (int i = 0; i < VNET_LAYOUT_SIGNS && layout->signs[i].type; i++)
		if (!is_sign(vmlinux, &layout->signs[i]))
			return false;
	return true;
}

/* Header, types and strings in one piece, as the kernel has them. */
static struct vnet_btf *join(struct builder *b)
{
	struct btf_header header = {
		.magic = BTF_MAGIC, .version = BTF_VERSION, .hdr_len = sizeof(header),
		.type_len = b->types.len, .str_off = b->types.len, .str_len = b->strings.len,
	};
	struct buffer all = {};
	struct vnet_btf *btf;

	append(&all, &header, sizeof(header));
	append(&all, b->types.data, b->types.len);
	append(&all, b->strings.data, b->strings.len);
	btf = vnet_btf_copy(all.data, all.len, b->vmlinux);
	free(all.data);
	return btf;
}

static struct vnet_btf *build(const struct vnet_description *layout,
			      const struct vnet_btf *vmlinux, char why[160])
{
	struct builder b = {
		.vmlinux = vmlinux, .next = vmlinux->end, .why = why,
		.cacheline = find_cacheline(vmlinux),
	};
	struct vnet_btf *btf = NULL;
	size_t nr = 0;

	if (!b.cacheline) {
		snprintf(why, 160, "the kernel's BTF does not show the size of a cache line");
		return NULL;
	}
	for (const struct vnet_layout_line *l = layout->lines; l->name; l++)
		nr += l->what == VNET_LAYOUT_STRUCT;
	b.made = vnet_alloc(nr * sizeof(*b.made));
	find_types(&b, layout->lines);
	if (build_lines(&b, layout->lines))
		btf = join(&b);
	vnet_names_free(&b.names);
	free(b.ids);
	free(b.made);
	free(b.types.data);
	free(b.strings.data);
	return btf;
}

struct vnet_btf *vnet_layout_make(const char *module, const struct vnet_btf *vmlinux,
				  char why[160])
{
	const char *kernels = NULL;

	for (const struct vnet_description *l = vnet_descriptions; l->module; l++) {
		if (strcmp(l->module, module))
			continue;
		if (is_of_time(l, vmlinux))
			return build(l, vmlinux, why);
		kernels = l->kernels;
	}
	if (kernels)
		snprintf(why, 160, "module '%s' has no BTF, and what is known of its "
			 "structures is of %s", module, kernels);
	else
		snprintf(why, 160, "module '%s' has no BTF", module);
	return NULL;
}

bool vnet_layout_built_in(const char *module, const struct vnet_btf *vmlinux)
{
	for (const struct vnet_description *l = vnet_descriptions; l->module; l++)
		if (!strcmp(l->module, module))
			return vnet_btf_find(vmlinux, l->own, BTF_KIND_STRUCT);
	return false;
}
