"""The documents hold: what they name exists, and what exists is documented."""

import re
import shlex
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
import rich_click as click

from infra.documentation import PAGES, settings_page
from infra.settings import Settings
from pipeline.environment import WorkerSettings
from sluice.__main__ import VERBS, sluice
from tests import local_aws
from tests.documents import (
    ROOT,
    commands,
    documents,
    fences,
    headings,
    prose,
)

DOCUMENTS = documents()
TOP_LEVEL = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "lake"}
FILE_ENDINGS = (".py", ".md", ".toml", ".yaml", ".lock", ".css")
OF_OTHER_PROJECTS = ("services/",)
"""Opens what documents say of the emulator's own files."""
MADE = (".sluice/", ".tools/")
WORD = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|work|tmp|Users|opt|mnt)/")

by_name = pytest.mark.parametrize(
    "path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix()
)


def looks_like_a_path(word: str) -> bool:
    """Return whether a word names something of the repository, by its folder or its ending."""
    if not WORD.fullmatch(word) or word.startswith(OF_OTHER_PROJECTS):
        return False
    folder, slash, _ = word.partition("/")
    return bool(slash and folder in TOP_LEVEL) or word.endswith(FILE_ENDINGS)


def named_paths(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and path of what a document names: in backticks, diagrams, trees and commands."""
    for number, line in prose(text):
        words = re.findall(r"`([^`\s]+)`", line)
        if line.startswith("    "):
            words += [word.rstrip(",;") for word in line.split()]
        yield from ((number, word) for word in words if looks_like_a_path(word))
    for fence in fences(text):
        nodes = re.findall(r'"([^"\s]+)"', fence.text) if fence.language == "mermaid" else []
        words = [word for command in commands(fence) for word in command.split()]
        yield from ((fence.line, word) for word in (*nodes, *words) if looks_like_a_path(word))


def exists(word: str) -> bool:
    """Return whether a path is there, from the root; `Pulumi.dev.yaml` and the like stand there.

    What stands in `MADE` comes and goes with the commands that are run.
    """
    return word.startswith(MADE) or (ROOT / word).exists()


@by_name
def test_every_path_that_is_named_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    name = path.relative_to(ROOT)
    assert [f"{name}:{line}: {word}" for line, word in named_paths(text) if not exists(word)] == []


@by_name
def test_every_module_that_is_run_exists(path: Path) -> None:
    modules = re.findall(r"python -m ([\w.]+)", path.read_text(encoding="utf-8"))
    paths = [ROOT / module.replace(".", "/") for module in modules]
    files = [p / "__main__.py" if p.is_dir() else p.with_name(f"{p.name}.py") for p in paths]
    assert [file.relative_to(ROOT).as_posix() for file in files if not file.exists()] == []


@by_name
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    found = []
    for number, line in prose(path.read_text(encoding="utf-8")):
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            file = target.partition("#")[0]
            if "://" not in target and file and not (path.parent / file).exists():
                found.append(f"{path.relative_to(ROOT)}:{number}: {target}")
    assert found == []


@by_name
def test_no_document_names_a_path_of_somebody_s_machine(path: Path) -> None:
    assert MACHINE_PATH.findall(path.read_text(encoding="utf-8")) == []


def test_what_is_not_there_is_noticed() -> None:
    text = (
        "see `infra/gone.py`, `gone.toml`, `lake/x/dt=1/`, `s3://x/y` and `p99`\n\n"
        "    pipeline/gone     what is gone\n\n"
        '```mermaid\nflowchart LR\n  a["sluice/gone.py"] --> b["nothing at all"]\n```\n\n'
        "```bash\n./dev test tests/gone\n```\n"
    )
    named = [word for _, word in named_paths(text)]
    assert named == [
        *("infra/gone.py", "gone.toml", "pipeline/gone", "sluice/gone.py", "tests/gone"),
    ]
    assert not any(map(exists, named))


def test_the_readme_documents_every_verb_and_nothing_else() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `sluice (\w+)` \|", text, flags=re.MULTILINE)
    assert listed == list(dict.fromkeys(listed))
    assert set(listed) == {verb.name for verb in VERBS}


@by_name
def test_every_verb_that_a_document_mentions_exists(path: Path) -> None:
    mentioned = re.findall(r"`(?:\./dev )?sluice ([a-z]+)", path.read_text(encoding="utf-8"))
    assert set(mentioned) <= {verb.name for verb in VERBS}


def words_of_dev() -> set[str]:
    """Return the first words that `./dev` takes."""
    loader = SourceFileLoader("dev", str(ROOT / "dev"))
    spec = spec_from_loader("dev", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return {*module.ALIASES, "check"}


VARIABLES = {"STACK": "local", "VERSION": "1", "SINCE": "1d", "UNTIL": "10m", "AT": "2h"}
"""What the operator's variables may hold, by what follows SLUICE_; any file and word else."""


def fault_of(command: str) -> str:
    """Return what is wrong with a `./dev` command as the command line itself would tell it."""
    filled = re.sub(
        r"\$\{?SLUICE_(\w+)(?:[^}\"]*\})?",
        lambda variable: VARIABLES.get(variable[1], "README.md"),
        command,
    )
    _, *words = shlex.split(filled)
    if not words or words[0] not in words_of_dev():
        return f"{command}: ./dev does not know that word"
    if words[0] == "demo":
        words = ["sluice", *words]
    if words[0] != "sluice" or len(words) == 1:
        return ""
    verb = sluice.get_command(click.Context(sluice), words[1])
    words = words[1:]
    if isinstance(verb, click.Group) and len(words) > 1:
        words = words[1:]
        verb = verb.get_command(click.Context(verb), words[0])
    if verb is None:
        return f"{command}: there is no such verb"
    try:
        verb.make_context(words[0], words[1:])
    except click.ClickException as error:
        return f"{command}: {error.format_message()}"
    return ""


@by_name
def test_every_command_of_a_document_parses(path: Path) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{fence.line}: {fault}"
        for fence in fences(path.read_text(encoding="utf-8"))
        if fence.language in ("bash", "bash destructive", "text") and "━" not in fence.text
        for command in commands(fence)
        if (fault := fault_of(command))
    ]
    assert found == []


