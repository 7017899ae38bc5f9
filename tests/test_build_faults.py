"""Whatever goes wrong, the last good report stays, the fault is named, and the next run heals."""

import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest
from report_project import Project, code, notebook, prose, simple

pytestmark = pytest.mark.slow

ENDLESS = "import time\ntime.sleep(600)"

# Each fault with what its message must say.
FAULTS = {
    "killed": (
        notebook(code("import os\nos.kill(os.getpid(), 9)"), code("1 + 1")),
        ["cell 1", "os.kill(os.getpid(), 9)", "kernel died"],
    ),
    "exited": (
        notebook(code("import sys\nsys.exit(0)"), code("print('not reached')")),
        ["cell 1", "sys.exit(0)", "SystemExit"],
    ),
    "endless": (
        notebook(code("month = 1"), code(ENDLESS)),
        ["cell 2", "time.sleep(600)", "did not end within 2 s", "--cell-seconds"],
    ),
    "tolerated": (
        notebook(code("1 / 0", "raises-exception"), code("print('went on')")),
        ["cell 1", "1 / 0", "ZeroDivisionError"],
    ),
    "raised": (
        notebook(prose("# Age"), code("patients = {}\npatients['age']")),
        ["cell 2", "patients['age']", "KeyError"],
    ),
    "unshown": (
        notebook(code("class Odd:\n    def __repr__(self): return 1 / 0\nOdd()")),
        ["cell 1", "ZeroDivisionError"],
    ),
    "command": (notebook(code("!false")), ["cell 1", "!false", "CalledProcessError"]),
    "captured": (notebook(code("x = !false")), ["cell 1", "x = !false", "CalledProcessError"]),
    "huge": (notebook(code("print('x' * 60_000_000)")), ["cell 1", "show more than 20 MB"]),
    "network": (
        notebook(code("import socket\nsocket.create_connection(('127.0.0.1', 9))")),
        ["cell 1", "create_connection", "ConnectionRefusedError"],
    ),
    "kernelspec": (notebook(code("1"), kernel="ir"), ["'ir'", "python3"]),
    "reference": (notebook(prose("See @fig-absent."), code("1")), ["@fig-absent", "no cell shows"]),
    "noformat": (None, ["not a Jupyter notebook"]),
}


STALE = re.compile(r'<aside class="stale" role="status">(.*?)</aside>\n', re.DOTALL)
BUILT = re.compile(r"Built on [^<]*")


