"""Making a corpus: from sources of all kinds to shuffled shards of our own rows."""

import gzip
import shutil
import time
import zlib
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Dict, FrozenSet, Iterable, Iterator, List, Optional, Sequence, Tuple

import srsly
from tqdm import tqdm

from ..atomic import atomic_folder, write_atomically
from ..errors import Errors
from ..titles import TitleSet
from ..titles.compaction import compact_tables
from ..titles.storage import checksum
from ..types import NIL
from .articles import ArticleOptions
from .names import find_name
from .reading import Texts, read_texts
from .texts import ALIAS, DESCRIPTION, LINK, GoldMention, GoldText

FORMAT = 1
MANIFEST = "manifest.json"
MISSING = ("skip", "keep", "fail")
# So often, in seconds, is written down how far it has come.
COMMIT_EVERY = 10.0
TITLES = "the title set"


@dataclass(frozen=True)
class CorpusOptions:
    """What goes into a corpus.

    articles (ArticleOptions): What becomes of articles.
    aliases (bool): Whether the title set's aliases and redirects are pairs of their own.
    descriptions (bool): Whether its descriptions are to lead to the titles (document retrieval).
    missing (str): What to do with mentions whose title or id is not in the title set: "skip",
        "keep" or "fail".
    exclude (FrozenSet[str]): Pages to leave out: those that a benchmark is from, say.
    dev (float): The share of pages that go to `dev` rather than to `train`, 0 to 1; of these only
        the links are kept.
    shards (int): How many files. One of them must fit into memory.
    seed (int): What chance starts from.
    """

    articles: ArticleOptions = field(default_factory=ArticleOptions)
    aliases: bool = False
    descriptions: bool = False
    missing: str = "skip"
    exclude: FrozenSet[str] = frozenset()
    dev: float = 0.0
    shards: int = 16
    seed: int = 0

    def check(self) -> None:
        """RAISES (ValueError): If an option is out of range."""
        shares = {"dev": self.dev}
        for key in ("lists", "years", "copies", "openings"):
            shares[key] = getattr(self.articles, key)
        for key, value in shares.items():
            if not 0 <= value <= 1:
                raise ValueError(Errors.D006.format(key=key, value=value, allowed="from 0 to 1"))
        if self.missing not in MISSING:
            allowed = f"one of {', '.join(MISSING)}"
            raise ValueError(Errors.D006.format(key="missing", value=self.missing, allowed=allowed))
        if self.shards < 1:
            message = Errors.D006.format(key="shards", value=self.shards, allowed="1 or more")
            raise ValueError(message)


@dataclass
class Resolver:
    """Finds the names of gold mentions in a title set, as evaluation finds them.

    titles (Optional[TitleSet]): None to leave all titles as they are.
    missing (str): As in `CorpusOptions`.
    counts (Counter[str]): How often each title that is not in the set was met.
    """

    titles: Optional[TitleSet]
    missing: str = "skip"
    counts: Counter[str] = field(default_factory=Counter)

    def __call__(self, text: GoldText, where: str) -> GoldText:
        """The text with names of the set: redirects resolved, and ids replaced. Mentions that are
        said to stand for nothing ("NIL" as an id) are left out: nothing can be learnt from them.

        RAISES (ValueError): If missing = "fail" and a title is not in the set.
        """
        text = text.with_mentions([m for m in text.mentions if m.title or m.id != NIL])
        if self.titles is None:
            return text
        found = [(m, self._name(m.title, m.id, where)) for m in text.mentions]
        mentions = [replace(m, title=name, id="") for m, name in found if name]
        about = self._name(text.about, "", where) if text.about else ""
        return replace(text, mentions=tuple(mentions), about=about)

    def _name(self, title: str, kb_id: str, where: str) -> str:
        assert self.titles is not None
        if name := find_name(self.titles, title, kb_id):
            return name
        self.counts[title or kb_id] += 1
        if self.missing == "fail":
            raise ValueError(Errors.D005.format(title=title or kb_id, where=where))
        return (title or kb_id) if self.missing == "keep" else ""


