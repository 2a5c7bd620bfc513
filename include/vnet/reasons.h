/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Why packets are freed: the running kernel's reason names, what may be
 * inferred from the function where there are none, and which frees are normal.
 */
#ifndef VNET_REASONS_H
#define VNET_REASONS_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/types.h>

#include "vnet/abi/drop.h"

struct vnet_btf;
struct vnet_reasons;

/*
 * Reads the reason enums of vmlinux (may be NULL) and of the modules that have
 * sub-system reasons. `args` is the number of the kfree_skb tracepoint's
 * arguments: below 3 it carries no reason.
 */
struct vnet_reasons *vnet_reasons_load(const struct vnet_btf *vmlinux, uint32_t args);
void vnet_reasons_free(struct vnet_reasons *reasons);
/* Whether the kernel gives reasons at all. */
bool vnet_reasons_known(const struct vnet_reasons *reasons);
/* "NO_SOCKET", or NULL if the number has no name. Lives as long as `reasons`. */
const char *vnet_reasons_name(const struct vnet_reasons *reasons, uint32_t reason);
/* The number of a name, without regard to case; false if there is none. */
bool vnet_reasons_find(const struct vnet_reasons *reasons, const char *name,
		       uint32_t *reason);
/* What a drop in that function usually means, in the kernel's own terms; or NULL. */
const char *vnet_reasons_infer(const char *function);
/* True if the reason says no more than that the packet was dropped. */
bool vnet_reasons_vague(const struct vnet_reasons *reasons, uint32_t reason);
/* The bitmap of reasons that are normal ends of a packet. */
void vnet_reasons_normal(const struct vnet_reasons *reasons,
			 __u64 bits[VNET_DROP_REASONS / 64]);
/* Whether frees in that function for that reason are normal. */
bool vnet_reasons_normal_at(const struct vnet_reasons *reasons, const char *function,
			    uint32_t reason);

#endif
