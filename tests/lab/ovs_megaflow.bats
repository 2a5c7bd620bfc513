#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# `ovs megaflow` on each kernel: as many events as packets and flows, the flows
# as ovs-dpctl shows them, each linked to its packet and to the thread behind it.

bats_require_minimum_version 1.5.0
load ../lib/common

setup_file() {
	local port

	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	topo_up
	# A flow for each of these source ports, and none grows old by itself.
	for port in {4000..4019}; do
		echo "priority=100,udp,tp_src=$port,actions=normal"
	done >"$BATS_FILE_TMPDIR/rules"
	ovs-ofctl add-flows "$TOPO_BRIDGE" "$BATS_FILE_TMPDIR/rules"
	ovs-vsctl --no-wait set Open_vSwitch . other_config:max-idle=600000
	# Both ways are learned, so that no flow changes its actions.
	peer_run ping -q -c 2 -i 0.1 -W 5 "$HOST_IP" >/dev/null
}

teardown_file() {
	. tests/lab/topology.sh
	topo_down
}

setup() {
	common_setup
	. tests/lab/topology.sh
	megaflow=(ovs megaflow --format json)
	daemon=$(</var/run/openvswitch/ovs-vswitchd.pid)
	# Not dpctl/del-flows: what revalidators know of must go as well.
	ovs-appctl revalidator/purge
}

teardown() {
	tools_kill
	# Revalidators that are not paused would make ovs-vswitchd wait for ever.
	[[ -z ${paused:-} ]] || ovs-appctl revalidator/resume
	ovs-vsctl --no-wait set Open_vSwitch . other_config:max-idle=600000
}

# $1: packets from the peer to a neighbour that drops them, from 20 ports in turn
send_udp() {
	"$send" --netns peer --device peer0 --to-mac "$TOPO_MAC:02" --src "$PEER_IP" \
		--dst 10.9.0.77 --udp 4000:7000 --flows 20 --count "$1" >/dev/null
}

dump() { ovs-dpctl --no-names dump-flows -m; }

# There are $1 flows of these.
has_flows() { [[ $(dump | grep -c 'udp(src=40') -eq $1 ]]; }

# jq: a record's time in ns, without what is before the hour: exact in a double
ns='def ns: (.time[14:16] | tonumber) * 60000000000 + (.time[17:19] | tonumber) * 1000000000 +
	(.time[20:29] | tonumber); def since($a): (ns - ($a | ns) + 3600000000000) % 3600000000000;'
