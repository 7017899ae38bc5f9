"""Whatever goes wrong, the last good report stays, the fault is named, and the next run heals."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest
from report_project import Project, code, notebook, processes_in, prose, simple

ENDLESS = "import time\ntime.sleep(600)"

FAULTS = {
    "killed": notebook(code("import os\nos.kill(os.getpid(), 9)"), code("1 + 1")),
    "exited": notebook(code("import sys\nsys.exit(0)"), code("print('not reached')")),
    "endless": notebook(code("month = 1"), code(ENDLESS)),
    "tolerated": notebook(code("1 / 0", "raises-exception"), code("print('went on')")),
    "raised": notebook(code("patients = {}\npatients['age']")),
    "kernelspec": notebook(code("1"), kernel="ir"),
    "reference": notebook(prose("See @fig-absent."), code("1")),
    "noformat": None,
}
NAMED = {
    "killed": ["cell 1", "os.kill(os.getpid(), 9)", "kernel died"],
    "exited": ["cell 1", "sys.exit(0)", "SystemExit"],
    "endless": ["cell 2", "time.sleep(600)", "did not end within 2 s", "--cell-seconds"],
    "tolerated": ["cell 1", "1 / 0", "ZeroDivisionError"],
    "raised": ["cell 1", "patients['age']", "KeyError"],
    "kernelspec": ["'ir'", "python3"],
    "reference": ["@fig-absent", "no cell shows"],
    "noformat": ["not a Jupyter notebook"],
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A project built once, then broken in each of its notebooks, built again, and mended."""
    project = Project(tmp_path_factory.mktemp("faults") / "a path with {braces} and spaces")
    for stem in FAULTS:
        project.write(stem, simple())
    good = project.run("build")
    before = {stem: project.report(stem) for stem in FAULTS}
    for stem, made in FAULTS.items():
        if made is None:
            project.file(f"notebooks/{stem}.ipynb", '{"cells": [')
        else:
            project.write(stem, made)
    bad = project.run("build", "--cell-seconds", "2")
    after = {stem: project.report(stem) for stem in FAULTS}
    strays, processes = project.stray_files(), processes_in(project.root)
    for stem in FAULTS:
        project.write(stem, simple())
    healed = project.run("build")
    return {
        "good": good,
        "bad": bad,
        "kept": {stem: before[stem] == after[stem] for stem in FAULTS},
        "strays": strays,
        "processes": processes,
        "healed": healed,
        "checksums": (project.root / "reports/.cache/checksums").exists(),
    }


def test_a_path_with_spaces_and_braces_builds(broken):
    assert broken["good"].returncode == 0, broken["good"].stdout + broken["good"].stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_leaves_the_last_good_report(broken, fault):
    assert broken["kept"][fault]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_cell(broken, fault):
    said = broken["bad"].stdout
    start = said.index(f"{fault}: FAILED (the last good report is still there)")
    message = said[start : start + 3000].split(": FAILED", 2)[1]
    assert [part for part in NAMED[fault] if part not in message] == []


def test_faults_end_in_a_status_that_is_not_zero(broken):
    assert broken["bad"].returncode == 1


def test_faults_leave_no_process_and_no_half_file(broken):
    assert broken["processes"] == []
    assert broken["strays"] == []


def test_the_next_run_heals(broken):
    assert broken["healed"].returncode == 0, broken["healed"].stdout
    assert broken["checksums"]


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path / "project")


def test_an_unknown_parameter_is_refused_before_anything_runs(project):
    project.write("a", simple())
    done = project.run("render", "notebooks/a.ipynb", "-p", "mouth", "24")
    assert done.returncode == 1
    assert "no parameter 'mouth'; it declares month" in done.stdout
    assert not (project.root / "reports/a.html").exists()


def test_a_full_disk_leaves_the_last_good_report(project):
    project.write("a", simple())
    project.run("build")
    before = project.report("a")
    project.write("a", simple("second edition"))

    def small_disk():
        # A write beyond the limit fails as one to a full disk does, with another number.
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    process = project.start("build", preexec_fn=small_disk)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "Cannot write to" in said
    assert project.report("a") == before
    assert project.stray_files() == []
    assert project.run("build").returncode == 0
    assert "second edition" in project.report("a")


def _without_privilege(command):
    """Root may write anywhere; take that from it, so that the test holds for it as well."""
    if os.geteuid():
        return command
    tool = shutil.which("setpriv")
    if not tool:
        pytest.skip("runs as root, and setpriv is not there to take the privilege away")
    without = "-dac_override,-dac_read_search"
    return [tool, f"--bounding-set={without}", f"--inh-caps={without}", *command]


