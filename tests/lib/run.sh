#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs tiers of tests and counts: called by `make check` and `make test`.
#
# usage: run.sh TIER...	(lint unit fuzz cli offline live lab)
#
# Each step is a program that speaks TAP; its lines are shown as they come and
# kept in $BUILD/test/. LAB_JOBS labs run at a time (2, but no more than CPUs);
# their lines are shown when each has ended. A step that breaks off, or promises more tests than it
# runs, is a failure of its own. With STRICT set a skip is a failure. The last
# line is "N passed, N failed, N skipped", before it stands what failed.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
build=${BUILD:-build}
results=$build/test
kernels=${LAB_KERNELS:-7 5.10 6.1 6.12}
# The files of tests/lab that run one after the other in one lab: parts of about
# the same length, each with a topology and a guest of its own. What breaks one
# leaves the others alone.
lab_parts=(
	'drop drop_qdisc'
	'latency_qdisc latency_rtt'
	'latency'
	'latency_pair probes'
	'latency_vm selftest'
	'vhost tun topo'
	'ovs_decode ovs_drop ovs_megaflow ovs_threads ovs_upcall load zz-lockdown'
)
# Some 5 minutes are normal with two at a time on two CPUs.
lab_limit=1500
declare -A lab_jobs=() lab_started=() lab_again=()
# Steps with failures: told again at the end, where a log that is cut still has them.
unsound=()
passed=0 failed=0 skipped=0
export VNETDIAG=${VNETDIAG:-$PWD/vnetdiag} BUILD=$build VNET_BUILD=$build
# Not the caller's: a service manager's or a user's own tools may come first.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8

mkdir -p "$results"

# count NAME STATUS: adds up a step's TAP file.
count() {
	local name=$1 status=$2 file=$results/$1.tap ok bad skip plan
	ok=$(grep -c '^ok ' "$file")
	bad=$(grep -c '^not ok ' "$file")
	skip=$(grep -cE '^ok .* # (skip|SKIP)' "$file")
	plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$file" | head -n 1)
	if [[ -z $plan || $plan -ne $((ok + bad)) ]] || [[ $status -ne 0 && $bad -eq 0 ]]; then
		echo "not ok - $name: broke off (status $status, $((ok + bad)) of ${plan:-?} tests)"
		bad=$((bad + 1))
	fi
	if [[ -n ${STRICT:-} && $skip -gt 0 ]]; then
		echo "not ok - $name: $skip skipped, which strict mode forbids"
		bad=$((bad + skip)) skip=0 ok=$((ok - skip))
		ok=$(($(grep -c '^ok ' "$file") - $(grep -cE '^ok .* # (skip|SKIP)' "$file")))
	else
		ok=$((ok - skip))
	fi
	passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
	((bad == 0)) || unsound+=("$name")
}

# What failed and the first lines of why, of each step in `unsound`.
failures() {
	local name
	for name in "${unsound[@]}"; do
		echo "# failed in $name:"
		awk '/^(not )?ok / { told = 0; failed = /^not/ }
			failed && told++ < 12 { print substr($0, 1, 400) }' "$results/$name.tap"
	done
}

# step NAME COMMAND...
step() {
	local name=$1 start=$SECONDS status
	shift
	echo "# $name"
	"$@" < /dev/null 2> "$results/$name.err" | tee "$results/$name.tap"
	status=${PIPESTATUS[0]}
	verdict "$name" "$status" "$start"
}

# verdict NAME STATUS START: what is told after a step's lines
verdict() {
	local name=$1 status=$2 start=$3
	[[ $status -eq 0 ]] || sed 's/^/# /' "$results/$name.err" | tail -n 40
	count "$name" "$status"
	echo "# $name: $((SECONDS - start)) s"
}

# A tier that cannot run here: one skip, or one failure in strict mode.
missing() {
	local name=$1 why=$2
	printf '1..1\nok 1 - %s # skip %s\n' "$name" "$why" | tee "$results/$name.tap"
	count "$name" 0
}

tier_lint() { step lint tests/lib/lint.sh --tap; }

tier_unit() {
	local test
	for test in tests/unit/test_*.c; do
		test=$(basename "$test" .c)
		step "unit-${test#test_}" timeout 120 "$build/unit/$test"
	done
}

