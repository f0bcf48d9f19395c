"""From names to the rows that a title set's tables are made of."""

from operator import index
from typing import Any, Callable, Container, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from ..errors import Errors
from ..tokenization import NameTokenizer
from .columns import MAX_COUNT
from .redirects import resolve_redirects
from .tables import NameRows

TRIES = ("titles", "titles+redirects")
MAX_PRIOR = 1e38  # of float32


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
    """Sort the names, tokenize them, and see which can be used; see `TitleSet.build`.

    RETURNS (Tuple[NameRows, Dict[str, int]]): The rows, and how many names, redirects and aliases
        were dropped.
    """
    if on_invalid not in ("raise", "skip"):
        raise ValueError(Errors.T006.format(value=on_invalid))
    if trie not in TRIES:
        raise ValueError(Errors.T021.format(value=trie))
    columns = {"ids": ids, "prior": prior, "descriptions": descriptions}
    for what, values in columns.items():
        if values is not None and len(values) != len(names):
            raise ValueError(Errors.T012.format(what=what, found=len(values), expected=len(names)))
    rows = _sort(names, ids, prior, descriptions)
    rows, bad = _tokenize(rows, tokenizer, progress)
    kept = set(rows.names)
    rows.redirects, lost = resolve_redirects(redirects, kept)
    for redirect in [text for text in rows.redirects if not _is_unicode(text)]:
        del rows.redirects[redirect]
        lost[redirect] = "it is no valid Unicode"
    if trie == "titles+redirects":
        generated, unwritable = _encode_valid(sorted(rows.redirects), tokenizer, progress)
        for redirect in unwritable:
            del rows.redirects[redirect]
            lost[redirect] = "it has no tokens, only unknown ones, or too many"
        rows.redirect_tokens = generated
    rows.aliases, n_aliases = _resolve_aliases(aliases, kept, rows.redirects)
    if on_invalid == "raise":
        missed = [name for name in bad if required is None or name in required]
        astray = {text: lost[text] for text in lost if required is None or text in required}
        raise_if_invalid(missed, len(rows.names) + len(bad), astray, tokenizer, where)
    return rows, {"names": len(bad), "redirects": len(lost), "aliases": n_aliases}


def check_values(name: str, kb_id: Any, prior: Any, description: Any = None) -> None:
    """RAISES (ValueError): If what is known of a name can't be kept."""
    for what, text in (("id", kb_id), ("description", description)):
        if text is not None and not (isinstance(text, str) and _is_unicode(text)):
            allowed = "a text, or None"
            raise ValueError(Errors.T023.format(what=what, name=name, value=text, allowed=allowed))
    try:
        good = abs(prior) <= MAX_PRIOR
    except TypeError:
        good = False
    if not good:
        allowed = f"a number, at most {MAX_PRIOR:g}"
        raise ValueError(Errors.T023.format(what="prior", name=name, value=prior, allowed=allowed))


def check_alias(alias: Any, count: Any) -> int:
    """The count of an alias. RAISES (ValueError): If either can't be kept."""
    try:
        number = index(count)
    except TypeError:
        number = 0
    good = isinstance(alias, str) and alias and _is_unicode(alias)
    if not good or not 1 <= number <= MAX_COUNT:
        raise ValueError(Errors.T022.format(alias=alias, count=count, limit=MAX_COUNT))
    return number


def _sort(
    names: Sequence[str],
    ids: Optional[Sequence[Optional[str]]],
    prior: Optional[Sequence[float]],
    descriptions: Optional[Sequence[Optional[str]]],
) -> NameRows:
    """Each name once, in sorted order, with what is known of it; no tokens yet."""
    first: Dict[str, int] = {}
    again: List[int] = []
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
            again.append(i)
    ordered = sorted(first)
    place = [first[name] for name in ordered]
    rows = NameRows(
        ordered,
        [(ids[i] or "") if ids is not None else "" for i in place],
        np.zeros(len(place), np.float32)
        if prior is None
        else np.asarray([float(prior[i]) for i in place], np.float32),
        [(descriptions[i] or "") if descriptions is not None else "" for i in place],
        np.zeros(0, np.uint32),
        np.zeros(0, np.int64),
    )
    row_of = {name: row for row, name in enumerate(ordered)} if again else {}
    for i in again:
        row = row_of[names[i]]
        kb_id = (ids[i] or "") if ids is not None else ""
        description = (descriptions[i] or "") if descriptions is not None else ""
        _merge(rows, row, kb_id, prior[i] if prior is not None else 0.0, description)
    return rows


