"""The entry point: run a verb, and show a mendable failure as one plain message."""

import sys

from corpora.errors import UserError


def main() -> None:
    """Run the command line; a UserError ends it with its message on stderr and status 1, Ctrl-C with 130."""
    from bot.cli import app

    try:
        app(prog_name="apocrypha")
    except UserError as error:
        print(f"apocrypha: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        sys.exit(141)


if __name__ == "__main__":
    main()
