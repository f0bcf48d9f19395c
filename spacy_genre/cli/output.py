"""Output that all commands share."""

import io
import sys
from typing import Mapping, NoReturn

import wasabi.util
from wasabi import msg


def escape_unencodable_output() -> None:
    """Escape characters that the encoding of the output does not have ("\\u6771"), instead of an
    error."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    # wasabi encodes a message's title with this encoding, and decodes it as UTF-8.
    wasabi.util.ENCODING = "utf8"


def fail(title: str, reason: str) -> NoReturn:
    """Print an error and end the command with exit code 1.

    title (str): What failed.
    reason (str): Why. Its line breaks are kept, unlike those of a text for `msg.fail`.
    """
    print()
    msg.fail(title)
    for line in reason.splitlines():
        print(wasabi.util.wrap(line, indent=0))
    print()
    sys.exit(1)


def reason_of(err: Exception) -> str:
    """The message of an exception, without the errno of an OSError, and with its file name."""
    message = getattr(err, "strerror", None) or str(err)
    path = getattr(err, "filename", None)
    # Messages of `Errors` have the file name already.
    return message if path is None or str(path) in message else f"{path}: {message}"


def show_counts(what: str, counts: Mapping[str, int]) -> None:
    """Print a table of counts, or nothing if there are none.

    what (str): The header of the first column.
    counts (Mapping[str, int]): The counts.
    """
    if counts:
        rows = [(key, f"{n:,}") for key, n in counts.items()]
        msg.table(rows, header=(what, "number"), aligns=("l", "r"), max_col=60)
