"""Run a notebook in a kernel of our own: parameters, every cell, time limits, what it imported.

nbclient runs the cells and papermill injects parameters; the kernel is ours. Importing pandas,
scipy and matplotlib costs more than most notebooks cost to run, so on Linux the process that
builds imports once what the notebooks import (`preload`), and each kernel is forked from it.
Elsewhere a kernel is started afresh, which gives the same result, later.

Every kernel runs with this interpreter, in a session of its own, on sockets in a folder that only
its user can enter, and dies with the process that started it. The path of a socket has room for
some hundred bytes, so where TMPDIR is long that folder is made elsewhere.

A kernel is sealed: settings of matplotlib and IPython and files that Python runs at its start have
no say in a report. What a notebook writes to standard error, warnings among it, goes to a log, and
a path of this machine in an output is cut down to what is the same everywhere.
"""

import ast
import asyncio
import contextlib
import ctypes
import gc
import importlib
import os
import re
import signal
import sys
import sysconfig
import tempfile
from multiprocessing import Pipe, context
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from vlms.provenance import record_imports, sealed_environment

CELL_SECONDS = 600
MOST_OUTPUT = 20_000_000  # characters that the cells of one report show

LONGEST_SOCKET_PATH = 103  # bytes, on macOS; Linux takes four more

_KERNEL_OPTIONS = [
    "--HistoryManager.enabled=False",
    "--InteractiveShellApp.exec_PYTHONSTARTUP=False",
    "--InteractiveShell.system_raise_on_error=True",  # `!command` fails as the command does
]
_OPAQUE = {"image/png", "image/jpeg", "application/vnd.vlms.files+json"}
_VERSIONS = "__import__('vlms.provenance', fromlist=['versions']).versions()"


class RenderError(RuntimeError):
    """A notebook that cannot become a report; the message names the cell and what to do."""


def read_notebook(path):
    """Read a notebook of format 4, or raise RenderError where it is none or not for Python."""
    path = Path(path)
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except OSError as error:
        raise RenderError(f"{path}: cannot be read ({error.strerror}).") from error
    except Exception as error:  # nbformat raises several kinds
        raise RenderError(f"{path}: not a Jupyter notebook ({error}).") from error
    kernel = notebook.metadata.get("kernelspec", {}).get("name", "python3")
    if kernel != "python3":
        raise RenderError(
            f"{path.name}: it asks for the kernel {kernel!r}; reports run on 'python3'. Set"
            " metadata.kernelspec.name to python3 (in JupyterLab: Kernel, Change Kernel)."
        )
    return notebook


