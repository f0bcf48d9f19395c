"""What the commands print alike."""

import io
import sys
from typing import Mapping

import wasabi.util
from wasabi import msg


def print_anything() -> None:
    """Let names be printed where the output's encoding does not have their characters: these are
    escaped then ("\\u6771")."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    # wasabi encodes a message's title by itself, and decodes it as UTF-8 whatever it was.
    wasabi.util.ENCODING = "utf8"


def reason_of(err: Exception) -> str:
    """The message of an error, without the number that an OSError puts in front; with the file
    that it is about."""
    message = getattr(err, "strerror", None) or str(err)
    path = getattr(err, "filename", None)
    # Messages of our own name the file where it belongs in the sentence.
    return message if path is None or str(path) in message else f"{path}: {message}"


def show_counts(what: str, counts: Mapping[str, int]) -> None:
    """Print a table of numbers of things, or nothing if there are none."""
    if counts:
        rows = [(key, f"{n:,}") for key, n in counts.items()]
        msg.table(rows, header=(what, "number"), aligns=("l", "r"), max_col=60)
