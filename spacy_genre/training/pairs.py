"""Pairs of input and name: what the model learns from (paper, section 3.1)."""

import warnings
from dataclasses import dataclass
from typing import Callable, Iterable, Iterator, List, Optional, Sequence, Tuple

from spacy.tokens import Span
from spacy.training import Example

from ..corpora.examples import gold_spans, gold_title
from ..errors import Errors, Warnings
from ..tokenization import NameTokenizer
from ..types import NIL


@dataclass(frozen=True)
class Pair:
    """An input of the model and the name that it should write.

    input (List[int]): The encoder's token ids.
    name (List[int]): The name's token ids, without the end token.
    shown (str): The pair as a person reads it, for errors.
    negatives (Tuple[List[int], ...]): Other names, which the model should find less likely.
    """

    input: List[int]
    name: List[int]
    shown: str
    negatives: Tuple[List[int], ...] = ()


# For a gold kb_id its name in the title set; None if there is nothing to learn.
GoldName = Callable[[str], Optional[str]]


def make_pairs(
    examples: Iterable[Example],
    *,
    gold_name: GoldName,
    encode: Callable[[Sequence[Span]], List[Optional[List[int]]]],
    tokenizer: NameTokenizer,
    max_length: int,
    use_gold_ents: bool,
    labels_discard: Sequence[str],
) -> List[Pair]:
    """The pairs that some examples hold: one for each entity with a gold name, and one for each
    text that should lead to a page.

    gold_name (GoldName): Finds names.
    encode (Callable[[Sequence[Span]], List[Optional[List[int]]]]): The model's input for
        entities; None for one that it can't read.
    tokenizer (NameTokenizer): How the model writes names.
    max_length (int): The longest input of the model, in tokens. Longer texts are cut; mentions
        have a context window.
    use_gold_ents (bool): Whether to take the entities of the reference, rather than those of the
        prediction that are the same.
    labels_discard (Sequence[str]): Entities with these labels are passed over.
    """
    spans: List[Tuple[Span, str]] = []
    texts: List[Tuple[str, str]] = []
    for eg in examples:
        for span, kb_id in _gold_spans(eg, use_gold_ents):
            name = gold_name(kb_id) if span.label_ not in labels_discard else None
            if name is not None:
                spans.append((span, name))
        about = gold_title(eg.reference)
        if about and (name := gold_name(about)) is not None:
            texts.append((eg.reference.text, name))
    inputs = encode([span for span, _ in spans])
    inputs += _encode_texts([text for text, _ in texts], tokenizer, max_length)
    named = [(span.text, name) for span, name in spans] + texts
    names = tokenizer.encode([name for _, name in named])
    return [
        Pair(ids, name_ids, f"{text[:60]!r} -> {name!r}")
        for ids, name_ids, (text, name) in zip(inputs, names, named, strict=True)
        if ids is not None
    ]


def check_gold_names(
    component: str, kb_id: str, examples: Iterable[Example], gold_name: GoldName
) -> None:
    """Check that a sample of examples has something to learn. There is a warning if it has entities
    and none is linked: the pipeline may have other components to train.

    component (str): The component's name.
    kb_id (str): What its kb_ids are: "title" or "id".
    examples (Iterable[Example]): The sample.
    gold_name (GoldName): Finds names.
    RAISES (ValueError): If it has gold kb_ids, and none of them leads to a name.
    """
    examples = list(examples)
    gold = [span.kb_id_ for eg in examples for span in gold_spans(eg.reference)]
    gold += filter(None, (gold_title(eg.reference) for eg in examples))
    if not gold and (n_ents := sum(len(eg.reference.ents) for eg in examples)):
        warnings.warn(Warnings.W011.format(component=component, n=n_ents), stacklevel=3)
    gold = [gold_id for gold_id in gold if gold_id != NIL]
    if gold and not any(map(gold_name, gold)):
        shown = ", ".join(map(repr, dict.fromkeys(gold[:3])))
        message = Errors.D031.format(component=component, n=len(gold), kb_id=kb_id, examples=shown)
        raise ValueError(message)


def _gold_spans(example: Example, use_gold_ents: bool) -> Iterator[Tuple[Span, str]]:
    if use_gold_ents:
        for span in gold_spans(example.reference):
            yield span, span.kb_id_
    else:
        kb_ids = example.get_aligned("ENT_KB_ID", as_string=True)
        # Whatever their labels are: data with links often has none.
        for span in example.get_matching_ents(check_label=False):
            if kb_ids[span.start]:
                yield span, kb_ids[span.start]


def _encode_texts(
    texts: Sequence[str], tokenizer: NameTokenizer, max_length: int
) -> List[Optional[List[int]]]:
    room = max_length - len(tokenizer.before) - len(tokenizer.after)
    return [
        [*tokenizer.before, *pieces[:room], *tokenizer.after] for pieces in tokenizer.pieces(texts)
    ]
