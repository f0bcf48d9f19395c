"""Conversion of other programs' files: title sets and models from spaCy's `entity_linker`,
`spacy-entity-linker` and the official GENRE code. Nothing in a file is ever executed."""

from .spacy_kb import titles_from_kb

__all__ = ["titles_from_kb"]
