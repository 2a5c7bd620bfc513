/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The completion scripts, written from the tables for `vnetdiag introspect
 * bash|zsh|fish`. What does not depend on the tables is a string in here.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/introspect.h"
#include "vnet/util.h"

#define GENERATED \
	"# SPDX-License-Identifier: GPL-2.0-only\n" \
	"# Written by tests/lib/generate.sh from vnetdiag's own tables: " \
	"do not edit.\n"

#define MAX_NEXT	64

/* A place in the commands' words where another word can come. */
struct place {
	char before[48];			/* "", "drop", "ovs upcall" */
	int depth;				/* how many words that is */
	char next[MAX_NEXT][16];		/* the words that can come */
	const struct vnet_cmd *cmd[MAX_NEXT];	/* the first with each */
	size_t nr;
};

/* The first `depth` words of a command's path. */
static void path_start(const struct vnet_cmd *cmd, int depth, char text[48])
{
	char word[16];
	size_t used = 0;

	text[0] = '\0';
	for (int i = 0; i < depth && vnet_cli_word(cmd, i, word); i++)
		used += (size_t)snprintf(text + used, 48 - used, "%s%s",
					 i ? " " : "", word);
}

static bool place_seen(size_t before, int depth, const char *start)
{
	char other[48];

	for (size_t i = 0; i < before; i++) {
		path_start(vnet_commands[i], depth, other);
		if (!vnet_commands[i]->hidden && !strcmp(other, start))
			return true;
	}
	return false;
}

static void fill_place(struct place *place, int depth, const char *start)
{
	char other[48], word[16];

	place->nr = 0;
	place->depth = depth;
	vnet_copy(place->before, sizeof(place->before), start);
	for (size_t i = 0; vnet_commands[i] && place->nr < MAX_NEXT; i++) {
		const struct vnet_cmd *cmd = vnet_commands[i];

		path_start(cmd, depth, other);
		if (cmd->hidden || strcmp(other, start) ||
		    !vnet_cli_word(cmd, depth, word))
			continue;
		if (place->nr && !strcmp(place->next[place->nr - 1], word))
			continue;
		vnet_copy(place->next[place->nr], 16, word);
		place->cmd[place->nr++] = cmd;
	}
}

/* Each place once, in the order of the commands. */
static void each_place(void (*fn)(const struct place *place))
{
	struct place place;
	char start[48], word[16];

	for (size_t i = 0; vnet_commands[i]; i++) {
		for (int depth = 0; !vnet_commands[i]->hidden &&
		     vnet_cli_word(vnet_commands[i], depth, word); depth++) {
			path_start(vnet_commands[i], depth, start);
			if (place_seen(i, depth, start))
				continue;
			fill_place(&place, depth, start);
			fn(&place);
		}
	}
}

/* The summary of a word: the command's, or its subject's verbs. */
static char *word_summary(const struct place *place, size_t i)
{
	char word[16];

	if (vnet_cli_word(place->cmd[i], place->depth + 1, word))
		return vnet_printf("%s commands", place->next[i]);
	return vnet_strdup(place->cmd[i]->summary);
}

/* Text within single quotes of any of the three shells. */
static void quote(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	}
}

static void print_choices(const struct vnet_opt *opt)
{
	for (size_t i = 0; opt->choices[i]; i++)
		printf("%s%s", i ? " " : "", opt->choices[i]);
}

static bool takes_list(const struct vnet_opt *opt)
{
	return opt->type == VNET_OPT_DEVICES || opt->type == VNET_OPT_ENUM_SET;
}

/* bash */

static void bash_place(const struct place *place)
{
	printf("\t'%s') echo '", place->before);
	for (size_t i = 0; i < place->nr; i++)
		printf("%s%s", i ? " " : "", place->next[i]);
	puts("' ;;");
}

static void bash_name(const struct vnet_cmd *cmd, const struct vnet_opt *opt,
		      bool shared, void *data)
{
	bool *first = data;

	printf("%s--%s", *first ? "" : " ", opt->name);
	if (opt->key)
		printf(" -%c", opt->key);
	*first = false;
}

