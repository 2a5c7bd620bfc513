/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Keeps an empty virtual machine of KVM until it is ended. Called by
 * tests/lab/topology.sh: with the first machine and after the last one the kernel
 * patches its scheduler, and a QEMU that emulates two CPUs may get that wrong.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tool.h"

int main(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("/dev/kvm");
	if (ioctl(fd, KVM_CREATE_VM, 0) < 0)
		die("KVM_CREATE_VM");
	for (;;)
		pause();
}
