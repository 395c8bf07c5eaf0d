"""Alembic migrations, packaged so that an installed Raceway can apply them (``raceway db upgrade``)."""
