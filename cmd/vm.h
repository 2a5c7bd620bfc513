/* SPDX-License-Identifier: GPL-2.0-only */
/* --vm NAME: guests by name wherever --vm-interface takes their taps. */
#ifndef VNET_CMD_VM_H
#define VNET_CMD_VM_H

#include "vnet/cli.h"

/*
 * Adds the taps of the guests "A[,B...]" to `devices`. 0, or an exit status
 * having spoken: no such guest, or one without taps here.
 */
int vm_taps(const char *names, struct vnet_devices *devices);

#endif
