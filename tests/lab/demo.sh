#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Shows vnetdiag at work on a virtualised host with trouble. Runs inside the
# lab, called by make demo:
#	lab run --kernel 6.1 --guest -- tests/lab/demo.sh
# VNETDIAG names another binary.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tests/lab/topology.sh
. "$here/topology.sh"

vnetdiag=${VNETDIAG:-./vnetdiag}
# No part of the traffic goes on for longer, whatever happens.
readonly TRAFFIC_SECONDS=90
traffic_pids=()

progress() { printf '\n[%3d s] %s\n' "$SECONDS" "$*"; }

# Runs a function in the background again and again until stop_traffic.
traffic() {
	local end=$((SECONDS + TRAFFIC_SECONDS))

	(
		while ((SECONDS < end)); do
			"$@" || :
		done
	) >/dev/null 2>&1 </dev/null &
	traffic_pids+=($!)
}

stop_traffic() {
	((${#traffic_pids[@]})) || return 0
	kill "${traffic_pids[@]}" 2>/dev/null || :
	wait "${traffic_pids[@]}" 2>/dev/null || :
	traffic_pids=()
	# It may have been stopped in the middle of its trouble.
	guest_cont
}

# udp ADDRESS SOURCE-PORT PORT COUNT: from the peer, through its stack.
udp() {
	"${BUILD:-build}/tools/send" --netns peer --socket --src "$PEER_IP" \
		--dst "$1" --udp "$2:$3" --count "$4"
}

# What works: pings to the host and to the guest.
healthy() { peer_run ping -q -i 0.02 -c 50 -W 1 "$HOST_IP"; }
healthy_guest() { peer_run ping -q -i 0.05 -c 20 -W 1 "$GUEST_IP"; }

# UDP to a port that nobody listens on; and to one the firewall closes.
unwanted() {
	udp "$HOST_IP" 4000 9 5
	udp "$HOST_IP" 4001 7777 5
	topo_pause 0.2
}

# Packets to beyond the host that may go no further.
expiring() { peer_run ping -q -t 1 -i 0.1 -c 5 -W 0.2 192.0.2.1; }

# The guest gets no CPU for a moment; more comes in than its ring holds.
stalling() {
	guest_stop
	udp "$GUEST_IP" 4002 9 3000
	guest_cont
	topo_pause 1
}

prepare_trouble() {
	nft -f - <<-'END'
		table inet demo {
			chain input {
				type filter hook input priority 0;
				udp dport 7777 drop
			}
		}
	END
	sysctl -qw net.ipv4.ip_forward=1
	ip route add 192.0.2.0/24 via "$PEER_IP"
	peer_run ip route add 192.0.2.0/24 via "$HOST_IP"
	# 5 ms of delay on the way out, for the latency report.
	tc qdisc add dev "$TOPO_PHY" root netem delay 5ms
}

clean_up() {
	stop_traffic
	topo_down
}

main() {
	trap clean_up EXIT
	progress "kernel $(uname -r): starting Open vSwitch, the peer and a guest"
	topo_up --guest
	progress "the bridge is up, waiting for the guest"
	guest_up
	progress "the guest answers; traffic and trouble begin: a closed port," \
		"a firewall rule, TTL 1, a guest that stalls, 5 ms on $TOPO_PHY"
	prepare_trouble
	traffic healthy
	traffic healthy_guest
	traffic unwanted
	traffic expiring
	traffic stalling
	progress "vnetdiag drop summary --interval 5s --count 1 --top 5"
	"$vnetdiag" drop summary --interval 5s --count 1 --top 5
	stop_traffic
	traffic healthy
	progress "vnetdiag latency summary --phy-interface $TOPO_PHY" \
		"--interval 5s --count 1"
	"$vnetdiag" latency summary --phy-interface "$TOPO_PHY" \
		--interval 5s --count 1
	stop_traffic
	traffic healthy_guest
	progress "vnetdiag latency summary --phy-interface $TOPO_PHY" \
		"--vm-interface $TOPO_TAP --interval 5s --count 1"
	"$vnetdiag" latency summary --phy-interface "$TOPO_PHY" \
		--vm-interface "$TOPO_TAP" --interval 5s --count 1
	stop_traffic
	progress "done"
}

main "$@"
