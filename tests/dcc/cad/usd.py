"""What tests ask of a USD file."""

from __future__ import annotations

from pathlib import Path

from pxr import Usd, UsdValidation


def validator_errors(path: Path) -> list[str]:
    """What USD's own validators report about a file."""
    stage = Usd.Stage.Open(str(path))
    context = UsdValidation.ValidationContext(UsdValidation.ValidationRegistry().GetOrLoadAllValidators())
    return [f"{error.GetName()}: {error.GetMessage()}" for error in context.Validate(stage)]
