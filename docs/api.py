"""Write a page on every public module from its docstrings: ``reports/api/index.html``."""

import pkgutil
import shutil
import warnings
from pathlib import Path

import pdoc

import vlms
from vlms.pages import write_index

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "reports" / "api"

warnings.simplefilter("ignore")  # about annotations of other libraries
names = [found.name for found in pkgutil.iter_modules(vlms.__path__) if found.name[0] != "_"]
shutil.rmtree(FOLDER, ignore_errors=True)
pdoc.render.configure(docformat="numpy")
pdoc.pdoc("vlms", *(f"vlms.{name}" for name in names), output_directory=FOLDER)
for page in [*FOLDER.rglob("*.html"), FOLDER / "search.js"]:
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace(f"{ROOT}/", "").replace(str(Path.cwd()), "."), encoding="utf-8")
write_index(ROOT)
print("wrote reports/api/index.html")
