/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Structures of modules whose kernel has no BTF of modules (before v5.11, or
 * built without it): laid out as the compiler did, from descriptions in source
 * order (core/layout_types.c) and the sizes that vmlinux's own BTF gives for
 * what is inside. Used by core/kernel.c in the place of a module's BTF.
 */
#ifndef VNET_CORE_LAYOUT_H
#define VNET_CORE_LAYOUT_H

#include "core/btf.h"

enum vnet_layout_what {
	VNET_LAYOUT_STRUCT,	/* begins the structure `name` */
	VNET_LAYOUT_UNION,	/* begins a union without a name; not nested */
	VNET_LAYOUT_END,	/* of the union, or of the structure */
	VNET_LAYOUT_POINTER,	/* a member that points to whatever */
	VNET_LAYOUT_VALUE,	/* a member of an integer type or a typedef */
	VNET_LAYOUT_EMBEDDED,	/* a member that is a structure */
};

/* One line of a description; a table of them ends where `name` is NULL. */
struct vnet_layout_line {
	enum vnet_layout_what what;
	const char *type;	/* VALUE, EMBEDDED: the type's name in BTF */
	const char *name;	/* of the member or structure; "" for a union and an END */
	uint32_t elements;	/* 0: no array */
	bool cacheline;		/* aligned to one: BTF does not tell */
};

/* Something of vmlinux that tells whether a description is of its time. */
struct vnet_layout_sign {
	const char *type, *member;	/* of this structure; member NULL: itself */
	enum { VNET_SIGN_THERE, VNET_SIGN_ABSENT, VNET_SIGN_EMBEDDED } wanted;
};

#define VNET_LAYOUT_SIGNS	3

/* The structures of one module over some generations of kernels. */
struct vnet_description {
	const char *module;
	const char *own;	/* a structure of this module alone */
	const char *kernels;	/* for messages: "v5.3 and later" */
	struct vnet_layout_sign signs[VNET_LAYOUT_SIGNS];	/* type NULL: no more */
	const struct vnet_layout_line *lines;
};
/* The newest first; ends with a module that is NULL. */
extern const struct vnet_description vnet_descriptions[];

/*
 * A BTF on top of vmlinux's, which must outlive it, with the structures of the
 * module. NULL with the reason in why: no description is of this kernel's time.
 */
struct vnet_btf *vnet_layout_make(const char *module, const struct vnet_btf *vmlinux,
				  char why[160]);
/* Whether vmlinux itself has the module's structures: it is built in. */
bool vnet_layout_built_in(const char *module, const struct vnet_btf *vmlinux);

#endif
