"""The pages keep up with the code: files that they name or include exist, and the reference has all public names."""

import re

import pytest

import bowstring
from bowstring import testing
from tests.docs.pages import ROOT

DOCS = ROOT / "docs"
PAGES = {page.relative_to(DOCS).as_posix(): page.read_text() for page in sorted(DOCS.rglob("*.md"))}
REFERENCE = {name for page in PAGES.values() for name in re.findall(r"^::: (\S+)$", page, flags=re.MULTILINE)}
NAMED = sorted(set(re.findall(r"`([\w/]+(?:\.py|/))`", PAGES["architecture.md"])))
FOLDERS = [ROOT, ROOT / "src" / "bowstring"]
PLANNED = {"bridge/", "config.py", "ops/"}
INCLUDED = re.compile(r'--8<-- "(.+)"')
MEANT = re.compile(r"\b8 *< *-")  # a formatter that takes it for Python puts spaces into it, and it is text then


@pytest.mark.parametrize("path", NAMED)
def test_the_files_that_the_architecture_names_exist(path: str) -> None:
    found = [
        file for folder in FOLDERS for file in (folder / path, *folder.glob(f"*/{path}"), *folder.glob(f"*/*/{path}"))
    ]

    assert any(file.exists() for file in found) is (path not in PLANNED)


def test_what_the_pages_include_is_included() -> None:
    lines = [line for page in PAGES.values() for line in page.splitlines() if MEANT.search(line)]
    files = [included[1] for line in lines if (included := INCLUDED.fullmatch(line))]

    assert len(files) == len(lines)
    assert "examples/bidder.py" in files
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_the_reference_has_every_public_name() -> None:
    names = {f"bowstring.{name}" for name in bowstring.__all__}

    assert names - REFERENCE == set()


def test_the_reference_has_what_tests_need() -> None:
    builders = {name for name in testing.__all__ if getattr(testing, name).__module__ == "bowstring.testing.builders"}

    assert "bowstring.testing.builders" in REFERENCE
    assert {f"bowstring.testing.{name}" for name in testing.__all__ if name not in builders} - REFERENCE == set()


def test_every_decision_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()

    assert [page for page in PAGES if page.startswith("decisions/") and page not in navigation] == []
