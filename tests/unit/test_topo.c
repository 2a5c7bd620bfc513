/* SPDX-License-Identifier: GPL-2.0-only */
/* Guests in a /proc of our own, wiring in a /sys of our own, OVSDB's answers. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vnet/guests.h"
#include "vnet/ovsdb.h"
#include "vnet/util.h"
#include "vnet/wiring.h"

#include "test.h"

static char root[] = "/tmp/vnet-topo-XXXXXX";

/* Makes the folders above a path of our own. */
static char *own_path(const char *name)
{
	char *path = vnet_printf("%s/%s", root, name);

	for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		mkdir(path, 0700);
		*at = '/';
	}
	return path;
}

static void put_bytes(const char *name, const char *text, size_t size)
{
	char *path = own_path(name);
	FILE *file = fopen(path, "w");

	CHECK(file && fwrite(text, 1, size, file) == size);
	if (file)
		fclose(file);
	free(path);
}

static void put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static void put_link(const char *name, const char *target)
{
	char *path = own_path(name);

	CHECK_EQ(symlink(target, path), 0);
	free(path);
}

static void put_task(const char *pid, const char *tid, const char *comm, const char *cpu)
{
	char *dir = vnet_printf("proc/%s/task/%s/comm", pid, tid), *stat, *text;

	put(dir, comm);
	stat = vnet_printf("proc/%s/task/%s/stat", pid, tid);
	/* Fields 3 to 38, then the processor: a name may have any bytes in it. */
	text = vnet_printf("%s (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 "
			   "23 24 25 26 27 28 29 30 31 32 33 34 35 %s 0 0\n", tid, cpu);
	put(stat, text);
	free(dir);
	free(stat);
	free(text);
}

static const char qemu_args[] =
	"/usr/bin/qemu-system-x86_64\0-name\0guest=web,,1,debug-threads=on\0"
	"-netdev\0{\"type\":\"vhost-user\",\"chardev\":\"net9\",\"id\":\"n\"}\0"
	"-device\0vfio-pci,host=0000:3b:02.1,id=x\0-device\0vfio-pci,host=0000:3c:00.0\0"
	"-device\0vhost-user-fs-pci,chardev=fs\0";

/*
 * A QEMU with a tap of three queues, one of them not in use, and one of one,
 * each with vhost.
 */
static void put_qemu(void)
{
	static const char *const targets[] = {
		"/dev/net/tun", "/dev/vhost-net", "/dev/net/tun", "/dev/vhost-net",
		"/dev/net/tun", "/dev/vhost-net", "/dev/net/tun", "/dev/vhost-net",
		"anon_inode:kvm-vm", "anon_inode:kvm-vcpu:0", "anon_inode:kvm-vcpu:1",
		"/dev/vhost-vdpa-0",
	};
	static const char *const devices[] = { "vnet0", "", "", "", "vnet0", "", "vnet1" };

	put("proc/70/comm", "qemu-system-x86\n");
	put_bytes("proc/70/cmdline", qemu_args, sizeof(qemu_args) - 1);
	for (size_t fd = 0; fd < VNET_ARRAY_SIZE(targets); fd++) {
		/* By text 10 comes before 9, by number behind it. */
		char *name = vnet_printf("proc/70/fd/%zu", fd + 5), *text;

		put_link(name, targets[fd]);
		free(name);
		name = vnet_printf("proc/70/fdinfo/%zu", fd + 5);
		text = vnet_printf("pos:\t0\nflags:\t0\niff:\t%s\n",
				   fd < VNET_ARRAY_SIZE(devices) ? devices[fd] : "");
		put(name, text);
		free(name);
		free(text);
	}
	put_task("70", "70", "qemu-system-x86\n", "0");
	put_task("70", "72", "CPU 1/KVM\n", "3");
	put_task("70", "73", "CPU 0/KVM\n", "2");
	put_task("70", "80", "vhost-70\n", "1");
	put_task("70", "81", "vhost-70\n", "1");
	put_task("70", "82", "vhost-71\n", "1");
	put_task("70", "83", "vhost-70\n", "1");
	put_task("70", "99", "vhost-70\n", "2");
}