/* One line per option that has a value: what completes it. */
static void bash_value(const char *before, const struct vnet_opt *opt)
{
	if (opt->type == VNET_OPT_FLAG)
		return;
	printf("\t%s' --%s'", before, opt->name);
	if (opt->key)
		printf(" | %s' -%c'", before, opt->key);
	fputs(") echo '", stdout);
	if (opt->type == VNET_OPT_FILE)
		fputs("file", stdout);
	else if (opt->type == VNET_OPT_DEVICES)
		fputs("devices", stdout);
	else
		fputs(opt->choices ? takes_list(opt) ? "list " : "word " : "none",
		      stdout);
	if (opt->choices)
		print_choices(opt);
	puts("' ;;");
}

static void bash_own_value(const struct vnet_cmd *cmd,
			   const struct vnet_opt *opt, bool shared, void *data)
{
	char *before = vnet_printf("'%s'", cmd->path);

	if (!shared)
		bash_value(before, opt);
	free(before);
}

/* The commands' own, then what means the same behind every command. */
static void bash_values(void)
{
	const struct vnet_opt *const tables[] = {
		vnet_common_options, vnet_filter_options, vnet_task_options
	};

	for (size_t i = 0; vnet_commands[i]; i++)
		if (!vnet_commands[i]->hidden)
			introspect_each_option(vnet_commands[i],
					       bash_own_value, NULL);
	for (size_t i = 0; i < VNET_ARRAY_SIZE(tables); i++)
		for (const struct vnet_opt *opt = tables[i]; opt->name; opt++)
			if (!(opt->flags & VNET_OPT_HIDDEN))
				bash_value("*", opt);
}

static const char bash_functions[] =
"_vnetdiag_devices() {\n"
"\tlocal path\n"
"\tfor path in /sys/class/net/*; do\n"
"\t\t[[ -e $path/ifindex ]] && echo \"${path##*/}\"\n"
"\tdone\n"
"}\n"
"\n"
"# Completes the last item of a list with commas.\n"
"_vnetdiag_list() {\n"
"\tlocal cur=$1 head=''\n"
"\t[[ $cur == *,* ]] && head=${cur%,*},\n"
"\tmapfile -t COMPREPLY < <(compgen -P \"$head\" -W \"$2\" -- \"${cur##*,}\")\n"
"}\n"
"\n"
"_vnetdiag() {\n"
"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
"\tlocal command='' word next values i\n"
"\n"
"\t# bash splits --name=value at the '='.\n"
"\tif [[ $cur == '=' ]]; then\n"
"\t\tcur=''\n"
"\telif [[ $prev == '=' ]]; then\n"
"\t\tprev=${COMP_WORDS[COMP_CWORD - 2]}\n"
"\tfi\n"
"\t# The command: all words up to here that the tables know.\n"
"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
"\t\tword=${COMP_WORDS[i]}\n"
"\t\tnext=\" $(_vnetdiag_words \"$command\") \"\n"
"\t\t[[ $next == *\" $word \"* ]] || break\n"
"\t\tcommand=${command:+$command }$word\n"
"\tdone\n"
"\tif [[ $command == help* && $cur != -* ]]; then\n"
"\t\tcommand=${COMP_WORDS[*]:2:COMP_CWORD-2}\n"
"\t\tmapfile -t COMPREPLY < <(compgen -W \"$(_vnetdiag_words \"$command\")\" -- \"$cur\")\n"
"\t\treturn\n"
"\tfi\n"
"\tvalues=$(_vnetdiag_values \"$command $prev\")\n"
"\tcase $values in\n"
"\tfile)\n"
"\t\tcompopt -o filenames 2>/dev/null\n"
"\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
"\t\t;;\n"
"\tdevices) _vnetdiag_list \"$cur\" \"$(_vnetdiag_devices)\" ;;\n"
"\tlist*) _vnetdiag_list \"$cur\" \"${values#list }\" ;;\n"
"\tword*) mapfile -t COMPREPLY < <(compgen -W \"${values#word }\" -- \"$cur\") ;;\n"
"\tnone) COMPREPLY=() ;;\n"
"\t*)\n"
"\t\tnext=$(_vnetdiag_words \"$command\")\n"
"\t\t[[ $next ]] || next=$(_vnetdiag_options \"$command\")\n"
"\t\tmapfile -t COMPREPLY < <(compgen -W \"$next\" -- \"$cur\")\n"
"\t\t;;\n"
"\tesac\n"
"}\n"
"\n"
"complete -F _vnetdiag vnetdiag\n";

