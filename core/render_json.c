/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One report, one JSON object, one line. Integers are added as raw text:
 * cJSON keeps numbers as doubles, which are not exact beyond 2^53.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "vnet/util.h"

#include "render.h"

#define REPLACEMENT	"\xef\xbf\xbd"	/* U+FFFD */

/*
 * The first failure sticks, and all calls after it do nothing of use: the
 * tree is thrown away at the end.
 */
struct writer {
	bool failed;
};

/* Hands `item` to its parent; `key` NULL: the parent is an array. */
static cJSON *put(struct writer *w, cJSON *parent, const char *key, cJSON *item)
{
	bool ok = parent && item;

	if (ok && key)
		ok = cJSON_AddItemToObject(parent, key, item);
	else if (ok)
		ok = cJSON_AddItemToArray(parent, item);
	if (ok)
		return item;
	cJSON_Delete(item);
	w->failed = true;
	return NULL;
}

static cJSON *put_object(struct writer *w, cJSON *parent, const char *key)
{
	return put(w, parent, key, cJSON_CreateObject());
}

static cJSON *put_array(struct writer *w, cJSON *parent, const char *key)
{
	return put(w, parent, key, cJSON_CreateArray());
}

static void put_u64(struct writer *w, cJSON *parent, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	put(w, parent, key, cJSON_CreateRaw(text));
}

static void put_s64(struct writer *w, cJSON *parent, const char *key, int64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, v);
	put(w, parent, key, cJSON_CreateRaw(text));
}

static void put_null(struct writer *w, cJSON *parent, const char *key)
{
	put(w, parent, key, cJSON_CreateNull());
}

static void put_bool(struct writer *w, cJSON *parent, const char *key, bool v)
{
	put(w, parent, key, cJSON_CreateBool(v));
}

/* A copy in valid UTF-8, or NULL if memory is out. */
static char *clean_string(const char *text)
{
	/* A bad byte becomes three at most. */
	char *copy = malloc(strlen(text) * 3 + 1), *to = copy;
	size_t len;

	if (!copy)
		return NULL;
	for (; *text; text += len) {
		const char *from = text;
		size_t n;

		if (!vnet_text_utf8(text, &len))
			from = REPLACEMENT;
		n = from == text ? len : strlen(REPLACEMENT);
		memcpy(to, from, n);
		to += n;
	}
	*to = 0;
	return copy;
}

/* NULL becomes null. cJSON escapes quotes and control characters. */
static void put_str(struct writer *w, cJSON *parent, const char *key, const char *text)
{
	char *copy;

	if (!text) {
		put_null(w, parent, key);
		return;
	}
	copy = clean_string(text);
	put(w, parent, key, copy ? cJSON_CreateString(copy) : NULL);
	free(copy);
}

static void put_hex(struct writer *w, cJSON *parent, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, v);
	put_str(w, parent, key, text);
}

static void put_time(struct writer *w, cJSON *parent, const char *key, uint64_t ns)
{
	char text[40];

	vnet_time_text(ns, text);
	put_str(w, parent, key, text);
}

static void put_flow(struct writer *w, cJSON *parent, const char *key,
		     const struct vnet_flow *flow)
{
	cJSON *object = put_object(w, parent, key);
	char addr[48], protocol[16];
	bool ports = flow->flags & VNET_FLOW_PORTS;

	put_str(w, object, "src", vnet_flow_address(flow, false, addr) ? addr : NULL);
	put_str(w, object, "dst", vnet_flow_address(flow, true, addr) ? addr : NULL);
	if (ports) {
		put_u64(w, object, "src_port", flow->src_port);
		put_u64(w, object, "dst_port", flow->dst_port);
	} else {
		put_null(w, object, "src_port");
		put_null(w, object, "dst_port");
	}
	put_str(w, object, "protocol", vnet_flow_protocol(flow, protocol));
	if (flow->flags & VNET_FLOW_VLAN)
		put_u64(w, object, "vlan", flow->vlan);
	else
		put_null(w, object, "vlan");
	if (flow->family != 4 && flow->family != 6) {
		char text[8];

		snprintf(text, sizeof(text), "0x%04x", flow->ethertype);
		put_str(w, object, "ethertype", flow->ethertype ? text : NULL);
	}
	if (flow->flags & VNET_FLOW_INNER)
		put_bool(w, object, "inner", true);
	if (flow->flags & VNET_FLOW_FRAGMENT)
		put_bool(w, object, "fragment", true);
	if (flow->flags & VNET_FLOW_TRUNCATED)
		put_bool(w, object, "truncated", true);
	if (flow->flags & VNET_FLOW_MALFORMED)
		put_bool(w, object, "malformed", true);
}

