/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs a fuzz target over the files of a folder, without a fuzzing engine:
 * what `make test` does with the seed corpus. Speaks TAP.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX	65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Also every beginning of the input: where parsers read too far. */
static void run_prefixes(const uint8_t *data, size_t size)
{
	for (size_t len = 0; len <= size; len += size > 512 ? 37 : 1) {
		uint8_t *copy = malloc(len + !len);

		memcpy(copy, data, len);
		LLVMFuzzerTestOneInput(copy, len);
		free(copy);
	}
}

int main(int argc, char **argv)
{
	static uint8_t data[INPUT_MAX];
	struct dirent **entries;
	int n = argc == 2 ? scandir(argv[1], &entries, is_file, by_name) : -1;

	if (n <= 0) {
		printf("1..1\nnot ok 1 - no seeds\n");
		return 1;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		char path[512];
		size_t size;
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);
		f = fopen(path, "rb");
		if (!f) {
			printf("not ok %d - %s\n", i + 1, path);
			return 1;
		}
		size = fread(data, 1, sizeof(data), f);
		fclose(f);
		run_prefixes(data, size);
		printf("ok %d - %s\n", i + 1, entries[i]->d_name);
		fflush(stdout);
		free(entries[i]);
	}
	free(entries);
	return 0;
}
