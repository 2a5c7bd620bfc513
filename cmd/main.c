/* SPDX-License-Identifier: GPL-2.0-only */
/* The program: find the command, parse its options, run it, exit. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vnet/cli.h"
#include "vnet/log.h"
#include "vnet/util.h"

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

/*
 * Turns the forms that people try into the commands they mean: "--help" into
 * "help", "drop --help" into "help drop", "--version" and "-V" into "version".
 */
static void rewrite_words(int argc, char **argv)
{
	static char help[] = "help", version[] = "version";

	if (argc < 2)
		return;
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		argv[1] = version;
	} else if (is_help(argv[1])) {
		argv[1] = help;
	} else if (is_help(argv[argc - 1]) &&
		   vnet_cli_is_group(argc - 2, argv + 1)) {
		memmove(argv + 2, argv + 1,
			(size_t)(argc - 2) * sizeof(*argv));
		argv[1] = help;
	}
}

/*
 * A descriptor 0, 1 or 2 that is closed would be taken by the next open():
 * reports could go into a BPF object. Filled so that writing to it fails.
 */
static void fill_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Nobody reads from the pipe or socket any more. */
static bool reader_has_gone(void)
{
	struct pollfd pipe = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&pipe, 1, 0) == 1 && pipe.revents & (POLLERR | POLLHUP);
}

/* A result that was not written is an error; a reader who left is none. */
static int close_stdout(int status)
{
	bool failed = ferror(stdout), gone = reader_has_gone();
	int err = 0;

	if (fclose(stdout))
		err = errno;
	if ((!failed && !err) || gone || err == EPIPE)
		return status;
	/* stdio does not keep the cause of an earlier failure. */
	vnet_error("cannot write to standard output%s%s", err ? ": " : "",
		   err ? strerror(err) : "");
	return status ? status : VNET_EXIT_RUNTIME;
}

static int run_command(int argc, char **argv)
{
	const struct vnet_cmd *cmd;
	int status = VNET_EXIT_USAGE, nr_words;
	void *args;

	rewrite_words(argc, argv);
	cmd = vnet_cli_find(argc, argv, &nr_words);
	if (!cmd)
		return status;
	args = vnet_alloc(cmd->args_size);
	if (!vnet_cli_parse(cmd, argc - nr_words, argv + nr_words, args,
			    &status))
		status = cmd->run(args);
	free(args);
	return status;
}

int main(int argc, char **argv)
{
	/* Output does not depend on the user's locale. */
	setlocale(LC_ALL, "C");
	/* A closed pipe is an error of the write, which ends the run in order. */
	signal(SIGPIPE, SIG_IGN);
	fill_standard_files();
	return close_stdout(run_command(argc, argv));
}
