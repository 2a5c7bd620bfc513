/* SPDX-License-Identifier: GPL-2.0-only */
/* The pairs of `latency pair`: from the options or a file, and which devices they are. */
#include <errno.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "cmd/latency_pair.h"
#include "vnet/log.h"
#include "vnet/util.h"

/* A file of pairs is 16 lines, and comments. */
#define MAX_FILE	65536

static int fail(const char **why, const char *reason)
{
	*why = reason;
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* A line without its comment. */
struct words {
	const char *at, *end;
};

/* The next word, moved behind; its length, 0 at the end. */
static size_t next_word(struct words *line, const char **word)
{
	while (line->at < line->end && is_blank(*line->at))
		line->at++;
	*word = line->at;
	while (line->at < line->end && !is_blank(*line->at))
		line->at++;
	return (size_t)(line->at - *word);
}

static int take_name(struct words *line, char name[16], const char **why)
{
	const char *word;
	size_t length = next_word(line, &word);

	if (!length)
		return fail(why, "needs two devices: FROM TO");
	if (length > 15 || memchr(word, 0, length) || memchr(word, '/', length))
		return fail(why, "has a name that no device can have");
	memcpy(name, word, length);
	name[length] = 0;
	return 0;
}

static bool is_listed(const struct pair_list *list, const struct pair_names *pair)
{
	for (uint32_t i = 0; i < list->nr; i++)
		if (!strcmp(list->pairs[i].from, pair->from) &&
		    !strcmp(list->pairs[i].to, pair->to))
			return true;
	return false;
}

static int add_pair(struct pair_list *list, const struct pair_names *pair, const char **why)
{
	if (!strcmp(pair->from, pair->to))
		return fail(why, "has one device at both ends");
	if (is_listed(list, pair))
		return fail(why, "has a pair that was there before");
	if (list->nr == VNET_PAIRS_MAX)
		return fail(why, "is one more than the 16 pairs of a run");
	list->pairs[list->nr++] = *pair;
	return 0;
}
_Static_assert(VNET_PAIRS_MAX == 16, "the message above says 16");

static int parse_line(struct words line, struct pair_list *list, unsigned int number,
		      const char **why)
{
	const char *comment = memchr(line.at, '#', (size_t)(line.end - line.at)), *word;
	struct pair_names pair = { .line = number };
	struct words probe;

	line.end = comment ?: line.end;
	probe = line;
	if (!next_word(&probe, &word))
		return 0;
	if (take_name(&line, pair.from, why) || take_name(&line, pair.to, why))
		return -EINVAL;
	if (next_word(&line, &word))
		return fail(why, "has more than two words");
	return add_pair(list, &pair, why);
}

int pair_parse(const char *text, size_t size, struct pair_list *list, unsigned int *line,
	       const char **why)
{
	const char *end = text + size;

	list->nr = 0;
	for (*line = 1; text < end; ++*line) {
		const char *next = memchr(text, '\n', (size_t)(end - text)) ?: end;

		if (parse_line((struct words){ text, next }, list, *line, why))
			return -EINVAL;
		text = next + 1;
	}
	*line = 0;
	return list->nr ? 0 : fail(why, "has no pair");
}

/* Not by vnet_read_file(): of a device file there would be no end. */
static int read_file(const char *path, char *text, size_t *size)
{
	FILE *in = fopen(path, "re");
	int err = 0;

	if (!in)
		return -errno;
	*size = fread(text, 1, MAX_FILE, in);
	if (ferror(in))
		err = -EIO;
	else if (*size == MAX_FILE)
		err = -EFBIG;
	fclose(in);
	return err;
}

static int load_file(struct pair_args *args)
{
	char *text = vnet_alloc(MAX_FILE);
	unsigned int line;
	const char *why;
	size_t size = 0;
	int err = read_file(args->file, text, &size), status = 0;

	if (err) {
		vnet_error("cannot read '%s': %s", args->file, strerror(-err));
		status = VNET_EXIT_RUNTIME;
	} else if (pair_parse(text, size, &args->list, &line, &why)) {
		if (line)
			vnet_error("pairs in '%s': line %u %s", args->file, line, why);
		else
			vnet_error("the file '%s' %s", args->file, why);
		vnet_hint("each line has two devices, 'vnet0 vnet1'; '#' begins a comment");
		status = VNET_EXIT_USAGE;
	}
	free(text);
	return status;
}

int pair_list_make(struct pair_args *args)
{
	struct pair_names pair = {};
	const char *why;

	if (args->file)
		return load_file(args);
	vnet_copy(pair.from, sizeof(pair.from), args->from.names[0]);
	vnet_copy(pair.to, sizeof(pair.to), args->to.names[0]);
	args->list.nr = 0;
	if (!add_pair(&args->list, &pair, &why))
		return 0;
	vnet_error("'%s' is both '--from' and '--to'", pair.from);
	vnet_hint("what comes in by a device leaves by another one");
	return VNET_EXIT_USAGE;
}

/* ---- the devices ---- */

/* Devices whose packets are handed to the stack by the device below them. */
static const char *const upper_types[] = { "vlan", "bond", "macvlan", "ipvlan" };

/* "bridge", from the line DEVTYPE of the device's uevent; "" if there is none. */
static void find_type(const char *device, char type[16])
{
	char *text = NULL, path[64], *at;
	size_t size;

	type[0] = 0;
	snprintf(path, sizeof(path), "/sys/class/net/%.15s/uevent", device);
	if (vnet_read_file(path, &text, &size))
		return;
	at = strstr(text, "DEVTYPE=");
	if (at) {
		at += strlen("DEVTYPE=");
		at[strcspn(at, "\n")] = 0;
		vnet_copy(type, 16, at);
	}
	free(text);
}

/* An internal port of Open vSwitch tells by its driver's name only. */
static bool is_internal(const char *device)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&info };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool found;

	if (fd < 0)
		return false;
	vnet_copy(request.ifr_name, sizeof(request.ifr_name), device);
	found = !ioctl(fd, SIOCETHTOOL, &request) && !strcmp(info.driver, "openvswitch");
	close(fd);
	return found;
}

