/* SPDX-License-Identifier: GPL-2.0-only */
/* "Did you mean": the name nearest to a word. Called wherever a name is wrong. */
#include <string.h>

#include "vnet/cli.h"

/* Longer words are not compared: nothing is called like that. */
#define MAX_NEAREST	48

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/*
 * How many insertions, deletions, replacements and swaps of neighbours turn
 * one word into the other (Damerau-Levenshtein, each place edited once).
 */
static size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][MAX_NEAREST + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	size_t nr_b = strlen(b);

	for (size_t j = 0; j <= nr_b; j++)
		above[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t *oldest = before;

		row[0] = i;
		for (size_t j = 1; j <= nr_b; j++) {
			bool same = a[i - 1] == b[j - 1];

			row[j] = min3(above[j] + 1, row[j - 1] + 1,
				      above[j - 1] + !same);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = above;
		above = row;
		row = oldest;
	}
	return above[nr_b];
}

const char *vnet_nearest(const char *word, const char *const *names)
{
	size_t length = strlen(word), limit = length / 3, nr_begun = 0;
	const char *best = NULL, *begun = NULL;

	if (length < 2 || length > MAX_NEAREST)
		return NULL;
	for (; *names; names++) {
		size_t distance;

		if (!strncmp(*names, word, length)) {
			begun = *names;
			nr_begun++;
		}
		if (strlen(*names) > MAX_NEAREST)
			continue;
		distance = edit_distance(word, *names);
		/* The first of equals wins, so the next must be better. */
		if (distance <= limit && (!best || distance < limit)) {
			best = *names;
			limit = distance;
		}
	}
	return nr_begun == 1 ? begun : best;
}
