"""Run by Alembic on the connection that bot/store.py hands over."""

from alembic import context

from bot import chat_tables
from bot.store import Table

assert chat_tables  # imported for its tables
connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
context.run_migrations()
