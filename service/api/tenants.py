"""Tenants, for who runs the whole installation, and the settings of one's own."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from pydantic import Field, StringConstraints
from sqlalchemy import text

from service.accounts import auth, bootstrap
from service.accounts.permissions import Permission, Role
from service.accounts.settings import TenantSettings
from service.api.fields import Changes, ClientsSee, EditableOut, Name, Title, VisibleTo
from service.api.listing import EditableQuery, Page, page_of_items, sorted_items
from service.api.records import check_unchanged
from service.api.routing import Reply, Request, Resource
from service.api.users import Email, Password, UserName
from service.cad.materials import library_of
from service.database import hold, session, set_tenant
from service.models import Tenant, User
from shared.errors import ConflictError, InputError, NotFoundError
from shared.material_library import find_material, suggest_material
from shared.steps import ENGINE

tenants = Resource("tenants", "/tenants")
settings = Resource("settings", "/settings")
RESOURCES = (tenants, settings)


class TenantOut(EditableOut):
    name: str
    title: str
    storage: str = Field(description="its folder below the storage root")


class TenantListed(Reply):
    id: UUID
    name: str
    title: str
    storage: str
    archived_at: datetime | None


class NewTenant(Request):
    name: Name
    title: Title = ""
    admin_name: UserName = "Administrator"
    admin_email: Email
    admin_password: Password | None = Field(None, description="default: one is made and answered")


class NewTenantReply(TenantOut):
    admin_email: str
    admin_password: str | None = Field(description="shown only here, and only where it was made")


class TenantChanges(Changes):
    title: Title | None = None


@tenants.declare("GET", "/", permission=Permission.TENANT_MANAGE, query=EditableQuery, answer=Page[TenantListed])
def list_tenants(query: EditableQuery) -> dict[str, Any]:
    """List the tenants of this installation."""
    found = session().execute(text("SELECT tenant_id AS id, name, title, storage, archived_at FROM list_tenants()"))
    words = query.q.casefold().split()
    items = [
        dict(each)
        for each in found.mappings()
        if (query.archived or each["archived_at"] is None)
        and all(word in f"{each['name']} {each['title']}".casefold() for word in words)
    ]
    return page_of_items(sorted_items(items, query, ("name", "title", "archived_at"), "name"), query)


@tenants.declare("POST", "/", permission=Permission.TENANT_MANAGE, body=NewTenant, answer=NewTenantReply, status=201)
def create_tenant(body: NewTenant) -> dict[str, Any]:
    """Create a tenant with its storage and its first administrator, whose password is answered once."""
    hold(session(), Tenant.__tablename__, body.name.lower())
    known = session().scalars(text("SELECT name FROM list_tenants()"))
    # Their names are folders, and Windows and macOS tell no capitals apart.
    if taken := next((name for name in known if name.lower() == body.name.lower()), None):
        raise ConflictError(
            f"There is already a tenant {taken}.",
            hint="Choose another name.",
            code="conflict.exists",
            fields={"name": "is taken"},
        )
    made = None if body.admin_password else secrets.token_urlsafe(12)
    password = body.admin_password or made or ""
    set_tenant(uuid4(), auth.current().user_id)
    tenant = bootstrap.create_tenant(session(), auth.config(), name=body.name, title=body.title)
    bootstrap.add_administrator(session(), body.admin_name, body.admin_email, role=Role.TENANT_ADMIN, password=password)
    session().refresh(tenant)
    return {**_described(tenant), "admin_email": body.admin_email, "admin_password": made}


@tenants.declare("GET", "/<uuid:tenant_id>", permission=Permission.TENANT_MANAGE, answer=TenantOut)
def get_tenant(tenant_id: UUID) -> dict[str, Any]:
    """A tenant."""
    return _described(_enter(tenant_id))


@tenants.declare(
    "PATCH",
    "/<uuid:tenant_id>",
    permission=Permission.TENANT_MANAGE,
    body=TenantChanges,
    answer=TenantOut,
    if_match="optional",
)
def change_tenant(tenant_id: UUID, body: TenantChanges) -> dict[str, Any]:
    """Change a tenant's title. Its name is a folder on the storage and cannot change."""
    tenant = _enter(tenant_id)
    check_unchanged(tenant)
    return _described(_changed(tenant, body.given()))


@tenants.declare(
    "POST",
    "/<uuid:tenant_id>/archive",
    permission=Permission.TENANT_MANAGE,
    answer=TenantOut,
    if_match="optional",
)
def archive_tenant(tenant_id: UUID) -> dict[str, Any]:
    """Lock a tenant: nobody of it can log in, and its tokens are refused. Its rows and files stay."""
    if tenant_id == auth.current().tenant_id:
        raise ConflictError(
            "Nobody locks the tenant they work in.", hint="Ask another tenant's.", code="conflict.oneself"
        )
    tenant = _enter(tenant_id)
    check_unchanged(tenant)
    return _described(_changed(tenant, {"archived_at": tenant.archived_at or datetime.now(UTC)}))


