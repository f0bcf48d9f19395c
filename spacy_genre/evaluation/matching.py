"""Counts of annotations as GERBIL has them (Usbeck et al., WWW 2015; Röder et al., Semantic Web
2018): strong annotation match, InKB, micro and macro."""

from dataclasses import dataclass, field
from typing import AbstractSet, Any, Dict, FrozenSet, List, NamedTuple, Tuple

# The first character of a mention, the one after its last, and its entity; "" for none.
Link = Tuple[int, int, str]
Links = AbstractSet[Link]
NO_LINKS: FrozenSet[Link] = frozenset()


class Counts(NamedTuple):
    """Numbers of annotations: right, wrong, and missing."""

    right: int = 0
    wrong: int = 0
    missing: int = 0

    @property
    def scores(self) -> Tuple[float, float, float]:
        """Precision, recall and F1. Without any annotations, on both sides, there is nothing to
        find and nothing was found, so all are 1, as in GERBIL; else without a right one all are 0.
        """
        if not self.right:
            value = float(not self.wrong and not self.missing)
            return value, value, value
        precision = self.right / (self.right + self.wrong)
        recall = self.right / (self.right + self.missing)
        return precision, recall, 2 * precision * recall / (precision + recall)


def count(gold: AbstractSet, found: AbstractSet, optional: AbstractSet) -> Counts:
    """Count the annotations of a text.

    gold (AbstractSet): Those to find.
    found (AbstractSet): Those of a system.
    optional (AbstractSet): Those that are neither wrong if they are found nor missing if not.
    """
    return Counts(len(gold & found), len(found - gold - optional), len(gold - found))


@dataclass
class AnnotationScores:
    """The scores of a system over some texts. An annotation is right if the borders of the mention
    and the entity are those of a gold annotation (strong annotation match). Annotations without an
    entity are left out, on each side by its own entities (InKB): a link of a mention whose gold
    entity is in no knowledge base is wrong.

    links (List[Counts]): The counts of each text.
    mentions (List[Counts]): Those of the borders alone (mention detection).
    n_found (int): Gold mentions whose borders were found, and linked.
    n_right (int): Those of them with the right entity.
    """

    links: List[Counts] = field(default_factory=list)
    mentions: List[Counts] = field(default_factory=list)
    n_found: int = 0
    n_right: int = 0

    def add(self, gold: Links, found: Links, optional: Links = NO_LINKS) -> None:
        """Count a text.

        gold (Links): The annotations to find.
        found (Links): Those of the system.
        optional (Links): Those that the system may leave out. If it finds them, they are not
            counted; another entity for such a mention is wrong.
        """
        gold, found, optional = (_in_kb(links) for links in (gold, found, optional))
        self.links.append(count(gold, found, optional))
        borders = [{link[:2] for link in links} for links in (gold, found, optional)]
        self.mentions.append(count(*borders))
        self.n_found += self.mentions[-1].right
        self.n_right += len({link[:2] for link in gold & found})

    def metrics(self) -> Dict[str, Any]:
        """Compute the metrics.

        RETURNS (Dict[str, Any]): `texts`; `mentions`, the number of gold annotations; precision,
            recall and F1 over all annotations (`micro_p`, `micro_r`, `micro_f`), and the means of
            those of each text (`macro_p`, ...); the same for mention detection (`detection_micro_p`
            ...); `linking_accuracy`, the share of the gold mentions that were found that have the
            right entity.
        """
        total = Counts(*map(sum, zip(*self.links, strict=True))) if self.links else Counts()
        return {
            "texts": len(self.links),
            "mentions": total.right + total.missing,
            **_scores("", self.links),
            **_scores("detection_", self.mentions),
            "linking_accuracy": self.n_right / max(self.n_found, 1),
        }


def _in_kb(links: Links) -> FrozenSet[Link]:
    return frozenset(link for link in links if link[2])


def _scores(prefix: str, counts: List[Counts]) -> Dict[str, float]:
    """The micro and macro scores of some texts."""
    total = Counts(*map(sum, zip(*counts, strict=True))) if counts else Counts()
    rows = [row.scores for row in counts] or [total.scores]
    means = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    micro = {f"{prefix}micro_{key}": v for key, v in zip("prf", total.scores, strict=True)}
    return {**micro, **{f"{prefix}macro_{k}": v for k, v in zip("prf", means, strict=True)}}
