"""Whether somebody has a file open to write to it, as far as the system tells.

Linux grants a read lease (fcntl(2)) only on a file that nobody has open for writing. It tells the file's owner and root only, and
not on every file system (NFS and FAT do not): then nobody knows, and that the file has settled must be enough.
"""

import fcntl
import signal
from errno import EAGAIN


def is_being_written(descriptor: int) -> bool:
    """Whether a file, open here for reading, is open for writing elsewhere; False too where nobody knows."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    # who opens the file for writing while the lease is held would have us told by SIGIO, which ends a process
    fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == EAGAIN
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
