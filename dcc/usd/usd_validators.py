"""USD's own validators, with what they say in our words.

They are run in full. Two things are handled apart: rules that our own named checks state with a better remedy are
left to those, and MaterialX shaders that this build of USD has no definition of (``usd-core`` has none) are told in
one warning, because nothing is known against them; Blender, Houdini and full builds of USD do know them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from pxr import Sdr, Usd, UsdValidation

from dcc.usd.findings import Finding

CHECK = "usd_validators"

_STATED_BY_OUR_CHECKS = {
    "usdGeomValidators:StageMetadataChecker",
    "usdValidation:StageMetadataChecker",
    "usdUtilsValidators:MissingReferenceValidator",
}
_UNKNOWN_SHADER = "usdShadeValidators:ShaderSdrCompliance.MissingShaderIdInRegistry"
_MATERIALX_PROBE = "ND_standard_surface_surfaceshader"


_LONGEST_MESSAGE = 400
"""Some validators list every face; the first few are enough to act on."""


def check_with_usd_validators(stage: Usd.Stage) -> Iterator[Finding]:
    """What USD's validators report about a composed stage."""
    registry = UsdValidation.ValidationRegistry()
    context = UsdValidation.ValidationContext(registry.GetOrLoadAllValidators())
    knows_materialx = bool(Sdr.Registry().GetShaderNodeByIdentifier(_MATERIALX_PROBE))
    unchecked = 0
    findings = []
    for error in context.Validate(stage):
        rule = str(error.GetValidator().GetMetadata().name)
        if rule in _STATED_BY_OUR_CHECKS:
            continue
        if error.GetIdentifier() == _UNKNOWN_SHADER and "'ND_" in error.GetMessage() and not knows_materialx:
            unchecked += 1
            continue
        findings.append(
            Finding(
                CHECK,
                _site_of(error),
                f"{textwrap.shorten(error.GetMessage(), _LONGEST_MESSAGE)} ({rule})",
                "Correct it in the application that wrote the file; the rule is one of USD's own.",
                severity="error" if error.GetType() == UsdValidation.ValidationErrorType.Error else "warning",
            )
        )
    # The validators run in parallel and report in no order.
    yield from sorted(findings, key=lambda finding: (finding.prim, finding.message))
    if unchecked:
        yield Finding(
            CHECK,
            "",
            f"{unchecked} MaterialX shaders were not checked: this build of USD has no MaterialX definitions.",
            "Nothing to do; check with Houdini or a full build of USD if in doubt.",
            severity="warning",
        )


def _site_of(error: UsdValidation.ValidationError) -> str:
    for site in error.GetSites():
        if site.IsPrim():
            return str(site.GetPrim().GetPath())
        if site.IsProperty():
            return str(site.GetProperty().GetPath())
    return ""
