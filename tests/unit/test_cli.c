/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line: every kind of option and of mistake, on a toy command;
 * dispatch and guesses, on a toy list of commands.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/test.h"
#include "vnet/cli.h"
#include "vnet/log.h"
#include "vnet/util.h"

#include "cmd/dispatch.c"

struct toy_args {
	struct vnet_args common;
	uint32_t top;
	uint64_t threshold_ns;
	uint64_t delay_ns;
	const char *name;
	int32_t port;
	int32_t vlan;
	uint32_t colour;
	uint32_t colours;
	uint32_t rate;
	bool all;
	uint32_t must;
};

static const char *const colours[] = { "red", "green", "blue", NULL };

#define AT(member)	offsetof(struct toy_args, member)
static const struct vnet_opt toy_options[] = {
	{ .name = "top", .key = 't', .type = VNET_OPT_U32, .offset = AT(top),
	  .arg = "N", .min = 1, .max = 100, .help = "Rows" },
	{ .name = "threshold", .type = VNET_OPT_DURATION,
	  .offset = AT(threshold_ns), .arg = "TIME", .min = 1, .help = "Least" },
	{ .name = "delay", .type = VNET_OPT_DURATION, .offset = AT(delay_ns),
	  .arg = "TIME", .help = "Delay" },
	{ .name = "name", .type = VNET_OPT_STRING, .offset = AT(name),
	  .arg = "NAME", .help = "Name" },
	{ .name = "port", .type = VNET_OPT_PORT, .offset = AT(port),
	  .arg = "PORT", .help = "Port" },
	{ .name = "tag", .type = VNET_OPT_VLAN, .offset = AT(vlan),
	  .arg = "ID", .help = "Tag" },
	{ .name = "colour", .type = VNET_OPT_ENUM, .offset = AT(colour),
	  .arg = "COLOUR", .choices = colours, .help = "Colour" },
	{ .name = "colours", .type = VNET_OPT_ENUM_SET, .offset = AT(colours),
	  .arg = "COLOUR[,...]", .choices = colours, .help = "Colours" },
	{ .name = "rate-limit", .type = VNET_OPT_RATE, .offset = AT(rate),
	  .arg = "N/s", .min = 1, .max = 1000, .help = "Rate" },
	{ .name = "all", .key = 'a', .type = VNET_OPT_FLAG, .offset = AT(all),
	  .help = "All" },
	{ }
};

static void toy_defaults(void *data)
{
	struct toy_args *args = data;

	args->top = 5;
	args->colours = 5;
}

static int toy_check(void *data)
{
	const struct toy_args *args = data;

	return args->top == 13 ? VNET_EXIT_IMPOSSIBLE : 0;
}

static const struct vnet_cmd toy = {
	.path = "toy run", .summary = "A toy",
	.options = { vnet_common_options, vnet_filter_options,
		     vnet_task_options, toy_options },
	.args_size = sizeof(struct toy_args), .defaults = toy_defaults,
	.check = toy_check,
	.examples = (const struct vnet_cmd_example[]) {
		{ "A long one", "vnetdiag toy run --src-ip 10.0.0.11 --dst-ip "
		  "10.0.0.12 --protocol icmp --device br-int --top 3 | jq ." },
		{ }
	},
};

static const struct vnet_opt strict_options[] = {
	{ .name = "must", .type = VNET_OPT_U32, .offset = AT(must), .arg = "N",
	  .help = "Must", .flags = VNET_OPT_REQUIRED },
	{ }
};

struct words_args {
	struct vnet_operands words;
};

static const struct vnet_cmd strict = {
	.path = "toy strict", .summary = "A strict toy",
	.options = { strict_options }, .args_size = sizeof(struct toy_args),
}, words = {
	.path = "words", .summary = "Takes words", .operands = "[WORD...]",
	.operands_offset = offsetof(struct words_args, words),
	.args_size = sizeof(struct words_args),
}, deep = {
	.path = "ovs upcall summary", .summary = "Three words",
}, secret = {
	.path = "secret", .summary = "Hidden", .hidden = true,
};

const struct vnet_cmd *const vnet_commands[] = {
	&toy, &strict, &deep, &words, &secret, NULL
};

static struct toy_args args;
static char out_text[8192], err_text[8192];
static int status;

static size_t slurp(FILE *f, char *text)
{
	size_t n;

	rewind(f);
	n = fread(text, 1, 8191, f);
	text[n] = '\0';
	fclose(f);
	return n;
}

