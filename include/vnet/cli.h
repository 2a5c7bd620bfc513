/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line: option tables, the table of commands and the typed
 * parsers. One table feeds argp, --help, the man pages' option blocks, the
 * shell completions and `vnetdiag introspect`.
 */
#ifndef VNET_CLI_H
#define VNET_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <linux/types.h>

#include "vnet/abi/filter.h"

/* Exit statuses (man vnetdiag, EXIT STATUS). */
enum vnet_exit {
	VNET_EXIT_OK = 0,
	VNET_EXIT_RUNTIME = 1,
	VNET_EXIT_USAGE = 2,
	VNET_EXIT_IMPOSSIBLE = 3,	/* not on this kernel or host */
	VNET_EXIT_PERMISSION = 4,
	VNET_EXIT_LOAD = 5,		/* the kernel refused a BPF program */
	VNET_NR_EXITS
};
/* What each means, for --help, the man pages and introspection. */
extern const char *const vnet_exit_meanings[VNET_NR_EXITS];

/* The type of an option's argument, and of the member it is stored in. */
enum vnet_opt_type {
	VNET_OPT_FLAG,		/* bool; no argument */
	VNET_OPT_U32,		/* uint32_t, decimal, within [min, max] */
	VNET_OPT_DURATION,	/* uint64_t ns; "100ms"; a unit is required */
	VNET_OPT_STRING,	/* const char *, not empty */
	VNET_OPT_FILE,		/* const char *; completes file names */
	VNET_OPT_DEVICES,	/* struct vnet_devices; A[,B...], must exist here */
	VNET_OPT_ADDRESS,	/* struct vnet_cidr; IPv4 or IPv6, optional /prefix */
	VNET_OPT_PORT,		/* int32_t 1..65535; -1 when not given */
	VNET_OPT_VLAN,		/* int32_t 0..4095; -1 when not given */
	VNET_OPT_ENUM,		/* uint32_t, the index in `choices` */
	VNET_OPT_ENUM_SET,	/* uint32_t, 1 << index for each; A[,B...] */
	VNET_OPT_RATE,		/* uint32_t per second; "100/s" or "100" */
};

#define VNET_OPT_REQUIRED	0x1
#define VNET_OPT_HIDDEN		0x2

/* One option. A table ends with a member whose name is NULL. */
struct vnet_opt {
	const char *name;		/* long name, no dashes */
	char key;			/* one-letter form, or 0 */
	enum vnet_opt_type type;
	size_t offset;			/* of the member in the command's args */
	const char *arg;		/* metavariable: "ADDRESS" */
	const char *help;		/* one sentence, no final period */
	const char *const *choices;	/* ENUM, ENUM_SET: NULL-terminated */
	uint32_t min, max;		/* U32, RATE: max 0 means UINT32_MAX */
					/* DURATION: min 1 refuses 0 */
	uint32_t flags;			/* VNET_OPT_* */
};

struct vnet_cidr {
	uint8_t addr[16];		/* as in struct vnet_filter, masked */
	uint8_t mask[16];
	uint8_t family;			/* 4, 6; 0: not given */
	uint8_t prefix;
};

struct vnet_devices {
	uint32_t nr;
	uint32_t ifindex[VNET_FILTER_IFS];
	char names[VNET_FILTER_IFS][16];
};

/* --format */
enum vnet_format { VNET_FORMAT_TEXT, VNET_FORMAT_JSON, VNET_FORMAT_HIST };

/*
 * Options that every measuring command has (vnet_common_options), then the
 * packet filter (vnet_filter_options), task filter (vnet_task_options). Their
 * members sit at the start of each command's own args structure:
 *	struct drop_args { struct vnet_args common; ... };
 */
struct vnet_args {
	/* vnet_common_options */
	uint64_t interval_ns;		/* default: the command's */
	uint64_t duration_ns;		/* 0: endless */
	uint32_t count;			/* reports; 0: endless */
	uint32_t format;		/* enum vnet_format */
	const char *output;		/* NULL: stdout */
	bool dry_run;
	bool explain_filter;
	bool verbose;
	const char *kernel_facts;	/* plan for a recorded kernel (--dry-run) */
	const char *btf;		/* NULL: the running kernel's */
	uint32_t ready_fd;		/* 0: none; gets "ready\n" once attached */
	bool perf_buffer;		/* hidden: use it although ring buffers exist */
	uint32_t avoid;			/* hidden: 1 << index, tp_btf and fentry */
	/* vnet_filter_options */
	struct vnet_cidr src_ip;
	struct vnet_cidr dst_ip;
	int32_t src_port;
	int32_t dst_port;
	uint32_t protocol;		/* index in vnet_protocol_names; 0: all */
	int32_t vlan;
	struct vnet_devices device;
	bool inner;
	/* vnet_task_options */
	uint32_t pid;			/* 0: not given */
	uint32_t tid;
	const char *comm;
};

extern const struct vnet_opt vnet_common_options[];
extern const struct vnet_opt vnet_filter_options[];
extern const struct vnet_opt vnet_task_options[];
/* "all", "tcp", "udp", "icmp", "icmp6", "sctp", "arp", NULL */
extern const char *const vnet_protocol_names[];

