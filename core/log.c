/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages on stderr, each written at once as one line. For everyone. */
#include <stdarg.h>
#include <stdio.h>

#include "vnet/log.h"
#include "vnet/util.h"

/* More than any message needs; a longer one loses its end. */
#define MAX_MESSAGE	2048

static bool verbose;

static void write_message(const char *prefix, const char *format, va_list args)
{
	char text[MAX_MESSAGE];

	vsnprintf(text, sizeof(text), format, args);
	/* Arguments come from users and kernels: keep them from the terminal. */
	vnet_sanitise(text);
	fprintf(stderr, "%s%s\n", prefix, text);
}

void vnet_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_message("vnetdiag: error: ", format, args);
	va_end(args);
}

void vnet_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_message("vnetdiag: warning: ", format, args);
	va_end(args);
}

void vnet_hint(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_message("hint: ", format, args);
	va_end(args);
}

void vnet_debug(const char *format, ...)
{
	va_list args;

	if (!verbose)
		return;
	va_start(args, format);
	write_message("vnetdiag: ", format, args);
	va_end(args);
}

void vnet_set_verbose(bool on)
{
	verbose = on;
}

bool vnet_verbose(void)
{
	return verbose;
}