# jq: the records of the flows above, and which one
udp='def udp($event): map(select(.type == "record" and .event == $event and
	(.key // "" | contains("udp(src=40")) and .error == null));
	def port: .key | capture("udp\\(src=(?<n>40[0-9]+)").n;'

# Runs $1 until its tools, $2..., report no recursion_misses, three times at most:
# where the kernel preempts a handler in a program (7.x), another one's events are
# missed, and nothing exact can be said of that run. The last one is judged as it is.
until_none_missed() {
	local what=$1 try name

	shift
	for try in 1 2 3; do
		"$what"
		for name; do cat "$out/$name.out"; done |
			jq -se 'all(.[].losses // empty; .recursion_misses == 0)' >/dev/null && break
		echo "# try $try: a preempted program missed some" >&3
	done
}

flows_come_and_go() {
	ovs-vsctl --no-wait set Open_vSwitch . other_config:max-idle=600000
	ovs-appctl revalidator/purge
	wait_for 20 has_flows 0
	tool_start all "${megaflow[@]}"
	tool_start one "${megaflow[@]}" --src-port 4003
	tool_start sum "${megaflow[@]}" --summary --interval 1h
	tool_start up "${megaflow[@]}" --event upcall --protocol udp --dst-ip 10.9.0.77 --limit 20
	send_udp 20
	wait_for 20 has_flows 20
	send_udp 60
	dump | sed 's/, packets:.*, actions:/, actions:/' | sort >"$out/dump"
	# Revalidators look each half second; 500 ms is the least.
	ovs-vsctl --no-wait set Open_vSwitch . other_config:max-idle=500
	wait_for 20 has_flows 0
	tool_stop all one sum
	tool_end up
}

@test "packets, their flows, and the end of those" {
	until_none_missed flows_come_and_go all one sum up
	[[ $(grep -c 'udp(src=40' "$out/dump") -eq 20 ]]
	jq -r 'select(.event == "new" and .error == null) |
		.ufid + ", " + .key + ", actions:" + .actions' "$out/all.out" | sort >"$out/new"
	diff "$out/dump" "$out/new"

	expect_that all "$udp udp(\"upcall\") | length == 20 and (map(port) | unique | length) == 20
		and all(.cause == \"miss\" and .in_port == 2 and .ufid == null and .who == null and
			.ifindex == $(<"/sys/class/net/$TOPO_PHY/ifindex"))"
	expect_that all "$udp udp(\"new\") | length == 20 and (map(port) | unique | length) == 20 and
		all(.who == \"handler\" and .pid == $daemon and .tid != $daemon and
			(.comm | startswith(\"handler\")) and .waited == 1 and
			.install_match == \"exact\" and .in_port == 2 and .truncated == null)"
	# Linked to the packet that has its port, from the one to the other.
	expect_that all "($ns $udp udp(\"upcall\") as \$up | udp(\"new\") | all(. as \$new |
		[\$up[] | select(port == (\$new | port)) | . as \$u | \$new | since(\$u)] ==
		[.install_ns]))"
	# Each comes back once, by a handler, as the packet that went up, in that time.
	expect_that all "($ns $udp udp(\"upcall\") as \$up | udp(\"return\") | length == 20 and
		(map(port) | unique | length) == 20 and all(. as \$back |
		.who == \"handler\" and .pid == $daemon and .return_match == \"exact\" and
		.in_port == 2 and .ufid == null and .install_ns == null and
		[\$up[] | select(.key == \$back.key) | . as \$u | \$back | since(\$u)] ==
		[.return_ns]))"
	expect_that all "$udp udp(\"del\") | length == 20 and all(.who == \"revalidator\" and
		(.comm | startswith(\"revalidator\")) and .pid == $daemon and .packets == 3 and
		.all == null)"
	# 500 ms without a packet at least, and exactly from its installation on.
	expect_that all "($ns $udp udp(\"new\") as \$new | udp(\"del\") | all(. as \$del |
		.lifetime_ns >= 500000000 and [\$new[] | select(.ufid == \$del.ufid and
		.key == \$del.key and .actions == \$del.actions) | . as \$n | \$del | since(\$n)] ==
		[.lifetime_ns]))"
	expect_that all 'all(.[] | select(.type == "record"); .time > "2" and .dp_ifindex > 0)
		and .[-1].complete'
	expect_that one "$udp udp(\"upcall\"), udp(\"new\"), udp(\"return\"), udp(\"del\") |
		length == 1 and all(port == \"4003\")"
	expect_that one '.[-1].records == 4 and .[-1].complete'
	expect_that up 'length == 22 and .[-1].records == 20 and
		all(.[] | select(.type == "record"); .event == "upcall")'
	# What was counted is what was shown.
	expect_that sum 'length == 1 and .[0] as $s | $all | map(select(.type == "record")) |
		all("upcall", "new", "set", "del", "return"; . as $event | ($s.events[] |
			select(.event == $event) | [.count, .failed]) ==
			[([$all[] | select(.event == $event and .error == null)] | length),
			 ([$all[] | select(.event == $event and .error != null)] | length)])'
	expect_that sum '.[0] | .deleted_by.revalidator >= 20 and .deleted_by.main == 0 and
		.deleted == (.deleted_by | add) and .complete'
	# Each takes its own times.
	expect_that sum '.[0].times | map(.what) == ["install", "return", "lifetime"] and
		([$all[].install_ns | numbers] | length) == .[0].count and .[0].min_ns > 0 and
		([$all[].return_ns | numbers] | length) == .[1].count and .[1].min_ns > 0 and
		([$all[].lifetime_ns | numbers] | length) == .[2].count and
		.[2].min_ns >= 500000000'
	# One mask at one port, in which only the source port makes a difference.
	expect_that sum '.[0].rows[0] | .in_port == 2 and .installed == 20 and .repeated == 0 and
		.flows == 0 and .varying == {"src_port": 20} and .bits == {"src_port": 16} and
		(.mask | contains("udp(src=65535,dst=0)"))'
	expect_met
	expect_json all ovs.megaflow
	expect_json sum ovs.megaflow
}

ufid=ufid:11111111-2222-3333-4444-555555555555
flow='in_port(2),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),eth_type(0x1234)'

# In another process; the daemon's own commands are its main thread's.
dpctl() { ovs-dpctl "$@" 2>/dev/null; }

@test "changed, refused, deleted: by whom, and with what result" {
	local vlan='in_port(2),eth(src=02:00:00:00:00:03,dst=02:00:00:00:00:04),'

	vlan+='eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x1234))'

	tool_start all "${megaflow[@]}"
	tool_start one "${megaflow[@]}" --ufid "$ufid"
	tool_start port "${megaflow[@]}" --event new,set --in-port 2 --vlan 5
	tool_start none "${megaflow[@]}" --in-port 99
	# Flows that it did not make would be deleted by ovs-vswitchd.
	ovs-appctl revalidator/pause
	paused=yes
	dpctl add-flow "$ufid $flow" 1
	run ! dpctl add-flow "$ufid $flow" 1
	dpctl add-flow "$vlan" 1
	dpctl mod-flow "$ufid $flow" 'push_vlan(vid=7,pcp=0),2'
	dpctl -s del-flow "$ufid $flow"
	run ! dpctl del-flow "$ufid $flow"
	dpctl mod-flow "$vlan" 2
	ovs-appctl dpctl/del-flows
	ovs-appctl revalidator/resume
	paused=
	send_udp 20
	wait_for 20 has_flows 20
	ovs-ofctl mod-flows "$TOPO_BRIDGE" "udp,tp_src=4005,actions=drop"
	wait_for 20 eval "dump | grep 'udp(src=4005' | grep -q actions:drop"
	ovs-ofctl mod-flows "$TOPO_BRIDGE" "udp,tp_src=4005,actions=normal"
	tool_stop all one port none
	expect_that one 'map(select(.type == "record" and .all == null)) |
		map([.event, .error, .actions]) == [["new", null, "1"], ["new", "EEXIST", "1"],
			["set", null, "push_vlan(vid=7,pcp=0),2"],
			["del", null, "push_vlan(vid=7,pcp=0),2"],
			["del", "ENOENT", null]]'
	expect_that one "map(select(.type == \"record\" and .all == null)) |
		all(.ufid == \"$ufid\" and .who == \"other\" and .comm == \"ovs-dpctl\" and
			.pid != $daemon and .install_ns == null and .in_port == 2 and
			.key == \"$flow\") and .[3].packets == 0 and .[3].lifetime_ns > 0 and
		.[4].lifetime_ns == null"
	expect_that port 'map(select(.type == "record")) | length == 2 and
		all(.key | contains("vlan(vid=5,pcp=0)")) and
		map([.event, .error, .actions]) == [["new", null, "1"], ["set", null, "2"]]'
	# All flows of the datapath, of which the one with the tag is known.
	expect_that all "map(select(.all)) | length == 1 and (.[0] | .event == \"del\" and
		.flows == 1 and .who == \"main\" and .tid == $daemon and .comm == \"ovs-vswitchd\" and
		.key == null and .error == null)"
	expect_that none 'map(select(.type == "record")) | length == 1 and .[0].all'
	expect_that all "$udp udp(\"set\") | length >= 1 and (.[0] | port == \"4005\" and
		.who == \"revalidator\" and .actions == \"drop\")"
	expect_that all '.[-1].complete'
	expect_met
	expect_json all ovs.megaflow
	expect_json one ovs.megaflow
}

@test "flows that come again and again" {
	local round

	tool_start sum "${megaflow[@]}" --summary --interval 1h --event new,del --protocol udp
	tool_start text ovs megaflow --summary --interval 1h --src-port 4007
	for round in 1 2 3; do
		send_udp 20
		wait_for 20 has_flows 20
		[[ $round == 3 ]] || ovs-appctl revalidator/purge
	done
	tool_stop sum text
	# Twice made before, twice again; all 20 are there at the end, under one mask.
	expect_that sum '.[0].rows | length == 1 and (.[0] | .installed == 60 and .repeated == 40 and
		.flows == 20 and .varying == {"src_port": 20})'
	expect_that sum '.[0] | .flows >= 20 and .masks == 1 and .deleted == 40 and
		(.repeated | length == 10 and all(.installs == 3 and .recent == 3 and
			(.key | contains("udp(src=40"))))'
	expect_met
	expect_json sum ovs.megaflow
	grep -q 'Differ in: none' "$out/text.out"
	grep -Eq '^new +3 +0 ' "$out/text.out"
	grep -Eq '^install +3 ' "$out/text.out"
}

