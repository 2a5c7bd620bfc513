/* SPDX-License-Identifier: GPL-2.0-only */
/* Owns one BPF object: see include/vnet/session.h. Used by core/measure.c. */
#include <errno.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "core/attach.h"
#include "core/btf_part.h"
#include "core/objects.h"
#include "core/rodata.h"
#include "core/trace.h"
#include "vnet/abi/stream.h"
#include "vnet/log.h"
#include "vnet/session.h"
#include "vnet/util.h"

/* What libbpf and the verifier said last, for when a load fails. */
#define LOG_KEEP	4096

/* Pages of one CPU's perf buffer. */
#define PERF_PAGES	64

/* Programs of this name are attached to nothing: vnet_session_run(). */
#define RUN_PREFIX	"run__"
#define MAX_RUN		4

struct vnet_session {
	struct bpf_object *object;
	const struct vnet_plan *plan;
	const struct vnet_kernel *kernel;
	int types_fd;			/* a file in memory: the types for libbpf; or -1 */
	struct bpf_link *links[VNET_PLAN_MAX];
	struct bpf_program *programs[VNET_PLAN_MAX + MAX_RUN];	/* the plan's, then those */
	size_t nr_links, nr_programs;
	bool streams, ring;
	struct ring_buffer *ring_buffer;
	struct perf_buffer *perf_buffer;
	vnet_record_fn record;
	void *record_ctx;
	uint32_t epoch;
	uint64_t lost[VNET_NR_LOSSES];	/* found in user space */
};

static char log_tail[LOG_KEEP];

/*
 * Keeps the tail of libbpf's messages, where a verifier log says what is
 * wrong; the user sees it only if a load fails, all of it with -v.
 */
static int log_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	size_t used = strlen(log_tail), len;
	char *text;

	if (level == LIBBPF_DEBUG || vasprintf(&text, format, args) < 0)
		return 0;
	vnet_debug("libbpf: %s", text);
	len = strlen(text);
	if (len >= LOG_KEEP) {
		memcpy(log_tail, text + len - (LOG_KEEP - 1), LOG_KEEP);
	} else {
		size_t drop = used + len < LOG_KEEP ? 0 : used + len - (LOG_KEEP - 1);

		memmove(log_tail, log_tail + drop, used - drop);
		memcpy(log_tail + used - drop, text, len + 1);
	}
	free(text);
	return 0;
}

void vnet_session_init(void)
{
	libbpf_set_print(log_libbpf);
	vnet_trace_init();
}

/* compat: before v5.11 (memcg accounting) maps count against RLIMIT_MEMLOCK */
static void raise_memlock(void)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_MEMLOCK, &limit);
}

static const struct vnet_object *find_object(const char *name)
{
	const struct vnet_object *o;

	for (o = vnet_objects; o->name; o++)
		if (!strcmp(o->name, name))
			return o;
	return NULL;
}

/* Loads only what the plan names: <point>__<mechanism>. */
static int choose_programs(struct vnet_session *s)
{
	struct bpf_program *prog;
	char name[96];

	bpf_object__for_each_program(prog, s->object)
		bpf_program__set_autoload(prog, false);
	for (size_t i = 0; i < s->plan->nr; i++) {
		const struct vnet_choice *c = &s->plan->choices[i];

		if (!vnet_choice_attaches(c))
			continue;
		snprintf(name, sizeof(name), "%s__%s", vnet_points[c->want->point].id,
			 vnet_mechanism_names[c->mechanism]);
		prog = bpf_object__find_program_by_name(s->object, name);
		if (!prog) {
			vnet_error("no program '%s' in this build", name);
			return -ENOENT;
		}
		bpf_program__set_autoload(prog, true);
		s->programs[s->nr_programs++] = prog;
	}
	bpf_object__for_each_program(prog, s->object) {
		if (strncmp(bpf_program__name(prog), RUN_PREFIX, strlen(RUN_PREFIX)))
			continue;
		bpf_program__set_autoload(prog, true);
		s->programs[s->nr_programs++] = prog;
	}
	return 0;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0)
			return -errno;
		data += n;
		size -= n;
	}
	return 0;
}

/* The types that the object asks about, where libbpf was told to look. */
static int write_types(struct vnet_session *s)
{
	const struct vnet_kernel *k = s->kernel;
	struct btf *part;
	const void *data;
	uint32_t size;
	int err;

	part = vnet_btf_part(bpf_object__btf(s->object), k->btf, k->modules, k->nr_modules);
	if (!part)
		return -errno;
	data = btf__raw_data(part, &size);
	err = data ? write_all(s->types_fd, data, size) : -ENOMEM;
	vnet_debug("%u of the kernel's types are for the object", btf__type_cnt(part) - 1);
	btf__free(part);
	return err;
}

