/* SPDX-License-Identifier: GPL-2.0-only */
/* Guests and their queues, from /proc: see vnet/guests.h. */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "core/guests.h"
#include "vnet/cli.h"
#include "vnet/guests.h"
#include "vnet/util.h"

/* A kernel thread "vhost-PID": before v6.4 workers are not threads of QEMU. */
struct kthread {
	uint32_t tid, owner;
};

struct scan {
	const char *proc, *sys;
	struct vnet_guests *out;
	struct kthread *kthreads;
	size_t nr_kthreads;
};

/* A descriptor of a process. */
struct descriptor {
	uint32_t fd;
	char target[256];	/* what the link says */
};

/* ---- small files and folders ---- */

char *vnet_proc_read(size_t *size, const char *format, ...)
{
	char path[256], *data;
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return vnet_read_file(path, &data, size) ? NULL : data;
}

static bool is_number(const char *text, uint32_t *value)
{
	const char *why;

	return !vnet_parse_u32(text, 0, UINT32_MAX, value, &why);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* The numbers that are names in a folder, sorted; free(). NULL: not to be read. */
static uint32_t *numbers_in(const char *path, size_t *nr)
{
	DIR *dir = opendir(path);
	uint32_t *all = NULL, number;
	struct dirent *entry;
	size_t max = 0;

	*nr = 0;
	if (!dir)
		return NULL;
	while ((entry = readdir(dir))) {
		if (!is_number(entry->d_name, &number))
			continue;
		if (*nr == max) {
			max = max ? 2 * max : 64;
			all = vnet_realloc(all, max * sizeof(*all));
		}
		all[(*nr)++] = number;
	}
	closedir(dir);
	if (!all)
		return vnet_alloc(sizeof(*all));
	qsort(all, *nr, sizeof(*all), by_number);
	return all;
}

/* ---- threads ---- */

/* Field `nr` (3: the state, first behind the name) of a stat file; -1: none. */
static int64_t stat_field(char *stat, int nr)
{
	char *at = strrchr(stat, ')'), *word, *rest = NULL;
	uint32_t value;

	if (!at)
		return -1;
	for (word = strtok_r(at + 1, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest))
		if (nr-- == 3)
			return is_number(word, &value) ? (int64_t)value : -1;
	return -1;
}

static int32_t numa_of(const char *sys, int32_t cpu)
{
	char *path = vnet_printf("%s/devices/system/cpu/cpu%d", sys, cpu);
	DIR *dir = opendir(path);
	struct dirent *entry;
	uint32_t node;
	int32_t found = -1;

	free(path);
	if (!dir)
		return -1;
	while (found < 0 && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, "node", 4) && is_number(entry->d_name + 4, &node))
			found = node;
	closedir(dir);
	return found;
}

static void add_thread(struct scan *s, struct vnet_thread **threads, size_t *nr,
		       uint32_t pid, uint32_t tid, int32_t number)
{
	char *stat = vnet_proc_read(NULL, "%s/%u/task/%u/stat", s->proc, pid, tid);
	struct vnet_thread thread = { .tid = tid, .number = number, .cpu = -1, .numa = -1 };

	if (stat)
		thread.cpu = stat_field(stat, 39);
	if (thread.cpu >= 0)
		thread.numa = numa_of(s->sys, thread.cpu);
	free(stat);
	*threads = vnet_realloc(*threads, (*nr + 1) * sizeof(thread));
	(*threads)[(*nr)++] = thread;
}

/* "CPU 3/KVM": what QEMU calls its threads if told so (libvirt does). */
static bool vcpu_by_name(const char *comm, uint32_t *number)
{
	char digits[12];
	size_t len;

	if (strncmp(comm, "CPU ", 4))
		return false;
	len = strcspn(comm + 4, "/");
	if (strncmp(comm + 4 + len, "/KVM", 4) || len >= sizeof(digits))
		return false;
	memcpy(digits, comm + 4, len);
	digits[len] = '\0';
	return is_number(digits, number);
}

