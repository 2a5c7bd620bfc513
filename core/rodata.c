/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes const volatile variables by name through the object's own BTF. */
#include <errno.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "core/rodata.h"

/* The map behind .rodata: libbpf puts the object's name in front. */
static struct bpf_map *find_rodata(struct bpf_object *object)
{
	static const char suffix[] = ".rodata";
	struct bpf_map *map;

	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);
		size_t len = strlen(name);

		if (len >= sizeof(suffix) - 1 &&
		    !strcmp(name + len - (sizeof(suffix) - 1), suffix))
			return map;
	}
	return NULL;
}

static const struct btf_var_secinfo *find_variable(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *section;
	const struct btf_var_secinfo *var;

	if (id < 0)
		return NULL;
	section = btf__type_by_id(btf, id);
	var = btf_var_secinfos(section);
	for (int i = 0; i < btf_vlen(section); i++, var++) {
		const struct btf_type *type = btf__type_by_id(btf, var->type);

		if (!strcmp(btf__name_by_offset(btf, type->name_off), name))
			return var;
	}
	return NULL;
}

int vnet_rodata_set(struct bpf_object *object, const char *name, const void *data,
		    size_t size)
{
	struct bpf_map *map = find_rodata(object);
	const struct btf *btf = bpf_object__btf(object);
	const struct btf_var_secinfo *var;
	size_t map_size;
	char *value;

	if (!map || !btf)
		return -ENOENT;
	var = find_variable(btf, name);
	if (!var)
		return -ENOENT;
	/* const in libbpf 1.1, not so later; writable before load in both */
	value = (char *)bpf_map__initial_value(map, &map_size);
	if (!value || var->size != size || var->offset + size > map_size)
		return -EINVAL;
	memcpy(value + var->offset, data, size);
	return 0;
}
