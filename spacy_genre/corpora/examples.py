"""Texts with mentions as spaCy's Examples."""

import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, List, Optional, Tuple

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans

from ..errors import Errors, Warnings
from ..extensions import GOLD_TITLE, OPENING, set_gold_candidates
from .texts import GoldMention, GoldText

MISALIGNED = ("expand", "skip", "fail")
# Of mentions in data that have no labels. (An entity needs one.)
LABEL = "ENTITY"


@dataclass
class ExampleMaker:
    """Makes Examples, whose reference Docs have the mentions as entities with kb_ids, and with the
    candidates that the data gives them.

    nlp (Language): The pipeline, for its tokenizer.
    misaligned (str): What to do with a mention that does not begin and end where tokens do:
        "expand" it to whole tokens, "skip" it, or "fail".
    counts (Counter[str]): How many mentions were expanded, skipped, or left out because they
        overlap a longer one, which entities of a Doc can't.
    """

    nlp: Language
    misaligned: str = "expand"
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        if self.misaligned not in MISALIGNED:
            allowed = f"one of {', '.join(MISALIGNED)}"
            message = Errors.D006.format(key="misaligned", value=self.misaligned, allowed=allowed)
            raise ValueError(message)

    def __call__(self, text: GoldText) -> Example:
        """RAISES (ValueError): If misaligned = "fail" and a mention does not align."""
        predicted = self.nlp.make_doc(text.text)
        if text.opening:
            predicted._.set(OPENING, text.opening)
        reference = predicted.copy()
        predicted.set_ents([])  # it has none, rather than that nobody looked for them
        found = [self._span(reference, mention) for mention in text.mentions]
        spans = [span for span in found if span is not None]
        kept = filter_spans(spans)
        self.counts["overlapping"] += len(spans) - len(kept)
        reference.set_ents(kept)
        if text.about:
            reference._.set(GOLD_TITLE, text.about)
        return Example(predicted, reference)

    def _span(self, doc: Doc, mention: GoldMention) -> Optional[Span]:
        options: Any = {
            "label": mention.label or LABEL,
            "kb_id": mention.title or mention.id,
        }
        span = doc.char_span(mention.start, mention.end, **options)
        if span is None and self.misaligned == "expand":
            self.counts["expanded"] += 1
            span = doc.char_span(mention.start, mention.end, alignment_mode="expand", **options)
        if span is None:
            self.counts["misaligned"] += 1
            if self.misaligned == "fail":
                raise ValueError(_misaligned(doc.text, mention))
            return None
        set_gold_candidates(span, mention.candidates)
        return span

    def warn(self, path: Any) -> None:
        """Say what was left out of a file, if anything."""
        lost = {what: n for what, n in self.counts.items() if n and what != "expanded"}
        if lost:
            parts = ", ".join(f"{n:,} {what}" for what, n in sorted(lost.items()))
            warnings.warn(Warnings.W004.format(path=path, lost=parts), stacklevel=2)


def _misaligned(text: str, mention: GoldMention) -> str:
    around = text[max(mention.start - 20, 0) : mention.end + 20]
    found = text[mention.start : mention.end]
    return Errors.D008.format(mention=found, title=mention.title or mention.id, text=around)


def spans_and_about(doc: Doc) -> Tuple[List[Span], str]:
    """The entities of a reference Doc that have a kb_id, and the title that the text as a whole
    should lead to, or ""."""
    about = doc._.get(GOLD_TITLE)
    return [ent for ent in doc.ents if ent.kb_id_], about if isinstance(about, str) else ""
