"""Evidence for gold mentions: the scores of their candidates and the priors of their texts, stored
as JSON lines, so that settings can be fitted and compared without another search."""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Iterator, List, Optional, Sequence

import srsly
from datasets import normalize, read_gold

from spacy_genre.model.settings import AliasSettings, GenreSettings
from spacy_genre.tasks.linker.prior import TextPrior, joint_logit
from spacy_genre.tasks.ranking import share_probability


@dataclass(frozen=True)
class Evidence:
    """What is known of a gold mention.

    source (str): The data set.
    scores (List[float]): [K], the model's score of each candidate; those of the beams first.
    shares (List[float]): [K], the prior of each candidate; 0 for a name without the alias.
    rest (float): The prior of anything else; 0 if the title set does not know the text.
    n_found (int): How many of the candidates the beams have found.
    gold (int): The index of the right candidate; -1 if it is not among them.
    in_set (bool): Whether the gold title is in the title set.
    """

    source: str
    scores: List[float]
    shares: List[float]
    rest: float
    n_found: int
    gold: int
    in_set: bool

    @property
    def table_top(self) -> int:
        """The index of the candidate with the highest prior; -1 for none."""
        best = max(range(len(self.shares)), key=self.shares.__getitem__, default=-1)
        return best if best >= 0 and self.shares[best] else -1

    def alone(self) -> "Evidence":
        """The candidates of the beams, without priors: a title set without aliases."""
        n = self.n_found
        gold = self.gold if self.gold < n else -1
        return replace(self, scores=self.scores[:n], shares=[0.0] * n, rest=0.0, gold=gold)

    def only(self, kept: Sequence[int]) -> "Evidence":
        """Some of the candidates, as in a smaller title set."""
        total = sum(self.shares[i] for i in kept) + self.rest
        return replace(
            self,
            scores=[self.scores[i] for i in kept],
            shares=[self.shares[i] / total if total else 0.0 for i in kept],
            rest=self.rest / total if total else 0.0,
            n_found=sum(i < self.n_found for i in kept),
            gold=kept.index(self.gold) if self.gold in kept else -1,
            in_set=self.gold in kept,
        )


def probabilities(evidence: Evidence, settings: GenreSettings) -> List[float]:
    """The probability of each candidate, as `genre_linker` computes it."""
    scores = evidence.scores
    if not evidence.rest or settings.aliases is None:
        return share_probability(scores, settings.temperature, settings.nil_score)
    prior = TextPrior({i: s for i, s in enumerate(evidence.shares) if s}, evidence.rest)
    aliases = settings.aliases
    logits = [joint_logit(i, score, prior, aliases) for i, score in enumerate(scores)]
    nil = aliases.nil_bias + aliases.nil_weight * math.log(prior.rest)
    return share_probability(logits, 1.0, nil)


def own_lists(evidence: Sequence[Evidence], seed: int = 0) -> List[Evidence]:
    """The mentions in small title sets: up to five of their candidates, the right one in 60 %."""
    chance, lists = Random(seed), []
    for item in evidence:
        others = [i for i in range(len(item.scores)) if i != item.gold]
        kept = chance.sample(others, min(len(others), chance.randint(1, 4)))
        kept += [item.gold] if item.gold >= 0 and chance.random() < 0.6 else []
        lists.append(item.only(sorted(kept)))
    return [item for item in lists if item.scores]


def one_candidate(evidence: Sequence[Evidence], seed: int = 0) -> List[Evidence]:
    """The mentions with a single candidate: the right one in half of the cases."""
    chance, singles = Random(seed), []
    for item in evidence:
        others = [i for i in range(len(item.scores)) if i != item.gold]
        is_right = item.gold >= 0 and (not others or chance.random() < 0.5)
        if is_right or others:
            singles.append(item.only([item.gold if is_right else chance.choice(others[:4])]))
    return singles


def without_names(evidence: Sequence[Evidence], share: float, seed: int = 0) -> List[Evidence]:
    """The mentions after a share of the gold names was removed from the title set."""
    chance, changed = Random(seed), []
    for item in evidence:
        if item.in_set and chance.random() < share:
            item = item.only([i for i in range(len(item.scores)) if i != item.gold])
        changed.append(item)
    return changed


def gather(
    path: Path, nlp: Any, linker: Any, limit: Optional[int], seed: int = 0
) -> List[Evidence]:
    """Search the candidates of a data set's mentions.

    path (Path): The data set: see `read_gold`.
    nlp (Language): The pipeline.
    linker (GenreLinker): Its linker.
    limit (Optional[int]): The number of mentions, from whole docs in random order; None for all.
    """
    settings = linker.shim.settings
    linker.shim.settings = replace(settings, aliases=settings.aliases or AliasSettings())
    view, found = linker.titles.view, []
    try:
        docs = list(read_gold(path, nlp.vocab))
        Random(0).shuffle(docs)
        for gold_doc in docs:
            spans = linker.ents_to_link(gold_doc.doc)
            results = linker.search(spans, linker.encode(spans), view) if spans else []
            for result, title in zip(results, gold_doc.titles, strict=True):
                row = max(view.target(title), view.target(normalize(title)))
                found.append(_evidence(path.name.split(".")[0], result, row))
            if limit is not None and len(found) >= limit:
                break
    finally:
        linker.shim.settings = settings
    return found


def _evidence(source: str, result: Any, gold: int) -> Evidence:
    rows = [*result.best]
    shares = result.prior.shares if result.prior is not None else {}
    return Evidence(
        source=source,
        scores=[result.best[row].score for row in rows],
        shares=[shares.get(row, 0.0) for row in rows],
        rest=result.prior.rest if result.prior is not None else 0.0,
        n_found=result.n_found,
        gold=rows.index(gold) if gold in result.best else -1,
        in_set=gold >= 0,
    )


def write(path: Path, evidence: Sequence[Evidence]) -> None:
    """Write evidence to a file."""
    srsly.write_jsonl(path, map(asdict, evidence))


def read(path: Path) -> Iterator[Evidence]:
    """Read what `write` wrote."""
    return (Evidence(**row) for row in srsly.read_jsonl(path))
