/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Plans (core/plan.c) for the recorded kernels, and the invariants of the
 * tables that they stand on.
 */
#include <ctype.h>

#include "vnet/plan.h"

#include "kernels.h"

#define TP	VNET_M_TP_BTF
#define RAW	VNET_M_RAW_TP
#define FE	VNET_M_FENTRY
#define KP	VNET_M_KPROBE
#define FX	VNET_M_FEXIT
#define KR	VNET_M_KRETPROBE
#define NO	VNET_M_NONE

/* What each point comes to on each kernel with OVS loaded: 5.10, 6.1, 6.12, 7. */
static const enum vnet_mechanism expected[VNET_NR_POINTS][NR_KERNELS] = {
	[VNET_P_kfree_skb] =		{ TP, TP, TP, TP },
	[VNET_P_consume_skb] =		{ TP, TP, TP, TP },
	[VNET_P_netif_receive_skb] =	{ TP, TP, TP, TP },
	[VNET_P_netif_rx] =		{ TP, TP, TP, TP },
	[VNET_P_net_dev_queue] =	{ TP, TP, TP, TP },
	[VNET_P_net_dev_start_xmit] =	{ TP, TP, TP, TP },
	[VNET_P_qdisc_drop] =		{ NO, NO, NO, TP },
	[VNET_P_qdisc_dequeue] =	{ TP, TP, TP, TP },
	[VNET_P_skb_gso_segment] =	{ FE, FE, FE, FE },
	[VNET_P_ip_local_out] =		{ FE, FE, FE, FE },
	/* seven arguments */
	[VNET_P_ip6_xmit] =		{ KP, KP, FE, FE },
	[VNET_P_ip6_send_skb] =		{ FE, FE, FE, FE },
	/* no BTF of modules on 5.10 */
	[VNET_P_internal_dev_xmit] =	{ KP, FE, FE, FE },
	[VNET_P_ovs_vport_receive] =	{ KP, FE, FE, FE },
	[VNET_P_ovs_dp_upcall] =	{ KP, FE, FE, FE },
	[VNET_P_ovs_vport_send] =	{ KP, FE, FE, FE },
	[VNET_P_ip_rcv] =		{ FE, FE, FE, FE },
	[VNET_P_ipv6_rcv] =		{ FE, FE, FE, FE },
	[VNET_P_icmp_rcv] =		{ FE, FE, FE, FE },
	[VNET_P_icmpv6_rcv] =		{ FE, FE, FE, FE },
	[VNET_P_ip_deliver] =		{ FE, FE, FE, FE },
	[VNET_P_ip6_deliver] =		{ FE, FE, FE, FE },
	[VNET_P_ovs_return] =		{ KP, FE, FE, FE },
	[VNET_P_skb_copy_datagram_iovec] = { TP, TP, TP, TP },
	[VNET_P_ovs_ct_execute] =	{ KP, FE, FE, FE },
	[VNET_P_ovs_dp_process_packet] = { KP, FE, FE, FE },
	[VNET_P_ovs_dp_upcall_ret] =	{ KR, FX, FX, FX },
	[VNET_P_netlink_unicast] =	{ FE, FE, FE, FE },
	[VNET_P_genl_notify] =		{ FE, FE, FE, FE },
	[VNET_P_ovs_flow_cmd_new] =	{ KP, FE, FE, FE },
	[VNET_P_ovs_flow_cmd_new_ret] =	{ KR, FX, FX, FX },
	[VNET_P_ovs_flow_cmd_set] =	{ KP, FE, FE, FE },
	[VNET_P_ovs_flow_cmd_set_ret] =	{ KR, FX, FX, FX },
	[VNET_P_ovs_flow_cmd_del] =	{ KP, FE, FE, FE },
	[VNET_P_ovs_flow_cmd_del_ret] =	{ KR, FX, FX, FX },
	[VNET_P_ovs_queue] =		{ KP, FE, FE, FE },
	[VNET_P_netlink_unicast_ret] =	{ FX, FX, FX, FX },
	[VNET_P_netlink_taken] =	{ FE, FE, FE, FE },
	[VNET_P_ovs_execute] =		{ KP, FE, FE, FE },
	[VNET_P_ovs_execute_ret] =	{ KR, FX, FX, FX },
	[VNET_P_do_execute_actions] =	{ KP, FE, FE, FE },
	[VNET_P_ovs_meter_execute] =	{ KP, FE, FE, FE },
	[VNET_P_ovs_meter_execute_ret] = { KR, FX, FX, FX },
	[VNET_P_sched_switch] =		{ TP, TP, TP, TP },
	[VNET_P_sched_wakeup] =		{ TP, TP, TP, TP },
	[VNET_P_sched_wakeup_new] =	{ TP, TP, TP, TP },
	[VNET_P_sys_enter] =		{ TP, TP, TP, TP },
	[VNET_P_sys_exit] =		{ TP, TP, TP, TP },
	[VNET_P_irq_handler_entry] =	{ TP, TP, TP, TP },
	[VNET_P_irq_handler_exit] =	{ TP, TP, TP, TP },
	[VNET_P_softirq_entry] =	{ TP, TP, TP, TP },
	[VNET_P_softirq_exit] =		{ TP, TP, TP, TP },
	[VNET_P_tun_net_xmit] =		{ KP, FE, FE, FE },
	[VNET_P_handle_rx] =		{ KP, FE, FE, FE },
	[VNET_P_handle_tx] =		{ KP, FE, FE, FE },
	[VNET_P_vhost_used] =		{ KP, FE, FE, FE },
	[VNET_P_vhost_peek_ret] =	{ KR, FX, FX, FX },
	[VNET_P_eventfd_signal] =	{ FE, FE, NO, NO },
	[VNET_P_eventfd_signal_mask] =	{ FE, FE, FE, FE },
};

