/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line of one command: its option tables become argp's, every
 * value goes through its typed parser. Called by cmd/main.c.
 *
 * getopt_long, below argp, takes any unambiguous beginning of a name, so that
 * a new option can break a script. Names are exact here: scan_words() checks
 * them against the tables before argp sees them, and explains what is wrong.
 */
#include <argp.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "core/cli.h"
#include "vnet/cli.h"
#include "vnet/log.h"
#include "vnet/util.h"

/* argp's keys of long options; a one-letter form is its own key. */
#define KEY_FIRST	0x1000

struct parse {
	const struct vnet_cmd *cmd;
	char *args;
	const struct vnet_opt **opts;	/* of all tables; [nr] */
	const char **given;		/* the value each was given, or NULL */
	size_t nr;
	bool help;			/* --help was found: nothing else counts */
};

static void hint_help(const struct parse *p)
{
	vnet_hint("see 'vnetdiag %s --help'", p->cmd->path);
}

static const struct vnet_opt *find_long(const struct parse *p, const char *name,
					size_t length)
{
	for (size_t i = 0; i < p->nr; i++)
		if (strlen(p->opts[i]->name) == length &&
		    !memcmp(p->opts[i]->name, name, length))
			return p->opts[i];
	return NULL;
}

static const struct vnet_opt *find_short(const struct parse *p, char key)
{
	for (size_t i = 0; i < p->nr; i++)
		if (key && p->opts[i]->key == key)
			return p->opts[i];
	return NULL;
}

/* True for words that can only be an option of this command. */
static bool names_option(const struct parse *p, const char *word)
{
	if (word[0] != '-' || !word[1])
		return false;
	if (word[1] == '-')
		return find_long(p, word + 2, strcspn(word + 2, "="));
	return !word[2] && find_short(p, word[1]);
}

static int explain_unknown(const struct parse *p, const char *name,
			   size_t length)
{
	const char **names = vnet_alloc((p->nr + 1) * sizeof(*names));
	char *word = vnet_printf("%.*s", (int)length, name);
	const char *nearest;
	size_t nr = 0;

	for (size_t i = 0; i < p->nr; i++)
		if (!(p->opts[i]->flags & VNET_OPT_HIDDEN))
			names[nr++] = p->opts[i]->name;
	vnet_error("unknown option '--%s'", word);
	nearest = vnet_nearest(word, names);
	if (nearest)
		vnet_hint("did you mean '--%s'?", nearest);
	else
		hint_help(p);
	free(word);
	free(names);
	return -EINVAL;
}

/* The value of argv[i]'s option is the next word: is there one? */
static int check_next(const struct parse *p, const struct vnet_opt *opt,
		      int argc, char **argv, int i)
{
	if (i + 1 < argc && !names_option(p, argv[i + 1]) &&
	    strcmp(argv[i + 1], "--"))
		return 0;
	vnet_error("option '--%s' needs a value: %s", opt->name, opt->arg);
	if (i + 1 < argc)
		vnet_hint("for the value '%s' write '--%s=%s'", argv[i + 1],
			  opt->name, argv[i + 1]);
	else
		hint_help(p);
	return -EINVAL;
}

/* Checks "--name" and "--name=value"; moves *i over a value behind it. */
static int scan_long(struct parse *p, int argc, char **argv, int *i)
{
	const char *name = argv[*i] + 2;
	size_t length = strcspn(name, "=");
	const struct vnet_opt *opt = find_long(p, name, length);
	bool value = name[length] == '=';

	if (!opt)
		return explain_unknown(p, name, length);
	if (opt->type == VNET_OPT_FLAG && value) {
		vnet_error("option '--%s' takes no value", opt->name);
		hint_help(p);
		return -EINVAL;
	}
	if (!strcmp(opt->name, "help"))
		p->help = true;
	if (opt->type == VNET_OPT_FLAG || value)
		return 0;
	if (check_next(p, opt, argc, argv, *i))
		return -EINVAL;
	(*i)++;
	return 0;
}

