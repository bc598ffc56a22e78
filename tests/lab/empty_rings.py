#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clears every slot of the pinned map of rings given, again and again until it is ended, as a fault of
memory or a stranger might: once would be put back before anybody looks."""
import ctypes
import json
import mmap
import subprocess
import sys
import time

BPF_OBJ_GET = 7
SYS_BPF = {"x86_64": 321, "aarch64": 280}[subprocess.check_output(["uname", "-m"], text=True).strip()]


class ObjGet(ctypes.Structure):
    _fields_ = [("pathname", ctypes.c_uint64), ("bpf_fd", ctypes.c_uint32), ("file_flags", ctypes.c_uint32)]


def main(path):
    about = json.loads(subprocess.check_output(["bpftool", "-j", "map", "show", "pinned", path]))
    size = (about["bytes_value"] + 7) // 8 * 8 * about["max_entries"]
    size = (size + mmap.PAGESIZE - 1) // mmap.PAGESIZE * mmap.PAGESIZE
    name = ctypes.create_string_buffer(path.encode())
    attr = ObjGet(pathname=ctypes.addressof(name))
    fd = ctypes.CDLL(None, use_errno=True).syscall(SYS_BPF, BPF_OBJ_GET, ctypes.byref(attr), ctypes.sizeof(attr))
    if fd < 0:
        sys.exit(f"{path}: errno {ctypes.get_errno()}")
    with mmap.mmap(fd, size) as rings:
        while True:
            rings[:] = bytes(size)
            time.sleep(0.05)


main(sys.argv[1])
