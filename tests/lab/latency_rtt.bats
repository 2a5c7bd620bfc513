#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `latency rtt` on the path peer <-> ens11 <-> OVS <-> br-int <-> stack of each
# kernel: every ping counted as what it was, a known delay in its own part and
# no other, and never more time than ping itself saw.

bats_require_minimum_version 1.5.0
load ../lib/common

setup_file() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	topo_up
	modprobe -a sch_netem nf_tables
	# Flows that nobody uses for 10 s would go, and packets be upcalls again.
	ovs-vsctl set Open_vSwitch . other_config:max-idle=600000
	ping -q -c 2 -i 0.1 -W 5 "$PEER_IP" >/dev/null
	ping -q -c 2 -i 0.1 -W 5 "$PEER_IP6" >/dev/null
}

teardown_file() {
	. tests/lab/topology.sh
	topo_down
}

setup() {
	common_setup
	. tests/lab/topology.sh
	rtt=(latency rtt --phy-interface "$TOPO_PHY" --format json --interval 1h)
}

teardown() {
	tools_kill
	! was_called nft || nft flush ruleset
	! was_called tc || tc qdisc delete dev "$TOPO_PHY" root 2>/dev/null || :
	peer_run tc qdisc delete dev peer0 root 2>/dev/null || :
	peer_run sysctl -qw net.ipv4.icmp_echo_ignore_all=0
	echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_all
	[[ ! -e /sys/class/net/k0 ]] || ip link delete k0
}

# ping_from host|peer ADDRESS COUNT OPTION...: -U is from user space to user
# space; what it says of the times goes to ping_min, ping_mean in us
ping_from() {
	local who=$1 address=$2 count=$3 text

	shift 3
	[[ $who == host ]] && who=() || who=(peer_run)
	text=$("${who[@]}" ping -U -q -i 0.01 -W 10 -c "$count" "$@" "$address")
	[[ $text =~ \ $count\ received ]] || {
		echo "$text"
		return 1
	}
	[[ $text =~ =\ ([0-9.]+)/([0-9.]+)/ ]]
	ping_min=$(awk "BEGIN { printf \"%d\", ${BASH_REMATCH[1]} * 1000 }")
	ping_mean=$(awk "BEGIN { printf \"%d\", ${BASH_REMATCH[2]} * 1000 }")
}

# echo_send host|peer ADDRESS ID SEQ COUNT: as many ICMP messages of one id and
# seq, back to back; more options of tests/tools/send
echo_send() {
	local where=() src=$HOST_IP

	[[ $1 == host ]] || where=(--netns peer) src=$PEER_IP
	"$send" "${where[@]}" --raw --src "$src" --dst "$2" --icmp "$3:$4" --count "$5" \
		--size 56 "${@:6}" >/dev/null
}

part() { printf '(.[-1].rows[] | select(.part == "%s"))' "$1"; }

# What holds for any report: requests are accounted for, parts and stages add up.
expect_sound() { # NAME
	local -
	set +T
	expect_that "$1" "all(.[]; $whole)"
	expect_that "$1" '([.[].started] | add) == ([.[] | .completed + .unanswered +
		.ambiguous + .not_followed] | add) + .[-1].waiting'
	expect_that "$1" 'all(.[]; .unanswered == ([.unanswered_at[]] | add))'
	expect_that "$1" 'all(.[]; .completed as $n | all(.rows[], .stages[]; .count == $n))'
	# Rounding takes less than 1 ns a stage.
	expect_that "$1" '[.[] | ((.rows | map(select(.total))[0].mean_ns) // 0) as $total |
		((.rows | map(select(.total | not).mean_ns // 0) | add),
		 (.stages | map(.mean_ns // 0) | add)) |
		. <= $total + 1 and . + 7 >= $total] | all'
	expect_that "$1" 'all(.[] | .rows[], .stages[] | select(.count > 0); .min_ns <= .p50_ns and
		.p50_ns <= .p90_ns and .p90_ns <= .p95_ns and .p95_ns <= .p99_ns and
		.p99_ns <= .p999_ns and .p999_ns <= .max_ns and .min_ns <= .mean_ns and
		.mean_ns <= .max_ns and ([.histogram[].count] | add) == .count)'
	# Each stage begins where the one before it ended.
	expect_that "$1" 'all(.[].stages; . as $s | [range(1; length)] |
		all(.[]; $s[.].from == $s[. - 1].to))'
}

# All of the pings and nothing else.
expect_all() { # NAME COUNT
	expect_that "$1" "misses as \$missed | .[-1] | all(.started, .completed;
		. <= $2 and . >= $2 - \$missed) and .duplicates == 0 and .waiting == 0 and
		.unanswered + .ambiguous + .not_followed + .unmatched <= \$missed"
	expect_sound "$1"
}

