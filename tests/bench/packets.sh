#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Instructions per packet, inside the lab with --icount: UDP socket -> veth ->
# OVS and then either out of a port (forwarded) or into the host's IP input, where
# a rule drops it. One CPU does all of it; virtual time counts instructions,
# 2 ns each. Fails if `latency` costs more than it may. Called by
# tests/bench/run.sh.
# usage: packets.sh [-b BUILD] [-n PACKETS] [REGEX]	(only the lines that match)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=tests/lab/topology.sh
. tests/lab/topology.sh

readonly NS_PER_INSTRUCTION=2
packets=20000 build=build
while getopts b:n: option; do
	case $option in
	b) build=$OPTARG ;;
	n) packets=$OPTARG ;;
	*) exit 2 ;;
	esac
done
shift $((OPTIND - 1))
readonly only=${1:-} build packets
tool_pid=
sender=send
# Name of a line -> instructions that it adds to a packet.
declare -A added
failed=0

setup() {
	topo_up --no-guest
	gcc -O2 -o /tmp/bench.send tests/bench/send.c
	ip link add bench0 type dummy
	ip link set bench0 up
	ovs-vsctl add-port br-int bench0
	nft add table inet bench
	nft 'add chain inet bench input { type filter hook input priority 0; }'
	nft add rule inet bench input udp dport 9 drop
}

# send N: prints the virtual ns that it took.
send() { ip netns exec peer /tmp/bench.send 10.9.0.2 9 "$1"; }

# Likewise for N upcalls, answered one after the other: two for each of N / 20 pings,
# so the time counts ten times. While nothing runs, time goes on as well: that is
# taken off, to 10 ms.
upcalls() {
	local from to idle_from idle_to

	read -r from idle_from < /proc/uptime
	ip netns exec peer ping -q -f -c $(($1 / 20)) 10.9.0.2 > /dev/null
	read -r to idle_to < /proc/uptime
	awk -v t="$from $to $idle_from $idle_to" 'BEGIN {
		split(t, at, " ")
		printf "%.0f\n", (at[2] - at[1] - (at[4] - at[3])) * 1e10 }'
}

# path TITLE OUTPUT: where OVS sends what comes from ens11; prints the head and
# measures it with nothing attached.
path() {
	printf '\n%-46s %9s %9s %10s %8s\n' "$1" total added share "x empty"
	ovs-ofctl del-flows br-int
	ovs-ofctl add-flow br-int "priority=0,actions=NORMAL"
	ovs-ofctl add-flow br-int "in_port=ens11,udp,actions=output:$2"
	$sender 500 > /dev/null
	base="" empty=""
	count "nothing attached"
	base=$last
}

# run NAME COMMAND...: measures it, if that is wanted.
run() { [[ ! $1 =~ $only ]] || count "$@"; }

# count NAME [COMMAND...]: instructions per packet while COMMAND runs.
count() {
	local name=$1 ns
	shift
	if [[ $# -gt 0 ]]; then
		rm -f /tmp/bench.ready
		"$@" > /tmp/bench.out 2>&1 &
		tool_pid=$!
		wait_for 240 ready_or_attached "$tool_pid"
		if ! kill -0 "$tool_pid"; then
			echo "$name: it ended:"
			cat /tmp/bench.out
			exit 1
		fi
	fi
	$sender 500 > /dev/null
	ns=$($sender "$packets")
	if [[ -n $tool_pid ]]; then
		kill -TERM "$tool_pid"
		wait "$tool_pid" || true
		tool_pid=
	fi
	last=$(awk -v ns="$ns" -v n="$packets" -v per=$NS_PER_INSTRUCTION \
		'BEGIN { print ns / per / n }')
	added[$name]=$(awk -v last="$last" -v base="${base:-$last}" 'BEGIN { print last - base }')
	[[ $name != "empty programs" ]] || empty=${added[$name]}
	awk -v name="$name" -v insns="$last" -v base="${base:-0}" -v empty="${empty:-0}" 'BEGIN {
		printf "%-46s %9.1f", name, insns
		if (base) printf " %+9.1f %+8.2f %%", insns - base, (insns - base) * 100 / base
		if (empty) printf " %8.2f", (insns - base) / empty
		printf "\n" }'
}

# A tool of ours says so by --ready-fd, attach by READY; bpftrace by its BEGIN,
# the last that it runs.
ready_or_attached() {
	kill -0 "$1" || return 0
	grep -q ready /tmp/bench.ready 2> /dev/null || grep -q READY /tmp/bench.out
}

ours() { exec "$VNETDIAG" "$@" --interval 1h --ready-fd 9 9> /tmp/bench.ready; }
stream() { exec "$VNETDIAG" "$@" --ready-fd 9 9> /tmp/bench.ready; }
attach() { exec "$build/bench/attach" "$build/bench/$1.bpf.o" ens11 bench0 "${@:2}"; }

# The points of LATENCY... (an array) as programs, by our mechanisms.
programs() {
	"$VNETDIAG" "$@" --dry-run --format json |
		jq -r '.probes[] | "\(.point)__\(.mechanism)"'
}

# at_most LABEL NAME SHARE OTHER: what NAME adds is no more than so much of what
# OTHER adds, both measured in this run.
at_most() {
	local label=$1 a=${added[$2]:-} share=$3 b=${added[$4]:-}

	[[ -n $a && -n $b ]] || return 0
	awk -v label="$label" -v name="$2" -v a="$a" -v share="$share" -v other="$4" -v b="$b" 'BEGIN {
		ok = a <= share * b
		printf "%s %s: %s is %.3f of %s, at most %.3f\n", ok ? "ok" : "FAILED",
			label, name, a / b, other, share
		exit !ok }' || failed=1
}

