/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What people read about a command's options, from its tables: --help, and
 * the pieces that cmd/introspect.c makes man pages and completions of.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vnet/cli.h"
#include "vnet/util.h"

#define WIDTH		79
/* Where help begins beside an option. */
#define HELP_COLUMN	30

static const struct vnet_opt help_option[] = {
	{ .name = "help", .key = 'h', .type = VNET_OPT_FLAG,
	  .help = "Show this help and end" },
	{ }
};

static const struct {
	const struct vnet_opt *options;
	const char *title;
} shared[] = {
	{ vnet_common_options, "Output and run" },
	{ vnet_filter_options, "Packet filter" },
	{ vnet_task_options, "Task filter" },
};

static const char *shared_title(const struct vnet_opt *options)
{
	for (size_t i = 0; i < VNET_ARRAY_SIZE(shared); i++)
		if (shared[i].options == options)
			return shared[i].title;
	return NULL;
}

size_t vnet_cli_groups(const struct vnet_cmd *cmd,
		       struct vnet_opt_group groups[VNET_CMD_TABLES + 1])
{
	size_t nr = 0;

	/* The command's own come first, the shared in one order everywhere. */
	for (size_t i = 0; i < VNET_CMD_TABLES && cmd->options[i]; i++) {
		if (shared_title(cmd->options[i]))
			continue;
		groups[nr].title = "Options";
		groups[nr++].options = cmd->options[i];
	}
	for (size_t k = 0; k < VNET_ARRAY_SIZE(shared); k++) {
		for (size_t i = 0; i < VNET_CMD_TABLES && cmd->options[i]; i++) {
			if (cmd->options[i] != shared[k].options)
				continue;
			groups[nr].title = shared[k].title;
			groups[nr++].options = cmd->options[i];
		}
	}
	groups[nr].title = "Help";
	groups[nr++].options = help_option;
	return nr;
}

bool vnet_opt_range(const struct vnet_opt *opt, uint32_t *min, uint32_t *max)
{
	*min = opt->min;
	*max = opt->max ? opt->max : UINT32_MAX;
	switch (opt->type) {
	case VNET_OPT_PORT:
		*min = 1;
		*max = 65535;
		return true;
	case VNET_OPT_VLAN:
		*min = 0;
		*max = 4095;
		return true;
	default:
		return opt->type == VNET_OPT_U32 || opt->type == VNET_OPT_RATE;
	}
}

/* "1500ms": in the largest unit that needs no fraction. */
static void duration_text(uint64_t ns, char *text, size_t size)
{
	static const struct { const char *name; uint64_t ns; } units[] = {
		{ "h", 3600 * VNET_NS_PER_S }, { "m", 60 * VNET_NS_PER_S },
		{ "s", VNET_NS_PER_S }, { "ms", 1000000 }, { "us", 1000 },
		{ "ns", 1 },
	};
	size_t i = 0;

	while (ns % units[i].ns)
		i++;
	snprintf(text, size, "%" PRIu64 "%s", ns / units[i].ns, units[i].name);
}

static void set_text(const struct vnet_opt *opt, uint32_t set, char *text,
		     size_t size)
{
	size_t used = 0;

	for (uint32_t i = 0; opt->choices[i] && used < size; i++)
		if (set & 1u << i)
			used += (size_t)snprintf(text + used, size - used, "%s%s",
						 used ? "," : "",
						 opt->choices[i]);
}

void vnet_opt_default_text(const struct vnet_opt *opt, const void *args,
			   char *text, size_t size)
{
	const void *member = (const char *)args + opt->offset;
	uint32_t v;

	text[0] = '\0';
	switch (opt->type) {
	case VNET_OPT_DURATION:
		if (*(const uint64_t *)member)
			duration_text(*(const uint64_t *)member, text, size);
		break;
	case VNET_OPT_U32:
	case VNET_OPT_RATE:
		v = *(const uint32_t *)member;
		if (v)
			snprintf(text, size, "%" PRIu32 "%s", v,
				 opt->type == VNET_OPT_RATE ? "/s" : "");
		break;
	case VNET_OPT_ENUM:
		vnet_copy(text, size, opt->choices[*(const uint32_t *)member]);
		break;
	case VNET_OPT_ENUM_SET:
		set_text(opt, *(const uint32_t *)member, text, size);
		break;
	default:
		/* The others have no default but "not given". */
		break;
	}
}

/* ": a, b or c" */
static char *choices_text(const struct vnet_opt *opt)
{
	bool set = opt->type == VNET_OPT_ENUM_SET;
	char *text = vnet_strdup(set ? "; any of " : ": ");

	for (size_t i = 0; opt->choices[i]; i++) {
		bool last = i && !opt->choices[i + 1];
		char *longer = vnet_printf("%s%s%s", text, !i ? "" :
					   last ? set ? " and " : " or " : ", ",
					   opt->choices[i]);

		free(text);
		text = longer;
	}
	return text;
}