@test "as text, and by the other transport" {
	tool_start text ovs megaflow --event new --src-port 4007 --limit 1
	tool_start perf "${megaflow[@]}" --perf-buffer --event new --protocol udp --limit 20
	send_udp 20
	tool_end text
	tool_end perf
	grep -Eq '^[^ ]+ [^ ]+ new by=handler install=[0-9.]+ [mun]?s waited=1 in_port=2 ' \
		"$out/text.out"
	grep -q '^ *UFID: ufid:' "$out/text.out"
	grep -q '^ *Key: recirc_id(0),.*udp(src=4007,dst=0/0)' "$out/text.out"
	grep -Eq '^ *Actions: [0-9]' "$out/text.out"
	expect_that perf "$udp udp(\"new\") | length == 20 and (map(port) | unique | length) == 20"
	expect_that perf '.[-1].complete'
	expect_met
}

packets_come_back() {
	ovs-appctl revalidator/purge
	wait_for 20 has_flows 0
	tool_start all "${megaflow[@]}" --event upcall,return --protocol udp
	tool_start few "${megaflow[@]}" --event new --protocol udp
	send_udp 20
	wait_for 20 has_flows 20
	ovs-appctl revalidator/purge
	kill -STOP "$daemon"
	"$send" --netns peer --device peer0 --to-mac "$TOPO_MAC:02" --src "$PEER_IP" \
		--dst 10.9.0.77 --udp 4000:7000 --count 3 >/dev/null
	sleep 0.3
	kill -CONT "$daemon"
	wait_for 20 has_flows 1
	tool_stop all few
}

@test "packets that come back late, alike, or not at all" {
	ovs-ofctl add-flow "$TOPO_BRIDGE" "priority=101,udp,tp_src=4005,actions=drop"
	until_none_missed packets_come_back all few
	ovs-ofctl --strict del-flows "$TOPO_BRIDGE" "priority=101,udp,tp_src=4005"
	expect_that all "$udp udp(\"upcall\") | length == 23"
	# A drop is no return.
	expect_that all "$udp udp(\"return\") | length == 22 and all(port != \"4005\")"
	expect_that all "$udp udp(\"return\") | .[:19] | all(.return_match == \"exact\")"
	expect_that all "$udp udp(\"return\") | .[19:] | map(.return_match) ==
		[\"several\", \"several\", \"exact\"] and
		all(.return_ns >= 300000000 and .return_ns < 5000000000)"
	# Who does not ask for returns has no probe for them.
	expect_that few 'map(select(.type == "start").probes[].point) | all(. != "ovs_return") and
		any(. == "ovs_flow_cmd_new")'
	expect_that all '.[-1].complete'
	expect_met
	expect_json all ovs.megaflow
}
