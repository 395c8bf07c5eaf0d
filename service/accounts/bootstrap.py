"""What a new installation starts with: a tenant, its administrator, and a token for both."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import create_engine, func, select, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from service.accounts import auth
from service.accounts.permissions import Role
from service.config import Config, driver_url
from service.database import commit, current_tenant
from service.models import Tenant, User
from service.production.departments import declare_departments
from service.production.statuses import declare_statuses
from shared.context import check_name
from shared.files import make_folder
from shared.storage_mark import mark_storage, tenant_of


@dataclass(frozen=True)
class Studio:
    """The first tenant and how to come in."""

    tenant_id: UUID
    tenant_name: str
    storage: str
    email: str
    token: str


def ensure_studio(
    config: Config, password: str, *, tenant: str = "studio", email: str = "admin@studio.example"
) -> Studio:
    """Make the tenant and its administrator where they are missing, and a token for the administrator.

    ``password`` is for an administrator who is just made. The token is made anew for each start and ends after 30 days.
    """
    check_name(tenant, "tenant")
    engine = create_engine(driver_url(config.database_url), poolclass=NullPool)
    try:
        with Session(engine, expire_on_commit=False) as current:
            known = current.execute(
                text("SELECT tenant_id, storage FROM list_tenants() WHERE name = :name"), {"name": tenant}
            ).one_or_none()
            current.rollback()
            current.info["tenant_id"] = tenant_id = known.tenant_id if known else uuid4()
            if known is None:
                create_tenant(current, config, name=tenant, title=tenant.capitalize())
            storage = known.storage if known else tenant
            _mark_storages(current, config)
            user = current.scalar(select(User).where(func.lower(User.email) == email.lower()))
            if user is None:
                user = add_administrator(current, "Administrator", email, role=Role.GLOBAL_ADMIN, password=password)
            row, token = auth.new_token(user.id, "raceway up", lifetime=auth.STACK_LIFETIME)
            current.add(row)
            commit(current)
            return Studio(tenant_id, tenant, storage, email, token)
    finally:
        engine.dispose()


def _mark_storages(current: Session, config: Config) -> None:
    """Mark storages of an earlier version, or restored without hidden files: launchers start nothing without a mark."""
    for known in current.execute(text("SELECT tenant_id, storage FROM list_tenants()")).all():
        root = config.tenant_root(known.storage)
        if root.is_dir() and tenant_of(root) is None:
            mark_storage(root, str(known.tenant_id))


def create_tenant(current: Session, config: Config, *, name: str, title: str = "") -> Tenant:
    """A new tenant with its storage, and what departments and statuses tasks may have, under the id of the session.

    Raises StorageError where its folder cannot be made.
    """
    tenant = Tenant(id=current_tenant(current), name=name, title=title, storage=name)
    mark_storage(make_folder(config.tenant_root(name)), str(tenant.id))
    current.add(tenant)
    declare_departments(current)
    declare_statuses(current)
    return tenant


def add_administrator(current: Session, name: str, email: str, *, role: Role, password: str) -> User:
    """The first user of a tenant."""
    user = User(id=uuid4(), name=name, email=email, role=role.value, password_hash=auth.hash_password(password))
    current.add(user)
    current.flush()
    return user