static int open_object(struct vnet_session *s, const struct vnet_object *o)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = o->name);
	char path[32];

	if (s->kernel->btf) {
		s->types_fd = memfd_create("vnetdiag-types", MFD_CLOEXEC);
		if (s->types_fd < 0)
			return -errno;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", s->types_fd);
		opts.btf_custom_path = path;
	}
	s->object = bpf_object__open_mem(o->start, o->end - o->start, &opts);
	if (!s->object)
		return -errno;
	return s->types_fd < 0 ? 0 : write_types(s);
}

int vnet_session_open(struct vnet_session **session, const char *name,
		      const struct vnet_plan *plan, const struct vnet_kernel *kernel)
{
	const struct vnet_object *o = find_object(name);
	struct vnet_session *s;
	int err;

	if (!o) {
		vnet_error("no BPF object '%s' in this build", name);
		return -ENOENT;
	}
	log_tail[0] = 0;
	raise_memlock();
	s = vnet_alloc(sizeof(*s));
	s->plan = plan;
	s->kernel = kernel;
	s->types_fd = -1;
	err = open_object(s, o);
	if (err)
		vnet_error("cannot open the BPF object '%s': %s", name, strerror(-err));
	err = err ?: choose_programs(s);
	if (err) {
		vnet_session_close(s);
		return err;
	}
	*session = s;
	return 0;
}

int vnet_session_set(struct vnet_session *s, const char *variable, const void *data,
		     size_t size)
{
	int err = vnet_rodata_set(s->object, variable, data, size);

	if (err)
		vnet_error("cannot set '%s' of the BPF object: %s", variable, strerror(-err));
	return err;
}

static struct bpf_map *find_map(struct vnet_session *s, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(s->object, name);

	if (!map)
		vnet_error("no map '%s' in the BPF object", name);
	return map;
}

int vnet_session_resize(struct vnet_session *s, const char *name, uint32_t entries)
{
	struct bpf_map *map = find_map(s, name);

	return map ? bpf_map__set_max_entries(map, entries) : -ENOENT;
}

int vnet_session_stream(struct vnet_session *s, bool ring, uint32_t rate_limit)
{
	struct vnet_stream stream = { .ring_buffer = ring, .rate_limit = rate_limit };
	struct bpf_map *map;
	int err;

	s->streams = true;
	s->ring = ring;
	err = vnet_session_set(s, "stream", &stream, sizeof(stream));
	if (err || ring)
		return err;
	map = find_map(s, "events");
	if (!map)
		return -ENOENT;
	err = bpf_map__set_type(map, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	err = err ?: bpf_map__set_key_size(map, sizeof(int));
	err = err ?: bpf_map__set_value_size(map, sizeof(int));
	return err ?: bpf_map__set_max_entries(map, vnet_session_cpus());
}

static int ring_record(void *ctx, void *data, size_t size)
{
	struct vnet_session *s = ctx;

	return s->record(s->record_ctx, data, size);
}

/* A perf buffer cannot be stopped by a record; the caller remembers errors. */
static void perf_record(void *ctx, int cpu, void *data, uint32_t size)
{
	struct vnet_session *s = ctx;

	s->record(s->record_ctx, data, size);
}

static void perf_lost(void *ctx, int cpu, unsigned long long n)
{
	/* The program's own bpf_perf_event_output() failed for each: counted there. */
}

static int open_stream(struct vnet_session *s)
{
	int fd = vnet_session_map(s, "events");

	if (fd < 0)
		return fd;
	if (s->ring)
		s->ring_buffer = ring_buffer__new(fd, ring_record, s, NULL);
	else
		s->perf_buffer = perf_buffer__new(fd, PERF_PAGES, perf_record, perf_lost,
						  s, NULL);
	if (s->ring_buffer || s->perf_buffer)
		return 0;
	vnet_error("cannot open the record buffer: %s", strerror(errno));
	return -errno;
}

int vnet_session_load(struct vnet_session *s)
{
	int err;

	vnet_trace_begin(s->kernel);
	err = bpf_object__load(s->object);
	vnet_trace_end();
	if (err) {
		vnet_error("the kernel refused the BPF programs: %s", strerror(-err));
		if (log_tail[0])
			fprintf(stderr, "%s", log_tail);
		vnet_hint("see 'vnetdiag doctor'; run with -v for the whole log");
		return err;
	}
	return s->streams ? open_stream(s) : 0;
}

int vnet_session_attach(struct vnet_session *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->plan->nr; i++) {
		const struct vnet_choice *c = &s->plan->choices[i];
		struct bpf_link *link;

		if (!vnet_choice_attaches(c))
			continue;
		link = vnet_attach(s->programs[n++], c);
		if (!link) {
			int err = -errno;

			vnet_error("cannot attach to '%s' by %s: %s", c->target,
				   vnet_mechanism_names[c->mechanism], strerror(-err));
			return err;
		}
		s->links[s->nr_links++] = link;
	}
	return 0;
}

