"""Decide about parts of which the converter is not sure: which earlier part each of them is."""

from collections.abc import Callable

import bpy
from bpy.props import BoolProperty, StringProperty

from dcc.scenes import revision
from dcc.scenes.revision import Review
from shared.client import Client
from shared.errors import ConflictError, NotFoundError

from .. import session
from .base import RacewayOperator
from .materials import require_cad_file

_GONE = "Look at the list again."


class CheckRevision(RacewayOperator):
    """List the parts of this revision of which it is uncertain which earlier part they are"""

    bl_idname = "raceway.check_revision"
    bl_label = "Uncertain parts"

    def work(self, context: bpy.types.Context) -> str:
        with session.connect() as client:
            found = _load(client)
        return f"{len(found.questions)} uncertain parts" if found.questions else "Every part of this revision is known"


class ConfirmPart(RacewayOperator):
    """Say which earlier part this part is; its material choices come along"""

    bl_idname = "raceway.confirm_part"
    bl_label = "It is this part"

    new_key: StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    old_key: StringProperty(  # type: ignore[valid-type]
        name="Is", description="Key of the earlier part; empty for a new part", options={"SKIP_SAVE"}
    )

    def work(self, context: bpy.types.Context) -> str:
        decisions = {self.new_key: self.old_key or None}
        now = _change(lambda client, seen: revision.decide(client, seen, decisions))
        return _said(revision.say(decisions), now)


class ConfirmGroup(RacewayOperator):
    """Answer at once about all parts that are asked about for one reason; their material choices come along"""

    bl_idname = "raceway.confirm_group"
    bl_label = "Each is its likeliest part"

    reason: StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    are_new: BoolProperty(name="All are new parts", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def work(self, context: bpy.types.Context) -> str:
        said = ""

        def answer(client: Client, seen: Review) -> Review:
            nonlocal said
            group = next((each for each in seen.groups if each.reason == self.reason), None)
            if group is None:
                raise NotFoundError("Nothing is asked for that reason any more.", hint=_GONE)
            decisions = group.all_are_new if self.are_new else group.each_is_likeliest
            said = revision.say(decisions)
            return revision.decide(client, seen, decisions)

        now = _change(answer)
        return _said(said, now)


class TakeBack(RacewayOperator):
    """Take an answer back: its parts are asked about again"""

    bl_idname = "raceway.take_back"
    bl_label = "Take back"

    at: StringProperty(description="When it was given", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def work(self, context: bpy.types.Context) -> str:
        def ask_again(client: Client, seen: Review) -> Review:
            answered = next((each for each in seen.answered if each.at == self.at), None)
            if answered is None:
                raise NotFoundError("That answer does not stand any more.", hint=_GONE)
            return revision.take_back(client, seen, answered)

        now = _change(ask_again)
        return _said(f"Taken back; {len(now.questions)} uncertain parts", now)


def _load(client: Client) -> Review:
    session.review = revision.review(client, client.cad_file(require_cad_file()))
    return session.review


def _change(change: Callable[[Client, Review], Review]) -> Review:
    """Change what the artist sees; where others were quicker, they see what those answered."""
    with session.connect() as client:
        seen = session.current_review() or _load(client)
        try:
            session.review = change(client, seen)
        except ConflictError:
            _load(client)
            raise
    return session.review


def _said(sentence: str, now: Review) -> str:
    # The scene keeps what it has until the artist brings the new keys in.
    return f"{sentence}. Import CAD again when it is converted." if now.converting else sentence


CLASSES = (CheckRevision, ConfirmPart, ConfirmGroup, TakeBack)
