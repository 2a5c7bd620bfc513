#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the tool costs, in the lab: instructions per packet (counted, so it
# repeats within 0.1 %), beside empty programs, the usual design and bpftrace
# doing the same in the same run; with types of modules and without; then start-up
# time and memory on each kernel. Called by `make bench`, which fails if a
# limit is not kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export VNETDIAG=${VNETDIAG:-$PWD/vnetdiag}

failed=0
for kernel in ${BENCH_KERNELS:-6.1 5.10}; do
	tests/lab/lab run --kernel "$kernel" --icount --quiet --timeout 1500 -- \
		tests/bench/packets.sh -b "${BUILD:-build}" || failed=1
	echo
done
for kernel in ${LAB_KERNELS:-5.10 6.1 6.12 7}; do
	tests/lab/lab run --kernel "$kernel" --quiet --timeout 300 -- \
		tests/bench/startup.sh || failed=1
done
exit $failed