void introspect_bash(void)
{
	fputs("# shellcheck shell=bash\n" GENERATED
	      "\n# The words that can follow these words of a command.\n"
	      "_vnetdiag_words() {\n\tcase $1 in\n", stdout);
	each_place(bash_place);
	fputs("\tesac\n}\n\n_vnetdiag_options() {\n\tcase $1 in\n", stdout);
	for (size_t i = 0; vnet_commands[i]; i++) {
		bool first = true;

		if (vnet_commands[i]->hidden)
			continue;
		printf("\t'%s') echo '", vnet_commands[i]->path);
		introspect_each_option(vnet_commands[i], bash_name, &first);
		puts("' ;;");
	}
	fputs("\tesac\n}\n\n# What an option's value is: its kind, its choices.\n"
	      "_vnetdiag_values() {\n\tcase $1 in\n", stdout);
	bash_values();
	printf("\tesac\n}\n\n%s", bash_functions);
}

/* zsh */

static void zsh_place(const struct place *place)
{
	printf("\t('%s')\n\t\twords_here=(\n", place->before);
	for (size_t i = 0; i < place->nr; i++) {
		char *summary = word_summary(place, i);

		printf("\t\t\t'%s:", place->next[i]);
		quote(summary);
		puts("'");
		free(summary);
	}
	puts("\t\t)\n\t\t;;");
}

static void zsh_spec(const struct vnet_opt *opt, const char *dashes,
		     const char *name)
{
	printf("\t\t\t'(--%s", opt->name);
	if (opt->key)
		printf(" -%c", opt->key);
	printf(")%s%s", dashes, name);
	if (opt->type != VNET_OPT_FLAG)
		putchar(dashes[1] ? '=' : '+');
	putchar('[');
	/* A ']' would end it early: no help has one (tests/cli/docs.bats). */
	quote(opt->help);
	putchar(']');
	if (opt->type != VNET_OPT_FLAG) {
		fputs(":value:", stdout);
		if (opt->type == VNET_OPT_FILE)
			fputs("_files", stdout);
		else if (opt->type == VNET_OPT_DEVICES)
			fputs("_vnetdiag_devices", stdout);
		else if (opt->type == VNET_OPT_ENUM_SET)
			fputs("_sequence compadd - ", stdout);
		else
			putchar(opt->choices ? '(' : ' ');
		if (opt->choices)
			print_choices(opt);
		if (opt->type == VNET_OPT_ENUM)
			putchar(')');
	}
	puts("'");
}

static void zsh_option(const struct vnet_cmd *cmd, const struct vnet_opt *opt,
		       bool shared, void *data)
{
	char key[2] = { opt->key };

	zsh_spec(opt, "--", opt->name);
	if (opt->key)
		zsh_spec(opt, "-", key);
}

static const char zsh_functions[] =
"_vnetdiag_devices() {\n"
"\tlocal -a devices\n"
"\tdevices=(/sys/class/net/*(N:t))\n"
"\t_sequence compadd - $devices\n"
"}\n"
"\n"
"_vnetdiag() {\n"
"\tlocal command='' i\n"
"\tlocal -a words_here specs\n"
"\n"
"\t# The command: all words up to here that the tables know.\n"
"\tfor ((i = 2; i < CURRENT; i++)); do\n"
"\t\t_vnetdiag_words \"$command\"\n"
"\t\t(( ${words_here[(I)${words[i]}:*]} )) || break\n"
"\t\tcommand=\"${command:+$command }${words[i]}\"\n"
"\tdone\n"
"\tif [[ $command == help && ${words[CURRENT]} != -* ]]; then\n"
"\t\tcommand=\"${(j: :)words[3,CURRENT-1]}\"\n"
"\tfi\n"
"\t_vnetdiag_words \"$command\"\n"
"\tif (( $#words_here )); then\n"
"\t\t_describe -t commands 'command' words_here\n"
"\t\treturn\n"
"\tfi\n"
"\t_vnetdiag_specs \"$command\"\n"
"\twords=(vnetdiag \"${(@)words[i,-1]}\")\n"
"\t(( CURRENT -= i - 2 ))\n"
"\t_arguments -s -S : $specs\n"
"}\n"
"\n"
"_vnetdiag \"$@\"\n";