@test "200 pings are 200 round trips, as initiator and as responder, IPv4 and IPv6" {
	local name

	tool_start out "${rtt[@]}" --protocol icmp
	tool_start out6 "${rtt[@]}" --protocol icmp6
	ping_from host "$PEER_IP" 200
	# ping's clock starts earlier and stops later, in user space.
	local min=$ping_min mean=$ping_mean
	ping_from host "$PEER_IP6" 200
	# These two are the peer's: none of the initiator's.
	peer_run ping -q -c 5 -i 0.01 "$HOST_IP" >/dev/null
	tool_stop out out6
	expect_that out "$(part total) | .min_ns <= $min * 1000 and .mean_ns <= $mean * 1000 and
		.mean_ns >= $mean * 250"
	expect_that out6 "$(part total) | .min_ns <= $ping_min * 1000 and
		.mean_ns <= $ping_mean * 1000 and .mean_ns >= $ping_mean * 250"
	tool_start in "${rtt[@]}" --role responder --protocol icmp
	tool_start in6 "${rtt[@]}" --role responder --protocol icmp6
	ping_from peer "$HOST_IP" 200
	mean=$ping_mean
	ping_from peer "$HOST_IP6" 200
	ping -q -c 5 -i 0.01 "$PEER_IP" >/dev/null
	tool_stop in in6
	expect_that in "$(part total) | .mean_ns <= $mean * 1000"
	expect_that in6 "$(part total) | .mean_ns <= $ping_mean * 1000"
	for name in out out6 in in6; do expect_all $name 200; done
	expect_that out '.[-1] | (.rows | map(.part) == ["request", "wire_and_peer", "reply",
		"total"]) and (.stages | map(.to) == ["internal", "qdisc", "driver", "nic",
		"internal", "transport"]) and .elsewhere == 0'
	expect_that in '.[-1] | (.rows | map(.part) == ["request", "responder", "reply",
		"total"]) and (.stages | map(.to) == ["internal", "transport", "ip", "internal",
		"qdisc", "driver"])'
	expect_met
	expect_json out latency.rtt
	expect_json in6 latency.rtt
}

@test "5 ms in the queue of ens11 are in the request of an initiator only" {
	tc qdisc replace dev "$TOPO_PHY" root netem delay 5ms
	tool_start s "${rtt[@]}" --over 4ms
	ping_from host "$PEER_IP" 100
	tool_stop s
	expect_all s 100
	expect_that s "$(part request) | .min_ns >= 5000000 and .mean_ns <= $ping_mean * 1000"
	expect_that s "$(part wire_and_peer).p50_ns < 2500000 and $(part reply).p50_ns < 2500000"
	expect_that s '[.[-1].stages[] | select(.min_ns >= 5000000) | .to] == ["driver"]'
	expect_that s "$(part total).over == 100 and .[-1].over == 100"
	# The responder's answer goes by the same queue.
	tool_start r "${rtt[@]}" --role responder
	ping_from peer "$HOST_IP" 50
	tool_stop r
	expect_all r 50
	expect_that r "$(part reply) | .min_ns >= 5000000 and .mean_ns <= $ping_mean * 1000"
	expect_that r "$(part request).p50_ns < 2500000 and $(part responder).p50_ns < 2500000"
	expect_met
}

@test "5 ms in the peer are beyond the wire only, and as many as ping sees" {
	local plain

	ping_from host "$PEER_IP" 100
	plain=$ping_min
	peer_run tc qdisc replace dev peer0 root netem delay 5ms
	tool_start s "${rtt[@]}"
	ping_from host "$PEER_IP" 100
	tool_stop s
	expect_all s 100
	expect_that s "$(part wire_and_peer).min_ns >= 5000000"
	expect_that s "$(part request).p50_ns < 2500000 and $(part reply).p50_ns < 2500000"
	# Of what ping sees added, within a tenth: of the fastest, for which no emulated
	# CPU stood still.
	expect_that s "$(part wire_and_peer).min_ns / 1000 | . > ($ping_min - $plain) * 0.9 and
		. <= $ping_min"
	expect_that s "$(part total).mean_ns <= $ping_mean * 1000"
	# To the responder, what its peer waits for does not exist.
	tool_start r "${rtt[@]}" --role responder
	ping_from peer "$HOST_IP" 50
	tool_stop r
	expect_all r 50
	expect_that r "$(part total).p50_ns < 2500000"
	expect_met
}

