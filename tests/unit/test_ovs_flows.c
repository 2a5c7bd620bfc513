/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Flows recorded from a kernel, against what ovs-dpctl printed for them. The
 * bytes are of a little-endian kernel.
 */
#include <stdlib.h>
#include <string.h>

#include "vnet/ovs_flow.h"
#include "vnet/util.h"

#include "test.h"

#define FIXTURE	"tests/fixtures/ovs-flows.txt"

struct part {
	unsigned char *data;	/* as long as it says, so that ASan sees a byte too far */
	size_t len;
};

struct port {
	uint32_t number;
	char name[16];
};

struct state {
	struct part ufid, key, mask, actions;
	struct port ports[8];
	size_t nr_ports;
	int nr_flows, nr_own;
};

static const char *port_name(void *ctx, uint32_t port)
{
	const struct state *state = ctx;

	for (size_t i = 0; i < state->nr_ports; i++)
		if (state->ports[i].number == port)
			return state->ports[i].name;
	return NULL;
}

static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

static void read_part(struct part *part, const char *hex)
{
	part->len = strlen(hex) / 2;
	part->data = realloc(part->data, part->len + !part->len);
	for (size_t i = 0; i < part->len; i++)
		part->data[i] = digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]);
}

static void check(struct state *state, const char *want, bool terse)
{
	struct vnet_ovs_style style = { port_name, state, terse };
	char text[4096];
	size_t len = 0;

	if (!terse) {
		len = vnet_ovs_ufid_text(text, sizeof(text), state->ufid.data, state->ufid.len);
		len += snprintf(text + len, sizeof(text) - len, ", ");
	}
	len += vnet_ovs_key_text(text + len, sizeof(text) - len, &style, state->key.data,
				 state->key.len, state->mask.data, state->mask.len);
	len += snprintf(text + len, sizeof(text) - len, ", actions:");
	vnet_ovs_actions_text(text + len, sizeof(text) - len, &style, state->actions.data,
			      state->actions.len);
	CHECK_STR(text, want);
}

static void read_line(struct state *state, const char *word, const char *rest)
{
	struct {
		const char *word;
		struct part *part;
	} parts[] = {
		{ "ufid", &state->ufid }, { "key", &state->key }, { "mask", &state->mask },
		{ "actions", &state->actions },
	};

	for (size_t i = 0; i < VNET_ARRAY_SIZE(parts); i++)
		if (!strcmp(word, parts[i].word))
			read_part(parts[i].part, rest);
	if (!strcmp(word, "port") && state->nr_ports < 8) {
		struct port *port = &state->ports[state->nr_ports++];

		port->number = digit(rest[0]);
		vnet_copy(port->name, sizeof(port->name), rest + 2);
	} else if (!strcmp(word, "text") || !strcmp(word, "own")) {
		check(state, rest, false);
		state->nr_flows++;
		state->nr_own += word[0] == 'o';
	} else if (!strcmp(word, "terse") || !strcmp(word, "own-terse")) {
		check(state, rest, true);
	}
}

TEST(recorded_flows)
{
	struct state state = {};
	char *data, *line, *next;
	size_t size;

	CHECK_EQ(vnet_read_file(FIXTURE, &data, &size), 0);
	for (line = data; *line; line = next) {
		char *end = strchr(line, '\n'), *space;

		*end = 0;
		next = end + 1;
		space = strchr(line, ' ');
		if (!space || line[0] == '#')
			continue;
		*space = 0;
		read_line(&state, line, space + 1);
	}
	/* None of them was left out. */
	CHECK(state.nr_flows >= 80);
	CHECK(state.nr_own <= 4);
	free(data);
	free(state.ufid.data);
	free(state.key.data);
	free(state.mask.data);
	free(state.actions.data);
}

TEST_MAIN(T(recorded_flows))
