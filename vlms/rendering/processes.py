"""The environment in which notebooks run, and processes that leave nothing behind."""

import contextlib
import ctypes
import os
import signal
import sys
import tempfile
from pathlib import Path

PR_SET_PDEATHSIG = 1  # of linux/prctl.h
LONGEST_SOCKET_PATH = 103  # bytes, on macOS; Linux takes four more


def fixed_environment():
    """Environment variables under which a notebook gives the same bytes every time.

    Returns
    -------
    dict of str to str
        Fixed hash seed, UTF-8, one thread for each linear-algebra library (several kernels run
        at once, and the order of a threaded sum varies), a drawing backend without a window and
        without the reader's own settings.

    Examples
    --------
    >>> fixed_environment()["PYTHONHASHSEED"]
    '0'
    """
    return {
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "NUMEXPR_NUM_THREADS": "1",
        "TZ": "UTC",
    }


def can_fork():
    """Whether kernels are forked from this process: on Linux only.

    On macOS the system's own frameworks may crash in a forked child.
    """
    return sys.platform.startswith("linux") and not os.environ.get("VLMS_SPAWN")


def folder_for_sockets(below):
    """A folder for temporary files whose path leaves room for the sockets of a kernel.

    Parameters
    ----------
    below : str
        What will be added to its path.

    Returns
    -------
    str or None
        The system's folder for temporary files where its path is short enough, else another
        that can be written; None where there is none.

    Examples
    --------
    >>> folder_for_sockets("/k" * 60) is None
    True
    """
    for folder in (tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR"), "/tmp", "/var/tmp"):
        short = folder and len(os.fsencode(folder + below)) <= LONGEST_SOCKET_PATH
        if short and Path(folder).is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return None


def die_with_parent(parent):
    """Have the system kill this process when its parent ends, however that ends (Linux only)."""
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the request was made
        os._exit(1)