def build_corpus(
    sources: Sequence[Path],
    out: Path,
    titles: Optional[TitleSet],
    options: CorpusOptions,
    *,
    n_process: int = 1,
    progress: bool = False,
) -> Dict[str, Any]:
    """Write a corpus: `train/*.jsonl.gz`, `dev/*.jsonl.gz`, `missing.jsonl` (the titles that are
    not in the title set, and how often they were met), and `manifest.json`. The same sources and
    options make the same files.

    What was read is kept in a folder beside `out` until all is done: if the work is broken off, the
    same call goes on where it was.

    sources (Sequence[Path]): Files of any kind that `read_texts` reads.
    out (Path): The folder to write.
    titles (Optional[TitleSet]): The names; see `Resolver`.
    n_process (int): How many processes read articles.
    progress (bool): Whether to show a bar.
    RETURNS (Dict[str, Any]): The manifest.
    RAISES (OSError, ValueError): If a source can't be read, nothing in them can be learnt from, or
        the disk is full; call again to go on.
    """
    options.check()
    work = _Work(work_folder(out), _signature(sources, titles, options))
    resolver = Resolver(titles, options.missing, work.missing)
    for i, source in enumerate([*sources, None]):
        if i < work.n_sources:
            continue
        if source is None:
            items: Iterator[Texts] = islice(_title_texts(titles, options), work.n_items, None)
        else:
            items = read_texts(
                source,
                options.articles,
                skip=work.n_items,
                n_process=n_process,
                progress=progress,
                dropped=work.dropped,
                finish=work.digests.append,
            )
        for texts in items:
            where = f"{source or TITLES}, item {work.n_items + 1}"
            for text in texts:
                _write(work, resolver(text, where), options)
            work.item_done()
        work.source_done()
    if not work.counts["mentions"]:
        shutil.rmtree(work.folder)
        n_texts, n_missing = work.counts["read"], work.missing.total()
        paths = ", ".join(map(str, sources))
        raise ValueError(Errors.D004.format(path=paths, n_texts=n_texts, n_missing=n_missing))
    manifest = _finish(work, sources, out, titles, options, progress)
    shutil.rmtree(work.folder)
    return manifest


def work_folder(out: Path) -> Path:
    """Where the parts of a corpus are kept until it is done."""
    return out.with_name(f".{out.name}.unfinished")


def _signature(
    sources: Sequence[Path], titles: Optional[TitleSet], options: CorpusOptions
) -> Dict[str, Any]:
    """What must be the same for work to be gone on with."""
    excluded = "\n".join(sorted(options.exclude)).encode("utf8", "surrogatepass")
    return {
        "sources": [[str(path), *_size_and_time(path)] for path in sources],
        "options": {**_as_row(options), "exclude": sha256(excluded).hexdigest()},
        "titles": _checksum(titles) if titles is not None else None,
    }


def _size_and_time(path: Path) -> Tuple[int, int]:
    """What tells whether a file was written again; that it is missing is said when it is read."""
    found = path.stat() if path.exists() else None
    return (found.st_size, found.st_mtime_ns) if found is not None else (0, 0)


def _checksum(titles: TitleSet) -> int:
    """Of all that a title set knows, changes included; as its file has it, but without making the
    file's content once more in memory."""
    tables = compact_tables(titles.view)
    return checksum(tables.to_arrays(), tables.header)


def _as_row(options: CorpusOptions) -> Dict[str, Any]:
    return {**asdict(options), "exclude": len(options.exclude)}


def _title_texts(titles: Optional[TitleSet], options: CorpusOptions) -> Iterator[Texts]:
    """The pairs that a title set itself gives."""
    if titles is None:
        return
    view = titles.view
    if options.aliases:
        pairs = ((alias, view.name_at(row)) for alias, row, _ in view.base.aliases.pairs())
        for alias, name in [*pairs, *view.base.redirect_items()]:
            if alias != name:
                yield [GoldText(alias, (GoldMention(0, len(alias), name, kind=ALIAS),))]
    if options.descriptions:
        for name in view:
            if description := view.description_at(view.find(name)):
                yield [GoldText(description, about=name, kind=DESCRIPTION)]


def _write(work: "_Work", text: GoldText, options: CorpusOptions) -> None:
    work.counts["read"] += 1
    part = "train"
    if text.page in options.exclude:
        work.counts["texts of excluded pages"] += 1
        return
    # By the page, so that no page is in both; and by the text where there is none.
    if options.dev and _fraction(f"{options.seed}:{text.page or text.text}") < options.dev:
        part = "dev"
        links = [mention for mention in text.mentions if mention.kind == LINK]
        text = replace(text, mentions=tuple(links), about="")
    if not text.mentions and not text.about:
        work.counts["texts without mentions"] += 1
        return
    n_texts = work.counts["train"] + work.counts["dev"]
    shard = int(_fraction(f"{options.seed}:{n_texts}") * options.shards) if part == "train" else 0
    work.write(f"{part}/{shard:05}.jsonl", text)
    work.counts[part] += 1
    for kind in [m.kind for m in text.mentions] + [text.kind] * bool(text.about):
        work.counts["mentions"] += 1
        work.counts[kind] += 1


