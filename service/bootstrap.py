"""What a new installation starts with: a tenant, its administrator, and a token for both."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid4

from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from service import auth
from service.config import Config, driver_url
from service.database import commit
from service.models import Tenant, User
from service.permissions import Role
from shared.context import check_name
from shared.files import make_folder
from shared.storage_mark import mark_storage


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
            storage = known.storage if known else tenant
            mark_storage(make_folder(config.tenant_root(storage)), str(tenant_id))
            if known is None:
                current.add(Tenant(id=tenant_id, name=tenant, title=tenant.capitalize(), storage=storage))
            user = current.scalar(select(User).where(User.email == email))
            if user is None:
                user = User(
                    id=uuid4(),
                    name="Administrator",
                    email=email,
                    role=Role.GLOBAL_ADMIN.value,
                    password_hash=auth.hash_password(password),
                )
                current.add(user)
                current.flush()
            row, token = auth.new_token(user.id, "raceway up", lifetime=auth.STACK_LIFETIME)
            current.add(row)
            commit(current)
            return Studio(tenant_id, tenant, storage, email, token)
    finally:
        engine.dispose()
