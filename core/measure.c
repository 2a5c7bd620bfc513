/* SPDX-License-Identifier: GPL-2.0-only */
/* The common life of all measuring commands: see include/vnet/measure.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/run.h"
#include "vnet/filter.h"
#include "vnet/log.h"
#include "vnet/measure.h"
#include "vnet/util.h"

/* Everything that one run holds, freed in one place. */
struct life {
	struct vnet_run run;	/* first: vnet_measure_record() finds the rest by it */
	struct vnet_plan plan;
	struct vnet_filter filter;
	struct vnet_filter_pairs pairs;
	const struct vnet_renderer *renderer;
	FILE *out;
	int signal_fd;
	int record_err;		/* what a record's callback returned last */
	uint64_t losses_shown[VNET_NR_LOSSES];
	struct utsname uts;
};

static int status_of(int err)
{
	switch (err) {
	case 0:
	case -EPIPE:
		return VNET_EXIT_OK;
	case -EPERM:
		return VNET_EXIT_PERMISSION;
	default:
		return VNET_EXIT_RUNTIME;
	}
}

static int open_output(struct life *life)
{
	const char *path = life->run.args->output;

	life->out = path ? fopen(path, "we") : stdout;
	if (life->out)
		return 0;
	vnet_error("cannot write '%s': %s", path, strerror(errno));
	return VNET_EXIT_RUNTIME;
}

static int load_facts(struct life *life)
{
	const struct vnet_measure *m = life->run.measure;
	const struct vnet_args *args = life->run.args;
	bool wanted[VNET_NR_POINTS] = {};
	int line, err;
	FILE *in;

	for (size_t i = 0; i < m->nr_wants; i++)
		wanted[m->wants[i].point] = true;
	if (!args->kernel_facts) {
		err = vnet_kernel_load(&life->run.kernel, args->btf, wanted, false);
		if (!err)
			return 0;
		vnet_error("cannot read BTF from '%s'", args->btf);
		vnet_hint("--btf takes the BTF of the running kernel, raw or in an ELF file");
		return VNET_EXIT_RUNTIME;
	}
	in = fopen(args->kernel_facts, "re");
	if (!in) {
		vnet_error("cannot read '%s': %s", args->kernel_facts, strerror(errno));
		return VNET_EXIT_RUNTIME;
	}
	err = vnet_kernel_read(&life->run.kernel, in, &line);
	fclose(in);
	if (!err)
		return 0;
	vnet_error("no kernel facts in '%s': line %d", args->kernel_facts, line);
	vnet_hint("'vnetdiag probes --record FILE' makes such a file");
	return VNET_EXIT_USAGE;
}

/* --avoid: what older kernels have to do is tried on newer ones, too. */
static void avoid(struct vnet_kernel *kernel, uint32_t set)
{
	static const enum vnet_feature features[] = {
		VNET_HAS_FEATURE_tp_btf, VNET_HAS_FEATURE_fentry,
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(features); i++)
		if (set & 1u << i)
			kernel->features[features[i]] = false;
}

/* "vnetdiag.drop.summary/1" from "drop summary". */
static char *schema_name(const char *path)
{
	char *schema = vnet_printf("vnetdiag.%s/1", path);

	for (char *c = schema; *c; c++)
		if (*c == ' ')
			*c = '.';
	return schema;
}

static void fill_meta(struct life *life)
{
	const struct vnet_measure *m = life->run.measure;
	struct vnet_meta *meta = &life->run.meta;
	struct vnet_pair *pairs;
	size_t nr;

	uname(&life->uts);
	vnet_filter_pairs(life->run.args, &life->pairs);
	nr = life->pairs.nr;
	pairs = vnet_alloc((nr + m->nr_pairs + 1) * sizeof(*pairs));
	memcpy(pairs, life->pairs.pairs, nr * sizeof(*pairs));
	if (m->nr_pairs)
		memcpy(pairs + nr, m->pairs, m->nr_pairs * sizeof(*pairs));
	meta->command = m->cmd->path;
	meta->title = m->title;
	meta->schema = schema_name(m->cmd->path);
	meta->host = life->uts.nodename;
	meta->kernel = life->run.kernel->release;
	meta->filters = pairs;
	meta->nr_filters = nr + m->nr_pairs;
	meta->probes = vnet_plan_probes(&life->plan, &meta->nr_probes);
}

