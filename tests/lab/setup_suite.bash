# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# bats runs this before the first of the files of this folder. They share one
# topology and one guest: making these takes an emulated CPU 10 s and 40 s.

setup_suite() { export TOPO_KEEP=yes; }

# What is left running would keep bats from its end.
teardown_suite() {
	# shellcheck source=tests/lab/topology.sh
	. tests/lab/topology.sh
	TOPO_KEEP='' topo_down
	# With `lab run --out`: what the kernel thought of it all.
	[[ ! -d /out ]] || dmesg --decode >/out/dmesg
}
