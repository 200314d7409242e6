"""${message}

Size and locks: say here what this takes on a large table.
"""

from alembic import op
from storage.migration import run_script

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script(op, """""")