static int render(struct life *life, struct vnet_report *report)
{
	int err = life->renderer->render(report, life->out);

	vnet_report_free(report);
	return err;
}

static int show_plan(struct life *life)
{
	struct vnet_report *report = vnet_report_new(&life->run.meta, "plan");
	int err;

	vnet_plan_table(report, &life->plan);
	vnet_report_extra(report, "possible", "Possible", vnet_bool(life->plan.possible));
	err = render(life, report);
	if (err)
		return status_of(err);
	return life->plan.possible ? VNET_EXIT_OK : VNET_EXIT_IMPOSSIBLE;
}

/* What the plan says before anything is loaded. */
static int check_plan(struct life *life)
{
	for (size_t i = 0; i < life->plan.nr; i++) {
		const struct vnet_choice *c = &life->plan.choices[i];

		if (c->mechanism)
			continue;
		if (c->want->optional) {
			vnet_debug("without '%s' (%s): %s", c->target, c->reason,
				   c->want->without ?: "");
			continue;
		}
		vnet_error("cannot probe '%s' on this kernel: %s", c->target, c->reason);
		vnet_hint("%s", vnet_kernel_has(life->run.kernel, VNET_HAS_FEATURE_lockdown) ?
			  "boot without lockdown=confidentiality" :
			  "'vnetdiag probes' lists what this kernel gives");
		return VNET_EXIT_IMPOSSIBLE;
	}
	if (vnet_kernel_has(life->run.kernel, VNET_HAS_FEATURE_cap_bpf))
		return 0;
	vnet_error("no permission to load BPF programs");
	vnet_hint("run as root, or with CAP_BPF, CAP_PERFMON and CAP_SYS_ADMIN");
	return VNET_EXIT_PERMISSION;
}

static bool streams(const struct vnet_measure *m)
{
	return m->record;
}

/* Records are the output, not only what a summary is made of. */
static bool shows_records(const struct vnet_measure *m)
{
	return m->record && !m->interval;
}

/* With -v: how much work each program was to the verifier (tests/lab/load.sh). */
static void show_programs(struct vnet_session *session)
{
	const char *name;
	uint32_t insns;

	for (size_t i = 0; !vnet_session_program(session, i, &name, &insns); i++)
		vnet_debug("program '%s': %u instructions", name, insns);
}

static int start(struct life *life)
{
	struct vnet_run *run = &life->run;
	const struct vnet_measure *m = run->measure;
	bool ring = vnet_kernel_has(run->kernel, VNET_HAS_FEATURE_ring_buffer) &&
		    !run->args->perf_buffer;
	int err;

	err = vnet_session_open(&run->session, m->object, &life->plan, run->kernel);
	if (err)
		return VNET_EXIT_LOAD;
	err = vnet_session_set(run->session, "filter", &life->filter, sizeof(life->filter));
	if (!err && streams(m))
		err = vnet_session_stream(run->session, ring, m->rate_limit);
	if (!err && m->configure)
		err = m->configure(run);
	if (err)
		return VNET_EXIT_RUNTIME;
	vnet_kernel_forget_types(run->kernel);
	err = vnet_session_load(run->session);
	if (err)
		/* EACCES is the verifier's answer, not the kernel's to the user. */
		return err == -EPERM ? VNET_EXIT_PERMISSION : VNET_EXIT_LOAD;
	show_programs(run->session);
	if (vnet_session_attach(run->session))
		return VNET_EXIT_LOAD;
	run->wall_offset_ns = vnet_wall_offset_ns();
	if (m->started && m->started(run))
		return VNET_EXIT_RUNTIME;
	return 0;
}