@test "no answer: unanswered after the timeout, by the last stage" {
	peer_run sysctl -qw net.ipv4.icmp_echo_ignore_all=1
	tool_start s "${rtt[@]}" --timeout 500ms
	tool_start late "${rtt[@]}" --timeout 10m
	ping -q -i 0.01 -W 1 -c 30 "$PEER_IP" >/dev/null || :
	# Nobody has this address; nothing leaves the host for want of a neighbour.
	ping -q -i 0.01 -W 1 -c 4 10.9.0.99 >/dev/null || :
	ping_from host "$PEER_IP6" 10
	nft "add table ip6 t; add chain ip6 t in { type filter hook input priority 0; };
		add rule ip6 t in icmpv6 type echo-reply drop"
	# ping waits for a second after the last.
	ping -q -i 0.01 -W 1 -c 20 "$PEER_IP6" >/dev/null || :
	tool_stop s late
	expect_that s '.[-1] | .started == 64 and .completed == 10 and .unanswered == 54 and
		.waiting == 0 and .unanswered_at.request_driver == 30 and
		.unanswered_at.reply_internal == 20 and .unanswered_at.request_ip == 4'
	expect_that late '.[-1] | .started == 64 and .completed == 10 and
		.unanswered == 0 and .waiting == 54'
	expect_sound s
	expect_sound late
	nft flush ruleset
	sysctl -qw net.ipv4.icmp_echo_ignore_all=1
	tool_start r "${rtt[@]}" --role responder --timeout 300ms
	peer_run ping -q -i 0.01 -W 1 -c 25 "$HOST_IP" >/dev/null || :
	tool_stop r
	expect_that r '.[-1] | .started == 25 and .unanswered == 25 and
		.unanswered_at.request_transport == 25'
	expect_sound r
	expect_met
}

@test "a reply after the timeout gives no time" {
	peer_run tc qdisc replace dev peer0 root netem delay 400ms
	tool_start s "${rtt[@]}" --timeout 100ms
	ping -q -i 0.01 -W 2 -c 20 "$PEER_IP" >/dev/null
	tool_stop s
	expect_that s '.[-1] | .started == 20 and .unanswered == 20 and .completed == 0'
	expect_sound s
	expect_met
}

# The host has received $1 replies since it was started.
has_replies() {
	awk -v want="$1" '/^Icmp:/ && !n { for (i = 1; i <= NF; i++) if ($i == "InEchoReps") n = i
		next } /^Icmp:/ { exit $n < want }' /proc/net/snmp
}

@test "repeated requests, repeated replies, replies without a request" {
	local before

	tool_start s "${rtt[@]}" --timeout 1m
	ping_from host "$PEER_IP" 10
	# The peer answers each request twice.
	peer_run tc qdisc replace dev peer0 root netem duplicate 100%
	ping -q -i 0.05 -W 2 -c 20 "$PEER_IP" >/dev/null
	peer_run tc qdisc delete dev peer0 root
	before=$(awk '/^Icmp:/ && !n { for (i = 1; i <= NF; i++) if ($i == "InEchoReps") n = i
		next } /^Icmp:/ { print $n }' /proc/net/snmp)
	# One id and seq three times before an answer can come.
	peer_run tc qdisc replace dev peer0 root netem delay 100ms
	echo_send host "$PEER_IP" 7 1 3
	# Replies that nobody asked for.
	echo_send peer "$HOST_IP" 9 1 6 --reply
	wait_for 20 has_replies $((before + 9))
	tool_stop s
	expect_that s '.[-1] | .started == 31 and .completed == 30 and .ambiguous == 1 and
		.duplicates == 22 and .unmatched == 6'
	expect_sound s
	expect_met
}

