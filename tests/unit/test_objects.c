/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The embedded BPF objects as they were built, without a privilege: every
 * program belongs to one point and mechanism, every tunable has the size that
 * C thinks it has, and nothing is in them that old kernels cannot load.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "core/objects.h"
#include "vnet/abi/drop.h"
#include "vnet/abi/drop_qdisc.h"
#include "vnet/abi/filter.h"
#include "vnet/abi/latency.h"
#include "vnet/abi/latency_pair.h"
#include "vnet/abi/latency_qdisc.h"
#include "vnet/abi/latency_rtt.h"
#include "vnet/abi/ovs_drop.h"
#include "vnet/abi/ovs_threads.h"
#include "vnet/abi/loss.h"
#include "vnet/abi/ovs_megaflow.h"
#include "vnet/abi/ovs_upcall.h"
#include "vnet/abi/stream.h"
#include "vnet/abi/tun.h"
#include "vnet/abi/vhost.h"
#include "vnet/plan.h"
#include "vnet/util.h"

#include "test.h"

#define MAX_PROGRAMS	128

/* Calls fn for each object; a failure says in which. */
static void each_object(void (*fn)(struct bpf_object *, const char *name))
{
	for (const struct vnet_object *o = vnet_objects; o->name; o++) {
		LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = o->name);
		int before = test_failures;
		struct bpf_object *object;

		object = bpf_object__open_mem(o->start, (size_t)(o->end - o->start), &opts);
		CHECK(object);
		if (object)
			fn(object, o->name);
		bpf_object__close(object);
		if (test_failures != before)
			printf("# in object '%s'\n", o->name);
	}
}

/* The point and mechanism that a program's name says; false: none. */
static bool parse_name(const char *name, enum vnet_point_id *point,
		       enum vnet_mechanism *mechanism)
{
	int found = 0;

	for (int id = 0; id < VNET_NR_POINTS; id++) {
		for (int m = 1; m < VNET_M_TYPES; m++) {
			char *want = vnet_printf("%s__%s", vnet_points[id].id,
						 vnet_mechanism_names[m]);

			if (!strcmp(want, name)) {
				found++;
				*point = id;
				*mechanism = m;
			}
			free(want);
		}
	}
	return found == 1;
}

/* By mechanism: the kind of point it serves, and what libbpf makes of SEC. */
static const struct {
	enum vnet_point_kind kind;
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
} mechanisms[VNET_M_TYPES] = {	/* behind those no program is */
	[VNET_M_TP_BTF] = { VNET_POINT_TP, BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP },
	[VNET_M_RAW_TP] = { VNET_POINT_TP, BPF_PROG_TYPE_RAW_TRACEPOINT, 0 },
	[VNET_M_FENTRY] = { VNET_POINT_FUNC, BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY },
	[VNET_M_KPROBE] = { VNET_POINT_FUNC, BPF_PROG_TYPE_KPROBE, 0 },
	[VNET_M_FEXIT] = { VNET_POINT_RET, BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT },
	[VNET_M_KRETPROBE] = { VNET_POINT_RET, BPF_PROG_TYPE_KPROBE, 0 },
};

static void check_program(const struct bpf_program *prog)
{
	const char *name = bpf_program__name(prog), *target;
	enum vnet_mechanism m;
	enum vnet_point_id id;
	char *section;

	/* Run by user space, attached to nothing. */
	if (!strncmp(name, "run__", 5)) {
		CHECK_EQ(bpf_program__type(prog), BPF_PROG_TYPE_RAW_TRACEPOINT);
		CHECK_STR(bpf_program__section_name(prog), "raw_tp");
		CHECK(!bpf_program__autoload(prog));
		return;
	}
	CHECK(parse_name(name, &id, &m));
	if (!parse_name(name, &id, &m)) {
		printf("# program '%s' serves no point\n", name);
		return;
	}
	CHECK_EQ(mechanisms[m].kind, vnet_points[id].kind);
	CHECK_EQ(bpf_program__type(prog), mechanisms[m].type);
	CHECK_EQ(bpf_program__expected_attach_type(prog), mechanisms[m].attach);
	target = vnet_points[id].target;
	if (vnet_points[id].kind == VNET_POINT_TP)
		target = strchr(target, ':') + 1;
	section = vnet_printf("%s/%s", vnet_mechanism_names[m], target);
	CHECK_STR(bpf_program__section_name(prog), section);
	free(section);
	/* SEC("?..."): loaded only where a plan says so. */
	CHECK(!bpf_program__autoload(prog));
}

static void check_programs(struct bpf_object *object, const char *name)
{
	struct bpf_program *prog;
	int nr = 0;

	bpf_object__for_each_program(prog, object) {
		check_program(prog);
		nr++;
	}
	CHECK(nr > 0);
	CHECK(nr < MAX_PROGRAMS);
}

TEST(every_program_serves_one_point)
{
	each_object(check_programs);
}

