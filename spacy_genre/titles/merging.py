"""Two title sets made one."""

from typing import Any, Dict, Tuple

from ..tokenization import NameTokenizer
from .columns import MAX_COUNT
from .titleset import TitleSet


def merge_titles(first: TitleSet, second: TitleSet, tokenizer: NameTokenizer) -> TitleSet:
    """A title set of all names, redirects and aliases of two. The first one's ids, priors and
    descriptions win, and a name of the one beats a redirect of the other.

    RAISES (ValueError): If one of them was made with another tokenizer.
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
            known = names.get(name, ("", 0.0, ""))
            found = (view.id_at(row), view.prior_at(row), view.description_at(row))
            names[name] = (found[0] or known[0], found[1] or known[1], found[2] or known[2])
        redirects.update(view.base.redirect_items())
        for alias, row, count in view.base.aliases.pairs():
            pair = (alias, view.name_at(row))
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
        on_invalid="skip",  # of older sets
        header=_merge_headers(first.header, second.header),
    )


def _merge_headers(first: Dict[str, Any], second: Dict[str, Any]) -> Dict[str, Any]:
    """What is noted of two title sets: the sources of both, what they have in common, and what only
    one of them says, as that one's."""
    headers = [first, second]
    merged: Dict[str, Any] = {}
    # These are noted anew, and the counts are those of one set alone.
    passed_over = {"tokenizer", "trie", "dropped", "version", "counts", "left_out"}
    lists = [header.get("sources", []) for header in headers]
    if any(lists) and all(isinstance(sources, list) for sources in lists):
        passed_over.add("sources")
        merged["sources"] = [*lists[0], *(source for source in lists[1] if source not in lists[0])]
    common = {key for key in first.keys() & second.keys() if first[key] == second[key]}
    merged |= {key: first[key] for key in first if key in common - passed_over}
    for which, header in zip(("first_set", "second_set"), headers, strict=True):
        own = {key: header[key] for key in header if key not in common | passed_over}
        if own:
            merged[which] = own
    return merged
