"""The candidates that a data set lets a system choose from, on the Doc: `span._.genre_given`."""

from typing import List, Sequence

from spacy.tokens import Doc, Span

GIVEN = "genre_given"

# A list of titles or ids, or None. spaCy keeps it in `Doc.user_data`, so it goes with the Doc.
if not Span.has_extension(GIVEN):
    Span.set_extension(GIVEN, default=None)


def give(span: Span, candidates: Sequence[str]) -> None:
    """Write the candidates of a mention to its Doc, if it has any."""
    if candidates:
        span._.set(GIVEN, list(candidates))


def given(span: Span) -> List[str]:
    """The candidates of a mention; none if the data gives it none."""
    found = span._.get(GIVEN)
    return [name for name in found or () if isinstance(name, str)]


def copy_given(source: Doc, target: Doc) -> None:
    """Take over the candidates of all mentions from another Doc of the same text."""
    for key, value in source.user_data.items():
        if isinstance(key, tuple) and key[:2] == ("._.", GIVEN):
            target.user_data[key] = value
