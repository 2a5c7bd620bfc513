/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fuzzes the file of pairs (cmd/latency_pair_list.c): what is taken must be names
 * that devices can have, and written out again it must be read as the same.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/latency_pair_list.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void check_name(const char *name)
{
	require(strlen(name) > 0 && strlen(name) < 16 && !strpbrk(name, " \t\r\n#/"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pair_list list, again;
	char text[VNET_PAIRS_MAX * 32];
	const char *why = NULL;
	unsigned int line;
	size_t used = 0;

	if (pair_parse((const char *)data, size, &list, &line, &why)) {
		require(why && *why && line <= size + 1);
		return 0;
	}
	require(list.nr > 0 && list.nr <= VNET_PAIRS_MAX);
	for (uint32_t i = 0; i < list.nr; i++) {
		check_name(list.pairs[i].from);
		check_name(list.pairs[i].to);
		require(list.pairs[i].line <= size);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s\n",
					 list.pairs[i].from, list.pairs[i].to);
	}
	require(!pair_parse(text, used, &again, &line, &why) && again.nr == list.nr);
	for (uint32_t i = 0; i < list.nr; i++)
		require(!strcmp(list.pairs[i].from, again.pairs[i].from) &&
			!strcmp(list.pairs[i].to, again.pairs[i].to));
	return 0;
}
