#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The probe points on each kernel of the lab: that each can be attached to as
# the plan says, and that the kernel really calls it when packets go by.

bats_require_minimum_version 1.5.0
load ../lib/common

setup_file() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	topo_up
	# Costs emulated CPUs some seconds: once for all tests.
	"${VNETDIAG:-./vnetdiag}" probes --check --format json \
		--record "$BATS_FILE_TMPDIR/facts" >"$BATS_FILE_TMPDIR/checked"
}

teardown_file() {
	. tests/lab/topology.sh
	topo_down
}

setup() {
	common_setup
	. tests/lab/topology.sh
	facts=tests/fixtures/kernel-$LAB_KERNEL.facts
	checked=$BATS_FILE_TMPDIR/checked
	events=/sys/kernel/tracing status=0
}

teardown() {
	echo 0 >"$events/tracing_on"
	echo >"$events/set_event"
	echo >"$events/kprobe_events" || :
	tc qdisc delete dev "$TOPO_PHY" root 2>/dev/null || :
	[[ -d /sys/module/openvswitch ]] || modprobe openvswitch
}

probes() { "$VNETDIAG" probes --format json "$@"; }

@test "every point attaches by the mechanism of the plan, and by each other" {
	json_fits probes "$checked"
	run jq -r '.rows[] | select(.usable != (.mechanism != "none")) |
		.point + ": " + .reason' "$checked"
	assert_output ""
	run jq -r '.rows[] | .candidates[] | select(test(": (refused|yes) "))' "$checked"
	assert_output ""
	run jq -r '.not_seen[]' "$checked"
	assert_output ""
	run bpftool prog show
	refute_output --partial vnet_check
}

@test "a quick look comes to the same as a thorough one" {
	probes | jq -c '.rows[] | [.point, .mechanism, .target]' >"$out/quick"
	jq -c '.rows[] | [.point, .mechanism, .target]' "$checked" >"$out/thorough"
	cmp "$out/quick" "$out/thorough"
}

# The unit tests plan for these files: an update of the kernel may change it.
@test "this kernel is as it was recorded" {
	jq -c '.rows[] | [.point, .mechanism, .target]' "$checked" >"$out/now"
	probes --kernel-facts "$facts" | jq -c '.rows[] | [.point, .mechanism, .target]' \
		>"$out/then"
	diff "$out/then" "$out/now"
	diff <(grep -v ^release "$facts") <(grep -v ^release "$BATS_FILE_TMPDIR/facts")
}

# What a kernel without BTF of modules needs, tried where there is such BTF as well.
@test "structures of modules are laid out as this kernel has them" {
	modprobe -a tun vhost_net
	case $(uname -r) in
	5.10.*)
		VNET_LAYOUTS=tests/fixtures/layouts-5.10-amd64.txt run -0 build/unit/test_layout
		;;
	6.1.*)
		run -0 build/unit/test_layout
		assert_line '# compared: tun_file.tx_ring'
		assert_line '# compared: vhost_virtqueue.last_used_idx'
		;;
	*)
		run -0 build/unit/test_layout
		assert_line '# compared: tun_file.tx_ring'
		# vhost's are others there, and it says so.
		assert_line --partial 'is of v5.9 to v6.3'
		;;
	esac
	assert_line 'ok 4 - as_the_running_kernel_has_it'
}

