#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Finding commands, help and version, and what goes to which stream.

setup() {
	bats_load_library bats-support
	bats_load_library bats-assert
	vnetdiag=${VNETDIAG:-./vnetdiag}
	visible=$("$vnetdiag" introspect json |
		jq -r '.commands[] | select(.hidden | not) | .path')
	[ -n "$visible" ]
}

# ask STATUS WORDS...: runs; stdout in $out, stderr in $err.
ask() {
	local want=$1 got=0
	shift
	"$vnetdiag" "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || got=$?
	out=$(cat "$BATS_TEST_TMPDIR/out")
	err=$(cat "$BATS_TEST_TMPDIR/err")
	assert_equal "$got" "$want"
}

@test "every command has help, on stdout alone, within 80 columns" {
	local command
	while read -r command; do
		# shellcheck disable=SC2086
		ask 0 $command --help
		assert_equal "$err" ""
		[[ $out == "Usage: vnetdiag $command [OPTION...]"* ]]
		run awk 'length > 80' "$BATS_TEST_TMPDIR/out"
		assert_output ""
		cp "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/long"
		# shellcheck disable=SC2086
		ask 0 $command -h
		cmp "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/long"
		# shellcheck disable=SC2086
		ask 0 help $command
		cmp "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/long"
	done <<<"$visible"
}

@test "help names every option that is not hidden, and no hidden one" {
	local command hidden name
	while read -r command; do
		# shellcheck disable=SC2086
		ask 0 $command --help
		while IFS=$'\t' read -r name hidden; do
			if [[ $hidden == true ]]; then
				run grep -c -- "--$name" <<<"$out"
				assert_output 0
			else
				grep -qE -- "^  .{3} --$name( |\$)" <<<"$out" ||
					fail "$command --help lacks --$name"
			fi
		done < <("$vnetdiag" introspect json | jq -r --arg c "$command" '.commands[] |
			select(.path == $c).options[] | [.name, .hidden] | @tsv')
	done <<<"$visible"
}

@test "the list of commands has each visible command and no hidden one" {
	local form
	for form in help --help -h; do
		ask 0 $form
		assert_equal "$err" ""
		run sed -nE 's/^  ([a-z]+( [a-z]+)*)  +[A-Z].*/\1/p' <<<"$out"
		assert_output "$visible"
	done
}

@test "no command at all: the list on stderr, status 2" {
	ask 2
	assert_equal "$out" ""
	[[ $err == "vnetdiag: error: no command given"* ]]
	[[ $err == *"drop summary"* ]]
}

@test "a subject without a verb: its verbs on stderr, status 2" {
	ask 2 drop
	assert_equal "$out" ""
	[[ $err == "vnetdiag: error: 'drop' needs a verb"* ]]
	[[ $err == *"drop details"* ]]
	[[ $err != *version* ]]
	ask 0 drop --help
	assert_equal "$err" ""
	[[ $out == *"drop summary"* ]]
	ask 2 ovs upcall
	[[ $err == "vnetdiag: error: 'ovs upcall' needs a verb"*"ovs upcall details"* ]]
	ask 0 help ovs upcall
	[[ $out == "Usage: vnetdiag ovs upcall VERB "*"ovs upcall summary"* ]]
	ask 0 help drop
	[[ $out == *"drop summary"* ]]
}

@test "an unknown command: did you mean, status 2" {
	ask 2 dorp summary
	assert_equal "$out" ""
	assert_equal "$err" "vnetdiag: error: unknown command 'dorp'
hint: did you mean 'vnetdiag drop'?"
	ask 2 drop sumary
	assert_equal "$err" "vnetdiag: error: unknown command 'drop sumary'
hint: did you mean 'vnetdiag drop summary'?"
	ask 2 potatoes
	assert_equal "$err" "vnetdiag: error: unknown command 'potatoes'
hint: 'vnetdiag help' lists the commands"
	ask 2 ovs upcall sumary
	assert_equal "$err" "vnetdiag: error: unknown command 'ovs upcall sumary'
hint: did you mean 'vnetdiag ovs upcall summary'?"
	ask 2 ovs upcal summary
	assert_equal "$err" "vnetdiag: error: unknown command 'ovs upcal'
hint: did you mean 'vnetdiag ovs upcall'?"
	ask 2 help potatoes
	assert_equal "$out" ""
	ask 2 help version potatoes
	assert_equal "$out" ""
}

@test "version: three forms, both versions" {
	local form
	for form in version --version -V; do
		ask 0 $form
		assert_equal "$err" ""
		[[ $out =~ ^vnetdiag\ [0-9]+\.[0-9]+\.[0-9]+$'\n'libbpf\ v[0-9.]+$ ]]
	done
}

@test "a reader that leaves is no error; a full disk is one" {
	# Into a pipe that nobody reads any more.
	run bash -c "{ sleep 0.2; '$vnetdiag' introspect json; echo \$? >&3; } 3>'$BATS_TEST_TMPDIR/status' | :"
	assert_output ""
	assert_equal "$(cat "$BATS_TEST_TMPDIR/status")" 0
	run bash -c "'$vnetdiag' help >/dev/full"
	assert_failure 1
	assert_output "vnetdiag: error: cannot write to standard output: No space left on device"
	run bash -c "'$vnetdiag' help >&-"
	assert_failure 1
}
