/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions that have no place here; included before every C file. There is
 * one typed parser for each kind of text (vnet/cli.h) and every copy has a size.
 */
#ifndef VNET_BANNED_H
#define VNET_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison atoi atol atoll atof strtod sscanf
#pragma GCC poison sprintf vsprintf strcpy strcat strncpy strncat gets

/*
 * Not poisoned: <linux/bpf.h> names a BPF helper so. clang, which builds the
 * fuzz targets, takes the attribute on a first declaration only.
 */
#ifndef __clang__
extern long strtol(const char *text, char **end, int base)
	__attribute__((error("use the typed parsers of vnet/cli.h")));
#endif

#endif
