#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Loads every program of every command on the running kernel, in four ways:
# with the mechanisms that the kernel offers and without the typed ones, with
# no filter and with all of them. Prints "COMMAND WAY FILTER PROGRAM COUNT":
# the instructions that the verifier went through (5.10: that the program has).
# Called by tests/lab/load.bats and tests/fixtures/verifier-baseline.sh.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
vnetdiag=${VNETDIAG:-./vnetdiag}

filter=(--src-ip 2001:db8::/32 --dst-ip 2001:db8::1 --src-port 1 --dst-port 2
	--protocol udp --vlan 5 --device lo --inner)
task_filter=(--pid 1 --tid 1 --comm fifteen-letters)
# Of pairs of devices the device is an end, and no filter.
pair_filter=(--src-ip 2001:db8::/32 --dst-ip 2001:db8::1 --src-port 1 --dst-port 2
	--protocol udp --vlan 5 --inner)
# Flows are of no device.
flow_filter=(--src-ip 2001:db8::/32 --dst-ip 2001:db8::1 --src-port 1 --dst-port 2
	--protocol udp --vlan 5)
# Pings have no ports.
echo_filter=(--src-ip 2001:db8::/32 --dst-ip 2001:db8::1 --protocol icmp6 --vlan 5 --device lo)

# Two at a time: half of a start is waiting for grace periods.
load() {
	# In a pipe it cannot be waited for from here.
	((BASH_SUBSHELL == 0)) || {
		load_now "$@"
		return
	}
	if ((running == 2)); then
		wait -n || failed=1
		((running--)) || :
	fi
	load_now "$@" >"$work/load.$nr_loads" &
	((++running, ++nr_loads))
}

# load_now COMMAND WAY FILTER OPTION...
load_now() {
	local name=$1 way=$2 with=$3 log status=0

	shift 3
	if [[ $way == untyped ]]; then
		set -- "$@" --avoid tp_btf,fentry
	fi
	if [[ $with == full && $name == "latency rtt" ]]; then
		set -- "$@" "${echo_filter[@]}"
	elif [[ $with == full && $name == "tun details" ]]; then
		set -- "$@" "${filter[@]/#lo/loadtap}"
	elif [[ $with == full && $name == "latency pair" ]]; then
		set -- "$@" "${pair_filter[@]}"
	elif [[ $with == full && $name == "ovs megaflow" ]]; then
		set -- "$@" "${flow_filter[@]}"
	elif [[ $with == full* ]]; then
		set -- "$@" "${filter[@]}"
	fi
	# shellcheck disable=SC2086 # several words
	log=$(timeout 120 "$vnetdiag" $name --duration 1ms --verbose "$@" 2>&1 >/dev/null) ||
		status=$?
	if ((status)); then
		printf '%s\n' "$log" >&2
		echo "load.sh: status $status: $name $*" >&2
		return 1
	fi
	sed -n "s/^vnetdiag: program '\(.*\)': \([0-9]*\) instructions$/${name// /.} $way $with \1 \2/p" \
		<<<"$log"
}

failed=0 running=0 nr_loads=0
work=$(mktemp -d)
modprobe -a tun vhost_net
ip tuntap add loadtap mode tap
# As many pairs as there can be: some of lo's and these devices'.
dummies=(loadvm load1 load2 load3)
pairs=$work/pairs
for device in "${dummies[@]}"; do
	ip link add "$device" type dummy
	echo "lo $device"
	for other in "${dummies[@]}"; do
		[[ $other == "$device" ]] || echo "$device $other"
	done
done >"$pairs"
# shellcheck disable=SC2317 # runs from the exit trap
clean_up() {
	local device

	for device in "${dummies[@]}" loadtap; do ip link delete "$device"; done
	rm -r "$work"
}
trap clean_up EXIT
for way in typed untyped; do
	for with in plain full; do
		all=() task=() qdisc=qdisc,flow
		# The counters of a queue know no packets: no filter goes with them.
		[[ $with == plain ]] || all=(--all) task=("${task_filter[@]}") qdisc=flow
		load "drop summary" $way $with "${all[@]}" \
			--by stack,location,reason,device,flow || failed=1
		load "drop details" $way $with "${all[@]}" "${task[@]}" --stack \
			--pcap /dev/null --rate-limit 100 || failed=1
		load "drop qdisc" $way $with --by $qdisc || failed=1
		for latency in "latency summary" "latency details"; do
			more=(--stages full --phy-interface lo)
			[[ $latency != *summary ]] || more+=(--over 1ms --by flow --sample 2)
			[[ $latency != *details ]] ||
				more+=(--threshold "total=1ms,nic=1ms" --rate-limit 100)
			load "$latency" $way $with --via ovs "${more[@]}" || failed=1
			load "$latency" $way $with-vm --via ovs --vm-interface loadvm \
				"${more[@]}" || failed=1
			load "$latency" $way $with-kernel --via kernel "${more[@]}" || failed=1
		done
		# All packets and nothing but their times: an object of its own.
		if [[ $with == plain ]]; then
			more=(--stages full --phy-interface lo)
			load "latency summary" $way lean --via ovs "${more[@]}" || failed=1
			load "latency summary" $way lean-vm --via ovs --vm-interface loadvm \
				"${more[@]}" || failed=1
			load "latency summary" $way lean-kernel --via kernel "${more[@]}" || failed=1
		fi
		# A device must be named: with the full filter it is.
		device=(--device lo)
		[[ $with == plain ]] || device=()
		load "latency qdisc" $way $with "${device[@]}" --threshold 1ms \
			--rate-limit 100 || failed=1
		load "latency rtt" $way $with --phy-interface lo --over 1ms || failed=1
		# --summary is made of the same records.
		load "ovs megaflow" $way $with --rate-limit 100 || failed=1
		load "ovs upcall summary" $way $with --by port,handler,cause,flow || failed=1
		load "ovs upcall details" $way $with --threshold total=1ms,queue=1ms,user=1ms \
			--rate-limit 100 || failed=1
		load "ovs drop" $way $with --by cause,port,flow || failed=1
		# It looks at no packets: there is no filter.
		[[ $with == full ]] || load "ovs threads" $way $with --pid $$ || failed=1
		# What goes into a ring is of all packets: a device is its only filter.
		tap=(--device loadtap)
		[[ $with == plain ]] || tap=()
		load "tun summary" $way none "${tap[@]}" | sed "s/ none / $with /" || failed=1
		load "tun details" $way $with --all --stack --rate-limit 100 || failed=1
		load "vhost summary" $way none "${tap[@]}" | sed "s/ none / $with /" || failed=1
		load "vhost details" $way none "${tap[@]}" --flagged --rate-limit 100 |
			sed "s/ none / $with /" || failed=1
		load "vhost peek" $way none "${tap[@]}" | sed "s/ none / $with /" || failed=1
		load "latency pair" $way $with --pairs "$pairs" --threshold 1ms --missing \
			--rate-limit 100 || failed=1
	done
done
# The other transport of records; its programs are the same by name.
load "drop details" typed perf-buffer --stack --perf-buffer || failed=1
# The other ways of a command, whose programs are again the same by name.
for way in typed untyped; do
	load "latency rtt" $way responder --phy-interface lo --role responder || failed=1
	load "latency rtt" $way records --phy-interface lo --threshold 1ms || failed=1
done
while ((running > 0)); do
	wait -n || failed=1
	((running--)) || :
done
cat "$work"/load.*
exit $failed