def without_times(project):
    return {stem: BUILT.sub("", project.report(stem)) for stem in FAULTS}


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A project built once, then broken in each of its notebooks, built again, and mended."""
    project = Project(tmp_path_factory.mktemp("faults") / "a path with {braces} and spaces")
    for stem in FAULTS:
        project.write(stem, simple())
    good = project.run("build")
    assert good.returncode == 0, good.stdout + good.stderr
    project.good = without_times(project)
    for stem, (made, _) in FAULTS.items():
        if made is None:
            project.file(f"notebooks/{stem}.ipynb", '{"cells": [')
        else:
            project.write(stem, made)
    project.said = project.run("build", "--cell-seconds", "2")
    project.run("build", "tolerated")  # marked once, however often it fails
    project.marked, project.index = without_times(project), project.report("index")
    project.left = project.stray_files() + project.processes()
    for stem in FAULTS:
        project.write(stem, simple())
    project.healed = project.run("build")
    return project


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_cell_and_marks_the_last_good_report(broken, fault):
    said = broken.said.stdout
    kept = "the last good report is still there, marked as out of date"
    start = said.index(f"{fault}: FAILED ({kept})")
    message = said[start : start + 30_000].split(": FAILED", 2)[1]
    assert [part for part in FAULTS[fault][1] if part not in message] == []
    assert STALE.sub("", broken.marked[fault]) == broken.good[fault]
    (mark,) = STALE.findall(broken.marked[fault])
    why = re.match(r"<b>Out of date.</b> .*, on 20..-..-.. ..:.. UTC, failed: (.*) What", mark)[1]
    assert f'<a href="{fault}.html">A report</a>' in broken.index
    assert why in STALE.findall(broken.index)[0]
    assert str(broken.root) not in mark
    if fault == "raised":
        assert why == "cell 2: KeyError: &#39;age&#39;"


def test_faults_exit_1_leave_no_process_and_no_half_file_and_heal(broken):
    assert broken.said.returncode == 1
    assert broken.left == []
    assert broken.healed.returncode == 0, broken.healed.stdout
    assert without_times(broken) == broken.good
    assert not STALE.search(broken.report("index"))
    assert (broken.root / "reports/.cache/checksums").exists()


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path / "project")
    project.write("a", simple())
    return project


def test_render_writes_one_page_under_parameters_beside_the_report_or_says_why_not(project):
    project.run("build")
    before = project.report("a")
    done = project.run("render", "notebooks/a.ipynb", "-p", "month", "24")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "first edition 24" in project.report("a-month-24")
    assert project.report("a") == before
    done = project.run("render", "notebooks/a.ipynb", "-p", "mouth", "24")
    assert (done.returncode, done.stdout) == (
        1,
        "Error: a.ipynb has no parameter 'mouth'; it declares month.\n",
    )


def test_warnings_go_to_a_log_and_fail_a_strict_build(project):
    thread = "threading.Thread(target=lambda: 1 / 0)\nt.start()\nt.join()"
    warns = "import threading, warnings\nwarnings.warn('careful')\nt = " + thread
    project.write("a", notebook(prose("# A report"), code(warns)))
    log = project.root / "reports/.cache/a.log"
    done = project.run("build")
    assert done.returncode == 0
    assert "a: its notebook gave warnings, which are in reports/.cache/a.log" in done.stdout
    assert "UserWarning: careful" in log.read_text() and "ZeroDivisionError" in log.read_text()
    page = re.sub("<details.*?</details>", "", project.report("a"), flags=re.DOTALL)
    assert "careful" not in page and "Traceback" not in page
    done = project.run("build", "--strict")
    assert done.returncode == 1
    assert "a: to build: it was built with warnings" in done.stdout
    assert "cell 2: " in done.stdout and "UserWarning: careful" in done.stdout
    assert "wrote to standard error" in STALE.search(project.report("a"))[1]
    project.write("a", simple())
    assert project.run("build", "--strict").returncode == 0
    assert not log.exists()


def test_a_full_disk_leaves_the_last_good_report(project):
    project.run("build")
    before = project.report("a")
    project.write("a", simple("second edition"))

    def small_disk():
        # A write beyond the limit fails as one to a full disk does, with another number.
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    process = project.start("build", preexec_fn=small_disk)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "a: FAILED (an earlier page is still there, not marked)\nCannot write to" in said
    assert project.report("a") == before
    assert project.stray_files() == []
    assert project.run("build").returncode == 0
    assert "second edition" in project.report("a")


def test_what_has_taken_the_place_of_a_page_is_refused_in_words(project):
    (project.root / "reports/a.html").mkdir(parents=True)
    done = project.run("build")
    assert done.returncode == 1
    assert "a.html: it is a folder. Remove it or move it away" in done.stdout
    assert "A report" not in project.report("index") and "(no report yet)" in project.report(
        "index"
    )


def test_a_reports_folder_that_cannot_be_written_is_named(project):
    command = [sys.executable, "-m", "vlms", "build"]
    if not os.geteuid():  # root may write anywhere; take that from it
        tool = shutil.which("setpriv")
        if not tool:
            pytest.skip("runs as root, and setpriv is not there to take the privilege away")
        without = "-dac_override,-dac_read_search"
        command = [tool, f"--bounding-set={without}", f"--inh-caps={without}", *command]
    (project.root / "reports").mkdir(mode=0o555)
    process = project.start(command=command, changes={"PYTHONDONTWRITEBYTECODE": "1"})
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "Cannot write to" in said and "reports" in said
    assert "Traceback" not in said


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def endless(project):
    """A project whose build is in its endless cell, as the only processes in it."""
    project.write("a", notebook(code("open('here', 'w').close()\n" + ENDLESS)))
    project.reached = lambda: wait_for((project.root / "notebooks/here").exists)
    project.empty = lambda: wait_for(lambda: not project.processes(), seconds=10)
    return project


def test_a_second_build_is_refused_and_the_lock_dies_with_the_first(endless):
    first = endless.start("build")
    endless.reached()
    second = endless.run("build")
    assert second.returncode == 1
    assert f"Another build of {endless.root} is running (process {first.pid})" in second.stdout
    first.kill()
    first.wait()
    endless.empty()
    endless.write("a", simple())
    assert endless.run("build").returncode == 0


@pytest.mark.parametrize("tee", [False, True])
def test_control_c_stops_at_once_and_leaves_nothing(endless, tee):
    pipe = f"'{sys.executable}' -m vlms build 2>&1 | tee log; exit ${{PIPESTATUS[0]}}"
    command = ["bash", "-c", pipe] if tee else None
    build = endless.start("build", command=command, start_new_session=True)
    endless.reached()
    os.killpg(build.pid, signal.SIGINT)
    said = build.communicate(timeout=15)[0]
    assert "Traceback" not in said
    assert build.returncode != 0 if tee else (build.returncode == 130 and "Stopped." in said)
    endless.empty()
    assert endless.stray_files() == []


@pytest.mark.parametrize("seed", range(3))
def test_a_signal_at_any_moment_leaves_whole_pages_old_or_new(project, seed):
    chance = random.Random(seed)
    project.write("b", simple("another"))
    project.run("build")
    for edition in range(4):
        for stem in "ab":
            project.write(stem, simple(f"edition {edition}"))
        process = project.start("build", start_new_session=True)
        time.sleep(chance.uniform(0.3, 1.6))
        number = chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
        os.kill(process.pid, number)
        said = process.communicate(timeout=20)[0]
        assert "Traceback" not in said or "Exception ignored in" in said  # from within a callback
        wait_for(lambda: not project.processes(), seconds=10)
        for stem in "ab":
            assert project.report(stem).endswith("</html>")
    assert project.run("build").returncode == 0
    assert "edition 3" in project.report("a") and "edition 3" in project.report("b")
    assert project.stray_files() == []


def test_earlier_output_that_was_harmed_is_built_again(project):
    project.run("build")
    for name in (".cache/a.json", "index.html", "a.html"):
        (project.root / "reports" / name).write_bytes(b"\xff\xfe\x00")
    done = project.run("build")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "a: to build: never built" in done.stdout
    assert "first edition 36" in project.report("a")
    assert "A report" in project.report("index")


def test_it_builds_without_network_git_home_locale_short_tmpdir_or_a_true_clock(project, tmp_path):
    project.run("build")
    future = time.time() + 10 * 365 * 86400  # the clock was set back since
    for path in project.root.rglob("*"):
        os.utime(path, (future, future))
    project.write("a", simple("é ≤ second"))
    scratch = tmp_path / ("x" * 100)  # the path of a socket has no room for it
    scratch.mkdir()
    bare = {"PATH": str(tmp_path), "LANG": "C", "LC_ALL": "C", "TMPDIR": str(scratch)}
    alone = shutil.which("unshare")  # without a network, where that can be had
    if alone and subprocess.run([alone, "-n", "true"], capture_output=True).returncode == 0:
        command = [alone, "-n", sys.executable, "-m", "vlms", "build"]
    else:
        command = None
    changes = {**bare, "HOME": None, "XDG_CACHE_HOME": None}
    process = project.start("build", command=command, changes=changes)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 0, said
    assert "é ≤ second" in project.report("a")
    assert "not under version control" in project.report("a")
    assert list(scratch.iterdir()) == []


def test_it_builds_over_tcp_where_no_folder_has_room_for_a_socket(project):
    script = (
        "from vlms.pages import kernel; kernel.LONGEST_SOCKET_PATH = 20\n"
        "from vlms.pages.build import build; print(build())"
    )
    said = project.start(command=[sys.executable, "-c", script]).communicate(timeout=60)[0]
    assert "built=['a']" in said
