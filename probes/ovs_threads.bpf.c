/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `ovs threads`: what the threads of one process spend their time on.
 * cmd/ovs_threads.c
 *
 * A thread has one state at a time, and each event closes the stretch before
 * it, so the times of all states add up. Nobody else writes its entry then: the
 * scheduler holds the lock of its queue when it switches or wakes it, and what
 * it does itself happens while it runs.
 */
#include "vnet.bpf.h"
#include "vnet/abi/ovs_threads.h"
#include "vnet/abi/stream.h"

/* Flavours: the parts of this type that no other probe looks at. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct {
	unsigned int __state;
	int pid;
	int tgid;
	char comm[16];
};

/* compat: before v5.14 (2f064a59a11f) the member is `state` */
struct task_struct___state {
	long state;
};

#pragma clang attribute pop

/* Bits of the state; the same since v4.14. */
#define TASK_SLEEPS		0x1
#define TASK_SLEEPS_DEEP	0x2
#define TASK_IS_STOPPED		0xc	/* by a signal, by ptrace */
#define TASK_IS_DEAD		0x80

const volatile struct vnet_threads_config config = {};

/* 0 -> number of the interval being counted (vnet/abi/stream.h). */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} epoch SEC(".maps");

/*
 * Thread -> what it does and did. Made by user space at the start and here for
 * new ones; user space deletes those that have ended. A hash, not LRU: nothing
 * is forgotten without a count.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct vnet_thread);
} threads SEC(".maps");

/* 0 -> zeros, for a new entry of `threads`: too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_thread);
} zeros SEC(".maps");

/* Hash of a stack -> the stack. Kept for the whole run: stacks repeat. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct vnet_stack_ips);
} stacks SEC(".maps");

/* 0 -> work space for a stack; per CPU, with interrupts off; nobody deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct vnet_stack_ips);
} scratches SEC(".maps");

/*
 * The hash of the kernel's stack, after making sure that `stacks` knows it; 0:
 * none. Not bpf_get_stackid(), whose 32 bits may show another one.
 */
static __always_inline __u64 stack_hash(void *ctx)
{
	__u64 hash = 14695981039346656037ull;
	struct vnet_stack_ips *stack;
	__u32 zero = 0;

	stack = bpf_map_lookup_elem(&scratches, &zero);
	if (!stack)
		return 0;
	__builtin_memset(stack, 0, sizeof(*stack));
	if (bpf_get_stack(ctx, stack->ip, sizeof(stack->ip), 0) <= 0) {
		loss(VNET_LOSS_stack_failed);
		return 0;
	}
#pragma unroll
	for (int i = 0; i < VNET_STACK_DEPTH; i++) {
		hash = (hash ^ stack->ip[i]) * 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 29;
	}
	if (!hash)
		hash = 1;
	if (bpf_map_lookup_elem(&stacks, &hash))
		return hash;
	if (bpf_map_update_elem(&stacks, &hash, stack, BPF_ANY)) {
		loss(VNET_LOSS_stack_failed);
		return 0;
	}
	return hash;
}

static __always_inline bool is_ours(struct task_struct *task, enum access access)
{
	return FIELD(access, task, tgid) == config.tgid;
}

/* Its entry, a new one if need be. NULL, counted as a loss: no room. */
static __always_inline struct vnet_thread *thread_of(struct task_struct *task,
						     enum access access, __u64 now)
{
	__u32 zero = 0, tid = FIELD(access, task, pid);
	struct vnet_thread *t = bpf_map_lookup_elem(&threads, &tid), *none;
	int err;

	if (t)
		return t;
	none = bpf_map_lookup_elem(&zeros, &zero);
	if (!none)
		return NULL;
	err = bpf_map_update_elem(&threads, &tid, none, BPF_NOEXIST);
	t = bpf_map_lookup_elem(&threads, &tid);
	if (!t) {
		loss_of_update(err);
		return NULL;
	}
	if (!t->tid) {
		t->since = now;
		t->tid = tid;
	}
	return t;
}

/* Notes a stretch without a CPU if it is this interval's longest. */
static __always_inline void note_stall(struct vnet_thread *t, __u64 ns, __u64 now,
				       struct task_struct *by, enum access access)
{
	__u32 zero = 0, *epoch_now = bpf_map_lookup_elem(&epoch, &zero), number;
	struct vnet_thread_stall *stall;

	if (!epoch_now)
		return;
	number = *epoch_now;
	stall = number & 1 ? &t->stalls[1] : &t->stalls[0];
	if (stall->epoch == number && stall->ns >= ns)
		return;
	stall->epoch = number;
	stall->ns = ns;
	stall->end_ns = now;
	stall->stack = t->stack;
	stall->state = t->state;
	stall->cpu = bpf_get_smp_processor_id();
	stall->by_tid = by ? FIELD(access, by, pid) : 0;
	__builtin_memset(stall->by_comm, 0, sizeof(stall->by_comm));
	if (by)
		bpf_probe_read_kernel(stall->by_comm, sizeof(stall->by_comm), by->comm);
}

