"""The source keeps its own rules: layers, sizes, words, exports."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import drop_stale_kernels

import fleet

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "fleet").rglob("*.py"))

# Later layers may import earlier ones, never back.
LAYERS = [
    ("above", "clock", "errors"), ("arrays",), ("interrupt", "keeper", "memory", "telling"),
    ("child", "passing"), ("doors", "paths"), ("units",), ("kernel",), ("chance", "sketch"),
    ("model",), ("catalog",),
    ("eyes",), ("scenario",), ("plan",), ("engine",), ("reference",), ("columns",), ("lanes",),
    ("lab",), ("running",), ("results",), ("study",), ("proof",),
    ("sizing",), ("bench",), ("show",), ("reports",),
    ("simulation", "api", "reading"),
    ("cli",),
    ("__init__", "__main__"),
]  # fmt: skip
ONLY = {
    "ray": ["running/ray_cluster.py", "running/ray_executor.py", "running/ray_tasks.py"],
    "onnxruntime": ["lab/networks/session.py"],
    "matplotlib": ["show/by_hour.py", "show/figures.py", "show/lateness.py", "show/maps.py",
                    "show/over_time.py", "show/regimes.py", "show/study_figures.py",
                    "show/style.py", "show/tasks.py", "show/tornado.py"],
}  # fmt: skip


def module(path: Path) -> str:
    return path.relative_to(ROOT / "fleet").with_suffix("").as_posix()


def layer(name: str) -> int:
    head = name.split("/")[0]
    return next(i for i, heads in enumerate(LAYERS) if head in heads)


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=module)
def test_imports_go_down(path: Path) -> None:
    name = module(path)
    if name in ("__init__", "__main__"):
        return
    for found in imports(path):
        parts = found.split(".")
        if parts[0] != "fleet" or len(parts) < 2:
            continue
        below = layer(parts[1]) if any(parts[1] in heads for heads in LAYERS) else -1
        assert below <= layer(name), f"{name} imports {found}"


def test_the_engines_do_not_know_each_other() -> None:
    """Nor does either know the laboratory, which stands above them, or who runs them."""
    for one, others in (
        ("reference", ("columns", "lanes", "lab", "running")),
        ("columns", ("reference", "lab", "running")), ("lanes", ("reference", "lab", "running")),
    ):  # fmt: skip
        for path in (ROOT / "fleet" / one).glob("*.py"):
            for found in imports(path):
                assert not found.startswith(tuple(f"fleet.{other}" for other in others)), path


def test_what_is_shown_comes_out_of_records() -> None:
    """So that a folder of results can be shown without engines, plans and running anything."""
    below = tuple(f"fleet.{room}" for room in ("plan", "engine", "columns", "reference", "running"))
    for room in ("show", "reports"):
        for path in (ROOT / "fleet" / room).glob("*.py"):
            assert not [found for found in imports(path) if found.startswith(below)], path


def test_only_what_shows_an_object_is_asked_for_from_below() -> None:
    """`above.call` goes around the layers; who may do so, and what is called, is listed here."""
    asked = {
        (module(path), name)
        for path in SOURCES
        for name in re.findall(r'above\.call\(\s*"([^"]+)"', path.read_text())
    }
    assert asked == {
        ("results/record", "reading.report"), ("results/record", "reports.notebook.record_html"),
        ("scenario/load", "reports.notebook.scenario_html"),
    }  # fmt: skip
    users = {module(path) for path in SOURCES if "fleet.above" in imports(path)}
    assert users == {"results/record", "scenario/load"}


def test_no_import_cycle() -> None:
    graph = {}
    for path in SOURCES:
        name = "fleet." + module(path).replace("/", ".").removesuffix(".__init__")
        graph[name] = {f for f in imports(path) if f.startswith("fleet")}
    graph.pop("fleet.__init__", None)

    def reach(start: str, seen: set[str]) -> set[str]:
        for target in graph.get(start, ()):
            if target not in seen:
                seen.add(target)
                reach(target, seen)
        return seen

    assert [name for name in graph if name != "fleet" and name in reach(name, set())] == []


def test_heavy_packages_have_few_doors() -> None:
    for package, homes in ONLY.items():
        users = [
            path.relative_to(ROOT / "fleet").as_posix()
            for path in SOURCES
            if any(found.split(".")[0] == package for found in imports(path))
        ]
        assert users == homes


@pytest.mark.parametrize("path", SOURCES, ids=module)
def test_modules_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 360, "split the module"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno <= 60, f"{node.name} is too long"


MOST_PARAMETERS = 8
MORE_PARAMETERS = {
    **dict.fromkeys([
        "api.run", "study/door.run",
        "api.sweep", "cli/sweep.sweep", "study/sweep.sweep", "study/study.study",
        "api.find", "cli/plan.plan", "sizing/planning.question",
        "api.sensitivity", "cli/sensitivity.sensitivity", "cli/trace.trace",
    ], 20),  # what a user can say
    "cli/run.run": 21,  # the longest of them
    **dict.fromkeys(["lab/scenes/" + name for name in (
        "vehicle._quad", "vehicle._prism", "vehicle._face", "vehicle.paint_vehicle",
        "vehicle._wheels", "vehicle._lamps", "person._limb", "person.paint_limbs", "render.scene",
        "render.__init__", "paint._put", "backdrop.trace",
    )], 13),  # shapes and where they are
}  # fmt: skip


@pytest.mark.parametrize("path", SOURCES, ids=module)
def test_functions_take_few_arguments(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            own = [one for one in every if one.arg not in ("self", "cls")]
            most = MORE_PARAMETERS.get(f"{module(path)}.{node.name}", MOST_PARAMETERS)
            assert len(own) <= most, f"{node.name} takes {len(own)}"


READ_BY_OTHERS = {
    "__all__", "model_config", "_missing_", "_repr_html_",  # by Python, pydantic and notebooks
    "on_start", "on_end",  # by numba, which tells its listeners
    "scenario_digest", "busiest_busy",  # with all fields of their class
}  # fmt: skip


def declared(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the names of functions, classes, constants and fields, those in classes too.

    Functions that a decorator hands to somebody are taken to be used.
    """
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield node.name
            yield from declared(node.body)
        elif isinstance(node, ast.FunctionDef):
            plain = {"kernel", "inlined", "property", "cached_property", "classmethod"}
            if all(ast.unparse(d).split(".")[-1] in plain for d in node.decorator_list):
                yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Assign):
            names = [one for target in node.targets for one in ast.walk(target)]
            if len(names) == len(node.targets):  # names of a row of constants stand for places
                yield from (one.id for one in names if isinstance(one, ast.Name))


