"""Tenants, made and locked by who runs the installation, and what each decides for itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from service.accounts import settings
from service.accounts.permissions import Role
from service.cad import materials
from service.database import tenant_session
from shared.material_library import FALLBACK_NAME
from tests.service.studio import PASSWORD, Api, Json, StudioUnderTest
from tests.service.world import World, unique


@pytest.fixture
def chief(studio: StudioUnderTest) -> Api:
    return studio.api(Role.GLOBAL_ADMIN)


def new_tenant(chief: Api) -> tuple[Json, Api]:
    """A tenant, and its administrator's calls."""
    tenant = chief.post("/tenants/", {"name": unique(), "title": "Partner", "admin_email": "boss@example.com"}).data
    body = {"email": "boss@example.com", "password": tenant["admin_password"], "tenant": tenant["name"]}
    return tenant, Api(chief.app, Api(chief.app).post("/auth/login", body).data["token"])


def test_a_new_tenant_has_its_storage_and_its_administrator(app: Flask, chief: Api, tmp_path: Path) -> None:
    tenant, boss = new_tenant(chief)
    assert app.extensions["raceway"].tenant_root(tenant["storage"]).is_dir()
    me = boss.get("/auth/me").data
    assert (me["tenant"]["name"], me["user"]["role"]) == (tenant["name"], "tenant_admin")
    assert boss.post("/projects/", {"name": "film"}).status == 201
    assert boss.get("/tenants/").status == 403
    assert tenant["name"] in {each["name"] for each in chief.get(f"/tenants/?q={tenant['name']}").data["items"]}
    taken = chief.post("/tenants/", {"name": tenant["name"], "admin_email": "x@example.com"})
    assert (taken.status, taken.error["code"]) == (409, "conflict.exists")
    given = {"name": unique(), "admin_email": "boss@example.com", "admin_password": PASSWORD}
    assert chief.post("/tenants/", given).data["admin_password"] is None


@pytest.mark.parametrize("name", ["", "..", "a/b", "a\\b", ".store", "x" * 101])
def test_a_tenants_name_is_a_folder_below_the_storage(chief: Api, name: str) -> None:
    assert "name" in chief.post("/tenants/", {"name": name, "admin_email": "x@example.com"}).error["fields"]


def test_an_archived_tenant_is_locked_and_keeps_everything(chief: Api) -> None:
    tenant, boss = new_tenant(chief)
    project = boss.post("/projects/", {"name": "film"}).data
    path = f"/tenants/{tenant['id']}"
    tag = chief.get(path).headers["ETag"]
    archived = chief.post(f"{path}/archive", headers={"If-Match": tag}).data
    assert archived["archived_at"] and archived["revision"] == tenant["revision"] + 1
    assert boss.get("/auth/me").status == 401
    assert tenant["name"] not in str(chief.get("/tenants/?page_size=500").body)
    assert chief.post(f"{path}/restore", headers={"If-Match": tag}).status == 412
    assert chief.post(f"{path}/restore").data["archived_at"] is None
    assert boss.get(f"/projects/{project['id']}").data["name"] == "film"
    mine = chief.get("/auth/me").data["tenant"]["id"]
    assert chief.post(f"/tenants/{mine}/archive").error["code"] == "conflict.oneself"


def test_what_a_chief_does_to_a_tenant_is_in_its_own_log(chief: Api) -> None:
    tenant, boss = new_tenant(chief)
    chief.patch(f"/tenants/{tenant['id']}", {"title": "The partner"})
    changes = boss.get(f"/audit/?row_id={tenant['id']}&action=change").data["items"]
    assert [change["after"] for change in changes] == [{"title": "The partner"}]
    assert changes[0]["actor_id"] == chief.get("/auth/me").data["user"]["id"]


# -- settings


def test_settings_have_defaults_and_can_be_changed(app: Flask, studio: StudioUnderTest) -> None:
    now = studio.artist.get("/settings/")
    assert now.data["max_concurrent_renders"] == 4 and now.data["fallback_material"] == FALLBACK_NAME
    changes = {"max_concurrent_renders": 2, "max_order_size": 5, "notifications_enabled": False}
    changed = studio.admin.patch("/settings/", changes, headers={"If-Match": now.headers["ETag"]})
    assert changed.status == 200 and {name: changed.data[name] for name in changes} == changes
    assert studio.admin.patch("/settings/", changes, headers={"If-Match": now.headers["ETag"]}).status == 412
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        known = settings.tenant_settings(session)
    assert dataclasses.asdict(known) == {name: changed.data[name] for name in dataclasses.asdict(known)}
    record = studio.admin.get(f"/audit/?row_id={changed.data['id']}").data["items"][0]
    assert record["before"] == {"max_concurrent_renders": 4, "max_order_size": 100, "notifications_enabled": True}
    assert studio.artist.patch("/settings/", changes).status == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"max_concurrent_renders": 0},
        {"max_concurrent_renders": 10**6},
        {"max_order_size": 0},
        {"render_engines_allowed": []},
        {"render_engines_allowed": ["paint"]},
        {"fallback_material": "NoSuchMaterial"},
        {"fallback_material": None},
        {"notifications_enabled": "perhaps"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_what_cannot_be_set_is_refused_and_named(studio: StudioUnderTest, changes: Json) -> None:
    before = studio.admin.get("/settings/").data
    refused = studio.admin.patch("/settings/", changes)
    assert refused.status == 422 and next(iter(changes)).split("_")[0] in str(refused.error)
    assert studio.admin.get("/settings/").data == before


@pytest.mark.parametrize(
    "change",
    [
        "max_concurrent_renders = 0",
        "max_order_size = 10001",
        "render_engines_allowed = '[]'",
        "render_engines_allowed = '{}'",
        "render_engines_allowed = '[1]'",
        "fallback_material = 'a b'",
    ],
)
def test_the_database_refuses_them_as_well(app: Flask, studio: StudioUnderTest, change: str) -> None:
    with app.app_context(), pytest.raises(IntegrityError), tenant_session(studio.tenant_id) as session:
        session.execute(text(f"UPDATE tenants SET {change}"))


def test_the_fallback_material_is_what_unknown_parts_wear(studio: StudioUnderTest) -> None:
    world = World(studio)
    cad = world.unknown_part()
    manifest = studio.artist.get(f"/cad/{cad['id']}/scene-manifest").data
    assert manifest["parts"][0]["material"]["material"] == FALLBACK_NAME
    studio.admin.post("/materials/", {"name": "Primer", "label": "Primer", "base_color": [0.5, 0.5, 0.5]})
    studio.admin.patch("/settings/", {"fallback_material": "Primer"})
    worn = studio.artist.get(f"/cad/{cad['id']}/scene-manifest").data["parts"][0]["material"]
    assert (worn["material"], worn["layer"]) == ("Primer", "fallback")


def test_a_fallback_that_was_archived_is_the_visible_one_again(app: Flask, studio: StudioUnderTest) -> None:
    body = {"name": "Primer", "label": "Primer", "base_color": [0.5, 0.5, 0.5]}
    primer = studio.admin.post("/materials/", body).data
    studio.admin.patch("/settings/", {"fallback_material": "Primer"})
    studio.admin.post(f"/materials/{primer['id']}/archive")
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        assert "Primer" not in materials.library_of(session)
    cad = World(studio).unknown_part()
    worn = studio.artist.get(f"/cad/{cad['id']}/scene-manifest").data["parts"][0]["material"]
    assert worn["material"] == FALLBACK_NAME