@tenants.declare(
    "POST",
    "/<uuid:tenant_id>/restore",
    permission=Permission.TENANT_MANAGE,
    answer=TenantOut,
    if_match="optional",
)
def restore_tenant(tenant_id: UUID) -> dict[str, Any]:
    """Unlock a tenant."""
    tenant = _enter(tenant_id)
    check_unchanged(tenant)
    return _described(_changed(tenant, {"archived_at": None}))


def _enter(tenant_id: UUID) -> Tenant:
    """Bind the session to another tenant: the only way to see its row, and where the change is recorded."""
    set_tenant(tenant_id, auth.current().user_id)
    tenant = session().get(Tenant, tenant_id, with_for_update={"key_share": True})
    if tenant is None:
        raise NotFoundError(f"There is no tenant {tenant_id}.", hint="List them: GET /api/tenants/.")
    return tenant


def _changed(tenant: Tenant, changes: dict[str, Any]) -> Tenant:
    for name, value in changes.items():
        setattr(tenant, name, value)
    session().flush()
    session().refresh(tenant)
    return tenant


def _described(tenant: Tenant) -> dict[str, Any]:
    return {name: getattr(tenant, name) for name in TenantOut.model_fields}


# -- settings


class SettingsOut(EditableOut):
    max_concurrent_renders: int
    render_engines_allowed: list[str]
    max_order_size: int
    fallback_material: str
    notifications_enabled: bool
    clients_see: ClientsSee
    projects_visible_to: VisibleTo
    require_two_factor: bool


class SettingsChanges(Changes):
    max_concurrent_renders: int | None = Field(None, ge=1, le=1000, strict=True, description="on all workers together")
    render_engines_allowed: (
        Annotated[list[Annotated[str, StringConstraints(max_length=40)]], Field(min_length=1, max_length=20)] | None
    ) = Field(None, description=f"of {', '.join(ENGINE.choices)}")
    max_order_size: int | None = Field(None, ge=1, le=10_000, strict=True, description="items of one order")
    fallback_material: Name | None = Field(None, description="what a part wears of which nothing is known")
    notifications_enabled: bool | None = Field(None, strict=True)
    clients_see: ClientsSee | None = Field(None, description="what clients see of projects that are made from now on")
    projects_visible_to: VisibleTo | None = Field(None, description="who sees projects that are made from now on")
    require_two_factor: bool | None = Field(
        None,
        strict=True,
        description="whether who logs in without a second factor may only set one up; tokens of programs go on",
    )


@settings.declare("GET", "/", permission=Permission.SETTINGS_READ, answer=SettingsOut)
def get_settings() -> dict[str, Any]:
    """The settings of one's own tenant."""
    return _settings_of(session().get_one(Tenant, auth.current().tenant_id))


@settings.declare(
    "PATCH",
    "/",
    permission=Permission.SETTINGS_WRITE,
    body=SettingsChanges,
    answer=SettingsOut,
    if_match="optional",
)
def change_settings(body: SettingsChanges) -> dict[str, Any]:
    """Change settings of one's own tenant."""
    changes = body.given()
    unknown = set(changes.get("render_engines_allowed", ())) - set(ENGINE.choices)
    if unknown:
        raise InputError(
            f"There is no render engine {', '.join(sorted(unknown))}.",
            hint=f"Allow some of {', '.join(ENGINE.choices)}.",
            fields={"render_engines_allowed": f"of {', '.join(ENGINE.choices)}"},
        )
    if body.fallback_material:
        _check_fallback(body.fallback_material)
    tenant = session().get_one(Tenant, auth.current().tenant_id, with_for_update={"key_share": True})
    check_unchanged(tenant)
    if body.require_two_factor and not tenant.require_two_factor:
        _check_own_two_factor()
    return _settings_of(_changed(tenant, changes))


def _check_own_two_factor() -> None:
    own = session().get_one(User, (auth.current().tenant_id, auth.current().user_id))
    if own.two_factor_at is None and own.password_hash is not None:
        raise ConflictError(
            "Who asks everybody for a second factor has one, so that somebody is left to help the others.",
            hint="Switch on two-factor login for yourself first, under your name.",
            code="conflict.two_factor",
        )


def _check_fallback(name: str) -> None:
    library = library_of(session())
    if find_material(name, library) is None:
        raise InputError(
            f"There is no material {name}.",
            hint=suggest_material(name, library),
            code="input.unknown_material",
            fields={"fallback_material": "must be in the library"},
        )


def _settings_of(tenant: Tenant) -> dict[str, Any]:
    shared = {name: getattr(tenant, name) for name in EditableOut.model_fields}
    return {**shared, **TenantSettings.of(tenant).to_json()}
