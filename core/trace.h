/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loads tp_btf and fentry programs by the numbers that the facts hold, without
 * libbpf's own search. Used by core/session.c around a load.
 */
#ifndef VNET_CORE_TRACE_H
#define VNET_CORE_TRACE_H

#include "vnet/kernel.h"

/* Once, before the first object is opened. */
void vnet_trace_init(void);
/* From now on programs are loaded for this kernel, whose places are known. */
void vnet_trace_begin(const struct vnet_kernel *kernel);
void vnet_trace_end(void);

#endif
