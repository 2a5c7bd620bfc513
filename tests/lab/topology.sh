# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The network of a virtualised host, inside the lab. Sourced by the bats files
# of tests/lab, by demo.sh and by hand in "lab shell".
#
#   netns peer                     the lab's own namespace              guest
#   peer0 10.9.0.1 --veth-- ens11 -- br-int 10.9.0.2 -- vnet0 ==vhost== eth0 10.9.0.3
#   fd09::1                          fd09::2                            fd09::3
#
# topo_up [--guest [QUEUES]]   OVS, bridge, peer; with --guest the guest boots
#                              meanwhile (guest_up then only waits for it)
# topo_down                    everything away again
#                              With TOPO_KEEP set (setup_suite.bash), topo_down and
#                              guest_down leave all as it is for the next file, whose
#                              topo_up and guest_up find it there; TOPO_KEEP='' before
#                              one of them is in earnest.
# guest_up [QUEUES]            guest booted, vnet0 in br-int (needs lab --guest);
#                              started again, and said so, if the emulation of
#                              SVM failed it (rare: about one boot in 30; one
#                              in some hundred does not end)
# guest_run CMD...             its output and status; not over the network;
#                              124 after GUEST_TIMEOUT seconds (60)
# guest_stop [vcpu|process]    guest stands still: only its CPUs, so that vhost
#                              goes on (default), or QEMU as a whole
# guest_cont                   and goes on
# guest_down
# tap_up NAME [--bridge] [--queues N]   a tap with a reader that does not read
# tap_read NAME | tap_hold NAME         its reader reads | stops reading
# tap_has_read NAME N                   for wait_for
# tap_part NAME                         its reader reads all queues but the first
# tap_down NAME
# peer_run CMD...              in the peer's namespace
# wait_for SECONDS CMD...      until CMD succeeds; 1 when time is up
#
# Neighbours are permanent, so that counts of packets have no ARP or ND among
# them. Files in GUEST_SHARE are /run/lab/ctl in the guest, uncached.

# Sourced twice in one shell: the constants are there.
[[ -z ${TOPO_RUN:-} ]] || return 0

readonly TOPO_RUN=/run/lab/topo
readonly TOPO_BRIDGE=br-int TOPO_PHY=ens11 TOPO_TAP=vnet0
readonly TOPO_MAC=02:00:00:00:09
# shellcheck disable=SC2034 # for the users
readonly PEER_IP=10.9.0.1 HOST_IP=10.9.0.2 GUEST_IP=10.9.0.3
# shellcheck disable=SC2034
readonly PEER_IP6=fd09::1 HOST_IP6=fd09::2 GUEST_IP6=fd09::3
readonly GUEST_SHARE=$TOPO_RUN/guest/ctl
# Seconds: some 20 with another lab beside this one.
readonly GUEST_BOOT=90
# "host" panics 5.10 and 7.x in their xsave and AVX code.
readonly GUEST_CPU=qemu64,+ssse3,+sse4.1,+sse4.2,+x2apic

topo_dir=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
# shellcheck source=tests/lab/vm.sh
. "$topo_dir/vm.sh"

topo_error() { printf 'topology: error: %s\n' "$*" >&2; }

# For what must be seen though nothing fails: bats shows the errors of failed
# tests only, but always what is in its fd 3.
topo_notice() {
	printf 'topology: %s\n' "$*" >&2
	[[ -z ${BATS_VERSION:-} || ! -e /proc/self/fd/3 ]] ||
		printf '# topology: %s\n' "$*" >&3
}

# A pause that starts no program, which is dear in emulation: nobody writes to
# this pipe.
topo_pause() {
	[[ -n ${topo_pause_fd:-} ]] || exec {topo_pause_fd}<> <(:)
	read -rt "$1" -u "$topo_pause_fd" _ || :
}

wait_for() {
	local -
	set +T
	local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))

	shift
	until "$@"; do
		if ((${EPOCHREALTIME/./} >= deadline)); then
			return 1
		fi
		topo_pause 0.05
	done
}

# Runs a program in the background with its output in a file, holding none of
# the caller's descriptors (bats waits for those), and prints its pid.
topo_spawn() {
	local log=$1

	shift
	setsid "$@" </dev/null >"$log" 2>&1 3>&- 4>&- &
	printf '%s\n' $!
}

topo_is_gone() { [[ ! -d /proc/$1 ]]; }

