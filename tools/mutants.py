"""Mutation tests: which small changes to a module does no test notice?

Every mutant runs against the tests in a copy of the project under build/mutants/, one copy a worker. The changes are
cosmic-ray's operators and the removal of single statements. A mutant that does not compile, or that differs in
annotations, docstrings or the kinds of parameters only, is none.
"""

import argparse
import ast
import contextlib
import difflib
import os
import queue
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

COPIED = ["src", "tests", "examples", "benchmarks", "conftest.py", "pyproject.toml"]
MEMORY = 4 << 30  # a mutant that loops and appends must not take the machine with it
SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Delete, ast.Raise, ast.Return, ast.Assert)


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Yield (name, source) of every mutant that differs in what it does."""
    seen = {meaning(source)}
    for name, mutant in (*operated(source), *without_statements(source)):
        try:
            means = meaning(mutant)
            compile(mutant, "mutant", "exec")
        except SyntaxError:  # cosmic-ray takes the bare `*` of a signature for a multiplication
            continue
        if means not in seen:
            seen.add(means)
            yield name, mutant


def operated(source: str) -> Iterator[tuple[str, str]]:
    """Yield what cosmic-ray's operators make of the source."""
    for name in operator_names():
        operator = get_operator(name)
        if operator.arguments():
            continue
        occurrence = 0
        while (mutant := mutate_code(source, operator(), occurrence)) is not None:
            yield name, mutant
            occurrence += 1


def without_statements(source: str) -> Iterator[tuple[str, str]]:
    """Yield the source without one of its simple statements, for each of them."""
    lines = source.encode().splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, SIMPLE) and not is_text(node) and node.end_lineno is not None:
            first, last = node.lineno - 1, node.end_lineno - 1
            kept = lines[first][: node.col_offset] + b"pass" + lines[last][node.end_col_offset :]
            yield "statement removed", b"".join([*lines[:first], kept, *lines[last + 1 :]]).decode()


def meaning(source: str) -> str:
    """Return the syntax tree without annotations, docstrings and kinds of parameters."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.arguments):
            node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
            node.defaults = [*node.defaults, *filter(None, node.kw_defaults)]
            node.posonlyargs, node.kwonlyargs, node.kw_defaults = [], [], []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [part for part in body if not is_text(part)] or [ast.Pass()]
    return ast.dump(tree)


def is_text(node: ast.AST) -> bool:
    """Tell a docstring from code."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def copy_project(folder: Path) -> Path:
    """Copy what the tests need."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    skipped = shutil.ignore_patterns("__pycache__", ".*_cache")
    for source in filter(Path.exists, map(Path, COPIED)):
        if source.is_dir():
            shutil.copytree(source, folder / source, ignore=skipped)
        else:
            shutil.copy(source, folder)
    return folder


def outcome(folder: Path, tests: list[str], *, timeout_s: float | None = None) -> str:
    """Run the tests in a copy: survived, killed or timeout."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    paths = {"PYTHONPATH": str((folder / "src").absolute()), "PYTHONDONTWRITEBYTECODE": "1", "HYPOTHESIS_PROFILE": "ci"}
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | paths, stdout=output, stderr=output, start_new_session=True
        )
        try:
            return "killed" if process.wait(timeout_s) else "survived"
        except subprocess.TimeoutExpired:
            return "timeout"
        finally:
            stop_group(process)


def stop_group(process: "subprocess.Popen[bytes]") -> None:
    """End the run and every process it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def difference(source: str, mutant: str, module: str) -> str:
    """Return the changed lines, headed by where they are."""
    lines = difflib.unified_diff(source.splitlines(), mutant.splitlines(), module, module, n=0, lineterm="")
    return "\n".join(list(lines)[2:])


class Session:
    """Runs the mutants of one module on several workers."""

    def __init__(self, module: str, *, tests: list[str], workers: int) -> None:
        self._module, self._tests = module, tests
        self._source = Path(module).read_text()
        self._folders = [copy_project(Path(f"build/mutants/{number}")) for number in range(workers)]
        self._waiting: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._timeout_s = 0.0
        self.counts: Counter[str] = Counter()
        self.survivors: list[str] = []

    def baseline(self) -> None:
        """Time the tests as they are; a mutant may take four times as long."""
        started = time.monotonic()
        if outcome(self._folders[0], self._tests) != "survived":
            raise SystemExit(f"the tests fail without a mutant: see {self._folders[0]}/output.txt")
        self._timeout_s = 10 + 4 * len(self._folders) * (time.monotonic() - started)

    def run(self) -> None:
        """Test every mutant."""
        for mutant in mutants(self._source):
            self._waiting.put(mutant)
        print(f"{self._waiting.qsize()} mutants of {self._module}", flush=True)
        threads = [threading.Thread(target=self._work, args=(folder,), daemon=True) for folder in self._folders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, folder: Path) -> None:
        while True:
            try:
                name, mutant = self._waiting.get_nowait()
            except queue.Empty:
                return
            (folder / self._module).write_text(mutant)
            result = outcome(folder, self._tests, timeout_s=self._timeout_s)
            self.counts[result] += 1
            if result == "survived":
                self.survivors.append(f"{difference(self._source, mutant, self._module)}\n  {name}")
                print(f"\nsurvived: {self.survivors[-1]}", flush=True)


def main() -> None:
    """Read the arguments, run, and say what survived."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--module", default="src/bowstring/core/queue.py")
    parser.add_argument("--tests", nargs="+", default=["tests/core"])
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    session = Session(arguments.module, tests=arguments.tests, workers=arguments.workers)
    warnings.simplefilter("ignore", SyntaxWarning)  # of mutants
    session.baseline()
    session.run()
    report = Path("build/mutants/survivors.txt")
    report.write_text("\n\n".join(sorted(session.survivors)) + "\n")
    counts = ", ".join(f"{count} {name}" for name, count in sorted(session.counts.items()))
    print(f"\n{session.counts.total()} mutants: {counts}; the survivors are in {report}")


if __name__ == "__main__":
    main()
