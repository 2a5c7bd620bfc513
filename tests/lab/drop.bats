#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `drop summary` and `drop details` on the path peer -> ens11 -> OVS -> br-int of
# each kernel: exact numbers of packets, dropped in known ways. What a kernel
# does not have is asserted as lacking.

load ../lib/common

setup_file() {
	. tests/lab/topology.sh
	topo_up
	modprobe -a nf_tables 8021q sch_tbf vxlan
	# Flows that nobody uses for 10 s would go, and packets be upcalls again.
	ovs-vsctl set Open_vSwitch . other_config:max-idle=600000
	sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ip route replace 10.78.0.0/24 dev "$TOPO_BRIDGE"
	ip route replace fd78::/64 dev "$TOPO_BRIDGE"
}

teardown_file() {
	. tests/lab/topology.sh
	sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0
	ip route delete 10.78.0.0/24 dev "$TOPO_BRIDGE"
	ip -6 route delete fd78::/64 dev "$TOPO_BRIDGE"
	topo_down
}

setup() {
	common_setup
	. tests/lab/topology.sh
	own_netns=$(stat -Lc %i /proc/self/ns/net)
	V4=(--src "$PEER_IP" --dst "$HOST_IP")
	V6=(--src "$PEER_IP6" --dst "$HOST_IP6")
}

teardown() {
	tools_kill
	! was_called nft || nft flush ruleset
	! was_called tc || tc qdisc delete dev "$TOPO_PHY" root 2>/dev/null || :
	! was_called ovs-ofctl || ovs-ofctl del-flows "$TOPO_BRIDGE" cookie=0x7e57/-1
	[[ ! -e /sys/class/net/v123 ]] || ip link delete v123
	if [[ -e /sys/class/net/vx0 ]]; then
		ip link delete vx0
		peer_run ip link delete vx0 2>/dev/null || :
	fi
	tap_down tapfull
}

has_reasons() { [[ $LAB_KERNEL != 5.10 ]]; }

# OVS has reasons of its own since 6.6; before, it frees what a flow drops as
# if it had been delivered.
has_ovs_drops() { [[ $LAB_KERNEL != 5.10 && $LAB_KERNEL != 6.1 ]]; }

# jq: the reason is $1, as the kernel says or, where it gives none, inferred
because() {
	local inferred=true

	if has_reasons; then inferred=false; fi
	printf '.reason == "%s" and .reason_inferred == %s' "$1" "$inferred"
}

# jq: the location is in one of these functions
in_function() {
	local name text=false

	for name; do text+=" or (.location | startswith(\"$name+\"))"; done
	printf '(%s)' "$text"
}

# What $1 printed will be checked by the last test, at once.
keep_json() { cat "$out/$1.out" >>"$BATS_FILE_TMPDIR/$2"; }

# jq: this flow exactly
flow_is() { # src, dst, sport, dport, protocol, vlan, "true" if a tunnel's inner one
	printf '.flow == {src: "%s", dst: "%s", src_port: %s, dst_port: %s, protocol: "%s",
		vlan: %s%s}' "${@:1:6}" "${7:+, inner: $7}"
}

# An nftables DROP rule for what this host sends, or gets.
drop_output() { drop_hook output "$1"; }
drop_input() { drop_hook input "$1"; }
drop_hook() {
	nft "add table inet t; add chain inet t c { type filter hook $1 priority 0; };
		add rule inet t c $2 drop"
}

# From the peer to br-int: options of tests/tools/send
send_peer() {
	"$send" --netns peer --device peer0 --to-mac "$TOPO_MAC:02" "$@" >/dev/null
}

@test "1, 37 and 5000 UDP packets to closed ports, IPv4 and IPv6, give these counts" {
	local n reason

	reason=$(because NO_SOCKET)
	tool_start s drop summary --interval 1h --top 0 -f json
	send_peer "${V4[@]}" --then --count 1 --udp 1000:7001 --then --count 37 --udp 1000:7037 \
		--then --count 5000 --udp 1000:12000 \
		--then "${V6[@]}" --count 1 --udp 1000:7001 \
		--then "${V6[@]}" --count 37 --udp 1000:7037 \
		--then "${V6[@]}" --count 5000 --udp 1000:12000
	tool_stop s
	for n in 1 37 5000; do
		expect_count s $n "$(flow_is "$PEER_IP" "$HOST_IP" 1000 $((7000 + n)) udp null) and
			.device == \"br-int\" and .netns == $own_netns and $reason and
			$(in_function __udp4_lib_rcv udp_rcv) and
			([.stack[] | select(.location)] | length == 1)"
		expect_count s $n "$(flow_is "$PEER_IP6" "$HOST_IP6" 1000 $((7000 + n)) udp null) and
			.device == \"br-int\" and .netns == $own_netns and $reason and
			$(in_function __udp6_lib_rcv udpv6_rcv)"
	done
	expect_count s 10076 '.flow.dst_port >= 7001 and .flow.dst_port <= 12000'
	expect_met
	keep_json s drop.summary
}

