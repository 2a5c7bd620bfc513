/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading BTF in place, and the part of it that an object asks about: made by
 * libbpf here, and read back by libbpf, so that two readers must agree.
 */
#include <errno.h>
#include <stdlib.h>

#include <bpf/btf.h>

#include "core/btf.h"
#include "core/btf_part.h"
#include "core/names.h"
#include "vnet/util.h"

#include "test.h"

/* The numbers of make_vmlinux()'s types. */
enum {
	T_INT = 1, T_PTR_DEVICE, T_ARRAY, T_CONST, T_ENUM, T_FLAGS, T_HEAD, T_DEVICE, T_PACKET,
	T_PROTO, T_FUNC, T_OLD, T_SHORT, T_NR
};

static struct btf *make_vmlinux(void)
{
	struct btf *btf = btf__new_empty();

	btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	btf__add_ptr(btf, T_DEVICE);
	btf__add_array(btf, T_INT, T_INT, 4);
	btf__add_const(btf, T_INT);
	btf__add_enum(btf, "reason", 4);
	btf__add_enum_value(btf, "REASON_NONE", 0);
	btf__add_enum_value(btf, "REASON_BAD", -1);
	btf__add_typedef(btf, "flags_t", T_CONST);
	btf__add_union(btf, NULL, 16);
	btf__add_field(btf, "words", T_ARRAY, 0, 0);
	btf__add_field(btf, "head", T_INT, 0, 0);
	btf__add_struct(btf, "device", 8);
	btf__add_field(btf, "next", T_PTR_DEVICE, 0, 0);
	btf__add_struct(btf, "packet", 48);
	btf__add_field(btf, "dev", T_PTR_DEVICE, 0, 0);
	btf__add_field(btf, NULL, T_HEAD, 64, 0);
	btf__add_field(btf, "odd", T_INT, 195, 3);
	btf__add_field(btf, "flags", T_FLAGS, 224, 0);
	btf__add_field(btf, "inner", T_DEVICE, 256, 0);
	btf__add_func_proto(btf, T_INT);
	btf__add_func_param(btf, "dev", T_PTR_DEVICE);
	btf__add_func(btf, "send", BTF_FUNC_STATIC, T_PROTO);
	btf__add_struct(btf, "packet___old", 4);
	btf__add_field(btf, "flags", T_INT, 0, 0);
	btf__add_int(btf, "short", 2, 0);
	return btf;
}

static struct vnet_btf *convert(const struct btf *btf)
{
	uint32_t size;
	const void *data = btf__raw_data(btf, &size);

	return vnet_btf_copy(data, size, NULL);
}

TEST(types_are_found_in_place)
{
	struct btf *made = make_vmlinux();
	struct vnet_btf *btf = convert(made);
	const struct btf_type *type;

	CHECK_EQ(btf->end, T_NR);
	CHECK_EQ(btf__type_cnt(made), T_NR);
	for (uint32_t id = 1; id < T_NR; id++) {
		const struct btf_type *want = btf__type_by_id(made, id);

		type = vnet_btf_type(btf, id);
		CHECK_EQ(type->info, want->info);
		CHECK_STR(vnet_btf_string(btf, type->name_off),
			  btf__name_by_offset(made, want->name_off));
	}
	CHECK_EQ(vnet_btf_find(btf, "packet", BTF_KIND_STRUCT), T_PACKET);
	CHECK_EQ(vnet_btf_find(btf, "send", BTF_KIND_FUNC), T_FUNC);
	CHECK_EQ(vnet_btf_find(btf, "packet", BTF_KIND_UNION), 0);
	CHECK_EQ(vnet_btf_find(btf, "pack", BTF_KIND_STRUCT), 0);
	CHECK(!vnet_btf_type(btf, 0));
	CHECK(!vnet_btf_type(btf, T_NR));
	CHECK(!vnet_btf_type(btf, UINT32_MAX));
	CHECK_STR(vnet_btf_string(btf, UINT32_MAX), "");
	vnet_btf_free(btf);
	btf__free(made);
}