static void put_others(void)
{
	/* compat: a worker that is a thread of the kernel */
	put("proc/90/comm", "tapreader\n");
	put_link("proc/90/fd/3", "/dev/net/tun");
	put_link("proc/90/fd/4", "/dev/vhost-net");
	put("proc/90/fdinfo/3", "iff:\ttap9\n");
	put_task("90", "90", "tapreader\n", "0");
	put("proc/91/comm", "vhost-90\n");
	put_link("proc/91/fd/none", "x");
	put_task("91", "91", "vhost-90\n", "3");
	put("proc/92/comm", "bash\n");
	put_link("proc/92/fd/0", "/dev/null");
	put("proc/self/comm", "no number\n");
	put("sys/devices/system/cpu/cpu3/node1/x", "");
	put("sys/devices/system/cpu/cpu2/node0/x", "");
	put("sys/bus/pci/devices/0000:3b:02.1/class", "0x020000\n");
	put("sys/bus/pci/devices/0000:3c:00.0/class", "0x030000\n");
}

static void find_all(struct vnet_guests *guests)
{
	char *proc = vnet_printf("%s/proc", root), *sys = vnet_printf("%s/sys", root);

	CHECK_EQ(vnet_guests_find(proc, sys, guests), 0);
	free(proc);
	free(sys);
}

TEST(guests)
{
	struct vnet_guests guests;
	const struct vnet_guest *g;

	put_qemu();
	put_others();
	find_all(&guests);
	CHECK_EQ(guests.nr, 2);
	g = &guests.guests[0];
	CHECK_STR(g->name, "web,1");
	CHECK_EQ(g->pid, 70);
	CHECK(g->is_vm);
	CHECK_EQ(g->nr_queues, 3);
	CHECK_STR(g->queues[1].device, "vnet0");
	CHECK_EQ(g->queues[1].queue, 1);
	CHECK_EQ(g->queues[1].rank, 2);
	CHECK_STR(g->queues[2].device, "vnet1");
	CHECK_EQ(g->queues[2].queue, 0);
	CHECK_EQ(g->queues[2].rank, 3);
	CHECK_EQ(g->nr_tun, 4);
	CHECK_EQ(g->nr_vhost, 4);
	CHECK(g->vhost[0] < g->vhost[3]);
	CHECK_EQ(g->vcpus_total, 2);
	CHECK_EQ(g->nr_vcpus, 2);
	CHECK_EQ(g->vcpus[0].number, 0);
	CHECK_EQ(g->vcpus[0].tid, 73);
	CHECK_EQ(g->vcpus[1].cpu, 3);
	CHECK_EQ(g->vcpus[1].numa, 1);
	CHECK_EQ(g->vcpus[0].numa, 0);
	CHECK_EQ(g->nr_workers, 4);
	CHECK_EQ(vnet_guest_worker(g, &g->queues[0])->tid, 80);
	CHECK_EQ(vnet_guest_worker(g, &g->queues[1])->tid, 83);
	CHECK_EQ(vnet_guest_worker(g, &g->queues[2])->tid, 99);
	CHECK_EQ(vnet_guest_worker(g, &g->queues[0])->numa, -1);
	vnet_guests_free(&guests);
}

TEST(bypasses)
{
	struct vnet_guests guests;
	const struct vnet_guest *g;

	find_all(&guests);
	g = &guests.guests[0];
	CHECK_EQ(g->nr_bypasses, 3);
	CHECK_STR(g->bypasses[0].kind, "vdpa");
	CHECK_STR(g->bypasses[0].what, "/dev/vhost-vdpa-0");
	CHECK_STR(g->bypasses[1].kind, "vhost-user");
	CHECK_STR(g->bypasses[1].what, "net9");
	CHECK_STR(g->bypasses[2].kind, "vfio");
	CHECK_STR(g->bypasses[2].what, "0000:3b:02.1");
	vnet_guests_free(&guests);
}

