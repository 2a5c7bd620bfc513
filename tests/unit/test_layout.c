/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Layouts that core/layout.c computes, against true ones: for a recorded 5.10
 * those of its debug information, for the running kernel those of its own BTF
 * (tests/lab/probes.bats runs this on each kernel). With VNET_RECORD=FILE the
 * running kernel's part of vmlinux's BTF is written, which is how
 * tests/fixtures/vmlinux-5.10.btf was made.
 */
#include <stdlib.h>

#include "core/btf_part.h"
#include "core/layout.h"
#include "vnet/cli.h"
#include "vnet/util.h"

#include "test.h"

static char *fixture(const char *name)
{
	return vnet_printf("%.*s/../fixtures/%s", (int)(strrchr(__FILE__, '/') - __FILE__),
			   __FILE__, name);
}

/* A member's offset in bytes, in unions without a name as well; -1: none. */
static int64_t offset_of(const struct vnet_btf *btf, uint32_t id, const char *name)
{
	const struct btf_type *type = vnet_btf_type(btf, id);
	const struct btf_member *m = btf_members(type);

	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		const char *own = vnet_btf_string(btf, m[i].name_off);
		int64_t at = btf_member_bit_offset(type, i) / 8, inside;

		if (!strcmp(own, name))
			return at;
		if (own[0] || !btf_is_composite(vnet_btf_type(btf, m[i].type)))
			continue;
		inside = offset_of(btf, m[i].type, name);
		if (inside >= 0)
			return at + inside;
	}
	return -1;
}

/* "  name   offset   size", "struct name (module)", "  size N" of one structure. */
static void check_line(const struct vnet_btf *btf, uint32_t id, const char *name,
		       uint64_t value, const char *in)
{
	int64_t got = strcmp(name, "size") ? offset_of(btf, id, name) :
		      vnet_btf_type(btf, id)->size;

	if (got != (int64_t)value)
		printf("# %s.%s\n", in, name);
	CHECK_EQ(got, value);
}

/* The words of a line, in place; returns how many. */
static int split(char *line, char *words[4])
{
	int nr = 0;

	for (char *save, *word = strtok_r(line, " \t", &save); word && nr < 4;
	     word = strtok_r(NULL, " \t", &save))
		words[nr++] = word;
	return nr;
}

/* Every structure of the text that the layout describes. Returns how many. */
static int check_truth(const struct vnet_btf *btf, const char *path)
{
	char *text = NULL, *line, *rest, *words[4], in[64] = "";
	int structures = 0;
	uint32_t id = 0, value;
	const char *why;

	CHECK(!vnet_read_file(path, &text, NULL));
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		int nr = line[0] == '#' ? 0 : split(line, words);

		if (nr >= 2 && !strcmp(words[0], "struct")) {
			vnet_copy(in, sizeof(in), words[1]);
			id = vnet_btf_find(btf, in, BTF_KIND_STRUCT);
			structures += !!id;
		} else if (id && nr >= 2 &&
			   !vnet_parse_u32(words[1], 0, UINT32_MAX, &value, &why)) {
			check_line(btf, id, words[0], value, in);
		}
	}
	free(text);
	return structures;
}

TEST(as_the_debug_information_of_5_10_has_it)
{
	char *btf_path = fixture("vmlinux-5.10.btf");
	char *truth = fixture("layouts-5.10-amd64.txt"), why[160];
	struct vnet_btf *vmlinux = vnet_btf_file(btf_path);
	static const struct { const char *module; int structures; } modules[] = {
		{ "tun", 2 }, { "vhost", 8 }, { "vhost_net", 8 },
	};

	CHECK(vmlinux);
	for (size_t i = 0; vmlinux && i < VNET_ARRAY_SIZE(modules); i++) {
		struct vnet_btf *btf = vnet_layout_make(modules[i].module, vmlinux, why);

		CHECK(btf);
		if (btf)
			CHECK_EQ(check_truth(btf, truth), modules[i].structures);
		else
			printf("# %s: %s\n", modules[i].module, why);
		vnet_btf_free(btf);
	}
	vnet_btf_free(vmlinux);
	free(btf_path);
	free(truth);
}

TEST(what_is_of_another_time_is_refused)
{
	struct btf *made = btf__new_empty();
	struct vnet_btf *vmlinux, *btf;
	char why[160] = "";
	uint32_t size;
	const void *data;

	btf__add_int(made, "int", 4, BTF_INT_SIGNED);
	btf__add_ptr(made, 1);
	btf__add_struct(made, "socket", 8);
	btf__add_field(made, "wq", 2, 0, 0);
	data = btf__raw_data(made, &size);
	vmlinux = vnet_btf_copy(data, size, NULL);
	btf = vnet_layout_make("tun", vmlinux, why);
	CHECK(!btf);
	CHECK_STR(why, "module 'tun' has no BTF, and what is known of its structures is of "
		  "v5.3 and later");
	CHECK(!vnet_layout_make("vhost", vmlinux, why));
	CHECK(!vnet_layout_make("bonding", vmlinux, why));
	CHECK_STR(why, "module 'bonding' has no BTF");
	vnet_btf_free(vmlinux);
	btf__free(made);
}

