"""The command line: one file for each group of commands, put together here."""

from __future__ import annotations

import click

from server.cli.accounts import account
from server.cli.communities import community
from server.cli.keeping import backup_command, doctor, migrate_command, restore, seed_command
from server.cli.policy import policy
from server.cli.running import serve_command, web_command, work_command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def dazzle() -> None:
    """A self-hostable, federated forum for patient communities.

    Settings come from the environment (DAZZLE_ORIGIN, DAZZLE_BIND, DAZZLE_DATA_DIR …) or from
    dazzle.toml in the current directory.
    """


for command in (
    serve_command,
    web_command,
    work_command,
    migrate_command,
    seed_command,
    account,
    community,
    policy,
    backup_command,
    restore,
    doctor,
):
    dazzle.add_command(command)
