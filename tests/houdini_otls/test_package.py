"""The files Houdini reads, as far as they can be checked without it: well-formed, consistent, and their Python runs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import houdini_otls

PACKAGE = Path(houdini_otls.__file__).parent


def scripts(file: Path, path: str) -> list[str]:
    return [element.text or "" for element in ElementTree.parse(file).getroot().iterfind(path)]


def test_the_package_file_points_at_this_folder() -> None:
    description = json.loads((PACKAGE / "packages/raceway.json").read_text())
    path = description["hpath"].replace("$HOUDINI_PACKAGE_PATH", str(PACKAGE / "packages"))
    assert Path(path).resolve() == PACKAGE
    # With a PYTHONPATH our environment's own USD and Qt would hide Houdini's.
    assert "PYTHONPATH" not in json.dumps(description)


def test_the_shelf_lists_each_of_its_tools_once() -> None:
    root = ElementTree.parse(PACKAGE / "toolbar/raceway.shelf").getroot()
    assert root.tag == "shelfDocument"
    tools = [tool.get("name") for tool in root.iterfind("tool")]
    assert tools == [member.get("name") for member in root.iterfind("toolshelf/memberTool")]
    assert len(set(tools)) == len(tools) == 5
    assert all(tool.get("label") and tool.get("icon") and tool.findtext("helpText") for tool in root.iterfind("tool"))


def test_each_shelf_tool_calls_one_of_our_tools(houdini: object) -> None:
    from houdini_otls import tools

    called = []
    for script in scripts(PACKAGE / "toolbar/raceway.shelf", "tool/script[@scriptType='python']"):
        statement = ast.parse(script).body[-1]
        assert isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
        function = statement.value.func
        assert isinstance(function, ast.Attribute) and callable(getattr(tools, function.attr))
        called.append(function.attr)
    assert sorted(called) == ["assign_material", "check_assets", "load_asset", "publish_layer", "save_scene"]


def test_the_panel_defines_what_houdini_calls() -> None:
    root = ElementTree.parse(PACKAGE / "python_panels/raceway.pypanel").getroot()
    assert root.tag == "pythonPanelDocument"
    (script,) = scripts(PACKAGE / "python_panels/raceway.pypanel", "interface/script")
    functions = [node.name for node in ast.parse(script).body if isinstance(node, ast.FunctionDef)]
    assert functions == ["onCreateInterface"]


@pytest.mark.parametrize("shadow", [True, False])
def test_only_our_packages_become_importable(tmp_path: Path, shadow: bool) -> None:
    """As in Houdini: our folder is not on the path, and a stranger's `shared` may be."""
    if shadow:
        (tmp_path / "shared.py").write_text("raise ImportError('the wrong one')")
    code = (
        "import sys\n"
        f"sys.path[:0] = [{str(tmp_path)!r}, {str(PACKAGE / 'scripts/python')!r}]\n"
        "import raceway_houdini, shared, dcc, houdini_otls\n"
        "raceway_houdini.install()\n"
        "print(sum(isinstance(finder, raceway_houdini.PackageFinder) for finder in sys.meta_path))\n"
        "try:\n    import tests\nexcept ImportError:\n    print(shared.__file__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=30
    )
    count, file = done.stdout.strip().splitlines()
    assert int(count) == 1
    assert Path(file).resolve() == PACKAGE.parent / "shared/__init__.py"