TEST(workers_of_the_kernel)
{
	struct vnet_guests guests;
	const struct vnet_guest *g;

	find_all(&guests);
	g = &guests.guests[1];
	CHECK(!g->name && !g->is_vm);
	CHECK_STR(g->process, "tapreader");
	CHECK_EQ(vnet_guest_worker(g, &g->queues[0])->tid, 91);
	CHECK_EQ(vnet_guest_worker(g, &g->queues[0])->cpu, 3);
	vnet_guests_free(&guests);
}

TEST(no_worker_is_guessed)
{
	struct vnet_guests guests;

	/* Another vhost device (vsock) has a worker of the same name. */
	put_task("70", "100", "vhost-70\n", "2");
	find_all(&guests);
	CHECK_EQ(guests.guests[0].nr_workers, 5);
	CHECK(!vnet_guest_worker(&guests.guests[0], &guests.guests[0].queues[0]));
	vnet_guests_free(&guests);
}

#define NAME(args, want) do {							\
	char *name_ = vnet_guest_name(args, sizeof(args) - 1);			\
	CHECK_STR(name_, want);							\
	free(name_);								\
} while (0)

TEST(names)
{
	NAME("qemu\0-name\0plain\0", "plain");
	NAME("qemu\0-m\0001\0-name\0a,process=x\0", "a");
	NAME("qemu\0--name\0guest=b\0", "b");
	NAME("qemu\0-name\0c,", "c");
	CHECK(!vnet_guest_name("qemu\0-name\0", 11));
	CHECK(!vnet_guest_name("qemu\0-named\0x\0", 14));
	CHECK(!vnet_guest_name("", 0));
}

TEST(no_proc)
{
	struct vnet_guests guests;

	CHECK_EQ(vnet_guests_find("/nowhere/proc", "/sys", &guests), -ENOENT);
	vnet_guests_free(&guests);
}

/* ---- the database ---- */

static const char answer[] =
	"{\"id\":0,\"error\":null,\"result\":["
	"{\"rows\":[{\"name\":\"br-int\",\"datapath_type\":\"\","
	" \"ports\":[\"set\",[[\"uuid\",\"p1\"],[\"uuid\",\"p2\"],[\"uuid\",\"p5\"]]]},"
	" {\"name\":\"br-ex\",\"datapath_type\":\"system\",\"ports\":[\"set\","
	" [[\"uuid\",\"p3\"],[\"uuid\",\"p4\"]]]},"
	" {\"name\":\"br-dpdk\",\"datapath_type\":\"netdev\",\"ports\":[\"uuid\",\"p6\"]}]},"
	"{\"rows\":[{\"_uuid\":[\"uuid\",\"p1\"],\"name\":\"vnet0\","
	"  \"interfaces\":[\"uuid\",\"i1\"]},"
	" {\"_uuid\":[\"uuid\",\"p2\"],\"name\":\"to-ex\",\"interfaces\":[\"uuid\",\"i2\"]},"
	" {\"_uuid\":[\"uuid\",\"p3\"],\"name\":\"to-int\",\"interfaces\":[\"uuid\",\"i3\"]},"
	" {\"_uuid\":[\"uuid\",\"p4\"],\"name\":\"bond1\",\"interfaces\":[\"set\","
	"  [[\"uuid\",\"i4\"],[\"uuid\",\"i5\"]]]},"
	" {\"_uuid\":[\"uuid\",\"p5\"],\"name\":\"vx\",\"interfaces\":[\"uuid\",\"i6\"]},"
	" {\"_uuid\":[\"uuid\",\"p6\"],\"name\":\"dpdk0\",\"interfaces\":[\"uuid\",\"i7\"]}]},"
	"{\"rows\":[{\"_uuid\":[\"uuid\",\"i1\"],\"name\":\"vnet0\",\"type\":\"\","
	"  \"options\":[\"map\",[]]},"
	" {\"_uuid\":[\"uuid\",\"i2\"],\"name\":\"to-ex\",\"type\":\"patch\","
	"  \"options\":[\"map\",[[\"peer\",\"to-int\"]]]},"
	" {\"_uuid\":[\"uuid\",\"i3\"],\"name\":\"to-int\",\"type\":\"patch\","
	"  \"options\":[\"map\",[[\"peer\",\"to-ex\"]]]},"
	" {\"_uuid\":[\"uuid\",\"i4\"],\"name\":\"bond0\",\"type\":\"system\","
	"  \"options\":[\"map\",[]]},"
	" {\"_uuid\":[\"uuid\",\"i5\"],\"name\":\"eth2\",\"type\":\"\",\"options\":[\"map\",[]]},"
	" {\"_uuid\":[\"uuid\",\"i6\"],\"name\":\"vx\",\"type\":\"vxlan\","
	"  \"options\":[\"map\",[]]},"
	" {\"_uuid\":[\"uuid\",\"i7\"],\"name\":\"dpdk0\",\"type\":\"dpdk\","
	"  \"options\":[\"map\",[]]},"
	" {\"_uuid\":[\"uuid\",\"i8\"],\"name\":\"lost\",\"type\":\"\","
	"  \"options\":[\"map\",[]]}]}]}";