@test "nftables DROP rules, and TCP to a closed port: nothing of TCP is hidden" {
	nft "add table inet t; add chain inet t in { type filter hook input priority 0; };
		add rule inet t in udp dport 7120 drop; add rule inet t in tcp dport 7121 drop"
	tool_start s drop summary --src-ip "$PEER_IP" --dst-ip "$HOST_IP" --interval 1h -f json
	send_peer --then --count 37 "${V4[@]}" --udp 1000:7120 \
		--then --count 5 "${V4[@]}" --tcp 1000:7121/S/1/0 \
		--then --count 7 "${V4[@]}" --tcp 1000:7122/S/1/0
	tool_stop s
	expect_count s 37 "$(flow_is "$PEER_IP" "$HOST_IP" 1000 7120 udp null) and
		$(because NETFILTER_DROP) and $(in_function nf_hook_slow nft_do_chain) and
		.device == \"br-int\""
	expect_count s 5 "$(flow_is "$PEER_IP" "$HOST_IP" 1000 7121 tcp null) and
		$(because NETFILTER_DROP)"
	expect_count s 7 "$(flow_is "$PEER_IP" "$HOST_IP" 1000 7122 tcp null) and
		$(because NO_SOCKET) and $(in_function tcp_v4_rcv)"
	expect_count s 49 true
	expect_met
}

datapath_has() { ovs-appctl dpctl/dump-flows | grep -q "$1"; }