static struct vnet_choice choose(const struct vnet_kernel *kernel, enum vnet_point_id id)
{
	static struct vnet_want want;
	struct vnet_choice choice;

	want.point = id;
	vnet_plan_choose(kernel, &want, &choice);
	return choice;
}

static bool mentions(const struct vnet_choice *choice, const char *words)
{
	if (strstr(choice->reason, words))
		return true;
	printf("# the reason is '%s'\n", choice->reason);
	return false;
}

TEST(recorded_kernels)
{
	for (int i = 0; i < NR_KERNELS; i++) {
		struct vnet_kernel *kernel = kernel_open(i);

		for (int id = 0; id < VNET_NR_POINTS; id++) {
			struct vnet_choice choice = choose(kernel, id);

			if (choice.mechanism != expected[id][i])
				printf("# %s on %s: %s (%s)\n", vnet_points[id].id,
				       kernel_labels[i],
				       vnet_mechanism_names[choice.mechanism],
				       choice.reason);
			CHECK_EQ(choice.mechanism, expected[id][i]);
			CHECK_STR(choice.target, vnet_points[id].target);
		}
		vnet_kernel_free(kernel);
	}
}

/* The tracepoint tells by its arguments whether there are reasons (facts of drop). */
TEST(arguments_of_kfree_skb)
{
	static const uint32_t args[NR_KERNELS] = { 2, 3, 4, 4 };

	for (int i = 0; i < NR_KERNELS; i++) {
		struct vnet_kernel *kernel = kernel_open(i);

		CHECK_EQ(kernel->points[VNET_P_kfree_skb].nr_args, args[i]);
		vnet_kernel_free(kernel);
	}
}

TEST(a_module_that_is_not_loaded)
{
	for (int i = 0; i < NR_KERNELS; i++) {
		struct vnet_kernel *kernel = kernel_open(i);
		struct vnet_candidate candidates[VNET_NR_MECHANISMS];
		struct vnet_choice choice;

		kernel->loaded[VNET_P_ovs_vport_receive] = false;
		choice = choose(kernel, VNET_P_ovs_vport_receive);
		CHECK_EQ(choice.mechanism, NO);
		CHECK_STR(choice.reason, "module 'openvswitch' is not loaded");
		CHECK_EQ(vnet_plan_candidates(kernel, VNET_P_ovs_vport_receive, candidates), 2);
		CHECK(!candidates[0].usable && !candidates[1].usable);
		vnet_kernel_free(kernel);
	}
}

