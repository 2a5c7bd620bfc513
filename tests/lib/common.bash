# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the bats files of tests/live and tests/lab share: running the tool in
# the background and reading its JSON. Loaded by setup() of each.
#
# tool_start NAME ARGS...   starts $VNETDIAG, behind the words of the array tool_in;
#                           returns once it says it is ready
# tool_stop NAME            SIGINT; it must end by itself with status 0
# tool_end NAME [SECONDS]   waits for the end; sets tool_status
# tool_pid NAME
# tools_kill                for teardown(): whatever is still there
#   its output is in $out/NAME.out, its messages in $out/NAME.err
# expect_count NAME N JQ    rows that satisfy JQ count N in all, or N less at
#                           most what was reported as lost
# expect_records NAME N JQ  likewise the records of a details command
# expect_that NAME JQ       JQ is true of the array of all the tool's lines; the
#                           other tools' lines are variables of their names
# expect_met                these three only take note: here they are checked,
#                           by one jq (a process is dear in the lab)
# expect_json NAME SCHEMA   its lines fit the schema
# json_fits SCHEMA FILE
# drop_rule NETNS FAMILY HOOK [MATCH...]   an nftables DROP rule
# listen_start NETNS ADDRESS PORT BYTES    a UDP socket that does not read
# listen_stop                              reads; sets listen_got, how many it had
# was_called PROGRAM         for teardown(): did the test call tc, nft, ethtool or
#                            ovs-ofctl in its own namespace?
# queues_are_empty DEVICE, has_lines NAME N   for wait_for
# wait_for SECONDS CMD...   until CMD succeeds; 1 when time is up
#
# bats traces every command of every function, to show where a test failed; the
# trace of one costs an emulated CPU some 10 ms: half of a test's time. After
# common_setup only the test's own lines are traced: what fails in a function is
# shown by the line that called it. What runs before (setup_file) begins with
# "set +T" (and "local -") where it is long.
#
# Where the kernel preempts its own threads (7.x), a program may be wanted on a CPU
# while it is running there for a thread that has lost it: such packets are missed,
# and reported. $whole is the jq for a report without other losses; "misses" their
# number; "short" holds for what may lack so many.
#
# No wait is without a bound, and none is a sleep: --ready-fd is a fifo, whose
# end of file also tells that the tool has gone.

# shellcheck disable=SC2034 # for the users
: "${VNETDIAG:=./vnetdiag}"
readonly TOOL_WAIT=${VNET_TOOL_WAIT:-120}
declare -gA tool_pids=() tool_fds=()
declare -ga checks=() tool_in=() softnet=()
nr_tools=0
tests_lib=$(cd "${BASH_SOURCE[0]%/*}" && pwd)
# Programs of tests/tools, which `make test-tools` builds.
test_tools=${BUILD:-build}/tools
send=$test_tools/send tcp=$test_tools/tcp
out=${BATS_TEST_TMPDIR:-}

whole=.complete
# A function's return that was missed is found at the next one: probe_misses.
[[ ${LAB_KERNEL:-} != 7 ]] || whole='(.losses | .probe_misses <= .recursion_misses and
	(del(.recursion_misses, .probe_misses) | add == 0))'

# tests/lab/topology.sh has the same, for use without this file.
wait_for() {
	local -
	set +T
	local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))

	shift
	until "$@"; do
		((${EPOCHREALTIME/./} < deadline)) || return 1
		# A pause that starts no process: nobody writes to this pipe.
		[[ -n ${pause_fd:-} ]] || exec {pause_fd}<> <(:)
		read -rt 0.02 -u "$pause_fd" _ || :
	done
}

