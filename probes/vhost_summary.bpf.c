/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `vhost summary` and `vhost signal`: what the workers of vhost-net do for each
 * virtqueue. cmd/vhost_summary.c, cmd/vhost_signal.c
 */
#include "vhost_queue.bpf.h"
#include "vhost_state.bpf.h"

/* All is counted. */
static __always_inline void on_event(void *ctx, enum vnet_vhost_event event,
				     const struct vnet_vhost_queue *q, __u64 vq,
				     const struct step *step)
{
}
