"""spaCy's readers of corpora (`[corpora.train]`): files to Examples, as a stream."""

from functools import partial
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Callable, Iterable, Iterator, List, Optional, TypeVar

from spacy.language import Language
from spacy.training import Example

from ..errors import Errors
from ..titles import TitleSet
from .articles import ArticleOptions
from .building import MANIFEST, Resolver
from .examples import ExampleMaker
from .reading import read_texts
from .texts import GoldText

PARTS = ("train", "dev")
SUFFIXES = (".jsonl.gz", ".jsonl", ".spacy")
Reader = Callable[[Language], Iterator[Example]]
T = TypeVar("T")


def Corpus_v1(
    path: Path, limit: int = 0, shuffle: int = 0, seed: int = 0, misaligned: str = "expand"
) -> Reader:
    """Registered as `spacy_genre.Corpus.v1` in `readers`: a folder that `spacy genre corpus build`
    wrote (its `train` or `dev`), or one file of any kind that it reads: our own JSONL, KILT's, a
    DocBin.

    path (Path): The folder or file.
    limit (int): Only so many examples, 0 for all.
    shuffle (int): How many examples to hold back for shuffling, 0 for none. The files of a folder
        then come in another order at each pass, too. Together with `max_epochs = -1` in
        `[training]` a corpus of any size is read as a stream.
    seed (int): What the shuffling starts from.
    misaligned (str): See `ExampleMaker`: "expand", "skip" or "fail".
    RAISES (OSError, ValueError): When it is read: if there is no such corpus, it is empty, or a
        line is wrong.
    """
    passes = count()
    return partial(_read, Path(path), limit, shuffle, seed, misaligned, passes)


def WikipediaCorpus_v1(
    path: Path,
    titles: Optional[str] = None,
    limit: int = 0,
    own_title: bool = False,
    repeats: bool = False,
    short_forms: bool = False,
    leads: bool = False,
    lists: float = 0.25,
    years: float = 0.05,
    copies: float = 1.0,
    openings: float = 0.75,
    seed: int = 0,
) -> Reader:
    """Registered as `spacy_genre.WikipediaCorpus.v1` in `readers`: a dump of Wikipedia's articles
    as it is, for a look at it or a short run. Reading the markup takes longer than training a
    small model on it: for more than one pass make a corpus first.

    path (Path): The dump, `*-pages-articles*.xml.bz2`.
    titles (Optional[str]): A title set that resolves redirects; mentions of other titles are
        left out.
    limit (int): Only so many examples, 0 for all.
    own_title, repeats, short_forms, leads, lists, years, copies, openings, seed: See
        `ArticleOptions`.
    """
    options = ArticleOptions(
        own_title, repeats, short_forms, leads, lists, years, copies, openings, seed
    )
    return partial(_read_articles, Path(path), titles, limit, options)


def _read(
    path: Path,
    limit: int,
    shuffle: int,
    seed: int,
    misaligned: str,
    passes: Iterator[int],
    nlp: Language,
) -> Iterator[Example]:
    chance = Random(f"{seed}:{next(passes)}")
    texts = _shuffled(texts_in(path, chance if shuffle else None), shuffle, chance)
    make = ExampleMaker(nlp, misaligned)
    yield from _examples(path, texts, make, limit)


def texts_in(path: Path, chance: Optional[Random] = None) -> Iterator[GoldText]:
    """The texts of a corpus: of one file, or of all files in a folder.

    chance (Optional[Random]): Shuffles the files.
    RAISES (OSError, ValueError): If it can't be read, or a file holds no text.
    """
    files = corpus_files(path)
    if chance is not None:
        chance.shuffle(files)
    for file in files:
        text = None
        for texts in read_texts(file, ArticleOptions()):
            for text in texts:
                yield text
        if text is None:  # an empty shard is what a full disk or a broken copy leaves
            raise ValueError(Errors.D003.format(path=file, reason="there is no text in it"))


def _read_articles(
    path: Path, titles: Optional[str], limit: int, options: ArticleOptions, nlp: Language
) -> Iterator[Example]:
    resolve = Resolver(TitleSet.open(titles) if titles is not None else None)
    texts = (resolve(text, str(path)) for texts in read_texts(path, options) for text in texts)
    kept = (text for text in texts if text.mentions or text.about)
    yield from _examples(path, kept, ExampleMaker(nlp), limit)


def _examples(
    path: Path, texts: Iterable[GoldText], make: ExampleMaker, limit: int
) -> Iterator[Example]:
    n_examples = 0
    for n_examples, text in enumerate(islice(texts, limit or None), start=1):  # noqa: B007
        yield make(text)
    if not n_examples:
        raise ValueError(Errors.D004.format(path=path, n_texts=0, n_missing=0))
    make.warn(path)


def corpus_files(path: Path) -> List[Path]:
    """The file itself, or the shards in a folder, sorted.

    RAISES (OSError, ValueError): If there is nothing there.
    """
    if not path.exists():
        raise FileNotFoundError(Errors.F001.format(path=path))
    if path.is_file():
        return [path]
    parts = [str(path / part) for part in PARTS if (path / part).is_dir()]
    if parts and (path / MANIFEST).is_file():  # beside which there is missing.jsonl, of no texts
        raise ValueError(Errors.D020.format(path=path, parts=" or ".join(parts)))
    files = sorted(file for file in path.iterdir() if file.name.endswith(SUFFIXES))
    if not files:
        raise ValueError(Errors.D009.format(path=path))
    return files


def _shuffled(items: Iterable[T], size: int, chance: Random) -> Iterator[T]:
    """The items, each of which may come later by about `size` places."""
    held: List[T] = []
    for item in items:
        if len(held) < size:
            held.append(item)
        elif size:
            i = chance.randrange(size)
            held[i], item = item, held[i]
            yield item
        else:
            yield item
    chance.shuffle(held)
    yield from held