def _merge(rows: NameRows, row: int, kb_id: str, prior: float, description: str) -> None:
    """Take a name that comes once more."""
    if kb_id and rows.ids[row] and kb_id != rows.ids[row]:
        raise ValueError(
            Errors.T008.format(name=rows.names[row], first=rows.ids[row], second=kb_id)
        )
    rows.ids[row] = rows.ids[row] or kb_id
    rows.prior[row] = max(rows.prior[row], prior)
    rows.descriptions[row] = rows.descriptions[row] or description


def _tokenize(rows: NameRows, tokenizer: NameTokenizer, progress: bool) -> Tuple[NameRows, List[str]]:
    (tokens, lengths), bad = _encode_valid(rows.names, tokenizer, progress)
    if bad:
        gone = set(bad)
        keep = [i for i, name in enumerate(rows.names) if name not in gone]
        rows = NameRows(
            [rows.names[i] for i in keep],
            [rows.ids[i] for i in keep],
            rows.prior[keep],
            [rows.descriptions[i] for i in keep],
            tokens,
            lengths,
        )
    rows.tokens, rows.lengths = tokens, lengths
    return rows, bad


def _encode_valid(
    names: Sequence[str], tokenizer: NameTokenizer, progress: bool = False
) -> Tuple[Tuple[np.ndarray, np.ndarray], List[str]]:
    """The tokens of the names that can be generated, and the names that can't be."""
    bad = [name for name in names if not _is_unicode(name)]
    readable = [name for name in names if _is_unicode(name)] if bad else names
    flat, lengths = tokenizer.encode_ragged(readable, progress)
    good = (lengths > 0) & (lengths <= tokenizer.max_tokens)
    good &= ~tokenizer.only_unknown(flat, lengths)
    if not good.all():
        bad += [readable[int(i)] for i in np.flatnonzero(~good)]
        flat, lengths = flat[np.repeat(good, lengths)], lengths[good]
    return (flat, lengths), bad


def encode_name(name: str, tokenizer: NameTokenizer) -> List[int]:
    """The tokens of one name. RAISES (ValueError): If it can't be generated."""
    (flat, _), bad = _encode_valid([name], tokenizer)
    raise_if_invalid(bad, 1, {}, tokenizer)
    return flat.tolist()


def _resolve_aliases(
    aliases: Mapping[Tuple[str, str], int], names: Any, redirects: Mapping[str, str]
) -> Tuple[Dict[Tuple[str, str], int], int]:
    """Aliases of names, through redirects; and how many are of none."""
    found: Dict[Tuple[str, str], int] = {}
    lost = 0
    for (alias, name), count in aliases.items():
        target = name if name in names else redirects.get(name)
        if target is None or not alias or (isinstance(alias, str) and not _is_unicode(alias)):
            lost += 1
        else:
            count = check_alias(alias, count)
            found[alias, target] = min(found.get((alias, target), 0) + count, MAX_COUNT)
    return found, lost


def _is_unicode(name: str) -> bool:
    if name.isascii():
        return True
    try:
        name.encode("utf8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def raise_if_invalid(
    bad: Sequence[str],
    total: int,
    lost: Mapping[str, str],
    tokenizer: NameTokenizer,
    where: Optional[Callable[[str], str]] = None,
) -> None:
    """RAISES (ValueError): If there are names or redirects that can't be used."""

    def shown(text: str) -> str:
        place = where(text) if where is not None else ""
        return ascii(text[:60]) + (f" ({place})" if place else "")

    if bad:
        examples = ", ".join(shown(name) for name in bad[:5])
        raise ValueError(
            Errors.T005.format(
                count=len(bad), total=total, examples=examples, limit=tokenizer.max_tokens
            )
        )
    if lost:
        examples = "; ".join(f"{shown(name)}: {why}" for name, why in list(lost.items())[:5])
        raise ValueError(Errors.T009.format(count=len(lost), examples=examples))
