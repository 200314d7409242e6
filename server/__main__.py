"""`python -m server …`, also known as `dazzle …`."""

from __future__ import annotations

import sys

import click

from forum.errors import ForumError, Invalid
from server import log
from server.cli import dazzle
from server.errors import StartError

WRONG_USE = 2

WORDS = {
    "name_taken": "that name is taken, or was once",
    "bad_name": "a name is 2 to 30 letters a-z, digits or _",
    "too_short": "the password is too short (10 characters at least)",
    "too_long": "the password is too long (200 characters at most)",
    "bad_host": "that is not the name of a server",
    "bad_title": "a title is 1 to 100 characters long",
    "bad_condition": "a condition looks like ORPHA:558",
    "no_such_account": "there is no such account",
    "no_such_owner": "there is no such account to own it",
    "origin_changed": "the origin cannot change once people have addresses under it",
}


def main() -> None:
    """Exit 0 when done, 2 with one line of what is wrong."""
    log.configure()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    try:
        dazzle.main(arguments, prog_name="dazzle", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        return WRONG_USE
    except click.ClickException as error:
        return _refuse(error.format_message())
    except (StartError, ForumError) as error:
        return _refuse(_words_of(error))
    except click.Abort:
        return _refuse("interrupted")
    except (KeyboardInterrupt, BrokenPipeError):
        return 130
    return 0


def _words_of(error: StartError | ForumError) -> str:
    if isinstance(error, StartError):
        return str(error)
    words = WORDS.get(error.code, error.code.replace("_", " "))
    field = f"{error.field}: " if isinstance(error, Invalid) and error.field else ""
    return field + words


def _refuse(reason: str) -> int:
    if reason:
        print(f"dazzle: {' '.join(reason.split())}", file=sys.stderr)
    return WRONG_USE


if __name__ == "__main__":
    main()