TEST(without_typed_tracepoints)
{
	struct vnet_kernel *kernel = kernel_open(K6_1);
	struct vnet_point_facts *f = &kernel->points[VNET_P_kfree_skb];
	struct vnet_choice choice;

	kernel->features[VNET_HAS_FEATURE_tp_btf] = false;
	choice = choose(kernel, VNET_P_kfree_skb);
	CHECK_EQ(choice.mechanism, RAW);
	CHECK(mentions(&choice, "tp_btf: no typed tracepoints on this kernel; raw_tp: "));
	/* Without BTF tracefs has to say that the tracepoint exists. */
	f->btf = false;
	CHECK_EQ(choose(kernel, VNET_P_kfree_skb).mechanism, RAW);
	f->exists = VNET_UNKNOWN;
	choice = choose(kernel, VNET_P_kfree_skb);
	CHECK_EQ(choice.mechanism, NO);
	CHECK(mentions(&choice, "tracefs cannot be read"));
	f->exists = VNET_NO;
	choice = choose(kernel, VNET_P_kfree_skb);
	CHECK_EQ(choice.mechanism, NO);
	CHECK(mentions(&choice, "the kernel has no such tracepoint"));
	vnet_kernel_free(kernel);
}

TEST(without_fentry)
{
	struct vnet_kernel *kernel = kernel_open(K6_12);
	struct vnet_choice choice;

	kernel->features[VNET_HAS_FEATURE_fentry] = false;
	choice = choose(kernel, VNET_P_ip_rcv);
	CHECK_EQ(choice.mechanism, KP);
	CHECK(mentions(&choice, "fentry: no fentry on this kernel; kprobe: "));
	kernel->features[VNET_HAS_FEATURE_kprobe] = false;
	choice = choose(kernel, VNET_P_ip_rcv);
	CHECK_EQ(choice.mechanism, NO);
	CHECK(mentions(&choice, "kprobe: no kprobes on this kernel, or they are switched off"));
	/* Tracepoints have nothing to do with either. */
	CHECK_EQ(choose(kernel, VNET_P_kfree_skb).mechanism, TP);
	vnet_kernel_free(kernel);
}

/* Such probes are attached and stay silent, which is worse than none. */
TEST(functions_switched_off)
{
	for (int i = 0; i < NR_KERNELS; i++) {
		struct vnet_kernel *kernel = kernel_open(i);
		struct vnet_choice choice;

		kernel->features[VNET_HAS_FEATURE_ftrace] = false;
		choice = choose(kernel, VNET_P_ip_rcv);
		CHECK_EQ(choice.mechanism, NO);
		CHECK(mentions(&choice, "kernel.ftrace_enabled is 0"));
		CHECK_EQ(choose(kernel, VNET_P_kfree_skb).mechanism, TP);
		vnet_kernel_free(kernel);
	}
}

TEST(many_arguments)
{
	struct vnet_kernel *kernel = kernel_open(K6_12);
	struct vnet_choice choice;

	CHECK_EQ(kernel->points[VNET_P_ip6_xmit].nr_args, 7);
	kernel->features[VNET_HAS_FEATURE_fentry_args] = false;
	choice = choose(kernel, VNET_P_ip6_xmit);
	CHECK_EQ(choice.mechanism, KP);
	CHECK(mentions(&choice, "more than six arguments"));
	kernel->points[VNET_P_ip_rcv].nr_args = 6;
	CHECK_EQ(choose(kernel, VNET_P_ip_rcv).mechanism, FE);
	vnet_kernel_free(kernel);
}

