"""What is open is found at once, however much was posted before."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the tables."""
    op.create_index("ix_deliveries_open", "deliveries", ["account", "state", "not_before"])
    op.drop_index("ix_deliveries_not_before", "deliveries")
    op.create_index("ix_posts_open", "posts", ["state", "due"])
    op.drop_index("ix_posts_state", "posts")
    op.drop_index("ix_posts_due", "posts")
