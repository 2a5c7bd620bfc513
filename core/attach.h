/* SPDX-License-Identifier: GPL-2.0-only */
/* Attaching a loaded program as the plan says. Private to core/session.c. */
#ifndef VNET_ATTACH_H
#define VNET_ATTACH_H

struct bpf_program;
struct vnet_choice;

/* NULL with errno set if the kernel refuses. */
struct bpf_link *vnet_attach(struct bpf_program *program, const struct vnet_choice *choice);

#endif
