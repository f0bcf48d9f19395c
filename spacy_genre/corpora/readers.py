"""spaCy's readers of corpora (`[corpora.train]`): files to a stream of Examples."""

from functools import partial
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Callable, Iterable, Iterator, List, Optional, TypeVar

from spacy.language import Language
from spacy.training import Example

from ..errors import Errors
from .articles import ArticleOptions
from .building import MANIFEST
from .examples import ExampleMaker, Misaligned
from .reading import read_texts
from .texts import GoldText

DEFAULT_OPTIONS = ArticleOptions()
PARTS = ("train", "dev")
SUFFIXES = (".jsonl.gz", ".jsonl", ".spacy")
T = TypeVar("T")


def Corpus_v1(
    path: Optional[Path],
    limit: int = 0,
    shuffle: int = 0,
    seed: int = 0,
    misaligned: Misaligned = "expand",
) -> Callable[[Language], Iterator[Example]]:
    """Registered as `spacy_genre.Corpus.v1` in `readers`: `train` or `dev` of a corpus that
    `spacy genre corpus build` wrote, or one file of any kind that it reads.

    path (Optional[Path]): The folder or file. None is an error when the corpus is read, so that
        `spacy debug config` can check a config that gets its paths on the command line.
    limit (int): Maximum number of examples, 0 for all.
    shuffle (int): Size of the buffer in which examples are shuffled, 0 for none. The files of a
        folder are then shuffled as well, differently in each epoch. With `max_epochs = -1` in
        `[training]` a corpus of any size can be streamed.
    seed (int): The random seed of the shuffling.
    misaligned (Misaligned): What to do with mentions that do not begin and end at token
        boundaries: "expand", "skip" or "fail"; see `ExampleMaker`.
    RETURNS (Callable[[Language], Iterator[Example]]): The corpus.
    RAISES (OSError, ValueError): When it is read: if there is no such corpus, it has no gold
        annotations, or a line is not valid.
    """
    epochs = count()
    return partial(_read_examples, path, limit, shuffle, seed, misaligned, epochs)


def _read_examples(
    path: Optional[Path],
    limit: int,
    shuffle: int,
    seed: int,
    misaligned: Misaligned,
    epochs: Iterator[int],
    nlp: Language,
) -> Iterator[Example]:
    if path is None:
        raise ValueError(Errors.D033)
    path = Path(path)
    rng = Random(f"{seed}:{next(epochs)}")
    texts = shuffle_stream(texts_in(path, rng if shuffle else None), shuffle, rng)
    make_example = ExampleMaker(nlp, misaligned)
    n_examples, has_gold = 0, False
    for n_examples, text in enumerate(islice(texts, limit or None), start=1):  # noqa: B007
        has_gold = has_gold or bool(text.mentions or text.evidence)
        yield make_example(text)
    if not has_gold:
        raise ValueError(Errors.D004.format(path=path, n_texts=n_examples, n_missing=0))
    make_example.warn(path)


def texts_in(
    path: Path, rng: Optional[Random] = None, options: ArticleOptions = DEFAULT_OPTIONS
) -> Iterator[GoldText]:
    """Read the texts of a file, or of all files in a folder.

    path (Path): The file or folder.
    rng (Optional[Random]): Shuffles the files; None to read them in the order of their names.
    options (ArticleOptions): Which annotations of pages are used.
    YIELDS (GoldText): The texts.
    RAISES (OSError, ValueError): If there is no corpus, or a file can't be read or has no text.
    """
    files = corpus_files(path)
    if rng is not None:
        rng.shuffle(files)
    for file in files:
        text = None
        for texts in read_texts(file, options):
            for text in texts:
                yield text
        if text is None:  # an empty shard comes from a full disk or an interrupted copy
            raise ValueError(Errors.D003.format(path=file, reason="there is no text in it"))


def corpus_files(path: Path) -> List[Path]:
    """RETURNS (List[Path]): The file itself, or the files of a folder, sorted.
    RAISES (OSError, ValueError): If there are none.
    """
    if not path.exists():
        raise FileNotFoundError(Errors.F001.format(path=path))
    if path.is_file():
        return [path]
    parts = [str(path / part) for part in PARTS if (path / part).is_dir()]
    if parts and (path / MANIFEST).is_file():  # its missing.jsonl has no texts
        raise ValueError(Errors.D020.format(path=path, parts=" or ".join(parts)))
    files = sorted(file for file in path.iterdir() if file.name.endswith(SUFFIXES))
    if not files:
        raise ValueError(Errors.D009.format(path=path))
    return files


def shuffle_stream(items: Iterable[T], buffer_size: int, rng: Random) -> Iterator[T]:
    """Shuffle a stream with a buffer of `buffer_size` items."""
    buffer: List[T] = []
    for item in items:
        if len(buffer) < buffer_size:
            buffer.append(item)
        elif buffer_size:
            i = rng.randrange(buffer_size)
            buffer[i], item = item, buffer[i]
            yield item
        else:
            yield item
    rng.shuffle(buffer)
    yield from buffer