/* Checks "-v", "-vn3", "-n 3"; moves *i over a value behind it. */
static int scan_short(struct parse *p, int argc, char **argv, int *i)
{
	for (const char *c = argv[*i] + 1; *c; c++) {
		const struct vnet_opt *opt = find_short(p, *c);

		if (!opt) {
			vnet_error("unknown option '-%c'", *c);
			hint_help(p);
			return -EINVAL;
		}
		if (opt->type == VNET_OPT_FLAG) {
			p->help |= !strcmp(opt->name, "help");
			continue;
		}
		if (c[1])
			return 0;
		if (check_next(p, opt, argc, argv, *i))
			return -EINVAL;
		(*i)++;
		return 0;
	}
	return 0;
}

/* Exact names, values where they belong. Stops at --help. */
static int scan_words(struct parse *p, int argc, char **argv)
{
	for (int i = 1; i < argc && !p->help; i++) {
		const char *word = argv[i];
		int err = 0;

		if (!strcmp(word, "--"))
			break;
		if (!strncmp(word, "--", 2))
			err = scan_long(p, argc, argv, &i);
		else if (word[0] == '-' && word[1])
			err = scan_short(p, argc, argv, &i);
		if (err)
			return err;
	}
	return 0;
}

/* One per enum vnet_opt_type: text -> member. */
typedef int store_fn(const struct vnet_opt *opt, const char *text, void *member,
		     const char **why);

static int store_u32(const struct vnet_opt *opt, const char *text, void *member,
		     const char **why)
{
	return vnet_parse_u32(text, opt->min, opt->max, member, why);
}

static int store_duration(const struct vnet_opt *opt, const char *text,
			  void *member, const char **why)
{
	uint64_t ns;

	if (vnet_parse_duration(text, &ns, why))
		return -EINVAL;
	if (ns < opt->min) {
		*why = "must be more than 0";
		return -EINVAL;
	}
	*(uint64_t *)member = ns;
	return 0;
}

static int store_string(const struct vnet_opt *opt, const char *text,
			void *member, const char **why)
{
	if (!*text) {
		*why = "must not be empty";
		return -EINVAL;
	}
	*(const char **)member = text;
	return 0;
}

static int store_devices(const struct vnet_opt *opt, const char *text,
			 void *member, const char **why)
{
	return vnet_parse_devices(text, member, why);
}

static int store_address(const struct vnet_opt *opt, const char *text,
			 void *member, const char **why)
{
	return vnet_parse_cidr(text, member, why);
}

/* A port or a VLAN id: signed, for -1 is "not given". */
static int store_id(const struct vnet_opt *opt, const char *text, void *member,
		    const char **why)
{
	uint32_t min, max, v;

	vnet_opt_range(opt, &min, &max);
	if (vnet_parse_u32(text, min, max, &v, why))
		return -EINVAL;
	*(int32_t *)member = (int32_t)v;
	return 0;
}

static int store_enum(const struct vnet_opt *opt, const char *text,
		      void *member, const char **why)
{
	return vnet_parse_enum(text, opt->choices, member, why);
}

static int store_enum_set(const struct vnet_opt *opt, const char *text,
			  void *member, const char **why)
{
	return vnet_parse_enum_set(text, opt->choices, member, why);
}

static int store_rate(const struct vnet_opt *opt, const char *text,
		      void *member, const char **why)
{
	uint32_t v;

	if (vnet_parse_rate(text, &v, why))
		return -EINVAL;
	if (v < opt->min || (opt->max && v > opt->max)) {
		*why = v < opt->min ? "is too small" : "is too large";
		return -EINVAL;
	}
	*(uint32_t *)member = v;
	return 0;
}