/* The compiler left only a clone: BTF names the function all the same. */
TEST(a_clone_is_all_that_is_left)
{
	struct vnet_kernel *kernel = kernel_open(K7);
	struct vnet_point_facts *f = &kernel->points[VNET_P_icmp_rcv];
	struct vnet_choice choice;

	f->exists = VNET_NO;
	vnet_copy(f->clone, sizeof(f->clone), "icmp_rcv.constprop.0");
	choice = choose(kernel, VNET_P_icmp_rcv);
	CHECK_EQ(choice.mechanism, KP);
	CHECK_STR(choice.target, "icmp_rcv.constprop.0");
	CHECK(mentions(&choice, "fentry: the function is no symbol here"));
	f->clone[0] = 0;
	choice = choose(kernel, VNET_P_icmp_rcv);
	CHECK_EQ(choice.mechanism, NO);
	CHECK_STR(choice.target, "icmp_rcv");
	/* A clone beside the function itself is not looked at. */
	f->exists = VNET_YES;
	vnet_copy(f->clone, sizeof(f->clone), "icmp_rcv.part.0");
	choice = choose(kernel, VNET_P_icmp_rcv);
	CHECK_EQ(choice.mechanism, FE);
	CHECK_STR(choice.target, "icmp_rcv");
	kernel->features[VNET_HAS_FEATURE_fentry] = false;
	CHECK_STR(choose(kernel, VNET_P_icmp_rcv).target, "icmp_rcv");
	vnet_kernel_free(kernel);
}

TEST(what_cannot_be_traced_is_left_alone)
{
	struct vnet_kernel *kernel = kernel_open(K6_1);
	struct vnet_choice choice;

	kernel->points[VNET_P_ip_rcv].traceable = VNET_NO;
	choice = choose(kernel, VNET_P_ip_rcv);
	CHECK_EQ(choice.mechanism, NO);
	CHECK(mentions(&choice, "fentry: the function is not traceable; "
				"kprobe: the function is not traceable"));
	/* What could not be looked up is tried. */
	kernel->points[VNET_P_ip_rcv].traceable = VNET_UNKNOWN;
	kernel->points[VNET_P_ip_rcv].exists = VNET_UNKNOWN;
	CHECK_EQ(choose(kernel, VNET_P_ip_rcv).mechanism, FE);
	kernel->points[VNET_P_ip_rcv].btf = false;
	CHECK_EQ(choose(kernel, VNET_P_ip_rcv).mechanism, KP);
	vnet_kernel_free(kernel);
}

/* A plan is made before privileges are needed, and is the same without. */
TEST(privileges_do_not_matter)
{
	for (int i = 0; i < NR_KERNELS; i++) {
		struct vnet_kernel *kernel = kernel_open(i);

		kernel->features[VNET_HAS_FEATURE_cap_bpf] = false;
		kernel->features[VNET_HAS_FEATURE_kallsyms] = false;
		for (int id = 0; id < VNET_NR_POINTS; id++)
			CHECK_EQ(choose(kernel, id).mechanism, expected[id][i]);
		vnet_kernel_free(kernel);
	}
}

/* Wanted for its structures alone: in the plan, and nothing is attached. */
TEST(types_alone)
{
	struct vnet_kernel *kernel = kernel_open(K5_10);
	struct vnet_want wants[] = {
		{ VNET_P_tun_net_xmit, .typed = true, .types = true }, { VNET_P_kfree_skb },
	};
	struct vnet_probe_info *probes;
	struct vnet_plan plan;
	size_t nr;

	vnet_plan_make(kernel, wants, VNET_ARRAY_SIZE(wants), &plan);
	CHECK(plan.possible && plan.nr == 2);
	CHECK_EQ(plan.choices[0].mechanism, VNET_M_TYPES);
	CHECK(!vnet_choice_attaches(&plan.choices[0]) && vnet_choice_attaches(&plan.choices[1]));
	probes = vnet_plan_probes(&plan, &nr);
	CHECK_EQ(nr, 1);
	CHECK_STR(probes[0].point, "kfree_skb");
	free(probes);
	kernel->loaded[VNET_P_tun_net_xmit] = false;
	vnet_plan_make(kernel, wants, VNET_ARRAY_SIZE(wants), &plan);
	CHECK(!plan.possible);
	vnet_kernel_free(kernel);
}

