#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The rules that a machine can check, one TAP test each: called by `make lint`
# and `make check`. Prints what breaks them.
set -uo pipefail
# So that verdict() at the end of a pipe counts in this shell.
shopt -s lastpipe
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

nr=0
failed=0

# verdict NAME: passes if stdin is empty, else shows it.
verdict() {
	local found
	found=$(cat)
	nr=$((nr + 1))
	if [[ -z $found ]]; then
		echo "ok $nr - $1"
	else
		echo "not ok $nr - $1"
		echo "# ${found//$'\n'/$'\n'# }"
		failed=1
	fi
}

sources() {
	find cmd core probes include tests -name '*.[chS]' -o -name '*.def' -o -name '*.bpf.c'
}

scripts() {
	find tests .ci -type f \( -name '*.sh' -o -name '*.bash' -o -path 'tests/lab/lab' \
		-o -path '.ci/run' \)
}

# A layer's files may include only what stands to the right.
# layer NAME FOLDER-PATTERN FORBIDDEN-INCLUDE
layer() {
	# shellcheck disable=SC2086 # the pattern is to be expanded
	grep -nHE "^#include [\"<]$3" $2 2> /dev/null | verdict "layers: $1"
}

echo "1..14"

{ sources; scripts; find tests -name '*.bats' -o -name '*.py'; echo Makefile; } |
	while read -r file; do
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-only' || echo "$file"
	done | verdict "every file has its SPDX line"

# The X-macro tables are exempt: one line an entry is their point.
# shellcheck disable=SC2016 # awk's own
sources | grep -v '\.def$' | xargs awk '
	{ line = $0; n = 0
	  for (i = 1; i <= length(line); i++)
		n = substr(line, i, 1) == "\t" ? n + 8 - n % 8 : n + 1
	  if (n > 100) print FILENAME ":" FNR ": " n " columns" }' |
	verdict "no line is over 100 columns"

sources | xargs wc -l | awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }' |
	verdict "no source file is over 600 lines"

sources | xargs grep -nE '[[:space:]]+$' | verdict "no white space at line ends"

grep -nHE 'typedef struct|typedef union' cmd/*.[ch] core/*.[ch] include/vnet/*.h |
	verdict "no struct typedefs"

grep -nH 'bpf_printk\|LINUX_KERNEL_VERSION\|KERNEL_VERSION(' probes/* |
	verdict "probes print nothing and ask for no kernel version"

grep -nHE '^#include' include/vnet/abi/*.h | grep -vE '"[a-z_]+\.h"|"../[a-z]+\.def"' |
	verdict "layers: the ABI includes nothing but itself"
layer "core does not know cmd" "core/*.[ch]" "cmd/"
layer "renderers do not know libbpf" "core/render_*.c" "bpf/|vnet/(session|plan|kernel|measure)"
layer "probes include no core header" "probes/*" "(core/|vnet/[a-z]+\.h)"
layer "commands do not reach into core" "cmd/*.[ch]" "core/"

# Every map says what is in it, who deletes.
awk '/^struct \{$/ || /^struct [a-z]+ \{$/ { start = FNR; before = last; text = ""; name = FILENAME }
	/__uint\(type, BPF_MAP_TYPE/ { if (before !~ /\*\//) print FILENAME ":" start ": a map without a comment" }
	{ last = $0 }' probes/*.bpf.[ch] | verdict "every BPF map has a comment"

scripts | xargs shellcheck -x -e SC2119 2>&1 | verdict "shellcheck finds nothing"

tests/lib/generate.sh --check 2>&1 | verdict "generated files are up to date"

exit $failed
