/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/kallsyms in memory: 12 bytes and the name for each function, some 6 MB.
 * Read when the first address is asked for, never before a run is attached.
 */
#include <errno.h>

#include "vnet/symbols.h"
#include "vnet/util.h"

#define READ_BUFFER	65536

/* One function; module is an index into modules[], 0: the kernel itself. */
struct symbol {
	uint64_t address;
	uint32_t name;		/* offset in names */
	uint16_t module;
};

#define MAX_MODULES	1024

static struct {
	bool tried;
	struct symbol *symbols;
	size_t nr, room;
	char *names;
	size_t names_len, names_room;
	char *modules[MAX_MODULES];
	size_t nr_modules;
} table;

static uint32_t add_name(const char *name)
{
	size_t len = strlen(name) + 1, at = table.names_len;

	if (at + len > table.names_room) {
		table.names_room = table.names_room ? table.names_room * 2 : 1 << 20;
		table.names = vnet_realloc(table.names, table.names_room);
	}
	memcpy(table.names + at, name, len);
	table.names_len += len;
	return at;
}

/* Modules stand together in the file: the last one is nearly always right. */
static uint16_t add_module(const char *name)
{
	for (size_t i = table.nr_modules; i > 1; i--)
		if (!strcmp(table.modules[i - 1], name))
			return i - 1;
	if (!table.nr_modules)
		table.modules[table.nr_modules++] = NULL;
	if (table.nr_modules == MAX_MODULES)
		return 0;
	table.modules[table.nr_modules] = vnet_strdup(name);
	return table.nr_modules++;
}

static void add_symbol(uint64_t address, const char *name, const char *module)
{
	if (table.nr == table.room) {
		table.room = table.room ? table.room * 2 : 1 << 16;
		table.symbols = vnet_realloc(table.symbols,
					     table.room * sizeof(*table.symbols));
	}
	table.symbols[table.nr++] = (struct symbol){
		address, add_name(name), module ? add_module(module) : 0,
	};
}

/* "ffffffff81000000 T name\t[module]" */
static void add_line(char *line)
{
	char *end, *name, *module;
	uint64_t address = strtoull(line, &end, 16);

	if (!address || *end != ' ' || !strchr("tTwW", end[1]))
		return;
	name = end + 3;
	name[strcspn(name, "\n")] = 0;
	module = strchr(name, '\t');
	if (module) {
		*module++ = 0;
		module++;
		module[strcspn(module, "]")] = 0;
	}
	add_symbol(address, name, module);
}

static int symbol_order(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static void load(void)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char *line = NULL, *buffer;
	size_t size = 0;

	table.tried = true;
	if (!f)
		return;
	/* The kernel gives a page at a time; stdio's own buffer has 1 kB. */
	buffer = vnet_alloc(READ_BUFFER);
	setvbuf(f, buffer, _IOFBF, READ_BUFFER);
	while (getline(&line, &size, f) > 0)
		add_line(line);
	free(line);
	fclose(f);
	free(buffer);
	qsort(table.symbols, table.nr, sizeof(*table.symbols), symbol_order);
}

static bool loaded(void)
{
	if (!table.tried)
		load();
	return table.nr;
}

bool vnet_symbols_readable(void)
{
	return loaded();
}

/* The last symbol at or below the address; its index, or -1. */
static ssize_t find_index(uint64_t address)
{
	size_t low = 0, high = table.nr;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (table.symbols[mid].address <= address)
			low = mid + 1;
		else
			high = mid;
	}
	return (ssize_t)low - 1;
}

bool vnet_symbol_find(uint64_t address, struct vnet_frame *frame)
{
	ssize_t i;

	*frame = (struct vnet_frame){ .address = address };
	i = loaded() ? find_index(address) : -1;
	if (i < 0)
		return false;
	/* Of aliases at one address the first in the file is the usual name. */
	while (i > 0 && table.symbols[i - 1].address == table.symbols[i].address)
		i--;
	frame->symbol = table.names + table.symbols[i].name;
	frame->module = table.nr_modules ? table.modules[table.symbols[i].module] : NULL;
	frame->offset = address - table.symbols[i].address;
	return true;
}

bool vnet_symbol_range(const char *name, uint64_t *from, uint64_t *to)
{
	if (!loaded())
		return false;
	for (size_t i = 0; i + 1 < table.nr; i++) {
		size_t next = i + 1;

		if (strcmp(table.names + table.symbols[i].name, name))
			continue;
		while (next < table.nr &&
		       table.symbols[next].address == table.symbols[i].address)
			next++;
		*from = table.symbols[i].address;
		*to = next < table.nr ? table.symbols[next].address : *from + 1;
		return true;
	}
	return false;
}

/* Frames of the tracing machinery above the function that was traced. */
static bool is_machinery(const char *symbol)
{
	static const char *const prefixes[] = {
		"bpf_prog_", "bpf_trace_run", "__bpf_trace_", "__traceiter_",
		"bpf_trampoline_", "bpf_get_stack",
	};

	for (size_t i = 0; symbol && i < VNET_ARRAY_SIZE(prefixes); i++)
		if (!strncmp(symbol, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

struct vnet_stack *vnet_symbol_stack(struct vnet_report *report, const __u64 *ips,
				     unsigned int nr, uint64_t location)
{
	struct vnet_stack *stack = vnet_report_alloc(report, sizeof(*stack));

	stack->frames = vnet_report_alloc(report, (nr + 1) * sizeof(*stack->frames));
	for (unsigned int i = 0; i < nr && ips[i]; i++) {
		struct vnet_frame *frame = &stack->frames[stack->nr];

		vnet_symbol_find(ips[i], frame);
		if (!stack->nr && is_machinery(frame->symbol))
			continue;
		frame->mark = location && ips[i] == location;
		stack->nr++;
	}
	return stack;
}

const char *vnet_symbol_text(struct vnet_report *report, uint64_t address)
{
	struct vnet_frame frame;

	if (!vnet_symbol_find(address, &frame))
		return vnet_report_printf(report, "0x%llx", (unsigned long long)address);
	return vnet_report_printf(report, "%s+0x%llx%s%s%s", frame.symbol,
				  (unsigned long long)frame.offset,
				  frame.module ? " [" : "", frame.module ?: "",
				  frame.module ? "]" : "");
}
