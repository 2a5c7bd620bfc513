/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trying what a plan promises, for `vnetdiag probes --check`: whether a way to
 * attach works is a fact only once the kernel has let it.
 */
#ifndef VNET_CHECK_H
#define VNET_CHECK_H

#include "vnet/plan.h"

/*
 * Loads a program that does nothing, attaches it to the point by the mechanism
 * and takes it away again; `target` is the symbol for a kprobe (a clone's name,
 * maybe). `kernel` is the running one, with its BTF. 0 or -errno, silently.
 */
int vnet_check_attach(const struct vnet_kernel *kernel, enum vnet_point_id point,
		      enum vnet_mechanism mechanism, const char *target);

#endif
