"""Files dropped onto the page of an asset or shot: sent by its script (upload.js), which shows how far each is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, jsonify, request, url_for

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.cad import UploadQuery, upload_cad_file
from service.api.listing import row
from service.api.media import MediaUpload, upload_medium
from service.database import commit, session
from service.file_types import ACCEPTED
from service.models import Asset, Shot
from service.pages.forms import read_form
from service.pages.frame import READ_LATER, may, pages, refuse_other_sites


def uploading(target: Asset | Shot) -> dict[str, Any]:
    """What a page with forms for files tells its template."""
    return {
        "sends": may(Permission.MEDIA_WRITE) and target.archived_at is None,
        "accepted": ACCEPTED,
        "most_bytes": auth.config().max_upload_bytes,
    }


READ_LATER.update(f"{pages.name}.{view}" for view in ("upload_cad", "upload_picture"))


@pages.post("/assets/<uuid:asset_id>/cad")
def upload_cad(asset_id: UUID) -> Response:
    """Take the body as a STEP file of the asset; ``filename`` is its name. Answers JSON, as the API does."""
    refuse_other_sites()
    auth.authorise(Permission.CAD_WRITE)
    asset = row(Asset, asset_id)
    given = {"project": asset.project_name, "asset": asset.name, "filename": request.args.get("filename", "")}
    made = upload_cad_file(read_form(UploadQuery, given, "The file was not taken.")).data
    commit(session())
    return jsonify({"ok": True, "data": {"page": url_for("pages.asset", asset_id=asset_id, cad=made["id"])}})


@pages.post("/<any(assets, shots):kind>/<uuid:target_id>/pictures")
def upload_picture(kind: str, target_id: UUID) -> Response:
    """Take the body as a picture or film of an asset or shot; answers as :func:`upload_cad` does."""
    refuse_other_sites()
    auth.authorise(Permission.MEDIA_WRITE)
    given = {
        "target_type": kind.removesuffix("s"),
        "target_id": target_id,
        "filename": request.args.get("filename", ""),
    }
    upload_medium(read_form(MediaUpload, given, "The file was not taken."))
    commit(session())
    of_asset, of_shot = url_for("pages.asset", asset_id=target_id), url_for("pages.shot", shot_id=target_id)
    return jsonify({"ok": True, "data": {"page": of_asset if kind == "assets" else of_shot}})
