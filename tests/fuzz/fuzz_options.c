/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libFuzzer: the input, split at NULs, is a command line for a toy command
 * with options of every type. vnet_cli_parse() must come back from all of
 * them, never exit. Build: clang -fsanitize=fuzzer,address,undefined with
 * core's cli, cli_check, cli_help, nearest, parse, options, log and util.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vnet/cli.h"
#include "vnet/util.h"

#define MAX_WORDS	32

struct toy_args {
	struct vnet_args common;
	struct vnet_operands words;
	uint32_t number;
	uint32_t rate;
	uint32_t colours;
	int32_t port;
	int32_t vlan;
	const char *name;
};

static const char *const colours[] = { "red", "green", "blue", NULL };

#define AT(member)	offsetof(struct toy_args, member)
static const struct vnet_opt options[] = {
	{ .name = "number", .key = 'x', .type = VNET_OPT_U32,
	  .offset = AT(number), .arg = "N", .min = 2, .max = 9, .help = "N" },
	{ .name = "rate", .type = VNET_OPT_RATE, .offset = AT(rate),
	  .arg = "N/s", .help = "Rate" },
	{ .name = "colours", .type = VNET_OPT_ENUM_SET, .offset = AT(colours),
	  .arg = "COLOUR[,...]", .choices = colours, .help = "Colours" },
	{ .name = "port", .type = VNET_OPT_PORT, .offset = AT(port),
	  .arg = "PORT", .help = "Port" },
	{ .name = "tag", .type = VNET_OPT_VLAN, .offset = AT(vlan),
	  .arg = "ID", .help = "Tag" },
	{ .name = "name", .type = VNET_OPT_STRING, .offset = AT(name),
	  .arg = "NAME", .help = "Name" },
	{ }
};

static const struct vnet_cmd toy = {
	.path = "toy", .summary = "A toy",
	.options = { options, vnet_common_options, vnet_filter_options,
		     vnet_task_options },
	.operands = "[WORD...]", .operands_offset = AT(words),
	.args_size = sizeof(struct toy_args),
};

/* What a parser let through must be within its type. */
static void check_args(const struct toy_args *args)
{
	const struct vnet_args *c = &args->common;

	if ((args->number && (args->number < 2 || args->number > 9)) ||
	    args->colours > 7 || args->port > 65535 || args->vlan > 4095 ||
	    c->interval_ns == 0 || c->interval_ns > INT64_MAX ||
	    c->format > VNET_FORMAT_HIST || c->protocol > 6 ||
	    c->device.nr > VNET_FILTER_IFS ||
	    args->words.nr > VNET_MAX_OPERANDS ||
	    (c->comm && strlen(c->comm) >= VNET_COMM_LEN) ||
	    (args->name && !*args->name))
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	/* Thousands of help texts and explanations a second; FUZZ_LOUD keeps them. */
	if (!getenv("FUZZ_LOUD") &&
	    (!freopen("/dev/null", "w", stdout)))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = vnet_alloc(size + 1), *argv[MAX_WORDS + 2] = { NULL };
	struct toy_args args;
	int argc = 1, status = -1, ret;

	memcpy(text, data, size);
	argv[0] = text + size;
	for (char *p = text; p < text + size && argc <= MAX_WORDS;
	     p += strlen(p) + 1)
		argv[argc++] = p;
	ret = vnet_cli_parse(&toy, argc, argv, &args, &status);
	if (ret == 0 && status == 0)
		check_args(&args);
	else if (ret != -1 || (status != 0 && status != VNET_EXIT_USAGE))
		abort();
	free(text);
	return 0;
}
