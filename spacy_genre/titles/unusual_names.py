"""Names that look as if they were not converted: from addresses, HTML or lists with comments."""

import re
from typing import Collection, List, NamedTuple, Pattern

from ..errors import Warnings


class UnusualNames(NamedTuple):
    """A kind of names that are most likely no names as they are.

    what (str): The kind, for messages.
    part (str): A text that all of them have.
    pattern (Pattern[str]): Matches them.
    way_out (str): How to convert them.
    """

    what: str
    part: str
    pattern: Pattern[str]
    way_out: str


KINDS = (
    UnusualNames(
        "web addresses",
        "://",
        re.compile(r"https?://\S+"),
        "Names of pages: urllib.parse.unquote(name.rsplit('/', 1)[-1]).replace('_', ' ').",
    ),
    UnusualNames(
        "titles with underscores for spaces",
        "_",
        re.compile(r"(?!https?:)\S*[^\s_]_\S*"),
        "To convert them: name.replace('_', ' ').",
    ),
    UnusualNames(
        "percent-encoded text",
        "%",
        re.compile(r"(?!https?:).*%[0-9A-Fa-f]{2}.*", re.DOTALL),
        "To convert them: urllib.parse.unquote(name).",
    ),
    UnusualNames(
        "HTML",
        "&",
        re.compile(r".*&(?:[A-Za-z]{2,8}|#[0-9]+|#[xX][0-9A-Fa-f]+);.*", re.DOTALL),
        "To convert them: html.unescape(name).",
    ),
    UnusualNames(
        "comments",
        "#",
        re.compile(r"#\s.*", re.DOTALL),
        "Lists have no comments: remove these lines (grep -v '^#').",
    ),
)


def describe_unusual_names(names: Collection[str]) -> List[str]:
    """Warnings about names that look as if they were not converted.

    names (Collection[str]): The names.
    RETURNS (List[str]): A message for each kind, with the count, an example and how to convert.
    """
    messages = []
    for kind in KINDS:
        found = [name for name in names if kind.part in name and kind.pattern.fullmatch(name)]
        if found:
            messages.append(
                Warnings.W006.format(
                    count=len(found),
                    total=len(names),
                    what=kind.what,
                    example=found[0][:80],
                    way_out=kind.way_out,
                )
            )
    return messages
