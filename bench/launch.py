"""Runs a command and prints its wall time in seconds and its peak memory in bytes; the command's output is dropped.

A process of its own, because Linux counts the memory of whoever started a process into that process's peak: started from
a benchmark that holds a large log, everything would seem large.
"""

import os
import subprocess
import sys
import time

start = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
seconds = time.perf_counter() - start
process.returncode = os.waitstatus_to_exitcode(status)
print(seconds, usage.ru_maxrss * 1024)
sys.exit(process.returncode)