def test_a_reports_folder_that_cannot_be_written_is_named(project):
    project.write("a", simple())
    (project.root / "reports").mkdir()
    (project.root / "reports").chmod(0o555)
    command = _without_privilege(project.command("build"))
    done = subprocess.run(
        command,
        cwd=project.root,
        env=project.environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )
    (project.root / "reports").chmod(0o755)
    assert done.returncode == 1
    assert "Cannot write to" in done.stdout
    assert "reports" in done.stdout
    assert "Traceback" not in done.stderr + done.stdout


def _wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def _kernel_runs(project):
    folder = project.root / "notebooks"
    return lambda: processes_in(folder)


def test_a_second_build_is_refused_and_the_lock_dies_with_the_first(project):
    project.write("a", notebook(code(ENDLESS)))
    first = project.start("build")
    _wait_for(_kernel_runs(project))
    second = project.run("build")
    assert second.returncode == 1
    assert f"Another build of {project.root} is running (process {first.pid})" in second.stdout
    first.kill()
    first.wait()
    _wait_for(lambda: not processes_in(project.root), seconds=10)
    project.write("a", simple())
    assert project.run("build").returncode == 0


def test_control_c_stops_at_once_and_leaves_nothing(project):
    project.write("a", notebook(code(ENDLESS)))
    build = project.start("build", start_new_session=True)
    _wait_for(_kernel_runs(project))
    os.killpg(build.pid, signal.SIGINT)
    said = build.communicate(timeout=15)[0]
    assert build.returncode == 130
    assert "Stopped." in said
    assert "Traceback" not in said
    _wait_for(lambda: not processes_in(project.root), seconds=5)
    assert project.stray_files() == []


def test_control_c_under_tee_leaves_nothing(project):
    project.write("a", notebook(code(ENDLESS)))
    pipeline = subprocess.Popen(
        ["bash", "-c", f"'{sys.executable}' -m vlms build 2>&1 | tee log; exit ${{PIPESTATUS[0]}}"],
        cwd=project.root,
        env=project.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        encoding="utf-8",
    )
    _wait_for(_kernel_runs(project))
    os.killpg(pipeline.pid, signal.SIGINT)
    said = pipeline.communicate(timeout=15)[1]
    assert pipeline.returncode != 0
    assert "Traceback" not in said + (project.root / "log").read_text(encoding="utf-8")
    _wait_for(lambda: not processes_in(project.root), seconds=5)


def test_earlier_output_that_was_harmed_is_built_again(project):
    stems = ["cut", "missing", "record"]
    for stem in stems:
        project.write(stem, simple())
    project.run("build")
    reports = project.root / "reports"
    (reports / "cut.html").write_text("<html>half", encoding="utf-8")
    (reports / "missing.html").unlink()
    (reports / ".cache/record.json").write_bytes(b"\xff\xfe\x00")
    (reports / "index.html").write_bytes(b"\xff\xfe\x00")
    done = project.run("build")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "cut: to build: reports/cut.html is not as it was built" in done.stdout
    assert "missing: to build: reports/missing.html is missing" in done.stdout
    assert [stem for stem in stems if "first edition 36" not in project.report(stem)] == []
    assert "A report" in project.report("index")


def test_it_builds_without_git_home_locale_or_a_true_clock(project, tmp_path):
    project.write("a", simple("é ≤ first"))
    project.run("build")
    future = time.time() + 10 * 365 * 86400  # the clock was set back since
    for path in project.root.rglob("*"):
        os.utime(path, (future, future))
    project.write("a", simple("é ≤ second"))
    bare = {"PATH": str(tmp_path), "HOME": None, "LANG": "C", "LC_ALL": "C", "XDG_CACHE_HOME": None}
    done = project.run("build", **bare)
    assert done.returncode == 0, done.stdout + done.stderr
    page = project.report("a")
    assert "é ≤ second" in page
    assert "not under version control" in page


def test_it_builds_where_the_folder_for_temporary_files_has_a_long_path(project, tmp_path):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    project.write("a", simple())
    done = project.run("build", TMPDIR=str(long))
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(long.iterdir()) == []
    assert project.run("render", "notebooks/a.ipynb", TMPDIR=str(long)).returncode == 0


def test_it_builds_over_tcp_where_no_folder_has_room_for_a_socket(project):
    project.write("a", simple())
    code = (
        "from vlms.pages import kernel; kernel.LONGEST_SOCKET_PATH = 20\n"
        "from vlms.pages.build import build; print(build())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.root,
        env=project.environment(),
        capture_output=True,
        encoding="utf-8",
    )
    assert "built=['a']" in done.stdout, done.stdout + done.stderr
