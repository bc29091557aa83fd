"""Run by Alembic: the migrations, in the transaction that :func:`streamvision.state.migrating.migrate` has begun."""

from __future__ import annotations

from alembic import context

from streamvision.state.migrating import VERSION_TABLE
from streamvision.state.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