static void explain(const struct pair_args *args, const struct pair_names *pair,
		    const char *device, const char *why)
{
	if (pair->line)
		vnet_error("pairs in '%s': line %u: '%s' %s", args->file, pair->line, device,
			   why);
	else
		vnet_error("'%s' %s", device, why);
}

/* One end. False, explained, if no packet would be seen there. */
static bool resolve_end(const struct pair_args *args, const struct pair_names *pair, bool from,
			uint32_t *end)
{
	const char *device = from ? pair->from : pair->to;
	uint32_t ifindex = if_nametoindex(device);
	char type[16];

	if (!ifindex) {
		explain(args, pair, device, "is not a network device here");
		vnet_hint("'ip link' lists the devices of this network namespace");
		return false;
	}
	find_type(device, type);
	for (size_t i = 0; from && i < VNET_ARRAY_SIZE(upper_types); i++) {
		if (strcmp(type, upper_types[i]))
			continue;
		explain(args, pair, device, "hands no packets over: those below it do");
		vnet_hint("of a %s name the device that it is made of", type);
		return false;
	}
	*end = VNET_PAIRS_END(ifindex, !strcmp(type, "bridge") || is_internal(device));
	return true;
}

int pair_resolve(const struct pair_args *args, struct vnet_pairs_config *config)
{
	const struct pair_list *list = &args->list;

	config->nr = list->nr;
	for (uint32_t i = 0; i < list->nr; i++)
		if (!resolve_end(args, &list->pairs[i], true, &config->from[i]) ||
		    !resolve_end(args, &list->pairs[i], false, &config->to[i]))
			return VNET_EXIT_USAGE;
	for (uint32_t i = 0; i < list->nr; i++)
		for (uint32_t n = 0; n < list->nr; n++)
			if (n != i && config->from[n] == config->from[i])
				config->siblings[i] |= 1u << n;
	return 0;
}