def test_what_is_declared_is_used() -> None:
    """Every name is read outside the tests: as a name, an attribute or in a short text."""
    read: set[str] = set()
    for folder in ("fleet", "scripts", "scenarios", "bench"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
                    read.add(node.id if isinstance(node, ast.Name) else node.attr)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    read |= set(re.findall(r"\w+", node.value)) if len(node.value) < 200 else set()
    for path in SOURCES:
        for name in declared(ast.parse(path.read_text()).body):
            dunder = name.startswith("__") and name.endswith("__")
            assert dunder or name in read | READ_BY_OTHERS, f"{module(path)}: {name}"


FINDS = {
    "reference/life", "reference/sensor", "proof/account_frames", "lab/measures/tasks",
    "lab/networks/quantise",
}  # fmt: skip


@pytest.mark.parametrize("path", SOURCES, ids=module)
def test_found_is_what_networks_find(path: Path) -> None:
    """Anything else that a function comes to has a name of its own; kernels have theirs."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    names |= {n.arg for n in nodes if isinstance(n, ast.arg)}
    fields = {n.target.id for n in nodes if isinstance(n, ast.AnnAssign) and n.simple
              and isinstance(n.target, ast.Name) and n.value is None}  # fmt: skip
    name = module(path)
    kernels = name.startswith("columns/") or name == "engine/by_second"
    assert "found" not in names - fields or name in FINDS or kernels, name


def test_words_that_must_not_stand_in_the_tree() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    wrong = re.compile(
        "TO" + r"DO\b|FIX" + r"ME\b|NotImplemented" + "Error|/wo" + "rk/|/tm" + r"p/\w"
    )
    for name in listed:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".yaml", ".toml"} and path.is_file():
            assert not wrong.search(path.read_text()), name
        if path.is_file():
            assert path.stat().st_size < 2_000_000, name


@pytest.mark.parametrize(
    "script", ["render_modules", "render_metrics", "render_shared", "render_peers"]
)
def test_tables_in_documents_are_what_the_code_says(script: str) -> None:
    done = subprocess.run(
        [sys.executable, f"scripts/{script}.py", "--check"], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_public_names() -> None:
    assert fleet.__all__ == sorted(fleet.__all__)
    for name in fleet.__all__:
        assert getattr(fleet, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        fleet.nothing  # noqa: B018


def test_every_scenario_field_is_read() -> None:
    """A field that no other module names would be an option that does nothing."""
    from pydantic import BaseModel

    from fleet.scenario import arms, event, plant, schema, sensors

    rooms = (arms, event, plant, schema, sensors)
    homes = {Path(str(room.__file__)).resolve() for room in rooms}
    text = "".join(path.read_text() for path in SOURCES if path.resolve() not in homes)
    models = {one for room in rooms for one in vars(room).values() if isinstance(one, type)}
    fields = [(m, f) for m in models if issubclass(m, BaseModel) for f in m.model_fields]
    assert len(fields) > 100
    for model, field in fields:
        assert re.search(rf"\b{field}\b", text), f"{model.__name__}.{field}"


def test_tests_stand_in_rooms_of_the_house() -> None:
    """Folders of tests are those of the package; at the top is what is about modules at its top."""
    rooms = {path.name for path in (ROOT / "fleet").iterdir() if path.is_dir()}
    alone = {path.stem for path in (ROOT / "fleet").glob("*.py")}
    alone |= {"docs", "tidy", "tutorials", "versions"}
    for path in (ROOT / "tests").rglob("test_*.py"):
        where = path.parent.relative_to(ROOT / "tests").as_posix()
        name = path.stem.removeprefix("test_")
        assert where in rooms | {"fuzz"} or (where == "." and name in alone), path


def test_version_stands_in_one_place_only() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert f'version = "{fleet.__version__}"' in project


def test_kernels_older_than_a_source_are_dropped(tmp_path: Path) -> None:
    source, kernels = tmp_path / "a" / "b.py", [tmp_path / "a" / f"b.{k}" for k in ("nbi", "nbc")]
    source.parent.mkdir()
    for path in (source, *kernels):
        path.touch()
    for path in kernels:
        os.utime(path, ns=(2_000, 2_000))
    os.utime(source, ns=(1_000, 1_000))
    assert drop_stale_kernels(tmp_path) == 0
    os.utime(source, ns=(3_000, 3_000))
    assert drop_stale_kernels(tmp_path) == 2
    assert source.exists()
    assert not any(path.exists() for path in kernels)
