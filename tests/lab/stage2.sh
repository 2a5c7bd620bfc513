#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Second stage of the lab and of the guest inside it: process 1 on the overlay
# of the host's root, started by initramfs.sh. Runs what the control share asks
# for and ends the machine. Few programs are started here: in the guest each
# costs a tenth of a second.
#
# The control share (/run/lab/ctl):
#   env     in:  variables of tests/lab/lab (LAB_*) and of its caller
#   cmd     in:  the script to run (mode "run")
#   setup   in:  sourced first (mode "agent")
#   stdout, stderr, status   out
set -u

readonly CTL=/run/lab/ctl
# Static: starts in a fraction of the time of the others.
readonly bb=/run/lab/busybox

mount_modules() {
	local dir

	read -r dir </proc/sys/kernel/osrelease
	dir=/lib/modules/$dir
	$bb mkdir -p "$dir"
	$bb mount -o bind "$LAB_KERNEL_DIR$dir" "$dir"
}

set_up_system() {
	umask 022
	echo "$LAB_ROLE" >/proc/sys/kernel/hostname
	printf '127.0.0.1 localhost %s\n::1 localhost\n' "$LAB_ROLE" >/etc/hosts
	ip link set lo up
	ulimit -l unlimited
	ulimit -n 65536
	ulimit -c 0
	$bb ln -sf /proc/self/mounts /etc/mtab
}

# Ends the machine at once: QEMU runs with -no-reboot, and all that matters
# was written through the uncached share.
end_machine() {
	echo b >/proc/sysrq-trigger
	sleep 60
}

# Runs ctl/cmd. Its output goes through pipes, so that it may open
# /dev/stderr again without truncating the file on the share.
run_command() {
	local out=/run/lab/stdout err=/run/lab/stderr status out_pid err_pid

	mkfifo "$out" "$err"
	cat <"$out" >>"$CTL/stdout" &
	out_pid=$!
	cat <"$err" >>"$CTL/stderr" &
	err_pid=$!
	setsid bash "$CTL/cmd" </dev/null >"$out" 2>"$err"
	status=$?
	# A daemon the command left behind may hold the pipes open for ever; all
	# that was in them is out as soon as the readers sleep.
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[[ -d /proc/$out_pid || -d /proc/$err_pid ]] || break
		sleep 0.05
	done
	printf '%s\n' "$status" >"$CTL/status.new"
	mv "$CTL/status.new" "$CTL/status"
}

run_shell() {
	local status=0

	cd "$LAB_CWD" || cd /
	stty -F /dev/hvc0 sane
	if [[ ${LAB_TTY_SIZE:-} == *' '* ]]; then
		# shellcheck disable=SC2086 # rows and columns
		stty -F /dev/hvc0 rows ${LAB_TTY_SIZE% *} cols ${LAB_TTY_SIZE#* }
	fi
	setsid --ctty --wait bash -i <>/dev/hvc0 >&0 2>&1 || status=$?
	printf '%s\n' "$status" >"$CTL/status"
}

# The guest's command channel is one virtio-serial port; nothing here touches
# the network. A line that arrives is a shell-quoted list
#	ID SECONDS FOLDER COMMAND...
# and is run in the background. What goes back is a line
#	ID STATUS LENGTH-OF-STDOUT LENGTH-OF-STDERR
# followed by the two.
run_agent() {
	local name line port

	for name in /sys/class/virtio-ports/*/name; do
		read -r line <"$name"
		[[ $line != vnetdiag.guest ]] || port=${name%/name}
	done
	exec 3<>"/dev/${port##*/}"
	echo "ready 0 0 0" >&3
	while read -r -u 3 line; do
		run_job "$line" &
	done
}

run_job() {
	local id seconds dir status length

	eval "set -- $1"
	id=$1 seconds=$2 dir=$3
	shift 3
	(cd "$dir" && exec timeout -k 2 "$seconds" "$@") </dev/null \
		>"/run/lab/$id.out" 2>"/run/lab/$id.err" 3>&-
	status=$?
	length=$($bb stat -c %s "/run/lab/$id.out" "/run/lab/$id.err")
	# One answer at a time. The pipe holds the whole of most.
	exec 4>/run/lab/answer.lock
	flock 4
	printf '%s %s %s\n' "$id" "$status" "${length/$'\n'/ }" >&3
	$bb cat "/run/lab/$id.out" "/run/lab/$id.err" >&3
	$bb rm -f "/run/lab/$id".*
}

main() {
	local uptime

	export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	export HOME=/root LANG=C.UTF-8 USER=root LOGNAME=root SHELL=/bin/bash

	# shellcheck source=/dev/null
	. "$CTL/env"
	set_up_system
	mount_modules
	read -r uptime _ </proc/uptime
	echo "lab: $LAB_ROLE is up after $uptime s"
	case $LAB_MODE in
	run) run_command ;;
	shell) run_shell ;;
	agent)
		# shellcheck source=/dev/null
		[[ ! -f $CTL/setup ]] || . "$CTL/setup"
		run_agent
		;;
	esac
	end_machine
}

main
