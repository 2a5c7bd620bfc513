/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loads and attaches programs of a BPF object until it is told to end, and
 * says READY. Not bpftool: its links must be pinned, which those of kprobes
 * cannot be before v5.15. Called by tests/bench/packets.sh.
 * usage: attach OBJECT LOCAL PHY PROGRAM...
 */
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

/* `devices` is all there is of tunables, if there are any. */
static int set_devices(struct bpf_object *object, char **names)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		uint32_t devices[] = { if_nametoindex(names[0]), if_nametoindex(names[1]) };

		if (strstr(bpf_map__name(map), ".rodata"))
			return bpf_map__set_initial_value(map, devices, sizeof(devices));
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct bpf_program *program;
	struct bpf_object *object;
	sigset_t set;
	int signal;

	if (argc < 5)
		return 2;
	object = bpf_object__open_file(argv[1], NULL);
	if (!object || set_devices(object, argv + 2))
		return 1;
	for (int i = 4; i < argc; i++) {
		program = bpf_object__find_program_by_name(object, argv[i]);
		if (!program) {
			fprintf(stderr, "attach: no program '%s'\n", argv[i]);
			return 1;
		}
		bpf_program__set_autoload(program, true);
	}
	if (bpf_object__load(object))
		return 1;
	bpf_object__for_each_program(program, object)
		if (bpf_program__autoload(program) && !bpf_program__attach(program))
			return 1;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	puts("READY");
	fflush(stdout);
	return sigwait(&set, &signal) != 0;
}
