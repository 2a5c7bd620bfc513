/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From words to a command: exact names, a guess when there is none, and the
 * list of commands. Called by cmd/main.c and cmd/help.c. It is not in core,
 * which knows no commands.
 */
#include <stdlib.h>
#include <string.h>

#include "vnet/cli.h"
#include "vnet/log.h"
#include "vnet/util.h"

#define MAX_WORD	16
#define MAX_CHOICES	64

bool vnet_cli_word(const struct vnet_cmd *cmd, int nr, char word[16])
{
	const char *from = cmd->path;
	size_t length;

	for (; nr > 0; nr--) {
		from = strchr(from, ' ');
		if (!from)
			return false;
		from++;
	}
	length = strcspn(from, " ");
	if (length >= MAX_WORD)
		return false;
	memcpy(word, from, length);
	word[length] = '\0';
	return true;
}

/* How many of these words, from the first, the command's path has. */
static int words_matched(const struct vnet_cmd *cmd, int nr, char *const *words)
{
	char word[MAX_WORD];
	int n = 0;

	while (n < nr && vnet_cli_word(cmd, n, word) && !strcmp(words[n], word))
		n++;
	return n;
}

bool vnet_cli_is_group(int nr, char *const *words)
{
	bool begun = false;
	char word[MAX_WORD];

	for (size_t i = 0; vnet_commands[i]; i++) {
		const struct vnet_cmd *cmd = vnet_commands[i];

		if (nr < 1 || cmd->hidden || words_matched(cmd, nr, words) < nr)
			continue;
		if (!vnet_cli_word(cmd, nr, word))
			return false;
		begun = true;
	}
	return begun;
}

static void list_one(const struct vnet_cmd *cmd, FILE *out)
{
	fprintf(out, "  %-18s  %s\n", cmd->path, cmd->summary);
}

void vnet_cli_list(int nr, char *const *words, FILE *out)
{
	fputs("Usage: vnetdiag", out);
	for (int i = 0; i < nr; i++)
		fprintf(out, " %s", words[i]);
	fprintf(out, " %s [OPTION...]\n\n", nr ? "VERB" : "COMMAND");
	if (!nr)
		fputs("Tells why the network of a virtualised host loses or "
		      "delays packets.\n\nCommands:\n", out);
	for (size_t i = 0; vnet_commands[i]; i++)
		if (!vnet_commands[i]->hidden &&
		    words_matched(vnet_commands[i], nr, words) == nr)
			list_one(vnet_commands[i], out);
	fputs("\n'vnetdiag COMMAND --help' tells more of each; "
	      "see also 'man vnetdiag'.\n", out);
}

/* The command whose whole path the words begin with, the longest such path. */
static const struct vnet_cmd *find_exact(int nr, char *const *words,
					 int *nr_words)
{
	const struct vnet_cmd *found = NULL;
	char word[MAX_WORD];

	*nr_words = 0;
	for (size_t i = 0; vnet_commands[i]; i++) {
		int n = words_matched(vnet_commands[i], nr, words);

		if (n > *nr_words && !vnet_cli_word(vnet_commands[i], n, word)) {
			found = vnet_commands[i];
			*nr_words = n;
		}
	}
	return found;
}

/* "ovs upcall": for messages; free() it. */
static char *join_words(int nr, char *const *words)
{
	char *text = vnet_strdup(nr ? words[0] : "");

	for (int i = 1; i < nr; i++) {
		char *longer = vnet_printf("%s %s", text, words[i]);

		free(text);
		text = longer;
	}
	return text;
}

/* What may follow the first `depth` words; hidden commands are no advice. */
static void suggest(int depth, char *const *words, const char *before)
{
	char found[MAX_CHOICES][MAX_WORD];
	const char *names[MAX_CHOICES + 1];
	const char *nearest;
	size_t nr = 0;

	for (size_t i = 0; vnet_commands[i] && nr < MAX_CHOICES; i++) {
		const struct vnet_cmd *cmd = vnet_commands[i];

		if (cmd->hidden || words_matched(cmd, depth, words) < depth ||
		    !vnet_cli_word(cmd, depth, found[nr]))
			continue;
		/* Commands of a subject stand together: once is enough. */
		if (!nr || strcmp(found[nr], found[nr - 1])) {
			names[nr] = found[nr];
			nr++;
		}
	}
	names[nr] = NULL;
	nearest = vnet_nearest(words[depth], names);
	if (nearest)
		vnet_hint("did you mean 'vnetdiag %s%s%s'?", before,
			  depth ? " " : "", nearest);
	else if (depth)
		vnet_hint("see 'vnetdiag help %s'", before);
	else
		vnet_hint("'vnetdiag help' lists the commands");
}

static void explain_not_found(int nr, char *const *words)
{
	char *before;
	int depth = 0;

	for (size_t i = 0; vnet_commands[i]; i++) {
		int n = words_matched(vnet_commands[i], nr, words);

		if (!vnet_commands[i]->hidden && n > depth)
			depth = n;
	}
	before = join_words(depth, words);
	if (!nr) {
		vnet_error("no command given");
		vnet_cli_list(0, words, stderr);
	} else if (depth < nr && words[depth][0] != '-') {
		vnet_error("unknown command '%s%s%s'", before,
			   depth ? " " : "", words[depth]);
		suggest(depth, words, before);
	} else if (depth) {
		vnet_error("'%s' needs a verb", before);
		vnet_cli_list(depth, words, stderr);
	} else {
		vnet_error("unknown option '%s' before the command", words[0]);
		vnet_hint("options come behind a command; "
			  "'vnetdiag help' lists the commands");
	}
	free(before);
}

const struct vnet_cmd *vnet_cli_find(int argc, char **argv, int *nr_words)
{
	int nr = argc > 0 ? argc - 1 : 0;
	char **words = argv + (argc > 0);
	const struct vnet_cmd *cmd = find_exact(nr, words, nr_words);

	if (!cmd)
		explain_not_found(nr, words);
	return cmd;
}