/* A kernel that refuses the first candidate needs the second in the object. */
static void check_candidates(struct bpf_object *object, const char *name)
{
	for (int id = 0; id < VNET_NR_POINTS; id++) {
		int have = 0, of = 0;

		for (int m = 1; m < VNET_M_TYPES; m++) {
			char *prog = vnet_printf("%s__%s", vnet_points[id].id,
						 vnet_mechanism_names[m]);

			if (mechanisms[m].kind == vnet_points[id].kind) {
				of++;
				have += !!bpf_object__find_program_by_name(object, prog);
			}
			free(prog);
		}
		if (have && have != of)
			printf("# '%s' has %d programs of %d\n", vnet_points[id].id, have, of);
		CHECK(!have || have == of);
	}
}

TEST(every_point_has_all_its_candidates)
{
	each_object(check_candidates);
}

static int served[VNET_NR_POINTS];

static void note_served(struct bpf_object *object, const char *name)
{
	struct bpf_program *prog;
	enum vnet_mechanism m;
	enum vnet_point_id id;

	bpf_object__for_each_program(prog, object)
		if (parse_name(bpf_program__name(prog), &id, &m))
			served[id]++;
}

TEST(every_point_is_used)
{
	each_object(note_served);
	for (int id = 0; id < VNET_NR_POINTS; id++) {
		if (!served[id])
			printf("# no object has a program for '%s'\n", vnet_points[id].id);
		CHECK(served[id]);
	}
}

/* ---- what user space writes and reads by name ---- */

/* object NULL: in any. */
static const struct {
	const char *object, *name;
	size_t size;
} variables[] = {
	{ NULL, "filter", sizeof(struct vnet_filter) },
	{ NULL, "stream", sizeof(struct vnet_stream) },
	{ NULL, "hist_near", VNET_HIST_NEAR },	/* a table: nobody writes it */
	{ "drop_summary", "config", sizeof(struct vnet_drop_config) },
	{ "drop_details", "config", sizeof(struct vnet_drop_config) },
	{ "drop_qdisc", "config", sizeof(struct vnet_qdisc_config) },
	{ "latency_summary", "config", sizeof(struct vnet_latency_config) },
	{ "latency_details", "config", sizeof(struct vnet_latency_config) },
	{ "latency_lean", "config", sizeof(struct vnet_latency_config) },
	{ "latency_qdisc", "config", sizeof(struct vnet_txq_config) },
	{ "tun_summary", "config", sizeof(struct vnet_tun_config) },
	{ "tun_details", "config", sizeof(struct vnet_tun_config) },
	{ "vhost_details", "config", sizeof(struct vnet_vhost_config) },
	{ "latency_rtt", "config", sizeof(struct vnet_rtt_config) },
	{ "ovs_drop", "config", sizeof(struct vnet_ovs_drop_config) },
	{ "ovs_threads", "config", sizeof(struct vnet_threads_config) },
	{ "latency_rtt_details", "config", sizeof(struct vnet_rtt_config) },
	{ "ovs_megaflow", "config", sizeof(struct vnet_megaflow_config) },
	{ "ovs_upcall", "config", sizeof(struct vnet_upcall_config) },
	{ "latency_pair", "config", sizeof(struct vnet_pairs_config) },
};

static size_t variable_size(const char *object, const char *name)
{
	for (size_t i = 0; i < VNET_ARRAY_SIZE(variables); i++)
		if ((!variables[i].object || !strcmp(variables[i].object, object)) &&
		    !strcmp(variables[i].name, name))
			return variables[i].size;
	return 0;
}

static void check_rodata(struct bpf_object *object, const char *name)
{
	const struct btf *btf = bpf_object__btf(object);
	int id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *section = id > 0 ? btf__type_by_id(btf, id) : NULL;
	bool filter = false, stream = false;

	CHECK(section);
	for (int i = 0; section && i < btf_vlen(section); i++) {
		const struct btf_var_secinfo *info = btf_var_secinfos(section) + i;
		const struct btf_type *var = btf__type_by_id(btf, info->type);
		const char *variable = btf__name_by_offset(btf, var->name_off);

		if (!variable_size(name, variable))
			printf("# rodata variable '%s': its size is not known here\n", variable);
		CHECK_EQ(info->size, variable_size(name, variable));
		filter |= !strcmp(variable, "filter");
		stream |= !strcmp(variable, "stream");
	}
	CHECK(filter);
	/* Records go through one function that asks `stream` how. */
	CHECK_EQ(stream, !!bpf_object__find_map_by_name(object, "events"));
}

TEST(tunables_have_the_sizes_of_the_abi)
{
	each_object(check_rodata);
}

