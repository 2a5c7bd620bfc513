#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Several tools at once, for a long time, under mixed traffic in the lab: does
# memory grow, does a map fill, is everything accounted for, does what was on its
# way grow old and go? Called by `make soak`.
#
# usage: soak.sh            SOAK_SECONDS (600), SOAK_KERNEL (6.1), SOAK_GUEST (yes):
#                           without a guest a tap that is read stands for it
#        soak.sh SECONDS    the same, inside the lab
#
# Prints a table, and status 1 if something is not as it should be.
# shellcheck disable=SC2317 # functions are called by their names
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if [[ -z ${1:-} ]]; then
	seconds=${SOAK_SECONDS:-600}
	guest=(--guest)
	[[ ${SOAK_GUEST:-yes} == yes ]] || guest=()
	exec tests/lab/lab run --kernel "${SOAK_KERNEL:-6.1}" "${guest[@]}" --quiet \
		--timeout $((seconds + 400)) -- tests/bench/soak.sh "$seconds"
fi

readonly SECONDS_ALL=$1 INTERVAL=10
# Behind the traffic, so long that what is left must have grown old: entries are
# taken out after 10 s, at the end of an interval.
readonly REST=35
SAMPLE=$((SECONDS_ALL / 20))
readonly SAMPLE=$((SAMPLE > 30 ? 30 : SAMPLE < 3 ? 3 : SAMPLE))
: "${VNETDIAG:=./vnetdiag}"
# shellcheck source=tests/lab/topology.sh
. tests/lab/topology.sh
send=${BUILD:-build}/tools/send
out=$(mktemp -d)
traffic=() names=() failed=0
declare -A pids=() options=()

now() { printf '%s\n' "$((${EPOCHREALTIME/./} / 1000000))"; }

# start NAME WORDS...: a tool, whose output goes to $out/NAME
start() {
	local name=$1 ready=

	shift
	mkfifo "$out/fifo"
	"$VNETDIAG" "$@" --format json --ready-fd 9 9>"$out/fifo" >"$out/$name" \
		2>"$out/$name.err" </dev/null &
	pids[$name]=$! options[$name]=$*
	names+=("$name")
	read -rt 60 ready <"$out/fifo" || :
	if [[ $ready != ready ]]; then
		cat "$out/$name.err" >&2
		exit 1
	fi
	rm "$out/fifo"
}

# repeat PAUSE COMMAND...: again and again until the traffic's end
repeat() {
	local pause=$1

	shift
	while (($(now) < traffic_end)); do
		"$@" || :
		topo_pause "$pause"
	done >/dev/null 2>&1
}

in_background() {
	"$@" </dev/null >/dev/null 2>&1 &
	traffic+=($!)
}

# Datagrams of 300 flows to a port where nobody listens: dropped, and new flows.
datagrams() {
	local dst=$1

	peer_run "$send" --device peer0 --to-mac "$2" --src "$PEER_IP" --dst "$dst" \
		--udp 20000:7600 --flows 300 --count 600
}

host_datagrams() {
	"$send" --socket --src "$HOST_IP" --dst "$PEER_IP" --udp 4000:7601 --count 200
}

# What does not happen in a quiet network: upcalls of all flows, a slow queue, a
# flow that drops, and with a guest one that stands still.
trouble() {
	ovs-appctl revalidator/purge
	tc qdisc replace dev "$TOPO_PHY" root netem delay 5ms limit 200
	topo_pause 2
	tc qdisc delete dev "$TOPO_PHY" root
	ovs-ofctl add-flow "$TOPO_BRIDGE" "cookie=0x50a,priority=90,udp,tp_dst=7600,actions=drop"
	topo_pause 2
	ovs-ofctl del-flows "$TOPO_BRIDGE" cookie=0x50a/-1
	[[ $tap == tap0 ]] || {
		guest_stop
		topo_pause 1
		guest_cont
	}
}

traffic_start() {
	local guest_address=$GUEST_IP seconds=$SECONDS_ALL

	peer_run iperf3 -s -p 7610 >/dev/null 2>&1 &
	servers=($!)
	iperf3 -s -p 7611 >/dev/null 2>&1 &
	servers+=($!)
	wait_for 20 eval "ss -Hltn 'sport = :7611' | grep -q ."
	wait_for 20 eval "peer_run ss -Hltn 'sport = :7610' | grep -q ."
	in_background ping -q -i 0.05 -w "$seconds" "$PEER_IP"
	in_background peer_run ping -q -i 0.05 -w "$seconds" "$HOST_IP6"
	in_background repeat 1 iperf3 -c "$PEER_IP" -p 7610 -t 8 -b 10M
	in_background repeat 3 peer_run iperf3 -c "$HOST_IP" -p 7611 -t 4 -b 20M
	in_background repeat 2 datagrams "$HOST_IP" "$TOPO_MAC:02"
	in_background repeat 3 host_datagrams
	in_background repeat 12 trouble
	if [[ $tap == tap0 ]]; then
		in_background repeat 1 datagrams 10.9.0.3 "$TOPO_MAC:03"
	else
		in_background peer_run ping -q -i 0.05 -w "$seconds" "$guest_address"
		in_background repeat 2 peer_run ping -q -f -c 300 -w 5 "$guest_address"
		in_background repeat 2 datagrams "$guest_address" "$TOPO_MAC:03"
	fi
}