# Ends process $1, which topo_spawn or a pid file of ours named.
topo_end() {
	kill "$1" 2>/dev/null || return 0
	wait_for 5 topo_is_gone "$1" || kill -9 "$1" 2>/dev/null || :
}

# Not "ip netns exec": see there.
peer_run() { "${BUILD:-build}/tools/netns" peer "$@"; }

# Gives an interface its addresses and its permanent neighbours.
# $1: interface, $2: last digit, $3...: prefix command (may be none)
topo_address() {
	local interface=$1 digit=$2 other key=net.ipv6.conf.$1

	shift 2
	"$@" sysctl -qw "$key.disable_ipv6=0" "$key.accept_dad=0" \
		"$key.accept_ra=0" "$key.autoconf=0" \
		"$key.addr_gen_mode=1" "$key.router_solicitations=0" || return
	{
		echo "link set $interface up"
		echo "address replace 10.9.0.$digit/24 dev $interface"
		echo "address replace fd09::$digit/64 dev $interface nodad"
		for other in 1 2 3; do
			[[ $other != "$digit" ]] || continue
			echo "neighbour replace 10.9.0.$other" \
				"lladdr $TOPO_MAC:0$other dev $interface nud permanent"
			echo "neighbour replace fd09::$other" \
				"lladdr $TOPO_MAC:0$other dev $interface nud permanent"
		done
	} | "$@" ip -batch -
}

topo_peer() {
	ip netns add peer
	# Ports of the bridge need no IPv6 of their own: only noise.
	sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	peer_run sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	peer_run ip link set lo up
	ip link add "$TOPO_PHY" address "$TOPO_MAC:11" type veth \
		peer name peer0 address "$TOPO_MAC:01" netns peer
	ip link set "$TOPO_PHY" up
	topo_address peer0 1 peer_run
}

topo_ovsdb() {
	mkdir -p "$TOPO_RUN" /var/run/openvswitch /var/log/openvswitch
	rm -f "$TOPO_RUN/conf.db"
	ovsdb-tool create "$TOPO_RUN/conf.db" \
		/usr/share/openvswitch/vswitch.ovsschema
	ovsdb-server "$TOPO_RUN/conf.db" --detach --no-chdir --pidfile \
		--remote=punix:/var/run/openvswitch/db.sock \
		--log-file="$TOPO_RUN/ovsdb-server.log" 2>/dev/null 3>&- 4>&-
	ovs-vsctl --no-wait init
}

topo_uptime_over() {
	local uptime

	read -r uptime _ </proc/uptime
	((${uptime%.*} >= $1))
}

topo_vswitchd() {
	# It keeps the number of CPUs for 10 s of the clock, which starts as 0:
	# started earlier it has no handler threads and loses every upcall.
	wait_for 20 topo_uptime_over 11
	ovs-vswitchd --detach --no-chdir --pidfile \
		--log-file="$TOPO_RUN/ovs-vswitchd.log" 2>/dev/null 3>&- 4>&-
	ovs-vsctl --timeout=20 -- add-br "$TOPO_BRIDGE" \
		-- set bridge "$TOPO_BRIDGE" "other-config:hwaddr=$TOPO_MAC:02" \
		-- add-port "$TOPO_BRIDGE" "$TOPO_PHY"
	topo_address "$TOPO_BRIDGE" 2
}

topo_up() {
	local -
	set +T
	local modules='openvswitch vhost_net tun veth sch_netem pktgen'

	if [[ -d $TOPO_RUN ]]; then
		if [[ -n ${TOPO_KEEP:-} ]]; then
			topo_refresh || return
			[[ ${1:-} != --guest ]] || guest_start "${2:-1}" || return
			return 0
		fi
		topo_error "already up"
		return 1
	fi
	mkdir -p "$TOPO_RUN"
	# shellcheck disable=SC2086 # a list
	modprobe -a $modules || return
	if [[ ${1:-} == --guest ]]; then
		guest_start "${2:-1}" || return
	fi
	topo_peer && topo_ovsdb && topo_vswitchd || return
	wait_for 10 peer_run ping -q -c 1 -W 1 "$HOST_IP" >/dev/null
}