def execute(path, parameters=(), *, root=".", cell_seconds=CELL_SECONDS, on_cell=None):
    """Run all cells of a notebook in its own folder, as JupyterLab does, or raise RenderError.

    ``on_cell`` is called with the number of each cell before it runs, and how many there are.
    ``metadata["run"]`` of what is returned holds ``parameters``, all of them, ``versions``, as
    `vlms.provenance.versions` gives them in the kernel after the last cell, and ``log``, what the
    cells wrote to standard error. Paths are given from ``root``.
    """
    path, parameters = Path(path), dict(parameters)
    notebook = read_notebook(path)
    declared = _declared_parameters(notebook)
    _check_parameters(declared, parameters, path.name)
    run = {**(declared or {}), **parameters}
    if parameters:
        from papermill.parameterize import parameterize_notebook  # slow to import

        notebook.metadata["papermill"] = {}
        for cell in notebook.cells:
            cell.metadata.setdefault("tags", [])
        python = {"kernel_name": "python3", "language": "python"}
        notebook = parameterize_notebook(notebook, parameters, **python)
    at = [0, None]

    def starts(cell, cell_index):
        at[:] = cell_index, cell
        if on_cell:
            on_cell(cell_index + 1, len(notebook.cells))

    client = _Client(
        notebook,
        kernel_manager_class=_OwnKernelManager,
        kernel_name="python3",
        timeout=cell_seconds,
        startup_timeout=60,
        shutdown_kernel="immediate",
        raise_on_iopub_timeout=True,
        # A tag or a setting that allows errors would let a broken report pass.
        force_raise_errors=True,
        resources={"metadata": {"path": str(path.resolve().parent)}},
        on_cell_start=starts,
    )
    try:
        with client.setup_kernel():
            for index, cell in enumerate(notebook.cells):
                try:
                    client.execute_cell(cell, index, execution_count=client.code_cells_executed + 1)
                finally:
                    _check_size(client, path, index, cell)
            asked = client.kc.execute("", silent=True, user_expressions={"versions": _VERSIONS})
            said = client.wait_for_reply(asked)["content"]["user_expressions"]["versions"]
    except CellExecutionError as error:
        what = error.traceback or f"{error.ename}: {error.evalue}"
        raise _cell_error(path, *at, what) from error
    except CellTimeoutError as error:
        limit = f"The cell did not end within {cell_seconds:g} s."
        what = f"{limit} Make it quicker, or allow it more time with --cell-seconds."
        raise _cell_error(path, *at, what) from error
    except DeadKernelError as error:
        what = "The kernel died while it ran this cell (killed, out of memory, or a crash)."
        raise _cell_error(path, *at, what) from error
    _check_every_cell(notebook, path)
    log = _take_log(notebook)
    hidden = _hidden_paths(root, path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _hide(cell.outputs, hidden)
    versions = ast.literal_eval(said["data"]["text/plain"])
    run = _hide(run, hidden)
    notebook.metadata["run"] = {"parameters": run, "versions": versions, "log": log}
    return notebook


def without_paths(text, root, notebook):
    """Cut the paths of this machine in some text down to what is the same everywhere."""
    return _hide(text, _hidden_paths(root, notebook))


def preload(paths):
    """Import here what these notebooks import, so that forked kernels have it already.

    What cannot be read or imported is left to the notebook's own run, which says so.
    """
    names = set()
    for path in paths:
        with contextlib.suppress(RenderError):
            for cell in read_notebook(path).cells:
                names |= _imported_names(cell)
    importlib.import_module("ipykernel.kernelapp")
    importlib.import_module("matplotlib")
    for name in sorted(names):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    importlib.import_module("matplotlib_inline.backend_inline")
    gc.collect()
    gc.freeze()  # a child's collector would otherwise touch, and so copy, all that was imported


def can_fork():
    """Whether kernels are forked: on Linux only; the frameworks of macOS may crash in a child."""
    return sys.platform.startswith("linux") and not os.environ.get("VLMS_SPAWN")


def die_with_parent(parent):
    """Have the system kill this process when its parent ends, however that ends (Linux only)."""
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG of linux/prctl.h
    if os.getppid() != parent:  # it ended before the request was made
        os._exit(1)


def folder_for_sockets(below):
    """Find a folder for temporary files whose path has room for sockets ``below`` it, or None."""
    if os.name != "posix":
        return None
    for folder in (tempfile.gettempdir(), os.environ.get("XDG_RUNTIME_DIR"), "/tmp", "/var/tmp"):
        short = folder and len(os.fsencode(folder + below)) <= LONGEST_SOCKET_PATH
        if short and Path(folder).is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return None


class _Client(NotebookClient):
    """A client that stops a kernel whose cells show more than a report can hold."""

    shown = 0

    def output(self, outs, msg, display_id, cell_index):
        """Take up what a cell shows, as long as there is room."""
        content = msg["content"]
        shown = [content.get("text", ""), *content.get("data", {}).values()]
        self.shown += sum(len(part) for part in shown if isinstance(part, str))
        if self.shown <= MOST_OUTPUT:
            return super().output(outs, msg, display_id, cell_index)
        self.km.provisioner.process.kill()
        return None


class _OwnKernelManager(AsyncKernelManager):
    """A kernel of this very interpreter, whatever kernel specifications are installed."""

    def __init__(self, **options):
        # Forked here, where no event loop runs and no socket is open that a child could inherit.
        child = _ForkedKernel() if can_fork() else None
        super().__init__(**options)
        place = folder_for_sockets("/vlms-12345678/k-5")
        self._folder = tempfile.TemporaryDirectory(prefix="vlms-", dir=place)
        if place:  # else TCP on this machine, which is the default
            self.transport = "ipc"
            self.ip = str(Path(self._folder.name) / "k")
        self.connection_file = str(Path(self._folder.name) / "kernel.json")
        if child:
            spec = self.kernel_spec
            self.provisioner = _ForkProvisioner(kernel_id="vlms", kernel_spec=spec, parent=self)
            self.provisioner.child = child

    @property
    def kernel_spec(self):
        """The specification of the one kernel there is."""
        code = "import sys; from vlms.pages.kernel import be_a_kernel; be_a_kernel(sys.argv[1])"
        start = [sys.executable, "-P", "-c", code, "{connection_file}"]
        return KernelSpec(argv=start, display_name="Python 3", language="python")

    async def _async_start_kernel(self, **options):
        options["env"] = {
            **sealed_environment(),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "IPYTHONDIR": str(Path(self._folder.name) / "ipython"),
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
        self.process, self.pid, self.pgid = self.child, self.child.pid, self.child.pid
        self.child.order.send((self.parent.connection_file, options["env"], options.get("cwd")))
        return self.connection_info

    async def wait(self):
        while await self.poll() is None:
            await asyncio.sleep(0.005)
        self.process = None
        return 0


class _ForkedKernel(getattr(context, "ForkProcess", object)):
    """A forked child that waits for its order, with what jupyter_client uses of `Popen`."""

    stdin = stdout = stderr = None

    def __init__(self):
        super().__init__()
        self._orders, self.order = Pipe(duplex=False)
        self._starter = os.getpid()
        self.start()
        self._orders.close()

    def run(self):
        os.setsid()
        die_with_parent(self._starter)
        self.order.close()
        with contextlib.suppress(EOFError):  # the kernel was not needed after all
            connection_file, environment, folder = self._orders.recv()
            os.environ.clear()
            os.environ.update(environment)
            os.chdir(folder or ".")
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            silence = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(silence, descriptor)
            be_a_kernel(connection_file)

    def poll(self):
        return self.exitcode

    def send_signal(self, number):
        if self.exitcode is None:
            os.kill(self.pid, number)


def be_a_kernel(connection_file):
    """Be a sealed kernel until told to stop; does not return."""
    import matplotlib
    from ipykernel.kernelapp import IPKernelApp

    matplotlib.rcdefaults()
    sys.argv = ["ipykernel_launcher"]
    app = IPKernelApp.instance(connection_file=connection_file)
    app.load_config_file = lambda **options: None
    app.initialize(_KERNEL_OPTIONS)
    # What was imported before the fork looked for a shell, or for MPLBACKEND, and found none.
    app.shell.enable_matplotlib("inline")
    if "matplotlib.pyplot" in sys.modules:  # a figure open before the fork is not this notebook's
        sys.modules["matplotlib.pyplot"].close("all")
    if "vlms.showing" in sys.modules:
        sys.modules["vlms.showing"].connect(app.shell)
    record_imports()
    app.start()
    os._exit(0)


def _declared_parameters(notebook):
    """Names and defaults (`NotImplemented` if no literals) of the cell tagged ``parameters``."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", ()):
            break
    else:
        return None
    declared = {}
    for node in ast.parse(cell.source).body:
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                declared[target.id] = NotImplemented
                with contextlib.suppress(ValueError):
                    declared[target.id] = ast.literal_eval(node.value)
    return declared


def _check_parameters(declared, parameters, name):
    """Refuse a parameter that the notebook does not declare or whose default has another type."""
    if parameters and declared is None:
        none = f"{name} has no cell tagged 'parameters', so it takes none"
        raise RenderError(f"{none}; given: {', '.join(parameters)}.")
    if unknown := ", ".join(repr(given) for given in parameters if given not in declared):
        there = ", ".join(declared) or "none"
        raise RenderError(f"{name} has no parameter {unknown}; it declares {there}.")
    for given, value in parameters.items():
        default = declared[given]
        if not _same_type(value, default):
            wanted, found = type(default).__name__, f"{value!r} ({type(value).__name__})"
            like = f"must be {wanted}, as in {given} = {default!r}; found {found}"
            raise RenderError(f"{name}: parameter {given} {like}.")


def _same_type(value, default):
    """Whether a value may stand for a default: an int for a float, a list for a tuple, None."""
    if default is None or default is NotImplemented or value is None:
        return True
    kinds = {float: (int, float), list: (list, tuple), tuple: (list, tuple)}
    fits = isinstance(value, kinds.get(type(default), type(default)))
    return fits and isinstance(value, bool) == isinstance(default, bool)


def _check_size(client, path, index, cell):
    """Refuse output that no page should hold."""
    if client.shown > MOST_OUTPUT:
        what = f"The cells show more than {MOST_OUTPUT / 1e6:g} MB, which no page can hold."
        raise _cell_error(path, index, cell, f"{what} Show less, or write it to a file.")


def _take_log(notebook):
    """Take what was written to standard error out of the outputs; a text, cell by cell."""
    log = []
    for number, cell in enumerate(notebook.cells, start=1):
        for output in list(cell.get("outputs", ())):
            if output.get("name") == "stderr":
                cell.outputs.remove(output)
                log.append(f"cell {number}: {output.text.rstrip()}\n")
    return "".join(log)


def _hidden_paths(root, notebook):
    """Paths of this machine, the longest first: each, what finds it, and what is written for it."""
    paths = {os.path.realpath(tempfile.gettempdir()): "tmp", str(Path.home()): "~"}
    paths |= {sys.prefix: "python", sys.base_prefix: "python"}
    paths |= dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("stdlib")), "python")
    paths |= {os.path.realpath(place): "" for place in (root, Path(notebook).parent)}
    known = sorted((path for path in paths if len(Path(path).parts) > 1), key=len, reverse=True)
    before, after = r"(?:(?<=file://)|(?<![\w/.:-]))", r"(?![\w-])([/\\]?)"
    return [(p, re.compile(before + re.escape(p) + after), paths[p]) for p in known]


def _hide(shown, hidden):
    """Cut paths of this machine out of text, at any depth of what a cell showed."""
    if isinstance(shown, dict):
        opaque = _OPAQUE & shown.keys()
        kept = {key: shown[key] if key in opaque else _hide(shown[key], hidden) for key in shown}
        return type(shown)(kept)
    if isinstance(shown, (list, tuple)):
        return type(shown)(_hide(value, hidden) for value in shown)
    if isinstance(shown, str):
        for path, found, name in hidden:
            if path in shown:
                inside, alone = f"{name}/" if name else "", name or "."
                shown = found.sub(lambda m, i=inside, a=alone: i if m[1] else a, shown)
        shown = re.sub(r"\btmp/ipykernel_\d+/\d+\.py", "cell", shown)
    return shown


def _check_every_cell(notebook, path):
    """Every code cell ran, and none gave an error, whatever its tags allow."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        for output in cell.outputs:
            if output.output_type == "error":
                what = "\n".join(output.traceback) or f"{output.ename}: {output.evalue}"
                raise _cell_error(path, index, cell, what)
        if cell.execution_count is None:
            what = "The cell was not run: one before it ended the kernel (exit, quit or os._exit)."
            raise _cell_error(path, index, cell, what)


def _cell_error(path, index, cell, what):
    plain = re.sub(r"\x1b\[[0-9;]*m", "", what).strip()
    shown = "\n".join(f"    {line}" for line in cell.source.splitlines())
    return RenderError(f"{path.name}, cell {index + 1}:\n\n{shown}\n\n{plain}")


def _imported_names(cell):
    """Names of all modules that a cell imports; none where it is prose or has a magic."""
    try:
        tree = ast.parse(cell.source if cell.cell_type == "code" else "")
    except SyntaxError:
        return set()
    nodes = list(ast.walk(tree))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom)} - {None}
