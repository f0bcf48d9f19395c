"""Evaluation of end-to-end entity linking: mentions that a pipeline finds and links in raw text
(paper, section 4.2)."""

import re
from dataclasses import replace
from typing import Any, Dict, FrozenSet, Iterable, Iterator, List, Optional, Sequence, Tuple

from spacy.language import Language
from spacy.tokens import Doc

from ..corpora.names import find_name, plain_title
from ..corpora.texts import GoldMention, GoldText
from ..errors import Errors
from ..extensions import OPENING
from ..tasks.serializable import SerializableComponent
from ..titles import TitleSet
from ..types import NIL
from .matching import AnnotationScores, Link

WIKIDATA_ID = re.compile(r"Q[1-9]\d*")


class EntityNames:
    """One name for each entity, whichever of its titles and ids the data or a system gives.

    titles (Optional[TitleSet]): Titles, redirects and ids in it are replaced by its names.
    texts (Iterable[GoldText]): Mentions with a title and an id tell which id a title has.
    """

    def __init__(self, titles: Optional[TitleSet], texts: Iterable[GoldText] = ()) -> None:
        self.titles = titles
        mentions = (mention for text in texts for mention in text.mentions)
        self.title_of = {m.id: m.title for m in mentions if m.title and m.id}

    def __call__(self, title: str, kb_id: str = "") -> str:
        """RETURNS (str): The name, or "" for no entity. Entities that are not in the title set have
        a name, too: their title or id."""
        if not title and kb_id in ("", NIL):
            return ""
        return self._name_in_set(title, kb_id) or plain_title(self._title(title, kb_id) or kb_id)

    def _title(self, title: str, kb_id: str) -> str:
        return self.title_of.get(title or kb_id, title)

    def _name_in_set(self, title: str, kb_id: str) -> str:
        titles = self.titles
        return find_name(titles, self._title(title, kb_id), kb_id) if titles is not None else ""

    def is_in_set(self, mention: GoldMention) -> bool:
        """Whether the entity of a mention is in the title set."""
        return bool(self._name_in_set(mention.title, mention.id))

    def links(self, mentions: Iterable[GoldMention]) -> FrozenSet[Link]:
        """Mentions as annotations to be compared."""
        return frozenset((m.start, m.end, self(m.title, m.id)) for m in mentions)


def genre_components(nlp: Language) -> List[SerializableComponent]:
    """The components of this package in a pipeline."""
    pipes: List[Any] = [pipe for _, pipe in nlp.pipeline]
    return [pipe for pipe in pipes if isinstance(pipe, SerializableComponent)]


def find_mentions(
    nlp: Language, texts: Iterable[GoldText], *, batch_size: int = 64
) -> Iterator[GoldText]:
    """Run a pipeline on texts.

    nlp (Language): A pipeline that sets entities with a kb_id, in `doc.ents` or in the group of
        spans that the setting `spans_key` of one of its components names.
    texts (Iterable[GoldText]): The texts. Their mentions are not read.
    batch_size (int): Number of texts per batch.
    YIELDS (GoldText): Each text with the mentions that were found and linked. A kb_id such as "Q90"
        is an id, any other one a title.
    """
    keys = [getattr(pipe.settings, "spans_key", None) for pipe in genre_components(nlp)]
    spans_key = next(filter(None, reversed(keys)), None)
    pairs = ((_make_doc(nlp, text), text) for text in texts)
    for doc, text in nlp.pipe(pairs, as_tuples=True, batch_size=batch_size):
        if spans_key is None:
            spans = list(doc.ents)
        else:
            spans = list(doc.spans[spans_key]) if spans_key in doc.spans else []
        linked = [span for span in spans if span.kb_id_ not in ("", NIL)]
        yield text.with_mentions([_mention(s.start_char, s.end_char, s.kb_id_) for s in linked])


def _make_doc(nlp: Language, text: GoldText) -> Doc:
    doc = nlp.make_doc(text.text)
    doc._.set(OPENING, text.opening)
    return doc


def _mention(start: int, end: int, kb_id: str) -> GoldMention:
    is_id = WIKIDATA_ID.fullmatch(kb_id)
    return GoldMention(start, end, "" if is_id else kb_id, kb_id if is_id else "")


def score_texts(
    gold: Sequence[GoldText], found: Iterable[GoldText], titles: Optional[TitleSet] = None
) -> Dict[str, Any]:
    """Compare the mentions of a system with gold mentions.

    gold (Sequence[GoldText]): N texts with their gold mentions. Gold mentions may overlap.
    found (Iterable[GoldText]): [N], the same texts with the mentions of the system.
    titles (Optional[TitleSet]): Redirects and ids in it are resolved, on both sides.
    RETURNS (Dict[str, Any]): See `AnnotationScores.metrics`; with a title set also `in_set`, the
        share of the gold mentions whose entity is in it. The others count as missing.
    """
    names, scores = EntityNames(titles, gold), AnnotationScores()
    in_set: List[bool] = []
    for text, result in zip(gold, found, strict=True):
        required = [mention for mention in text.mentions if not mention.optional]
        in_set += [names.is_in_set(m) for m in required if names(m.title, m.id)]
        optional = [mention for mention in text.mentions if mention.optional]
        scores.add(names.links(required), names.links(result.mentions), names.links(optional))
    share = {} if titles is None else {"in_set": sum(in_set) / max(len(in_set), 1)}
    return {**scores.metrics(), **share}


def evaluate_end_to_end(
    nlp: Language,
    texts: Iterable[GoldText],
    titles: Optional[TitleSet] = None,
    *,
    batch_size: int = 64,
) -> Tuple[Dict[str, Any], List[GoldText]]:
    """Find and link the mentions of a data set, and score them.

    nlp (Language): The pipeline: see `find_mentions`.
    texts (Iterable[GoldText]): The data set.
    titles (Optional[TitleSet]): See `score_texts`; None for that of the pipeline, if it has one.
    batch_size (int): Number of texts per batch.
    RETURNS (Tuple[Dict[str, Any], List[GoldText]]): The metrics, and what was found.
    """
    gold, components = list(texts), genre_components(nlp)
    if titles is None and components:
        titles = components[-1].titles
    found = list(find_mentions(nlp, gold, batch_size=batch_size))
    return score_texts(gold, found, titles), found


def align_predictions(
    gold: Sequence[GoldText], predictions: Iterable[GoldText], path: Any
) -> List[GoldText]:
    """Bring predictions into the order of a data set, by their texts.

    gold (Sequence[GoldText]): N texts.
    predictions (Iterable[GoldText]): The predictions, in any order.
    path (Any): Their file, for the message.
    RETURNS (List[GoldText]): [N].
    RAISES (ValueError): If a text has no prediction.
    """
    by_text: Dict[str, GoldText] = {}
    for text in predictions:
        earlier = by_text.get(text.text)
        mentions = text.mentions if earlier is None else earlier.mentions + text.mentions
        by_text[text.text] = replace(text, mentions=mentions)
    missing = [text.text for text in gold if text.text not in by_text]
    if missing:
        message = Errors.D050.format(path=path, n=len(missing), first=missing[0][:60])
        raise ValueError(message)
    return [by_text[text.text] for text in gold]
