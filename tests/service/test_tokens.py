"""Personal tokens: shown once, limited to scopes, revoked, expired, made for somebody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from service.accounts.permissions import Permission, Role
from service.database import tenant_session
from service.models import ApiToken
from tests.service.studio import Api, StudioUnderTest


def test_a_personal_token_is_shown_once_and_can_be_revoked(studio: StudioUnderTest) -> None:
    made = studio.artist.post("/tokens/", {"name": "render farm"}).data
    farm = Api(studio.app, made["token"])
    assert farm.get("/auth/me").status == 200
    listed = studio.artist.get("/tokens/")
    assert made["token"] not in str(listed.body)
    used = next(token for token in listed.data["items"] if token["id"] == made["id"])
    assert used["last_used_at"] and used["scopes"] is None
    assert studio.artist.delete(f"/tokens/{made['id']}").status == 200
    assert farm.get("/auth/me").status == 401


def test_a_token_does_only_what_its_scopes_name(studio: StudioUnderTest) -> None:
    body = {"name": "farm", "scopes": ["job.read", "production.read", "user.write"]}
    made = studio.artist.post("/tokens/", body).data
    farm = Api(studio.app, made["token"])
    assert farm.get("/projects/").status == farm.get("/jobs/").status == 200
    assert farm.get("/auth/me").data["permissions"] == ["account", "production.read", "job.read"]
    refused = farm.get("/materials/")
    assert (refused.status, refused.error["code"]) == (403, "auth.scope")
    assert "material.read" in refused.error["hint"]
    # A scope gives nothing that the user has not.
    assert farm.post("/artists/", {"name": "x", "email": "x@example.com"}).error["code"] == "auth.forbidden"
    assert farm.post("/tokens/", {"name": "more"}).error["code"] == "auth.scope"
    assert "scopes" in str(studio.artist.post("/tokens/", {"name": "x", "scopes": ["fly"]}).error["fields"])


def test_a_limited_token_makes_no_stronger_one(studio: StudioUnderTest) -> None:
    scopes = [Permission.ACCOUNT_WRITE, Permission.JOB_READ]
    farm = Api(studio.app, studio.artist.post("/tokens/", {"name": "farm", "scopes": scopes}).data["token"])
    assert farm.post("/tokens/", {"name": "all"}).error["code"] == "auth.scope"
    assert farm.post("/tokens/", {"name": "more", "scopes": ["job.read", "job.write"]}).error["code"] == "auth.scope"
    assert farm.post("/tokens/", {"name": "less", "scopes": ["job.read"]}).status == 201
    # Nor does the browser's session that begins with it.
    browser = studio.app.test_client()
    browser.get("/", query_string={"token": farm.token})
    assert browser.get("/api/jobs/").status_code == 200
    assert browser.get("/api/materials/").status_code == 403


def test_a_token_can_expire(studio: StudioUnderTest) -> None:
    past, soon = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
    assert "expires_at" in studio.artist.post("/tokens/", {"name": "x", "expires_at": past.isoformat()}).error["fields"]
    for wrong in (
        "2027-01-01T00:00:00",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
    ):
        assert studio.artist.post("/tokens/", {"name": "x", "expires_at": wrong}).status == 422
    made = studio.artist.post("/tokens/", {"name": "week", "expires_at": soon.isoformat()}).data
    week = Api(studio.app, made["token"])
    assert week.get("/auth/me").status == 200
    with studio.app.app_context(), tenant_session(studio.tenant_id) as session:
        session.execute(update(ApiToken).where(ApiToken.name == "week").values(expires_at=past))
    assert week.get("/auth/me").error["code"] == "auth.expired_token"


def test_only_an_administrator_makes_a_token_for_somebody_else(studio: StudioUnderTest) -> None:
    artist = studio.artist.get("/auth/me").data["user"]["id"]
    admin = studio.admin.get("/auth/me").data["user"]["id"]
    made = studio.admin.post("/tokens/", {"name": "hers", "user_id": artist}).data
    assert Api(studio.app, made["token"]).get("/auth/me").data["user"]["id"] == artist
    assert made["id"] in [token["id"] for token in studio.admin.get(f"/tokens/?user_id={artist}").data["items"]]
    assert studio.artist.get(f"/tokens/?user_id={admin}").status == 403
    assert studio.artist.post("/tokens/", {"name": "his", "user_id": admin}).status == 403
    chief = studio.api(Role.GLOBAL_ADMIN).get("/auth/me").data["user"]["id"]
    assert studio.admin.post("/tokens/", {"name": "chief", "user_id": chief}).status == 403