static __always_inline void note_blocker(struct vnet_thread *t, __u64 ns)
{
#pragma unroll
	for (int i = 0; i < VNET_THREAD_BLOCKERS; i++) {
		struct vnet_thread_blocker *b = &t->blockers[i];

		if (b->count && b->stack != t->stack)
			continue;
		b->stack = t->stack;
		b->ns += ns;
		b->count++;
		return;
	}
	t->other_ns += ns;
	t->other_count++;
}

static __always_inline __u64 since(__u64 then, __u64 now)
{
	/* Clocks of two CPUs may differ a little. */
	return now > then ? now - then : 0;
}

/* Ends the present stretch, which was `implied` if nothing was known; its length. */
static __always_inline __u64 close(struct vnet_thread *t, __u64 now, __u32 implied)
{
	__u64 ns = since(t->since, now);

	if (t->state == VNET_THREAD_UNKNOWN)
		t->state = implied;
	if (t->state < VNET_THREAD_STATES)
		t->ns[t->state] += ns;
	t->since = now;
	return ns;
}

static __always_inline __u32 state_of(struct task_struct *task, enum access access)
{
	struct task_struct___state *old = (void *)task;
	__u32 bits;

	if (bpf_core_field_exists(old->state))
		bits = BPF_CORE_READ(old, state);
	else
		bits = FIELD(access, task, __state);
	if (bits & TASK_IS_DEAD)
		return VNET_THREAD_GONE;
	if (bits & TASK_IS_STOPPED)
		return VNET_THREAD_STOPPED;
	if (bits & TASK_SLEEPS)
		return VNET_THREAD_BLOCKED;
	if (bits & TASK_SLEEPS_DEEP)
		return VNET_THREAD_UNINTERRUPTIBLE;
	return VNET_THREAD_RUNNABLE;
}

static __always_inline void switch_out(void *ctx, struct task_struct *prev, bool preempt,
				       enum access access, __u64 now)
{
	struct vnet_thread *t = thread_of(prev, access, now);
	__u32 state = preempt ? VNET_THREAD_RUNNABLE : state_of(prev, access);
	__u64 stack;

	if (!t)
		return;
	stack = stack_hash(ctx);
	t->seq++;
	barrier();
	close(t, now, VNET_THREAD_RUNNING);
	if (t->in_syscall && t->syscall_since)
		t->syscall_ns += since(t->syscall_since, now);
	t->syscall_since = 0;
	t->switches++;
	if (state == VNET_THREAD_RUNNABLE)
		t->preempted++;
	t->state = state;
	t->stack = stack;
	barrier();
	t->seq++;
}

static __always_inline void switch_in(struct task_struct *next, struct task_struct *prev,
				      enum access access, __u64 now)
{
	struct vnet_thread *t = thread_of(next, access, now);
	__u64 ns;

	if (!t)
		return;
	t->seq++;
	barrier();
	ns = close(t, now, VNET_THREAD_RUNNABLE);
	if (t->state == VNET_THREAD_RUNNABLE)
		note_stall(t, ns, now, FIELD(access, prev, pid) ? prev : NULL, access);
	t->state = VNET_THREAD_RUNNING;
	t->syscall_since = t->in_syscall ? now : 0;
	bpf_probe_read_kernel(t->comm, sizeof(t->comm), next->comm);
	barrier();
	t->seq++;
}

/* The arguments behind these three differ between kernels; so does their number. */
static __always_inline int on_sched_switch(__u64 *ctx, enum access access)
{
	struct task_struct *prev = (void *)ctx[1], *next = (void *)ctx[2];
	bool out = is_ours(prev, access), in = is_ours(next, access);
	__u64 now;

	if (!out && !in)
		return 0;
	now = bpf_ktime_get_ns();
	if (out)
		switch_out(ctx, prev, ctx[0], access, now);
	if (in)
		switch_in(next, prev, access, now);
	return 0;
}

static __always_inline int on_wakeup(struct task_struct *task, enum access access)
{
	struct vnet_thread *t;
	__u64 now, ns;

	if (!is_ours(task, access))
		return 0;
	now = bpf_ktime_get_ns();
	t = thread_of(task, access, now);
	/* It may be woken before it sleeps: that is nothing. */
	if (!t || t->state == VNET_THREAD_RUNNING || t->state == VNET_THREAD_RUNNABLE)
		return 0;
	t->seq++;
	barrier();
	ns = close(t, now, t->guess ? t->guess : VNET_THREAD_BLOCKED);
	note_blocker(t, ns);
	if (t->state != VNET_THREAD_BLOCKED)
		note_stall(t, ns, now, NULL, access);
	t->state = VNET_THREAD_RUNNABLE;
	barrier();
	t->seq++;
	return 0;
}

