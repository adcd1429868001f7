"""The tutorials run as they stand: their commands and their Python, in order, in a folder each."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from fleet.cli import main as cli

ROOT = Path(__file__).parents[1]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.md"))
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TWO_SCREENS = 110
"""Lines: a screen has some fifty."""


def test_there_is_one_for_each_user_and_it_is_short() -> None:
    assert [page.stem for page in TUTORIALS] == ["author", "planner", "script"]
    for page in TUTORIALS:
        assert page.read_text("utf-8").count("\n") <= TWO_SCREENS


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_what_a_tutorial_shows_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for kind, text in _BLOCK.findall(page.read_text("utf-8")):
        if kind == "python":
            exec(compile(text, page.name, "exec"), names)
        elif kind == "sh":
            for line in text.replace("\\\n", " ").splitlines():
                program, *words = shlex.split(line, comments=True)
                assert program == "fleet", line
                with pytest.raises(SystemExit) as ended:
                    cli.main(words)
                assert ended.value.code == 0, line
