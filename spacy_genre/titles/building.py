"""Validation and tokenization of the input of `TitleSet.build`."""

from operator import index
from typing import Any, Callable, Container, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from ..errors import Errors
from ..ragged import IntArray
from ..tokenization import NameTokenizer
from .columns import MAX_COUNT
from .normal_form import normal_form
from .redirects import resolve_redirects
from .tables import NameRows

TRIES = ("titles", "titles+redirects")
MAX_PRIOR = 1e38  # below the maximum of float32


def make_rows(
    names: Sequence[str],
    tokenizer: NameTokenizer,
    *,
    ids: Optional[Sequence[Optional[str]]],
    prior: Optional[Sequence[float]],
    descriptions: Optional[Sequence[Optional[str]]],
    redirects: Mapping[str, str],
    aliases: Mapping[Tuple[str, str], int],
    trie: str,
    on_invalid: str,
    required: Optional[Container[str]],
    where: Optional[Callable[[str], str]],
    progress: bool,
) -> Tuple[NameRows, Dict[str, int]]:
    """Sort, deduplicate, validate and tokenize names. The arguments are those of `TitleSet.build`.

    RETURNS (Tuple[NameRows, Dict[str, int]]): The valid rows, and the numbers of dropped names,
        redirects and aliases.
    RAISES (ValueError): As `TitleSet.build`.
    """
    if on_invalid not in ("raise", "skip"):
        raise ValueError(Errors.T006.format(value=on_invalid))
    if trie not in TRIES:
        raise ValueError(Errors.T021.format(value=trie))
    columns = {"ids": ids, "prior": prior, "descriptions": descriptions}
    for what, values in columns.items():
        if values is not None and len(values) != len(names):
            raise ValueError(Errors.T012.format(what=what, found=len(values), expected=len(names)))
    redirects, aliases = _normalize_redirects(redirects), _normalize_aliases(aliases)
    rows = _sort(_normalize_names(names), ids, prior, descriptions)
    rows, invalid = _tokenize(rows, tokenizer, progress)
    valid = set(rows.names)
    rows.redirects, unresolved = resolve_redirects(redirects, valid)
    for redirect in [text for text in rows.redirects if not _is_unicode(text)]:
        del rows.redirects[redirect]
        unresolved[redirect] = "it is not valid Unicode"
    if trie == "titles+redirects":
        encoded, invalid_redirects = _encode_valid(sorted(rows.redirects), tokenizer, progress)
        for redirect in invalid_redirects:
            del rows.redirects[redirect]
            unresolved[redirect] = "it has no tokens, only unknown ones, or too many"
        rows.redirect_tokens = encoded
    rows.aliases, n_aliases = _resolve_aliases(aliases, valid, rows.redirects)
    if on_invalid == "raise":
        raise_if_invalid(
            [name for name in invalid if required is None or name in required],
            len(rows.names) + len(invalid),
            {r: why for r, why in unresolved.items() if required is None or r in required},
            tokenizer,
            where,
        )
    return rows, {"names": len(invalid), "redirects": len(unresolved), "aliases": n_aliases}


def _normalize_names(names: Sequence[str]) -> Sequence[str]:
    """The normal forms of names. Values that are not texts are unchanged: `_sort` rejects them."""
    return [
        name if not isinstance(name, str) or name.isascii() else normal_form(name) for name in names
    ]


def _normalize_redirects(redirects: Mapping[str, str]) -> Mapping[str, str]:
    """Redirects and targets in normal form, without those that thereby become their targets."""
    if all(map(_is_normal, redirects)) and all(map(_is_normal, redirects.values())):
        return redirects
    return {
        source: target
        for redirect, name in redirects.items()
        if (source := normal_form(redirect)) != (target := normal_form(name)) or redirect == name
    }