# What files of tests change and others rely on.
topo_refresh() {
	ovs-vsctl --timeout=20 clear Open_vSwitch . other_config
	ovs-ofctl del-flows "$TOPO_BRIDGE"
	ovs-ofctl add-flow "$TOPO_BRIDGE" priority=0,actions=NORMAL
	topo_address "$TOPO_BRIDGE" 2
	wait_for 10 peer_run ping -q -c 1 -W 1 "$HOST_IP" >/dev/null
}

topo_down() {
	local -
	set +T
	local file

	[[ -d $TOPO_RUN ]] || return 0
	for file in "$TOPO_RUN"/tap.*.pid; do
		[[ ! -e $file ]] || tap_down "$(basename "$file" .pid | cut -d. -f2)"
	done
	[[ -z ${TOPO_KEEP:-} ]] || return 0
	guest_down
	ovs-appctl -T 10 exit --cleanup 2>/dev/null || :
	for file in ovs-vswitchd ovsdb-server; do
		file=/var/run/openvswitch/$file.pid
		[[ ! -e $file ]] || topo_end "$(<"$file")"
	done
	ip link delete "$TOPO_PHY" 2>/dev/null || :
	ip netns delete peer 2>/dev/null || :
	ovs-dpctl del-dp ovs-system 2>/dev/null || :
	rm -rf "$TOPO_RUN"
}

# What the guest sources at its start.
guest_setup_script() {
	printf 'TOPO_MAC=%s\n' "$TOPO_MAC"
	declare -f topo_address
	echo 'topo_address eth0 3'
}

# Takes the guest's answers from its command channel, one file for each part,
# the status last. Runs in the background as long as the guest.
guest_collect() {
	local dir=$TOPO_RUN/guest id status out err

	while read -r id status out err; do
		if [[ $id == ready ]]; then
			echo >"$dir/ready"
			continue
		fi
		head -c "$out" >"$dir/$id.stdout"
		head -c "$err" >"$dir/$id.stderr"
		echo "$status" >"$dir/$id.new"
		mv "$dir/$id.new" "$dir/$id.status"
	done <"$dir/cmd.out"
}

# Starts the guest without waiting for it.
guest_start() {
	local -
	set +T
	local queues=${1:-1} dir=$TOPO_RUN/guest net nic

	if [[ ${LAB_GUEST:-no} != yes ]]; then
		topo_error "the lab was started without --guest"
		return 1
	fi
	[[ ! -e $dir/pid ]] || return 0
	modprobe -a kvm-amd vhost_net tun || return
	# One for all guests of this lab; it ends with the lab.
	[[ -e /run/lab/kvm.pid ]] ||
		topo_spawn /run/lab/kvm.log "${BUILD:-build}/tools/kvm" >/run/lab/kvm.pid
	sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	mkdir -p "$GUEST_SHARE"
	echo "$queues" >"$dir/queues"
	{
		printf 'export LAB_ROLE=guest LAB_MODE=agent LAB_CWD=/\n'
		printf 'export LAB_KERNEL=%q LAB_KERNEL_DIR=%q\n' \
			"$LAB_KERNEL" "$LAB_KERNEL_DIR"
	} >"$GUEST_SHARE/env"
	guest_setup_script >"$GUEST_SHARE/setup"
	rm -f "$dir/cmd.in" "$dir/cmd.out"
	mkfifo "$dir/cmd.in" "$dir/cmd.out"

	net=tap,id=net,ifname=$TOPO_TAP,script=no,downscript=no,vhost=on
	nic=virtio-net-pci,netdev=net,mac=$TOPO_MAC:03,romfile=
	if ((queues > 1)); then
		ip tuntap add dev "$TOPO_TAP" mode tap vnet_hdr multi_queue
		net+=,queues=$queues
		nic+=,mq=on,vectors=$((2 * queues + 2))
	else
		ip tuntap add dev "$TOPO_TAP" mode tap vnet_hdr
	fi
	ip link set "$TOPO_TAP" address "$TOPO_MAC:13" up

	vm_common_args "$GUEST_SHARE" "$LAB_KERNEL_DIR" "$LAB_INITRAMFS" \
		"$dir/console.log"
	vm_args+=(
		-name 'guest,debug-threads=on' -accel kvm -cpu "$GUEST_CPU"
		-smp "$((queues > 1 ? 2 : 1))" -m 768
		# A doorbell in memory KVM must decode, one at a port it need
		# not: in emulation 7.x lost 7 of 10 guests at the former and
		# none of 10 with the latter.
		-global virtio-pci.modern-pio-notify=on
		-qmp "unix:$dir/qmp,server=on,wait=off"
		-chardev "pipe,id=cmd,path=$dir/cmd"
		-device 'virtserialport,chardev=cmd,name=vnetdiag.guest'
		-netdev "$net" -device "$nic"
		-append "$VM_APPEND idle=halt ${X_APPEND:-}"
	)
	guest_collect </dev/null >/dev/null 2>&1 3>&- 4>&- &
	echo $! >"$dir/collector"
	topo_spawn "$dir/qemu.log" qemu-system-x86_64 "${vm_args[@]}" >"$dir/pid"
}

