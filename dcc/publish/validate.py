"""Validate: named checks in artists' words, on what was collected and on the file that was made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from dcc.publish.data import CadLook, Collected, InvalidPublishError
from dcc.publish.extract import is_copy
from dcc.usd.findings import Check, Finding
from shared.departments import Arc
from shared.material_library import FALLBACK_NAME


def _content_exists(collected: Collected) -> Iterator[Finding]:
    if collected.content is not None and collected.content.is_dir():
        yield Finding(
            "content_exists",
            "",
            f"{collected.content} is a folder.",
            "Give the one USD file in it that refers to the others; publish each part by itself.",
        )
    elif collected.content is None or not collected.content.is_file():
        yield Finding(
            "content_exists",
            "",
            f"There is no file {collected.content}.",
            "Check the path; for a CAD file, check that PM_ROOT is the storage the service uses.",
        )


def _model_is_published(collected: Collected) -> Iterator[Finding]:
    if isinstance(collected.request.source, CadLook) and collected.model is None:
        yield Finding(
            "model_is_published",
            "",
            f"{collected.entity} has no published model that the look could stand on.",
            "Publish the part `model` first.",
        )


def _parts_have_materials(collected: Collected) -> Iterator[Finding]:
    for target, chosen in collected.materials.items():
        if chosen.material == FALLBACK_NAME:
            yield Finding(
                "parts_have_materials",
                target,
                "it has no material and will be magenta.",
                "Assign one, or add an alias for its name.",
                severity="warning",
            )


_CHECKS: dict[Check, Callable[[Collected], Iterator[Finding]]] = {
    Check("content_exists", "There is a file to publish."): _content_exists,
    Check("model_is_published", "A look stands on a published model."): _model_is_published,
    Check("parts_have_materials", "Every part has a material; magenta marks those without."): _parts_have_materials,
}
"""What is checked before anything is written."""


def all_checks() -> list[Check]:
    """Every check that a publish runs, in that order."""
    from dcc.usd.checks import CHECKS, FILE_OPENS

    return [*_CHECKS, FILE_OPENS, *CHECKS]


def validate(collected: Collected) -> tuple[Finding, ...]:
    """Run the checks that need no file and return the warnings. Raises InvalidPublishError with all that they found."""
    return _without_errors(finding for check in _CHECKS.values() for finding in check(collected))


def validate_file(collected: Collected, file: Path) -> tuple[Finding, ...]:
    """Check a file that is about to be published, as it will compose, and return the warnings.

    Raises InvalidPublishError.
    """
    return _without_errors(findings_of(collected, file))


def fix_file(collected: Collected, file: Path) -> tuple[str, ...]:
    """Put right in ``file`` what can be; returns the names of the fixes. For a copy: it is changed in place."""
    from dcc.usd.fixes import fix

    done: list[str] = []
    # One fix can bring to light what another is for; none is needed twice.
    while new := [finding for finding in findings_of(collected, file) if finding.fix and finding.fix not in done]:
        done += fix(file, new, root_prim=_root_prim(collected))
    return tuple(done)


def findings_of(collected: Collected, file: Path) -> tuple[Finding, ...]:
    """What the checks find in ``file``, as the next item of the part."""
    from dcc.usd.asset_paths import check_storage
    from dcc.usd.checks import FILE_OPENS
    from dcc.usd.stage import open_layer
    from dcc.usd.validation import validate

    below = [collected.model] if _is_layered(collected) and collected.model and collected.model.is_file() else []
    found = validate(file, manifest=collected.manifest, below=below, root_prim=_root_prim(collected)).findings
    if not is_copy(collected) or any(finding.check == FILE_OPENS.name for finding in found):
        # The model of a CAD file names no files.
        return found
    return (*found, *check_storage(open_layer(file), collected.root))


def _is_layered(collected: Collected) -> bool:
    # What is not known yet is looked at as a layer when it is sent.
    return collected.arc is Arc.SUBLAYER


def _root_prim(collected: Collected) -> str:
    # What a payload brings in keeps its own root prim.
    return collected.entity.name if _is_layered(collected) else ""


def _without_errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    found = tuple(findings)
    if any(finding.severity == "error" for finding in found):
        raise InvalidPublishError(found)
    return found
