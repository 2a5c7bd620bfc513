/* SPDX-License-Identifier: GPL-2.0-only */
/* How all renderers write: a report at once, or nothing of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "render.h"

int vnet_render_write(FILE *out, const char *data, size_t size)
{
	errno = 0;
	if (fwrite(data, 1, size, out) == size && !fflush(out))
		return 0;
	return errno ? -errno : -EIO;
}

int vnet_render_buffered(const struct vnet_report *report, FILE *out,
			 int (*print)(const struct vnet_report *report, FILE *mem))
{
	char *data = NULL;
	size_t size = 0;
	FILE *mem = open_memstream(&data, &size);
	int err;

	if (!mem)
		return -ENOMEM;
	err = print(report, mem);
	/* A stream into memory fails only for want of it. */
	if (ferror(mem))
		err = -ENOMEM;
	if (fclose(mem))
		err = -ENOMEM;
	if (!err)
		err = vnet_render_write(out, data, size);
	free(data);
	return err;
}
