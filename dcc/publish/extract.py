"""Extract: write the item of a part, whole, to the temporary place that ``integrate`` gives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dcc.publish.collect import CadAsset
from dcc.usd.items import place_item
from dcc.usd.look import write_look

Extract = Callable[[Path], None]
"""Writes an item to the path it gets, where nothing stands yet."""


def model_of(asset: CadAsset) -> Extract:
    """The model of a CAD asset is its USD master, bit by bit."""

    def extract(item: Path) -> None:
        place_item(asset.master, item)

    return extract


def look_of(asset: CadAsset) -> Extract:
    """The look of a CAD asset binds the effective material of every part by its partKey."""

    def extract(item: Path) -> None:
        write_look(item, asset.target.entity.name, asset.manifest, asset.effective, asset.master)

    return extract


def file_of(source: Path) -> Extract:
    """An item that a DCC has exported already."""

    def extract(item: Path) -> None:
        place_item(source, item)

    return extract
