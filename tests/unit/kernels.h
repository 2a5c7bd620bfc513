/* SPDX-License-Identifier: GPL-2.0-only */
/* The recorded kernels of tests/fixtures, for the tests of plans and facts. */
#ifndef VNET_TEST_KERNELS_H
#define VNET_TEST_KERNELS_H

#include <stdlib.h>

#include "vnet/kernel.h"
#include "vnet/util.h"

#include "test.h"

enum { K5_10, K6_1, K6_12, K7, NR_KERNELS };

static const char *const kernel_labels[NR_KERNELS] = { "5.10", "6.1", "6.12", "7" };

/* The file's text; free() it. The tests may be started from anywhere. */
static inline char *kernel_text(int i, size_t *size)
{
	char *path = vnet_printf("%.*s/../fixtures/kernel-%s.facts",
				 (int)(strrchr(__FILE__, '/') - __FILE__), __FILE__,
				 kernel_labels[i]);
	char *text = NULL;

	if (vnet_read_file(path, &text, size)) {
		printf("Bail out! cannot read %s\n", path);
		exit(1);
	}
	free(path);
	return text;
}

/* What vnet_kernel_read() makes of a text. */
static inline int read_text(const char *text, size_t size, struct vnet_kernel **kernel,
			    int *line)
{
	FILE *in = fmemopen((void *)text, size, "r");
	int err = vnet_kernel_read(kernel, in, line);

	fclose(in);
	return err;
}

static inline struct vnet_kernel *kernel_open(int i)
{
	struct vnet_kernel *kernel = NULL;
	size_t size;
	char *text = kernel_text(i, &size);
	int line;

	if (read_text(text, size, &kernel, &line)) {
		printf("Bail out! kernel-%s.facts: line %d\n", kernel_labels[i], line);
		exit(1);
	}
	free(text);
	return kernel;
}

#endif
