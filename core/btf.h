/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel's description of its types (BTF), read once and walked in place.
 * libbpf copies it, indexes it and looks for each name from the beginning; of
 * 100,000 types a run needs a few hundred. Used by core/kernel.c for the facts,
 * core/reasons.c for enums, core/check.c and core/session.c to load programs.
 */
#ifndef VNET_CORE_BTF_H
#define VNET_CORE_BTF_H

#include <stdbool.h>
#include <stdint.h>

#include <bpf/btf.h>

/* vmlinux's, or a module's, whose numbers and strings go on where those end. */
struct vnet_btf {
	const struct vnet_btf *base;	/* a module's: vmlinux's, not owned; or NULL */
	void *data;			/* all of it, owned */
	size_t size;
	bool mapped;			/* data is of mmap(), else of malloc() */
	uint32_t first, end;		/* own types' numbers: [first, end) */
	const char *types;
	uint32_t *offsets;		/* of own types, from types */
	const char *strings;		/* own; the first is at strings_from */
	uint32_t strings_from, strings_len;
};

/* The running kernel's, or NULL if it has none. */
struct vnet_btf *vnet_btf_kernel(void);
/* Of the kernel's file, where distributions put it; the kernel does not know it. */
struct vnet_btf *vnet_btf_image(void);
/* A file's, raw or in an ELF file; NULL if there is none in it. */
struct vnet_btf *vnet_btf_file(const char *path);
/* A loaded module's; vmlinux must outlive it. NULL if it has none. */
struct vnet_btf *vnet_btf_module(const char *module, const struct vnet_btf *vmlinux);
/* Of `size` bytes, which are copied; base: vmlinux's or NULL. NULL: they are no BTF. */
struct vnet_btf *vnet_btf_copy(const void *data, size_t size, const struct vnet_btf *base);
void vnet_btf_free(struct vnet_btf *btf);

/* By number, the base's too; NULL for 0 (void) and for what does not exist. */
static inline const struct btf_type *vnet_btf_type(const struct vnet_btf *btf, uint32_t id)
{
	if (btf->base && id < btf->first)
		btf = btf->base;
	if (id < btf->first || id >= btf->end)
		return NULL;
	return (const void *)(btf->types + btf->offsets[id - btf->first]);
}

/* "" for what does not exist. */
static inline const char *vnet_btf_string(const struct vnet_btf *btf, uint32_t offset)
{
	if (btf->base && offset < btf->strings_from)
		btf = btf->base;
	offset -= btf->strings_from;
	return offset < btf->strings_len ? btf->strings + offset : "";
}

/* The number of the first own type of that name and kind, or 0. */
uint32_t vnet_btf_find(const struct vnet_btf *btf, const char *name, uint32_t kind);

/* A descriptor of the module's BTF in the kernel, or -errno. */
int vnet_btf_module_fd(const char *module);

#endif
