"""Start the kernel that a notebook runs in: forked from this process where that is safe.

Importing pandas, scipy and matplotlib costs a kernel more than most notebooks cost to run. On
Linux the build process therefore imports what the notebooks import once (:func:`preload`), and
each kernel is a child forked from it (:class:`ForkedProcess`). Elsewhere a kernel is started
as ``python -m ipykernel_launcher``, which gives the same result, later.

Every kernel runs with this interpreter, in a session of its own, on sockets in a folder that only
its user can enter, and dies with the process that started it. The path of a socket has room for
some hundred bytes, so where TMPDIR is long that folder is made elsewhere.
"""

import ast
import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

from vlms.rendering.processes import (
    can_fork,
    die_with_parent,
    fixed_environment,
    folder_for_sockets,
)


def preload(notebooks):
    """Import here what the notebooks import, so that forked kernels have it already.

    Parameters
    ----------
    notebooks : iterable of nbformat.NotebookNode
        Their code cells are searched for import statements.

    Notes
    -----
    An import that fails is left to the notebook, whose report then shows the cell.
    """
    import ipykernel.kernelapp  # noqa: F401

    for name in sorted(_imported_names(notebooks)):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    if "matplotlib" in sys.modules:
        import matplotlib_inline.backend_inline  # noqa: F401
    gc.collect()
    gc.freeze()  # a child's collector would otherwise touch, and so copy, all that was imported


class OwnKernelManager(AsyncKernelManager):
    """A kernel of this very interpreter, whatever kernel specifications are installed."""

    def __init__(self, **options):
        # Forked here, where no event loop runs and no socket is open that a child could inherit.
        process = ForkedProcess(_run_kernel) if can_fork() else None
        super().__init__(**options)
        place = folder_for_sockets("/vlms-12345678/k-5")
        self._folder = tempfile.TemporaryDirectory(prefix="vlms-", dir=place)
        if place:  # else TCP on this machine, which is the default
            self.transport = "ipc"
            self.ip = str(Path(self._folder.name) / "k")
        self.connection_file = str(Path(self._folder.name) / "kernel.json")
        if process:
            self.provisioner = _ForkProvisioner(
                kernel_id="vlms", kernel_spec=self.kernel_spec, parent=self
            )
            self.provisioner.child = process

    @property
    def kernel_spec(self):
        """The specification of the one kernel there is."""
        launcher = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=launcher, display_name="Python 3", language="python")

    async def _async_start_kernel(self, **options):
        package_folder = str(Path(__file__).resolve().parents[2])
        paths = [package_folder, *filter(None, [os.environ.get("PYTHONPATH")])]
        options["env"] = {
            **os.environ,
            **fixed_environment(),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "IPYTHONDIR": str(Path(self._folder.name) / "ipython"),
            "PYTHONPATH": os.pathsep.join(paths),
        }
        await super()._async_start_kernel(**options)

    start_kernel = _async_start_kernel

    async def _async_cleanup_resources(self, restart=False):
        await super()._async_cleanup_resources(restart=restart)
        if not restart:
            self._folder.cleanup()

    cleanup_resources = _async_cleanup_resources


class _ForkProvisioner(LocalProvisioner):
    """Let a forked child become the kernel instead of starting a new interpreter."""

    child = None

    async def launch_kernel(self, cmd, **options):
        self.process = self.child
        self.pid = self.pgid = self.child.pid
        order = {
            "connection_file": self.parent.connection_file,
            "environment": options["env"],
            "folder": options.get("cwd"),
        }
        self.process.send(order)
        return self.connection_info


class ForkedProcess:
    """A forked child that waits for its order, with what jupyter_client uses of `Popen`.

    Parameters
    ----------
    target : callable
        Called in the child with the items of the order as keywords.
    """

    stdin = stdout = stderr = None

    def __init__(self, target):
        self.returncode = None
        sys.stdout.flush()
        sys.stderr.flush()
        reading, self._writing = os.pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                die_with_parent(parent)
                os.close(self._writing)
                with os.fdopen(reading, "rb") as orders:
                    order = orders.read()
                if order:
                    target(**json.loads(order))
            finally:
                os._exit(1)
        os.close(reading)

    def send(self, order):
        """Give the child its order and let it begin."""
        with os.fdopen(self._writing, "wb") as orders:
            orders.write(json.dumps(order).encode())

    def poll(self):
        """Return the exit status, or None while the child lives."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status = self.pid, 0
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout=None):
        """Wait for the end of the child."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} did not end within {timeout} s")
            time.sleep(0.005)
        return self.returncode

    def send_signal(self, number):
        """Send a signal to the child, if it still lives."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self):
        """Ask the child to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self):
        """End the child."""
        self.send_signal(signal.SIGKILL)


def _run_kernel(connection_file, environment, folder):
    """Be a kernel until told to stop. Runs in the forked child and does not return."""
    from ipykernel.kernelapp import IPKernelApp

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    if folder:
        os.chdir(folder)
    silence = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    sys.argv = ["ipykernel_launcher"]

    app = IPKernelApp.instance(connection_file=connection_file)
    app.initialize(["--HistoryManager.enabled=False"])
    # ipykernel does this through MPLBACKEND, which pyplot, imported before the fork, has read.
    if "matplotlib" in sys.modules:
        app.shell.enable_matplotlib("inline")
    app.start()
    os._exit(0)


def _imported_names(notebooks):
    """Names of all modules that the code cells of these notebooks import."""
    names = set()
    for notebook in notebooks:
        for cell in notebook.cells:
            if cell.cell_type != "code":
                continue
            try:
                tree = ast.parse(cell.source)
            except SyntaxError:  # an IPython magic, or a mistake that the run will show
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.Import):
                    names.update(alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    names.add(node.module)
    return names
