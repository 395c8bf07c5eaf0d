"""Validate: named checks in artists' words, on what was collected and on the file that was made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from dcc.publish.data import CadLook, Collected, Problem
from shared.departments import Arc, department
from shared.errors import PublishError
from shared.material_library import FALLBACK_NAME

Check = Callable[[Collected], Iterator[Problem]]


def content_exists(collected: Collected) -> Iterator[Problem]:
    """There is a file to publish."""
    if collected.content is None or not collected.content.is_file():
        yield Problem(
            "content_exists",
            "error",
            f"There is no file {collected.content}.",
            "Check the path; for a CAD file, check that PM_ROOT is the storage the service uses.",
        )


def model_is_published(collected: Collected) -> Iterator[Problem]:
    """A look stands on a published model."""
    if isinstance(collected.request.source, CadLook) and collected.model is None:
        yield Problem(
            "model_is_published",
            "error",
            f"{collected.entity} has no published model that the look could stand on.",
            "Publish the part `model` first.",
        )


def parts_have_materials(collected: Collected) -> Iterator[Problem]:
    """Every part has a material; the visible fallback marks those that have none."""
    for target, chosen in collected.materials.items():
        if chosen.material == FALLBACK_NAME:
            yield Problem(
                "parts_have_materials",
                "warning",
                f"{target} has no material and will be magenta.",
                "Assign one, or add an alias for its name.",
                target,
            )


CHECKS: tuple[Check, ...] = (content_exists, model_is_published, parts_have_materials)
"""What is checked before anything is written."""


def validate(collected: Collected) -> tuple[Problem, ...]:
    """Run every check and return the warnings.

    Raises PublishError (``publish.invalid``) with all errors where there are any.
    """
    return _without_errors(problem for check in CHECKS for problem in check(collected))


def validate_file(collected: Collected, file: Path) -> tuple[Problem, ...]:
    """Check a file that is about to be published, as it will compose, and return the warnings.

    Raises PublishError (``publish.invalid``).
    """
    from dcc.usd import validation

    layered = department(collected.department).arc is Arc.SUBLAYER
    below = [collected.model] if layered and collected.model and collected.model.is_file() else []
    report = validation.validate(file, manifest=collected.manifest, below=below)
    found = [Problem(item.check, item.severity, item.message, item.hint, item.prim) for item in report.findings]
    if layered:
        found.extend(_root_prim_matches(collected, file))
    return _without_errors(found)


def _root_prim_matches(collected: Collected, file: Path) -> Iterator[Problem]:
    """A sublayer only reaches what has the asset's own root prim."""
    from dcc.usd.stage import open_layer

    name = open_layer(file).defaultPrim
    if name and name != collected.entity.name:
        yield Problem(
            "root_prim",
            "error",
            f"Its root prim is /{name}; as a layer of {collected.entity} it must be /{collected.entity.name}.",
            "Export it with that root prim, or publish it to the department `model`.",
        )


def _without_errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    found = tuple(problems)
    errors = [problem for problem in found if problem.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise PublishError(
            f"It cannot be published: {errors[0].message}{more}",
            hint=errors[0].hint,
            code="publish.invalid",
            fields={f"{problem.check} {problem.prim}".strip(): str(problem) for problem in errors},
        )
    return found