TEST(database)
{
	struct vnet_ovsdb db;
	const struct vnet_ovs_interface *i;

	CHECK_EQ(vnet_ovsdb_parse(answer, &db), 0);
	CHECK_EQ(db.nr, 7);
	i = vnet_ovsdb_find(&db, "eth2");
	CHECK(i);
	CHECK_STR(i->port, "bond1");
	CHECK_STR(i->bridge, "br-ex");
	CHECK_STR(i->datapath_type, "");
	CHECK_STR(vnet_ovsdb_find(&db, "bond0")->type, "");
	CHECK_STR(vnet_ovsdb_find(&db, "to-ex")->peer, "to-int");
	CHECK_STR(vnet_ovsdb_find(&db, "dpdk0")->datapath_type, "netdev");
	CHECK(!vnet_ovsdb_find(&db, "lost"));
	vnet_ovsdb_free(&db);
}

TEST(database_answers_that_are_none)
{
	static const char *const wrong[] = {
		"", "{}", "[]", "{\"result\":[]}", "{\"result\":[{\"rows\":[]},{\"rows\":[]}]}",
		"{\"id\":0,\"error\":\"no\",\"result\":null}",
		"{\"result\":[{\"rows\":1},{\"rows\":[]},{\"rows\":[]}]}",
	};
	struct vnet_ovsdb db;

	for (size_t i = 0; i < VNET_ARRAY_SIZE(wrong); i++) {
		CHECK_EQ(vnet_ovsdb_parse(wrong[i], &db), -EBADMSG);
		vnet_ovsdb_free(&db);
	}
	/* Members of wrong types are no reason to stop. */
	CHECK_EQ(vnet_ovsdb_parse("{\"result\":[{\"rows\":[{\"ports\":7}]},{\"rows\":[{\"_uuid\":"
		"[],\"interfaces\":[\"set\",3]}]},{\"rows\":[{\"_uuid\":\"x\",\"name\":4}]}]}",
		&db), 0);
	CHECK_EQ(db.nr, 0);
	vnet_ovsdb_free(&db);
	CHECK(vnet_ovsdb_read("/nowhere/db.sock", &db) == -ENOENT);
}

/* ---- wiring ---- */

static void wire(const char *device, const struct vnet_ovsdb *db, struct vnet_wiring *w)
{
	char *sys = vnet_printf("%s/sys", root);

	vnet_wiring_find(sys, db, device, w);
	free(sys);
}

