"""Numbers instead of names, to see what it is worth that names mean something (the paper's
ablation: numeric ids)."""

from itertools import count
from random import Random

from ..tokenization import NameTokenizer
from .titleset import TitleSet


def with_numerical_identifiers(titles: TitleSet, tokenizer: NameTokenizer, seed: int = 0) -> TitleSet:
    """A title set of numbers, which have the titles as their ids: a model with kb_id = "id" writes
    the number and gives the title, and learns from the same gold titles.

    titles (TitleSet): The titles. Their redirects lead to the numbers; all else is left out.
    tokenizer (NameTokenizer): How the model writes names.
    seed (int): What chance starts from. The numbers are drawn, since in the order of the titles
        they would tell something: how a title begins.
    RETURNS (TitleSet): As many names as there are titles, from "0" on; numbers that are titles or
        redirects themselves ("1984") are passed over, so that nothing means two things.
    """
    redirects = dict(titles.view.base.redirect_items())
    names = [*titles]
    Random(seed).shuffle(names)
    free = (str(n) for n in count() if str(n) not in titles and str(n) not in redirects)
    number_of = dict(zip(names, free, strict=False))
    return TitleSet.build(
        list(number_of.values()),
        tokenizer,
        ids=names,
        redirects={r: number_of[name] for r, name in redirects.items() if name in number_of},
        header={"numbers": {"seed": seed}},
    )
