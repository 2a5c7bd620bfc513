#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# The completion scripts at work: what TAB offers.

setup() {
	bats_load_library bats-support
	bats_load_library bats-assert
	vnetdiag=$(realpath "${VNETDIAG:-./vnetdiag}")
	cd "$BATS_TEST_DIRNAME/../.." || return 1
}

# offers WORD...: what bash offers for the last word, one a line.
offers() {
	bash -c '
		source completions/vnetdiag.bash
		COMP_WORDS=(vnetdiag "$@")
		COMP_CWORD=$#
		COMPREPLY=()
		_vnetdiag
		printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}

# What the tables say: jq FILTER.
table() {
	"$vnetdiag" introspect json | jq -r "$1"
}

devices() {
	local path
	for path in /sys/class/net/*; do
		[[ ! -e $path/ifindex ]] || echo "${path##*/}"
	done
}

@test "bash: the first word of every command" {
	run diff <(offers "" | sort) \
		<(table '.commands[] | select(.hidden | not) | .path' | cut -d' ' -f1 | sort -u)
	assert_success
}

@test "bash: the verbs of a subject" {
	run diff <(offers drop "" | sort) \
		<(table '.commands[].path' | sed -n 's/^drop //p' | sort)
	assert_success
	run diff <(offers ovs upcall "" | sort) \
		<(table '.commands[].path' | sed -n 's/^ovs upcall //p' | sort)
	assert_success
	run offers ovs u
	assert_output upcall
	run offers help drop s
	assert_output summary
}

@test "bash: exactly the options of every command" {
	local command
	while read -r command; do
		# shellcheck disable=SC2086
		run diff <(offers $command "--" | sort) \
			<(table ".commands[] | select(.path == \"$command\").options[] |
				select(.hidden | not) | \"--\" + .name" | sort)
		assert_success
	done < <(table '.commands[] | select(.hidden | not) | .path')
}

@test "bash: values" {
	run offers drop summary --format ""
	assert_output $'text\njson\nhist'
	run offers drop summary -f j
	assert_output json
	# bash splits --format=j into three words
	run offers drop summary --format = j
	assert_output json
	run offers drop summary --format =
	assert_output $'text\njson\nhist'
	run offers drop summary --protocol icmp
	assert_output $'icmp\nicmp6'
	run offers drop summary --interval ""
	assert_output ""
	run offers drop summary --by stack,re
	assert_output stack,reason
	run offers drop summary --output tests/cli/completion.b
	assert_output tests/cli/completion.bats
}

@test "bash: devices, also behind a comma" {
	run diff <(offers drop summary --device "" | sort) <(devices | sort)
	assert_success
	run diff <(offers drop summary --device x, | sort) <(devices | sed 's/^/x,/' | sort)
	assert_success
}

@test "zsh: the script is well-formed" {
	command -v zsh >/dev/null || skip "needs zsh"
	run zsh -n completions/_vnetdiag
	assert_output ""
	assert_success
}

@test "zsh: verbs and options as the tables have them" {
	command -v zsh >/dev/null || skip "needs zsh"
	# The script's two tables, without the completion system around them.
	run zsh -fc '
		source <(sed "\$d" completions/_vnetdiag)
		_vnetdiag_words drop
		print -l -- ${words_here%%:*}
		_vnetdiag_specs "drop summary"
		print -l -- ${${(M)specs:#*\)--*}#*\)} | sed "s/[=[].*//"'
	assert_success
	assert_output "$(table '.commands[].path' | sed -n 's/^drop //p'
		table '.commands[] | select(.path == "drop summary").options[] |
			select(.hidden | not) | "--" + .name')"
}

@test "fish: words, options and values" {
	command -v fish >/dev/null || skip "needs fish"
	fish -n completions/vnetdiag.fish
	tab() {
		HOME=$BATS_TEST_TMPDIR fish --no-config -c "
			source completions/vnetdiag.fish
			complete -C'$1'" | cut -f1
	}
	run diff <(tab "vnetdiag drop " | sort) \
		<(table '.commands[].path' | sed -n 's/^drop //p' | sort)
	assert_success
	run diff <(tab "vnetdiag drop summary --" | sort) \
		<(table '.commands[] | select(.path == "drop summary").options[] |
			select(.hidden | not) | "--" + .name' | sort)
	assert_success
	run tab "vnetdiag drop summary --format j"
	assert_output json
	run tab "vnetdiag drop summary --by stack,re"
	assert_output stack,reason
	run diff <(tab "vnetdiag drop summary --device " | sort) <(devices | sort)
	assert_success
}