@pytest.mark.parametrize(
    "command",
    [
        "./dev dance",
        "./dev sluice dance",
        "./dev sluice status --yaml",
        "./dev sluice load --rate fast",
        "./dev demo --events many",
        "./dev sluice query",
        "./dev sluice shards dance",
        "./dev sluice shards count",
    ],
)
def test_a_command_that_would_not_run_is_noticed(command: str) -> None:
    assert fault_of(command).startswith(command)


@pytest.mark.parametrize("name", PAGES)
def test_the_pages_of_settings_alarms_and_metrics_are_up_to_date(name: str) -> None:
    """`python -m infra.documentation` writes them."""
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == PAGES[name]()


def test_the_rules_of_the_local_aws_are_those_that_tests_hold() -> None:
    """`python -m tests.local_aws` writes them."""
    assert local_aws.PAGE.read_text(encoding="utf-8") == local_aws.page_text()
    assert len(local_aws.rules()) == local_aws.page_text().count("| `tests/")


def test_every_setting_is_documented_with_what_it_decides() -> None:
    page = settings_page()
    for name, field in Settings.model_fields.items():
        assert re.search(rf"^\| `{name}` \| .+ \| .+ \| .+\. \|$", page, flags=re.MULTILINE), name
        assert field.description


def test_every_setting_stands_in_the_reference_configuration() -> None:
    text = (ROOT / "Pulumi.prod.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"sluice:(\w+):", text)) == set(Settings.model_fields)


def test_every_variable_that_a_worker_may_do_without_is_documented_with_its_default() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(SLUICE_\w+)` \| `(\S+)` \| .+ \|$", page, flags=re.MULTILINE)
    fields = WorkerSettings.model_fields.values()
    assert told == [
        (field.alias, str(field.default))
        for field in fields
        if not field.is_required() and field.default is not None
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=str)
def test_a_decision_says_why_at_what_price_and_until_when(path: Path) -> None:
    assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", path.name)
    assert headings(path.read_text(encoding="utf-8"), 2) == [
        *("Context", "Decision", "Alternatives", "Consequences", "Evidence", "Revisit when"),
    ]
