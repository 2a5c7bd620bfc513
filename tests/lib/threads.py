#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A process of named threads, for tests/live/ovs_threads.bats.

usage: threads.py FILE

"busy" always runs, "sleeper" sleeps 5 ms at a time. Makes FILE once they do. When
a line comes on standard input, "guest" sleeps half a second and ends, after which
FILE.done is made. Ends by itself after a minute.
"""
import ctypes
import sys
import threading
import time

PR_SET_NAME = 15
END = time.monotonic() + 60
libc = ctypes.CDLL(None)


def start(name, work):
    def run():
        libc.prctl(PR_SET_NAME, name.encode(), 0, 0, 0)
        work()
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def busy():
    while time.monotonic() < END:
        pass


def sleeper():
    while time.monotonic() < END:
        time.sleep(0.005)


def make(path):
    with open(path, "w", encoding="ascii"):
        pass


def main():
    start("busy", busy)
    start("sleeper", sleeper)
    make(sys.argv[1])
    sys.stdin.readline()
    start("guest", lambda: time.sleep(0.5)).join()
    make(sys.argv[1] + ".done")
    time.sleep(max(0, END - time.monotonic()))


main()
