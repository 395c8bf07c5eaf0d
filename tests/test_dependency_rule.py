"""Who may import whom (README, "How the parts fit"): the boundary is checked, not hoped for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"shared", "dcc", "service", "desktop_launcher", "blender_addon", "houdini_otls"}
MAY_IMPORT = {
    "shared": {"shared"},
    "dcc": {"shared", "dcc"},
    "blender_addon": {"shared", "dcc", "blender_addon"},
    "houdini_otls": {"shared", "dcc", "houdini_otls"},
    "service": {"shared", "service"},
    "desktop_launcher": {"shared", "desktop_launcher"},
}
NEVER_IN_SERVICE = {"pxr", "OCP", "bpy"}


def imported_packages(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


def files_of(folder: str) -> list[Path]:
    return [file for file in (ROOT / folder).rglob("*.py") if "__pycache__" not in file.parts]


@pytest.mark.parametrize("folder", sorted(MAY_IMPORT))
def test_a_folder_imports_only_what_the_rule_allows(folder: str) -> None:
    files = files_of(folder)
    assert files
    wrong = {
        f"{file.relative_to(ROOT)} imports {', '.join(sorted(bad))}"
        for file in files
        if (bad := (imported_packages(file) & OURS) - MAY_IMPORT[folder])
    }
    assert not wrong


def test_shared_needs_the_standard_library_and_requests_only() -> None:
    allowed = set(sys.stdlib_module_names) | {"shared", "requests", "urllib3"}
    wrong = {
        f"{file.relative_to(ROOT)} imports {', '.join(sorted(bad))}"
        for file in files_of("shared")
        if (bad := imported_packages(file) - allowed)
    }
    assert not wrong


def test_workers_load_nothing_of_the_api_and_the_pages() -> None:
    script = (
        "import sys, service.worker\n"
        "print([name for name in sys.modules if name.startswith(('service.api', 'service.pages'))])"
    )
    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_service_process_loads_no_cad_kernel_usd_or_blender() -> None:
    modules = [
        ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for file in files_of("service")
        # wsgi is the running service itself, and migrations run inside Alembic only.
        if file.name not in ("wsgi.py", "env.py") and "versions" not in file.parts
    ]
    script = (
        "import importlib, sys\n"
        f"for name in {modules!r}: importlib.import_module(name.removesuffix('.__init__'))\n"
        f"print(sorted({NEVER_IN_SERVICE!r} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.stdout.strip() == "[]", answer.stderr