char *vnet_opt_help_text(const struct vnet_opt *opt, const void *args)
{
	char *choices = opt->choices ? choices_text(opt) : vnet_strdup("");
	char value[160] = "";
	char *text;

	if (opt->type != VNET_OPT_FLAG)
		vnet_opt_default_text(opt, args, value, sizeof(value));
	text = vnet_printf("%s%s%s%s%s%s", opt->help, choices,
			   value[0] ? " (default: " : "", value,
			   value[0] ? ")" : "",
			   opt->flags & VNET_OPT_REQUIRED ? " (required)" : "");
	free(choices);
	return text;
}

static void set_port_defaults(const struct vnet_opt *opt, char *args)
{
	for (; opt->name; opt++)
		if (opt->type == VNET_OPT_PORT || opt->type == VNET_OPT_VLAN)
			*(int32_t *)(void *)(args + opt->offset) = -1;
}

void *vnet_cli_default_args(const struct vnet_cmd *cmd)
{
	void *args = vnet_alloc(cmd->args_size);
	bool common = false;

	for (size_t i = 0; i < VNET_CMD_TABLES && cmd->options[i]; i++) {
		set_port_defaults(cmd->options[i], args);
		common |= shared_title(cmd->options[i]) != NULL;
	}
	if (common)
		vnet_args_defaults(args);
	if (cmd->defaults)
		cmd->defaults(args);
	return args;
}

/*
 * Prints words from `column` on, lines broken before WIDTH and indented by
 * `indent`; ends the line.
 */
static void wrap(FILE *out, const char *text, size_t column, size_t indent)
{
	bool first = true;

	while (*text) {
		size_t length = strcspn(text, " ");

		/* A default stays in one piece. */
		if (!strncmp(text, "(default: ", 10) && strchr(text, ')'))
			length = strcspn(text, ")") + 1;
		if (!first && column + 1 + length > WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			fputc(' ', out);
			column++;
		}
		fwrite(text, 1, length, out);
		column += length;
		text += length;
		text += strspn(text, " ");
		first = false;
	}
	fputc('\n', out);
}

/* A command to copy: broken before options, with the shell's backslash. */
static void wrap_command(FILE *out, const char *command)
{
	size_t column = 4;

	fputs("    ", out);
	while (*command) {
		const char *next = strstr(command + 1, " -");
		size_t length = next ? (size_t)(next - command) : strlen(command);

		/* Room for the backslash stays. */
		if (column > 4 && column + length > WIDTH - 2) {
			fputs(" \\\n       ", out);
			column = 7;
		}
		fwrite(command, 1, length, out);
		column += length;
		command += length;
	}
	fputc('\n', out);
}

static void help_for_option(const struct vnet_opt *opt, const void *args,
			    FILE *out)
{
	char *help = vnet_opt_help_text(opt, args);
	char left[80];
	int n;

	n = snprintf(left, sizeof(left), "  %c%c%c --%s%s%s",
		     opt->key ? '-' : ' ', opt->key ? opt->key : ' ',
		     opt->key ? ',' : ' ', opt->name, opt->arg ? " " : "",
		     opt->arg ? opt->arg : "");
	fputs(left, out);
	if (n + 2 > HELP_COLUMN)
		fprintf(out, "\n%*s", HELP_COLUMN, "");
	else
		fprintf(out, "%*s", HELP_COLUMN - n, "");
	wrap(out, help, HELP_COLUMN, HELP_COLUMN);
	free(help);
}

static void help_for_options(const struct vnet_cmd *cmd, FILE *out)
{
	struct vnet_opt_group groups[VNET_CMD_TABLES + 1];
	size_t nr = vnet_cli_groups(cmd, groups);
	void *args = vnet_cli_default_args(cmd);

	for (size_t i = 0; i < nr; i++) {
		const struct vnet_opt *opt = groups[i].options;

		/* A command's own may be in several tables. */
		if (!i || strcmp(groups[i].title, groups[i - 1].title))
			fprintf(out, "\n%s:\n", groups[i].title);
		for (; opt->name; opt++)
			if (!(opt->flags & VNET_OPT_HIDDEN))
				help_for_option(opt, args, out);
	}
	free(args);
}

void vnet_cli_help(const struct vnet_cmd *cmd, FILE *out)
{
	const struct vnet_cmd_example *example = cmd->examples;

	fprintf(out, "Usage: vnetdiag %s [OPTION...]%s%s\n\n", cmd->path,
		cmd->operands ? " " : "", cmd->operands ? cmd->operands : "");
	wrap(out, cmd->description ? cmd->description : cmd->summary, 0, 0);
	help_for_options(cmd, out);
	if (example && example->what)
		fputs("\nExamples:\n", out);
	for (; example && example->what; example++) {
		fputs("  ", out);
		wrap(out, example->what, 2, 2);
		wrap_command(out, example->command);
	}
	fputs("\nExit status:\n", out);
	for (int i = 0; i < VNET_NR_EXITS; i++)
		fprintf(out, "  %d  %s\n", i, vnet_exit_meanings[i]);
}
