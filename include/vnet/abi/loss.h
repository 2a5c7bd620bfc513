/* SPDX-License-Identifier: GPL-2.0-only */
/* The loss counters' numbers: the keys of the per-CPU array map `losses`. */
#ifndef VNET_ABI_LOSS_H
#define VNET_ABI_LOSS_H

enum vnet_loss_id {
#define VNET_LOSS(id, words) VNET_LOSS_##id,
#include "../loss.def"
#undef VNET_LOSS
	VNET_NR_LOSSES
};

#endif