static void put_stack(struct writer *w, cJSON *parent, const char *key,
		      const struct vnet_stack *stack)
{
	cJSON *array = put_array(w, parent, key);
	size_t i;

	for (i = 0; i < stack->nr; i++) {
		const struct vnet_frame *frame = &stack->frames[i];
		cJSON *object = put_object(w, array, NULL);

		put_str(w, object, "symbol", frame->symbol);
		if (frame->symbol)
			put_u64(w, object, "offset", frame->offset);
		else
			put_null(w, object, "offset");
		put_str(w, object, "module", frame->module);
		if (!frame->symbol)
			put_hex(w, object, "address", frame->address);
		if (frame->mark)
			put_bool(w, object, "location", true);
	}
}

/* The fine slots, those that hold something. */
static void put_hist(struct writer *w, cJSON *parent, const char *key,
		     const struct vnet_hist *hist, bool ns)
{
	cJSON *array = put_array(w, parent, key);
	unsigned int i;

	for (i = 0; i < VNET_HIST_SLOTS; i++) {
		cJSON *object;

		if (!hist->slots[i])
			continue;
		object = put_object(w, array, NULL);
		put_u64(w, object, ns ? "from_ns" : "from", vnet_hist_slot_from(i));
		put_u64(w, object, ns ? "to_ns" : "to", vnet_hist_slot_to(i));
		put_u64(w, object, "count", hist->slots[i]);
	}
}

static void put_counts(struct writer *w, cJSON *parent, const char *key,
		       const struct vnet_counts *counts)
{
	cJSON *object = put_object(w, parent, key);
	size_t i;

	for (i = 0; i < counts->nr; i++) {
		/* A name may come from the kernel, unlike all other keys. */
		char *name = clean_string(counts->counts[i].name);

		if (name)
			put_u64(w, object, name, counts->counts[i].value);
		else
			w->failed = true;
		free(name);
	}
}

static void put_list(struct writer *w, cJSON *parent, const char *key,
		     const struct vnet_list *list)
{
	cJSON *array = put_array(w, parent, key);
	size_t i;

	for (i = 0; i < list->nr; i++)
		put_str(w, array, NULL, list->items[i]);
}

static void put_row(struct writer *w, cJSON *object, const struct vnet_table *table,
		    size_t row);

static void put_rows(struct writer *w, cJSON *array, const struct vnet_table *table)
{
	for (size_t row = 0; row < table->nr_rows; row++)
		put_row(w, put_object(w, array, NULL), table, row);
}

static void put_value(struct writer *w, cJSON *parent, const char *key,
		      const struct vnet_value *value)
{
	switch (value->type) {
	case VNET_T_NONE:
		put_null(w, parent, key);
		break;
	case VNET_T_U64:
	case VNET_T_NS:
		put_u64(w, parent, key, value->u64);
		break;
	case VNET_T_S64:
		put_s64(w, parent, key, value->s64);
		break;
	case VNET_T_HEX:
		put_hex(w, parent, key, value->u64);
		break;
	case VNET_T_BOOL:
		put_bool(w, parent, key, value->flag);
		break;
	case VNET_T_STR:
		put_str(w, parent, key, value->str);
		break;
	case VNET_T_TIME:
		put_time(w, parent, key, value->u64);
		break;
	case VNET_T_FLOW:
		put_flow(w, parent, key, value->flow);
		break;
	case VNET_T_STACK:
		put_stack(w, parent, key, value->stack);
		break;
	case VNET_T_HIST:
	case VNET_T_HIST_N:
		put_hist(w, parent, key, value->hist, value->type == VNET_T_HIST);
		break;
	case VNET_T_COUNTS:
		put_counts(w, parent, key, value->counts);
		break;
	case VNET_T_LIST:
		put_list(w, parent, key, value->list);
		break;
	case VNET_T_TABLE:
		put_rows(w, put_array(w, parent, key), value->table);
		break;
	case VNET_T_OBJECT:
		put_row(w, put_object(w, parent, key), value->table, 0);
		break;
	}
}

