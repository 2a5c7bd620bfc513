/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `vnetdiag introspect` (hidden): the tables of commands and options, as JSON
 * for tests and tools, as roff for the man pages, as completion scripts for
 * shells. tests/lib/generate.sh puts the last two into the tree.
 */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cmd/commands.h"
#include "cmd/introspect.h"
#include "vnet/log.h"
#include "vnet/util.h"

/* Text lines of man pages; escaped hyphens come on top. */
#define MAN_WIDTH	70

struct introspect_args {
	struct vnet_operands words;
};

static const char *const type_names[] = {
	[VNET_OPT_FLAG] = "flag",
	[VNET_OPT_U32] = "number",
	[VNET_OPT_DURATION] = "duration",
	[VNET_OPT_STRING] = "string",
	[VNET_OPT_FILE] = "file",
	[VNET_OPT_DEVICES] = "devices",
	[VNET_OPT_ADDRESS] = "address",
	[VNET_OPT_PORT] = "port",
	[VNET_OPT_VLAN] = "vlan",
	[VNET_OPT_ENUM] = "enum",
	[VNET_OPT_ENUM_SET] = "enum-set",
	[VNET_OPT_RATE] = "rate",
};

void introspect_each_option(const struct vnet_cmd *cmd,
			    introspect_option_fn *fn, void *data)
{
	struct vnet_opt_group groups[VNET_CMD_TABLES + 1];
	size_t nr = vnet_cli_groups(cmd, groups);

	for (size_t i = 0; i < nr; i++) {
		const struct vnet_opt *opt = groups[i].options;
		bool shared = opt == vnet_common_options ||
			      opt == vnet_filter_options ||
			      opt == vnet_task_options || i == nr - 1;

		for (; opt->name; opt++)
			if (!(opt->flags & VNET_OPT_HIDDEN))
				fn(cmd, opt, shared, data);
	}
}

/* A string, or null where there is none. */
static void add_text(cJSON *object, const char *key, const char *text)
{
	if (text && *text)
		cJSON_AddStringToObject(object, key, text);
	else
		cJSON_AddNullToObject(object, key);
}

static cJSON *json_option(const struct vnet_opt *opt, const char *group,
			  const void *args)
{
	cJSON *o = cJSON_CreateObject();
	char value[160] = "", key[2] = { opt->key };
	uint32_t min, max;

	if (opt->type != VNET_OPT_FLAG)
		vnet_opt_default_text(opt, args, value, sizeof(value));
	add_text(o, "name", opt->name);
	add_text(o, "key", key);
	add_text(o, "type", type_names[opt->type]);
	add_text(o, "argument", opt->arg);
	add_text(o, "help", opt->help);
	add_text(o, "group", group);
	add_text(o, "default", value);
	cJSON_AddBoolToObject(o, "required", opt->flags & VNET_OPT_REQUIRED);
	cJSON_AddBoolToObject(o, "hidden", opt->flags & VNET_OPT_HIDDEN);
	if (vnet_opt_range(opt, &min, &max)) {
		cJSON_AddNumberToObject(o, "min", min);
		cJSON_AddNumberToObject(o, "max", max);
	}
	if (opt->choices) {
		cJSON *choices = cJSON_AddArrayToObject(o, "choices");

		for (size_t i = 0; opt->choices[i]; i++)
			cJSON_AddItemToArray(choices,
				cJSON_CreateString(opt->choices[i]));
	}
	return o;
}

static void json_options(const struct vnet_cmd *cmd, cJSON *command)
{
	cJSON *options = cJSON_AddArrayToObject(command, "options");
	struct vnet_opt_group groups[VNET_CMD_TABLES + 1];
	size_t nr = vnet_cli_groups(cmd, groups);
	void *args = vnet_cli_default_args(cmd);

	for (size_t i = 0; i < nr; i++) {
		const struct vnet_opt *opt = groups[i].options;

		for (; opt->name; opt++)
			cJSON_AddItemToArray(options,
				json_option(opt, groups[i].title, args));
	}
	free(args);
}

static cJSON *json_command(const struct vnet_cmd *cmd)
{
	const struct vnet_cmd_example *example = cmd->examples;
	cJSON *o = cJSON_CreateObject(), *examples;

	add_text(o, "path", cmd->path);
	add_text(o, "summary", cmd->summary);
	add_text(o, "description", cmd->description);
	add_text(o, "operands", cmd->operands);
	cJSON_AddBoolToObject(o, "hidden", cmd->hidden);
	json_options(cmd, o);
	examples = cJSON_AddArrayToObject(o, "examples");
	for (; example && example->what; example++) {
		cJSON *e = cJSON_CreateObject();

		add_text(e, "what", example->what);
		add_text(e, "command", example->command);
		cJSON_AddItemToArray(examples, e);
	}
	return o;
}

static void json_statuses_and_losses(cJSON *root)
{
	static const struct { const char *name, *words; } losses[] = {
#define VNET_LOSS(id, words) { #id, words },
#include "vnet/loss.def"
#undef VNET_LOSS
	};
	cJSON *list = cJSON_AddArrayToObject(root, "exit_statuses");

	for (int i = 0; i < VNET_NR_EXITS; i++) {
		cJSON *o = cJSON_CreateObject();

		cJSON_AddNumberToObject(o, "status", i);
		add_text(o, "meaning", vnet_exit_meanings[i]);
		cJSON_AddItemToArray(list, o);
	}
	list = cJSON_AddArrayToObject(root, "losses");
	for (size_t i = 0; i < VNET_ARRAY_SIZE(losses); i++) {
		cJSON *o = cJSON_CreateObject();

		add_text(o, "name", losses[i].name);
		add_text(o, "words", losses[i].words);
		cJSON_AddItemToArray(list, o);
	}
}

