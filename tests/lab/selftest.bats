#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# The lab tests itself, inside: if one of these fails, no other lab test means
# anything. Run by make test: lab run --kernel LABEL --guest -- bats ...

# The first guest here is lost while it boots (see the first test).
setup_file() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	topo_up
	TOPO_KEEP='' guest_down
	guest_start
	kill -9 "$(<"$TOPO_RUN/guest/pid")"
	guest_up 2>"$BATS_FILE_TMPDIR/lost"
}

teardown_file() {
	. tests/lab/topology.sh
	topo_down
}

# No bats-assert: loading it takes seconds here, for each test.
setup() { . tests/lab/topology.sh; }

# is ACTUAL EXPECTED
is() {
	[[ $1 == "$2" ]] || {
		printf "got '%s', not '%s'\n" "$1" "$2"
		return 1
	}
}

# After run: the status, and words that the output must have.
expect() {
	local word

	is "$status" "$1" || {
		printf '%s\n' "$output"
		return 1
	}
	shift
	for word; do
		[[ $output == *"$word"* ]] || {
			printf "no '%s' in: %s\n" "$word" "$output"
			return 1
		}
	done
}

# A counter of interface $1: rx_packets, tx_dropped...
counter() { cat "/sys/class/net/$1/statistics/$2"; }

# Packets that the queue discipline of interface $1 threw away.
qdisc_dropped() { tc -s -j qdisc show dev "$1" | jq '[.[].drops] | add'; }

# Sends $2 small UDP packets to address $1, without waiting for anything.
send_udp() {
	"${BUILD:-build}/tools/send" --socket --src "$HOST_IP" --dst "$1" --udp 1000:9 \
		--count "$2" --size 64
}

# The tap of tap_up as a neighbour that no ARP is needed for.
tap_neighbour() {
	ip neighbour replace 10.9.0.50 lladdr 02:00:00:00:10:50 \
		dev br-int nud permanent
	ovs-appctl fdb/add br-int "$1" 0 02:00:00:00:10:50
}

@test "a guest lost while it boots is started again, and that is said" {
	# Another line here is the shell's own: who was killed.
	cat "$BATS_FILE_TMPDIR/lost"
	grep -qxF "topology: the emulated SVM failed (QEMU is gone),\
 guest started again (2 of 3)" "$BATS_FILE_TMPDIR/lost"
	run peer_run ping -q -c 2 -i 0.2 -W 10 10.9.0.3
	expect 0 "2 received"
	run guest_lost
	expect 1
	cp "$TOPO_RUN/guest/qemu.log" "$BATS_TEST_TMPDIR/qemu.log"
	printf 'KVM internal error. Suberror: 1\nRAX=0\n' >>"$TOPO_RUN/guest/qemu.log"
	is "$(guest_lost)" "KVM internal error. Suberror: 1"
	cat "$BATS_TEST_TMPDIR/qemu.log" >"$TOPO_RUN/guest/qemu.log"
	run guest_hangs
	expect 1
	rm "$TOPO_RUN/guest/ready"
	run guest_hangs
	: >"$TOPO_RUN/guest/ready"
	expect 0 "no answer after" ", CPU: "
}

@test "the place is as promised: root, PATH, limits, file systems, modules" {
	is "$(id -u)" 0
	is "$(hostname)" lab
	is "$(ulimit -l)" unlimited
	is "$(type -P python3)" /usr/bin/python3
	local dir
	for dir in /proc /sys /dev /run /dev/pts /dev/shm /sys/kernel/debug \
		/sys/kernel/tracing /sys/fs/bpf /sys/fs/cgroup; do
		mountpoint -q "$dir"
	done
	modprobe dummy
	rmmod dummy
}

@test "20 pings from the peer reach the guest, each once" {
	local before after

	before=$(counter vnet0 tx_packets)
	run peer_run ping -q -i 0.05 -c 20 10.9.0.3
	expect 0 "20 received"
	after=$(counter vnet0 tx_packets)
	# Nothing but the pings: neighbours are permanent.
	is $((after - before)) 20
}

@test "IPv6 reaches the guest, too" {
	run peer_run ping -q -i 0.05 -c 5 fd09::3
	expect 0 "5 received"
}

@test "host, peer and guest reach each other" {
	ping -q -c 1 10.9.0.1
	ping -q -c 1 fd09::1
	guest_run ping -q -c 1 10.9.0.1
	guest_run ping -q -c 1 fd09::2
}

