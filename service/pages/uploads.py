"""A CAD file dropped onto an asset's page: sent by the page's script (upload.js), which shows how far it is."""

from __future__ import annotations

from uuid import UUID

from flask import Response, jsonify, request, url_for

from service.accounts import auth
from service.accounts.permissions import Permission
from service.api.cad import UploadQuery, upload_cad_file
from service.api.listing import row
from service.database import commit, session
from service.models import Asset
from service.pages.forms import read_form
from service.pages.frame import READ_LATER, pages, refuse_other_sites

READ_LATER.add(f"{pages.name}.upload_cad")


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