forwarded() {
	local -a latency=(--vm-interface ens11 --phy-interface bench0 --direction tx)
	local -a ours untyped

	mapfile -t ours < <(programs latency summary "${latency[@]}")
	untyped=("${ours[@]/__tp_btf/__raw_tp}")
	untyped=("${untyped[@]/__fentry/__kprobe}")
	path "FORWARDED (UDP send, veth, OVS, port)" bench0
	forward_base=$base
	run "nothing attached, again"
	run "empty programs" attach empty "${ours[@]}"
	run "latency summary" ours latency summary "${latency[@]}"
	run "latency summary --stages ends" ours latency summary "${latency[@]}" --stages ends
	run "latency summary --by flow" ours latency summary "${latency[@]}" --by flow
	run "latency summary, filter does not match" ours latency summary "${latency[@]}" \
		--dst-port 10
	run "latency details, filter does not match" stream latency details "${latency[@]}" \
		--dst-port 10 --threshold 1s --output /dev/null
	run "latency details, nothing above 1 s" stream latency details "${latency[@]}" \
		--threshold 1s --output /dev/null
	run "empty kprobes and raw tracepoints" attach empty "${untyped[@]}"
	run "LRU hash by packet, kprobes" attach lru "${untyped[@]}"
	run "bpftrace, the same times" bpftrace tests/bench/pairs.bt
	run "latency qdisc, no queue" ours latency qdisc --device bench0
	run "drop summary, nothing is dropped" ours drop summary
	run "bpftrace, kfree_skb by kstack" bpftrace -e "$by_stack"
	run "ovs upcall summary, no upcalls" ours ovs upcall summary
}

# Every packet asks ovs-vswitchd, whose own work is most of the total.
upcalled() {
	ovs-vsctl set Open_vSwitch . other_config:flow-limit=0
	ovs-appctl revalidator/purge
	sender=upcalls
	path "UPCALLS (ping, each packet both ways)" bench0
	run "ovs upcall summary" ours ovs upcall summary
	run "ovs upcall summary, filter does not match" ours ovs upcall summary --dst-port 10
	sender=send
	ovs-vsctl remove Open_vSwitch . other_config flow-limit
}

# The same with a queue at the port.
queued() {
	tc qdisc add dev bench0 root fq_codel
	path "QUEUED (the same, with fq_codel at the port)" bench0
	run "latency qdisc" ours latency qdisc --device bench0
	run "latency qdisc, filter does not match" ours latency qdisc --device bench0 \
		--dst-port 10
	run "latency qdisc, another device" ours latency qdisc --device lo
	run "latency qdisc --threshold, not reached" stream latency qdisc --device bench0 \
		--threshold 10s
	run "bpftrace, net_dev_queue to net_dev_start_xmit" bpftrace -e "$by_queue"
	tc qdisc delete dev bench0 root
}

readonly by_queue='tracepoint:net:net_dev_queue { @at[args->skbaddr] = nsecs; }
	tracepoint:net:net_dev_start_xmit /@at[args->skbaddr]/ {
		@ns = hist(nsecs - @at[args->skbaddr]); delete(@at[args->skbaddr]); }
	BEGIN { printf("READY\n"); }'
readonly by_stack='tracepoint:skb:kfree_skb { @[kstack(24)] = count(); }
	BEGIN { printf("READY\n"); }'
readonly by_reason='tracepoint:skb:kfree_skb { @[kstack(24), args->reason] = count(); }
	BEGIN { printf("READY\n"); }'

dropped() {
	path "DROPPED (UDP send, veth, OVS, IP, nftables)" LOCAL
	run "drop summary" ours drop summary
	run "drop summary --no-stack" ours drop summary --no-stack
	run "drop summary --by reason" ours drop summary --by reason
	run "drop summary, filter does not match" ours drop summary --dst-port 10
	run "drop details, filter does not match" stream drop details --dst-port 10 \
		--output /dev/null
	run "bpftrace, kfree_skb by kstack" bpftrace -e "$by_stack"
	if grep -q 'reason' /sys/kernel/tracing/events/skb/kfree_skb/format; then
		run "bpftrace, kfree_skb by kstack and reason" bpftrace -e "$by_reason"
	fi
}

