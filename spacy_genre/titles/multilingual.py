"""Title sets of several languages in one, with names as mGENRE generates them: "Titel >> de"."""

import re
from typing import Any, Dict, List, Mapping, Optional, Tuple

from ..errors import Errors
from .columns import MAX_COUNT
from .compaction import compact_tables
from .titleset import TitleSet

# Between a title and its language (De Cao et al., Multilingual Autoregressive Entity Linking, TACL
# 2022).
SEPARATOR = " >> "
LANGUAGE = re.compile(r"[a-z]{2,}(-[a-z]+)*")


def multilingual_name(title: str, language: str) -> str:
    """The name of a title in a multilingual model."""
    return title + SEPARATOR + language


def join_languages(sets: Mapping[str, TitleSet], tokenizer: Any) -> TitleSet:
    """Make one title set of those of several languages, for a multilingual model such as mGENRE.

    sets (Mapping[str, TitleSet]): The set of each language, by its code ("de"), for any tokenizer.
        Names with the same id, such as a QID, are one entity.
    tokenizer (Union[NameTokenizer, transformers.PreTrainedTokenizerBase]): The tokenizer of the
        model that shall generate the names.
    RETURNS (TitleSet): The titles as "Title >> language", with their ids, priors and descriptions.
        Titles and redirects without the language are aliases, beside the aliases of the sets.
    RAISES (ValueError): If there is no set, or a language is not a code of Wikipedia.
    """
    if not sets:
        raise ValueError(Errors.T051)
    names: List[str] = []
    columns: Dict[str, List[Any]] = {"ids": [], "prior": [], "descriptions": []}
    aliases: Dict[Tuple[str, str], int] = {}
    for language, titles in sets.items():
        if not LANGUAGE.fullmatch(language):
            raise ValueError(Errors.T050.format(language=language))
        tables = compact_tables(titles.view)
        for row, title in enumerate(tables.names):
            names.append(multilingual_name(title, language))
            columns["ids"].append(_or_none(tables.id_at(row)))
            columns["prior"].append(tables.prior_at(row))
            columns["descriptions"].append(_or_none(tables.description_at(row)))
        for alias, row, count in tables.aliases.pairs():
            pair = alias, multilingual_name(tables.name_at(row), language)
            aliases[pair] = min(aliases.get(pair, 0) + count, MAX_COUNT)
        for text, title in [*tables.redirect_items(), *((name, name) for name in tables.names)]:
            aliases.setdefault((text, multilingual_name(title, language)), 1)
    ids = columns["ids"] if any(columns["ids"]) else None
    return TitleSet.build(
        names,
        tokenizer,
        ids=ids,
        prior=columns["prior"],
        descriptions=columns["descriptions"],
        aliases=aliases,
        on_invalid="skip",
        header={"languages": sorted(sets)},
    )


def _or_none(text: str) -> Optional[str]:
    return text or None