# What bats_load_library does with 17 processes, for each test: a second of an
# emulated CPU.
load_assertions() {
	local dirs dir file

	IFS=: read -ra dirs <<<"${BATS_LIB_PATH:-/usr/lib/bats}"
	for dir in "${dirs[@]}"; do
		for file in "$dir"/bats-{support,assert}/src/*.bash; do
			# shellcheck source=/dev/null
			[[ ! -e $file ]] || . "$file"
		done
	done
	declare -F fail assert_output >/dev/null
}

common_setup() {
	local -
	set +T
	load_assertions
	[[ -x $send ]] || fail "'$send' is missing: make test-tools"
	out=$BATS_TEST_TMPDIR
	# shellcheck disable=SC2016 # for each command anew
	trap '[[ $FUNCNAME != "$BATS_TEST_NAME" && $FUNCNAME != teardown ]] ||
		bats_debug_trap "$BASH_SOURCE"' DEBUG
}

# A teardown takes back what its test did; to ask what that was would cost an
# emulated CPU 0.2 s for each of these. So they note that they were called.
declare -gA called=()
tc() { called[tc]=1 && command tc "$@"; }
nft() { called[nft]=1 && command nft "$@"; }
ethtool() { called[ethtool]=1 && command ethtool "$@"; }
ovs-ofctl() { called[ovs-ofctl]=1 && command ovs-ofctl "$@"; }
was_called() { [[ -n ${called[$1]:-} ]]; }

# Prints why a test is about to fail, with what the tool said.
explain() {
	local name=$1

	shift
	printf '%s: %s\n' "$name" "$*" >&2
	if [[ -s $out/$name.err ]]; then sed 's/^/  stderr: /' "$out/$name.err" >&2; fi
	if [[ -s $out/$name.out ]]; then
		# What is long and the same in each report comes last, where it is cut off.
		{ jq -c '{losses} + (del(.probes, .filter) | to_entries |
			sort_by(.value | type == "array" or type == "object") | from_entries)' "$out/$name.out" 2>/dev/null ||
			cat "$out/$name.out"; } | head -n 4 | cut -c -1500 | sed 's/^/  stdout: /' >&2
	fi
	return 1
}

tool_start() {
	local -
	set +T
	local name=$1 fd line='' n=$nr_tools fifo=$out/fifo.$nr_tools

	shift
	# One process for four tools.
	((n % 4)) || mkfifo "$fifo" "$out/fifo.$((n + 1))" "$out/fifo.$((n + 2))" \
		"$out/fifo.$((n + 3))"
	nr_tools=$((n + 1))
	"${tool_in[@]}" "$VNETDIAG" "$@" --ready-fd 9 9>"$fifo" </dev/null \
		>"$out/$name.out" 2>"$out/$name.err" 3>&- 4>&- &
	tool_pids[$name]=$!
	exec {fd}<"$fifo"
	tool_fds[$name]=$fd
	read -t "$TOOL_WAIT" -r line <&"$fd" || :
	[[ $line == ready ]] || explain "$name" "not ready after $TOOL_WAIT s: $*"
}

tool_pid() { printf '%s\n' "${tool_pids[$1]}"; }

tool_end() {
	local -
	set +T
	local name=$1 fd=${tool_fds[$1]} got=0

	read -t "${2:-$TOOL_WAIT}" -r _ <&"$fd" || got=$?
	exec {fd}<&-
	unset "tool_fds[$name]"
	if ((got > 128)); then
		kill -9 "${tool_pids[$name]}"
		wait "${tool_pids[$name]}" || :
		unset "tool_pids[$name]"
		explain "$name" "still there after ${2:-$TOOL_WAIT} s"
		return 1
	fi
	tool_status=0
	wait "${tool_pids[$name]}" || tool_status=$?
	unset "tool_pids[$name]"
}

# Nothing waits in a CPU's backlog, and none has taken anything since the last call.
traffic_settled() {
	local before="${softnet[*]}" line
	local -a fields

	mapfile -t softnet </proc/net/softnet_stat
	[[ ${softnet[*]} == "$before" ]] || return
	for line in "${softnet[@]}"; do
		read -ra fields <<<"$line"
		((16#${fields[11]:-0} == 0)) || return
	done
}

# What was sent before is counted first, unless traffic goes on for a second.
tool_stop() {
	local -
	set +T
	local name

	wait_for 1 traffic_settled || :
	for name; do
		kill -INT "${tool_pids[$name]}"
	done
	for name; do
		tool_end "$name" || return
		((tool_status == 0)) || explain "$name" "status $tool_status" || return
	done
}

tools_kill() {
	local -
	set +T
	local name

	for name in "${!tool_pids[@]}"; do
		kill -9 "${tool_pids[$name]}" 2>/dev/null || :
		wait "${tool_pids[$name]}" 2>/dev/null || :
	done
	tool_pids=()
	if [[ -n ${listen_pid:-} ]]; then kill -9 "$listen_pid" 2>/dev/null || :; fi
	# A test that forgot expect_met could not fail. Not by the status, which counts
	# only at teardown's end.
	if ((${#checks[@]})) && [[ -n ${BATS_TEST_COMPLETED:-} ]]; then
		echo "checks that were never made: expect_met is missing" >&2
		exit 1
	fi
}

expect_count() { checks+=(count "$@"); }
expect_records() { checks+=(records "$@"); }
expect_that() { checks+=(that "$1" 0 "$2"); }

# jq: why the check does not hold, or nothing
read -r -d '' jq_functions <<'END' || :
def reports: map(select(.type == "report"));
def lost: map(.losses // empty) | last // {} | del(.suppressed) | add // 0;
def misses: map(.losses // empty) | last // {} | .recursion_misses // 0;
def short($n; $misses): . <= $n and . + $misses >= $n;
def row_sum(f): [reports[].rows[] | select(f) | .count] | add // 0;
def record_sum(f): [.[] | select(.type == "record") | select(f)] | length;
def verdict($n; $got): if $got == $n or ($got < $n and $got + lost >= $n) then empty
	else "\($got) instead of \($n), and \(lost) lost" end;
END

expect_met() {
	local -
	set +T
	local i kind name n text program="$jq_functions" failed=
	local -A files=()

	((${#checks[@]})) || return
	for ((i = 0; i < ${#checks[@]}; i += 4)); do
		kind=${checks[i]} name=${checks[i + 1]} n=${checks[i + 2]} text=${checks[i + 3]}
		files[$name]=1
		case $kind in
		count) text="verdict($n; row_sum($text))" ;;
		records) text="verdict($n; record_sum($text))" ;;
		that) text="if ($text) == true then empty else \"is not so\" end" ;;
		esac
		program+=" (\$$name | ($text | \"$i \(.)\")),"
	done
	set --
	for name in "${!files[@]}"; do set -- "$@" --slurpfile "$name" "$out/$name.out"; done
	failed=$(jq -nr "$@" "$program empty") || failed="0 jq failed"
	while read -r i text; do
		[[ -z $i ]] || explain "${checks[i + 1]}" "$text: ${checks[i + 3]}" || :
	done <<<"$failed"
	checks=()
	[[ -z $failed ]]
}

# Every line of file $2 fits schema $1, and jq takes it too. From the lab the
# machine outside gets it and checks it when the tests are over (run.sh): in there
# that took two minutes in all.
json_fits() {
	if [[ -z ${VNET_JSON_DIR:-} ]]; then
		"$tests_lib/json_check.py" "$1" <"$2" && jq -e .schema "$2" >/dev/null
	else
		cat "$2" >>"$VNET_JSON_DIR/$BATS_SUITE_TEST_NUMBER.$1"
	fi
}

expect_json() { json_fits "$2" "$out/$1.out" || explain "$1" "not as in $2"; }

# Nothing waits in the qdiscs of device $1; a prefix command may stand behind it.
queues_are_empty() {
	[[ ! $("${@:2}" tc -s qdisc show dev "$1") =~ backlog\ [^\ ]+\ [1-9][0-9]*p ]]
}

# The tool $1 has printed $2 lines or more.
has_lines() {
	local lines

	mapfile -t lines <"$out/$1.out"
	((${#lines[@]} >= $2))
}

drop_rule() {
	local netns=$1 family=$2 hook=$3

	shift 3
	ip netns exec "$netns" nft "add table $family t;
		add chain $family t in { type filter hook $hook priority 0; };
		add rule $family t in $* drop"
}

listen_start() {
	local -
	set +T
	local line

	rm -f "$out/listen"
	mkfifo "$out/listen"
	exec {listen_fd}<>"$out/listen"
	ip netns exec "$1" "$test_tools/listen" "$2" "$3" "$4" "$out/listen" 3>&- 4>&- &
	listen_pid=$!
	read -t "$TOOL_WAIT" -r line <&"$listen_fd" && [[ $line == ready ]]
}

listen_stop() {
	local line

	kill -USR1 "$listen_pid"
	read -t "$TOOL_WAIT" -r line <&"$listen_fd"
	wait "$listen_pid"
	listen_pid=
	exec {listen_fd}<&-
	listen_got=$line
}