static void put_row(struct writer *w, cJSON *object, const struct vnet_table *table,
		    size_t row)
{
	const struct vnet_value *cells = table->cells + row * table->nr_columns;
	size_t i;

	for (i = 0; i < table->nr_columns; i++) {
		if (table->columns[i].role != VNET_R_TEXT)
			put_value(w, object, table->columns[i].key, &cells[i]);
	}
}

/* A record's first table is its own members. */
static void put_tables(struct writer *w, cJSON *root, const struct vnet_report *report,
		       bool record)
{
	size_t t;

	if (record && report->nr_tables && report->tables[0]->nr_rows)
		put_row(w, root, report->tables[0], 0);
	for (t = record; t < report->nr_tables; t++) {
		const struct vnet_table *table = report->tables[t];
		const char *key = table->key;

		if (!key && t)
			continue;	/* for text only */
		put_rows(w, put_array(w, root, key ? key : "rows"), table);
	}
}

/* Seconds as a number with no digit more than needed: 60, 0.1. */
static void put_interval(struct writer *w, cJSON *root, uint64_t ns)
{
	char text[32];
	int len;

	len = snprintf(text, sizeof(text), "%" PRIu64 ".%09" PRIu64,
		       (uint64_t)(ns / VNET_NS_PER_S), (uint64_t)(ns % VNET_NS_PER_S));
	while (text[len - 1] == '0')
		text[--len] = 0;
	if (text[len - 1] == '.')
		text[--len] = 0;
	put(w, root, "interval_s", cJSON_CreateRaw(text));
}

/* Where, with which filter and by which probes. */
static void put_setup(struct writer *w, cJSON *root, const struct vnet_report *report)
{
	const struct vnet_meta *meta = report->meta;
	cJSON *filter, *probes;
	size_t i;

	put_str(w, root, "host", meta->host);
	put_str(w, root, "kernel", meta->kernel);
	if (report->interval_ns)
		put_interval(w, root, report->interval_ns);
	filter = put_object(w, root, "filter");
	for (i = 0; i < meta->nr_filters; i++)
		put_str(w, filter, meta->filters[i].key, meta->filters[i].value);
	probes = put_array(w, root, "probes");
	for (i = 0; i < meta->nr_probes; i++) {
		cJSON *probe = put_object(w, probes, NULL);

		put_str(w, probe, "point", meta->probes[i].point);
		put_str(w, probe, "mechanism", meta->probes[i].mechanism);
		put_str(w, probe, "target", meta->probes[i].target);
	}
}

static void put_losses(struct writer *w, cJSON *root, const uint64_t *losses)
{
	cJSON *object = put_object(w, root, "losses");
	unsigned int i;

	for (i = 0; i < VNET_NR_LOSSES; i++)
		put_u64(w, object, vnet_loss_names[i], losses[i]);
	put_bool(w, root, "complete", vnet_losses_none(losses));
}

static bool is_type(const struct vnet_report *report, const char *type)
{
	return !strcmp(report->type, type);
}

static void put_report(struct writer *w, cJSON *root, const struct vnet_report *report)
{
	bool record = is_type(report, "record");
	size_t i;

	put_str(w, root, "schema", report->meta->schema);
	put_str(w, root, "type", report->type);
	if (report->time_ns)
		put_time(w, root, "time", report->time_ns);
	if (!record && !is_type(report, "loss") && !is_type(report, "end"))
		put_setup(w, root, report);
	put_tables(w, root, report, record);
	for (i = 0; i < report->nr_extras; i++) {
		if (report->extra_columns[i].key)
			put_value(w, root, report->extra_columns[i].key,
				  &report->extras[i]);
	}
	if (report->losses)
		put_losses(w, root, report->losses);
}

static int render(const struct vnet_report *report, FILE *out)
{
	struct writer w = { 0 };
	cJSON *root = cJSON_CreateObject();
	char *text = NULL;
	size_t len;
	int err = -ENOMEM;

	put_report(&w, root, report);
	if (w.failed)
		goto out;
	text = cJSON_PrintUnformatted(root);
	if (!text)
		goto out;
	/* The line feed takes the place of the NUL: one write for the line. */
	len = strlen(text);
	text[len] = '\n';
	err = vnet_render_write(out, text, len + 1);
out:
	cJSON_free(text);
	cJSON_Delete(root);
	return err;
}

const struct vnet_renderer vnet_render_json = { .name = "json", .render = render };