TEST(what_vmlinux_lacks_is_named)
{
	struct btf *made = btf__new_empty();
	struct vnet_btf *vmlinux;
	char why[160] = "";
	uint32_t size;
	const void *data;

	btf__add_int(made, "int", 4, BTF_INT_SIGNED);
	btf__add_struct(made, "socket_wq", 64);
	btf__add_field(made, "flags", 1, 0, 0);
	btf__add_struct(made, "socket", 64);
	btf__add_field(made, "wq", 2, 0, 0);
	btf__add_struct(made, "ptr_ring", 192);
	btf__add_field(made, "producer", 1, 0, 0);
	btf__add_field(made, "consumer_head", 1, 512, 0);
	data = btf__raw_data(made, &size);
	vmlinux = vnet_btf_copy(data, size, NULL);
	CHECK(!vnet_layout_make("tun", vmlinux, why));
	CHECK_STR(why, "the kernel's BTF has no 'sock', which is in 'tun_file'");
	vnet_btf_free(vmlinux);
	btf__free(made);
}

/* What the probes read: tun_types.bpf.h, vhost.bpf.h, and what more of vhost will be. */
static const struct { const char *module, *type, *member; } used[] = {
	{ "tun", "tun_struct", "tfiles" },
	{ "tun", "tun_struct", "numqueues" },
	{ "tun", "tun_struct", "dev" },
	{ "tun", "tun_file", "socket" },
	{ "tun", "tun_file", "tun" },
	{ "tun", "tun_file", "queue_index" },
	{ "tun", "tun_file", "tx_ring" },
	{ "vhost", "vhost_virtqueue", "dev" },
	{ "vhost", "vhost_virtqueue", "num" },
	{ "vhost", "vhost_virtqueue", "avail" },
	{ "vhost", "vhost_virtqueue", "call_ctx" },
	{ "vhost", "vhost_virtqueue", "iotlb" },
	{ "vhost", "vhost_virtqueue", "busyloop_timeout" },
	{ "vhost", "vhost_virtqueue", "last_avail_idx" },
	{ "vhost", "vhost_virtqueue", "avail_idx" },
	{ "vhost", "vhost_virtqueue", "last_used_idx" },
	{ "vhost", "vhost_virtqueue", "signalled_used" },
	{ "vhost", "vhost_virtqueue", "private_data" },
	{ "vhost", "vhost_virtqueue", "acked_features" },
	{ "vhost", "vhost_poll", "work" },
	{ "vhost", "vhost_poll", "dev" },
	{ "vhost", "vhost_work", "fn" },
	{ "vhost", "vhost_dev", "worker" },
	{ "vhost_net", "vhost_net_virtqueue", "rxq" },
	{ "vhost_net", "vhost_net", "vqs" },
};

static void compare(const struct vnet_btf *vmlinux, size_t i)
{
	struct vnet_btf *module = vnet_btf_module(used[i].module, vmlinux), *computed;
	const struct vnet_btf *real = module ?: vmlinux;
	uint32_t id = vnet_btf_find(real, used[i].type, BTF_KIND_STRUCT), own;
	char why[160];

	computed = vnet_layout_make(used[i].module, vmlinux, why);
	if (!computed)
		printf("# %s: %s\n", used[i].module, why);
	if (id && computed) {
		own = vnet_btf_find(computed, used[i].type, BTF_KIND_STRUCT);
		printf("# compared: %s.%s\n", used[i].type, used[i].member);
		CHECK_EQ(offset_of(computed, own, used[i].member),
			 offset_of(real, id, used[i].member));
	}
	vnet_btf_free(computed);
	vnet_btf_free(module);
}

/* All that the lines embed, and what the signs are; pointers lead nowhere. */
static void record(const struct vnet_btf *vmlinux, const char *path)
{
	struct btf *object = btf__new_empty(), *part;
	FILE *out = fopen(path, "we");
	uint32_t size;
	const void *data;

	btf__add_int(object, "int", 4, BTF_INT_SIGNED);
	btf__add_struct(object, "net_device", 0);
	for (const struct vnet_description *l = vnet_descriptions; l->module; l++)
		for (const struct vnet_layout_line *line = l->lines; line->name; line++) {
			if (!line->type)
				continue;
			if (line->what == VNET_LAYOUT_EMBEDDED)
				btf__add_struct(object, line->type, 0);
			else
				btf__add_typedef(object, line->type, 1);
		}
	part = vnet_btf_part(object, vmlinux, NULL, 0);
	data = btf__raw_data(part, &size);
	CHECK(out && fwrite(data, size, 1, out) == 1);
	if (out)
		fclose(out);
	btf__free(part);
	btf__free(object);
}

TEST(as_the_running_kernel_has_it)
{
	const char *truth = getenv("VNET_LAYOUTS"), *to = getenv("VNET_RECORD");
	struct vnet_btf *vmlinux = vnet_btf_kernel(), *btf;
	char why[160];

	if (!vmlinux) {
		printf("# this kernel has no BTF\n");
		return;
	}
	for (size_t i = 0; i < VNET_ARRAY_SIZE(used); i++)
		compare(vmlinux, i);
	if (truth) {
		btf = vnet_layout_make("vhost_net", vmlinux, why);
		CHECK(btf && check_truth(btf, truth) == 8);
		vnet_btf_free(btf);
		btf = vnet_layout_make("tun", vmlinux, why);
		CHECK(btf && check_truth(btf, truth) == 2);
		vnet_btf_free(btf);
	}
	if (to)
		record(vmlinux, to);
	vnet_btf_free(vmlinux);
}

TEST_MAIN(T(as_the_debug_information_of_5_10_has_it), T(what_is_of_another_time_is_refused),
	  T(what_vmlinux_lacks_is_named), T(as_the_running_kernel_has_it))