/* Splits at '|'; what is written to stdout and stderr is kept as text. */
static int parse(const struct vnet_cmd *cmd, const char *line)
{
	char *text = vnet_printf("x|%s", line), *argv[64] = { NULL };
	int argc = 0, ret, saved_out, saved_err;
	static char kept[8192];
	FILE *out = tmpfile(), *err = tmpfile();

	/* Strings in args point into argv: they must outlive this. */
	snprintf(kept, sizeof(kept), "%s", text);
	free(text);
	for (char *p = kept; p; argc++) {
		argv[argc] = p;
		p = strchr(p, '|');
		if (p)
			*p++ = '\0';
	}
	if (!line[0])
		argc = 1;
	argv[argc] = NULL;
	fflush(stdout);
	saved_out = dup(1);
	saved_err = dup(2);
	dup2(fileno(out), 1);
	dup2(fileno(err), 2);
	status = -1;
	ret = vnet_cli_parse(cmd, argc, argv, &args, &status);
	fflush(stdout);
	dup2(saved_out, 1);
	dup2(saved_err, 2);
	close(saved_out);
	close(saved_err);
	slurp(out, out_text);
	slurp(err, err_text);
	return ret;
}

TEST(defaults)
{
	memset(&args, 0xa5, sizeof(args));
	CHECK_EQ(parse(&toy, ""), 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(args.common.interval_ns, 5 * VNET_NS_PER_S);
	CHECK_EQ(args.common.src_port, -1);
	CHECK_EQ(args.common.dst_port, -1);
	CHECK_EQ(args.common.vlan, -1);
	CHECK_EQ(args.common.src_ip.family, 0);
	CHECK_EQ(args.common.device.nr, 0);
	CHECK(!args.common.output && !args.common.comm);
	CHECK_EQ(args.top, 5);
	CHECK_EQ(args.colours, 5);
	CHECK_EQ(args.port, -1);
	CHECK_EQ(args.vlan, -1);
	CHECK_STR(out_text, "");
	CHECK_STR(err_text, "");
}

TEST(all_types)
{
	CHECK_EQ(parse(&toy, "--top=7|--threshold|1.5ms|--delay=0s|--name|-x|"
		       "--port=53|--tag|0|--colour=blue|--colours|red,green|"
		       "--rate-limit|100/s|--all|--device|lo|--src-ip|"
		       "10.1.2.3/8|--vlan|4095|--pid=1|--comm|fifteen-letters|"
		       "-f|json|--perf-buffer|--ready-fd|3"), 0);
	CHECK_STR(err_text, "");
	CHECK_EQ(args.top, 7);
	CHECK_EQ(args.threshold_ns, 1500000);
	CHECK_EQ(args.delay_ns, 0);
	CHECK_STR(args.name, "-x");
	CHECK_EQ(args.port, 53);
	CHECK_EQ(args.vlan, 0);
	CHECK_EQ(args.colour, 2);
	CHECK_EQ(args.colours, 3);
	CHECK_EQ(args.rate, 100);
	CHECK(args.all);
	CHECK_EQ(args.common.device.nr, 1);
	CHECK_EQ(args.common.src_ip.family, 4);
	CHECK_EQ(args.common.src_ip.addr[0], 10);
	CHECK_EQ(args.common.src_ip.addr[1], 0);
	CHECK_EQ(args.common.vlan, 4095);
	CHECK_EQ(args.common.pid, 1);
	CHECK_STR(args.common.comm, "fifteen-letters");
	CHECK_EQ(args.common.format, VNET_FORMAT_JSON);
	CHECK(args.common.perf_buffer);
	CHECK_EQ(args.common.ready_fd, 3);
}

TEST(short_forms)
{
	CHECK_EQ(parse(&toy, "-i|2s|-d3m|-an9|-o|-|-t1"), 0);
	CHECK_STR(err_text, "");
	CHECK_EQ(args.common.interval_ns, 2 * VNET_NS_PER_S);
	CHECK_EQ(args.common.duration_ns, 180 * VNET_NS_PER_S);
	CHECK_EQ(args.common.count, 9);
	CHECK(args.all);
	CHECK_STR(args.common.output, "-");
	CHECK_EQ(args.top, 1);
	/* Given twice alike is no mistake. */
	CHECK_EQ(parse(&toy, "-t|3|--top=3|-aa"), 0);
	CHECK_EQ(args.top, 3);
	CHECK_EQ(parse(&toy, "-v"), 0);
	CHECK(vnet_verbose());
	CHECK_EQ(parse(&toy, ""), 0);
	CHECK(!vnet_verbose());
}

/* What to type, and exactly what comes back on stderr. */
static const struct { const char *line, *message; } mistakes[] = {
	{ "--intervall|1s", "vnetdiag: error: unknown option '--intervall'\n"
	  "hint: did you mean '--interval'?\n" },
	{ "--int=1s", "vnetdiag: error: unknown option '--int'\n"
	  "hint: did you mean '--interval'?\n" },
	{ "--zzzzz", "vnetdiag: error: unknown option '--zzzzz'\n"
	  "hint: see 'vnetdiag toy run --help'\n" },
	{ "--perf-bufer", "vnetdiag: error: unknown option '--perf-bufer'\n"
	  "hint: see 'vnetdiag toy run --help'\n" },
	{ "--=x", "vnetdiag: error: unknown option '--'\n"
	  "hint: see 'vnetdiag toy run --help'\n" },
	{ "-x", "vnetdiag: error: unknown option '-x'\n"
	  "hint: see 'vnetdiag toy run --help'\n" },
	{ "-ax", "vnetdiag: error: unknown option '-x'\n"
	  "hint: see 'vnetdiag toy run --help'\n" },
	{ "--interval|5 potatoes",
	  "vnetdiag: error: option '--interval': '5 potatoes' needs a unit: "
	  "us, ms, s, m or h\nhint: for example '--interval 500ms'\n" },
	{ "--interval|0s",
	  "vnetdiag: error: option '--interval': '0s' must be more than 0\n"
	  "hint: for example '--interval 500ms'\n" },
	{ "--interval", "vnetdiag: error: option '--interval' needs a value: "
	  "TIME\nhint: see 'vnetdiag toy run --help'\n" },
	{ "-i", "vnetdiag: error: option '--interval' needs a value: TIME\n"
	  "hint: see 'vnetdiag toy run --help'\n" },
	{ "--interval|--count|3",
	  "vnetdiag: error: option '--interval' needs a value: TIME\n"
	  "hint: for the value '--count' write '--interval=--count'\n" },
	{ "--name|-a", "vnetdiag: error: option '--name' needs a value: NAME\n"
	  "hint: for the value '-a' write '--name=-a'\n" },
	{ "--name|--|x", "vnetdiag: error: option '--name' needs a value: NAME\n"
	  "hint: for the value '--' write '--name=--'\n" },
	{ "--name=", "vnetdiag: error: option '--name': '' must not be empty\n"
	  "hint: for example '--name NAME'\n" },
	{ "--all=yes", "vnetdiag: error: option '--all' takes no value\n"
	  "hint: see 'vnetdiag toy run --help'\n" },
	{ "--help=x", "vnetdiag: error: option '--help' takes no value\n"
	  "hint: see 'vnetdiag toy run --help'\n" },
	{ "lo", "vnetdiag: error: unexpected argument 'lo'\n"
	  "hint: see 'vnetdiag toy run --help'\n" },
	{ "--|--all", "vnetdiag: error: unexpected argument '--all'\n"
	  "hint: see 'vnetdiag toy run --help'\n" },
	{ "-", "vnetdiag: error: unexpected argument '-'\n"
	  "hint: see 'vnetdiag toy run --help'\n" },
	{ "--top|3|-t|4", "vnetdiag: error: option '--top' is given twice: "
	  "'3' and '4'\nhint: keep one of them\n" },
	{ "--colours=red|--colours=blue",
	  "vnetdiag: error: option '--colours' is given twice: 'red' and "
	  "'blue'\nhint: write '--colours red,blue' for both\n" },
	{ "--top|101", "vnetdiag: error: option '--top': '101' is too large\n"
	  "hint: a whole number from 1 to 100\n" },
	{ "--count|0", "vnetdiag: error: option '--count': '0' is too small\n"
	  "hint: a whole number from 1 to 4294967295\n" },
	{ "--colour|gren", "vnetdiag: error: option '--colour': 'gren' is not "
	  "one of the choices\nhint: did you mean 'green'? choices: red, "
	  "green, blue\n" },
	{ "--colours|red,", "vnetdiag: error: option '--colours': 'red,' is not "
	  "a list of the choices\nhint: did you mean 'red'? choices: red, "
	  "green, blue\n" },
	{ "--rate-limit|1001", "vnetdiag: error: option '--rate-limit': '1001' "
	  "is too large\nhint: a whole number from 1 to 1000\n" },
	{ "--rate-limit|0/s", "vnetdiag: error: option '--rate-limit': '0/s' "
	  "is too small\nhint: a whole number from 1 to 1000\n" },
	{ "--port|0", "vnetdiag: error: option '--port': '0' is too small\n"
	  "hint: a whole number from 1 to 65535\n" },
	{ "--port|65536", "vnetdiag: error: option '--port': '65536' is too "
	  "large\nhint: a whole number from 1 to 65535\n" },
	{ "--tag|4096", "vnetdiag: error: option '--tag': '4096' is too large\n"
	  "hint: a whole number from 0 to 4095\n" },
	{ "--src-ip|10.0.0.300", "vnetdiag: error: option '--src-ip': "
	  "'10.0.0.300' is not an IPv4 or IPv6 address\n"
	  "hint: for example '--src-ip 10.0.0.0/24'\n" },
	{ "--device|lo,no-such-device", "vnetdiag: error: option '--device': "
	  "'no-such-device' is not a network device here\n"
	  "hint: 'ip link' lists the devices of this network namespace\n" },
	{ "--device|lo,lo", "vnetdiag: error: option '--device': 'lo,lo' names "
	  "a device twice\nhint: for example '--device eth0,eth1', at most "
	  "16\n" },
	{ "--name|a\nb|--top|\x1b[1m", "vnetdiag: error: option '--top': "
	  "'?[1m' is not a whole number\n"
	  "hint: a whole number from 1 to 100\n" },
	{ "--kernel-facts|x", "vnetdiag: error: option '--kernel-facts' works "
	  "only with '--dry-run'\nhint: add '--dry-run'\n" },
	{ "--comm|a-name-of-16-byt", "vnetdiag: error: option '--comm': "
	  "'a-name-of-16-byt' is longer than 15 bytes\n"
	  "hint: the kernel keeps 15: '--comm a-name-of-16-by'\n" },
};

TEST(mistakes_are_explained)
{
	for (size_t i = 0; i < VNET_ARRAY_SIZE(mistakes); i++) {
		CHECK_EQ(parse(&toy, mistakes[i].line), -1);
		CHECK_EQ(status, VNET_EXIT_USAGE);
		CHECK_STR(err_text, mistakes[i].message);
		CHECK_STR(out_text, "");
	}
}

TEST(conflicting_filters)
{
	static const struct { const char *line, *what; } bad[] = {
		{ "--src-ip|10.0.0.1|--dst-ip|fd00::1",
		  "'--src-ip' is IPv4, but '--dst-ip' is IPv6" },
		{ "--src-ip|fd00::/8|--dst-ip|0.0.0.0/0",
		  "'--src-ip' is IPv6, but '--dst-ip' is IPv4" },
		{ "--protocol|icmp|--src-ip|fd00::1",
		  "'--protocol' is icmp, but '--src-ip' is IPv6" },
		{ "--protocol|icmp6|--dst-ip|10.0.0.1",
		  "'--protocol' is icmp6, but '--dst-ip' is IPv4" },
		{ "--protocol|arp|--dst-ip|fd00::1",
		  "'--protocol' is arp, but '--dst-ip' is IPv6" },
		{ "--protocol|icmp|--src-port|53",
		  "'--protocol' is icmp, but '--src-port' asks for a port" },
		{ "--protocol|icmp6|--dst-port|53",
		  "'--protocol' is icmp6, but '--dst-port' asks for a port" },
		{ "--protocol|arp|--dst-port|53",
		  "'--protocol' is arp, but '--dst-port' asks for a port" },
	};
	static const char *const good[] = {
		"--protocol|icmp|--src-ip|10.0.0.1", "--protocol|icmp6|--src-ip|::1",
		"--protocol|arp|--src-ip|10.0.0.1", "--protocol|sctp|--src-port|1",
		"--protocol|all|--src-port|1", "--src-ip|::1|--dst-ip|::/0",
		"--protocol|tcp|--dst-ip|fd00::1|--dst-port|65535",
	};
	char want[200];

	for (size_t i = 0; i < VNET_ARRAY_SIZE(bad); i++) {
		CHECK_EQ(parse(&toy, bad[i].line), -1);
		CHECK_EQ(status, VNET_EXIT_USAGE);
		snprintf(want, sizeof(want), "vnetdiag: error: conflicting "
			 "filters: %s\nhint: no packet can match both: remove "
			 "one\n", bad[i].what);
		CHECK_STR(err_text, want);
		CHECK_STR(out_text, "");
	}
	for (size_t i = 0; i < VNET_ARRAY_SIZE(good); i++) {
		CHECK_EQ(parse(&toy, good[i]), 0);
		CHECK_STR(err_text, "");
	}
}

TEST(required)
{
	CHECK_EQ(parse(&strict, ""), -1);
	CHECK_EQ(status, VNET_EXIT_USAGE);
	CHECK_STR(err_text, "vnetdiag: error: option '--must' is required\n"
		  "hint: add '--must N'\n");
	CHECK_EQ(parse(&strict, "--must|4"), 0);
	CHECK_EQ(args.must, 4);
	/* A table that a command does not list is not there. */
	CHECK_EQ(parse(&strict, "--must|4|--vlan|1"), -1);
	CHECK_EQ(parse(&strict, "--help"), -1);
	CHECK_EQ(status, 0);
}

TEST(check_decides)
{
	CHECK_EQ(parse(&toy, "--top|13"), -1);
	CHECK_EQ(status, VNET_EXIT_IMPOSSIBLE);
}

TEST(help)
{
	static const char *const lines[] = {
		"--help", "-h", "-ah", "--top|3|--help", "--help|--zzz", "lo|-h",
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(lines); i++) {
		CHECK_EQ(parse(&toy, lines[i]), -1);
		CHECK_EQ(status, 0);
		CHECK_STR(err_text, "");
		CHECK(strstr(out_text, "Usage: vnetdiag toy run [OPTION...]\n"));
		CHECK(strstr(out_text, "\nPacket filter:\n"));
		CHECK(strstr(out_text, "Rows (default: 5)\n"));
		CHECK(strstr(out_text, "(default: red,blue)"));
		CHECK(!strstr(out_text, "perf-buffer"));
		CHECK(strstr(out_text, "\n    vnetdiag toy run --src-ip 10.0.0.11"
			     " --dst-ip 10.0.0.12 --protocol icmp \\\n"
			     "        --device br-int --top 3 | jq .\n"));
		/* The command's own come first. */
		CHECK(strstr(out_text, "--top") < strstr(out_text, "--interval"));
	}
	for (char *line = out_text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		CHECK(strcspn(line, "\n") < 80);
	}
	/* As a value, or behind "--", it is no option. */
	CHECK_EQ(parse(&toy, "--name=--help"), 0);
	CHECK_STR(args.name, "--help");
	CHECK_EQ(parse(&toy, "--|--help"), -1);
	CHECK_EQ(status, VNET_EXIT_USAGE);
}

TEST(operands)
{
	struct words_args *w = (void *)&args;

	CHECK_EQ(parse(&words, "one|two|--|-three"), 0);
	CHECK_EQ(w->words.nr, 3);
	CHECK_STR(w->words.words[0], "one");
	CHECK_STR(w->words.words[2], "-three");
	CHECK_EQ(parse(&words, "1|2|3|4|5"), -1);
	CHECK_STR(err_text, "vnetdiag: error: unexpected argument '5'\n"
		  "hint: see 'vnetdiag words --help'\n");
}

/* Order of words and options must not depend on the environment. */
TEST(posix_order)
{
	struct words_args *w = (void *)&args;

	setenv("POSIXLY_CORRECT", "1", 1);
	CHECK_EQ(parse(&toy, "--all|lo|--top|3"), -1);
	CHECK_STR(err_text, "vnetdiag: error: unexpected argument 'lo'\n"
		  "hint: see 'vnetdiag toy run --help'\n");
	CHECK_EQ(parse(&words, "one|-h"), -1);
	CHECK_EQ(status, 0);
	CHECK_EQ(parse(&words, "one|two"), 0);
	CHECK_EQ(w->words.nr, 2);
	unsetenv("POSIXLY_CORRECT");
}

TEST(nearest)
{
	static const char *const names[] = {
		"interval", "duration", "src-ip", "dst-ip", "drop", NULL
	};

	CHECK_STR(vnet_nearest("intervall", names), "interval");
	CHECK_STR(vnet_nearest("inetrval", names), "interval");
	CHECK_STR(vnet_nearest("dur", names), "duration");
	CHECK_STR(vnet_nearest("sr-cip", names), "src-ip");
	CHECK_STR(vnet_nearest("dorp", names), "drop");
	CHECK_STR(vnet_nearest("drops", names), "drop");
	CHECK_STR(vnet_nearest("drop", names), "drop");
	/* Equally near: the first. A lone letter says nothing. */
	CHECK_STR(vnet_nearest("xst-ip", names), "dst-ip");
	CHECK(!vnet_nearest("", names));
	CHECK(!vnet_nearest("d", names));
	CHECK(!vnet_nearest("zzzzzzzz", names));
	CHECK(!vnet_nearest("interval-of-a-name-that-is-longer-than-any-could-be",
			    names));
}

/* vnet_cli_find() on words split at '|', with stderr kept. */
static const struct vnet_cmd *find(const char *line, int *nr)
{
	char *text = vnet_printf("vnetdiag%s%s", line[0] ? "|" : "", line);
	char *argv[8] = { NULL };
	const struct vnet_cmd *cmd;
	FILE *err = tmpfile();
	int argc = 0, saved = dup(2);

	for (char *p = text; p; argc++) {
		argv[argc] = p;
		p = strchr(p, '|');
		if (p)
			*p++ = '\0';
	}
	dup2(fileno(err), 2);
	cmd = vnet_cli_find(argc, argv, nr);
	dup2(saved, 2);
	close(saved);
	slurp(err, err_text);
	free(text);
	return cmd;
}

TEST(dispatch)
{
	int nr;

	CHECK(find("toy|run", &nr) == &toy && nr == 2);
	CHECK(find("toy|run|--top|3", &nr) == &toy && nr == 2);
	CHECK(find("toy|strict|x", &nr) == &strict && nr == 2);
	CHECK(find("words|toy", &nr) == &words && nr == 1);
	CHECK(find("secret", &nr) == &secret && nr == 1);
	CHECK(find("ovs|upcall|summary", &nr) == &deep && nr == 3);
	CHECK_STR(err_text, "");
}

TEST(dispatch_mistakes)
{
	static const struct { const char *line, *message; } bad[] = {
		{ "toi|run", "vnetdiag: error: unknown command 'toi'\n"
		  "hint: did you mean 'vnetdiag toy'?\n" },
		{ "toy|rnu", "vnetdiag: error: unknown command 'toy rnu'\n"
		  "hint: did you mean 'vnetdiag toy run'?\n" },
		{ "toy|zzz", "vnetdiag: error: unknown command 'toy zzz'\n"
		  "hint: see 'vnetdiag help toy'\n" },
		{ "secre", "vnetdiag: error: unknown command 'secre'\n"
		  "hint: 'vnetdiag help' lists the commands\n" },
		{ "ovs|upcall|sumary", "vnetdiag: error: unknown command 'ovs "
		  "upcall sumary'\n"
		  "hint: did you mean 'vnetdiag ovs upcall summary'?\n" },
		{ "--top", "vnetdiag: error: unknown option '--top' before the "
		  "command\nhint: options come behind a command; 'vnetdiag "
		  "help' lists the commands\n" },
	};
	int nr;

	for (size_t i = 0; i < VNET_ARRAY_SIZE(bad); i++) {
		CHECK(!find(bad[i].line, &nr));
		CHECK_STR(err_text, bad[i].message);
	}
	CHECK(!find("", &nr));
	CHECK(strstr(err_text, "error: no command given\n"));
	CHECK(strstr(err_text, "\n  toy strict "));
	CHECK(!strstr(err_text, "secret"));
	CHECK(!find("toy", &nr));
	CHECK(strstr(err_text, "error: 'toy' needs a verb\n"));
	CHECK(!strstr(err_text, "upcall"));
	CHECK(!find("ovs|upcall|--top", &nr));
	CHECK(strstr(err_text, "error: 'ovs upcall' needs a verb\n"));
}

TEST_MAIN(T(defaults), T(all_types), T(short_forms), T(mistakes_are_explained),
	  T(conflicting_filters), T(required), T(check_decides), T(help),
	  T(operands), T(posix_order), T(nearest), T(dispatch),
	  T(dispatch_mistakes))