void introspect_zsh(void)
{
	fputs("#compdef vnetdiag\n" GENERATED
	      "\n# The words that can follow these words of a command.\n"
	      "_vnetdiag_words() {\n\twords_here=()\n\tcase $1 in\n", stdout);
	each_place(zsh_place);
	fputs("\tesac\n}\n\n_vnetdiag_specs() {\n\tspecs=()\n\tcase $1 in\n",
	      stdout);
	for (size_t i = 0; vnet_commands[i]; i++) {
		if (vnet_commands[i]->hidden)
			continue;
		printf("\t('%s')\n\t\tspecs=(\n", vnet_commands[i]->path);
		introspect_each_option(vnet_commands[i], zsh_option, NULL);
		puts("\t\t)\n\t\t;;");
	}
	printf("\tesac\n}\n\n%s", zsh_functions);
}

/* fish */

static void fish_place(const struct place *place)
{
	for (size_t i = 0; i < place->nr; i++) {
		char *summary = word_summary(place, i);

		printf("complete -c vnetdiag -f -n \"__vnetdiag_at '%s'\" "
		       "-a %s -d '", place->before, place->next[i]);
		quote(summary);
		puts("'");
		free(summary);
	}
}

static void fish_option(const struct vnet_cmd *cmd, const struct vnet_opt *opt,
			bool shared, void *data)
{
	printf("complete -c vnetdiag -n \"__vnetdiag_in '%s'\" -l %s",
	       cmd->path, opt->name);
	if (opt->key)
		printf(" -s %c", opt->key);
	if (opt->type == VNET_OPT_FILE)
		fputs(" -r -F", stdout);
	else if (opt->type != VNET_OPT_FLAG)
		fputs(" -x", stdout);
	if (opt->type == VNET_OPT_DEVICES) {
		fputs(" -a '(__vnetdiag_list (__vnetdiag_devices))'", stdout);
	} else if (opt->choices) {
		fputs(takes_list(opt) ? " -a '(__vnetdiag_list " : " -a '",
		      stdout);
		print_choices(opt);
		fputs(takes_list(opt) ? ")'" : "'", stdout);
	}
	fputs(" -d '", stdout);
	quote(opt->help);
	puts("'");
}

static const char fish_functions[] =
"# The words before the first option.\n"
"function __vnetdiag_words\n"
"\tset -l words (commandline -opc)\n"
"\tfor word in $words[2..-1]\n"
"\t\tstring match -q -- '-*' $word; and break\n"
"\t\techo $word\n"
"\tend\n"
"end\n"
"\n"
"# The command line has exactly these words, or 'help' and these.\n"
"function __vnetdiag_at\n"
"\tset -l words (__vnetdiag_words)\n"
"\ttest \"$words\" = \"$argv\"; or begin\n"
"\t\ttest \"$words[1]\" = help; and test \"$words[2..-1]\" = \"$argv\"\n"
"\tend\n"
"end\n"
"\n"
"# The command line has this command.\n"
"function __vnetdiag_in\n"
"\tset -l words (__vnetdiag_words)\n"
"\tstring match -q -- \"$argv *\" \"$words \"\n"
"end\n"
"\n"
"function __vnetdiag_devices\n"
"\tfor path in /sys/class/net/*\n"
"\t\ttest -e $path/ifindex; and string replace -r '.*/' '' $path\n"
"\tend\n"
"end\n"
"\n"
"# Completes the last item of a list with commas.\n"
"function __vnetdiag_list\n"
"\tset -l head (string replace -rf '^(--[^=]*=)?(.*,)[^,]*$' '$2' -- (commandline -ct))\n"
"\t# Joined to an empty list nothing would be left.\n"
"\tset -q head[1]; or set head ''\n"
"\tprintf '%s\\n' $head$argv\n"
"end\n"
"\n"
"complete -c vnetdiag -f\n";

void introspect_fish(void)
{
	printf(GENERATED "\n%s", fish_functions);
	each_place(fish_place);
	for (size_t i = 0; vnet_commands[i]; i++)
		if (!vnet_commands[i]->hidden)
			introspect_each_option(vnet_commands[i], fish_option,
					       NULL);
}