static void check_maps(struct bpf_object *object, const char *name)
{
	struct bpf_map *map, *losses = bpf_object__find_map_by_name(object, "losses");
	struct bpf_map *epoch = bpf_object__find_map_by_name(object, "epoch");

	CHECK(losses);
	if (losses) {
		CHECK_EQ(bpf_map__type(losses), BPF_MAP_TYPE_PERCPU_ARRAY);
		CHECK_EQ(bpf_map__max_entries(losses), VNET_NR_LOSSES);
		CHECK_EQ(bpf_map__value_size(losses), sizeof(uint64_t));
	}
	if (epoch) {
		CHECK_EQ(bpf_map__type(epoch), BPF_MAP_TYPE_ARRAY);
		CHECK_EQ(bpf_map__value_size(epoch), sizeof(uint32_t));
	}
	/* compat: before v5.2 there are no globals, and state in them would be lost */
	bpf_object__for_each_map(map, object) {
		CHECK(!strstr(bpf_map__name(map), ".data"));
		CHECK(!strstr(bpf_map__name(map), ".bss"));
		CHECK(!strstr(bpf_map__name(map), ".kconfig"));
	}
}

TEST(maps_are_as_user_space_expects)
{
	each_object(check_maps);
}

/*
 * -mcpu=v2: no 32-bit jumps (BPF_JMP32), no atomic that fetches, and calls only
 * of helpers and, since v4.16, of the object's own functions, so that the oldest
 * kernels can load the programs.
 */
static void check_instructions(struct bpf_object *object, const char *name)
{
	struct bpf_program *prog;

	bpf_object__for_each_program(prog, object) {
		const struct bpf_insn *insn = bpf_program__insns(prog);
		size_t nr = bpf_program__insn_cnt(prog);
		int jmp32 = 0, atomics = 0, calls = 0;

		for (size_t i = 0; i < nr; i++) {
			uint8_t class = BPF_CLASS(insn[i].code);

			jmp32 += class == BPF_JMP32;
			atomics += class == BPF_STX && BPF_MODE(insn[i].code) == BPF_ATOMIC &&
				   insn[i].imm != BPF_ADD;
			calls += insn[i].code == (BPF_JMP | BPF_CALL) && insn[i].src_reg &&
				 insn[i].src_reg != BPF_PSEUDO_CALL;
		}
		CHECK_EQ(jmp32, 0);
		CHECK_EQ(atomics, 0);
		CHECK_EQ(calls, 0);
		if (jmp32 || atomics || calls)
			printf("# in program '%s'\n", bpf_program__name(prog));
	}
}

TEST(instructions_are_those_of_old_kernels)
{
	each_object(check_instructions);
}

/* The object's .BTF.ext, which libbpf reads from files only. */
static struct btf_ext *load_btf_ext(const char *name)
{
	const struct vnet_object *o = vnet_objects;
	struct btf_ext *ext = NULL;
	int fd = memfd_create(name, MFD_CLOEXEC);
	char path[32];

	while (o->name && strcmp(o->name, name))
		o++;
	CHECK(o->name && write(fd, o->start, o->end - o->start) == o->end - o->start);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	btf__free(btf__parse(path, &ext));
	close(fd);
	return ext;
}

/*
 * Numbers of types would be those of the part of the kernel's BTF that
 * core/btf_part.c makes, and signatures are not in it.
 */
static void check_relocations(struct bpf_object *object, const char *name)
{
	struct btf_ext *ext = load_btf_ext(name);
	uint32_t size, record, nr = 0;
	const struct btf_ext_header {
		uint16_t magic;
		uint8_t version, flags;
		uint32_t hdr_len, func_off, func_len, line_off, line_len, relo_off, relo_len;
	} *h = ext ? btf_ext__get_raw_data(ext, &size) : NULL;
	const char *at, *end;

	CHECK(h);
	if (!h)
		return;
	at = (const char *)h + h->hdr_len + h->relo_off;
	end = at + h->relo_len;
	memcpy(&record, at, sizeof(record));
	CHECK_EQ(record, sizeof(struct bpf_core_relo));
	for (at += sizeof(record); at < end;) {
		const struct {
			uint32_t name_off, num_info;
			struct bpf_core_relo relos[];
		} *section = (const void *)at;
		const struct bpf_core_relo *relo = section->relos;

		for (uint32_t i = 0; i < section->num_info; i++, relo++, nr++) {
			CHECK(relo->kind != BPF_CORE_TYPE_ID_TARGET);
			CHECK(relo->kind <= BPF_CORE_ENUMVAL_VALUE);
		}
		at = (const char *)relo;
	}
	CHECK(nr > 0);
	btf_ext__free(ext);
}

TEST(relocations_are_those_that_a_part_of_btf_serves)
{
	each_object(check_relocations);
}

TEST_MAIN(T(every_program_serves_one_point), T(every_point_has_all_its_candidates),
	  T(every_point_is_used), T(tunables_have_the_sizes_of_the_abi),
	  T(maps_are_as_user_space_expects), T(instructions_are_those_of_old_kernels),
	  T(relocations_are_those_that_a_part_of_btf_serves))
