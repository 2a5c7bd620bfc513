/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of a kernel's BTF that one BPF object asks about. Used by
 * core/session.c, which gives it to libbpf in place of the whole.
 */
#ifndef VNET_CORE_BTF_PART_H
#define VNET_CORE_BTF_PART_H

#include "core/btf.h"

/*
 * A BTF with every type of vmlinux that has the name and kind of one in the
 * object's BTF (a ___flavour aside), and what is inside of them; of modules
 * (nr_modules, on top of vmlinux) only what vmlinux does not have, as libbpf
 * does it. Pointers point to void: a relocation never follows one. Good for
 * CO-RE relocations of fields, enum values, existence and size; numbers of
 * types are its own. NULL with errno. btf__free() it.
 */
struct btf *vnet_btf_part(const struct btf *object, const struct vnet_btf *vmlinux,
			  struct vnet_btf *const *modules, size_t nr_modules);

#endif
