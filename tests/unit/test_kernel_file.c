/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Facts files (core/kernel_file.c): what is written comes back, and no file
 * that was cut short or damaged is taken for a whole one.
 */
#include <errno.h>

#include "kernels.h"

#define HEAD	"vnetdiag-kernel-facts 1\n"
#define WORDS	" loaded=1 btf=1 args=2 clone=- exists=yes traceable=no"

static char *written(const struct vnet_kernel *kernel)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	CHECK_EQ(vnet_kernel_write(kernel, out), 0);
	fclose(out);
	return text;
}

TEST(fixtures_round_trip)
{
	for (int i = 0; i < NR_KERNELS; i++) {
		struct vnet_kernel *kernel = kernel_open(i);
		char *before = kernel_text(i, NULL), *after = written(kernel);

		CHECK_STR(after, before);
		CHECK(kernel->recorded);
		CHECK(!strncmp(kernel->release, kernel_labels[i], strlen(kernel_labels[i])));
		free(before);
		free(after);
		vnet_kernel_free(kernel);
	}
}

/* A point that was added to points.def since: record.sh has to be run again. */
TEST(fixtures_are_complete)
{
	for (int i = 0; i < NR_KERNELS; i++) {
		char *text = kernel_text(i, NULL);

		for (int id = 0; id < VNET_NR_POINTS; id++) {
			char *line = vnet_printf("\npoint %s loaded=1 ", vnet_points[id].id);

			CHECK(strstr(text, line));
			free(line);
		}
		for (int f = 0; f < VNET_NR_FEATURES; f++) {
			char *line = vnet_printf("\nfeature %s=", vnet_feature_names[f]);

			CHECK(strstr(text, line));
			free(line);
		}
		free(text);
	}
}

/* Every value of every fact, also the longest. */
TEST(every_fact_round_trips)
{
	struct vnet_kernel *kernel = vnet_alloc(sizeof(*kernel)), *back;
	char *text;
	int line;

	memset(kernel->release, 'r', sizeof(kernel->release) - 1);
	for (int id = 0; id < VNET_NR_POINTS; id++) {
		struct vnet_point_facts *f = &kernel->points[id];

		kernel->loaded[id] = id & 1;
		f->btf = id & 2;
		f->nr_args = (uint32_t)id % 13;
		f->exists = id % 3;
		f->traceable = (id + 1) % 3;
		if (id & 4)
			memset(f->clone, 'c', sizeof(f->clone) - 1);
	}
	for (int f = 0; f < VNET_NR_FEATURES; f++)
		kernel->features[f] = f & 1;
	text = written(kernel);
	CHECK_EQ(read_text(text, strlen(text), &back, &line), 0);
	back->recorded = false;
	CHECK(!memcmp(back, kernel, sizeof(*kernel)));
	free(text);
	vnet_kernel_free(back);
	vnet_kernel_free(kernel);
}

/* The file ends anywhere: never taken for whole, whatever byte comes last. */
TEST(cut_files_are_refused)
{
	struct vnet_kernel *kernel;
	size_t size;
	char *text = kernel_text(K6_1, &size);
	int lines = 0;

	for (size_t cut = 1; cut < size; cut++) {
		int line = 0;

		lines += text[cut - 1] == '\n';
		CHECK_EQ(read_text(text, cut, &kernel, &line), -EINVAL);
		/* The line that is cut, or the one that is missing. */
		CHECK_EQ(line, lines + 1);
	}
	free(text);
}

/* One line is cut, the others are whole. */
TEST(cut_lines_are_refused)
{
	struct vnet_kernel *kernel;
	size_t size, start, length;
	char *text = kernel_text(K7, &size), *cut = vnet_alloc(size);
	int number = 1, line;

	for (start = 0; start < size; start += length + 1, number++) {
		length = strcspn(text + start, "\n");
		for (size_t keep = 1; keep < length; keep++) {
			size_t rest = size - start - length;

			/* A shorter name of a release is one as well. */
			if (!strncmp(text + start, "release ", 8) && keep > 8)
				continue;
			memcpy(cut, text, start + keep);
			memcpy(cut + start + keep, text + start + length, rest);
			CHECK_EQ(read_text(cut, start + keep + rest, &kernel, &line), -EINVAL);
			CHECK_EQ(line, number);
		}
	}
	free(cut);
	free(text);
}