/* Who reads a module's structures needs to know them; who does not, does not. */
TEST(structures_that_are_not_known)
{
	struct vnet_kernel *kernel = kernel_open(K5_10);
	struct vnet_want want = { VNET_P_tun_net_xmit, .typed = true };
	struct vnet_choice choice;

	CHECK(!vnet_kernel_untyped(kernel, VNET_P_tun_net_xmit));
	kernel->untyped[kernel->nr_untyped].module = "tun";
	kernel->untyped[kernel->nr_untyped++].why = vnet_strdup("module 'tun' has no BTF");
	vnet_plan_choose(kernel, &want, &choice);
	CHECK_EQ(choice.mechanism, NO);
	CHECK_STR(choice.reason, "module 'tun' has no BTF");
	CHECK_STR(choice.target, "tun_net_xmit");
	want.types = true;
	vnet_plan_choose(kernel, &want, &choice);
	CHECK_EQ(choice.mechanism, NO);
	want.typed = want.types = false;
	vnet_plan_choose(kernel, &want, &choice);
	CHECK_EQ(choice.mechanism, KP);
	CHECK(!vnet_kernel_untyped(kernel, VNET_P_ovs_vport_send));
	vnet_kernel_free(kernel);
}

TEST(required_and_optional)
{
	static const struct vnet_want wants[] = {
		{ VNET_P_kfree_skb },
		{ VNET_P_qdisc_drop, true, "reasons are less exact" },
		{ VNET_P_ovs_vport_send, true, "no stage 'output'" },
	};
	static const struct vnet_want required[] = { { VNET_P_qdisc_drop } };
	struct vnet_kernel *kernel = kernel_open(K6_1), *newest = kernel_open(K7);
	struct vnet_plan plan;

	vnet_plan_make(newest, wants, 3, &plan);
	CHECK_EQ(plan.nr, 3);
	CHECK(plan.possible && !plan.degraded);
	vnet_plan_make(kernel, wants, 3, &plan);
	CHECK(plan.possible && plan.degraded);
	CHECK_EQ(plan.choices[0].mechanism, TP);
	CHECK_EQ(plan.choices[1].mechanism, NO);
	CHECK_EQ(plan.choices[2].mechanism, FE);
	CHECK(plan.choices[1].want == &wants[1]);
	vnet_plan_make(kernel, required, 1, &plan);
	CHECK(!plan.possible && !plan.degraded);
	vnet_plan_make(kernel, NULL, 0, &plan);
	CHECK(plan.possible && !plan.degraded && !plan.nr);
	vnet_kernel_free(kernel);
	vnet_kernel_free(newest);
}

/* The meta's list has what is attached, and nothing else. */
TEST(probes_of_a_plan)
{
	static const struct vnet_want wants[] = {
		{ VNET_P_qdisc_drop, true, "" }, { VNET_P_internal_dev_xmit },
	};
	struct vnet_kernel *kernel = kernel_open(K5_10);
	struct vnet_probe_info *probes;
	struct vnet_plan plan;
	size_t nr;

	vnet_plan_make(kernel, wants, 2, &plan);
	probes = vnet_plan_probes(&plan, &nr);
	CHECK_EQ(nr, 1);
	CHECK_STR(probes[0].point, "internal_dev_xmit");
	CHECK_STR(probes[0].mechanism, "kprobe");
	CHECK_STR(probes[0].target, "internal_dev_xmit");
	free(probes);
	vnet_kernel_free(kernel);
}

/* The first usable candidate is what is chosen, on every kernel. */
TEST(candidates_agree_with_the_choice)
{
	for (int i = 0; i < NR_KERNELS; i++) {
		struct vnet_kernel *kernel = kernel_open(i);

		for (int id = 0; id < VNET_NR_POINTS; id++) {
			struct vnet_candidate candidates[VNET_NR_MECHANISMS];
			size_t nr = vnet_plan_candidates(kernel, id, candidates), first = 0;

			CHECK_EQ(nr, 2);
			while (first < nr && !candidates[first].usable)
				CHECK(candidates[first++].why[0]);
			CHECK_EQ(first < nr ? candidates[first].mechanism : NO,
				 choose(kernel, id).mechanism);
		}
		vnet_kernel_free(kernel);
	}
}