static const struct {
	store_fn *store;
	const char *example;	/* for a hint; NULL: see explain_value() */
} types[] = {
	[VNET_OPT_U32] = { store_u32, NULL },
	[VNET_OPT_DURATION] = { store_duration, "500ms" },
	[VNET_OPT_STRING] = { store_string, "NAME" },
	[VNET_OPT_FILE] = { store_string, "FILE" },
	[VNET_OPT_DEVICES] = { store_devices, NULL },
	[VNET_OPT_ADDRESS] = { store_address, "10.0.0.0/24" },
	[VNET_OPT_PORT] = { store_id, NULL },
	[VNET_OPT_VLAN] = { store_id, NULL },
	[VNET_OPT_ENUM] = { store_enum, NULL },
	[VNET_OPT_ENUM_SET] = { store_enum_set, NULL },
	[VNET_OPT_RATE] = { store_rate, "100/s" },
};

static void hint_choices(const struct vnet_opt *opt, const char *text)
{
	const char *nearest = vnet_nearest(text, opt->choices);
	char *all = vnet_strdup("");

	for (size_t i = 0; opt->choices[i]; i++) {
		char *longer = vnet_printf("%s%s%s", all, i ? ", " : "",
					   opt->choices[i]);

		free(all);
		all = longer;
	}
	if (nearest)
		vnet_hint("did you mean '%s'? choices: %s", nearest, all);
	else
		vnet_hint("choices: %s", all);
	free(all);
}

/* The first name in the list that is no device here. */
static char *first_unknown_device(const char *text)
{
	for (;;) {
		size_t length = strcspn(text, ",");
		char *name = vnet_printf("%.*s", (int)length, text);

		if (!if_nametoindex(name) || !text[length])
			return name;
		free(name);
		text += length + 1;
	}
}

static void hint_devices(const char *name)
{
	struct if_nameindex *devices = if_nameindex();
	const char **names, *nearest;
	size_t nr = 0;

	while (devices && devices[nr].if_name)
		nr++;
	names = vnet_alloc((nr + 1) * sizeof(*names));
	for (size_t i = 0; i < nr; i++)
		names[i] = devices[i].if_name;
	nearest = vnet_nearest(name, names);
	if (nearest)
		vnet_hint("did you mean '%s'?", nearest);
	else
		vnet_hint("'ip link' lists the devices of this network "
			  "namespace");
	free(names);
	if (devices)
		if_freenameindex(devices);
}

static void explain_value(const struct vnet_opt *opt, const char *text,
			  int err, const char *why)
{
	char *device = err == -ENODEV ? first_unknown_device(text) : NULL;
	uint32_t min, max;

	vnet_error("option '--%s': '%s' %s", opt->name, device ? device : text,
		   why);
	if (device)
		hint_devices(device);
	else if (opt->type == VNET_OPT_DEVICES)
		vnet_hint("for example '--%s eth0,eth1', at most %d",
			  opt->name, VNET_FILTER_IFS);
	else if (opt->choices)
		hint_choices(opt, text);
	else if (vnet_opt_range(opt, &min, &max))
		vnet_hint("a whole number from %u to %u", min, max);
	else
		vnet_hint("for example '--%s %s'", opt->name,
			  types[opt->type].example);
	free(device);
}

/* Last-one-wins would hide a slip in a long command line: refuse it. */
static int explain_twice(const struct vnet_opt *opt, const char *first,
			 const char *second)
{
	vnet_error("option '--%s' is given twice: '%s' and '%s'", opt->name,
		   first, second);
	if (opt->type == VNET_OPT_DEVICES || opt->type == VNET_OPT_ENUM_SET)
		vnet_hint("write '--%s %s,%s' for both", opt->name, first,
			  second);
	else
		vnet_hint("keep one of them");
	return -EINVAL;
}

static int store_option(struct parse *p, size_t i, const char *text)
{
	const struct vnet_opt *opt = p->opts[i];
	void *member = p->args + opt->offset;
	const char *why = "is not valid";
	int err;

	if (opt->type == VNET_OPT_FLAG) {
		*(bool *)member = true;
		return 0;
	}
	if (p->given[i])
		return strcmp(p->given[i], text) ?
		       explain_twice(opt, p->given[i], text) : 0;
	p->given[i] = text;
	err = types[opt->type].store(opt, text, member, &why);
	if (err)
		explain_value(opt, text, err, why);
	return err;
}