static void say_ready(const struct life *life)
{
	const char *path = life->run.measure->cmd->path;

	if (isatty(STDERR_FILENO))
		fprintf(stderr, "vnetdiag %s: running on %s; Ctrl-C ends it\n", path,
			life->run.kernel->release);
	vnet_debug("attached");
	if (life->run.args->ready_fd)
		dprintf(life->run.args->ready_fd, "ready\n");
}

static int tick(void *ctx, uint64_t start_ns, uint64_t end_ns, bool last)
{
	struct life *life = ctx;
	struct vnet_run *run = &life->run;
	struct vnet_span span = {
		.start_ns = start_ns, .end_ns = end_ns,
		.wall_ns = end_ns + run->wall_offset_ns, .last = last,
	};
	struct vnet_report *report = vnet_report_new(&run->meta, "report");
	uint64_t *losses = vnet_report_alloc(report, VNET_NR_LOSSES * sizeof(*losses));
	int err;

	report->time_ns = span.wall_ns;
	report->interval_ns = end_ns - start_ns;
	err = run->measure->interval(run, &span, report);
	if (!err)
		err = vnet_session_losses(run->session, losses);
	if (err) {
		vnet_error("cannot read what was measured: %s", strerror(-err));
		vnet_report_free(report);
		return err;
	}
	report->losses = losses;
	return render(life, report);
}

/* A stream's hole: rendered where it is, between the records around it. */
static int show_losses(struct life *life)
{
	struct vnet_run *run = &life->run;
	uint64_t losses[VNET_NR_LOSSES] = {};
	struct vnet_report *report;
	int err = vnet_session_losses(run->session, losses);

	if (err || !memcmp(losses, life->losses_shown, sizeof(losses)))
		return err;
	report = vnet_report_new(&run->meta, "loss");
	report->time_ns = vnet_wall_ns();
	for (int i = 0; i < VNET_NR_LOSSES; i++)
		if (losses[i] > life->losses_shown[i])
			vnet_report_extra(report, vnet_loss_names[i], vnet_loss_words[i],
					  vnet_u64(losses[i] - life->losses_shown[i]));
	memcpy(life->losses_shown, losses, sizeof(losses));
	return render(life, report);
}

static int take_record(void *ctx, void *data, size_t size)
{
	struct life *life = ctx;
	struct vnet_run *run = &life->run;
	const struct vnet_measure *m = run->measure;
	struct vnet_report *report;
	int err;

	if (life->record_err || (m->limit && run->nr_records >= m->limit))
		return 0;
	report = vnet_report_new(&run->meta, "record");
	err = m->record(run, data, size, report);
	if (err) {
		vnet_report_free(report);
		if (err < 0)
			life->record_err = err;
		return 0;
	}
	run->nr_records++;
	life->record_err = render(life, report);
	return 0;
}

int vnet_measure_record(struct vnet_run *run, void *data, size_t size)
{
	struct life *life = (struct life *)run;

	take_record(life, data, size);
	return life->record_err;
}

static int drain(void *ctx)
{
	struct life *life = ctx;
	const struct vnet_measure *m = life->run.measure;
	int err = vnet_session_consume(life->run.session, take_record, life);

	if (life->record_err)
		return life->record_err;
	if (err < 0 && err != -EINTR)
		return err;
	err = shows_records(m) ? show_losses(life) : 0;
	if (err)
		return err;
	return m->limit && life->run.nr_records >= m->limit;
}

static int tidy(void *ctx)
{
	struct life *life = ctx;

	return life->run.measure->tidy(&life->run);
}

/* Details: the first line of a stream, and the last. */
static int show_edge(struct life *life, const char *type)
{
	struct vnet_run *run = &life->run;
	struct vnet_report *report = vnet_report_new(&run->meta, type);

	report->time_ns = vnet_wall_ns();
	if (!strcmp(type, "end")) {
		uint64_t *losses = vnet_report_alloc(report, VNET_NR_LOSSES * sizeof(*losses));

		vnet_session_losses(run->session, losses);
		report->losses = losses;
		vnet_report_extra(report, "records", "Records", vnet_u64(run->nr_records));
		if (run->measure->ended)
			run->measure->ended(run, report);
	}
	return render(life, report);
}

