/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The unit tests' harness: TAP on stdout, one line per test function.
 *	TEST(name) { CHECK(1 + 1 == 2); CHECK_EQ(f(), 3); CHECK_STR(s, "x"); }
 *	TEST_MAIN(T(name), T(other))
 */
#ifndef VNET_TEST_H
#define VNET_TEST_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct test {
	const char *name;
	void (*run)(void);
};

static int test_failures;

#define TEST(name) static void test_##name(void)
#define T(name) { #name, test_##name }

#define CHECK(cond) do { \
	if (!(cond)) { \
		test_failures++; \
		printf("# %s:%d: %s\n", __FILE__, __LINE__, #cond); \
	} \
} while (0)

#define CHECK_EQ(a, b) do { \
	int64_t a_ = (int64_t)(a), b_ = (int64_t)(b); \
	if (a_ != b_) { \
		test_failures++; \
		printf("# %s:%d: %s is %" PRId64 ", want %" PRId64 "\n", \
		       __FILE__, __LINE__, #a, a_, b_); \
	} \
} while (0)

#define CHECK_STR(a, b) do { \
	const char *a_ = (a), *b_ = (b); \
	if (!a_ || strcmp(a_, b_)) { \
		test_failures++; \
		printf("# %s:%d: %s is '%s', want '%s'\n", \
		       __FILE__, __LINE__, #a, a_ ? a_ : "(null)", b_); \
	} \
} while (0)

#define TEST_MAIN(...) \
int main(void) \
{ \
	static const struct test tests[] = { __VA_ARGS__ }; \
	int n = sizeof(tests) / sizeof(tests[0]), failed = 0; \
	printf("1..%d\n", n); \
	for (int i = 0; i < n; i++) { \
		test_failures = 0; \
		tests[i].run(); \
		failed += !!test_failures; \
		printf("%s %d - %s\n", test_failures ? "not ok" : "ok", i + 1, \
		       tests[i].name); \
		fflush(stdout); \
	} \
	return !!failed; \
}

#endif
