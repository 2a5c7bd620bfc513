/* SPDX-License-Identifier: GPL-2.0-only */
/* What core/guests.c and core/guest_args.c share. */
#ifndef VNET_CORE_GUESTS_H
#define VNET_CORE_GUESTS_H

#include "vnet/guests.h"

/* The file of that name, NUL-terminated: free(). NULL: it is not to be read. */
char *vnet_proc_read(size_t *size, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Notes a device that bypasses the taps; `kind` is a constant. */
void vnet_guest_bypass(struct vnet_guest *guest, const char *kind, const char *what, size_t len);
/* What the arguments of a QEMU tell of such devices. */
void vnet_guest_args(struct vnet_guest *guest, const char *sys, const char *args, size_t size);

#endif
