/* SPDX-License-Identifier: GPL-2.0-only */
/* Read-only variables of a BPF object, by name. Private to core. */
#ifndef VNET_RODATA_H
#define VNET_RODATA_H

#include <stddef.h>

struct bpf_object;

/*
 * Overwrites the initial value of a `const volatile` variable before load.
 * -ENOENT: no such variable; -EINVAL: it has another size.
 */
int vnet_rodata_set(struct bpf_object *object, const char *name, const void *data,
		    size_t size);

#endif
