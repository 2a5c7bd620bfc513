/* SPDX-License-Identifier: GPL-2.0-only */
/* Between cmd/doctor.c (commands) and cmd/doctor_host.c (the host). */
#ifndef VNET_CMD_DOCTOR_H
#define VNET_CMD_DOCTOR_H

#include "vnet/kernel.h"
#include "vnet/report.h"

/* Adds the table "checks": what of this host decides what vnetdiag can do. */
void doctor_host_checks(struct vnet_report *report, const struct vnet_kernel *kernel);
/* What to do about a module that is not loaded; in the report's memory. */
const char *doctor_module_hint(struct vnet_report *report, const struct vnet_kernel *kernel,
			       const char *module);

#endif