/* A want that is meant for some kernels only stands in no other plan. */
TEST(wants_for_some_kernels)
{
	static const struct vnet_want wants[] = {
		{ VNET_P_kfree_skb },
		{ VNET_P_ovs_meter_execute_ret, .not_if = VNET_IF(ovs_reasons) },
		{ VNET_P_ovs_vport_send, .only_if = VNET_IF(module_btf) },
	};
	static const size_t nr[NR_KERNELS] = { 2, 3, 2, 2 };

	for (int i = 0; i < NR_KERNELS; i++) {
		struct vnet_kernel *kernel = kernel_open(i);
		struct vnet_plan plan;

		vnet_plan_make(kernel, wants, 3, &plan);
		CHECK(plan.possible && !plan.degraded);
		CHECK_EQ(plan.nr, nr[i]);
		CHECK_EQ(plan.choices[0].want->point, VNET_P_kfree_skb);
		CHECK_EQ(plan.choices[1].want->point, i == K5_10 || i == K6_1 ?
			 VNET_P_ovs_meter_execute_ret : VNET_P_ovs_vport_send);
		vnet_kernel_free(kernel);
	}
}

/* ---- tables ---- */

static bool is_identifier(const char *text)
{
	if (!islower((unsigned char)*text) && *text != '_')
		return false;
	for (; *text; text++)
		if (!islower((unsigned char)*text) && !isdigit((unsigned char)*text) &&
		    *text != '_')
			return false;
	return true;
}

/* Words that stand in a sentence of their own: no capital, no period at the end. */
static bool are_words(const char *text)
{
	return text && strlen(text) > 8 && text[strlen(text) - 1] != '.';
}

static bool is_target(const struct vnet_point *p)
{
	const char *colon = strchr(p->target, ':');
	char group[32];

	if (p->kind != VNET_POINT_TP)
		return is_identifier(p->target);
	if (!colon || (size_t)(colon - p->target) >= sizeof(group))
		return false;
	memcpy(group, p->target, colon - p->target);
	group[colon - p->target] = 0;
	return is_identifier(group) && is_identifier(colon + 1);
}

TEST(points_are_well_formed)
{
	for (int id = 0; id < VNET_NR_POINTS; id++) {
		const struct vnet_point *p = &vnet_points[id];

		CHECK(is_identifier(p->id));
		CHECK(is_target(p));
		CHECK(!p->module[0] || is_identifier(p->module));
		CHECK(are_words(p->words));
		/* The kernel keeps 15 characters of a program's name, libbpf all. */
		CHECK(strlen(p->id) + strlen("__tp_btf") < 64);
		for (int other = 0; other < id; other++) {
			CHECK(strcmp(p->id, vnet_points[other].id));
			/* A function may have a point at its entry and one at its return. */
			CHECK(p->kind != vnet_points[other].kind ||
			      strcmp(p->target, vnet_points[other].target));
		}
	}
}

TEST(features_are_well_formed)
{
	for (int f = 0; f < VNET_NR_FEATURES; f++) {
		CHECK(is_identifier(vnet_feature_names[f]));
		CHECK(are_words(vnet_feature_words[f]));
		for (int other = 0; other < f; other++)
			CHECK(strcmp(vnet_feature_names[f], vnet_feature_names[other]));
	}
}

TEST(mechanisms_have_names)
{
	for (int m = 0; m < VNET_NR_MECHANISMS; m++)
		CHECK(is_identifier(vnet_mechanism_names[m]));
}

TEST(losses_have_names)
{
	for (int i = 0; i < VNET_NR_LOSSES; i++) {
		CHECK(is_identifier(vnet_loss_names[i]));
		CHECK(are_words(vnet_loss_words[i]));
		for (int other = 0; other < i; other++)
			CHECK(strcmp(vnet_loss_names[i], vnet_loss_names[other]));
	}
}

TEST_MAIN(T(recorded_kernels), T(arguments_of_kfree_skb), T(a_module_that_is_not_loaded),
	  T(without_typed_tracepoints), T(without_fentry), T(wants_for_some_kernels),
	  T(functions_switched_off), T(many_arguments),
	  T(a_clone_is_all_that_is_left), T(what_cannot_be_traced_is_left_alone),
	  T(privileges_do_not_matter), T(types_alone), T(structures_that_are_not_known),
	  T(required_and_optional), T(probes_of_a_plan),
	  T(candidates_agree_with_the_choice), T(points_are_well_formed),
	  T(features_are_well_formed), T(mechanisms_have_names), T(losses_have_names))