# A symbol is no proof that a function is called.
@test "packets reach every point" {
	local id kind target count

	count_start
	make_traffic
	echo 0 >"$events/tracing_on"
	while read -r id kind target; do
		count=$(count_of "$id" "$kind" "$target")
		echo "$id: $count"
		((count > 0)) || fail "no packet came by '$target'"
	done < <(jq -r '.rows[] | select(.mechanism != "none") |
		[.point, .kind, .target] | join(" ")' "$checked")
}

# Counts without our own code: trace events on functions, and the tracepoints.
count_start() {
	local id kind target letter

	echo 0 >"$events/tracing_on"
	echo >"$events/trace"
	echo 16384 >"$events/buffer_size_kb"
	while read -r id kind target; do
		if [[ $kind != tracepoint ]]; then
			[[ $kind == return ]] && letter=r || letter=p
			echo "$letter:points/$id $target" >>"$events/kprobe_events"
			echo 1 >"$events/events/points/$id/enable"
		else
			echo 1 >"$events/events/${target/://}/enable"
		fi
	done < <(jq -r '.rows[] | select(.mechanism != "none") |
		[.point, .kind, .target] | join(" ")' "$checked")
	echo 1 >"$events/tracing_on"
}

count_of() {
	local name=$1

	[[ $2 != tracepoint ]] || name=${3#*:}
	grep -c ": $name: " "$events/trace" || :
}

# A driver that does not segment: the stack does it.
segmented_traffic() {
	ethtool -K "$TOPO_PHY" tx-tcp-segmentation off >/dev/null
	peer_run "$tcp" listen 7005 "$out/bytes.7005"
	"$tcp" send "$PEER_IP" 7005 200000
	ethtool -K "$TOPO_PHY" tx-tcp-segmentation on >/dev/null
}

# Requests for flows that ovs-vswitchd makes rarely, and a packet for a meter.
flow_traffic() {
	local flow='in_port(2),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x1234)'

	# Flows that it did not make would be deleted by ovs-vswitchd.
	ovs-appctl revalidator/pause
	ovs-dpctl add-flow "$flow" 1
	ovs-dpctl mod-flow "$flow" 2
	ovs-dpctl del-flow "$flow"
	ovs-appctl revalidator/resume
	ovs-ofctl -O OpenFlow13 add-meter "$TOPO_BRIDGE" meter=7,pktps,bands=type=drop,rate=1000
	ovs-ofctl -O OpenFlow13 add-flow "$TOPO_BRIDGE" \
		"priority=98,udp,tp_dst=7009,actions=meter:7,local"
	"$test_tools/send" --socket --count 3 --netns peer --src "$PEER_IP" --dst "$HOST_IP" \
		--udp 1000:7009
	ovs-ofctl -O OpenFlow13 del-flows "$TOPO_BRIDGE" udp,tp_dst=7009
	ovs-ofctl -O OpenFlow13 del-meter "$TOPO_BRIDGE" meter=7
}

# Packets of a tap both ways, by vhost, with a driver that wants signals.
guest_traffic() {
	local answers=$out/vring in pid

	mkfifo "$out/vring.in"
	"$test_tools/vring" probe0 flag <"$out/vring.in" >"$answers" 3>&- 4>&- &
	pid=$!
	exec {in}>"$out/vring.in"
	wait_for 20 test -s "$answers"
	ip link set probe0 up
	ip address add 10.82.0.1/24 dev probe0
	ip neighbour add 10.82.0.2 lladdr 02:00:00:00:00:02 dev probe0
	printf '%s\n' "post 16" "send 2" >&"$in"
	"${send[@]}" --src 10.82.0.1 --dst 10.82.0.2 --udp 1000:9
	# The third number: signals for what was received.
	wait_for 20 eval 'echo show >&"$in"; grep -q "^[0-9]* 2 [1-9]" "$answers"'
	kill "$pid"
	wait "$pid" || :
	exec {in}>&-
}

make_traffic() {
	local send=("$test_tools/send" --socket --count 3)

	# The flows have to be asked for again, and pings go through conntrack.
	ovs-ofctl add-flow "$TOPO_BRIDGE" \
		"priority=99,table=0,icmp,ct_state=-trk,actions=ct(table=1)"
	ovs-ofctl add-flow "$TOPO_BRIDGE" "priority=99,table=1,icmp,actions=NORMAL"
	ovs-dpctl del-flows
	peer_run ping -q -c 2 -i 0.2 -W 5 "$HOST_IP" >/dev/null
	peer_run ping -q -c 2 -i 0.2 -W 5 "$HOST_IP6" >/dev/null
	"$tcp" listen 7004 "$out/bytes.7004"
	"$tcp" listen 7006 "$out/bytes.7006"
	peer_run "$tcp" send "$HOST_IP" 7004 6
	peer_run "$tcp" send "$HOST_IP6" 7006 6
	"${send[@]}" --netns peer --src "$PEER_IP" --dst "$HOST_IP" --udp 1000:9
	"${send[@]}" --netns peer --src "$PEER_IP6" --dst "$HOST_IP6" --udp 1000:9
	"${send[@]}" --src "$HOST_IP" --dst "$PEER_IP" --udp 1000:9
	segmented_traffic
	flow_traffic
	"${send[@]}" --src "$HOST_IP6" --dst "$PEER_IP6" --udp 1000:9
	guest_traffic
	# netem holds one packet for a minute: the queue drops the others.
	modprobe sch_netem
	tc qdisc add dev "$TOPO_PHY" root netem limit 1 delay 60s
	"${send[@]}" --src "$HOST_IP" --dst "$PEER_IP" --udp 1000:9
}

@test "a module that is not loaded: the reason, and the hint helps" {
	local hint

	TOPO_KEEP='' topo_down
	modprobe -r openvswitch
	probes >"$out/without"
	assert_equal "$(jq -r '.rows[] | select(.point == "ovs_vport_receive") |
		.mechanism + ": " + .reason' "$out/without")" \
		"none: module 'openvswitch' is not loaded"
	run -3 "$VNETDIAG" doctor --format json
	echo "$output" >"$out/doctor"
	hint=$(jq -r '.rows[] | select(.command == "latency summary") | .hint' "$out/doctor")
	assert_equal "$hint" "'modprobe openvswitch' loads it"
	eval "$(grep -o "modprobe [a-z_]*" <<<"$hint")"
	run -0 "$VNETDIAG" doctor --format json
	topo_up
}

@test "doctor finds nothing that cannot work, and no problem" {
	"$VNETDIAG" doctor --format json >"$out/doctor"
	run jq -r '.rows[] | select(.status == "cannot")' "$out/doctor"
	assert_output ""
	run jq -r '.checks[] | select(.status == "problem")' "$out/doctor"
	assert_output ""
	run jq -r '.checks[] | select(.check | test("module (openvswitch|vhost_net|tun)")) |
		.value' "$out/doctor"
	assert_output "loaded
loaded
loaded"
}

# An attached probe that never runs would give zeros that look like an answer.
@test "with kernel.ftrace_enabled=0 no command pretends to measure functions" {
	sysctl -qw kernel.ftrace_enabled=0
	"$VNETDIAG" doctor --format json >"$out/doctor" || :
	"$VNETDIAG" latency summary --phy-interface "$TOPO_PHY" --duration 10ms \
		>"$out/stdout" 2>"$out/stderr" || status=$?
	sysctl -qw kernel.ftrace_enabled=1
	assert_equal "$(jq -r '.checks[] | select(.check == "kernel.ftrace_enabled") |
		.status' "$out/doctor")" problem
	assert_equal "$(jq -r '.rows[] | select(.command == "latency summary") |
		.status + ", " + .hint' "$out/doctor")" \
		"cannot, sysctl kernel.ftrace_enabled=1"
	assert_equal "$(jq -r '.rows[] | select(.command == "drop summary") | .status' \
		"$out/doctor")" works
	assert_equal "$status" 3
	[[ ! -s $out/stdout ]]
	grep -q 'kernel.ftrace_enabled is 0' "$out/stderr"
	# What was tried meanwhile has left no marks: with them the kernel would refuse
	# all probes of functions from now on, once the last one has gone.
	for _ in 1 2; do
		"$VNETDIAG" latency summary --phy-interface "$TOPO_PHY" --duration 10ms >/dev/null
	done
}