static int run_loop(struct life *life)
{
	struct vnet_run *run = &life->run;
	const struct vnet_measure *m = run->measure;
	bool details = shows_records(m);
	struct vnet_loop loop = {
		.interval_ns = m->interval ? run->args->interval_ns : 0,
		.duration_ns = run->args->duration_ns,
		.count = run->args->count,
		.stream_fd = streams(m) ? vnet_session_stream_fd(run->session) : -1,
		.out_fd = fileno(life->out),
		.tick = m->interval ? tick : NULL,
		.drain = streams(m) ? drain : NULL,
		.tidy = m->tidy ? tidy : NULL,
		.ctx = life,
	};
	int err = details ? show_edge(life, "start") : 0;

	err = err ?: vnet_loop_run(&loop, life->signal_fd);
	if (!err && details)
		err = show_edge(life, "end");
	if (err && err != -EPIPE)
		vnet_error("the run ended early: %s", strerror(-err));
	return status_of(err);
}

/* Facts, filter and plan: all that needs no privilege. */
static int prepare(struct life *life)
{
	const struct vnet_measure *m = life->run.measure;
	const struct vnet_args *args = life->run.args;
	int status = open_output(life);

	if (!status)
		status = load_facts(life);
	if (status)
		return status;
	if (vnet_filter_make(args, &life->filter)) {
		vnet_error("cannot look up this network namespace: %s", strerror(errno));
		return VNET_EXIT_RUNTIME;
	}
	avoid(life->run.kernel, args->avoid);
	vnet_plan_make(life->run.kernel, m->wants, m->nr_wants, &life->plan);
	fill_meta(life);
	return 0;
}

static int measure(struct life *life)
{
	const struct vnet_args *args = life->run.args;
	int status = prepare(life);

	if (status)
		return status;
	if (args->explain_filter && vnet_filter_explain(&life->filter, life->out))
		return VNET_EXIT_RUNTIME;
	if (args->dry_run)
		return show_plan(life);
	if (args->explain_filter)
		return VNET_EXIT_OK;
	status = check_plan(life);
	if (status)
		return status;
	/* Before the first attach, so that no signal can skip the last report. */
	life->signal_fd = vnet_loop_signals();
	status = start(life);
	if (status)
		return status;
	say_ready(life);
	return run_loop(life);
}

int vnet_measure(const struct vnet_measure *m)
{
	struct life *life = vnet_alloc(sizeof(*life));
	int status;

	life->run.measure = m;
	life->run.args = m->args;
	life->run.ctx = m->ctx;
	life->run.plan = &life->plan;
	life->renderer = vnet_renderer(m->args->format);
	life->signal_fd = -1;
	vnet_set_verbose(m->args->verbose);
	vnet_session_init();
	status = measure(life);
	vnet_session_close(life->run.session);
	vnet_kernel_free(life->run.kernel);
	free((void *)life->run.meta.schema);
	free((void *)life->run.meta.filters);
	free((void *)life->run.meta.probes);
	if (life->signal_fd >= 0)
		close(life->signal_fd);
	if (life->out && life->out != stdout && fclose(life->out) && !status)
		status = VNET_EXIT_RUNTIME;
	free(life);
	return status;
}

struct vnet_value vnet_span_rate(const struct vnet_span *span, uint64_t count)
{
	uint64_t ns = span->end_ns - span->start_ns;

	return ns ? vnet_u64(((unsigned __int128)count * VNET_NS_PER_S + ns / 2) / ns) :
	       (struct vnet_value){};
}

bool vnet_run_has(const struct vnet_run *run, enum vnet_point_id point)
{
	for (size_t i = 0; i < run->plan->nr; i++)
		if (run->plan->choices[i].want->point == point)
			return run->plan->choices[i].mechanism;
	return false;
}
