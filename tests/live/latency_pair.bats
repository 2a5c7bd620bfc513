#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `latency pair` on this machine's kernel, over a Linux bridge in namespaces of our
# own: a0 - (va br0 vb) - b0, and the bridge as the host's own end.

load ../lib/common

MAC_A=02:00:00:66:00:01 MAC_B=02:00:00:66:00:02

in_host() { ip netns exec "$VNP_H" "$@"; }
in_a() { ip netns exec "$VNP_A" "$@"; }

setup_file() {
	local ns device

	export VNP_H=vnp-h-$$ VNP_A=vnp-a-$$ VNP_B=vnp-b-$$
	for ns in "$VNP_H" "$VNP_A" "$VNP_B"; do
		ip netns add "$ns"
		ip netns exec "$ns" sysctl -qw net.ipv6.conf.default.disable_ipv6=1
	done
	ip -n "$VNP_H" link add br0 type bridge
	ip -n "$VNP_H" link add va type veth peer name a0 address $MAC_A netns "$VNP_A"
	ip -n "$VNP_H" link add vb type veth peer name b0 address $MAC_B netns "$VNP_B"
	for device in va vb; do ip -n "$VNP_H" link set $device up master br0; done
	ip -n "$VNP_H" address add 10.66.0.9/24 dev br0
	ip -n "$VNP_H" link set br0 up
	ip -n "$VNP_A" address add 10.66.0.1/24 dev a0
	ip -n "$VNP_B" address add 10.66.0.2/24 dev b0
	ip -n "$VNP_A" link set a0 up
	ip -n "$VNP_B" link set b0 up
	ip netns exec "$VNP_A" ping -q -c 1 -W 5 10.66.0.2 >/dev/null
	ip netns exec "$VNP_A" ping -q -c 1 -W 5 10.66.0.9 >/dev/null
}

teardown_file() {
	local ns

	for ns in "$VNP_H" "$VNP_A" "$VNP_B"; do ip netns delete "$ns"; done
}

setup() {
	common_setup
	# The tool sees the devices of the namespace that it runs in.
	printf '#!/bin/bash\nexec ip netns exec %s %s "$@"\n' "$VNP_H" \
		"$(realpath "$VNETDIAG")" >"$out/vnetdiag"
	chmod +x "$out/vnetdiag"
	VNETDIAG=$out/vnetdiag
	pair=(latency pair --format json --interval 1h --timeout 20s)
}

teardown() {
	tools_kill
	in_host tc qdisc delete dev vb root 2>/dev/null || :
}

# $1: SPORT:DPORT, $2: how many; more options
frames() {
	local ports=$1 count=$2

	shift 2
	in_a "$send" --device a0 --to-mac $MAC_B --src 10.66.0.1 --dst 10.66.0.2 \
		--udp "$ports" --count "$count" "$@" >/dev/null
}

is_empty() { [[ $(in_host tc -s -j qdisc show dev vb | jq 'map(.qlen) | max') -eq 0 ]]; }

@test "over a bridge, and with the bridge as an end: every packet, typed and not" {
	printf '%s\n' 'va vb' 'vb va' >"$out/between"
	printf '%s\n' 'va br0' 'br0 va' >"$out/host"
	tool_start between "${pair[@]}" --pairs "$out/between" --protocol icmp \
		--dst-ip 10.66.0.0/30
	tool_start untyped "${pair[@]}" --pairs "$out/between" --avoid tp_btf --protocol icmp
	# Neighbours ask for each other now and then, by ARP, which has addresses, too.
	tool_start host "${pair[@]}" --pairs "$out/host" --protocol icmp --src-ip 10.66.0.9
	tool_start to_host "${pair[@]}" --pairs "$out/host" --protocol icmp --dst-ip 10.66.0.9
	in_a ping -q -f -c 1000 -W 5 10.66.0.2 >"$out/ping"
	in_a ping -q -f -c 300 -W 5 10.66.0.9 >"$out/ping"
	tool_stop between untyped host to_host
	expect_that between '.[-1] | .complete and .started == 2000 and .completed == 2000 and
		(.rows | map(.count) == [1000, 1000]) and .missing == 0 and .ambiguous == 0'
	# That one has no filter of addresses: what is for the bridge is on its way yet.
	expect_that untyped '.[-1] | .complete and .started == 2300 and .completed == 2000 and
		.waiting == 300'
	expect_that host '.[-1] | .started == 300 and (.rows | map(.count) == [0, 300])'
	expect_that to_host '.[-1] | .started == 300 and (.rows | map(.count) == [300, 0])'
	expect_met
	expect_json between latency.pair
}

@test "equal headers in a slow queue: eight are told apart, the others ambiguous" {
	# Each takes 50 ms, behind those that came before it.
	in_host tc qdisc replace dev vb root tbf rate 10kbit burst 100 limit 100000
	tool_start few "${pair[@]}" --from va --to vb --dst-port 7601
	tool_start many "${pair[@]}" --from va --to vb --dst-port 7602
	tool_start slow "${pair[@]}" --from va --to vb --dst-port 7601 --threshold 1ms
	frames 4000:7601 8 --size 1 --src fd66::1 --dst fd66::2
	frames 4000:7602 20 --size 1 --src fd66::1 --dst fd66::2
	wait_for 20 is_empty
	tool_stop few many slow
	expect_that few '.[-1] | .complete and .started == 8 and .completed == 8 and
		.rows[0].max_ns > 100000000'
	# More than eight if one went on while the sender was held up.
	expect_that many '.[-1] | .complete and .started == 20 and .completed >= 8 and
		.ambiguous == 20 - .completed and .missing == 0 and .waiting == 0'
	expect_that slow 'map(select(.type == "record")) | length > 3 and
		all(.total_ns > 1000000 and .flow.dst == "fd66::2" and .flow.dst_port == 7601)'
	expect_met
	expect_json slow latency.pair
}