/* Cut short anywhere, or with any one byte wrong: refused or read, never outside. */
TEST(broken_data_is_survived)
{
	struct btf *made = make_vmlinux();
	uint32_t size;
	const char *data = btf__raw_data(made, &size);
	char *broken = malloc(size);
	int refused = 0;

	for (uint32_t len = 0; len < size; len++) {
		struct vnet_btf *btf = vnet_btf_copy(data, len, NULL);

		CHECK(!btf);
		vnet_btf_free(btf);
	}
	for (uint32_t at = 0; at < size; at++) {
		struct btf *part = NULL;
		struct vnet_btf *btf;

		memcpy(broken, data, size);
		broken[at] ^= 0xff;
		btf = vnet_btf_copy(broken, size, NULL);
		refused += !btf;
		if (btf)
			part = vnet_btf_part(made, btf, NULL, 0);
		btf__free(part);
		vnet_btf_free(btf);
	}
	CHECK(refused > 0);
	free(broken);
	btf__free(made);
}

/* What an object knows: a flavour, a kind the kernel has otherwise, an enum. */
static struct btf *make_object(void)
{
	struct btf *btf = btf__new_empty();

	btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	btf__add_struct(btf, "packet___mine", 4);
	btf__add_enum(btf, "reason", 4);
	btf__add_union(btf, "device", 4);
	btf__add_struct(btf, "port", 4);
	btf__add_struct(btf, "unknown", 4);
	return btf;
}

static const struct btf_type *find(const struct btf *btf, const char *name, uint32_t kind)
{
	int id = btf__find_by_name_kind(btf, name, kind);

	return id > 0 ? btf__type_by_id(btf, id) : NULL;
}

static void check_packet(const struct btf *part)
{
	const struct btf_type *packet = find(part, "packet", BTF_KIND_STRUCT), *type;
	const struct btf_member *m = packet ? btf_members(packet) : NULL;

	CHECK(packet);
	if (!packet)
		return;
	CHECK_EQ(packet->size, 48);
	CHECK_EQ(btf_vlen(packet), 5);
	CHECK_STR(btf__name_by_offset(part, m[0].name_off), "dev");
	type = btf__type_by_id(part, m[0].type);
	CHECK(btf_is_ptr(type) && !type->type);
	type = btf__type_by_id(part, m[1].type);
	CHECK(btf_is_union(type) && type->size == 16 && btf_vlen(type) == 2);
	CHECK_STR(btf__name_by_offset(part, m[1].name_off), "");
	CHECK_EQ(btf__resolve_size(part, btf_members(type)[0].type), 16);
	CHECK_EQ(btf_member_bit_offset(packet, 2), 195);
	CHECK_EQ(btf_member_bitfield_size(packet, 2), 3);
	CHECK_EQ(btf_member_bit_offset(packet, 3), 224);
	CHECK_EQ(btf_member_bitfield_size(packet, 3), 0);
	CHECK_EQ(btf__resolve_size(part, m[3].type), 4);
	CHECK(btf_is_struct(btf__type_by_id(part, m[4].type)));
}

TEST(a_part_has_what_is_asked_for)
{
	struct btf *made = make_vmlinux(), *object = make_object(), *part;
	struct vnet_btf *btf = convert(made);
	const struct btf_type *type;

	part = vnet_btf_part(object, btf, NULL, 0);
	CHECK(part);
	check_packet(part);
	CHECK(find(part, "packet___old", BTF_KIND_STRUCT));
	type = find(part, "reason", BTF_KIND_ENUM);
	CHECK(type && btf_vlen(type) == 2 && btf_enum(type)[1].val == -1);
	CHECK(!find(part, "send", BTF_KIND_FUNC));
	CHECK(!find(part, "short", BTF_KIND_INT));
	CHECK(!find(part, "port", BTF_KIND_STRUCT));
	btf__free(part);
	vnet_btf_free(btf);
	btf__free(object);
	btf__free(made);
}

/* Its own int and "port", and another "packet" that must not compete. */
static struct btf *make_module(struct btf *vmlinux)
{
	struct btf *btf = btf__new_empty_split(vmlinux);

	btf__add_struct(btf, "port", 16);
	btf__add_field(btf, "flags", T_FLAGS, 0, 0);
	btf__add_field(btf, "packets", T_NR + 1, 64, 0);
	btf__add_ptr(btf, T_PACKET);
	btf__add_struct(btf, "packet", 99);
	btf__add_func(btf, "port_send", BTF_FUNC_STATIC, T_PROTO);
	return btf;
}