static int run_json(const struct vnet_operands *words)
{
	cJSON *root = cJSON_CreateObject(), *commands;
	char *text;

	add_text(root, "schema", "vnetdiag.introspect/1");
	add_text(root, "version", VNET_VERSION);
	commands = cJSON_AddArrayToObject(root, "commands");
	for (size_t i = 0; vnet_commands[i]; i++)
		cJSON_AddItemToArray(commands, json_command(vnet_commands[i]));
	json_statuses_and_losses(root);
	text = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	if (!text) {
		vnet_error("out of memory");
		return VNET_EXIT_RUNTIME;
	}
	puts(text);
	cJSON_free(text);
	return VNET_EXIT_OK;
}

/* Text for roff: no accidental escapes, requests or typographic dashes. */
static void roff(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", stdout);
		else if (*text == '-')
			fputs("\\-", stdout);
		else
			putchar(*text);
	}
}

/* The same as sentences, in lines that mandoc does not find too long. */
static void roff_paragraph(const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t length = strcspn(text, " ");
		char *word = vnet_printf("%.*s", (int)length, text);

		if (column && column + length > MAN_WIDTH) {
			putchar('\n');
			column = 0;
		} else if (column) {
			putchar(' ');
		}
		roff(word);
		free(word);
		column += length + 1;
		text += length;
		text += strspn(text, " ");
	}
	puts(".");
}

static void man_option(const struct vnet_opt *opt, const void *args)
{
	char *help = vnet_opt_help_text(opt, args);

	puts(".TP");
	if (opt->key)
		printf("\\fB\\-%c\\fR, ", opt->key);
	fputs("\\fB\\-\\-", stdout);
	roff(opt->name);
	fputs("\\fR", stdout);
	if (opt->arg) {
		fputs(" \\fI", stdout);
		roff(opt->arg);
		fputs("\\fR", stdout);
	}
	putchar('\n');
	roff_paragraph(help);
	free(help);
}

/* The OPTIONS block of a command's page. */
static void man_options(const struct vnet_cmd *cmd)
{
	struct vnet_opt_group groups[VNET_CMD_TABLES + 1];
	size_t nr = vnet_cli_groups(cmd, groups);
	void *args = vnet_cli_default_args(cmd);

	for (size_t i = 0; i < nr; i++) {
		const struct vnet_opt *opt = groups[i].options;

		/* The first need no other heading than OPTIONS. */
		if (i && strcmp(groups[i].title, groups[i - 1].title))
			printf(".SS %s\n", groups[i].title);
		for (; opt->name; opt++)
			if (!(opt->flags & VNET_OPT_HIDDEN))
				man_option(opt, args);
	}
	free(args);
}

/* The list of commands, for vnetdiag(8). */
static void man_commands(void)
{
	for (size_t i = 0; vnet_commands[i]; i++) {
		if (vnet_commands[i]->hidden)
			continue;
		fputs(".TP\n\\fBvnetdiag ", stdout);
		roff(vnet_commands[i]->path);
		fputs("\\fR", stdout);
		if (vnet_commands[i]->operands) {
			fputs(" \\fI", stdout);
			roff(vnet_commands[i]->operands);
			fputs("\\fR", stdout);
		}
		putchar('\n');
		roff_paragraph(vnet_commands[i]->summary);
	}
}

static int run_man(const struct vnet_operands *words)
{
	char *argv[VNET_MAX_OPERANDS + 1] = { NULL };
	const struct vnet_cmd *cmd;
	int nr_words;

	/* words[0] is "man", which stands where an argv has the program. */
	for (uint32_t i = 0; i < words->nr; i++)
		argv[i] = (char *)words->words[i];
	if (words->nr == 1) {
		man_commands();
		return VNET_EXIT_OK;
	}
	cmd = vnet_cli_find((int)words->nr, argv, &nr_words);
	if (!cmd)
		return VNET_EXIT_USAGE;
	man_options(cmd);
	return VNET_EXIT_OK;
}

static int run_bash(const struct vnet_operands *words)
{
	introspect_bash();
	return VNET_EXIT_OK;
}

static int run_zsh(const struct vnet_operands *words)
{
	introspect_zsh();
	return VNET_EXIT_OK;
}

static int run_fish(const struct vnet_operands *words)
{
	introspect_fish();
	return VNET_EXIT_OK;
}

static int run_introspect(void *data)
{
	static const struct {
		const char *name;
		int (*run)(const struct vnet_operands *words);
	} kinds[] = {
		{ "json", run_json },
		{ "man", run_man },
		{ "bash", run_bash },
		{ "zsh", run_zsh },
		{ "fish", run_fish },
	};
	const struct introspect_args *args = data;

	for (size_t i = 0; args->words.nr && i < VNET_ARRAY_SIZE(kinds); i++)
		if (!strcmp(args->words.words[0], kinds[i].name))
			return kinds[i].run(&args->words);
	vnet_error("introspect what?");
	vnet_hint("one of: json, man [COMMAND...], bash, zsh, fish");
	return VNET_EXIT_USAGE;
}

const struct vnet_cmd vnet_cmd_introspect = {
	.path = "introspect",
	.summary = "The tables behind help, man pages and completions",
	.operands = "json|man [COMMAND...]|bash|zsh|fish",
	.operands_offset = offsetof(struct introspect_args, words),
	.args_size = sizeof(struct introspect_args),
	.run = run_introspect,
	.hidden = true,
};