def _normalize_aliases(aliases: Mapping[Tuple[str, str], int]) -> Mapping[Tuple[str, str], int]:
    """Counts by (alias, name) in normal form."""
    if all(_is_normal(alias) and _is_normal(name) for alias, name in aliases):
        return aliases
    normal: Dict[Tuple[str, str], int] = {}
    for (alias, name), count in aliases.items():
        pair = (normal_form(alias) if isinstance(alias, str) else alias, normal_form(name))
        normal[pair] = normal[pair] + count if pair in normal else count
    return normal


def _is_normal(text: Any) -> bool:
    return not isinstance(text, str) or text.isascii() or normal_form(text) == text


def check_values(name: str, kb_id: Any, prior: Any, description: Any = None) -> None:
    """RAISES (ValueError): If the id, prior or description of a name can't be stored."""
    for what, text in (("id", kb_id), ("description", description)):
        if text is not None and not (isinstance(text, str) and _is_unicode(text)):
            allowed = "a string, or None"
            raise ValueError(Errors.T023.format(what=what, name=name, value=text, allowed=allowed))
    try:
        valid = abs(prior) <= MAX_PRIOR
    except TypeError:
        valid = False
    if not valid:
        allowed = f"a number, at most {MAX_PRIOR:g}"
        raise ValueError(Errors.T023.format(what="prior", name=name, value=prior, allowed=allowed))


def check_alias(alias: Any, count: Any) -> int:
    """Validate an alias and its count.

    RETURNS (int): The count.
    RAISES (ValueError): If the alias or the count can't be stored.
    """
    try:
        number = index(count)
    except TypeError:
        number = 0
    valid = isinstance(alias, str) and alias and _is_unicode(alias)
    if not valid or not 1 <= number <= MAX_COUNT:
        raise ValueError(Errors.T022.format(alias=alias, count=count, limit=MAX_COUNT))
    return number


def _sort(
    names: Sequence[str],
    ids: Optional[Sequence[Optional[str]]],
    prior: Optional[Sequence[float]],
    descriptions: Optional[Sequence[Optional[str]]],
) -> NameRows:
    """Sort and deduplicate names with their ids, priors and descriptions; no tokens yet."""
    first: Dict[str, int] = {}
    duplicates: List[int] = []
    for i, name in enumerate(names):
        if not isinstance(name, str):
            raise ValueError(Errors.T019.format(found=name))
        if ids is not None or prior is not None or descriptions is not None:
            check_values(
                name,
                ids[i] if ids is not None else None,
                prior[i] if prior is not None else 0.0,
                descriptions[i] if descriptions is not None else None,
            )
        if first.setdefault(name, i) != i:
            duplicates.append(i)
    ordered = sorted(first)
    order = [first[name] for name in ordered]
    rows = NameRows(
        ordered,
        [(ids[i] or "") if ids is not None else "" for i in order],
        np.zeros(len(order), np.float32)
        if prior is None
        else np.asarray([float(prior[i]) for i in order], np.float32),
        [(descriptions[i] or "") if descriptions is not None else "" for i in order],
        np.zeros(0, np.uint32),
        np.zeros(0, np.int64),
    )
    row_of = {name: row for row, name in enumerate(ordered)} if duplicates else {}
    for i in duplicates:
        row = row_of[names[i]]
        kb_id = (ids[i] or "") if ids is not None else ""
        description = (descriptions[i] or "") if descriptions is not None else ""
        _merge_duplicate(rows, row, kb_id, prior[i] if prior is not None else 0.0, description)
    return rows


def _merge_duplicate(rows: NameRows, row: int, kb_id: str, prior: float, description: str) -> None:
    """Merge the values of a repeated name: the first id, highest prior, first description."""
    if kb_id and rows.ids[row] and kb_id != rows.ids[row]:
        raise ValueError(
            Errors.T008.format(name=rows.names[row], first=rows.ids[row], second=kb_id)
        )
    rows.ids[row] = rows.ids[row] or kb_id
    rows.prior[row] = max(rows.prior[row], prior)
    rows.descriptions[row] = rows.descriptions[row] or description


