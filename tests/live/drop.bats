#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `drop summary` and `drop details` on this machine's kernel (6.1 or later with
# BTF; needs root): known packets give known counts. Two network namespaces of
# our own, a0 10.77.0.1 -- b0 10.77.0.2, nothing else is touched.

load ../lib/common

MAC_A=02:00:00:77:00:01
MAC_B=02:00:00:77:00:02

in_a() { ip netns exec "$A" "$@"; }
in_b() { ip netns exec "$B" "$@"; }

# Packets from a0 to b0: options of tests/tools/send
send_ab() { in_a "$send" --device a0 --to-mac "$MAC_B" "$@" >/dev/null; }

V4=(--src 10.77.0.1 --dst 10.77.0.2)
V6=(--src fd77::1 --dst fd77::2)

make_end() { # namespace, device, digit, MAC of the other
	ip -n "$1" link set lo up
	ip -n "$1" link set "$2" up
	ip -n "$1" address add "10.77.0.$3/24" dev "$2"
	ip -n "$1" address add "fd77::$3/64" dev "$2" nodad
	ip -n "$1" neighbour add "10.77.0.$((3 - $3))" lladdr "$4" dev "$2"
	ip -n "$1" neighbour add "fd77::$((3 - $3))" lladdr "$4" dev "$2"
}

setup_file() {
	local ns

	# The names in the tests' own processes have to be the same.
	export VNL_A=vnl-a-$$ VNL_B=vnl-b-$$
	for ns in "$VNL_A" "$VNL_B"; do
		ip netns add "$ns"
		ip netns exec "$ns" sysctl -qw net.ipv6.conf.default.accept_dad=0 \
			net.ipv6.conf.default.router_solicitations=0 \
			net.ipv6.conf.default.addr_gen_mode=1
	done
	ip -n "$VNL_A" link add a0 address $MAC_A type veth \
		peer name b0 address $MAC_B netns "$VNL_B"
	make_end "$VNL_A" a0 1 $MAC_B
	make_end "$VNL_B" b0 2 $MAC_A
}

teardown_file() {
	ip netns delete "$VNL_A"
	ip netns delete "$VNL_B"
}

setup() {
	common_setup
	A=$VNL_A B=$VNL_B
}

teardown() {
	tools_kill
	in_b nft flush ruleset
	in_a tc qdisc del dev a0 root 2>/dev/null || :
	if [[ -n ${holder:-} ]]; then kill "$holder"; wait "$holder" || :; fi
}

