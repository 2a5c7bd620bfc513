/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Kernel facts as a text file, a line each: recorded on one host with
 * `vnetdiag probes --record`, planned for on another, and the tests' fixtures.
 * A file that was cut short is found out: it lacks its last line, and a line
 * lacks a word or has half a value. Points, features and words that another
 * version of the tool knows are passed over.
 */
#include <errno.h>
#include <inttypes.h>

#include "vnet/cli.h"
#include "vnet/kernel.h"
#include "vnet/util.h"

#define FORMAT_LINE	"vnetdiag-kernel-facts 1"
#define END_LINE	"end"

static const char *const known_names[] = { "unknown", "yes", "no" };

int vnet_kernel_write(const struct vnet_kernel *k, FILE *out)
{
	fprintf(out, "%s\nrelease %s\n", FORMAT_LINE, k->release);
	for (int i = 0; i < VNET_NR_FEATURES; i++)
		fprintf(out, "feature %s=%d\n", vnet_feature_names[i], k->features[i]);
	for (int id = 0; id < VNET_NR_POINTS; id++) {
		const struct vnet_point_facts *f = &k->points[id];

		fprintf(out, "point %s loaded=%d btf=%d args=%u clone=%s exists=%s traceable=%s\n",
			vnet_points[id].id, k->loaded[id], f->btf, f->nr_args,
			f->clone[0] ? f->clone : "-", known_names[f->exists],
			known_names[f->traceable]);
	}
	fprintf(out, "%s\n", END_LINE);
	if (fflush(out))
		return -errno;
	return ferror(out) ? -EIO : 0;
}

static int find_point(const char *name)
{
	for (int id = 0; id < VNET_NR_POINTS; id++)
		if (!strcmp(vnet_points[id].id, name))
			return id;
	return -1;
}

static bool read_known(const char *text, enum vnet_known *known)
{
	for (size_t i = 0; i < VNET_ARRAY_SIZE(known_names); i++)
		if (!strcmp(text, known_names[i])) {
			*known = i;
			return true;
		}
	return false;
}

static bool read_flag(const char *text, bool *flag)
{
	*flag = *text == '1';
	return !strcmp(text, "0") || !strcmp(text, "1");
}

/* A tracepoint has 12 arguments at most (the kernel's MAX_BPF_FUNC_ARGS). */
static bool read_args(const char *text, uint32_t *nr)
{
	const char *why;

	return !vnet_parse_u32(text, 0, 12, nr, &why);
}

static bool read_clone(const char *text, char *clone, size_t size)
{
	if (!strcmp(text, "-")) {
		clone[0] = 0;
		return true;
	}
	return text[0] && vnet_copy(clone, size, text);
}

/* What a line of a point tells. */
struct point_line {
	bool loaded;
	struct vnet_point_facts facts;
	uint32_t seen;		/* 1 << enum word */
};

enum word { W_LOADED, W_BTF, W_ARGS, W_CLONE, W_EXISTS, W_TRACEABLE, NR_WORDS };

static const char *const word_names[NR_WORDS] = {
	[W_LOADED] = "loaded", [W_BTF] = "btf", [W_ARGS] = "args",
	[W_CLONE] = "clone", [W_EXISTS] = "exists", [W_TRACEABLE] = "traceable",
};

static bool read_word(struct point_line *line, enum word word, const char *value)
{
	struct vnet_point_facts *f = &line->facts;

	switch (word) {
	case W_LOADED:
		return read_flag(value, &line->loaded);
	case W_BTF:
		return read_flag(value, &f->btf);
	case W_ARGS:
		return read_args(value, &f->nr_args);
	case W_CLONE:
		return read_clone(value, f->clone, sizeof(f->clone));
	case W_EXISTS:
		return read_known(value, &f->exists);
	default:
		return read_known(value, &f->traceable);
	}
}

/* One "key=value" word of a point line. */
static bool read_fact(struct point_line *line, char *word)
{
	char *value = strchr(word, '=');

	if (!value)
		return false;
	*value++ = 0;
	for (int i = 0; i < NR_WORDS; i++) {
		if (strcmp(word, word_names[i]))
			continue;
		line->seen |= 1u << i;
		return read_word(line, i, value);
	}
	return true;
}

static bool read_point(struct vnet_kernel *k, char *rest)
{
	char *save = NULL, *word = strtok_r(rest, " ", &save);
	struct point_line line = {};
	int id = word ? find_point(word) : -1;

	while ((word = strtok_r(NULL, " ", &save)))
		if (!read_fact(&line, word))
			return false;
	if (line.seen != (1u << NR_WORDS) - 1)
		return false;
	if (id >= 0) {
		k->loaded[id] = line.loaded;
		k->points[id] = line.facts;
	}
	return true;
}

static bool read_feature(struct vnet_kernel *k, char *rest)
{
	char *value = strchr(rest, '=');
	bool flag;

	if (!value || value == rest)
		return false;
	*value++ = 0;
	if (!read_flag(value, &flag))
		return false;
	for (int i = 0; i < VNET_NR_FEATURES; i++)
		if (!strcmp(rest, vnet_feature_names[i]))
			k->features[i] = flag;
	return true;
}

static bool read_line(struct vnet_kernel *k, char *line)
{
	char *rest = strchr(line, ' ');

	if (!line[0] || line[0] == '#')
		return true;
	if (!rest)
		return false;
	*rest++ = 0;
	if (!strcmp(line, "release"))
		return rest[0] && vnet_copy(k->release, sizeof(k->release), rest);
	if (!strcmp(line, "feature"))
		return read_feature(k, rest);
	return !strcmp(line, "point") && read_point(k, rest);
}

/* Lines up to the last; *line is the number of the one that was read last. */
static bool read_lines(struct vnet_kernel *k, FILE *in, int *line)
{
	bool ok = true, ended = false;
	char *text = NULL;
	size_t size = 0;
	ssize_t len;

	while (ok && (len = getline(&text, &size, in)) > 0) {
		++*line;
		/* Neither a NUL in it nor a line that was cut short nor one too many. */
		ok = text[len - 1] == '\n' && strlen(text) == (size_t)len && !ended;
		text[len - 1] = 0;
		if (ok && *line == 1)
			ok = !strcmp(text, FORMAT_LINE);
		else if (ok && !strcmp(text, END_LINE))
			ended = true;
		else if (ok)
			ok = read_line(k, text);
	}
	free(text);
	if (ok && !ended)
		++*line;	/* the one that is missing */
	return ok && ended;
}

int vnet_kernel_read(struct vnet_kernel **kernel, FILE *in, int *line)
{
	struct vnet_kernel *k = vnet_alloc(sizeof(*k));

	k->recorded = true;
	*line = 0;
	if (!read_lines(k, in, line)) {
		vnet_kernel_free(k);
		return -EINVAL;
	}
	*kernel = k;
	return 0;
}
