# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the bats files of `latency` share. Loaded by them after ../lib/common and
# used with topology.sh.
# shellcheck disable=SC2034,SC2154,SC2016 # their variables; jq's

# Every packet asks ovs-vswitchd: a limit of no flows lets it install none.
upcalls_always() {
	all_upcalls=yes
	ovs-vsctl set Open_vSwitch . other_config:flow-limit=0
	ovs-appctl revalidator/purge
	wait_for 10 no_flows
}

no_flows() { [[ -z $(ovs-dpctl dump-flows) ]]; }

upcalls_as_usual() { ovs-vsctl remove Open_vSwitch . other_config flow-limit; }

# Neither asks ovs-vswitchd afterwards: its flows match no ports.
warm_up() {
	peer_run ping -q -c 2 -i 0.1 -W 5 "$HOST_IP" >/dev/null
	peer_run ping -q -c 2 -i 0.1 -W 5 "$HOST_IP6" >/dev/null
}

# $1: address, $2: how many
ping_host() { peer_run ping -q -i 0.01 -W 5 -c "$2" "$1" >/dev/null; }

# $1: SRC, $2: DST, $3: how many, $4: SPORT:DPORT; more options of tests/tools/send
send_udp() {
	local src=$1 dst=$2 count=$3 ports=$4

	shift 4
	"$send" --socket --src "$src" --dst "$dst" --udp "$ports" --count "$count" \
		"$@" >/dev/null
}

# A jq expression on the last report: its rows of direction $1 (rx, tx)
rows() { printf '[.[-1].rows[] | select(.direction == "%s")]' "$1"; }

# All rows of direction $1 have seen $2 packets.
expect_rows() { # NAME DIRECTION N
	expect_that "$1" "$(rows "$2") | length == 6 and all(.count == $3)"
}

# What holds for any report: every packet is accounted for, stages add up to
# the whole, and no percentile is out of order.
expect_sound() { # NAME
	local -
	set +T
	expect_that "$1" "all(.[]; $whole)"
	expect_that "$1" '. as $all | [range(length) as $i | $all[$i].directions[] as $d |
		(if $i > 0 then $all[$i - 1].directions[] | select(.direction == $d.direction) |
		 .waiting else 0 end) as $before |
		$d.started + $before == $d.completed + $d.incomplete + $d.waiting] | all'
	expect_that "$1" 'all(.[]; ([.directions[].incomplete] | add) == ([.incomplete[]] | add))'
	# Nobody leaves out the first stages and the last.
	expect_that "$1" '[.[] | .directions[] as $d |
		[.rows[] | select(.direction == $d.direction)] |
		.[0].count == $d.completed and .[-1].count == $d.completed and
		all(.count <= $d.completed)] | all'
	# Rounding takes less than 1 ns a row; not every packet takes each row.
	expect_that "$1" '[.[] | .directions[] as $d |
		[.rows[] | select(.direction == $d.direction)] |
		(map(select(.total) | (.mean_ns // 0) * .count)[0] // 0) as $total |
		(map(select(.total | not) | (.mean_ns // 0) * .count) | add) as $sum |
		$sum <= $total + $d.completed and $sum + 14 * $d.completed >= $total] | all'
	expect_that "$1" 'all(.[].rows[] | select(.count > 0); .min_ns <= .p50_ns and
		.p50_ns <= .p90_ns and .p90_ns <= .p95_ns and .p95_ns <= .p99_ns and
		.p99_ns <= .p999_ns and .p999_ns <= .max_ns and .min_ns <= .mean_ns and
		.mean_ns <= .max_ns and ([.histogram[].count] | add) == .count)'
}
