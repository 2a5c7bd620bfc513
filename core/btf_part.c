/* SPDX-License-Identifier: GPL-2.0-only */
/* Copies the types that an object asks about: see core/btf_part.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/btf_part.h"
#include "core/names.h"
#include "vnet/util.h"

/* Kernels nest types ten deep or so; more is a circle in a broken file. */
#define MAX_DEPTH	64

/* In a name's value, beside the kind: vmlinux has it. */
#define FOUND		0x100

struct part {
	struct btf *to;
	const struct vnet_btf *from;	/* what is being copied */
	struct vnet_names names;	/* wanted; value: kind and FOUND */
	uint32_t first;			/* of a module's own types */
	uint32_t *copies, *own;		/* by type of vmlinux, of the module: its copy */
	int pointer;			/* the only one there need be; 0: none yet */
};

static int copy_type(struct part *p, uint32_t id, int depth);

/* Without the ___flavour, as libbpf takes it. */
static size_t essential_len(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = len; i > 4; i--)
		if (!strncmp(name + i - 4, "___", 3) && name[i - 5] != '_' &&
		    name[i - 1] != '_')
			return i - 4;
	return len;
}

/* Enums of 32 and of 64 bits are one to a relocation. */
static int wanted_kind(const struct btf_type *type)
{
	uint32_t kind = btf_kind(type);

	switch (kind) {
	case BTF_KIND_ENUM64:
		return BTF_KIND_ENUM;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case BTF_KIND_TYPEDEF:
		return kind;
	default:
		return 0;
	}
}

static void note_wanted(struct part *p, const struct btf *object)
{
	for (uint32_t id = 1; id < btf__type_cnt(object); id++) {
		const struct btf_type *type = btf__type_by_id(object, id);
		const char *name = btf__name_by_offset(object, type->name_off);
		int kind = wanted_kind(type);

		if (kind)
			vnet_names_add(&p->names, name, essential_len(name), kind);
	}
	vnet_names_sort(&p->names);
}

static const char *name_of(const struct part *p, uint32_t offset)
{
	return vnet_btf_string(p->from, offset);
}

static int copy_int(struct part *p, const struct btf_type *type)
{
	return btf__add_int(p->to, name_of(p, type->name_off), type->size,
			    btf_int_encoding(type));
}

static int copy_array(struct part *p, const struct btf_type *type, int depth)
{
	const struct btf_array *array = btf_array(type);
	int element = copy_type(p, array->type, depth), index;

	if (element < 0)
		return element;
	index = copy_type(p, array->index_type, depth);
	return index < 0 ? index : btf__add_array(p->to, index, element, array->nelems);
}

/* Members before the whole: libbpf adds fields to the type that was added last. */
static int copy_composite(struct part *p, const struct btf_type *type, int depth)
{
	const struct btf_member *m = btf_members(type);
	const char *name = name_of(p, type->name_off);
	uint32_t nr = btf_vlen(type);
	int *members = vnet_alloc((nr + 1) * sizeof(*members)), id = 0, err = 0;

	for (uint32_t i = 0; i < nr && !err; i++) {
		members[i] = copy_type(p, m[i].type, depth);
		err = members[i] < 0 ? members[i] : 0;
	}
	if (!err) {
		id = btf_is_struct(type) ? btf__add_struct(p->to, name, type->size) :
		     btf__add_union(p->to, name, type->size);
		err = id < 0 ? id : 0;
	}
	for (uint32_t i = 0; i < nr && !err; i++)
		err = btf__add_field(p->to, name_of(p, m[i].name_off), members[i],
				     btf_member_bit_offset(type, i),
				     btf_member_bitfield_size(type, i));
	free(members);
	return err ?: id;
}

static int copy_enum(struct part *p, const struct btf_type *type)
{
	const struct btf_enum *e = btf_enum(type);
	int id = btf__add_enum(p->to, name_of(p, type->name_off), type->size), err = 0;

	for (uint32_t i = 0; id > 0 && !err && i < btf_vlen(type); i++, e++)
		err = btf__add_enum_value(p->to, name_of(p, e->name_off),
					  btf_kflag(type) ? (int64_t)e->val : (uint32_t)e->val);
	return err ?: id;
}

static int copy_enum64(struct part *p, const struct btf_type *type)
{
	const struct btf_enum64 *e = btf_enum64(type);
	int id = btf__add_enum64(p->to, name_of(p, type->name_off), type->size,
				 btf_kflag(type)), err = 0;

	for (uint32_t i = 0; id > 0 && !err && i < btf_vlen(type); i++, e++)
		err = btf__add_enum64_value(p->to, name_of(p, e->name_off),
					    btf_enum64_value(e));
	return err ?: id;
}

