# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# Written by tests/lib/generate.sh from vnetdiag's own tables: do not edit.

# The words that can follow these words of a command.
_vnetdiag_words() {
	case $1 in
	'') echo 'drop latency ovs tun vhost topo probes doctor help version' ;;
	'drop') echo 'summary details qdisc' ;;
	'latency') echo 'summary details pair qdisc rtt' ;;
	'ovs') echo 'upcall megaflow drop threads' ;;
	'ovs upcall') echo 'summary details' ;;
	'tun') echo 'summary details' ;;
	'vhost') echo 'summary details signal peek' ;;
	esac
}

_vnetdiag_options() {
	case $1 in
	'drop summary') echo '--by -b --top -t --no-stack --max-entries --reason --all --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --src-ip --dst-ip --src-port --dst-port --protocol --vlan --device --inner --help -h' ;;
	'drop details') echo '--stack -s --limit -l --rate-limit --pcap -w --snap-length --reason --all --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --src-ip --dst-ip --src-port --dst-port --protocol --vlan --device --inner --pid --tid --comm --help -h' ;;
	'drop qdisc') echo '--by -b --top -t --all --max-entries --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --src-ip --dst-ip --src-port --dst-port --protocol --vlan --device --inner --help -h' ;;
	'latency summary') echo '--over --by -b --top -t --max-entries --phy-interface -p --vm-interface -m --vm --internal-interface --direction --via --stages --sample --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --src-ip --dst-ip --src-port --dst-port --protocol --vlan --device --inner --help -h' ;;
	'latency details') echo '--threshold -t --limit -l --rate-limit --phy-interface -p --vm-interface -m --vm --internal-interface --direction --via --stages --sample --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --src-ip --dst-ip --src-port --dst-port --protocol --vlan --device --inner --help -h' ;;
	'latency pair') echo '--from --to --pairs --timeout --over --threshold -t --missing -m --limit -l --rate-limit --max-entries --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --src-ip --dst-ip --src-port --dst-port --protocol --vlan --device --inner --help -h' ;;
	'latency qdisc') echo '--over --threshold --limit -l --rate-limit --top -t --max-entries --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --src-ip --dst-ip --src-port --dst-port --protocol --vlan --device --inner --help -h' ;;
	'latency rtt') echo '--phy-interface -p --via --role --internal-interface --timeout --over --threshold -t --limit -l --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --src-ip --dst-ip --src-port --dst-port --protocol --vlan --device --inner --help -h' ;;
	'ovs upcall summary') echo '--by -b --top -t --timeout --max-entries --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --src-ip --dst-ip --src-port --dst-port --protocol --vlan --device --inner --help -h' ;;
	'ovs upcall details') echo '--threshold -t --limit -l --rate-limit --timeout --max-entries --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --src-ip --dst-ip --src-port --dst-port --protocol --vlan --device --inner --help -h' ;;
	'ovs megaflow') echo '--event -e --ufid -u --in-port --summary -s --top -t --limit -l --rate-limit --max-entries --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --src-ip --dst-ip --src-port --dst-port --protocol --vlan --device --inner --help -h' ;;
	'ovs drop') echo '--by -b --top -t --max-entries --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --src-ip --dst-ip --src-port --dst-port --protocol --vlan --device --inner --help -h' ;;
	'ovs threads') echo '--pid -p --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --help -h' ;;
	'tun summary') echo '--device --vm --stalled-after --top -t --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --help -h' ;;
	'tun details') echo '--vm --all --stack -s --limit -l --rate-limit --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --src-ip --dst-ip --src-port --dst-port --protocol --vlan --device --inner --help -h' ;;
	'vhost summary') echo '--device --vm --top -t --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --help -h' ;;
	'vhost details') echo '--device --vm --event -e --flagged --limit -l --rate-limit --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --help -h' ;;
	'vhost signal') echo '--device --vm --top -t --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --help -h' ;;
	'vhost peek') echo '--device --vm --top -t --interval -i --duration -d --count -n --format -f --output -o --dry-run --explain-filter --kernel-facts --btf --verbose -v --help -h' ;;
	'topo') echo '--vm -m --ovsdb --format -f --help -h' ;;
	'probes') echo '--check -c --record --format -f --kernel-facts --help -h' ;;
	'doctor') echo '--format -f --kernel-facts --help -h' ;;
	'help') echo '--help -h' ;;
	'version') echo '--help -h' ;;
	esac
}

