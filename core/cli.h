/* SPDX-License-Identifier: GPL-2.0-only */
/* Between core/cli.c and core/cli_check.c. */
#ifndef CORE_CLI_H
#define CORE_CLI_H

#include "vnet/cli.h"

/*
 * What the shared options forbid together, in every command that has them.
 * `shared` begins with a struct vnet_args if the command lists a shared table.
 * 0, or -EINVAL after an explanation.
 */
int vnet_cli_check_shared(const struct vnet_cmd *cmd, const void *shared);

#endif
