"""What the documents show is what there is: commands, options, links, files, Python that runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from fleet.cli.main import app
from fleet.scenario import strict_yaml

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "tutorials").glob("*.md")), ROOT / "scenarios" / "README.md",
    ROOT / "bench" / "peers" / "README.md",
    *sorted((ROOT / "results").glob("**/README.md")),
]  # fmt: skip


def fences(kind: str) -> list[tuple[str, str]]:
    """Return (page, text) of the fenced blocks of a kind."""
    pattern = re.compile(rf"^```{kind}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [
        (page.relative_to(ROOT).as_posix(), text)
        for page in PAGES
        for text in pattern.findall(page.read_text("utf-8"))
    ]


def commands() -> list[tuple[str, list[str]]]:
    """Return (page, words) of every `fleet` command that is shown, in blocks and in sentences."""
    found = []
    for page, text in fences("sh"):
        for line in re.sub(r"\\\n|\n +(?=\[)", " ", text).splitlines():
            for part in re.split(r"&&|--\s", line.partition(" # ")[0]):
                words = shlex.split(part.replace("[", " ").replace("]", " "), comments=True)
                if words and words[0].rpartition("/")[2] == "fleet":
                    found.append((page, words[1:]))
    for page in PAGES:
        texts = re.findall(r"`fleet ([^`\n]+ [^`\n]+)`", page.read_text("utf-8"))
        found += [(page.relative_to(ROOT).as_posix(), shlex.split(text)) for text in texts]
    return found


def test_commands_are_found() -> None:
    assert len(commands()) > 20
    assert len({page for page, _ in commands()}) >= 4


@pytest.mark.parametrize(("page", "words"), commands(), ids=lambda value: str(value)[:40])
def test_shown_commands_take_what_is_shown(page: str, words: list[str]) -> None:
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        assert name in command.commands, f"{page}: fleet {name}"
        command = command.commands[name]
    options = {one for param in command.params for one in (*param.opts, *param.secondary_opts)}
    shown = [word.partition("=")[0] for word in rest if word.startswith("-")]
    assert set(shown) <= options, f"{page}: fleet {' '.join(words)}"
    for word in rest:
        if word.startswith(("scenarios/", "studies/")):
            assert (ROOT / word).exists(), f"{page}: {word}"


def test_shown_python_runs(tmp_path: Path) -> None:
    """But for tutorials, of which a test of their own runs all from the first line to the last."""
    blocks = [
        (page, text)
        for page, text in fences("python")
        if "import fleet" in text and "tutorials" not in page
    ]
    assert blocks
    for page, text in blocks:
        done = subprocess.run(
            [sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{page}: {done.stderr}"


def test_shown_yaml_is_yaml() -> None:
    for page, text in fences("yaml"):
        assert strict_yaml.loads(text, page).data, page


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"
