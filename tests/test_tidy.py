"""The style as a test: each finding reads `path:line: what`."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULE_LINES_MAX = 300
FUNCTION_LINES_MAX = 60
POSITIONAL_MAX = 5
PACKAGES = ("infra", "lambdas", "loadtests", "pipeline", "sluice")
# Which packages each may import: data flows one way (docs/architecture.md).
MAY_IMPORT = {
    "pipeline": set[str](),
    "lambdas": {"pipeline"},
    "infra": {"pipeline"},
    "loadtests": {"pipeline"},
    "sluice": {"infra", "loadtests", "pipeline"},
}
INFRA_MAY_IMPORT_OF_PIPELINE = {
    "pipeline.contracts",
    "pipeline.core.contract",
    "pipeline.core.faults",
    "pipeline.domain.contracts",
    "pipeline.errors",
    "pipeline.metrics",
    "pipeline.names",
    "pipeline.scaling",
    "pipeline.watcher.settings",
}
PURE = ("pipeline/core", "pipeline/ledger/protocol.py", "pipeline/audit", "pipeline/scaling.py")
IMPURE_MODULES = {
    *("boto3", "botocore", "os", "random", "requests", "secrets", "socket", "subprocess"),
    *("threading", "time", "urllib", "uuid"),
}
VAGUE_NAMES = {"utils", "common", "helpers", "base", "manager", "misc"}
STANDARD_LIBRARY = set(sys.stdlib_module_names)


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return sorted(path for line in listed.splitlines() if (path := ROOT / line).exists())


SOURCES = [path for path in tracked("*.py") if path.relative_to(ROOT).parts[0] in PACKAGES]
ALL_PYTHON = tracked("*.py")


def findings_of(paths: list[Path]) -> Iterator[tuple[str, ast.Module]]:
    for path in paths:
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def test_the_limits_are_looked_for_in_real_files() -> None:
    assert len(SOURCES) > 40


def test_no_module_is_longer_than_its_limit() -> None:
    long = [
        f"{path.relative_to(ROOT)}:1: {lines} lines, {MODULE_LINES_MAX} at most"
        for path in ALL_PYTHON
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > MODULE_LINES_MAX
    ]
    assert long == []


def test_every_function_fits_a_screen_and_takes_few_positional_parameters() -> None:
    found = []
    for name, tree in findings_of(SOURCES):
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                found.append(f"{name}:{node.lineno}: {node.name} has {lines} lines")
            positional = [a for a in node.args.args if a.arg not in {"self", "cls"}]
            if len(positional) > POSITIONAL_MAX:
                found.append(f"{name}:{node.lineno}: {node.name} takes {len(positional)}")
    assert found == []


def test_imports_point_one_way() -> None:
    found = []
    for name, tree in findings_of(SOURCES):
        package = name.split("/")[0]
        for line, module in imported(tree):
            root = module.split(".")[0]
            if root in PACKAGES and root != package and root not in MAY_IMPORT[package]:
                found.append(f"{name}:{line}: {package} must not import {module}")
    assert found == []


def test_the_program_imports_nothing_of_the_pipeline_that_does_its_work() -> None:
    found = [
        f"{name}:{line}: {module}"
        for name, tree in findings_of([p for p in SOURCES if p.is_relative_to(ROOT / "infra")])
        for line, module in imported(tree)
        if module.startswith("pipeline.")
        and not any(
            module == allowed or module.startswith(f"{allowed}.")
            for allowed in INFRA_MAY_IMPORT_OF_PIPELINE
        )
        and not any(allowed.startswith(f"{module}.") for allowed in INFRA_MAY_IMPORT_OF_PIPELINE)
    ]
    assert found == []


def test_the_core_touches_no_client_clock_random_or_environment() -> None:
    found = [
        f"{name}:{line}: a pure module must not import {module}"
        for name, tree in findings_of(SOURCES)
        if name.startswith(PURE)
        for line, module in imported(tree)
        if module.split(".")[0] in IMPURE_MODULES
    ]
    assert found == []


def test_only_the_environment_module_reads_the_environment() -> None:
    found = [
        f"{name}:{node.lineno}: reads os.{node.attr}"
        for name, tree in findings_of(SOURCES)
        if name.startswith("pipeline/") and name != "pipeline/environment.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert found == []


def test_no_import_goes_round_in_a_circle() -> None:
    modules = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): tree
        for name, tree in findings_of(SOURCES)
    }
    arrows = {
        module: {
            target
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for _, target in imported(ast.Module(body=[node], type_ignores=[]))
            if target in modules and target != module and not module.startswith(f"{target}.")
        }
        for module, tree in modules.items()
    }
    done: set[str] = set()
    circles: list[str] = []

    def visit(module: str, path: tuple[str, ...]) -> None:
        if module in path:
            circles.append(" -> ".join((*path[path.index(module) :], module)))
        elif module not in done:
            for target in sorted(arrows[module]):
                visit(target, (*path, module))
            done.add(module)

    for module in sorted(modules):
        visit(module, ())
    assert circles == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_file_is_named_for_what_it_makes(path: Path) -> None:
    assert path.stem not in VAGUE_NAMES
    if path.is_relative_to(ROOT / "infra") and path.parent == ROOT / "infra":
        assert path.stem == "__init__" or path.stem not in STANDARD_LIBRARY


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_module_opens_with_one_sentence(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    if source.strip():
        opening = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")[0]
        assert opening
        assert opening.endswith((".", ":"))