TEST(a_module_adds_what_vmlinux_has_not)
{
	struct btf *made = make_vmlinux(), *split = make_module(made), *object = make_object();
	struct vnet_btf *btf = convert(made), *module;
	const struct btf_type *type;
	uint32_t size, id;
	const void *data;
	struct btf *part;

	data = btf__raw_data(split, &size);
	module = vnet_btf_copy(data, size, btf);
	CHECK_EQ(module->first, T_NR);
	id = vnet_btf_find(module, "port_send", BTF_KIND_FUNC);
	CHECK_EQ(id, T_NR + 3);
	CHECK_STR(vnet_btf_string(module, vnet_btf_type(module, T_PACKET)->name_off), "packet");
	CHECK_EQ(vnet_btf_find(module, "device", BTF_KIND_STRUCT), 0);

	part = vnet_btf_part(object, btf, &module, 1);
	CHECK(part);
	check_packet(part);
	type = find(part, "port", BTF_KIND_STRUCT);
	CHECK(type && btf_vlen(type) == 2 && type->size == 16);
	for (uint32_t i = 1, nr = 0; i < btf__type_cnt(part); i++) {
		type = btf__type_by_id(part, i);
		nr += !strcmp(btf__name_by_offset(part, type->name_off), "packet");
		CHECK(nr < 2);
	}
	btf__free(part);
	vnet_btf_free(module);
	vnet_btf_free(btf);
	btf__free(object);
	btf__free(split);
	btf__free(made);
}

TEST(a_circle_is_an_error)
{
	struct btf *made = btf__new_empty(), *object = btf__new_empty();
	struct vnet_btf *btf;

	btf__add_typedef(made, "round", 2);
	btf__add_typedef(made, "and_round", 1);
	btf__add_int(object, "int", 4, BTF_INT_SIGNED);
	btf__add_typedef(object, "round", 1);
	btf = convert(made);
	CHECK(!vnet_btf_part(object, btf, NULL, 0));
	CHECK_EQ(errno, ELOOP);
	vnet_btf_free(btf);
	btf__free(object);
	btf__free(made);
}

TEST(names)
{
	static const char *const words[] = { "ip_rcv", "tcp_v4_rcv", "ip_rcv", "ip6_xmit" };
	struct vnet_names names = {};
	const struct vnet_name *found;

	CHECK(!vnet_names_find(&names, "ip_rcv", 6));
	for (int i = 0; i < (int)VNET_ARRAY_SIZE(words); i++)
		vnet_names_add(&names, words[i], strlen(words[i]), i);
	vnet_names_sort(&names);
	for (size_t i = 0; i < VNET_ARRAY_SIZE(words); i++) {
		CHECK(vnet_names_may(&names, words[i]));
		found = vnet_names_find(&names, words[i], strlen(words[i]));
		CHECK(found && found->len == strlen(words[i]));
	}
	found = vnet_names_find(&names, "ip_rcv.isra.0", 6);
	CHECK(found && found->value + vnet_names_next(&names, found)->value == 2);
	CHECK(!vnet_names_next(&names, found + 1));
	CHECK(!vnet_names_find(&names, "ip_rc", 5));
	CHECK(!vnet_names_find(&names, "ip_rcv_core", 11));
	CHECK(!vnet_names_may(&names, "udp_rcv"));
	CHECK(!vnet_names_may(&names, "ip"));
	CHECK(!vnet_names_may(&names, ""));
	vnet_names_free(&names);

	/* One that is shorter than what is compared at first. */
	vnet_names_add(&names, "net", 3, 1);
	vnet_names_add(&names, "net_device", 10, 2);
	vnet_names_sort(&names);
	CHECK(vnet_names_may(&names, "net___old"));
	CHECK_EQ(vnet_names_find(&names, "net___old", 3)->value, 1);
	vnet_names_free(&names);
}

TEST_MAIN(T(types_are_found_in_place), T(broken_data_is_survived),
	  T(a_part_has_what_is_asked_for), T(a_module_adds_what_vmlinux_has_not),
	  T(a_circle_is_an_error), T(names))