@test "a request whose sender makes the IP header is counted, not measured" {
	tool_start s "${rtt[@]}" --timeout 1s
	echo_send host "$PEER_IP" 8 1 1 --header
	ping_from host "$PEER_IP" 5
	tool_stop s
	expect_that s '.[-1] | .started == 6 and .completed == 5 and .not_followed == 1 and
		.unmatched == 0'
	expect_sound s
	expect_met
}

@test "what goes elsewhere is none of it" {
	tool_start s "${rtt[@]}" --timeout 300ms
	tool_start r "${rtt[@]}" --role responder --timeout 300ms
	ping -q -c 7 -i 0.01 127.0.0.1 >/dev/null
	ping -q -c 7 -i 0.01 "$HOST_IP" >/dev/null
	sleep 1.5
	tool_stop s r
	expect_that s '.[-1] | .started == 0 and .elsewhere == 14 and .unmatched == 0'
	expect_that r '.[-1] | .started == 0 and .elsewhere == 0'
	expect_met
}

@test "two pings at once are kept apart, filters show theirs and no other" {
	local name pids=()

	tool_start all "${rtt[@]}"
	tool_start six "${rtt[@]}" --dst-ip "$PEER_IP6"
	tool_start net "${rtt[@]}" --dst-ip 10.9.0.0/28 --src-ip "$HOST_IP"
	tool_start none "${rtt[@]}" --dst-ip 10.9.0.77
	tool_start back "${rtt[@]}" --src-ip "$PEER_IP"
	tool_start dev "${rtt[@]}" --device "$TOPO_BRIDGE" --protocol icmp
	tool_start other "${rtt[@]}" --device lo
	tool_start port "${rtt[@]}" --internal-interface lo
	ping_from host "$PEER_IP" 60 3>&- 4>&- &
	pids+=($!)
	ping_from host "$PEER_IP" 60 -s 3000 3>&- 4>&- &
	pids+=($!)
	ping_from host "$PEER_IP6" 40 -s 3000
	wait "${pids[@]}"
	tool_stop all six net none back dev other port
	expect_all all 160
	expect_all six 40
	expect_all net 120
	expect_all dev 120
	for name in none back other; do expect_all $name 0; done
	expect_that port '.[-1] | .started == 0'
	expect_met
}

@test "VLAN tags, in the bytes and beside them" {
	ovs-vsctl set port "$TOPO_BRIDGE" tag=123
	peer_run ip link add link peer0 name peer0.123 type vlan id 123
	peer_run ip address add 10.9.23.1/24 dev peer0.123
	peer_run ip link set peer0.123 up
	ip address add 10.9.23.2/24 dev "$TOPO_BRIDGE"
	ping -q -c 3 -i 0.2 -W 5 10.9.23.1 >/dev/null
	tool_start tags "${rtt[@]}"
	ethtool -K "$TOPO_PHY" txvlan off
	ping_from host 10.9.23.1 30
	ethtool -K "$TOPO_PHY" txvlan on
	ping_from host 10.9.23.1 30
	tool_stop tags
	tool_start r "${rtt[@]}" --role responder --vlan 123
	tool_start r5 "${rtt[@]}" --role responder --vlan 5
	peer_run ethtool -K peer0 txvlan off
	ping_from peer 10.9.23.2 30
	peer_run ethtool -K peer0 txvlan on
	ping_from peer 10.9.23.2 30
	tool_stop r r5
	ip address delete 10.9.23.2/24 dev "$TOPO_BRIDGE"
	peer_run ip link delete peer0.123
	ovs-vsctl remove port "$TOPO_BRIDGE" tag 123
	expect_all tags 60
	expect_all r 60
	expect_all r5 0
	expect_met
}

@test "the first packets of a flow, which need an upcall, are followed too" {
	ping_from host "$PEER_IP" 3
	ovs-appctl revalidator/purge
	tool_start s "${rtt[@]}"
	ping_from host "$PEER_IP" 20
	tool_stop s
	expect_all s 20
	expect_met
}