@test "VLAN 123 is shown where the packet still has its tag" {
	ip link add link "$TOPO_BRIDGE" name v123 type vlan id 125
	ip address add 10.123.0.2/24 dev v123
	ip link set v123 up
	nft "add table netdev t;
		add chain netdev t in { type filter hook ingress device $TOPO_PHY priority 0; };
		add rule netdev t in vlan id 123 drop"
	ovs-ofctl add-flow "$TOPO_BRIDGE" cookie=0x7e57,priority=9,dl_vlan=124,actions=drop
	# What is sent before the datapath knows the flow goes another way.
	send_peer "${V4[@]}" --udp 1000:7151 --vlan 124 --vlan 8
	wait_for 10 datapath_has 'vid=124'
	tool_start v123 drop summary --vlan 123 --interval 1h -f json
	tool_start v124 drop summary --vlan 124 --interval 1h -f json
	tool_start all drop summary --vlan 124 --all --interval 1h -f json
	tool_start device drop summary --device v123 --interval 1h -f json
	send_peer --then --count 37 "${V4[@]}" --udp 1000:7150 --vlan 123 \
		--then --count 9 "${V6[@]}" --udp 1000:7150 --vlan 123 \
		--then --count 21 "${V4[@]}" --udp 1000:7151 --vlan 124 --vlan 8 \
		--then --count 12 --src 10.123.0.1 --dst 10.123.0.2 --udp 1000:7152 --vlan 125
	tool_stop v123 v124 all device
	expect_count v123 37 "$(flow_is "$PEER_IP" "$HOST_IP" 1000 7150 udp 123) and
		.device == \"ens11\" and $(because NETFILTER_DROP)"
	expect_count v123 9 "$(flow_is "$PEER_IP6" "$HOST_IP6" 1000 7150 udp 123)"
	expect_count v123 46 true
	# The VLAN device has taken the tag off.
	expect_count device 12 "$(flow_is 10.123.0.1 10.123.0.2 1000 7152 udp null) and
		.device == \"v123\" and $(because NO_SOCKET)"
	expect_count device 12 true
	if has_ovs_drops; then
		expect_count v124 21 "$(flow_is "$PEER_IP" "$HOST_IP" 1000 7151 udp 124) and
			.reason == \"OVS_DROP_LAST_ACTION\" and .reason_inferred == false and
			$(in_function do_execute_actions ovs_execute_actions) and
			(.location | endswith(\" [openvswitch]\")) and .device == \"ens11\""
		expect_count v124 21 true
	else
		expect_count v124 0 true
		expect_count all 21 "$(flow_is "$PEER_IP" "$HOST_IP" 1000 7151 udp 124) and
			.reason == \"CONSUMED\" and .device == \"ens11\" and
			any(.stack[]; .symbol == \"do_execute_actions\")"
	fi
	expect_met
}

@test "a full tun ring behind OVS: what was sent minus what the reader got" {
	local got

	tap_up tapfull --bridge
	ovs-ofctl add-flow "$TOPO_BRIDGE" \
		"cookie=0x7e57,priority=9,udp,tp_dst=7160,actions=output:tapfull"
	tool_start s drop summary --dst-port 7160 --interval 1h -f json
	send_peer --count 1500 "${V4[@]}" --udp 1000:7160
	tool_stop s
	tap_read tapfull
	got=$(tap_hold tapfull)
	((got >= 500 && got < 1500))
	expect_count s $((1500 - got)) ".device == \"tapfull\" and $(because FULL_RING) and
		$(in_function tun_net_xmit)"
	expect_count s $((1500 - got)) true
	expect_met
}

@test "a queue discipline at its limit: what tc counts" {
	local dropped

	tc qdisc replace dev "$TOPO_PHY" root handle 9: tbf rate 8kbit burst 200 limit 2000
	tool_start s drop summary --dst-port 7170 --interval 1h -f json
	"$send" --count 200 --device "$TOPO_BRIDGE" --to-mac "$TOPO_MAC:01" \
		--src "$HOST_IP" --dst "$PEER_IP" --udp 1000:7170 --ignore-full >/dev/null
	dropped=$(tc -s -j qdisc show dev "$TOPO_PHY" |
		jq '[.[] | select(.handle == "9:")][0].drops')
	tool_stop s
	((dropped > 100 && dropped < 200))
	expect_count s "$dropped" '.device == "ens11" and (.reason | startswith("QDISC_"))'
	has_reasons || expect_count s "$dropped" '.reason == "QDISC_DROP" and .reason_inferred
		and (.location | startswith("kfree_skb_list+") or startswith("__dev_queue_xmit+"))'
	expect_met
}

@test "expired TTLs" {
	tool_start s drop summary --dst-port 7140 --interval 1h -f json
	send_peer --then --count 37 --src "$PEER_IP" --dst 10.78.0.9 --udp 1000:7140 --ttl 1 \
		--then --count 9 --src "$PEER_IP6" --dst fd78::9 --udp 1000:7140 --ttl 1
	tool_stop s
	expect_count s 37 ".flow.dst == \"10.78.0.9\" and $(because IP_INHDR) and
		$(in_function ip_forward) and .device == \"br-int\""
	expect_count s 9 ".flow.dst == \"fd78::9\" and $(because IP_INHDR) and
		$(in_function ip6_forward) and .device == \"br-int\""
	expect_met
}

@test "drops in another network namespace have its device and its number, or name" {
	local netns

	netns=$(stat -Lc %i /run/netns/peer)
	tool_start s drop summary --dst-ip "$PEER_IP" --dst-port 7180 --interval 1h -f json
	tool_start text drop summary --dst-ip "$PEER_IP" --dst-port 7180 --interval 1h \
		--by reason,device,flow
	"$send" --count 37 --socket --src "$HOST_IP" --dst "$PEER_IP" \
		--udp 1000:7180 >/dev/null
	tool_stop s text
	expect_count s 37 "$(flow_is "$HOST_IP" "$PEER_IP" 1000 7180 udp null) and
		.device == \"peer0\" and .netns == $netns and $(because NO_SOCKET)"
	expect_met
	grep -q '^#1 Count: 37 \[device: peer0\] \[netns: peer\] \[reason: NO_SOCKET' "$out/text.out"
	if has_reasons; then
		grep -q '^Found 1 unique reason+device+flow combination$' "$out/text.out"
	else
		# The reason is inferred from the location, which therefore is there.
		grep -q '\[reason: NO_SOCKET (inferred)\]' "$out/text.out"
		grep -q '^Found 1 unique location+reason+device+flow combination$' "$out/text.out"
	fi
}

@test "each filter shows its flow and no other, several instances side by side" {
	local common=(--interval 1h --top 0 -f json) status=0

	nft "add table netdev t;
		add chain netdev t in { type filter hook ingress device $TOPO_PHY priority 0; };
		add rule netdev t in vlan id 123 drop"
	tool_start src drop summary "${common[@]}" --src-ip 10.9.0.96/29
	tool_start dst drop summary "${common[@]}" --src-ip "$PEER_IP6" --dst-ip fd09::/112
	tool_start dport drop summary "${common[@]}" --dst-port 7182
	tool_start tcp drop summary "${common[@]}" --protocol tcp --dst-ip "$HOST_IP"
	tool_start vlan drop summary "${common[@]}" --vlan 123
	tool_start device drop summary "${common[@]}" --device br-int,ens11 --src-ip 10.9.0.0/24
	if has_reasons; then
		tool_start reason drop summary "${common[@]}" --reason netfilter_drop \
			--src-ip "$PEER_IP"
	else
		"$VNETDIAG" drop summary --reason NO_SOCKET >"$out/no" 2>"$out/err" || status=$?
		assert_equal "$status" 3
		grep -q 'this kernel gives no drop reasons' "$out/err"
		[[ ! -s $out/no ]]
	fi
	send_peer --then --count 21 "${V4[@]}" --udp 1001:7181 \
		--then --count 22 "${V4[@]}" --udp 1002:7182 \
		--then --count 23 --src 10.9.0.99 --dst "$HOST_IP" --udp 1003:7183 \
		--then --count 24 --src 10.9.0.104 --dst "$HOST_IP" --udp 1003:7183 \
		--then --count 25 "${V4[@]}" --tcp 1004:7184/S/1/0 \
		--then --count 26 "${V4[@]}" --udp 1005:7185 --vlan 123 \
		--then --count 27 "${V6[@]}" --udp 1006:7186
	"$send" --count 28 --socket --src "$HOST_IP" --dst "$PEER_IP" \
		--udp 1007:7187 >/dev/null
	tool_stop "${!tool_pids[@]}"
	expect_count src 23 '.flow.src == "10.9.0.99" and .flow.dst_port == 7183'
	expect_count src 23 true
	expect_count dst 27 '.flow.src == "fd09::1" and .flow.dst_port == 7186'
	expect_count dst 27 true
	expect_count dport 22 '.flow.dst_port == 7182'
	expect_count dport 22 true
	expect_count tcp 25 '.flow.protocol == "tcp" and .flow.dst_port == 7184'
	expect_count tcp 25 true
	expect_count vlan 26 '.flow.vlan == 123'
	expect_count vlan 26 true
	expect_count device 141 '.flow.dst_port >= 7181 and .flow.dst_port <= 7185'
	expect_count device 0 '.device != "br-int" and .device != "ens11"'
	if has_reasons; then
		expect_count reason 26 '.flow.vlan == 123'
		expect_count reason 26 true
	fi
	expect_met
}

@test "packets that end normally are shown with --all alone" {
	tool_start all drop summary --all --src-ip "$PEER_IP" --protocol icmp --device br-int \
		--interval 1h -f json
	tool_start drops drop summary --src-ip "$PEER_IP" --protocol icmp --interval 1h -f json
	send_peer --count 37 "${V4[@]}" --icmp 1:1
	tool_stop all drops
	expect_count all 37 '.reason == "CONSUMED" and .device == "br-int"'
	expect_count drops 0 true
	expect_met
}

@test "details decode each packet; ring and perf buffer give the same" {
	local macs=".src_mac == \"$TOPO_MAC:01\" and .dst_mac == \"$TOPO_MAC:02\""

	nft "add table inet t; add chain inet t in { type filter hook input priority 0; };
		add rule inet t in icmp type echo-request drop;
		add rule inet t in icmpv6 type echo-request drop;
		add table arp t; add chain arp t in { type filter hook input priority 0; };
		add rule arp t in drop"
	tool_start ring drop details -f json --stack
	tool_start perf drop details -f json --dst-port 7220 --perf-buffer
	send_peer --then --count 300 "${V4[@]}" --udp 1000:7220 --ttl 33 --id 4000 --size 100 \
		--then --count 1 "${V4[@]}" --tcp 1000:7221/S/305419896/0 \
		--then --count 1 "${V4[@]}" --tcp 1000:7222/FPA/7/4000000000 \
		--then --count 2 "${V4[@]}" --icmp 77:5 \
		--then --count 2 "${V6[@]}" --icmp 78:9 --ttl 44 \
		--then --count 2 --src 10.9.0.1 --dst 10.9.0.2 --arp
	tool_stop ring perf
	keep_json ring drop.details
	expect_records ring 300 "$macs and .flow.dst_port == 7220 and .ttl == 33 and
		.len == 108 and .ip_len == 128 and .ip_id >= 4000 and .ip_id < 4300 and
		.device == \"br-int\" and $(because NO_SOCKET) and
		([.stack[] | select(.location)] | length == 1)"
	expect_records perf 300 "$macs and .flow.dst_port == 7220 and .stack == null"
	expect_that perf 'map(.ip_id // empty) | sort == [range(4000; 4300)]'
	expect_that ring 'map(select(.flow.dst_port == 7220).ip_id) | sort == [range(4000; 4300)]'
	expect_records ring 1 "$macs and .flow.dst_port == 7221 and .tcp_flags == \"SYN\" and
		.tcp_seq == 305419896 and .tcp_ack == 0"
	expect_records ring 1 '.flow.dst_port == 7222 and .tcp_flags == "FIN,PSH,ACK" and
		.tcp_seq == 7 and .tcp_ack == 4000000000'
	expect_records ring 2 "$macs and .flow.protocol == \"icmp\" and .icmp_type == 8 and
		.icmp_code == 0 and .icmp_id == 77 and (.icmp_seq == 5 or .icmp_seq == 6)"
	expect_records ring 2 "$macs and .flow.protocol == \"icmp6\" and .icmp_type == 128 and
		.icmp_id == 78 and (.icmp_seq == 9 or .icmp_seq == 10) and .ttl == 44"
	expect_records ring 2 "$macs and .arp_op == 1 and .flow.src == \"10.9.0.1\" and
		.flow.dst == \"10.9.0.2\" and $(because NETFILTER_DROP)"
	expect_met
}

@test "details: --limit, --rate-limit and --pcap" {
	nft "add table netdev t;
		add chain netdev t in { type filter hook ingress device $TOPO_PHY priority 0; };
		add rule netdev t in vlan id 123 drop"
	tool_start limit drop details -f json --dst-port 7240 --limit 5
	tool_start rate drop details -f json --dst-port 7240 --rate-limit 10/s
	tool_start pcap drop details --src-ip "$PEER_IP" --dst-port 7240 \
		--pcap "$out/p.pcapng" --snap-length 64
	send_peer --then --count 200 "${V4[@]}" --udp 1000:7240 --size 300 \
		--then --count 6 "${V4[@]}" --udp 1000:7240 --vlan 123
	tool_end limit
	assert_equal "$tool_status" 0
	tool_stop rate pcap
	expect_that limit 'record_sum(true) == 5'
	expect_that rate 'record_sum(true) + last.losses.suppressed == 206'
	expect_that rate 'record_sum(true) | . >= 10 and . < 150'
	expect_met
	keep_json rate drop.details
	assert_equal "$(tcpdump -nn -r - <"$out/p.pcapng" 2>"$out/err" | wc -l)" 206
	# tshark reads such files in tests/live; here it is too slow.
	assert_equal "$(tcpdump -nn -e -r - vlan 123 <"$out/p.pcapng" 2>"$out/err" | wc -l)" 6
	assert_equal "$(grep -ao 'drop reason: NO_SOCKET[^;]*; location: [^;]*; device: br-int' \
		"$out/p.pcapng" | wc -l)" 200
	assert_equal "$(grep -ao 'drop reason: NETFILTER_DROP[^;]*; location: [^;]*; device: ens11' \
		"$out/p.pcapng" | wc -l)" 6
}

# Two processes of two threads; sets pid_NAME and tid_NAME.
threads_start() { # name, port, count, count of the other thread, its name in hex
	local line

	"$test_tools/threads" "$HOST_IP" "$PEER_IP" "${@:2}" <&"$go" \
		>"$out/ids.$1" 3>&- 4>&- &
	senders+=($!)
	wait_for 20 grep -q . "$out/ids.$1"
	read -r line <"$out/ids.$1"
	printf -v "pid_$1" %s "${line% *}"
	printf -v "tid_$1" %s "${line#* }"
}

# Whose packet is dropped on output is certain: it is the sender's own call.
@test "details: --pid, --tid and --comm; a name that is no text" {
	local senders=() go pid_a tid_a pid_b tid_b

	drop_output 'udp dport 7300-7311'
	mkfifo "$out/go"
	exec {go}<>"$out/go"
	threads_start a 7300 21 22 "$(printf worker-a | od -An -tx1 | tr -d ' ')"
	threads_start b 7310 23 24 ff22fe5c0a80
	tool_start all drop details -f json --dst-ip "$PEER_IP"
	tool_start pid drop details -f json --pid "$pid_a"
	tool_start tid drop details -f json --tid "$tid_a" --dst-ip "$PEER_IP"
	tool_start comm drop details -f json --comm worker-a
	tool_start both drop details -f json --pid "$pid_b" --comm worker-a
	printf 'xx' >&"$go"
	wait "${senders[@]}"
	exec {go}>&-
	tool_stop all pid tid comm both
	keep_json all drop.details
	expect_records all 21 ".pid == $pid_a and .tid == $pid_a and .flow.dst_port == 7300"
	expect_records all 22 ".pid == $pid_a and .tid == $tid_a and .flow.dst_port == 7301 and
		.comm == \"worker-a\""
	expect_records all 23 ".pid == $pid_b and .tid == $pid_b and .flow.dst_port == 7310"
	expect_records all 24 ".pid == $pid_b and .tid == $tid_b and .flow.dst_port == 7311 and
		(.comm | explode | map(select(. == 65533)) | length >= 2) and (.comm | contains(\"\\\"\"))"
	expect_records all 90 "$(because NETFILTER_DROP)"
	expect_records pid 43 '.flow.dst_port == 7300 or .flow.dst_port == 7301'
	expect_records pid 43 true
	expect_records tid 22 '.flow.dst_port == 7301'
	expect_records tid 22 true
	expect_records comm 22 '.flow.dst_port == 7301'
	expect_records comm 22 true
	expect_records both 0 true
	expect_met
}

@test "--inner looks into VXLAN: while it is wrapped, and not at others" {
	local inner=(--src 10.66.0.1 --dst 10.66.0.2) mac=02:00:00:00:42:02

	ip link add vx0 address $mac type vxlan id 42 local "$HOST_IP" remote "$PEER_IP" \
		dstport 4789
	peer_run ip link add vx0 type vxlan id 42 local "$PEER_IP" remote "$HOST_IP" dstport 4789
	ip address add 10.66.0.2/24 dev vx0
	ip link set vx0 up
	peer_run ip link set vx0 up
	drop_input 'udp dport 4789 udp length 90'
	tool_start inner drop summary --inner --dst-ip 10.66.0.2 --interval 1h -f json
	tool_start port drop summary --inner --dst-port 7321 --interval 1h -f json
	tool_start outer drop summary --dst-ip "$HOST_IP" --interval 1h -f json
	tool_start each drop details --inner --dst-port 7320 -f json
	# 32 bytes of payload make 90 of the outer UDP, 40 make 98.
	"$send" --netns peer --device vx0 --to-mac $mac "${inner[@]}" \
		--then --count 31 --udp 1000:7320 --then --count 32 --udp 1000:7321 \
		--then --count 33 --udp 1000:7320 --size 40 >/dev/null
	tool_stop inner port outer each
	keep_json each drop.details
	expect_count inner 31 "$(flow_is 10.66.0.1 10.66.0.2 1000 7320 udp null true) and
		.device == \"br-int\" and $(because NETFILTER_DROP)"
	expect_count inner 33 "$(flow_is 10.66.0.1 10.66.0.2 1000 7320 udp null) and
		.device == \"vx0\" and $(because NO_SOCKET)"
	expect_count inner 96 true
	expect_count port 32 "$(flow_is 10.66.0.1 10.66.0.2 1000 7321 udp null true)"
	expect_count port 32 true
	expect_count outer 63 ".flow.src == \"$PEER_IP\" and .flow.dst_port == 4789 and
		.flow.protocol == \"udp\""
	expect_count outer 63 true
	expect_records each 31 '.vni == 42 and .device == "br-int" and .flow.dst_port == 7320'
	expect_records each 33 '.vni == null and .device == "vx0"'
	expect_records each 64 true
	expect_met
}

@test "details: a TCP packet of several segments" {
	drop_output 'tcp dport 7330 meta length > 1600'
	peer_run "$tcp" listen 7330 "$out/bytes"
	tool_start s drop details -f json --dst-port 7330
	"$tcp" send "$PEER_IP" 7330 14000 reset
	tool_stop s
	# 1500 less 20 of IP, 20 of TCP and 12 of time stamps; type 1 is TCP over IPv4.
	expect_that s 'map(select(.gso_size)) | length > 0 and all(.[]; .gso_size == 1448 and
		.gso_type == "0x1" and .gso_segs == ((.ip_len - 52) / 1448 | ceil) and
		.gso_segs > 1 and (.tcp_flags | test("ACK")))'
	expect_that s '[.[] | select(.type == "record")] | all(.[]; .gso_size)'
	expect_met
	keep_json s drop.details
}

# Sends $1 packets to the guest and tells by how much its tap's drops grew.
drops_of_tap() {
	local drops=/sys/class/net/$TOPO_TAP/statistics/tx_dropped before

	before=$(<"$drops")
	"$send" --netns peer --device peer0 --to-mac "$TOPO_MAC:03" \
		--src "$PEER_IP" --dst "$GUEST_IP" --count "$1" --udp "1000:${2:-9}" >/dev/null
	printf '%s\n' $(($(<"$drops") - before))
}

all_dropped() { (($(drops_of_tap 50) == 50)); }

@test "a guest that stands still: its tap's ring is full, and vhost waits" {
	local n

	[[ ${LAB_GUEST:-no} == yes ]] || skip "the lab was started without --guest"
	guest_up
	guest_stop
	# 256 of the guest's, what vhost has in hand, 1000 of the ring.
	drops_of_tap 1500
	wait_for 20 all_dropped
	tool_start s drop summary --dst-ip "$GUEST_IP" --dst-port 7340 --interval 1h -f json
	tool_start each drop details --device "$TOPO_TAP" --dst-port 7341 -f json
	n=$(drops_of_tap 300 7340)
	assert_equal "$n" 300
	n=$(drops_of_tap 37 7341)
	assert_equal "$n" 37
	tool_stop s each
	expect_count s 300 "$(flow_is "$PEER_IP" "$GUEST_IP" 1000 7340 udp null) and
		.device == \"$TOPO_TAP\" and $(because FULL_RING) and $(in_function tun_net_xmit)"
	expect_count s 300 true
	expect_records each 37 "$(because FULL_RING) and $(in_function tun_net_xmit)"
	expect_met
	keep_json s drop.summary
	guest_cont
	wait_for 20 peer_run ping -q -c 1 -W 1 "$GUEST_IP"
}

rss() { awk '/^VmRSS/ { print $2 }' "/proc/$(tool_pid "$1")/status"; }

@test "a flood of flows with a small map: bounded memory, every packet accounted for" {
	local before after

	tool_start s drop summary --dst-port 7270 --max-entries 100 --interval 500ms -f json
	send_peer --count 500 "${V4[@]}" --udp 1000:7270 --flows 60000
	# The first report with a row reads the kernel's symbols, once.
	wait_for 20 grep -q '"count":' "$out/s.out"
	before=$(rss s)
	send_peer --count 9500 "${V4[@]}" --udp 2000:7270 --flows 59000
	after=$(rss s)
	tool_stop s
	expect_that s 'last.losses.map_full > 0 and last.total_since_start > 0'
	expect_that s 'last.losses.map_full + last.total_since_start == 10000'
	expect_that s 'map(.total) | add == ($s | last.total_since_start)'
	# The kernel keeps a few spare entries on each CPU.
	expect_that s 'map(.combinations) | max <= 200'
	expect_met
	((after - before < 1024)) || explain s "RSS grew from $before to $after kB"
	((after < 40000)) || explain s "RSS is $after kB"
}

@test "what the tests above printed as JSON fits the schemas" {
	local schema

	for schema in drop.summary drop.details; do
		json_fits $schema "$BATS_FILE_TMPDIR/$schema"
	done
}