@test "1, 37 and 5000 UDP packets to closed ports, IPv4 and IPv6, give these counts" {
	local netns n
	netns=$(stat -Lc %i "/run/netns/$B")

	tool_start v4 drop summary --src-ip 10.77.0.0/24 --interval 1h --top 0 -f json
	tool_start v6 drop summary --src-ip fd77::/64 --interval 1h --top 0 -f json
	send_ab "${V4[@]}" --then --count 1 --udp 1000:7001 --then --count 37 --udp 1000:7037 \
		--then --count 5000 --udp 1000:12000
	send_ab "${V6[@]}" --then --count 1 --udp 1000:7001 --then --count 37 --udp 1000:7037 \
		--then --count 5000 --udp 1000:12000
	tool_stop v4 v6
	for n in 1 37 5000; do
		expect_count v4 $n ".flow == {src: \"10.77.0.1\", dst: \"10.77.0.2\",
			src_port: 1000, dst_port: $((7000 + n)), protocol: \"udp\", vlan: null}
			and .device == \"b0\" and .netns == $netns
			and .reason == \"NO_SOCKET\" and .reason_inferred == false
			and (.location | startswith(\"__udp4_lib_rcv+\") or startswith(\"udp_rcv+\"))
			and ([.stack[] | select(.location) | .symbol] | length == 1)"
		expect_count v6 $n ".flow == {src: \"fd77::1\", dst: \"fd77::2\",
			src_port: 1000, dst_port: $((7000 + n)), protocol: \"udp\", vlan: null}
			and .device == \"b0\" and .netns == $netns and .reason == \"NO_SOCKET\"
			and (.location | startswith(\"__udp6_lib_rcv+\") or startswith(\"udpv6_rcv+\"))"
	done
	expect_count v4 5038 true
	expect_count v6 5038 true
	expect_met
	expect_json v4 drop.summary
	expect_json v6 drop.summary
}

@test "datagrams of a socket count like frames" {
	tool_start s drop summary --dst-port 7100 --interval 1h -f json
	send_ab --socket --udp 1000:7100 --then --count 37 "${V4[@]}" --then --count 12 "${V6[@]}"
	tool_stop s
	expect_count s 37 '.flow.src == "10.77.0.1" and .reason == "NO_SOCKET"'
	expect_count s 12 '.flow.src == "fd77::1" and .reason == "NO_SOCKET"'
	expect_met
}

@test "packets that a full receive buffer refuses are counted, the others are not" {
	local sent=400

	listen_start "$B" 10.77.0.2 7110 2048
	tool_start s drop summary --dst-port 7110 --interval 1h -f json
	tool_start d drop details --dst-port 7110 -f json
	send_ab --count $sent "${V4[@]}" --udp 1000:7110 --size 64
	listen_stop
	tool_stop s d
	((listen_got > 0 && listen_got < sent))
	# Some kernels have overwritten the device by then: the headers are there.
	expect_records d $((sent - listen_got)) ".src_mac == \"$MAC_A\" and
		(.device == \"b0\" or .device == null)"
	expect_count s $((sent - listen_got)) '.reason == "SOCKET_RCVBUFF"'
	expect_met
}

@test "an nftables DROP rule" {
	drop_rule "$B" inet input 'udp dport 7120'
	drop_rule "$B" inet input 'tcp dport 7121'
	tool_start s drop summary --src-ip 10.77.0.1 --interval 1h -f json
	send_ab --then --count 37 "${V4[@]}" --udp 1000:7120 \
		--then --count 5 "${V4[@]}" --tcp 1000:7121/S/1/0
	tool_stop s
	expect_count s 37 '.flow.dst_port == 7120 and .reason == "NETFILTER_DROP" and
		(.location | startswith("nf_hook_slow+") or startswith("nft_do_chain+")) and .device == "b0"'
	expect_count s 5 '.flow.dst_port == 7121 and .flow.protocol == "tcp" and
		.reason == "NETFILTER_DROP"'
	expect_count s 42 true
	expect_met
}

@test "TCP: a SYN to a closed port is not hidden, nor is the RST that answers a stray ACK" {
	tool_start s drop summary --protocol tcp --dst-ip 10.77.0.2 --interval 1h -f json
	send_ab --then --count 7 "${V4[@]}" --tcp 1000:7130/S/1/0 \
		--then --count 3 "${V4[@]}" --tcp 1000:7131/A/1/1
	tool_stop s
	expect_count s 7 '.flow.dst_port == 7130 and .reason == "NO_SOCKET" and
		(.location | startswith("tcp_v4_rcv+"))'
	expect_count s 3 '.flow.dst_port == 7131 and .reason == "NO_SOCKET"'
	expect_met
}

@test "expired TTLs" {
	in_b sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	ip -n "$B" route replace 10.78.0.0/24 dev b0
	ip -n "$B" route replace fd78::/64 dev b0
	tool_start s drop summary --dst-port 7140 --interval 1h -f json
	send_ab --then --count 37 --src 10.77.0.1 --dst 10.78.0.9 --udp 1000:7140 --ttl 1 \
		--then --count 9 --src fd77::1 --dst fd78::9 --udp 1000:7140 --ttl 1
	tool_stop s
	expect_count s 37 '.flow.dst == "10.78.0.9" and .reason == "IP_INHDR" and
		(.location | startswith("ip_forward+")) and .device == "b0"'
	expect_count s 9 '.flow.dst == "fd78::9" and .reason == "IP_INHDR" and
		(.location | startswith("ip6_forward+"))'
	expect_met
}

@test "VLAN tags are shown where the packet still has them" {
	drop_rule "$B" netdev 'ingress device b0' 'udp dport 7150-7151'
	drop_rule "$B" netdev 'ingress device b0' 'vlan id 124'
	tool_start outer drop summary --vlan 123 --interval 1h -f json
	tool_start inner drop summary --vlan 7 --interval 1h -f json
	tool_start double drop details --vlan 7 -f json
	send_ab --then --count 37 "${V4[@]}" --udp 1000:7150 --vlan 123 \
		--then --count 5 "${V4[@]}" --udp 1000:7151 \
		--then --count 11 "${V4[@]}" --udp 1000:7152 --vlan 124 --vlan 7 \
		--then --count 4 "${V6[@]}" --udp 1000:7152 --vlan 124 --vlan 7
	tool_stop outer inner double
	expect_count outer 37 '.flow.vlan == 123 and .flow.dst_port == 7150 and
		.reason == "NETFILTER_DROP" and .device == "b0"'
	expect_count outer 37 true
	expect_count inner 11 '.flow.vlan == 124 and .flow.dst_port == 7152 and
		.flow.src == "10.77.0.1"'
	expect_count inner 15 true
	expect_records double 15 ".flow.vlan == 124 and .vlan2 == 7 and
		.src_mac == \"$MAC_A\" and .dst_mac == \"$MAC_B\""
	expect_met
	expect_json double drop.details
}

@test "a full tun ring: what was sent minus what the reader got" {
	local got

	ip netns exec "$B" "$test_tools/tap" vnltap 1 \
		"$out/tap" 3>&- 4>&- &
	holder=$!
	wait_for 10 grep -qs '^hold ' "$out/tap"
	in_b sysctl -qw net.ipv6.conf.vnltap.disable_ipv6=1
	ip -n "$B" link set vnltap up
	tool_start s drop summary --dst-port 7160 --interval 1h -f json
	in_b "$send" --device vnltap --count 1500 --src 10.79.0.1 \
		--dst 10.79.0.2 --udp 1000:7160 --ignore-full >/dev/null
	tool_stop s
	kill -USR1 "$holder"
	wait_for 10 grep -qs '^read ' "$out/tap"
	got=$(cut -d' ' -f2 "$out/tap")
	((got >= 500 && got < 1500))
	expect_count s $((1500 - got)) '.device == "vnltap" and .reason == "FULL_RING" and
		(.location | startswith("tun_net_xmit+"))'
	expect_met
}

@test "a queue discipline at its limit" {
	local dropped

	in_a tc qdisc replace dev a0 root handle 9: tbf rate 8kbit burst 200 limit 2000
	tool_start s drop summary --dst-port 7170 --interval 1h -f json
	send_ab --count 200 "${V4[@]}" --udp 1000:7170 --ignore-full
	tool_stop s
	dropped=$(in_a tc -s -j qdisc show dev a0 | jq '[.[] | select(.handle == "9:")][0].drops')
	((dropped > 100 && dropped < 200))
	expect_count s "$dropped" '.device == "a0" and (.reason | startswith("QDISC_"))'
	expect_met
}

@test "each filter shows its flow and no other" {
	local common=(--interval 1h --top 0 -f json)

	drop_rule "$B" netdev 'ingress device b0' 'vlan id 123'
	tool_start src drop summary "${common[@]}" --src-ip 10.77.0.96/29
	tool_start src6 drop summary "${common[@]}" --src-ip fd77::/120
	tool_start dst drop summary "${common[@]}" --dst-ip 10.77.0.2 --src-ip 10.77.0.1
	tool_start sport drop summary "${common[@]}" --src-port 1001 --dst-ip 10.77.0.2
	tool_start dport drop summary "${common[@]}" --dst-port 7182
	tool_start tcp drop summary "${common[@]}" --protocol tcp --dst-ip 10.77.0.2/31
	tool_start vlan drop summary "${common[@]}" --vlan 123
	tool_start reason drop summary "${common[@]}" --reason netfilter_drop --dst-ip 10.77.0.2
	tool_start details drop details -f json --dst-port 7182 --src-ip 10.77.0.1
	send_ab --then --count 21 "${V4[@]}" --udp 1001:7181 \
		--then --count 22 "${V4[@]}" --udp 1002:7182 \
		--then --count 23 --src 10.77.0.99 --dst 10.77.0.2 --udp 1003:7183 \
		--then --count 24 --src 10.77.0.104 --dst 10.77.0.2 --udp 1003:7183 \
		--then --count 25 "${V4[@]}" --tcp 1004:7184/S/1/0 \
		--then --count 26 "${V4[@]}" --udp 1005:7185 --vlan 123 \
		--then --count 27 "${V6[@]}" --udp 1006:7186 \
		--then --count 28 --src fd77::100 --dst fd77::2 --udp 1006:7186
	tool_stop "${!tool_pids[@]}"
	expect_count src 23 '.flow.src == "10.77.0.99" and .flow.dst_port == 7183'
	expect_count src 23 true
	expect_count src6 27 '.flow.src == "fd77::1" and .flow.dst_port == 7186'
	expect_count src6 27 '.flow.dst_port == 7186'
	expect_count dst 94 '.flow.src == "10.77.0.1" and .flow.dst == "10.77.0.2"'
	expect_count dst 94 true
	expect_count sport 21 '.flow.src_port == 1001'
	expect_count sport 21 true
	expect_count dport 22 '.flow.dst_port == 7182'
	expect_count dport 22 true
	expect_count tcp 25 '.flow.protocol == "tcp" and .flow.dst_port == 7184'
	expect_count tcp 25 true
	expect_count vlan 26 '.flow.vlan == 123'
	expect_count vlan 26 true
	expect_count reason 26 '.reason == "NETFILTER_DROP" and .flow.vlan == 123'
	expect_count reason 26 true
	expect_records details 22 true
	expect_met
}

@test "--device is of the tool's own network namespace, and of no other" {
	# A device of the same number in the other namespace must not match.
	printf '#!/bin/sh\nexec ip netns exec %s %s "$@"\n' "$B" "$(realpath "$VNETDIAG")" \
		>"$out/in_b"
	chmod +x "$out/in_b"
	VNETDIAG=$out/in_b
	tool_start b0 drop summary --device b0 --interval 1h -f json
	tool_start lo drop summary --device lo --interval 1h -f json
	send_ab --count 13 "${V4[@]}" --udp 1000:7190
	in_b "$send" --count 6 --socket --src 127.0.0.1 --dst 127.0.0.1 \
		--udp 1000:7191 >/dev/null
	in_a "$send" --count 8 --socket --src 127.0.0.1 --dst 127.0.0.1 \
		--udp 1000:7191 >/dev/null
	tool_stop b0 lo
	expect_count b0 13 '.flow.dst_port == 7190 and .device == "b0"'
	expect_count b0 13 '.flow.dst_port == 7191 or .flow.dst_port == 7190'
	expect_count lo 6 '.flow.dst_port == 7191 and .device == "lo"'
	expect_count lo 6 '.flow.dst_port == 7191 or .flow.dst_port == 7190'
	expect_met
}

@test "packets that end normally are shown with --all alone" {
	tool_start all drop summary --all --src-ip 10.77.0.1 --protocol icmp --interval 1h \
		-f json
	tool_start drops drop summary --src-ip 10.77.0.1 --protocol icmp --interval 1h -f json
	tool_start each drop details --all --src-ip 10.77.0.1 --protocol icmp -f json
	send_ab --count 37 "${V4[@]}" --icmp 1:1
	tool_stop all drops each
	expect_count all 37 '.reason == "CONSUMED" and .device == "b0" and .location == null'
	expect_count all 37 true
	expect_count drops 0 true
	expect_records each 37 '.reason == "CONSUMED" and .icmp_id == 1'
	expect_met
}

@test "--by says what tells two rows apart; totals are the rows' sums" {
	local common=(--dst-ip 10.77.0.2 --interval 1h -f json)

	tool_start device drop summary "${common[@]}" --by device
	tool_start reason drop summary "${common[@]}" --by reason
	tool_start flow drop summary "${common[@]}" --by flow --top 3
	tool_start place drop summary "${common[@]}" --no-stack --top 0
	tool_start text drop summary --dst-ip 10.77.0.2 --interval 1h --by location,reason
	send_ab --then --count 20 "${V4[@]}" --udp 1000:7210 --flows 20 \
		--then --count 5 "${V4[@]}" --tcp 1000:7211/S/1/0
	tool_stop "${!tool_pids[@]}"
	expect_that device 'map(.rows[]) | map([.count, .device, .reason, .flow, .stack]) ==
		[[25, "b0", null, null, null]]'
	expect_that reason 'map(.rows[]) | map([.count, .device, .reason, .location]) ==
		[[25, null, "NO_SOCKET", null]]'
	expect_that flow 'map([(.rows | length), .rows[0].count, .combinations, .total,
		.total_since_start]) == [[3, 5, 21, 25, 25]]'
	expect_count place 20 '.stack == null and .flow.protocol == "udp" and
		(.location | startswith("__udp4_lib_rcv+"))'
	expect_met
	grep -q '^Found 2 unique location+reason combinations$' "$out/text.out"
	grep -q '^#1 Count: 20 \[reason: NO_SOCKET\]$' "$out/text.out"
	grep -q '^Total since start: 25$' "$out/text.out"
	expect_json device drop.summary
	expect_json flow drop.summary
}

@test "details decode the packets from Ethernet to transport" {
	local macs=".src_mac == \"$MAC_A\" and .dst_mac == \"$MAC_B\""

	drop_rule "$B" inet input 'icmp type echo-request'
	drop_rule "$B" inet input 'icmpv6 type echo-request'
	drop_rule "$B" arp input
	tool_start s drop details -f json --stack
	send_ab --then --count 3 "${V4[@]}" --udp 1000:7220 --ttl 33 --id 4000 --size 100 \
		--then --count 1 "${V4[@]}" --tcp 1000:7221/S/305419896/0 \
		--then --count 1 "${V4[@]}" --tcp 1000:7222/FPA/7/4000000000 \
		--then --count 2 "${V4[@]}" --icmp 77:5 \
		--then --count 2 "${V6[@]}" --icmp 78:9 --ttl 44 \
		--then --count 2 --src 10.77.0.1 --dst 10.77.0.2 --arp
	tool_stop s
	expect_json s drop.details
	expect_records s 3 "$macs and .flow.dst_port == 7220 and .ttl == 33 and .len == 108
		and .ip_len == 128 and .ip_id >= 4000 and .ip_id <= 4002
		and .device == \"b0\" and .reason == \"NO_SOCKET\"
		and ([.stack[] | select(.location)] | length == 1)"
	expect_that s 'map(select(.flow.dst_port == 7220).ip_id) | sort == [4000, 4001, 4002]'
	expect_records s 1 "$macs and .flow.dst_port == 7221 and .tcp_flags == \"SYN\"
		and .tcp_seq == 305419896 and .tcp_ack == 0"
	expect_records s 1 ".flow.dst_port == 7222 and .tcp_flags == \"FIN,PSH,ACK\"
		and .tcp_seq == 7 and .tcp_ack == 4000000000"
	expect_records s 2 "$macs and .flow.protocol == \"icmp\" and .icmp_type == 8
		and .icmp_code == 0 and .icmp_id == 77 and (.icmp_seq == 5 or .icmp_seq == 6)"
	expect_records s 2 "$macs and .flow.protocol == \"icmp6\" and .icmp_type == 128
		and .icmp_id == 78 and (.icmp_seq == 9 or .icmp_seq == 10) and .ttl == 44"
	expect_records s 2 "$macs and .arp_op == 1 and .flow.src == \"10.77.0.1\"
		and .flow.dst == \"10.77.0.2\" and .reason == \"NETFILTER_DROP\""
	expect_met
}

@test "details: the time is the wall clock's, the thread is the sender" {
	local before after time

	before=$(date +%s%N)
	tool_start s drop details -f json --dst-port 7230
	send_ab --count 1 "${V4[@]}" --udp 1000:7230 --comm ff22fe5c0a80
	tool_stop s
	after=$(date +%s%N)
	expect_json s drop.details
	expect_records s 1 '(.comm | explode | map(select(. == 65533)) | length >= 2) and
		(.comm | contains("\""))'
	expect_met
	time=$(jq -r 'select(.type == "record").time' "$out/s.out")
	time=$(date -d "$time" +%s%N)
	((before < time && time < after))
}

@test "details: --limit ends the run, --rate-limit counts what it suppresses" {
	tool_start limit drop details -f json --dst-port 7240 --limit 5
	tool_start rate drop details -f json --dst-port 7240 --rate-limit 10/s
	send_ab --count 200 "${V4[@]}" --udp 1000:7240
	tool_end limit
	assert_equal "$tool_status" 0
	tool_stop rate
	expect_that limit 'record_sum(true) == 5'
	expect_that rate 'record_sum(true) + last.losses.suppressed == 200'
	# A second may change in mid-run, on each CPU at another moment.
	expect_that rate "record_sum(true) | . >= 10 and . <= $((20 * $(nproc)))"
	expect_that rate '(map(select(.type == "loss").suppressed) | add) == last.losses.suppressed'
	expect_met
}

@test "details: ring buffer and perf buffer give the same" {
	tool_start ring drop details -f json --dst-port 7250
	tool_start perf drop details -f json --dst-port 7250 --perf-buffer
	send_ab --count 500 "${V4[@]}" --udp 1000:7250 --id 1
	tool_stop ring perf
	expect_records ring 500 true
	expect_records perf 500 true
	expect_that ring 'map(.ip_id // empty) | sort == ($perf | map(.ip_id // empty) | sort)'
	expect_that ring 'map(.ip_id // empty) | unique | length == 500'
	expect_met
}

@test "details: the capture file opens in tcpdump and tshark" {
	drop_rule "$B" netdev 'ingress device b0' 'vlan id 123'
	tool_start s drop details -f json --src-ip 10.77.0.1 --pcap "$out/p.pcapng" \
		--snap-length 64
	send_ab --then --count 30 "${V4[@]}" --udp 1000:7260 --size 300 \
		--then --count 4 "${V4[@]}" --tcp 1000:7261/S/1/0 \
		--then --count 6 "${V4[@]}" --udp 1000:7262 --vlan 123
	tool_stop s
	expect_records s 40 true
	expect_met
	assert_equal "$(tcpdump -nn -r - <"$out/p.pcapng" 2>"$out/tcpdump.err" | wc -l)" 40
	tcpdump -nn -r - <"$out/p.pcapng" 2>/dev/null |
		grep -q '10.77.0.1.1000 > 10.77.0.2.7261: Flags \[S\]'
	tshark -nr "$out/p.pcapng" -T fields -e frame.len -e frame.cap_len -e udp.dstport \
		-e frame.comment >"$out/fields" 2>/dev/null
	assert_equal "$(grep -c . "$out/fields")" 40
	# The whole length: 14 + 20 + 8 + 300.
	assert_equal "$(grep -c "^342	64	7260	.*reason: NO_SOCKET; location: " "$out/fields")" 30
	assert_equal "$(grep -c "	7262	.*reason: NETFILTER_DROP; .*device: b0" "$out/fields")" 6
	assert_equal "$(tshark -nr "$out/p.pcapng" -Y 'vlan.id == 123' 2>/dev/null | wc -l)" 6
	! grep -q . "$out/tcpdump.err" || ! grep -qi 'truncated\|bad' "$out/tcpdump.err"
}

@test "a flood of flows with a small map: bounded memory, and every packet accounted for" {
	local before after

	tool_start s drop summary --dst-port 7270 --max-entries 100 --interval 500ms -f json
	send_ab --count 2000 "${V4[@]}" --udp 1000:7270 --flows 60000
	# The first report with a row reads the kernel's symbols, once.
	wait_for 10 grep -q '"count":' "$out/s.out"
	before=$(awk '/^VmRSS/ { print $2 }' "/proc/$(tool_pid s)/status")
	send_ab --count 98000 "${V4[@]}" --udp 1000:7270 --flows 60000
	after=$(awk '/^VmRSS/ { print $2 }' "/proc/$(tool_pid s)/status")
	tool_stop s
	expect_that s 'last.losses.map_full > 0 and last.total_since_start > 0'
	expect_that s 'last.losses.map_full + last.total_since_start == 100000'
	expect_that s 'map(.total) | add == ($s | last.total_since_start)'
	# The kernel keeps a few spare entries on each CPU.
	expect_that s 'map(.combinations) | max <= 200'
	expect_met
	((after - before < 1024)) || explain s "RSS grew from $before to $after kB"
	((after < 40000)) || explain s "RSS is $after kB"
	expect_json s drop.summary
}

@test "a flood of records: bounded memory, and every packet accounted for" {
	local before after

	tool_start s drop details --dst-port 7280 -f json --stack
	kill -STOP "$(tool_pid s)"
	before=$(awk '/^VmRSS/ { print $2 }' "/proc/$(tool_pid s)/status")
	send_ab --count 20000 "${V4[@]}" --udp 1000:7280
	kill -CONT "$(tool_pid s)"
	wait_for 10 grep -q '"type":"loss"' "$out/s.out"
	after=$(awk '/^VmHWM/ { print $2 }' "/proc/$(tool_pid s)/status")
	tool_stop s
	# The ring is seen twice in a row in memory, 1 MB each; and the symbols.
	((after - before < 10240)) || explain s "RSS grew from $before to $after kB"
	expect_that s 'last.losses.ring_full > 0'
	expect_that s 'record_sum(true) + last.losses.ring_full == 20000'
	expect_that s 'record_sum(true) == last.records'
	expect_met
}
