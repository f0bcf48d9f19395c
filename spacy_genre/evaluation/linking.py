"""Evaluation of entity linking on gold mentions (paper, section 4.1 and appendix A.1)."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any, Callable, DefaultDict, Dict, Iterable, Iterator, List, Optional, Tuple

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..corpora.examples import DEFAULT_LABEL
from ..corpora.names import find_name
from ..corpora.texts import LINK, GoldMention, GoldText
from ..extensions import OPENING, set_gold_candidates
from ..titles import TitleSet
from ..types import NIL

# How often an entity is linked in training: from the first number to below the second.
FREQUENCY_RANGES = {
    "never seen": (0, 1),
    "rare, 1 to 9": (1, 10),
    "seen, 10 or more": (10, 1 << 62),
}
# Cache size for looking up the titles of a training corpus.
NAME_CACHE_SIZE = 1 << 17
LinkDocs = Callable[[Iterable[Doc]], Iterable[Doc]]


@dataclass
class LinkCounts:
    """Counts of gold mentions and of correct links.

    mentions (int): All mentions.
    in_set (int): Mentions whose gold title is in the title set.
    answered (int): Mentions that were linked, not "NIL".
    no_title (int): Linked mentions whose kb_id is not in the title set (only possible without the
        constraint).
    correct (int): Mentions whose link is the gold title.
    nil (int): Mentions that are NIL, and whose gold title is not in the title set.
    """

    mentions: int = 0
    in_set: int = 0
    answered: int = 0
    no_title: int = 0
    correct: int = 0
    nil: int = 0

    def add(self, gold: str, predicted: str, is_answered: bool) -> None:
        """Count a mention.

        gold (str): The name of the gold title, or "" if it is not in the title set.
        predicted (str): The name of the predicted title, or "" if it is not in the title set.
        is_answered (bool): Whether the mention was linked.
        """
        self.mentions += 1
        self.in_set += bool(gold)
        self.answered += is_answered
        self.no_title += is_answered and not predicted
        self.correct += bool(gold) and predicted == gold
        self.nil += not gold and not is_answered

    def metrics(self) -> Dict[str, Any]:
        """Compute the metrics.

        RETURNS (Dict[str, Any]): `mentions`, a count; all others are from 0 to 1: `micro_p`,
            `micro_r` and `micro_f` over all mentions; `in_set`, the share of mentions whose gold
            title is in the title set; `accuracy_in_set`, the accuracy on these; `accuracy_nil`, the
            accuracy if NIL is right for the others; `nil_p` and `nil_r`, precision and recall of
            NIL; `no_title`, the share of mentions with a link that is not in the title set.
        """
        precision = self.correct / max(self.answered, 1)
        recall = self.correct / max(self.mentions, 1)
        return {
            "mentions": self.mentions,
            "in_set": self.in_set / max(self.mentions, 1),
            "micro_p": precision,
            "micro_r": recall,
            "micro_f": 2 * precision * recall / max(precision + recall, 1e-12),
            "accuracy_in_set": self.correct / max(self.in_set, 1),
            "accuracy_nil": (self.correct + self.nil) / max(self.mentions, 1),
            "nil_p": self.nil / max(self.mentions - self.answered, 1),
            "nil_r": self.nil / max(self.mentions - self.in_set, 1),
            "no_title": self.no_title / max(self.mentions, 1),
        }


@dataclass
class TrainingCounts:
    """Counts of the links in a training corpus.

    titles (Counter[str]): How often each name of the title set is linked.
    surfaces (DefaultDict[str, Counter[str]]): For each surface form, how often each name is linked.
    """

    titles: Counter[str] = field(default_factory=Counter)
    surfaces: DefaultDict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @classmethod
    def from_texts(cls, texts: Iterable[GoldText], titles: TitleSet) -> "TrainingCounts":
        """Count the mentions whose title or id is in a title set."""
        counts = cls()
        cached_name = lru_cache(NAME_CACHE_SIZE)(partial(find_name, titles))
        for text in texts:
            for mention in text.mentions:
                if not (name := cached_name(mention.title, mention.id)):
                    continue
                counts.titles[name] += 1
                if mention.kind == LINK:
                    counts.surfaces[text.text[mention.start : mention.end]][name] += 1
        return counts

    def most_frequent_title(self, surface: str) -> str:
        """RETURNS (str): The name that a surface form is linked to most often, or ""."""
        titles = self.surfaces.get(surface)
        return max(titles, key=lambda title: (titles[title], title)) if titles else ""

    def frequency_range(self, title: str) -> str:
        """RETURNS (str): One of the keys of `FREQUENCY_RANGES`."""
        n = self.titles[title]
        return next(key for key, (low, high) in FREQUENCY_RANGES.items() if low <= n < high)


def evaluate(
    nlp: Language,
    link_docs: LinkDocs,
    titles: TitleSet,
    texts: Iterable[GoldText],
    training_counts: Optional[TrainingCounts] = None,
) -> Dict[str, Any]:
    """Link the gold mentions of texts and compute metrics.

    nlp (Language): The pipeline whose tokenizer is used.
    link_docs (LinkDocs): Writes kb_ids to the entities of Docs, such as a linker's `pipe`.
    titles (TitleSet): The linker's title set. Gold titles that are redirects or ids are resolved.
    texts (Iterable[GoldText]): The data set.
    training_counts (Optional[TrainingCounts]): The links of the training corpus.
    RETURNS (Dict[str, Any]): The metrics of all mentions (see `LinkCounts.metrics`), and the
        metrics of groups of mentions: `by_label`; `by_form`, whether the mention's text is its
        title; with training counts also `by_frequency`, how often the gold title is linked in
        training, and `most_frequent_title`, the metrics of the baseline that links each mention to
        the most frequent title of its text in training.
    """
    counts = TrainingCounts() if training_counts is None else training_counts
    total, baseline = LinkCounts(), LinkCounts()
    groups: Dict[str, DefaultDict[str, LinkCounts]] = {
        key: defaultdict(LinkCounts) for key in ("by_label", "by_frequency", "by_form")
    }
    for span, mention in _link_mentions(nlp, link_docs, texts):
        gold = find_name(titles, mention.title, mention.id)
        is_answered = span.kb_id_ not in ("", NIL)
        predicted = find_name(titles, span.kb_id_) if is_answered else ""
        # With numerical identifiers as names, the title is the name's id.
        spellings = (gold, mention.title, titles.id_of(gold))
        group_of = {
            "by_label": mention.label or "none",
            "by_frequency": counts.frequency_range(gold),
            "by_form": "the title" if span.text in spellings else "another form",
        }
        total.add(gold, predicted, is_answered)
        for key, group in group_of.items():
            groups[key][group].add(gold, predicted, is_answered)
        most_frequent = counts.most_frequent_title(span.text)
        baseline.add(gold, most_frequent, bool(most_frequent))
    results = {
        key: {group: link_counts.metrics() for group, link_counts in sorted(table.items())}
        for key, table in groups.items()
    }
    if not counts.titles:
        return {**total.metrics(), "by_label": results["by_label"], "by_form": results["by_form"]}
    return {**total.metrics(), **results, "most_frequent_title": baseline.metrics()}


def _link_mentions(
    nlp: Language, link_docs: LinkDocs, texts: Iterable[GoldText]
) -> Iterator[Tuple[Span, GoldMention]]:
    """The linked entities and their gold mentions."""
    pending: List[List[GoldMention]] = []  # the mentions of the Docs that are being linked

    def make_docs() -> Iterator[Doc]:
        for text in texts:
            for mentions in _without_overlaps(text.mentions):
                pending.append(mentions)
                doc = make_doc(nlp, text.text, mentions)
                doc._.set(OPENING, text.opening)
                yield doc

    for doc in link_docs(make_docs()):
        yield from zip(doc.ents, pending.pop(0), strict=True)


def _without_overlaps(mentions: Iterable[GoldMention]) -> Iterator[List[GoldMention]]:
    """Distribute mentions over lists in which they are sorted and do not overlap."""
    remaining = sorted(mentions, key=lambda mention: (mention.start, mention.end))
    while remaining:
        kept: List[GoldMention] = []
        overlapping: List[GoldMention] = []
        for mention in remaining:
            fits = not kept or mention.start >= kept[-1].end
            (kept if fits else overlapping).append(mention)
        yield kept
        remaining = overlapping


def make_doc(nlp: Language, text: str, mentions: Iterable[GoldMention]) -> Doc:
    """Make a Doc whose entities are the mentions, with their gold candidates. Tokens are split at
    the boundaries of mentions.

    nlp (Language): The pipeline whose tokenizer is used.
    text (str): The text.
    mentions (Iterable[GoldMention]): The mentions; they must not overlap.
    RETURNS (Doc): The Doc.
    """
    mentions = list(mentions)
    boundaries = {0, len(text)}.union(*((m.start, m.end) for m in mentions))
    pieces = [text[start:end] for start, end in pairwise(sorted(boundaries))]
    doc = Doc.from_docs([nlp.tokenizer(piece) for piece in pieces], ensure_whitespace=False)
    assert doc is not None  # as it would be for an empty list
    spans = [_make_span(doc, mention) for mention in mentions]
    doc.ents = [span for span in spans if span is not None]
    return doc


def _make_span(doc: Doc, mention: GoldMention) -> Optional[Span]:
    span = doc.char_span(mention.start, mention.end, label=mention.label or DEFAULT_LABEL)
    if span is not None:
        set_gold_candidates(span, mention.candidates)
    return span