def _tokenize(
    rows: NameRows, tokenizer: NameTokenizer, progress: bool
) -> Tuple[NameRows, List[str]]:
    """Add token ids to the rows.

    RETURNS (Tuple[NameRows, List[str]]): The rows of valid names, and the invalid names.
    """
    (tokens, lengths), invalid = _encode_valid(rows.names, tokenizer, progress)
    if invalid:
        dropped = set(invalid)
        keep = [i for i, name in enumerate(rows.names) if name not in dropped]
        rows = NameRows(
            [rows.names[i] for i in keep],
            [rows.ids[i] for i in keep],
            rows.prior[keep],
            [rows.descriptions[i] for i in keep],
            tokens,
            lengths,
        )
    rows.tokens, rows.lengths = tokens, lengths
    return rows, invalid


def _encode_valid(
    names: Sequence[str], tokenizer: NameTokenizer, progress: bool = False
) -> Tuple[Tuple[IntArray, IntArray], List[str]]:
    """The token ids and lengths of the names that can be generated, and the other names."""
    invalid = [name for name in names if not _is_unicode(name)]
    unicode_names = [name for name in names if _is_unicode(name)] if invalid else names
    flat, lengths = tokenizer.encode_ragged(unicode_names, progress=progress)
    valid = (lengths > 0) & (lengths <= tokenizer.max_tokens)
    valid &= ~tokenizer.only_unknown(flat, lengths)
    if not valid.all():
        invalid += [unicode_names[int(i)] for i in np.flatnonzero(~valid)]
        flat, lengths = flat[np.repeat(valid, lengths)], lengths[valid]
    return (flat, lengths), invalid


def encode_name(name: str, tokenizer: NameTokenizer) -> List[int]:
    """The token ids of one name. RAISES (ValueError): If it can't be generated."""
    (flat, _), invalid = _encode_valid([name], tokenizer)
    raise_if_invalid(invalid, 1, {}, tokenizer)
    return flat.tolist()


def _resolve_aliases(
    aliases: Mapping[Tuple[str, str], int], names: Container[str], redirects: Mapping[str, str]
) -> Tuple[Dict[Tuple[str, str], int], int]:
    """Replace redirects in (alias, name) pairs by their names.

    RETURNS (Tuple[Dict[Tuple[str, str], int], int]): Counts by (alias, name), and the number of
        pairs that were dropped because their name is unknown or their alias is not valid.
    """
    counts: Dict[Tuple[str, str], int] = {}
    n_dropped = 0
    for (alias, name), count in aliases.items():
        target = name if name in names else redirects.get(name)
        if target is None or not alias or (isinstance(alias, str) and not _is_unicode(alias)):
            n_dropped += 1
        else:
            count = check_alias(alias, count)
            counts[alias, target] = min(counts.get((alias, target), 0) + count, MAX_COUNT)
    return counts, n_dropped


def _is_unicode(name: str) -> bool:
    if name.isascii():
        return True
    try:
        name.encode("utf8")
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return True


def raise_if_invalid(
    invalid: Sequence[str],
    total: int,
    unresolved: Mapping[str, str],
    tokenizer: NameTokenizer,
    where: Optional[Callable[[str], str]] = None,
) -> None:
    """RAISES (ValueError): If there are invalid names or unresolved redirects."""

    def quote(text: str) -> str:
        place = where(text) if where is not None else ""
        return ascii(text[:60]) + (f" ({place})" if place else "")

    if invalid:
        examples = ", ".join(quote(name) for name in invalid[:5])
        raise ValueError(
            Errors.T005.format(
                count=len(invalid), total=total, examples=examples, limit=tokenizer.max_tokens
            )
        )
    if unresolved:
        items = list(unresolved.items())[:5]
        examples = "; ".join(f"{quote(text)}: {why}" for text, why in items)
        raise ValueError(Errors.T009.format(count=len(unresolved), examples=examples))
