#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Start-up and memory inside the lab: from exec to attached and counting, best
# of five, and the largest resident size. The limits are promised: status 1 if
# one is exceeded. Called by tests/bench/run.sh, with VNETDIAG set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
: "${VNETDIAG:?the program to measure}"

readonly LIMIT_KB=$((20 * 1024))
# shellcheck source=tests/lab/topology.sh
. tests/lab/topology.sh

# once COMMAND...: ms to the ready line, kB of peak RSS.
once() {
	/usr/bin/python3 - "$VNETDIAG" "$@" <<'P'
import os, signal, subprocess, sys, time
r, w = os.pipe()
start = time.monotonic()
p = subprocess.Popen(sys.argv[1:] + ["--ready-fd", str(w)], pass_fds=[w],
                     stdout=subprocess.DEVNULL)
os.close(w)
if os.read(r, 6) != b"ready\n":
    sys.exit("it did not become ready")
ms = (time.monotonic() - start) * 1000
p.send_signal(signal.SIGINT)
_, status, usage = os.wait4(p.pid, 0)
print(f"{ms:.0f} {usage.ru_maxrss}")
P
}

failed=0

# measure LIMIT_MS COMMAND...
measure() {
	local limit=$1 runs="" ms kb name

	shift
	name=$*
	for _ in 1 2 3 4 5; do
		runs+=$(once "$@")$'\n' || {
			echo "startup: '$name' did not run" >&2
			exit 1
		}
	done
	read -r ms kb < <(awk 'NF { if (!n++ || $1 < ms) ms = $1; if ($2 > kb) kb = $2 }
		END { print ms, kb }' <<<"$runs")
	printf '%-48s %6d ms %8.1f MB\n' "$name" "$ms" "$(awk "BEGIN { print $kb / 1024 }")"
	if ((ms > limit)); then
		echo "startup: '$name' took $ms ms, more than $limit" >&2
		failed=1
	fi
	if ((kb > LIMIT_KB)); then
		echo "startup: '$name' took $kb kB, more than $LIMIT_KB" >&2
		failed=1
	fi
}

topo_up --no-guest
echo
echo "kernel $(uname -r): start to attached, peak memory"
measure 300 drop summary
measure 300 drop summary --by reason
measure 300 drop details
measure 1000 latency summary --phy-interface ens11
modprobe -a tun vhost_net
measure 1000 vhost summary
exit $failed