int vnet_session_run(struct vnet_session *s, const char *name, const uint64_t *args,
		     size_t nr)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(s->object, name);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = args, .ctx_size_in = nr * sizeof(*args));

	if (!prog)
		return -ENOENT;
	return bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) ? -errno : 0;
}

int vnet_session_map(struct vnet_session *s, const char *name)
{
	struct bpf_map *map = find_map(s, name);

	return map ? bpf_map__fd(map) : -ENOENT;
}

int vnet_session_cpus(void)
{
	return libbpf_num_possible_cpus();
}

/* Events that a program missed since it was already running on that CPU. */
static uint64_t recursion_misses(const struct vnet_session *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->nr_programs; i++) {
		struct bpf_prog_info info = {};
		uint32_t len = sizeof(info);

		if (!bpf_obj_get_info_by_fd(bpf_program__fd(s->programs[i]), &info, &len))
			sum += info.recursion_misses;
	}
	return sum;
}

int vnet_session_losses(struct vnet_session *s, uint64_t *out)
{
	int fd = vnet_session_map(s, "losses"), cpus = vnet_session_cpus();
	uint64_t *values;

	if (fd < 0)
		return fd;
	memcpy(out, s->lost, sizeof(s->lost));
	values = vnet_alloc(sizeof(*values) * cpus);
	for (uint32_t id = 0; id < VNET_NR_LOSSES; id++) {
		if (bpf_map_lookup_elem(fd, &id, values))
			continue;
		for (int cpu = 0; cpu < cpus; cpu++)
			out[id] += values[cpu];
	}
	free(values);
	out[VNET_LOSS_recursion_misses] += recursion_misses(s);
	return 0;
}

void vnet_session_lost(struct vnet_session *s, enum vnet_loss_id id, uint64_t n)
{
	s->lost[id] += n;
}

int vnet_session_flip(struct vnet_session *s)
{
	int fd = vnet_session_map(s, "epoch");
	uint32_t zero = 0, old = s->epoch & 1, next = s->epoch + 1;

	if (fd < 0)
		return fd;
	if (bpf_map_update_elem(fd, &zero, &next, BPF_ANY))
		return -errno;
	s->epoch = next;
	/* Programs run inside RCU read-side sections: this waits for all of them. */
	if (syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return -errno;
	return old;
}

int vnet_session_consume(struct vnet_session *s, vnet_record_fn fn, void *ctx)
{
	s->record = fn;
	s->record_ctx = ctx;
	if (s->ring_buffer)
		return ring_buffer__consume(s->ring_buffer);
	return s->perf_buffer ? perf_buffer__consume(s->perf_buffer) : 0;
}

int vnet_session_stream_fd(struct vnet_session *s)
{
	if (s->ring_buffer)
		return ring_buffer__epoll_fd(s->ring_buffer);
	return s->perf_buffer ? perf_buffer__epoll_fd(s->perf_buffer) : -1;
}

int vnet_session_program(struct vnet_session *s, size_t i, const char **name,
			 uint32_t *verified_insns)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	if (i >= s->nr_programs)
		return -ENOENT;
	if (bpf_obj_get_info_by_fd(bpf_program__fd(s->programs[i]), &info, &len))
		return -errno;
	*name = bpf_program__name(s->programs[i]);
	/* compat: before v5.16 the kernel tells only how long the program is */
	*verified_insns = info.verified_insns ?:
			  info.xlated_prog_len / (uint32_t)sizeof(struct bpf_insn);
	return 0;
}

void vnet_session_close(struct vnet_session *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->nr_links; i++)
		bpf_link__destroy(s->links[i]);
	ring_buffer__free(s->ring_buffer);
	perf_buffer__free(s->perf_buffer);
	bpf_object__close(s->object);
	if (s->types_fd >= 0)
		close(s->types_fd);
	free(s);
}