def _fraction(text: str) -> float:
    """A number from 0 to 1, below 1, that is always the same for a text."""
    return zlib.crc32(text.encode("utf8", "surrogatepass")) / 2**32


class _Work:
    """What was read so far, in files that survive a kill.

    folder (Path): Where they are.
    n_sources, n_items (int): How many sources are done, and how many items of the next one.
    counts (Counter[str]): What was read and written.
    missing (Counter[str]): The titles that are not in the title set.
    dropped (Counter[str]): What was left out of articles.
    digests (List[str]): The SHA-256 of each source.
    """

    def __init__(self, folder: Path, signature: Dict[str, Any]) -> None:
        self.folder = folder
        self.state_path = folder / "state.json"
        state: Dict[str, Any] = {}
        if self.state_path.exists():
            state = srsly.read_json(self.state_path)
            if state["signature"] != srsly.json_loads(srsly.json_dumps(signature)):
                raise ValueError(Errors.D007.format(path=folder))
        self.signature = signature
        self.n_sources: int = state.get("n_sources", 0)
        self.n_items: int = state.get("n_items", 0)
        self.digests: List[str] = state.get("digests", [])
        self.counts: Counter[str] = Counter(state.get("counts"))
        self.missing: Counter[str] = Counter(state.get("missing"))
        self.dropped: Counter[str] = Counter(state.get("dropped"))
        self.sizes: Dict[str, int] = state.get("sizes", {})
        self.pending: Dict[str, List[bytes]] = {}
        self.last = time.monotonic()

    def write(self, name: str, text: GoldText) -> None:
        line = srsly.json_dumps(text.to_row()).encode("utf8", "surrogatepass") + b"\n"
        self.pending.setdefault(name, []).append(line)

    def item_done(self) -> None:
        self.n_items += 1
        if time.monotonic() - self.last > COMMIT_EVERY:
            self._commit()

    def source_done(self) -> None:
        self.n_sources, self.n_items = self.n_sources + 1, 0
        self._commit()

    def _commit(self) -> None:
        """Write what is pending, then that it was: what a kill leaves behind the noted size of a
        file is overwritten."""
        for name, lines in self.pending.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("r+b" if path.exists() else "wb") as file:
                file.seek(self.sizes.get(name, 0))
                file.writelines(lines)
                file.truncate()
                self.sizes[name] = file.tell()
        self.pending.clear()
        keys = ("signature", "n_sources", "n_items", "digests", "counts", "missing", "dropped")
        state = {key: getattr(self, key) for key in (*keys, "sizes")}
        write_atomically(self.state_path, srsly.json_dumps(state).encode("utf8", "surrogatepass"))
        self.last = time.monotonic()


def _finish(
    work: _Work,
    sources: Sequence[Path],
    out: Path,
    titles: Optional[TitleSet],
    options: CorpusOptions,
    progress: bool,
) -> Dict[str, Any]:
    counts = dict(sorted(work.counts.items()))
    files = zip(sources, work.digests, strict=True)
    manifest: Dict[str, Any] = {
        "format": FORMAT,
        "version": version("spacy_genre"),
        "sources": [
            {"file": path.name, "bytes": path.stat().st_size, "sha256": digest}
            for path, digest in files
        ],
        "titles": {"names": len(titles), **titles.header} if titles is not None else None,
        "options": _as_row(options),
        "counts": {**counts, "not in the title set": work.missing.total()},
        "dropped": dict(work.dropped.most_common()),
        "shards": [],
    }
    with atomic_folder(out) as folder:
        for name in tqdm(sorted(work.sizes), desc="shuffle", disable=not progress):
            lines = (work.folder / name).read_bytes()[: work.sizes[name]].splitlines(keepends=True)
            Random(f"{options.seed}:{name}").shuffle(lines)
            path = folder / f"{name}.gz"
            # No time of day in the file, so that the same corpus has the same bytes.
            write_atomically(path, gzip.compress(b"".join(lines), mtime=0))
            manifest["shards"].append({"file": f"{name}.gz", "texts": len(lines)})
        rows = ({"title": title, "count": n} for title, n in work.missing.most_common())
        write_atomically(folder / "missing.jsonl", _lines(rows))
        write_atomically(folder / MANIFEST, srsly.json_dumps(manifest, indent=2).encode("utf8"))
    return manifest


def _lines(rows: Iterable[Dict[str, Any]]) -> bytes:
    return "".join(f"{srsly.json_dumps(row)}\n" for row in rows).encode("utf8", "surrogatepass")
