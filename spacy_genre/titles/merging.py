"""Merging of two title sets."""

from typing import Any, Dict, Tuple

from ..tokenization import NameTokenizer
from .columns import MAX_COUNT
from .normal_form import normal_form
from .titleset import TitleSet


def merge_titles(first: TitleSet, second: TitleSet, tokenizer: NameTokenizer) -> TitleSet:
    """Merge the names, redirects and aliases of two title sets.

    first (TitleSet): Its ids, priors, descriptions and redirects take precedence. A string that
        is a name in one set and a redirect in the other becomes a name.
    second (TitleSet): The other set.
    tokenizer (NameTokenizer): The tokenizer of both.
    RETURNS (TitleSet): The merged set.
    RAISES (ValueError): If one of them was built with another tokenizer.
    """
    tries = {titles.header.get("trie", "titles") for titles in (first, second)}
    names: Dict[str, Tuple[str, float, str]] = {}
    redirects: Dict[str, str] = {}
    aliases: Dict[Tuple[str, str], int] = {}
    for titles in (second, first):
        titles.bind(tokenizer)
        view = titles.view
        for name in view:
            row = view.find(name)
            form = normal_form(name)  # in a file of an earlier version, a name may have another one
            kb_id, prior, description = names.get(form, ("", 0.0, ""))
            names[form] = (
                view.id_at(row) or kb_id,
                view.prior_at(row) or prior,
                view.description_at(row) or description,
            )
        redirects.update((normal_form(r), t) for r, t in view.base.redirect_items())
        for alias, row, count in view.base.aliases.pairs():
            pair = (normal_form(alias), view.name_at(row))
            aliases[pair] = min(aliases.get(pair, 0) + count, MAX_COUNT)
    return TitleSet.build(
        list(names),
        tokenizer,
        ids=[kb_id for kb_id, _, _ in names.values()],
        prior=[prior for _, prior, _ in names.values()],
        descriptions=[description for _, _, description in names.values()],
        redirects={r: t for r, t in redirects.items() if r not in names},
        trie="titles+redirects" if "titles+redirects" in tries else "titles",
        aliases=aliases,
        on_invalid="skip",  # sets of older versions may hold names that are invalid now
        header=_merge_headers(first.header, second.header),
    )


def _merge_headers(first: Dict[str, Any], second: Dict[str, Any]) -> Dict[str, Any]:
    """Merge two headers: the sources of both, the items that are equal, and the other items under
    "first_set" and "second_set"."""
    headers = [first, second]
    merged: Dict[str, Any] = {}
    # `TitleSet.build` writes these again, or they are counts of one set alone.
    ignored = {"tokenizer", "trie", "dropped", "version", "counts", "left_out"}
    lists = [header.get("sources", []) for header in headers]
    if any(lists) and all(isinstance(sources, list) for sources in lists):
        ignored.add("sources")
        merged["sources"] = [*lists[0], *(source for source in lists[1] if source not in lists[0])]
    common = {key for key in first.keys() & second.keys() if first[key] == second[key]}
    merged |= {key: first[key] for key in first if key in common - ignored}
    for label, header in zip(("first_set", "second_set"), headers, strict=True):
        different = {key: header[key] for key in header if key not in common | ignored}
        if different:
            merged[label] = different
    return merged