# What an option's value is: its kind, its choices.
_vnetdiag_values() {
	case $1 in
	'drop summary'' --by' | 'drop summary'' -b') echo 'list stack location reason device flow' ;;
	'drop summary'' --top' | 'drop summary'' -t') echo 'none' ;;
	'drop summary'' --max-entries') echo 'none' ;;
	'drop summary'' --reason') echo 'none' ;;
	'drop details'' --limit' | 'drop details'' -l') echo 'none' ;;
	'drop details'' --rate-limit') echo 'none' ;;
	'drop details'' --pcap' | 'drop details'' -w') echo 'file' ;;
	'drop details'' --snap-length') echo 'none' ;;
	'drop details'' --reason') echo 'none' ;;
	'drop qdisc'' --by' | 'drop qdisc'' -b') echo 'list qdisc flow' ;;
	'drop qdisc'' --top' | 'drop qdisc'' -t') echo 'none' ;;
	'drop qdisc'' --max-entries') echo 'none' ;;
	'latency summary'' --over') echo 'none' ;;
	'latency summary'' --by' | 'latency summary'' -b') echo 'list flow' ;;
	'latency summary'' --top' | 'latency summary'' -t') echo 'none' ;;
	'latency summary'' --max-entries') echo 'none' ;;
	'latency summary'' --phy-interface' | 'latency summary'' -p') echo 'devices' ;;
	'latency summary'' --vm-interface' | 'latency summary'' -m') echo 'devices' ;;
	'latency summary'' --vm') echo 'none' ;;
	'latency summary'' --internal-interface') echo 'devices' ;;
	'latency summary'' --direction') echo 'word both tx rx' ;;
	'latency summary'' --via') echo 'word auto ovs kernel' ;;
	'latency summary'' --stages') echo 'word default ends full' ;;
	'latency summary'' --sample') echo 'none' ;;
	'latency details'' --threshold' | 'latency details'' -t') echo 'none' ;;
	'latency details'' --limit' | 'latency details'' -l') echo 'none' ;;
	'latency details'' --rate-limit') echo 'none' ;;
	'latency details'' --phy-interface' | 'latency details'' -p') echo 'devices' ;;
	'latency details'' --vm-interface' | 'latency details'' -m') echo 'devices' ;;
	'latency details'' --vm') echo 'none' ;;
	'latency details'' --internal-interface') echo 'devices' ;;
	'latency details'' --direction') echo 'word both tx rx' ;;
	'latency details'' --via') echo 'word auto ovs kernel' ;;
	'latency details'' --stages') echo 'word default ends full' ;;
	'latency details'' --sample') echo 'none' ;;
	'latency pair'' --from') echo 'devices' ;;
	'latency pair'' --to') echo 'devices' ;;
	'latency pair'' --pairs') echo 'file' ;;
	'latency pair'' --timeout') echo 'none' ;;
	'latency pair'' --over') echo 'none' ;;
	'latency pair'' --threshold' | 'latency pair'' -t') echo 'none' ;;
	'latency pair'' --limit' | 'latency pair'' -l') echo 'none' ;;
	'latency pair'' --rate-limit') echo 'none' ;;
	'latency pair'' --max-entries') echo 'none' ;;
	'latency qdisc'' --over') echo 'none' ;;
	'latency qdisc'' --threshold') echo 'none' ;;
	'latency qdisc'' --limit' | 'latency qdisc'' -l') echo 'none' ;;
	'latency qdisc'' --rate-limit') echo 'none' ;;
	'latency qdisc'' --top' | 'latency qdisc'' -t') echo 'none' ;;
	'latency qdisc'' --max-entries') echo 'none' ;;
	'latency rtt'' --phy-interface' | 'latency rtt'' -p') echo 'devices' ;;
	'latency rtt'' --via') echo 'word ovs kernel' ;;
	'latency rtt'' --role') echo 'word initiator responder' ;;
	'latency rtt'' --internal-interface') echo 'devices' ;;
	'latency rtt'' --timeout') echo 'none' ;;
	'latency rtt'' --over') echo 'none' ;;
	'latency rtt'' --threshold' | 'latency rtt'' -t') echo 'none' ;;
	'latency rtt'' --limit' | 'latency rtt'' -l') echo 'none' ;;
	'ovs upcall summary'' --by' | 'ovs upcall summary'' -b') echo 'list port handler cause flow' ;;
	'ovs upcall summary'' --top' | 'ovs upcall summary'' -t') echo 'none' ;;
	'ovs upcall summary'' --timeout') echo 'none' ;;
	'ovs upcall summary'' --max-entries') echo 'none' ;;
	'ovs upcall details'' --threshold' | 'ovs upcall details'' -t') echo 'none' ;;
	'ovs upcall details'' --limit' | 'ovs upcall details'' -l') echo 'none' ;;
	'ovs upcall details'' --rate-limit') echo 'none' ;;
	'ovs upcall details'' --timeout') echo 'none' ;;
	'ovs upcall details'' --max-entries') echo 'none' ;;
	'ovs megaflow'' --event' | 'ovs megaflow'' -e') echo 'list upcall new set del return' ;;
	'ovs megaflow'' --ufid' | 'ovs megaflow'' -u') echo 'none' ;;
	'ovs megaflow'' --in-port') echo 'none' ;;
	'ovs megaflow'' --top' | 'ovs megaflow'' -t') echo 'none' ;;
	'ovs megaflow'' --limit' | 'ovs megaflow'' -l') echo 'none' ;;
	'ovs megaflow'' --rate-limit') echo 'none' ;;
	'ovs megaflow'' --max-entries') echo 'none' ;;
	'ovs drop'' --by' | 'ovs drop'' -b') echo 'list cause port flow' ;;
	'ovs drop'' --top' | 'ovs drop'' -t') echo 'none' ;;
	'ovs drop'' --max-entries') echo 'none' ;;
	'ovs threads'' --pid' | 'ovs threads'' -p') echo 'none' ;;
	'tun summary'' --device') echo 'devices' ;;
	'tun summary'' --vm') echo 'none' ;;
	'tun summary'' --stalled-after') echo 'none' ;;
	'tun summary'' --top' | 'tun summary'' -t') echo 'none' ;;
	'tun details'' --vm') echo 'none' ;;
	'tun details'' --limit' | 'tun details'' -l') echo 'none' ;;
	'tun details'' --rate-limit') echo 'none' ;;
	'vhost summary'' --device') echo 'devices' ;;
	'vhost summary'' --vm') echo 'none' ;;
	'vhost summary'' --top' | 'vhost summary'' -t') echo 'none' ;;
	'vhost details'' --device') echo 'devices' ;;
	'vhost details'' --vm') echo 'none' ;;
	'vhost details'' --event' | 'vhost details'' -e') echo 'list run used signal' ;;
	'vhost details'' --limit' | 'vhost details'' -l') echo 'none' ;;
	'vhost details'' --rate-limit') echo 'none' ;;
	'vhost signal'' --device') echo 'devices' ;;
	'vhost signal'' --vm') echo 'none' ;;
	'vhost signal'' --top' | 'vhost signal'' -t') echo 'none' ;;
	'vhost peek'' --device') echo 'devices' ;;
	'vhost peek'' --vm') echo 'none' ;;
	'vhost peek'' --top' | 'vhost peek'' -t') echo 'none' ;;
	'topo'' --vm' | 'topo'' -m') echo 'none' ;;
	'topo'' --ovsdb') echo 'file' ;;
	'topo'' --format' | 'topo'' -f') echo 'word text json' ;;
	'probes'' --record') echo 'file' ;;
	'probes'' --format' | 'probes'' -f') echo 'word text json' ;;
	'probes'' --kernel-facts') echo 'file' ;;
	'doctor'' --format' | 'doctor'' -f') echo 'word text json' ;;
	'doctor'' --kernel-facts') echo 'file' ;;
	*' --interval' | *' -i') echo 'none' ;;
	*' --duration' | *' -d') echo 'none' ;;
	*' --count' | *' -n') echo 'none' ;;
	*' --format' | *' -f') echo 'word text json hist' ;;
	*' --output' | *' -o') echo 'file' ;;
	*' --kernel-facts') echo 'file' ;;
	*' --btf') echo 'file' ;;
	*' --src-ip') echo 'none' ;;
	*' --dst-ip') echo 'none' ;;
	*' --src-port') echo 'none' ;;
	*' --dst-port') echo 'none' ;;
	*' --protocol') echo 'word all tcp udp icmp icmp6 sctp arp' ;;
	*' --vlan') echo 'none' ;;
	*' --device') echo 'devices' ;;
	*' --pid') echo 'none' ;;
	*' --tid') echo 'none' ;;
	*' --comm') echo 'none' ;;
	esac
}