@test "packets to the guest go through vhost-net" {
	local worker

	# A kernel thread up to 6.3, since then a thread of QEMU.
	worker=$(cat /proc/[0-9]*/comm /proc/"$(<"$TOPO_RUN/guest/pid")"/task/*/comm |
		grep -c '^vhost-' || :)
	[ "$worker" -ge 1 ]
}

@test "guest_run returns output, errors and status" {
	local out err=$BATS_TEST_TMPDIR/err status=0

	out=$(guest_run bash -c 'echo "a  b"; printf "\n\n"; echo e >&2; exit 7' \
		2>"$err") || status=$?
	is "$status" 7
	is "$out" "a  b"
	is "$(<"$err")" e
	is "$(guest_run hostname)" guest
}

@test "guest_run passes arguments, folder and variables unchanged" {
	local tricky=$'it\'s "x"\n$HOME *\t;'

	is "$(guest_run printf '%s|' "$tricky" '')" "$tricky||"
	is "$(guest_run pwd)" "$PWD"
	is "$(VNET_TEST='a b' guest_run printenv VNET_TEST)" 'a b'
}

@test "guest_run brings big and binary output whole, also two at a time" {
	local sum one=$BATS_TEST_TMPDIR/one two=$BATS_TEST_TMPDIR/two first second

	guest_run head -c 1000000 /usr/bin/bash >"$one" &
	first=$!
	guest_run head -c 300000 /usr/bin/bash >"$two" &
	second=$!
	wait "$first" "$second"
	sum=$(head -c 1000000 /usr/bin/bash | sha256sum)
	is "$(sha256sum <"$one")" "$sum"
	sum=$(head -c 300000 /usr/bin/bash | sha256sum)
	is "$(sha256sum <"$two")" "$sum"
}

@test "guest_run ends a command that takes too long" {
	GUEST_TIMEOUT=1 run guest_run sleep 100
	expect 124
}

@test "the guest stands still and goes on" {
	guest_stop
	run peer_run ping -q -c 2 -i 0.2 -W 1 10.9.0.3
	expect 1
	guest_cont
	wait_for 10 peer_run ping -q -c 1 -W 1 10.9.0.3
	guest_stop process
	run peer_run ping -q -c 2 -i 0.2 -W 1 10.9.0.3
	expect 1
	guest_cont
	wait_for 10 peer_run ping -q -c 1 -W 1 10.9.0.3
}

@test "a guest that stands still fills its ring: packets are dropped" {
	local before after

	guest_stop
	before=$(($(counter vnet0 tx_dropped) + $(qdisc_dropped vnet0)))
	# 256 buffers of the guest, 1000 places in the ring, 1000 of the queue.
	send_udp 10.9.0.3 4000
	after=$(($(counter vnet0 tx_dropped) + $(qdisc_dropped vnet0)))
	guest_cont
	[ $((after - before)) -ge 1000 ]
	wait_for 20 peer_run ping -q -c 1 -W 1 10.9.0.3
}

@test "a tap whose reader does not read drops what exceeds its ring" {
	tap_up tap9 --bridge
	tap_neighbour tap9
	local before after dropped

	before=$(($(counter tap9 tx_dropped) + $(qdisc_dropped tap9)))
	send_udp 10.9.0.50 2500
	after=$(($(counter tap9 tx_dropped) + $(qdisc_dropped tap9)))
	dropped=$((after - before))
	echo "tx_dropped $(counter tap9 tx_dropped) qdisc $(qdisc_dropped tap9)"
	# 1000 in the ring; kernels that stop the queue then hold 1000 more in
	# the queue discipline.
	[ "$dropped" -ge 490 ]
	[ "$dropped" -le 1510 ]
	run ip -s link show tap9
	expect 0 dropped
	tap_read tap9
	run tap_hold tap9
	expect 0
	[ "$output" -ge 900 ]
	tap_down tap9
	run ip link show tap9
	[ "$status" -ne 0 ]
}

@test "the data path of Open vSwitch has the ports" {
	run ovs-dpctl show
	expect 0 "br-int (internal)"
	expect 0 ens11
	expect 0 vnet0
	expect 0 "lost:0"
}

@test "upcalls are answered: a new flow goes through at once" {
	ovs-appctl dpctl/del-flows
	run peer_run ping -q -c 1 -W 10 10.9.0.2
	expect 0
}

@test "a guest that panics is not started again" {
	TOPO_KEEP='' guest_down
	# Of two the last one counts.
	X_APPEND=rdinit=/none run guest_up
	expect 1 "the guest does not come up" "Kernel panic"
	[[ $output != *"started again"* ]]
	TOPO_KEEP='' guest_down
}