@test "without OVS, by the kernel alone" {
	ip link add k0 type veth peer name k1 netns peer
	ip address add 10.7.0.1/24 dev k0
	ip link set k0 up
	peer_run ip address add 10.7.0.2/24 dev k1
	peer_run ip link set k1 up
	ping -q -c 2 -i 0.1 -W 5 10.7.0.2 >/dev/null
	rtt=(latency rtt --phy-interface k0 --via kernel --format json --interval 1h)
	tool_start s "${rtt[@]}"
	ping_from host 10.7.0.2 200
	ping_from host "$PEER_IP" 5
	tool_stop s
	expect_all s 200
	expect_that s "$(part total).mean_ns <= $ping_mean * 10000"
	expect_that s '.[-1] | .elsewhere == 5 and (.stages | map(.to) ==
		["qdisc", "driver", "nic", "transport"])'
	tool_start r "${rtt[@]}" --role responder
	ping_from peer 10.7.0.1 200
	tool_stop r
	expect_all r 200
	expect_that r '.[-1].stages | map(.to) == ["transport", "ip", "qdisc", "driver"]'
	expect_met
}

@test "records are those over the threshold, with the slowest part" {
	tool_start s "${rtt[@]}" --threshold 20ms
	ping_from host "$PEER_IP" 30
	peer_run tc qdisc replace dev peer0 root netem delay 50ms
	ping_from host "$PEER_IP" 7
	peer_run tc qdisc delete dev peer0 root
	tc qdisc replace dev "$TOPO_PHY" root netem delay 50ms
	ping_from host "$PEER_IP6" 5
	tc qdisc delete dev "$TOPO_PHY" root
	ping_from host "$PEER_IP" 30
	tool_stop s
	# Those of the delayed pings, all of them. Of the other 60 some may be there too:
	# an emulated CPU can stand still for 20 ms, hardly for most of them.
	expect_that s '[.[] | select(.type == "record")] | length >= 12 and length < 42 and
		all(.total_ns > 20000000 and ([.parts[]] | add) == .total_ns and
		    .at_ns.reply_transport == .total_ns and (.cpus | length) == 7)'
	# In which order they come back is the network's business.
	expect_that s '[map(select(.type == "record" and .flow.protocol == "icmp")) |
		group_by(.id)[] | select(all(.total_ns > 50000000) and
		(map(.seq) | sort) == [1, 2, 3, 4, 5, 6, 7])] | length == 1 and
		(.[0] | all(.flow.dst == "10.9.0.1") and
		(map(select(.slowest == "wire_and_peer")) | length) >= 6)'
	expect_that s 'map(select(.type == "record" and .flow.dst == "fd09::1")) |
		(map(.seq) | sort) == [1, 2, 3, 4, 5] and (map(.id) | unique | length) == 1 and
		all(.total_ns > 50000000) and
		(map(select(.slowest == "request")) | length) >= 4'
	expect_that s '(map(select(.type == "record")) | length) as $n | .[-1] |
		.type == "end" and .records == $n and .started == 72 and
		.completed == 72 and .complete'
	tool_start r latency rtt --phy-interface "$TOPO_PHY" --role responder --threshold 1us \
		--limit 5 --format json
	ping_from peer "$HOST_IP" 10
	tool_end r
	expect_that r '[.[] | select(.type == "record")] | length == 5 and
		all(.role == "responder" and .parts.responder_ns > 0)'
	expect_met
	expect_json s latency.rtt
	expect_json r latency.rtt
}

@test "intervals: every round trip in one of them" {
	tool_start s latency rtt --phy-interface "$TOPO_PHY" --format json --interval 50ms
	ping_from host "$PEER_IP" 200
	tool_stop s
	expect_that s 'length > 5 and ([.[].started] | add) == 200 and
		([.[].completed] | add) == 200 and ([.[].rows[] | select(.total).count] | add) == 200'
	expect_sound s
	expect_met
}

@test "text and pictures" {
	tool_start text latency rtt --phy-interface "$TOPO_PHY" --interval 1h
	tool_start hist latency rtt --phy-interface "$TOPO_PHY" --format hist --interval 1h
	tool_start rec latency rtt --phy-interface "$TOPO_PHY" --threshold 1us
	ping_from host "$PEER_IP" 20
	tool_stop text hist rec
	run grep -cE '^(request|wire_and_peer|reply|total) +[a-z]+ -> [a-z]+ +20 ' "$out/text.out"
	assert_output 10
	grep -qx 'Completed: 20' "$out/text.out"
	run grep -c ' distribution$' "$out/hist.out"
	assert_output 10
	run grep -cE 'seq=[0-9]+ .*slowest=[a-z_]+ .*ip\[[0-9]+\] .* transport\[[0-9]+\]"$' \
		"$out/rec.out"
	assert_output 20
}