TEST(wiring_by_ovs)
{
	struct vnet_ovsdb db;
	struct vnet_wiring w;

	CHECK_EQ(vnet_ovsdb_parse(answer, &db), 0);
	put("sys/class/net/vnet0/tun_flags", "0x1002\n");
	put("sys/class/net/vnet0/ifindex", "9\n");
	put_link("sys/class/net/vnet0/master", "../ovs-system");
	put("sys/class/net/bond0/ifindex", "5\n");
	put("sys/class/net/bond0/lower_eth0/x", "");
	put("sys/class/net/bond0/lower_eth1/x", "");
	put("sys/class/net/eth0/device/x", "");
	put("sys/class/net/eth1/device/x", "");
	put("sys/class/net/eth2/ifindex", "8\n");
	wire("vnet0", &db, &w);
	CHECK_STR(w.bridge, "br-int");
	CHECK_STR(w.port, "vnet0");
	CHECK(w.ovs && !w.userspace);
	/* Across the patch port; eth2 has no hardware, and others have. */
	CHECK_EQ(w.uplinks.nr, 2);
	CHECK_STR(w.uplinks.names[0][3] == '0' ? w.uplinks.names[0] : w.uplinks.names[1], "eth0");
	CHECK_STR(w.uplinks.names[0][3] == '1' ? w.uplinks.names[0] : w.uplinks.names[1], "eth1");
	CHECK_EQ(w.tunnels.nr, 1);
	CHECK_STR(w.tunnels.names[0], "vx");
	wire("dpdk0", &db, &w);
	CHECK(w.userspace);
	CHECK_STR(w.uplinks.names[0], "dpdk0");
	vnet_ovsdb_free(&db);
}

TEST(wiring_without_database)
{
	struct vnet_ovsdb db = {};
	struct vnet_wiring w;

	wire("vnet0", &db, &w);
	CHECK_STR(w.bridge, "");
	CHECK(w.ovs);
	wire("nothing", &db, &w);
	CHECK(!w.ovs && !*w.bridge && !w.uplinks.nr);
}

/* tap7 -> qbr7 (qvb7) -> qvo7 on br-int; lone0 -> lbr, with a veth elsewhere. */
TEST(wiring_by_linux_bridges)
{
	char *text = vnet_strdup(answer), *at;
	struct vnet_ovsdb db;
	struct vnet_wiring w;

	/* The other end of the veth is what answer calls vnet0. */
	while ((at = strstr(text, "vnet0")))
		memcpy(at, "qvo07", 5);
	CHECK_EQ(vnet_ovsdb_parse(text, &db), 0);
	free(text);
	put_link("sys/class/net/tap7/master", "../qbr7");
	put("sys/class/net/tap7/tun_flags", "1\n");
	put("sys/class/net/qbr7/brif/tap7/x", "");
	put("sys/class/net/qbr7/brif/qvb7/x", "");
	put("sys/class/net/qvb7/ifindex", "20\n");
	put("sys/class/net/qvb7/iflink", "21\n");
	put("sys/class/net/qvo07/ifindex", "21\n");
	put("sys/class/net/qvo07/iflink", "20\n");
	wire("tap7", &db, &w);
	CHECK_STR(w.bridge, "qbr7");
	CHECK_EQ(w.uplinks.nr, 2);

	put_link("sys/class/net/lone0/master", "../lbr");
	put("sys/class/net/lbr/brif/ens9/x", "");
	put("sys/class/net/ens9/ifindex", "30\n");
	put("sys/class/net/ens9/iflink", "20\n");
	wire("lone0", &db, &w);
	CHECK_STR(w.bridge, "lbr");
	CHECK_EQ(w.uplinks.nr, 1);
	CHECK_STR(w.uplinks.names[0], "ens9");
	vnet_ovsdb_free(&db);
}

static void clean_up(void)
{
	char *command = vnet_printf("rm -rf '%s'", root);

	if (system(command))
		printf("# '%s' is left\n", root);
	free(command);
}

#define main test_main
TEST_MAIN(T(guests), T(bypasses), T(workers_of_the_kernel), T(no_worker_is_guessed), T(names),
	  T(no_proc), T(database), T(database_answers_that_are_none), T(wiring_by_ovs),
	  T(wiring_without_database), T(wiring_by_linux_bridges))
#undef main

int main(void)
{
	int status;

	if (!mkdtemp(root))
		return 1;
	status = test_main();
	clean_up();
	return status;
}