# Prints why the guest died of its emulation, if it did. QEMU then shows its
# registers and stands still, or is simply gone. A panic is the guest's own
# fault, and what QEMU says before it gives up, ours.
guest_lost() {
	local dir=$TOPO_RUN/guest

	grep -am 1 '^KVM' "$dir/qemu.log" && return
	! grep -aqE '^[ER]AX=' "$dir/qemu.log" || {
		echo "registers shown"
		return
	}
	topo_is_gone "$(<"$dir/pid")" && [[ ! -s $dir/qemu.log ]] &&
		! grep -aqs 'Kernel panic' "$dir/console.log" && echo "QEMU is gone"
}

# Prints how a guest stands that says nothing, runs, and is not ready after all
# that time: rarely one hangs in its boot, as no CPU that is not emulated does.
guest_hangs() {
	local dir=$TOPO_RUN/guest task stat

	! topo_is_gone "$(<"$dir/pid")" && [[ ! -e $dir/ready ]] &&
		! grep -aqs 'Kernel panic\|^lab: init:' "$dir/console.log" || return
	printf 'no answer after %s s' "$GUEST_BOOT"
	for task in /proc/"$(<"$dir/pid")"/task/*; do
		[[ $(<"$task/comm") == CPU*KVM ]] || continue
		stat=$(<"$task/stat")
		read -ra stat <<<"${stat##*) }"
		printf ', CPU: %s, %s ticks' "${stat[0]}" "$((stat[11] + stat[12]))"
	done
}

# Ready, or never to be. As long as all is well this starts no process.
guest_is_settled() {
	local dir=$TOPO_RUN/guest

	[[ -e $dir/ready ]] || topo_is_gone "$(<"$dir/pid")" || {
		[[ -s $dir/qemu.log ]] && guest_lost >/dev/null
	}
}

guest_plug() {
	ovs-vsctl --timeout=20 --may-exist add-port "$TOPO_BRIDGE" "$TOPO_TAP"
}

guest_up() {
	local -
	set +T
	local dir=$TOPO_RUN/guest try=1 why queues

	# One that an earlier file left may have gone, or be another than is wanted.
	if [[ -e $dir/ready ]] && { topo_is_gone "$(<"$dir/pid")" ||
		[[ -n ${1:-} && $(<"$dir/queues") != "$1" ]]; }; then
		TOPO_KEEP='' guest_down
	fi
	guest_start "${1:-1}" && guest_plug || return
	queues=$(<"$dir/queues")
	until wait_for "$GUEST_BOOT" guest_is_settled && [[ -e $dir/ready ]]; do
		if ((++try > 3)) || ! why=$(guest_lost || guest_hangs); then
			topo_error "the guest does not come up"
			tail -n 40 "$dir/qemu.log" "$dir/console.log" >&2
			return 1
		fi
		topo_notice "the emulated SVM failed ($why)," \
			"guest started again ($try of 3)"
		TOPO_KEEP='' guest_down
		guest_start "$queues" && guest_plug || return
	done
	guest_make_cgroup "$(<"$dir/pid")"
	wait_for 20 ping -q -c 1 -W 1 "$GUEST_IP" >/dev/null
}

# A threaded group with nothing but the guest's CPUs in it: freezing that one
# leaves vhost and QEMU's main thread running, as on a host where the guest
# does not get the CPU.
guest_make_cgroup() {
	local group=/sys/fs/cgroup/guest task

	mkdir -p "$group/vcpu"
	echo threaded >"$group/vcpu/cgroup.type"
	echo "$1" >"$group/cgroup.procs"
	for task in /proc/"$1"/task/*; do
		[[ $(<"$task/comm") != CPU*KVM ]] ||
			echo "${task##*/}" >"$group/vcpu/cgroup.threads"
	done
}

