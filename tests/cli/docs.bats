#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
# Help, man pages, completions and README against the binary's own tables,
# in both directions.

setup() {
	bats_load_library bats-support
	bats_load_library bats-assert
	vnetdiag=$(realpath "${VNETDIAG:-./vnetdiag}")
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	tables=$BATS_TEST_TMPDIR/tables.json
	"$vnetdiag" introspect json >"$tables"
}

visible() {
	jq -r '.commands[] | select(.hidden | not) | .path' "$tables"
}

# help and version are in vnetdiag(8).
with_page() {
	visible | grep -vxE 'help|version'
}

page_of() {
	echo "man/vnetdiag-${1// /-}.8"
}

@test "generated files are in step" {
	VNETDIAG=$vnetdiag run tests/lib/generate.sh --check
	assert_success
	assert_output ""
}

@test "generate --check notices a change" {
	cp -r man completions tests "$BATS_TEST_TMPDIR"
	sed -i 's/^_vnetdiag() {/& # changed/' "$BATS_TEST_TMPDIR/completions/vnetdiag.bash"
	VNETDIAG=$vnetdiag run "$BATS_TEST_TMPDIR/tests/lib/generate.sh" --check
	assert_failure 1
	assert_line --partial "_vnetdiag() { # changed"
}

@test "each command has a page, each page a command" {
	run diff <(with_page | while read -r command; do page_of "$command"; done | sort) \
		<(printf '%s\n' man/vnetdiag-*.8 | sort)
	assert_success
}

@test "pages name exactly the command's options" {
	local command
	while read -r command; do
		run diff <(jq -r --arg c "$command" '.commands[] | select(.path == $c).options[] |
				select(.hidden | not) | .name' "$tables" | sort) \
			<(sed -n '/BEGIN GENERATED/,/END GENERATED/{s/\\-/-/g
				s/^\\fB.*--\([a-z0-9-]*\)\\fR.*/\1/p}' "$(page_of "$command")" | sort)
		assert_success
		# The prose names no option that is not there.
		run comm -23 <(sed 's/\\-/-/g' "$(page_of "$command")" |
				grep -oE -- '--[a-z][a-z0-9-]+' | sort -u) \
			<(jq -r '.commands[].options[] | "--" + .name' "$tables" | sort -u)
		assert_output ""
	done < <(with_page)
}

@test "pages have all sections" {
	local command section
	while read -r command; do
		for section in NAME SYNOPSIS DESCRIPTION OPTIONS OUTPUT '"JSON FIELDS"' \
			'"EXIT STATUS"' EXAMPLES OVERHEAD '"SEE ALSO"'; do
			grep -qxF ".SH $section" "$(page_of "$command")" ||
				fail "$(page_of "$command") lacks $section"
		done
		grep -qF "vnetdiag\\-${command// /\\-} (8)" man/vnetdiag.8 ||
			fail "man/vnetdiag.8 does not refer to $command"
	done < <(with_page)
}

@test "vnetdiag(8) has every exit status" {
	local status
	for status in $(jq -r '.exit_statuses[].status' "$tables"); do
		grep -qxF ".B $status" man/vnetdiag.8 || fail "no status $status"
	done
}

@test "mandoc finds nothing wrong" {
	command -v mandoc >/dev/null || skip "needs mandoc"
	run mandoc -T lint -W warning man/*.8
	assert_output ""
	assert_success
}

@test "examples use only options that exist" {
	local words
	while read -r words; do
		words=${words%%|*}
		words=${words%%>*}
		words=${words%%;*}
		# Names are checked in order, so --help is reached only past them.
		# shellcheck disable=SC2086
		run "$vnetdiag" ${words#vnetdiag } --help
		assert_success
	done < <(jq -r '.commands[].examples[].command' "$tables"
		sed -n '/^\.nf/,/^\.fi/{s/\\-/-/g;/^vnetdiag /p}' man/*.8)
}

@test "each command that is not hidden has a summary, a description, an example" {
	run jq -r '.commands[] | select(.hidden | not) | select((.summary | not) or
		(.description | not) or (.examples | length == 0)) | .path' "$tables"
	assert_output ""
}

@test "tables are sane" {
	# Names that shells and people can bear; help that fits every renderer.
	run jq -r '.commands[] | .path as $p | .options[] | select(
		(.name | test("^[a-z][a-z0-9-]*$") | not) or
		(.help | test("[\\]\\\\]") or endswith(".")) or
		((.type == "flag") == (.argument != null)) or
		((.type | startswith("enum")) != (.choices != null)) or
		((.choices // []) | length > 32)) | "\($p) \(.name)"' "$tables"
	assert_output ""
	run jq -r '.commands[] | .path as $p | [.options[].name] | group_by(.)[] |
		select(length > 1) | "\($p): \(.[0]) twice"' "$tables"
	assert_output ""
	run jq -r '.commands[] | .path as $p | [.options[].key | values] | group_by(.)[] |
		select(length > 1) | "\($p): -\(.[0]) twice"' "$tables"
	assert_output ""
}

@test "README names every subject" {
	local subject
	for subject in $(visible | cut -d' ' -f1 | sort -u); do
		grep -qE "vnetdiag $subject\\b" README.md || fail "README.md lacks $subject"
	done
}
