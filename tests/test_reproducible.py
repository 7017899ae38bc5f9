"""Two builds of the same sources give the same bytes, but for the one line that says when."""

import pytest
from report_project import Project, code, notebook, prose


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    """One project built in two folders of different names and depths."""
    found = []
    for name in ("first", "second/somewhere else"):
        project = Project(tmp_path_factory.mktemp("twice") / name)
        project.file("notebooks/claims.csv", "id,place,statement,printed,unit,kind\n"
                     "patients,abstract,Patients,12,patients,count\n")  # fmt: skip
        project.write(
            "paper",
            notebook(
                prose("# Paper\n\nSee @fig-km. The sites are @tbl-sites."),
                code(
                    "import os\nimport pandas as pd\nfrom matplotlib import pyplot as plt\n"
                    "from vlms.ledger import Ledger\n"
                    "from vlms.showing import card, show_figure, show_table"
                ),
                code("figure, ax = plt.subplots()\nax.plot([0, 1], [1, 0.5], marker='o')"),
                code("show_figure(ax, label='fig-km', caption='A.', alt='B.')"),
                code("sites = {'thigh', 'vena cava', 'arm', 'retroperitoneum', 'neck'}\nsites"),
                code(
                    "frame = pd.DataFrame({'site': list(sites)})\n"
                    "show_table(frame, label='tbl-sites', caption='Sites.')"
                ),  # fmt: skip
                code("print(os.getcwd())"),
                code("object()"),
                code("plt.hist([1, 2, 2])\nplt.show()"),
                code("ledger = Ledger.open('paper', path='claims.csv')"),
                code("ledger.check({'patients': 12})\nledger.show()"),
                code("ledger.publish()"),
                code("card(patients=12, figure='fig-km', findings=['F.'])"),
            ),
        )
        project.write("other", notebook(prose("# Other"), code("hash('a')")))
        done = project.run("build", PYTHONHASHSEED="random")
        assert done.returncode == 0, done.stdout + done.stderr
        reports = project.root / "reports"
        found.append(
            {
                path.relative_to(reports).as_posix(): path.read_text(encoding="utf-8").splitlines()
                for path in sorted(reports.rglob("*"))
                if path.is_file() and ".cache" not in path.parts
            }
        )
    return found


def test_both_builds_publish_the_same_files(twice):
    first, second = twice
    assert list(first) == list(second)
    assert "paper/tbl-sites.csv" in first


def test_only_the_marked_line_differs(twice):
    first, second = twice
    for name, lines in first.items():
        assert len(lines) == len(second[name])
        differing = [line for line, other in zip(lines, second[name], strict=True) if line != other]
        assert [line for line in differing if 'class="built' not in line] == []


def test_each_page_marks_one_line(twice):
    for name, lines in twice[0].items():
        if name.endswith(".html"):
            assert sum('class="built"' in line for line in lines) == 1