guest_freeze() { # 1 or 0
	local -
	set +T
	local group=/sys/fs/cgroup/guest/vcpu

	echo "$1" >"$group/cgroup.freeze"
	wait_for 5 grep -qx "frozen $1" "$group/cgroup.events"
}

guest_stop() {
	case ${1:-vcpu} in
	vcpu) guest_freeze 1 ;;
	process) kill -STOP "$(<"$TOPO_RUN/guest/pid")" ;;
	*) return 2 ;;
	esac
}

guest_cont() {
	kill -CONT "$(<"$TOPO_RUN/guest/pid")"
	guest_freeze 0
}

guest_run() {
	local -
	set +T
	local seconds=${GUEST_TIMEOUT:-60} id name status job
	local -a line

	id=$BASHPID-${EPOCHREALTIME/./}
	job=$TOPO_RUN/guest/$id
	line=("$id" "$seconds" "$PWD" env)
	for name in ${!VNET@}; do
		line+=("$name=${!name}")
	done
	printf -v name ' %q' "${line[@]}" "$@"
	printf '%s\n' "${name# }" >"$TOPO_RUN/guest/cmd.in"
	# The guest keeps the time itself: this is for a guest that hangs.
	if ! wait_for $((seconds + 30)) test -e "$job.status"; then
		topo_error "no answer from the guest: $*"
		return 124
	fi
	status=$(<"$job.status")
	cat "$job.stderr" >&2
	cat "$job.stdout"
	rm -f "$job".*
	return "$status"
}

guest_down() {
	local -
	set +T
	local dir=$TOPO_RUN/guest

	[[ -e $dir/pid && -z ${TOPO_KEEP:-} ]] || return 0
	kill -CONT "$(<"$dir/pid")" 2>/dev/null || :
	topo_end "$(<"$dir/pid")"
	topo_end "$(<"$dir/collector")"
	ovs-vsctl --timeout=20 --if-exists del-port "$TOPO_TAP" 2>/dev/null || :
	ip tuntap del dev "$TOPO_TAP" mode tap 2>/dev/null ||
		ip link delete "$TOPO_TAP" 2>/dev/null || :
	rmdir /sys/fs/cgroup/guest/vcpu /sys/fs/cgroup/guest 2>/dev/null || :
	rm -rf "$dir"
}

tap_up() {
	local -
	set +T
	local name=$1 bridge=no queues=1 file=$TOPO_RUN/tap.$1

	shift
	while (($#)); do
		case $1 in
		--bridge) bridge=yes ;;
		--queues)
			queues=$2
			shift
			;;
		*) return 2 ;;
		esac
		shift
	done
	mkdir -p "$TOPO_RUN"
	modprobe tun || return
	topo_spawn "$file.log" "${BUILD:-build}/tools/tap" "$name" "$queues" "$file.state" \
		>"$file.pid"
	if ! wait_for 20 test -e "$file.state"; then
		topo_error "no reader for tap '$name'"
		tail -n 5 "$file.log" >&2
		return 1
	fi
	ip link set "$name" up
	[[ $bridge == no ]] ||
		ovs-vsctl --timeout=20 add-port "$TOPO_BRIDGE" "$name"
}

# $1: name, $2: signal, $3: the state it leads to
tap_switch() {
	local -
	set +T
	local file=$TOPO_RUN/tap.$1

	rm -f "$file.state"
	kill "-$2" "$(<"$file.pid")"
	wait_for 10 grep -qs "^$3 " "$file.state"
}

tap_read() { tap_switch "$1" USR1 read; }

# The reader of tap $1, which reads, has had $2 packets or more, and all there are.
tap_has_read() {
	tap_read "$1" && [[ $(<"$TOPO_RUN/tap.$1.state") =~ ^read\ ([0-9]+) ]] &&
		((BASH_REMATCH[1] >= $2))
}
tap_part() { tap_switch "$1" HUP part; }

# Prints the number of packets read so far.
tap_hold() {
	tap_switch "$1" USR2 hold || return
	cut -d' ' -f2 "$TOPO_RUN/tap.$1.state"
}

tap_down() {
	local -
	set +T
	local file=$TOPO_RUN/tap.$1

	[[ -e $file.pid ]] || return 0
	topo_end "$(<"$file.pid")"
	ovs-vsctl --timeout=20 --if-exists del-port "$1" 2>/dev/null || :
	rm -f "$file".*
}
