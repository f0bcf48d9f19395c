"""Gold texts as spaCy's Examples."""

import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, List, Literal, Optional, get_args

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans

from ..errors import Errors, Warnings
from ..extensions import OPENING, set_evidence, set_gold_candidates
from .texts import GoldMention, GoldText

Misaligned = Literal["expand", "skip", "fail"]
# The label of mentions without one: spaCy's entities need a label.
DEFAULT_LABEL = "ENTITY"


@dataclass
class ExampleMaker:
    """Makes Examples. The entities of the reference Doc are the gold mentions, with kb_ids and gold
    candidates; the predicted Doc has none. Its other tokens are outside of entities if the text's
    annotation is complete, else their annotation is missing (`token.ent_iob`), as spaCy has it.

    nlp (Language): The pipeline whose tokenizer is used.
    misaligned (Misaligned): What to do with a mention that does not begin and end at token
        boundaries: "expand" it to whole tokens, "skip" it, or "fail".
    counts (Counter[str]): How many mentions were "expanded", "misaligned" (and skipped), or
        "overlapping" (and left out, since entities of a Doc can't overlap).
    """

    nlp: Language
    misaligned: Misaligned = "expand"
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        if self.misaligned not in get_args(Misaligned):
            allowed = f"one of {', '.join(get_args(Misaligned))}"
            message = Errors.D006.format(key="misaligned", value=self.misaligned, allowed=allowed)
            raise ValueError(message)

    def __call__(self, text: GoldText) -> Example:
        """RAISES (ValueError): If misaligned = "fail" and a mention does not align."""
        predicted = self.nlp.make_doc(text.text)
        if text.opening:
            predicted._.set(OPENING, text.opening)
        reference = predicted.copy()
        predicted.set_ents([])  # annotated as having no entities, rather than not annotated
        aligned = [self._align(reference, mention) for mention in text.mentions]
        spans = [span for span in aligned if span is not None]
        kept = filter_spans(spans)
        self.counts["overlapping"] += len(spans) - len(kept)
        reference.set_ents(kept, default="outside" if text.complete else "missing")
        set_evidence(reference, text.evidence)
        return Example(predicted, reference)

    def _align(self, doc: Doc, mention: GoldMention) -> Optional[Span]:
        options: Any = {
            "label": mention.label or DEFAULT_LABEL,
            "kb_id": mention.title or mention.id,
        }
        span = doc.char_span(mention.start, mention.end, **options)
        if span is None and self.misaligned == "expand":
            self.counts["expanded"] += 1
            span = doc.char_span(mention.start, mention.end, alignment_mode="expand", **options)
        if span is None:
            self.counts["misaligned"] += 1
            if self.misaligned == "fail":
                raise ValueError(_misaligned_message(doc.text, mention))
            return None
        set_gold_candidates(span, mention.candidates)
        return span

    def warn(self, path: Any) -> None:
        """Warn if mentions of a file were left out.

        path (Any): The file, for the message.
        """
        lost = {reason: n for reason, n in self.counts.items() if n and reason != "expanded"}
        if lost:
            parts = ", ".join(f"{n:,} {reason}" for reason, n in sorted(lost.items()))
            warnings.warn(Warnings.W004.format(path=path, lost=parts), stacklevel=2)


def _misaligned_message(text: str, mention: GoldMention) -> str:
    context = text[max(mention.start - 20, 0) : mention.end + 20]
    surface = text[mention.start : mention.end]
    return Errors.D008.format(mention=surface, title=mention.title or mention.id, text=context)


def gold_spans(doc: Doc) -> List[Span]:
    """RETURNS (List[Span]): The entities of a reference Doc that have a kb_id."""
    return [ent for ent in doc.ents if ent.kb_id_]
