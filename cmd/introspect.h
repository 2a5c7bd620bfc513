/* SPDX-License-Identifier: GPL-2.0-only */
/* What cmd/introspect.c shares with the writers of completion scripts. */
#ifndef CMD_INTROSPECT_H
#define CMD_INTROSPECT_H

#include "vnet/cli.h"

/* One visible option of a command; `shared`: from a table all commands share. */
typedef void introspect_option_fn(const struct vnet_cmd *cmd,
				  const struct vnet_opt *opt, bool shared,
				  void *data);
/* Calls `fn` for each option of the command that is not hidden, --help too. */
void introspect_each_option(const struct vnet_cmd *cmd,
			    introspect_option_fn *fn, void *data);

/* cmd/completion.c: a whole completion script on stdout. */
void introspect_bash(void);
void introspect_zsh(void);
void introspect_fish(void);

#endif