static __always_inline int on_wakeup_new(struct task_struct *task, enum access access)
{
	struct vnet_thread *t;

	if (!is_ours(task, access))
		return 0;
	t = thread_of(task, access, bpf_ktime_get_ns());
	if (t && t->state == VNET_THREAD_UNKNOWN)
		t->state = VNET_THREAD_RUNNABLE;
	return 0;
}

/* The entry of the thread that runs, if it is one of ours. */
static __always_inline struct vnet_thread *this_thread(void)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 tid = id;

	if (id >> 32 != config.tgid)
		return NULL;
	return bpf_map_lookup_elem(&threads, &tid);
}

static __always_inline int on_sys_enter(void)
{
	struct vnet_thread *t = this_thread();

	if (t) {
		t->syscall_since = bpf_ktime_get_ns();
		t->in_syscall = 1;
	}
	return 0;
}

static __always_inline int on_sys_exit(void)
{
	struct vnet_thread *t = this_thread();

	if (!t)
		return 0;
	t->seq++;
	barrier();
	if (t->in_syscall && t->syscall_since)
		t->syscall_ns += since(t->syscall_since, bpf_ktime_get_ns());
	t->in_syscall = 0;
	t->syscall_since = 0;
	barrier();
	t->seq++;
	return 0;
}

/* An interrupt or softirq begins; one may interrupt the other. */
static __always_inline int on_irq_entry(void)
{
	struct vnet_thread *t = this_thread();

	if (t && !t->irq_depth++)
		t->irq_since = bpf_ktime_get_ns();
	return 0;
}

static __always_inline int on_irq_exit(void)
{
	struct vnet_thread *t = this_thread();
	__u64 ns;

	/* One that began before the run. */
	if (!t || !t->irq_depth || --t->irq_depth)
		return 0;
	ns = since(t->irq_since, bpf_ktime_get_ns());
	t->seq++;
	barrier();
	t->irq_ns += ns;
	/* A system call is charged with its own work only. */
	if (t->syscall_since)
		t->syscall_since += ns;
	barrier();
	t->seq++;
	return 0;
}

/* ---- the programs: <point>__<mechanism> ---- */

SEC("?tp_btf/sched_switch")
int sched_switch__tp_btf(__u64 *ctx)
{
	return on_sched_switch(ctx, TYPED);
}

SEC("?raw_tp/sched_switch")
int sched_switch__raw_tp(__u64 *ctx)
{
	return on_sched_switch(ctx, PROBED);
}

SEC("?tp_btf/sched_wakeup")
int sched_wakeup__tp_btf(__u64 *ctx)
{
	return on_wakeup((void *)ctx[0], TYPED);
}

SEC("?raw_tp/sched_wakeup")
int sched_wakeup__raw_tp(__u64 *ctx)
{
	return on_wakeup((void *)ctx[0], PROBED);
}

SEC("?tp_btf/sched_wakeup_new")
int sched_wakeup_new__tp_btf(__u64 *ctx)
{
	return on_wakeup_new((void *)ctx[0], TYPED);
}

SEC("?raw_tp/sched_wakeup_new")
int sched_wakeup_new__raw_tp(__u64 *ctx)
{
	return on_wakeup_new((void *)ctx[0], PROBED);
}

SEC("?tp_btf/sys_enter")
int sys_enter__tp_btf(__u64 *ctx)
{
	return on_sys_enter();
}

SEC("?raw_tp/sys_enter")
int sys_enter__raw_tp(__u64 *ctx)
{
	return on_sys_enter();
}

SEC("?tp_btf/sys_exit")
int sys_exit__tp_btf(__u64 *ctx)
{
	return on_sys_exit();
}

SEC("?raw_tp/sys_exit")
int sys_exit__raw_tp(__u64 *ctx)
{
	return on_sys_exit();
}

SEC("?tp_btf/irq_handler_entry")
int irq_handler_entry__tp_btf(__u64 *ctx)
{
	return on_irq_entry();
}

SEC("?raw_tp/irq_handler_entry")
int irq_handler_entry__raw_tp(__u64 *ctx)
{
	return on_irq_entry();
}

SEC("?tp_btf/irq_handler_exit")
int irq_handler_exit__tp_btf(__u64 *ctx)
{
	return on_irq_exit();
}

SEC("?raw_tp/irq_handler_exit")
int irq_handler_exit__raw_tp(__u64 *ctx)
{
	return on_irq_exit();
}

SEC("?tp_btf/softirq_entry")
int softirq_entry__tp_btf(__u64 *ctx)
{
	return on_irq_entry();
}

SEC("?raw_tp/softirq_entry")
int softirq_entry__raw_tp(__u64 *ctx)
{
	return on_irq_entry();
}

SEC("?tp_btf/softirq_exit")
int softirq_exit__tp_btf(__u64 *ctx)
{
	return on_irq_exit();
}

SEC("?raw_tp/softirq_exit")
int softirq_exit__raw_tp(__u64 *ctx)
{
	return on_irq_exit();
}
