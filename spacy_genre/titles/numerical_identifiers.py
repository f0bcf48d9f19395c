"""Title sets in which numbers replace names, for the paper's ablation of names against numerical
identifiers."""

from itertools import count
from random import Random

from ..tokenization import NameTokenizer
from .titleset import TitleSet


def with_numerical_identifiers(
    titles: TitleSet, tokenizer: NameTokenizer, *, seed: int = 0
) -> TitleSet:
    """Replace each title by a number. The title becomes the number's id, so a model with
    kb_id = "id" generates numbers, predicts titles, and trains on the same gold titles.

    titles (TitleSet): The titles. Redirects are kept; priors, descriptions and aliases are not.
    tokenizer (NameTokenizer): The tokenizer of the model that shall generate the numbers.
    seed (int): The seed of the random order. Numbers in the order of the titles would tell how a
        title begins.
    RETURNS (TitleSet): As many numbers as there are titles, from "0" on. Numbers that are titles
        or redirects themselves ("1984") are skipped, so that each string means one thing.
    """
    redirects = dict(titles.view.base.redirect_items())
    names = [*titles]
    Random(seed).shuffle(names)
    numbers = (str(n) for n in count() if str(n) not in titles and str(n) not in redirects)
    number_of = dict(zip(names, numbers, strict=False))
    return TitleSet.build(
        list(number_of.values()),
        tokenizer,
        ids=names,
        redirects={r: number_of[name] for r, name in redirects.items() if name in number_of},
        header={"numbers": {"seed": seed}},
    )