static const struct {
	const char *text;
	int line;
} bad[] = {
	{ "\n", 1 },
	{ "end\n", 1 },
	{ "vnetdiag-kernel-facts 2\nend\n", 1 },
	{ "vnetdiag-kernel-facts 1 \nend\n", 1 },
	{ "\n" HEAD "end\n", 1 },
	{ HEAD, 2 },
	{ HEAD "end", 2 },
	{ HEAD "end\nend\n", 3 },
	{ HEAD "end\n# more\n", 3 },
	{ HEAD "surprise x\nend\n", 2 },
	{ HEAD "release \nend\n", 2 },
	{ HEAD "release rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\n"
	  "end\n", 2 },
	{ HEAD "feature btf\nend\n", 2 },
	{ HEAD "feature =1\nend\n", 2 },
	{ HEAD "feature btf=2\nend\n", 2 },
	{ HEAD "feature btf=10\nend\n", 2 },
	{ HEAD "feature btf=yes\nend\n", 2 },
	{ HEAD "point\nend\n", 2 },
	{ HEAD "point \nend\n", 2 },
	{ HEAD "point ip_rcv\nend\n", 2 },
	{ HEAD "point no_such_point\nend\n", 2 },
	{ HEAD "point ip_rcv" WORDS " word\nend\n", 2 },
	{ HEAD "point ip_rcv" WORDS " args=13\nend\n", 2 },
	{ HEAD "point ip_rcv" WORDS " args=-1\nend\n", 2 },
	{ HEAD "point ip_rcv" WORDS " args=0x1\nend\n", 2 },
	{ HEAD "point ip_rcv" WORDS " loaded=\nend\n", 2 },
	{ HEAD "point ip_rcv" WORDS " exists=maybe\nend\n", 2 },
	{ HEAD "point ip_rcv" WORDS " clone=\nend\n", 2 },
	{ HEAD "point ip_rcv" WORDS " clone="
	  "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\nend\n", 2 },
	{ HEAD "point ip_rcv loaded=1 btf=1 args=2 clone=- exists=yes\nend\n", 2 },
};

TEST(bad_files_are_refused)
{
	for (size_t i = 0; i < VNET_ARRAY_SIZE(bad); i++) {
		struct vnet_kernel *kernel = NULL;
		int line = 0, err;

		err = read_text(bad[i].text, strlen(bad[i].text), &kernel, &line);
		if (err != -EINVAL || line != bad[i].line)
			printf("# '%s': %d, line %d\n", bad[i].text, err, line);
		CHECK_EQ(err, -EINVAL);
		CHECK_EQ(line, bad[i].line);
		if (!err)
			vnet_kernel_free(kernel);
	}
}

TEST(a_nul_byte_is_refused)
{
	static const char text[] = HEAD "release 6.1\0-x\nend\n";
	struct vnet_kernel *kernel;
	int line;

	CHECK_EQ(read_text(text, sizeof(text) - 1, &kernel, &line), -EINVAL);
	CHECK_EQ(line, 2);
}

TEST(other_versions_words_are_passed_over)
{
	static const char text[] = HEAD "# a comment\n\nrelease 6.1\nfeature telepathy=1\n"
		"feature btf=1\npoint of_the_future" WORDS "\n"
		"point ip_rcv mood=good" WORDS "\nend\n";
	struct vnet_kernel *kernel;
	int line;

	CHECK_EQ(read_text(text, sizeof(text) - 1, &kernel, &line), 0);
	CHECK_STR(kernel->release, "6.1");
	CHECK(vnet_kernel_has(kernel, VNET_HAS_FEATURE_btf));
	CHECK(!vnet_kernel_has(kernel, VNET_HAS_FEATURE_kprobe));
	CHECK(kernel->loaded[VNET_P_ip_rcv]);
	CHECK_EQ(kernel->points[VNET_P_ip_rcv].nr_args, 2);
	CHECK_EQ(kernel->points[VNET_P_ip_rcv].exists, VNET_YES);
	CHECK_EQ(kernel->points[VNET_P_ip_rcv].traceable, VNET_NO);
	CHECK(!kernel->loaded[VNET_P_ipv6_rcv]);
	vnet_kernel_free(kernel);
}

TEST(a_full_disk_is_an_error)
{
	struct vnet_kernel *kernel = kernel_open(K6_1);
	FILE *full = fopen("/dev/full", "w");

	CHECK(full);
	if (full) {
		CHECK_EQ(vnet_kernel_write(kernel, full), -ENOSPC);
		fclose(full);
	}
	vnet_kernel_free(kernel);
}

TEST_MAIN(T(fixtures_round_trip), T(fixtures_are_complete), T(every_fact_round_trips),
	  T(cut_files_are_refused), T(cut_lines_are_refused), T(bad_files_are_refused),
	  T(a_nul_byte_is_refused), T(other_versions_words_are_passed_over),
	  T(a_full_disk_is_an_error))
