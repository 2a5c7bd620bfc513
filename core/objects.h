/* SPDX-License-Identifier: GPL-2.0-only */
/* The BPF objects embedded in the binary (core/objects.S). Private to core. */
#ifndef VNET_OBJECTS_H
#define VNET_OBJECTS_H

struct vnet_object {
	const char *name;	/* of probes/<name>.bpf.c; NULL ends the table */
	const char *start, *end;	/* the ELF file, 8-byte aligned */
};

extern const struct vnet_object vnet_objects[];

#endif
