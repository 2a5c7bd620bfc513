/* SPDX-License-Identifier: GPL-2.0-only */
/* `vnetdiag help [COMMAND...]` and `vnetdiag version`. */
#include <bpf/libbpf.h>

#include "cmd/commands.h"
#include "vnet/cli.h"
#include "vnet/log.h"
#include "vnet/util.h"

struct help_args {
	struct vnet_operands words;
};

static int run_help(void *data)
{
	const struct help_args *args = data;
	int nr = (int)args->words.nr, nr_words;
	const struct vnet_cmd *cmd;
	/* The words as an argv: argv[0] is the program. */
	char *argv[VNET_MAX_OPERANDS + 1] = { NULL };

	for (int i = 0; i < nr; i++)
		argv[i + 1] = (char *)args->words.words[i];
	if (!nr || vnet_cli_is_group(nr, argv + 1)) {
		vnet_cli_list(nr, argv + 1, stdout);
		return VNET_EXIT_OK;
	}
	cmd = vnet_cli_find(nr + 1, argv, &nr_words);
	if (!cmd)
		return VNET_EXIT_USAGE;
	if (nr_words < nr) {
		vnet_error("unexpected argument '%s'", argv[nr_words + 1]);
		vnet_hint("see 'vnetdiag help %s'", cmd->path);
		return VNET_EXIT_USAGE;
	}
	vnet_cli_help(cmd, stdout);
	return VNET_EXIT_OK;
}

const struct vnet_cmd vnet_cmd_help = {
	.path = "help",
	.summary = "The commands, or the help of one",
	.description = "Lists the commands, those of one subject, or shows "
		       "the help of one command.",
	.operands = "[COMMAND...]",
	.operands_offset = offsetof(struct help_args, words),
	.args_size = sizeof(struct help_args),
	.run = run_help,
	.examples = (const struct vnet_cmd_example[]) {
		{ "All commands", "vnetdiag help" },
		{ "Everything about one", "vnetdiag help drop summary" },
		{ }
	},
};

static int run_version(void *data)
{
	printf("vnetdiag %s\nlibbpf %s\n", VNET_VERSION,
	       libbpf_version_string());
	return VNET_EXIT_OK;
}

const struct vnet_cmd vnet_cmd_version = {
	.path = "version",
	.summary = "The versions of vnetdiag and libbpf",
	.description = "Shows the version of vnetdiag and of the libbpf that "
		       "it runs with.",
	.args_size = 1,
	.run = run_version,
	.examples = (const struct vnet_cmd_example[]) {
		{ "Both versions", "vnetdiag version" },
		{ }
	},
};
