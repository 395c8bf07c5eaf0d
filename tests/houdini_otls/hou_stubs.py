"""What SideFX's stubs (``types-houdini``) know of ``hou``, and what holds a stand-in to it: names and signatures."""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_SIGNATURES: dict[str, dict[str, list[inspect.Signature]]] = {}
_BASES: dict[str, list[str]] = {}


def _read_stubs() -> None:
    spec = importlib.util.find_spec("hou-stubs")
    assert spec is not None and spec.submodule_search_locations
    text = (Path(spec.submodule_search_locations[0]) / "__init__.pyi").read_text(encoding="utf-8")
    tree = ast.parse(text)
    _SIGNATURES[""] = _members(tree.body)
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef):
            _SIGNATURES[statement.name] = _members(statement.body)
            _BASES[statement.name] = [ast.unparse(base) for base in statement.bases]
            _SIGNATURES[""][statement.name] = []


def _members(body: Sequence[ast.stmt]) -> dict[str, list[inspect.Signature]]:
    found: dict[str, list[inspect.Signature]] = {}
    for statement in body:
        if isinstance(statement, ast.FunctionDef):
            static = any(ast.unparse(decorator) == "staticmethod" for decorator in statement.decorator_list)
            found.setdefault(statement.name, []).append(_signature(statement.args, static))
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found[statement.target.id] = []
    return found


def _signature(arguments: ast.arguments, static: bool) -> inspect.Signature:
    kinds = inspect.Parameter
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    parameters = [
        kinds(one.arg, kinds.POSITIONAL_OR_KEYWORD, default=kinds.empty if index < required else None)
        for index, one in enumerate(positional)
    ]
    if arguments.vararg:
        parameters.append(kinds(arguments.vararg.arg, kinds.VAR_POSITIONAL))
    for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        parameters.append(kinds(one.arg, kinds.KEYWORD_ONLY, default=kinds.empty if default is None else None))
    if arguments.kwarg:
        parameters.append(kinds(arguments.kwarg.arg, kinds.VAR_KEYWORD))
    return inspect.Signature(parameters)


def stub_of(owner: str, name: str) -> list[inspect.Signature] | None:
    """Signatures of a name in a class of the stubs or its bases ("" is the module); None where it is unknown."""
    members = _SIGNATURES.get(owner, {})
    if name in members:
        return members[name]
    for base in _BASES.get(owner, []):
        found = stub_of(base, name)
        if found is not None:
            return found
    return None


def held_to_stub(owner: str, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, which takes only what the stub of that name takes; raises AttributeError where there is none."""
    signatures = stub_of(owner, name)
    if signatures is None:
        raise AttributeError(f"the stubs know no hou.{owner}.{name}: the fake must not offer it")

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        for signature in signatures:
            try:
                signature.bind(*arguments, **keywords)
                break
            except TypeError:
                continue
        else:
            raise TypeError(f"{_called(owner)}.{name} takes {signatures[0]}, not {arguments} {keywords}")
        return function(*arguments, **keywords)

    return call


class HeldToStub:
    """Base of a stand-in's classes: each public method must be in the stub of the class of that name."""

    def __init_subclass__(cls) -> None:
        for name, member in list(vars(cls).items()):
            if name.startswith("_"):
                continue
            if isinstance(member, staticmethod):
                setattr(cls, name, staticmethod(held_to_stub(cls.__name__, name, member.__func__)))
            elif inspect.isfunction(member):
                setattr(cls, name, held_to_stub(cls.__name__, name, member))

    def __getattr__(self, name: str) -> Any:
        refuse(type(self).__name__, name)


def refuse(owner: str, name: str) -> None:
    """Raise NotImplementedError for a name that the stubs have, AttributeError for any other."""
    if not name.startswith("__") and stub_of(owner, name) is not None:
        raise NotImplementedError(f"{_called(owner)}.{name} exists, but this fake lacks it")
    raise AttributeError(f"{_called(owner)} has no {name!r} (types-houdini)")


def _called(owner: str) -> str:
    return f"hou.{owner}" if owner else "hou"


_read_stubs()
