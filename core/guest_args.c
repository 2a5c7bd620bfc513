/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a QEMU's command line tells of a guest: its name, and network devices
 * that do not use taps. Called by core/guests.c.
 */
#include "core/guests.h"
#include "vnet/util.h"

/* The argument behind this one; NULL: it was the last. */
static const char *next_arg(const char *args, size_t size, const char *at)
{
	at += strlen(at) + 1;
	return at < args + size ? at : NULL;
}

/* Up to a comma that is not doubled, which stands for one. Allocated. */
static char *option_value(const char *text)
{
	char *value = vnet_alloc(strlen(text) + 1), *to = value;

	for (; *text; text++) {
		if (*text == ',' && *++text != ',')
			break;
		*to++ = *text;
	}
	return value;
}

char *vnet_guest_name(const char *args, size_t size)
{
	for (const char *at = args; at && size; at = next_arg(args, size, at)) {
		if (strcmp(at, "-name") && strcmp(at, "--name"))
			continue;
		at = next_arg(args, size, at);
		if (!at)
			return NULL;
		return option_value(strncmp(at, "guest=", 6) ? at : at + 6);
	}
	return NULL;
}

/*
 * The value of `key` in "driver,key=value,..." or in a JSON object, both of
 * which QEMU takes; *len is 0 if there is none.
 */
static const char *member(const char *arg, const char *key, size_t *len)
{
	char plain[32], json[32];
	const char *at;

	snprintf(plain, sizeof(plain), ",%s=", key);
	snprintf(json, sizeof(json), "\"%s\":\"", key);
	*len = 0;
	at = strstr(arg, plain);
	if (at) {
		at += strlen(plain);
		*len = strcspn(at, ",");
		return at;
	}
	at = strstr(arg, json);
	if (!at)
		return NULL;
	at += strlen(json);
	*len = strcspn(at, "\"");
	return at;
}

/* Whether the argument is of that type: "TYPE,..." or {"driver":"TYPE",...}. */
static bool is_of(const char *arg, const char *key, const char *type)
{
	size_t len = strlen(type), got;
	const char *value = arg;

	if (!strncmp(arg, type, len) && (arg[len] == ',' || !arg[len]))
		return true;
	value = member(arg, key, &got);
	return value && got == len && !strncmp(value, type, len);
}

/* A PCI device is a network device by its class; unknown ones count, too. */
static bool may_be_nic(const char *sys, const char *address, size_t len)
{
	char *class = vnet_proc_read(NULL, "%s/bus/pci/devices/%.*s/class", sys, (int)len,
				     address);
	bool nic = !class || !strncmp(class, "0x02", 4);

	free(class);
	return nic;
}

void vnet_guest_args(struct vnet_guest *guest, const char *sys, const char *args, size_t size)
{
	const char *value;
	size_t len;

	for (const char *at = args; at && size; at = next_arg(args, size, at)) {
		if (is_of(at, "type", "vhost-user")) {
			value = member(at, "chardev", &len);
			vnet_guest_bypass(guest, "vhost-user", value ? value : at,
					  value ? len : strlen(at));
		} else if (is_of(at, "driver", "vfio-pci")) {
			value = member(at, "host", &len);
			if (!value || may_be_nic(sys, value, len))
				vnet_guest_bypass(guest, "vfio", value ? value : at,
						  value ? len : strlen(at));
		}
	}
}