tier_fuzz() {
	local target name
	for target in "$build"/fuzz/*.seed; do
		name=$(basename "$target" .seed)
		step "seed-${name#fuzz_}" timeout 120 "$target" "tests/fuzz/corpus/${name#fuzz_}"
	done
}

bats_tier() {
	local name=$1 limit=$2
	shift 2
	step "$name" timeout "$limit" bats --timing --formatter tap "$@"
}

tier_cli() { bats_tier cli 300 tests/cli/*.bats; }

tier_offline() {
	compgen -G 'tests/offline/*.bats' > /dev/null || return 0
	bats_tier offline 120 tests/offline/*.bats
}

tier_live() {
	if [[ $(id -u) -ne 0 ]]; then
		missing live "needs root"
		return
	fi
	bats_tier live 600 tests/live/*.bats
}

# Is there such a kernel? If not, says what follows from that.
lab_kernel() {
	local kernel=$1
	tests/lab/kernels.sh "$kernel" > "$results/kernel-$kernel.log" 2>&1 && return
	if [[ $kernel == 7 ]]; then
		# sid moves: its kernel may be between two versions.
		echo "# lab-7: no such kernel to be had now, left out"
	else
		tail -n 5 "$results/kernel-$kernel.log" | sed 's/^/# /'
		missing "lab-$kernel" "kernel not to be had"
	fi
	return 1
}

# A file that is in no part, or in two, would be missed, or run twice.
lab_parts_are_whole() {
	diff <(tr ' ' '\n' <<< "${lab_parts[*]}" | sort) \
		<(basename -s .bats tests/lab/*.bats | sort) > /dev/null
}

# $1: KERNEL-PART
lab_start() {
	local name=lab-$1 part=${1##*-}
	local -a files

	read -ra files <<< "${lab_parts[part - 1]}"
	echo "# $name runs, see $results/$name.tap: ${files[*]}"
	rm -rf "${results:?}/$name"
	mkdir -p "$results/$name/json"
	files=("${files[@]/#/tests/lab/}")
	VNET_JSON_DIR=/out/json \
		tests/lab/lab run --kernel "${1%-*}" --guest --timeout "$lab_limit" --quiet \
		--out "$results/$name" -- bats --timing --formatter tap "${files[@]/%/.bats}" \
		< /dev/null > "$results/$name.tap" 2> "$results/$name.err" &
	lab_jobs[$!]=$name
	lab_started[$name]=$SECONDS
}

# A kernel that patches its code while another emulated CPU runs it may meet a
# breakpoint that it has taken back already: QEMU translated it a moment too early
# and keeps it. 7.x then says so; older kernels try the place again, forever, which
# their watchdog ends. It can be made at will by switching trace events on and off
# beside a busy shell: in ten seconds with QEMU 7.2, not in two minutes with 10.0
# (tests/lab/emulator.sh). The part is started again, three times at most.
lab_lost() {
	local name=$1 status=$2 why

	[[ $status -eq 125 && ${lab_again[$name]:-0} -lt 3 ]] &&
		why=$(grep -aom 1 'Oops: int3\|soft lockup' "$results/$name/console.log") ||
		return
	lab_again[$name]=$((${lab_again[$name]:-0} + 1))
	mv "$results/$name.tap" "$results/$name.lost-${lab_again[$name]}.tap"
	cp "$results/$name/console.log" "$results/$name.lost-${lab_again[$name]}.log"
	echo "# $name: the emulation failed ($why), started again after $(
		grep -c '^ok ' "$results/$name.lost-${lab_again[$name]}.tap") tests"
	lab_start "${name#lab-}"
}

# Waits until one of them ends and shows it whole.
lab_finish() {
	local pid status name
	wait -n -p pid "${!lab_jobs[@]}"
	status=$?
	name=${lab_jobs[$pid]}
	unset "lab_jobs[$pid]"
	! lab_lost "$name" "$status" || return
	echo "# $name"
	cat "$results/$name.tap"
	verdict "$name" "$status" "${lab_started[$name]}"
	# What the tests there left to be checked here.
	step "schema-${name#lab-}" /usr/bin/python3 tests/lib/json_check.py --tap \
		"$results/$name/json"
}

tier_lab() {
	local kernel part jobs=${LAB_JOBS:-2}
	((jobs <= $(nproc))) || jobs=$(nproc)
	if ! lab_parts_are_whole; then
		echo "not ok - lab: lab_parts and tests/lab/*.bats differ"
		failed=$((failed + 1))
		return
	fi
	for kernel in $kernels; do
		lab_kernel "$kernel" || continue
		for part in "${!lab_parts[@]}"; do
			while ((${#lab_jobs[@]} >= jobs)); do lab_finish; done
			lab_start "$kernel-$((part + 1))"
		done
	done
	while ((${#lab_jobs[@]})); do lab_finish; done
}

# Jobs in the background do not get the terminal's Ctrl-C.
interrupted() {
	trap '' INT TERM
	if ((${#lab_jobs[@]})); then
		kill "${!lab_jobs[@]}"
		wait "${!lab_jobs[@]}"
	fi
	exit 130
}
trap interrupted INT TERM

for tier in "$@"; do
	"tier_$tier"
done
echo
failures
echo "$passed passed, $failed failed, $skipped skipped"
[[ $failed -eq 0 && $passed -gt 0 ]]
