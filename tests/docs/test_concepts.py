"""The code on the concept pages passes mypy and runs, and prints what the page says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ENVIRONMENT, ROOT, check_types

CODE = re.compile(r"^```python\n(.*?)^```$(?:\s*^```text\n(.*?)^```$)?", flags=re.DOTALL | re.MULTILINE)
SHOWN = {
    f"{page.stem}_{number}".replace("-", "_"): (code, output)
    for page in sorted((ROOT / "docs" / "concepts").glob("*.md"))
    for number, (code, output) in enumerate(CODE.findall(page.read_text()), start=1)
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("concepts")
    for name, (code, _) in SHOWN.items():
        (folder / f"{name}.py").write_text(code)
    return folder


@pytest.mark.parametrize("name", SHOWN)
def test_it_prints_what_the_page_says(name: str, folder: Path) -> None:
    ended = subprocess.run(
        [sys.executable, f"{name}.py"], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )

    assert (ended.stdout, ended.returncode) == (SHOWN[name][1], 0), ended.stderr


def test_it_passes_mypy(folder: Path) -> None:
    assert check_types(folder) == f"Success: no issues found in {len(SHOWN)} source files\n"
