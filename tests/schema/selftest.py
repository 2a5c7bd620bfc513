#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""TAP: the schemas take the golden reports and refuse what is wrong in one place."""
import copy
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.dont_write_bytecode = True
import json_check		# noqa: E402

GOLDEN = os.path.join(HERE, "..", "golden")
FLOW = {"src": "10.0.0.1", "dst": "fe80::1", "src_port": 1, "dst_port": None,
        "protocol": "tcp", "vlan": 4095}
SETUP = {"host": "n", "kernel": "6.1", "filter": {"vlan": "5"}, "probes": []}
TIME = "2025-10-20T10:45:00.000000001Z"


def golden(name):
    with open(os.path.join(GOLDEN, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def nulls(*keys):
    return dict.fromkeys(keys)


RECORD = {
    "schema": "vnetdiag.drop.details/1", "type": "record", "time": TIME,
    **nulls("device", "ifindex", "netns", "cpu", "pid", "tid", "comm", "reason",
            "reason_inferred", "location", "src_mac", "dst_mac", "flow", "len", "ip_id",
            "ttl", "tos", "df", "mf", "frag_off", "ip_len", "tcp_flags", "tcp_seq",
            "tcp_ack", "icmp_type", "icmp_code", "icmp_id", "icmp_seq", "arp_op",
            "gso_size", "gso_segs", "gso_type", "stack"),
    "flow": FLOW, "src_mac": "52:54:00:00:00:01", "cpu": 3, "netns": 2**64 - 1,
}
QDISC = {
    "schema": "vnetdiag.drop.qdisc/1", "type": "report", "time": TIME, "interval_s": 0.5,
    **SETUP, "rows": [{
        "device": "tap0", "ifindex": 7, "kind": "fq_codel", "handle": "8001:",
        "parent": "root", "queue": None, "drops": 2**53 + 1, "overlimits": 0,
        "requeues": 0, "backlog_bytes": 0, "qlen": 0, "new": False, "source": "netlink",
        **nulls("reason", "reason_inferred", "flow")}],
    "drops": 1, "drops_since_start": 1, "qdiscs_gone": 0,
    "losses": {"ring_full": 0}, "complete": True,
}
PROBES = {
    "schema": "vnetdiag.probes/1", "type": "report", **SETUP, "rows": [{
        "point": "kfree_skb", "kind": "tracepoint", "target": "kfree_skb", "module": None,
        "mechanism": "tp_btf", "usable": None, "reason": None,
        "candidates": ["tp_btf: yes (typed)", "raw_tp: refused (not supported)"]}],
    "not_seen": [],
}
DOCTOR = {
    "schema": "vnetdiag.doctor/1", "type": "report", **SETUP, "rows": [{
        "command": "drop summary", "status": "works", "why": None, "hint": None}],
    "checks": [{"check": "lockdown", "status": "note", "value": "none", "hint": None}],
}
PLAN = {
    "schema": "vnetdiag.drop.summary/1", "type": "plan", **SETUP, "rows": [{
        "point": "p", "mechanism": "kprobe", "target": "t", "module": None,
        "optional": False, "without": None, "reason": None}], "possible": True,
}


def changed(line, path, value):
    """A copy of `line` with one member set, or removed if value is KeyError."""
    line = copy.deepcopy(line)
    at = line
    for part in path[:-1]:
        at = at[part]
    if value is KeyError:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return line


DROP, LATENCY = golden("drop_summary"), golden("latency_summary")
GOOD = [
    ("drop.summary", DROP), ("latency.summary", LATENCY),
    ("drop.details", golden("details_start")), ("drop.details", golden("details_loss")),
    ("drop.details", golden("details_end")), ("drop.details", RECORD),
    ("drop.qdisc", QDISC), ("probes", PROBES), ("doctor", DOCTOR),
    ("drop.summary", PLAN), ("plan", PLAN),
]
ROW = ("rows", 0)
BAD = [
    ("drop.summary", DROP, ("schema",), "vnetdiag.drop.summary/2"),
    ("drop.summary", DROP, ("type",), "record"),
    ("drop.summary", DROP, ("time",), "2025-10-20T10:45:00Z"),
    ("drop.summary", DROP, ("losses",), KeyError),
    ("drop.summary", DROP, ("losses",), {}),
    ("drop.summary", DROP, ("complete",), True),
    ("drop.summary", DROP, ("filter", "vlan"), 5),
    ("drop.summary", DROP, ("probes", 0, "point"), KeyError),
    ("drop.summary", DROP, (*ROW, "count"), -1),
    ("drop.summary", DROP, (*ROW, "count"), 1.5),
    ("drop.summary", DROP, (*ROW, "count"), 2**64),
    ("drop.summary", DROP, (*ROW, "reason"), KeyError),
    ("drop.summary", DROP, (*ROW, "surprise"), 1),
    ("drop.summary", DROP, (*ROW, "flow", "vlan"), 4096),
    ("drop.summary", DROP, (*ROW, "flow", "protocol"), "TCP"),
    ("drop.summary", DROP, (*ROW, "flow", "inner"), False),
    ("drop.summary", DROP, (*ROW, "stack", 0, "offset"), KeyError),
    ("drop.summary", DROP, (*ROW, "stack", 0, "location"), False),
    ("drop.summary", PLAN, (*ROW, "optional"), "no"),
    ("plan", PLAN, ("probes",), KeyError),
    ("latency.summary", LATENCY, ("started",), KeyError),
    ("latency.summary", LATENCY, ("incomplete", "upcall"), "3"),
    ("latency.summary", LATENCY, (*ROW, "direction"), "in"),
    ("latency.summary", LATENCY, (*ROW, "p999_ns"), KeyError),
    ("latency.summary", LATENCY, (*ROW, "histogram", 0, "count"), 0),
    ("drop.details", RECORD, ("time",), KeyError),
    ("drop.details", RECORD, ("ttl",), 256),
    ("drop.details", RECORD, ("src_mac",), "52:54:00"),
    ("drop.details", RECORD, ("rows",), []),
    ("drop.details", golden("details_loss"), ("ring_full",), "12"),
    ("drop.details", golden("details_end"), ("losses",), KeyError),
    ("drop.details", golden("details_start"), ("host",), KeyError),
    ("drop.qdisc", QDISC, (*ROW, "drops"), "7"),
    ("probes", PROBES, (*ROW, "candidates"), [1]),
    ("probes", PROBES, (*ROW, "candidates"), ["fentry"]),
    ("probes", PROBES, (*ROW, "usable"), "yes"),
    ("probes", PROBES, (*ROW, "mechanism"), None),
    ("doctor", DOCTOR, (*ROW, "status"), "maybe"),
    ("doctor", DOCTOR, ("checks", 0, "status"), "works"),
    ("doctor", DOCTOR, ("checks", 0, "value"), None),
]
# What a schema cannot see: (line, part of it, put in its place, part of the error)
DOCTOR_LINE, QDISC_LINE = json.dumps(DOCTOR).encode(), json.dumps(QDISC).encode()
RAW = [
    ("doctor", DOCTOR_LINE, b'"host": "n"', b'"host": "n", "host": "n"', "twice"),
    ("doctor", DOCTOR_LINE, b'"why": null', b'"why": null, "why": null', "twice"),
    ("doctor", DOCTOR_LINE, b'"host": "n"', b'"host": "\xff"', "utf-8"),
    ("doctor", DOCTOR_LINE, b'"host": "n"', b'"host": "\x01"', "control"),
    ("doctor", DOCTOR_LINE, b"]}", b"]}{}", "Extra data"),
    ("drop.qdisc", QDISC_LINE, b"0.5", b"Infinity", "not JSON"),
    ("drop.qdisc", QDISC_LINE, b'"complete": true', b'"complete": false', "agree"),
]


def main():
    validators = {}

    def error_of(schema, line):
        if schema not in validators:
            validators[schema] = json_check.make_validator(schema)
        data = line if isinstance(line, bytes) else json.dumps(line).encode()
        return json_check.find_error(validators[schema], data)

    results = []
    for schema, line in GOOD:
        error = error_of(schema, line)
        results.append((not error, f"{schema} takes a {line['type']}", error))
    for schema, line, path, value in BAD:
        what = "none" if value is KeyError else repr(value)
        results.append((bool(error_of(schema, changed(line, path, value))),
                        f"{schema} refuses {'/'.join(map(str, path))}: {what}", None))
    for schema, line, part, other, message in RAW:
        assert line.count(part) == 1, part
        error = error_of(schema, line.replace(part, other))
        results.append((bool(error) and message in error,
                        f"{schema} refuses {other!r}", error and f"said: {error}"))
    print(f"1..{len(results)}")
    for number, (good, what, error) in enumerate(results, 1):
        if error and not good:
            print(f"# {error}")
        print(f"{'ok' if good else 'not ok'} {number} - {what}")
    return not all(good for good, _, _ in results)


if __name__ == "__main__":
    sys.exit(main())
