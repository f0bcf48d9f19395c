"""A spaCy corpus reader of texts with gold pages (document retrieval; paper, section 4.3)."""

import re
from functools import partial
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Callable, Iterator, List, Optional, Tuple

from spacy.language import Language
from spacy.training import Example

from ..errors import Errors
from ..extensions import set_evidence, set_masked
from .articles import PARENTHESES, ArticleOptions
from .readers import shuffle_stream, texts_in
from .texts import GoldText

# Pages become texts by their first paragraphs.
OPTIONS = ArticleOptions(leads=True)
# What follows the name in titles such as "Paris, Texas".
AFTER_COMMA = re.compile(r", .*$")


def PagesCorpus_v1(
    path: Optional[Path],
    limit: int = 0,
    shuffle: int = 0,
    seed: int = 0,
    mask_title: float = 0.0,
) -> Callable[[Language], Iterator[Example]]:
    """Registered as `spacy_genre.PagesCorpus.v1` in `readers`: texts with gold pages, from any file
    or folder that `spacy_genre.Corpus.v1` reads. A page with text (in a dump or KILT's knowledge
    source) is the gold page of its first paragraph. Texts without a gold page are left out.

    path (Optional[Path]): The folder or file. None is an error when the corpus is read.
    limit (int): Maximum number of examples, 0 for all.
    shuffle (int): Size of the buffer in which examples are shuffled, 0 for none, as for
        `spacy_genre.Corpus.v1`.
    seed (int): The random seed of the shuffling and the masking.
    mask_title (float): The share of the passages from a page, 0 to 1, in which the page's own name
        is masked, so that the model learns from their content instead of copying the name. Other
        texts, such as questions, are not masked.
    RETURNS (Callable[[Language], Iterator[Example]]): The corpus.
    RAISES (OSError, ValueError): If `mask_title` is out of range; when it is read, if there is no
        such corpus, no text has a gold page, or a line is not valid.
    """
    if not 0 <= mask_title <= 1:
        allowed = "from 0 to 1"
        raise ValueError(Errors.D006.format(key="mask_title", value=mask_title, allowed=allowed))
    return partial(_read_examples, path, limit, shuffle, seed, mask_title, count())


def _read_examples(
    path: Optional[Path],
    limit: int,
    shuffle: int,
    seed: int,
    mask_title: float,
    epochs: Iterator[int],
    nlp: Language,
) -> Iterator[Example]:
    if path is None:
        raise ValueError(Errors.D033)
    rng = Random(f"{seed}:{next(epochs)}")
    texts = texts_in(Path(path), rng if shuffle else None, OPTIONS)
    with_page = (text for text in texts if text.evidence)
    text = None
    for text in islice(shuffle_stream(with_page, shuffle, rng), limit or None):
        yield make_example(nlp, text, is_masked=rng.random() < mask_title)
    if text is None:
        raise ValueError(Errors.D038.format(path=path))


def make_example(nlp: Language, text: GoldText, *, is_masked: bool = False) -> Example:
    """Make an Example of a text with gold pages.

    nlp (Language): The pipeline whose tokenizer is used.
    text (GoldText): The text.
    is_masked (bool): Whether to mask the page's name in a passage from it.
    RETURNS (Example): The Example. Masked parts are set in both docs, gold pages in the reference.
    """
    predicted = nlp.make_doc(text.text)
    if is_masked and text.page in text.titles:
        set_masked(predicted, find_own_name(text.text, text.page))
    reference = predicted.copy()
    set_evidence(reference, text.evidence)
    return Example(predicted, reference)


def find_own_name(text: str, title: str) -> List[Tuple[int, int]]:
    """Find the name of a page in its text.

    text (str): The text.
    title (str): The page's title; its name may also be the title without what makes it unique:
        "Paris" for "Paris, Texas" and "Paris (film)".
    RETURNS (List[Tuple[int, int]]): The character offsets of all occurrences as whole words.
    """
    names = {title, PARENTHESES.sub("", title), AFTER_COMMA.sub("", title)} - {""}
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    pattern = rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)"
    return [match.span() for match in re.finditer(pattern, text)]