/* What the words behind a command are, where it takes any: words of a command. */
#define VNET_MAX_OPERANDS	4
struct vnet_operands {
	uint32_t nr;
	const char *words[VNET_MAX_OPERANDS];
};

#define VNET_CMD_TABLES		5
struct vnet_want;

/* A point that a command attaches to (vnet/plan.h), by number. */
struct vnet_cmd_example { const char *what, *command; };

/* One command: everything that help, man, completion and dispatch know. */
struct vnet_cmd {
	const char *path;		/* "drop summary": subject, verb */
	const char *summary;		/* one line, no final period */
	const char *description;	/* a paragraph for --help and man */
	const struct vnet_opt *options[VNET_CMD_TABLES]; /* NULL-terminated */
	/* Usage text of operands, "[COMMAND...]"; NULL: the command takes none. */
	const char *operands;
	size_t operands_offset;		/* of a struct vnet_operands in args */
	size_t args_size;		/* of the args structure; zeroed, then: */
	void (*defaults)(void *args);	/* may be NULL */
	/* Cross-option checks after parsing: 0 or an exit status, having spoken. */
	int (*check)(void *args);	/* may be NULL */
	int (*run)(void *args);		/* returns an exit status */
	/* Points wanted with the given args; doctor asks with NULL: all that there may be */
	const struct vnet_want *(*wants)(const void *args, size_t *nr);
	const struct vnet_cmd_example *examples;	/* NULL-terminated `what` */
	bool hidden;
};

/* cmd/commands.c: the only list of commands; ends with a NULL pointer. */
extern const struct vnet_cmd *const vnet_commands[];

/*
 * Parses argv[1..argc-1] into `args` (args_size bytes, allocated by the
 * caller): defaults, options, check. argv[0] is the last word of the command
 * and not looked at; argv may be reordered. Strings in `args` point into argv.
 * Returns 0; or -1 when the program is to exit with *status (help was printed,
 * or a usage error explained on stderr).
 */
int vnet_cli_parse(const struct vnet_cmd *cmd, int argc, char **argv,
		   void *args, int *status);
/*
 * The command that argv[1..] names, and how many words it took. NULL after an
 * explanation with a "did you mean" on stderr.
 */
const struct vnet_cmd *vnet_cli_find(int argc, char **argv, int *nr_words);
/* Sets what the shared options default to. Called before cmd->defaults. */
void vnet_args_defaults(struct vnet_args *args);
/* Writes the help for `cmd` to `out`, from its tables, for 80 columns. */
void vnet_cli_help(const struct vnet_cmd *cmd, FILE *out);
/*
 * Lists the commands whose path begins with these words (nr 0: all) with
 * their summaries, grouped by subject.
 */
void vnet_cli_list(int nr, char *const *words, FILE *out);
/* The nr-th word of a command's path, 16 bytes at most; false behind the last. */
bool vnet_cli_word(const struct vnet_cmd *cmd, int nr, char word[16]);
/* True if the words begin a command's path without being one: "drop". */
bool vnet_cli_is_group(int nr, char *const *words);

/* The options of a command as people see them: its own, then the shared. */
struct vnet_opt_group {
	const char *title;		/* "Packet filter" */
	const struct vnet_opt *options;
};
/* Fills `groups`; the last is "Help" with --help alone. Returns how many. */
size_t vnet_cli_groups(const struct vnet_cmd *cmd,
		       struct vnet_opt_group groups[VNET_CMD_TABLES + 1]);
/* The numbers that U32, RATE, PORT and VLAN take; false for other types. */
bool vnet_opt_range(const struct vnet_opt *opt, uint32_t *min, uint32_t *max);
/* "1500ms", "512", "stack,flow": the default in `args`, or "" if none is set. */
void vnet_opt_default_text(const struct vnet_opt *opt, const void *args,
			   char *text, size_t size);
/*
 * The option's help with its choices and default: "Form of the output: text,
 * json or hist (default: text)"; `args` as from vnet_cli_default_args(). free() it.
 */
char *vnet_opt_help_text(const struct vnet_opt *opt, const void *args);
/* The args of `cmd` as they are before any option; free() them. */
void *vnet_cli_default_args(const struct vnet_cmd *cmd);
/*
 * Of the NULL-terminated names the nearest to `word`: the only one that it
 * begins, or one that a few slips away; NULL if none is near.
 */
const char *vnet_nearest(const char *word, const char *const *names);

/*
 * Typed parsers: 0, or -EINVAL with *why a constant sentence part ("needs a
 * unit: us, ms, s, m or h"). Nothing is stored on an error.
 */
int vnet_parse_duration(const char *text, uint64_t *ns, const char **why);
int vnet_parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *v,
		   const char **why);
int vnet_parse_cidr(const char *text, struct vnet_cidr *cidr, const char **why);
int vnet_parse_rate(const char *text, uint32_t *per_s, const char **why);
int vnet_parse_enum(const char *text, const char *const *choices, uint32_t *v,
		    const char **why);
int vnet_parse_enum_set(const char *text, const char *const *choices,
			uint32_t *set, const char **why);
/* Also resolves each name: -ENODEV with *why if there is none. */
int vnet_parse_devices(const char *text, struct vnet_devices *devices,
		       const char **why);

#endif