# "SECOND kB" of each tool, in $out/NAME.rss
sample() {
	local name kb second=$(($(now) - begin))

	for name in "${names[@]}"; do
		kb=$(awk '$1 == "VmRSS:" { print $2 }' "/proc/${pids[$name]}/status") || :
		if [[ -z $kb ]]; then
			echo "soak: $name ended early: $(tail -n 2 "$out/$name.err")" >&2
			exit 1
		fi
		echo "$second $kb" >>"$out/$name.rss"
	done
}

complain() {
	printf 'soak: %s: %s\n' "$1" "$2" >&2
	failed=1
}

# ask NAME JQ: of the array of all lines
ask() { jq -sr "$2" "$out/$1"; }

# Memory: the last third against the first one, less the very start.
check_memory() { # NAME
	awk -v name="$1" -v options="${options[$1]}" '
		{ kb[NR] = $2; if ($2 > most) most = $2 }
		END {
			third = int(NR / 3)
			for (i = 2; i <= third + 1; i++) first += kb[i] / third
			for (i = NR - third + 1; i <= NR; i++) last += kb[i] / third
			printf "%-9s %8.0f %8.0f %8d  %s\n", name, first, last, most, options
			exit (last > first * 1.03 + 256)
		}' "$out/$1.rss" || complain "$1" "its memory grows"
}

# The last line tells all losses; records that --rate-limit holds back are none.
check_losses() { # NAME
	local lost

	lost=$(ask "$1" 'map(.losses // empty) | last | del(.suppressed) |
		to_entries | map(select(.value > 0) | "\(.key) \(.value)") | join(", ")')
	[[ -z $lost ]] || complain "$1" "losses: $lost"
}

check_reports() { # NAME
	local nr want=$(((end - begin) / INTERVAL))

	nr=$(ask "$1" 'map(select(.type == "report")) | length')
	# The tools start one after the other.
	((nr >= want - 1 && nr <= want + 2)) || complain "$1" "$nr reports instead of $want"
}

# $2: where in a report the counts stand
check_account() { # NAME JQ
	local sums

	sums=$(ask "$1" "map($2) | transpose | map({
		started: (map(.started) | add), done: (map(.completed + .incomplete) | add),
		waiting: last.waiting, at_most: (map(.waiting) | max)}) |
		.[] | \"\(.started) \(.done) \(.waiting) \(.at_most)\"")
	while read -r started ended waiting most; do
		printf '          %8d started, %d ended, %d wait, %d at most\n' "$started" \
			"$ended" "$waiting" "$most"
		((started > 0)) || complain "$1" "nothing was started"
		((waiting == 0)) || complain "$1" "$waiting still wait"
		((started == ended)) || complain "$1" "started $started, ended $ended"
	done <<<"$sums"
}

check() {
	local name

	echo "tool         first     last     most  (RSS in kB, means of the first and last third)"
	for name in "${names[@]}"; do
		check_memory "$name"
		check_losses "$name"
		tail -n 1 "$out/$name" | tests/lib/json_check.py "$(jq -sr \
			'last.schema | split("/")[0] | ltrimstr("vnetdiag.")' "$out/$name")" ||
			complain "$name" "its last line does not fit its schema"
		case $name in
		host | vm)
			check_reports "$name"
			check_account "$name" '.directions | map(.incomplete |= add)'
			;;
		pair)
			check_reports "$name"
			check_account "$name" '[{started, completed, waiting,
				incomplete: (.missing + .ambiguous + .elsewhere + .segmented)}]'
			;;
		drop)
			check_reports "$name"
			(($(ask drop 'map(.rows[].count) | add') > 0)) || complain drop "no drops"
			;;
		records)
			(($(ask records 'map(select(.type == "record")) | length') > 0)) ||
				complain records "no records"
			;;
		esac
	done
}

topo_up
tap=tap0
if [[ ${LAB_GUEST:-no} == yes ]]; then
	guest_up
	tap=$TOPO_TAP
else
	tap_up tap0 --bridge
	tap_read tap0
	peer_run ip neighbour replace 10.9.0.3 lladdr "$TOPO_MAC:03" dev peer0
fi
start host latency summary --phy-interface "$TOPO_PHY" --interval ${INTERVAL}s
start vm latency summary --phy-interface "$TOPO_PHY" --vm-interface "$tap" --interval ${INTERVAL}s
start records latency details --phy-interface "$TOPO_PHY" --threshold 20ms --rate-limit 100/s
start pair latency pair --from "$TOPO_PHY" --to "$tap" --interval ${INTERVAL}s
start drop drop summary --interval ${INTERVAL}s --by location,reason,device

begin=$(now)
traffic_end=$((begin + SECONDS_ALL))
traffic_start
while (($(now) < traffic_end)); do
	topo_pause "$SAMPLE"
	sample
done
wait "${traffic[@]}" || :
for server in "${servers[@]}"; do kill "$server" 2>/dev/null || :; done
topo_pause $REST
sample
end=$(now)
for name in "${names[@]}"; do
	kill -INT "${pids[$name]}"
	wait "${pids[$name]}" || complain "$name" "status $?: $(tail -n 2 "$out/$name.err")"
done
echo "soak: $(uname -r), $SECONDS_ALL s of traffic, guest: ${LAB_GUEST:-no}"
check
((failed)) || echo "soak: all is well"
rm -rf "$out"
topo_down
exit $failed