# A ring that takes all of a count, and a reader that runs whenever it has some:
# per packet there is also the reader's work, as with a guest vhost's.
to_tap() {
	tap_up bench1 --bridge
	ip link set bench1 txqueuelen $((2 * packets))
	tap_read bench1
	path "TAP (UDP send, veth, OVS, ring, a program that reads)" bench1
	tap_base=$base
	run "tun summary" ours tun summary --device bench1
	ip tuntap add bench2 mode tap
	run "tun summary, another tap" ours tun summary --device bench2
	ip tuntap delete bench2 mode tap
	run "tun details, no ring is full" stream tun details --device bench1 --output /dev/null
	run "tun details --all, filter does not match" stream tun details --device bench1 --all \
		--dst-port 10 --output /dev/null
	run "bpftrace, tun_net_xmit with its queue" bpftrace -e "$by_tap"
	tap_down bench1
}

# shellcheck disable=SC2016 # bpftrace's own
readonly by_tap='kprobe:tun_net_xmit { @at[arg0] = nsecs; @[((struct sk_buff *)arg0)->queue_mapping] = count(); }
	tracepoint:skb:skb_copy_datagram_iovec /@at[args->skbaddr]/ {
		@ns = hist(nsecs - @at[args->skbaddr]); delete(@at[args->skbaddr]); }
	BEGIN { printf("READY\n"); }'

# The same, into the memory of a guest whose driver asks for a signal when it sleeps.
to_guest() {
	local commands=/tmp/bench.vring pid fd

	mkfifo "$commands"
	"$build/tools/vring" bench3 event-index < "$commands" > /dev/null &
	pid=$!
	exec {fd}> "$commands"
	wait_for 20 test -e /sys/class/net/bench3
	ip link set bench3 txqueuelen $((2 * packets < 30000 ? 2 * packets : 30000)) up
	ovs-vsctl add-port br-int bench3
	printf '%s\n' "post 256" poll >&"$fd"
	path "GUEST (UDP send, veth, OVS, ring, vhost, a driver)" bench3
	guest_base=$base
	run "vhost summary" ours vhost summary --device bench3
	ip tuntap add bench2 mode tap
	run "vhost summary, another tap" ours vhost summary --device bench2
	ip tuntap delete bench2 mode tap
	run "tun and vhost by bpftrace, an event each" bpftrace -e "$by_event"
	kill "$pid"
	wait "$pid" || true
	exec {fd}>&-
	ovs-vsctl del-port br-int bench3
}

# shellcheck disable=SC2016 # bpftrace's own
readonly by_event='kprobe:tun_net_xmit { printf("%d\n", ((struct sk_buff *)arg0)->queue_mapping); }
	kprobe:handle_rx, kprobe:vhost_add_used_and_signal_n { printf("%lx %lx\n", arg0, arg1); }
	BEGIN { printf("READY\n"); }'

# within NAME SHARE BASE: what NAME adds is no more than so much of its path.
within() {
	local a=${added[$1]:-}

	[[ -n $a && -n ${3:-} ]] || return 0
	awk -v name="$1" -v a="$a" -v share="$2" -v b="$3" 'BEGIN {
		ok = a <= share * b
		printf "%s %s: is %.3f of its path, at most %.3f\n", ok ? "ok" : "FAILED",
			name, a / b, share
		exit !ok }' || failed=1
}

# Whether the kernel has types of its modules, and with them fentry.
has_module_types() { [[ -e /sys/kernel/btf/openvswitch ]]; }

limits() {
	local old="LRU hash by packet, kprobes"

	echo
	if has_module_types; then
		at_most a "latency summary" 2.2 "empty programs"
		at_most a "latency summary" 0.4 "$old"
		at_most c "latency details, filter does not match" 1.5 "empty programs"
	else
		at_most e "latency summary" 0.75 "$old"
	fi
	at_most b "latency summary --stages ends" 0.3333 "latency summary"
	at_most d "latency summary" 1 "bpftrace, the same times"
	# What is not dropped, and what needs no upcall, costs nothing that can be measured.
	within "drop summary, nothing is dropped" 0.001 "${forward_base:-}"
	within "ovs upcall summary, no upcalls" 0.001 "${forward_base:-}"
	within "tun summary" 0.12 "${tap_base:-}"
	within "vhost summary" 0.12 "${guest_base:-}"
}

setup
echo "kernel $(uname -r), $packets packets, instructions per packet"
forwarded
queued
dropped
upcalled
to_tap
to_guest
limits
((failed == 0))
