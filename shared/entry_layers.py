"""Entry layers: the stable USD files others reference, as a pure function of what is published.

They are USD's text format inside a ``.usd`` file (USD tells the format by content), written without ``pxr`` so that
the service regenerates them itself, inside the commit of a publish. Equal input gives equal bytes.

Format: https://openusd.org/release/spec_usda.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.context import check_name
from shared.departments import Arc
from shared.errors import InputError
from shared.paths import normalise

METERS_PER_UNIT = 0.001
"""CAD's millimetre: the linear unit of every layer we write."""
UP_AXIS = "Z"


@dataclass(frozen=True)
class PartContribution:
    """A published part as its asset or shot composes it.

    ``item`` is the file name below the part's ``data``; ``rank`` and ``arc`` are its department's: the smallest rank is
    the strongest.
    """

    part: str
    item: str
    rank: float
    arc: Arc


def part_entry_layer(root_prim: str, item: str, arc: Arc, *, data: str = "data") -> str:
    """Text of a part's entry, which composes its item under ``/<root_prim>``. ``data``: the folder of its items."""
    check_name(root_prim, "root prim")
    asset_path = _asset_path(f"{data}/{item}")
    if arc is Arc.PAYLOAD:
        body = f'def Xform "{root_prim}" (\n    prepend payload = {asset_path}\n)\n{{\n}}\n'
        return f"{_header(root_prim)}\n{body}"
    return f'{_header(root_prim, [asset_path])}\nover "{root_prim}"\n{{\n}}\n'


def entity_entry_layer(root_prim: str, contributions: Iterable[PartContribution]) -> str:
    """Text of an asset's or shot's entry: its parts as sublayers, the strongest department first.

    Parts of one department are ordered by name, so that the result does not depend on who published first.
    """
    check_name(root_prim, "root prim")
    ordered = _strongest_first(contributions)
    sublayers = [_asset_path(f"{check_name(item.part, 'part')}/{item.part}.usd") for item in ordered]
    return f"{_header(root_prim, sublayers)}\n{_assembly(root_prim, f'./{root_prim}.usd')}"


def pinned_entry_layer(root_prim: str, contributions: Iterable[PartContribution]) -> str:
    """Text of an entry that composes exactly these items, whatever is published later.

    It composes to what :func:`entity_entry_layer` and the parts' entries composed together at that time, and names
    nothing but items, which never change. It stands in a folder beside the parts' (:func:`shared.paths.pinned_entry`).
    """
    check_name(root_prim, "root prim")
    payloads: list[str] = []
    sublayers: list[str] = []
    for item in _strongest_first(contributions):
        path = _asset_path(f"../{check_name(item.part, 'part')}/data/{item.item}")
        (payloads if item.arc is Arc.PAYLOAD else sublayers).append(path)
    return f"{_header(root_prim, sublayers)}\n{_assembly(root_prim, f'../{root_prim}.usd', payloads)}"


def _strongest_first(contributions: Iterable[PartContribution]) -> list[PartContribution]:
    return sorted(contributions, key=lambda item: (item.rank, item.part))


def _assembly(root_prim: str, identifier: str, payloads: Iterable[str] = ()) -> str:
    listed = ", ".join(payloads)
    return (
        f'def Xform "{root_prim}" (\n'
        "    assetInfo = {\n"
        f"        asset identifier = {_asset_path(identifier)}\n"
        f'        string name = "{root_prim}"\n'
        "    }\n"
        '    kind = "assembly"\n' + (f"    prepend payload = [{listed}]\n" if listed else "") + ")\n{\n}\n"
    )


def _header(default_prim: str, sublayers: Iterable[str] = ()) -> str:
    lines = [
        "#usda 1.0",
        "(",
        f'    defaultPrim = "{default_prim}"',
        f"    metersPerUnit = {METERS_PER_UNIT:g}",
    ]
    paths = list(sublayers)
    if paths:
        lines += ["    subLayers = [", ",\n".join(f"        {path}" for path in paths), "    ]"]
    lines += [f'    upAxis = "{UP_AXIS}"', ")"]
    return "\n".join(lines) + "\n"


def _asset_path(path: str) -> str:
    # '@' ends an asset path in the text format; our file names never need it.
    if "@" in path:
        raise InputError(
            f"{path!r} cannot stand in a USD layer: it contains '@'.",
            hint="Give the file a name without '@'.",
            code="input.path",
        )
    up, name = ("../", path[3:]) if path.startswith("../") else ("./", path)
    return f"@{up}{normalise(name)}@"