static void look_at_threads(struct scan *s, struct vnet_guest *guest)
{
	char *path = vnet_printf("%s/%u/task", s->proc, guest->pid), worker[24];
	uint32_t *tids, number;
	size_t nr;

	tids = numbers_in(path, &nr);
	free(path);
	snprintf(worker, sizeof(worker), "vhost-%u", guest->pid);
	for (size_t i = 0; tids && i < nr; i++) {
		char *comm = vnet_proc_read(NULL, "%s/%u/task/%u/comm", s->proc, guest->pid,
					    tids[i]);

		if (!comm)
			continue;
		comm[strcspn(comm, "\n")] = '\0';
		if (!strcmp(comm, worker))
			add_thread(s, &guest->workers, &guest->nr_workers, guest->pid, tids[i],
				   -1);
		else if (guest->is_vm && vcpu_by_name(comm, &number))
			add_thread(s, &guest->vcpus, &guest->nr_vcpus, guest->pid, tids[i],
				   number);
		free(comm);
	}
	free(tids);
}

/* compat: before v6.4 (6e890c5d5021): workers are threads of the kernel. */
static void look_at_kthreads(struct scan *s, struct vnet_guest *guest)
{
	for (size_t i = 0; i < s->nr_kthreads; i++)
		if (s->kthreads[i].owner == guest->pid)
			add_thread(s, &guest->workers, &guest->nr_workers, s->kthreads[i].tid,
				   s->kthreads[i].tid, -1);
}

/* ---- descriptors ---- */

/* The device that a descriptor of /dev/net/tun is attached to. */
static bool tap_name(struct scan *s, uint32_t pid, uint32_t fd, char name[16])
{
	char *info = vnet_proc_read(NULL, "%s/%u/fdinfo/%u", s->proc, pid, fd);
	char *at = info ? strstr(info, "iff:\t") : NULL;

	name[0] = '\0';
	if (at) {
		at += 5;
		at[strcspn(at, "\n")] = '\0';
		vnet_copy(name, 16, at);
	}
	free(info);
	return name[0];
}

static void add_queue(struct vnet_guest *guest, const char *device)
{
	struct vnet_queue *queue;

	guest->queues = vnet_realloc(guest->queues,
				     (guest->nr_queues + 1) * sizeof(*guest->queues));
	queue = &guest->queues[guest->nr_queues];
	*queue = (struct vnet_queue){ .rank = guest->nr_tun };
	vnet_copy(queue->device, sizeof(queue->device), device);
	for (size_t i = 0; i < guest->nr_queues; i++)
		queue->queue += !strcmp(guest->queues[i].device, device);
	guest->nr_queues++;
}

void vnet_guest_bypass(struct vnet_guest *guest, const char *kind, const char *what, size_t len)
{
	struct vnet_bypass *bypass;

	guest->bypasses = vnet_realloc(guest->bypasses, (guest->nr_bypasses + 1) *
				       sizeof(*guest->bypasses));
	bypass = &guest->bypasses[guest->nr_bypasses++];
	bypass->kind = kind;
	bypass->what = vnet_printf("%.*s", (int)len, what);
}

static void look_at_descriptor(struct scan *s, struct vnet_guest *guest,
			       const struct descriptor *d)
{
	char device[16];

	if (!strcmp(d->target, "/dev/net/tun")) {
		if (tap_name(s, guest->pid, d->fd, device))
			add_queue(guest, device);
		guest->nr_tun++;
	} else if (!strcmp(d->target, "/dev/vhost-net")) {
		guest->vhost = vnet_realloc(guest->vhost, (guest->nr_vhost + 1) *
					    sizeof(*guest->vhost));
		guest->vhost[guest->nr_vhost++] = d->fd;
	} else if (!strcmp(d->target, "anon_inode:kvm-vm")) {
		guest->is_vm = true;
	} else if (!strncmp(d->target, "anon_inode:kvm-vcpu", 19)) {
		guest->vcpus_total++;
	} else if (!strncmp(d->target, "/dev/vhost-vdpa", 15)) {
		vnet_guest_bypass(guest, "vdpa", d->target, strlen(d->target));
	}
}