static int copy_typedef(struct part *p, const struct btf_type *type, int depth)
{
	int target = copy_type(p, type->type, depth);

	return target < 0 ? target :
	       btf__add_typedef(p->to, name_of(p, type->name_off), target);
}

static int copy_pointer(struct part *p)
{
	if (!p->pointer)
		p->pointer = btf__add_ptr(p->to, 0);
	return p->pointer;
}

static int copy_new(struct part *p, const struct btf_type *type, int depth)
{
	switch (btf_kind(type)) {
	case BTF_KIND_INT:
		return copy_int(p, type);
	case BTF_KIND_FLOAT:
		return btf__add_float(p->to, name_of(p, type->name_off), type->size);
	case BTF_KIND_PTR:
		return copy_pointer(p);
	case BTF_KIND_ARRAY:
		return copy_array(p, type, depth);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return copy_composite(p, type, depth);
	case BTF_KIND_ENUM:
		return copy_enum(p, type);
	case BTF_KIND_ENUM64:
		return copy_enum64(p, type);
	case BTF_KIND_TYPEDEF:
		return copy_typedef(p, type, depth);
	case BTF_KIND_CONST:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		/* Relocations pass over them. */
		return copy_type(p, type->type, depth);
	default:
		/* A function or a forward: only ever behind a pointer. */
		return 0;
	}
}

/* The number of the type's copy, made if need be; 0 for void; -errno. */
static int copy_type(struct part *p, uint32_t id, int depth)
{
	const struct btf_type *type = vnet_btf_type(p->from, id);
	uint32_t *copy;
	int new;

	if (!type)
		return id ? -EINVAL : 0;
	if (depth == MAX_DEPTH)
		return -ELOOP;
	copy = id < p->first ? &p->copies[id] : &p->own[id - p->first];
	if (*copy)
		return *copy;
	new = copy_new(p, type, depth + 1);
	if (new > 0)
		*copy = new;
	return new;
}

static struct vnet_name *find_wanted(struct part *p, const struct btf_type *type)
{
	const char *name = name_of(p, type->name_off);
	int kind = wanted_kind(type);
	struct vnet_name *found;

	if (!kind || !vnet_names_may(&p->names, name))
		return NULL;
	found = vnet_names_find(&p->names, name, essential_len(name));
	while (found && (found->value & ~FOUND) != kind)
		found = vnet_names_next(&p->names, found);
	return found;
}

/* The other entries of that name and kind are marked with it. */
static void mark_found(struct part *p, struct vnet_name *name)
{
	int kind = name->value & ~FOUND;

	for (; name; name = vnet_names_next(&p->names, name))
		if ((name->value & ~FOUND) == kind)
			name->value |= FOUND;
}

/* All wanted types of one BTF. */
static int copy_wanted(struct part *p, const struct vnet_btf *from)
{
	p->from = from;
	p->own = from->base ? vnet_alloc((from->end - from->first) * sizeof(*p->own)) : NULL;
	for (uint32_t id = from->first; id < from->end; id++) {
		struct vnet_name *name = find_wanted(p, vnet_btf_type(from, id));
		int new;

		if (!name || (from->base && name->value & FOUND))
			continue;
		new = copy_type(p, id, 0);
		if (new < 0) {
			free(p->own);
			return new;
		}
		if (!from->base)
			mark_found(p, name);
	}
	free(p->own);
	return 0;
}

struct btf *vnet_btf_part(const struct btf *object, const struct vnet_btf *vmlinux,
			  struct vnet_btf *const *modules, size_t nr_modules)
{
	struct part *p = vnet_alloc(sizeof(*p));
	struct btf *result;
	int err = 0;

	p->first = vmlinux->end;
	p->copies = vnet_alloc(p->first * sizeof(*p->copies));
	p->to = btf__new_empty();
	if (!p->to)
		err = -errno;
	note_wanted(p, object);
	err = err ?: copy_wanted(p, vmlinux);
	for (size_t i = 0; i < nr_modules && !err; i++)
		err = copy_wanted(p, modules[i]);
	result = p->to;
	if (err) {
		btf__free(p->to);
		result = NULL;
	}
	vnet_names_free(&p->names);
	free(p->copies);
	free(p);
	errno = -err;
	return result;
}