static int store_operand(struct parse *p, const char *text)
{
	struct vnet_operands *operands;

	operands = (void *)(p->args + p->cmd->operands_offset);
	if (p->cmd->operands && operands->nr < VNET_MAX_OPERANDS) {
		operands->words[operands->nr++] = text;
		return 0;
	}
	vnet_error("unexpected argument '%s'", text);
	hint_help(p);
	return -EINVAL;
}

static error_t on_argp(int key, char *text, struct argp_state *state)
{
	struct parse *p = state->input;

	if (key == ARGP_KEY_ARG)
		return store_operand(p, text);
	for (size_t i = 0; i < p->nr; i++)
		if (key == KEY_FIRST + (int)i ||
		    (p->opts[i]->key && key == p->opts[i]->key))
			return store_option(p, i, text);
	return ARGP_ERR_UNKNOWN;
}

static int run_argp(struct parse *p, int argc, char **argv)
{
	/* Each option may have an alias, its letter; then the end. */
	struct argp_option *options = vnet_alloc((2 * p->nr + 1) *
						 sizeof(*options));
	struct argp argp = { .options = options, .parser = on_argp };
	struct argp_option *o = options;
	int err;

	for (size_t i = 0; i < p->nr; i++) {
		o->name = p->opts[i]->name;
		o->key = KEY_FIRST + (int)i;
		o->arg = p->opts[i]->arg;
		o++;
		if (!p->opts[i]->key)
			continue;
		o->key = p->opts[i]->key;
		o->flags = OPTION_ALIAS;
		o++;
	}
	/* IN_ORDER: the same answer whether POSIXLY_CORRECT is set or not. */
	err = argp_parse(&argp, argc, argv, ARGP_NO_EXIT | ARGP_NO_ERRS |
			 ARGP_NO_HELP | ARGP_IN_ORDER, NULL, p);
	free(options);
	return err ? -EINVAL : 0;
}

static int check_required(const struct parse *p)
{
	for (size_t i = 0; i < p->nr; i++) {
		const struct vnet_opt *opt = p->opts[i];

		if (!(opt->flags & VNET_OPT_REQUIRED) || p->given[i])
			continue;
		vnet_error("option '--%s' is required", opt->name);
		vnet_hint("add '--%s %s'", opt->name, opt->arg);
		return -EINVAL;
	}
	return 0;
}

static void collect_options(struct parse *p)
{
	struct vnet_opt_group groups[VNET_CMD_TABLES + 1];
	size_t nr_groups = vnet_cli_groups(p->cmd, groups);
	size_t nr = 0;

	for (size_t i = 0; i < nr_groups; i++)
		for (const struct vnet_opt *o = groups[i].options; o->name; o++)
			nr++;
	p->opts = vnet_alloc(nr * sizeof(*p->opts));
	p->given = vnet_alloc(nr * sizeof(*p->given));
	for (size_t i = 0; i < nr_groups; i++)
		for (const struct vnet_opt *o = groups[i].options; o->name; o++)
			p->opts[p->nr++] = o;
}

static int parse_words(struct parse *p, int argc, char **argv)
{
	int err = scan_words(p, argc, argv);

	if (err || p->help)
		return err;
	err = run_argp(p, argc, argv);
	if (err)
		return err;
	err = check_required(p);
	return err ? err : vnet_cli_check_shared(p->cmd, p->args);
}

int vnet_cli_parse(const struct vnet_cmd *cmd, int argc, char **argv,
		   void *args, int *status)
{
	struct parse p = { .cmd = cmd, .args = args };
	void *defaults = vnet_cli_default_args(cmd);
	int err;

	memcpy(args, defaults, cmd->args_size);
	free(defaults);
	collect_options(&p);
	err = parse_words(&p, argc, argv);
	free(p.opts);
	free(p.given);
	*status = VNET_EXIT_OK;
	if (p.help && !err)
		vnet_cli_help(cmd, stdout);
	else if (err)
		*status = VNET_EXIT_USAGE;
	else if (cmd->check)
		*status = cmd->check(args);
	return err || p.help || *status ? -1 : 0;
}