_vnetdiag_devices() {
	local path
	for path in /sys/class/net/*; do
		[[ -e $path/ifindex ]] && echo "${path##*/}"
	done
}

# Completes the last item of a list with commas.
_vnetdiag_list() {
	local cur=$1 head=''
	[[ $cur == *,* ]] && head=${cur%,*},
	mapfile -t COMPREPLY < <(compgen -P "$head" -W "$2" -- "${cur##*,}")
}

_vnetdiag() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local command='' word next values i

	# bash splits --name=value at the '='.
	if [[ $cur == '=' ]]; then
		cur=''
	elif [[ $prev == '=' ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	# The command: all words up to here that the tables know.
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		next=" $(_vnetdiag_words "$command") "
		[[ $next == *" $word "* ]] || break
		command=${command:+$command }$word
	done
	if [[ $command == help* && $cur != -* ]]; then
		command=${COMP_WORDS[*]:2:COMP_CWORD-2}
		mapfile -t COMPREPLY < <(compgen -W "$(_vnetdiag_words "$command")" -- "$cur")
		return
	fi
	values=$(_vnetdiag_values "$command $prev")
	case $values in
	file)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	devices) _vnetdiag_list "$cur" "$(_vnetdiag_devices)" ;;
	list*) _vnetdiag_list "$cur" "${values#list }" ;;
	word*) mapfile -t COMPREPLY < <(compgen -W "${values#word }" -- "$cur") ;;
	none) COMPREPLY=() ;;
	*)
		next=$(_vnetdiag_words "$command")
		[[ $next ]] || next=$(_vnetdiag_options "$command")
		mapfile -t COMPREPLY < <(compgen -W "$next" -- "$cur")
		;;
	esac
}

complete -F _vnetdiag vnetdiag
