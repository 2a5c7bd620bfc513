/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages for people, on stderr only. What failed comes first, its subject
 * in single quotes, the cause last; a hint names the next action.
 */
#ifndef VNET_LOG_H
#define VNET_LOG_H

#include <stdbool.h>

/* "vnetdiag: error: ...\n" */
void vnet_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "vnetdiag: warning: ...\n" */
void vnet_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "hint: ...\n", behind an error or a warning */
void vnet_hint(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "vnetdiag: ...\n", only with -v */
void vnet_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vnet_set_verbose(bool on);
bool vnet_verbose(void);

#endif