/* False: the process has gone, or shows nothing to us. */
static bool look_at_descriptors(struct scan *s, struct vnet_guest *guest)
{
	char *path = vnet_printf("%s/%u/fd", s->proc, guest->pid);
	uint32_t *fds;
	size_t nr;

	fds = numbers_in(path, &nr);
	if (!fds && errno == EACCES)
		s->out->nr_hidden++;
	for (size_t i = 0; fds && i < nr; i++) {
		struct descriptor d = { .fd = fds[i] };
		char *link = vnet_printf("%s/%u", path, fds[i]);
		ssize_t len = readlink(link, d.target, sizeof(d.target) - 1);

		free(link);
		if (len < 0)
			continue;
		d.target[len] = '\0';
		look_at_descriptor(s, guest, &d);
	}
	free(path);
	free(fds);
	return fds;
}

/* ---- processes ---- */

static void guest_clear(struct vnet_guest *guest)
{
	for (size_t i = 0; i < guest->nr_bypasses; i++)
		free(guest->bypasses[i].what);
	free(guest->bypasses);
	free(guest->name);
	free(guest->queues);
	free(guest->vhost);
	free(guest->workers);
	free(guest->vcpus);
}

static void note_kthread(struct scan *s, uint32_t tid, const char *comm)
{
	uint32_t owner;

	if (strncmp(comm, "vhost-", 6) || !is_number(comm + 6, &owner))
		return;
	s->kthreads = vnet_realloc(s->kthreads, (s->nr_kthreads + 1) * sizeof(*s->kthreads));
	s->kthreads[s->nr_kthreads++] = (struct kthread){ tid, owner };
}

static void look_at_process(struct scan *s, uint32_t pid)
{
	struct vnet_guest guest = { .pid = pid };
	char *comm = vnet_proc_read(NULL, "%s/%u/comm", s->proc, pid), *args;
	size_t size = 0;

	if (!comm)
		return;
	comm[strcspn(comm, "\n")] = '\0';
	note_kthread(s, pid, comm);
	vnet_copy(guest.process, sizeof(guest.process), comm);
	guest.is_vm = !strncmp(comm, "qemu-", 5) || !strcmp(comm, "kvm");
	free(comm);
	if (!look_at_descriptors(s, &guest))
		return;
	args = guest.is_vm ? vnet_proc_read(&size, "%s/%u/cmdline", s->proc, pid) : NULL;
	if (args) {
		guest.name = vnet_guest_name(args, size);
		vnet_guest_args(&guest, s->sys, args, size);
		free(args);
	}
	if (!guest.is_vm && !guest.nr_queues) {
		guest_clear(&guest);
		return;
	}
	look_at_threads(s, &guest);
	s->out->guests = vnet_realloc(s->out->guests,
				      (s->out->nr + 1) * sizeof(*s->out->guests));
	s->out->guests[s->out->nr++] = guest;
}

static int by_vcpu(const void *a, const void *b)
{
	const struct vnet_thread *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

int vnet_guests_find(const char *proc, const char *sys, struct vnet_guests *guests)
{
	struct scan s = { .proc = proc, .sys = sys, .out = guests };
	uint32_t *pids;
	size_t nr;

	*guests = (struct vnet_guests){};
	pids = numbers_in(proc, &nr);
	if (!pids)
		return -errno;
	for (size_t i = 0; i < nr; i++)
		look_at_process(&s, pids[i]);
	for (size_t i = 0; i < guests->nr; i++) {
		struct vnet_guest *guest = &guests->guests[i];

		if (!guest->nr_workers)
			look_at_kthreads(&s, guest);
		if (guest->nr_vcpus)
			qsort(guest->vcpus, guest->nr_vcpus, sizeof(*guest->vcpus), by_vcpu);
	}
	free(s.kthreads);
	free(pids);
	return 0;
}

void vnet_guests_free(struct vnet_guests *guests)
{
	for (size_t i = 0; i < guests->nr; i++)
		guest_clear(&guests->guests[i]);
	free(guests->guests);
	*guests = (struct vnet_guests){};
}

const struct vnet_thread *vnet_guest_worker(const struct vnet_guest *guest,
					    const struct vnet_queue *queue)
{
	if (guest->nr_vhost != guest->nr_tun || guest->nr_workers != guest->nr_tun)
		return NULL;
	return &guest->workers[queue->rank];
}
