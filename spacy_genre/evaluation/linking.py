"""Evaluation on gold mentions, as the paper does it (section 4.1 and appendix A.1), and where the
errors are."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any, Callable, DefaultDict, Dict, Iterable, Iterator, List, Optional, Tuple

from spacy.language import Language
from spacy.tokens import Doc, Span

from ..corpora.examples import LABEL
from ..corpora.names import find_name
from ..corpora.texts import LINK, GoldMention, GoldText
from ..extensions import OPENING, set_gold_candidates
from ..titles import TitleSet
from ..types import NIL

# How often an entity was linked in training, from the first number to below the next.
FREQUENCIES = {"never seen": (0, 1), "rare, 1 to 9": (1, 10), "seen, 10 or more": (10, 1 << 62)}
# How many titles of a training corpus are looked up once only.
CACHED = 1 << 17
Link = Callable[[Iterable[Doc]], Iterable[Doc]]


@dataclass
class Tally:
    """What came of some mentions."""

    mentions: int = 0
    in_set: int = 0
    answered: int = 0
    no_title: int = 0
    correct: int = 0

    def row(self) -> Dict[str, Any]:
        """The figures: counts, and shares from 0 to 1.

        RETURNS (Dict[str, Any]): `mentions`; `in_set`, the share whose gold title is in the title
            set; `micro_p`, `micro_r` and `micro_f`, over all mentions; `accuracy_in_set`, the share
            that is right of those whose gold title is in the set; and `no_title`, the share whose
            answer is no title of the set (as only happens without the constraint).
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
            "no_title": self.no_title / max(self.mentions, 1),
        }


@dataclass
class Seen:
    """What a training corpus holds, to compare with.

    titles (Counter[str]): How often each name of the title set is linked.
    surfaces (Dict[str, Counter[str]]): For what mentions read as, the names that they stand for.
    """

    titles: Counter[str] = field(default_factory=Counter)
    surfaces: DefaultDict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @classmethod
    def of(cls, texts: Iterable[GoldText], titles: TitleSet) -> "Seen":
        """Count the mentions of a corpus whose titles or ids lead to names of a title set."""
        seen = cls()
        name_of = lru_cache(CACHED)(partial(find_name, titles))
        for text in texts:
            for mention in text.mentions:
                if not (name := name_of(mention.title, mention.id)):
                    continue
                seen.titles[name] += 1
                if mention.kind == LINK:
                    seen.surfaces[text.text[mention.start : mention.end]][name] += 1
        return seen

    def most_frequent(self, surface: str) -> str:
        """The title that a mention stands for most often, or ""."""
        titles = self.surfaces.get(surface)
        return max(titles, key=lambda title: (titles[title], title)) if titles else ""

    def frequency(self, title: str) -> str:
        """One of `FREQUENCIES`."""
        n = self.titles[title]
        return next(name for name, (low, high) in FREQUENCIES.items() if low <= n < high)


def evaluate(
    nlp: Language, link: Link, titles: TitleSet, texts: Iterable[GoldText], seen: Seen
) -> Dict[str, Any]:
    """Link the gold mentions of some texts and count what is right.

    nlp (Language): For its tokenizer.
    link (Link): The linker's `pipe`: writes kb_ids of the title set to the entities of Docs.
    titles (TitleSet): The title set that it links to. Gold titles that are redirects of it count
        as what they lead to.
    texts (Iterable[GoldText]): The texts.
    seen (Seen): What the training corpus held; nothing if it is not known.
    RETURNS (Dict[str, Any]): The figures of `Tally.row`, and the same ones in tables: `by_label`,
        `by_frequency` (of the gold title in training), `by_form` (whether the mention reads as the
        title), and `most_frequent_title` for a system that always answers with the title that the
        mention stood for most often in training.
    """
    total, baseline = Tally(), Tally()
    tables: Dict[str, DefaultDict[str, Tally]] = {
        key: defaultdict(Tally) for key in ("by_label", "by_frequency", "by_form")
    }
    for span, mention in _linked(nlp, link, texts):
        gold = find_name(titles, mention.title, mention.id)
        is_answered = span.kb_id_ not in ("", NIL)
        answer = find_name(titles, span.kb_id_) if is_answered else ""
        forms = (gold, mention.title, titles.id_of(gold))  # an id may be the title, see `numbers`
        keys = {
            "by_label": mention.label or "none",
            "by_frequency": seen.frequency(gold),
            "by_form": "the title" if span.text in forms else "another form",
        }
        for tally in (total, *(tables[key][value] for key, value in keys.items())):
            _count(tally, gold, answer, is_answered)
        usual = seen.most_frequent(span.text)
        _count(baseline, gold, usual, bool(usual))
    rows = {
        key: {name: tally.row() for name, tally in sorted(table.items())}
        for key, table in tables.items()
    }
    if not seen.titles:
        return {**total.row(), "by_label": rows["by_label"], "by_form": rows["by_form"]}
    return {**total.row(), **rows, "most_frequent_title": baseline.row()}


def _count(tally: Tally, gold: str, answer: str, is_answered: bool) -> None:
    tally.mentions += 1
    tally.in_set += bool(gold)
    tally.answered += is_answered
    tally.no_title += is_answered and not answer
    tally.correct += bool(gold) and answer == gold


def _linked(
    nlp: Language, link: Link, texts: Iterable[GoldText]
) -> Iterator[Tuple[Span, GoldMention]]:
    """The mentions with the entities that stand for them, linked."""
    waiting: List[List[GoldMention]] = []

    def docs() -> Iterator[Doc]:
        for text in texts:
            for layer in _layers(text.mentions):
                waiting.append(layer)
                doc = make_doc(nlp, text.text, layer)
                doc._.set(OPENING, text.opening)
                yield doc

    for doc in link(docs()):
        yield from zip(doc.ents, waiting.pop(0), strict=True)


def _layers(mentions: Iterable[GoldMention]) -> Iterator[List[GoldMention]]:
    """Mentions in lists within which they do not overlap, each in the order of the text."""
    left = sorted(mentions, key=lambda mention: (mention.start, mention.end))
    while left:
        layer: List[GoldMention] = []
        later: List[GoldMention] = []
        for mention in left:
            free = not layer or mention.start >= layer[-1].end
            (layer if free else later).append(mention)
        yield layer
        left = later


def make_doc(nlp: Language, text: str, mentions: Iterable[GoldMention]) -> Doc:
    """A Doc whose entities are the mentions, cut where they begin and end as well as where the
    tokenizer cuts, with the candidates that the mentions have.

    mentions (Iterable[GoldMention]): They must not overlap.
    """
    mentions = list(mentions)
    borders = {0, len(text)}.union(*((m.start, m.end) for m in mentions))
    pieces = [text[start:end] for start, end in pairwise(sorted(borders))]
    doc = Doc.from_docs([nlp.tokenizer(piece) for piece in pieces], ensure_whitespace=False)
    assert doc is not None  # it is for no texts at all
    spans = [_span(doc, mention) for mention in mentions]
    doc.ents = [span for span in spans if span is not None]
    return doc


def _span(doc: Doc, mention: GoldMention) -> Optional[Span]:
    span = doc.char_span(mention.start, mention.end, label=mention.label or LABEL)
    if span is not None:
        set_gold_candidates(span, mention.candidates)
    return span
