"""spaCy's readers of corpora (`[corpora.train]`): files to a stream of Examples."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Iterable, Iterator, List, Optional, TypeVar

import srsly
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
    complete: Optional[bool] = None,
) -> "CorpusReader":
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
    complete (Optional[bool]): Whether all mentions of the texts are annotated, so that an annotator
        may learn where there is none; None for what the data says of each text.
    RETURNS (CorpusReader): The corpus: a function of the pipeline that gives Examples.
    RAISES (OSError, ValueError): When it is read: if there is no such corpus, it has no gold
        annotations, or a line is not valid.
    """
    return CorpusReader(path, limit, shuffle, seed, misaligned, complete)


class CorpusReader:
    """A corpus as a stream of Examples: see `Corpus_v1`."""

    def __init__(
        self,
        path: Optional[Path],
        limit: int,
        shuffle: int,
        seed: int,
        misaligned: Misaligned,
        complete: Optional[bool] = None,
    ) -> None:
        self.path = None if path is None else Path(path)
        self.limit, self.shuffle, self.seed, self.misaligned = limit, shuffle, seed, misaligned
        self.complete = complete
        self.options = replace(DEFAULT_OPTIONS, complete=bool(complete))
        self.n_passes = 0

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """YIELDS (Example): The Examples of all texts."""
        return self.share(nlp, 0, 1)

    def share(self, nlp: Language, index: int, n_shares: int) -> Iterator[Example]:
        """Every n-th Example, without making the others.

        nlp (Language): The pipeline.
        index (int): Which share, 0 to below `n_shares`.
        n_shares (int): The number of shares.
        YIELDS (Example): The Examples of every n-th text.
        """
        if self.path is None:
            raise ValueError(Errors.D033)
        rng = Random(f"{self.seed}:{self.n_passes}")
        self.n_passes += 1
        texts = texts_in(self.path, rng if self.shuffle else None, self.options)
        texts = shuffle_stream(texts, self.shuffle, rng)
        make_example = ExampleMaker(nlp, self.misaligned)
        n_texts, has_gold = 0, False
        for n_texts, text in enumerate(islice(texts, self.limit or None), start=1):
            has_gold = has_gold or bool(text.mentions or text.evidence)
            if (n_texts - 1) % n_shares == index:
                is_complete = text.complete if self.complete is None else self.complete
                yield make_example(replace(text, complete=is_complete))
        if not has_gold:
            raise ValueError(Errors.D004.format(path=self.path, n_texts=n_texts, n_missing=0))
        make_example.warn(self.path)

    @property
    def n_texts(self) -> Optional[int]:
        """The number of texts, if the manifest of a corpus knows it, else None."""
        manifest = self.path.parent / MANIFEST if self.path is not None else None
        if manifest is None or not manifest.is_file():
            return None
        shards = srsly.read_json(manifest).get("shards", [])
        n_texts = sum(shard["texts"] for shard in shards if self._has_file(shard["file"]))
        return min(n_texts, self.limit or n_texts) or None

    def _has_file(self, name: str) -> bool:
        assert self.path is not None
        return (self.path.parent / name).parent == self.path


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
