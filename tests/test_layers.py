"""The layers of the source: who may import whom.

DESCRIPTION
    common/ stands below everything and imports nothing of ours but itself. A
    daemon imports itself and common/, never another daemon.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("bench", "cleanup", "commands", "common", "master", "postlogd", "qmqpd", "tests")

ALLOWED = {
    "common": {"common"},
    "master": {"master", "common"},
    "qmqpd": {"qmqpd", "common"},
    "cleanup": {"cleanup", "common"},
    "postlogd": {"postlogd", "common"},
}


def modules() -> list[Path]:
    return [path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))]


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and top package of each import, those inside functions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name.partition(".")[0]) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: an import that names no package"
            yield node.lineno, (node.module or "").partition(".")[0]


def strangers(package: str, source: str) -> list[str]:
    """Return the imports that do not belong into a module of this package."""
    return [
        f"line {line}: {name}"
        for line, name in imports(ast.parse(source))
        if name in PACKAGES and name not in ALLOWED[package]
    ]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_its_own_package_and_those_below(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    assert strangers(package, path.read_text("utf-8")) == []


def test_every_layer_is_there() -> None:
    for package in ("common", "master", "qmqpd", "cleanup"):
        assert any(path.is_relative_to(ROOT / package) for path in modules())


def test_every_package_of_ours_is_known_here() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found <= set(PACKAGES)


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("common", "import qmqpd"),
        ("common", "from cleanup.session import Session"),
        ("common", "def f():\n    import master.pool"),
        ("qmqpd", "from cleanup import headers"),
        ("cleanup", "import common, qmqpd.session"),
        ("master", "if x:\n    from commands import tour"),
    ],
)
def test_a_stranger_is_found_wherever_it_stands(package: str, source: str) -> None:
    assert len(strangers(package, source)) == 1


def test_libraries_and_layers_below_are_no_strangers() -> None:
    source = "import os\nimport setproctitle\nfrom common.log import Log\nimport qmqpd.names\n"
    assert strangers("qmqpd", source) == []
