"""Building a corpus: sources of any kind become shuffled shards of JSONL."""

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
from .names import Missing, NameResolver
from .reading import Texts, read_texts
from .texts import ALIAS, DESCRIPTION, LINK, GoldMention, GoldText

FORMAT = 1
MANIFEST = "manifest.json"
# Seconds between two checkpoints of an unfinished build.
CHECKPOINT_INTERVAL = 10.0


@dataclass(frozen=True)
class CorpusOptions:
    """What goes into a corpus.

    articles (ArticleOptions): Which mentions of articles are used.
    aliases (bool): Add the title set's aliases and redirects as mentions without context.
    descriptions (bool): Add the title set's descriptions as texts whose gold page is their title
        (document retrieval).
    missing (str): What to do with mentions whose title or id is not in the title set: "skip",
        "keep" or "fail".
    exclude (FrozenSet[str]): Titles of pages to leave out, such as those of a benchmark.
    max_per_title (int): The maximum number of mentions of one title in `train`; 0 for no limit. The
        mentions of earlier sources are kept, so put the most reliable sources first. Texts whose
        annotation is complete keep all of theirs.
    dev (float): Share of pages that go to `dev` instead of `train`, 0 to 1. Of their annotations
        only links and gold pages are kept.
    shards (int): Number of files of `train`, at least 1. Each shard must fit into memory.
    seed (int): The random seed.
    """

    articles: ArticleOptions = field(default_factory=ArticleOptions)
    aliases: bool = False
    descriptions: bool = False
    missing: str = "skip"
    exclude: FrozenSet[str] = frozenset()
    max_per_title: int = 0
    dev: float = 0.0
    shards: int = 16
    seed: int = 0

    def check(self) -> None:
        """RAISES (ValueError): If an option is out of range."""
        shares = {"dev": self.dev}
        for key in ("lists", "years", "copies", "openings"):
            shares[key] = getattr(self.articles, key)
        shares.update({f"weak_links[{k}]": v for k, v in self.articles.weak_links.items()})
        for key, value in shares.items():
            if not 0 <= value <= 1:
                raise ValueError(Errors.D006.format(key=key, value=value, allowed="from 0 to 1"))
        choices = [choice.value for choice in Missing]
        if self.missing not in choices:
            allowed = f"one of {', '.join(choices)}"
            raise ValueError(Errors.D006.format(key="missing", value=self.missing, allowed=allowed))
        for key, lowest in (("shards", 1), ("max_per_title", 0)):
            if (number := getattr(self, key)) < lowest:
                message = Errors.D006.format(key=key, value=number, allowed=f"{lowest} or more")
                raise ValueError(message)


def build_corpus(
    sources: Sequence[Path],
    out: Path,
    titles: Optional[TitleSet],
    options: CorpusOptions,
    *,
    n_process: int = 1,
    progress: bool = False,
) -> Dict[str, Any]:
    """Write a corpus: `train/*.jsonl.gz`, `dev/*.jsonl.gz`, `missing.jsonl` (titles that are not
    in the title set, with counts) and `manifest.json`. The build is deterministic: the files depend
    on the sources, the titles and the options only.

    The texts are first written to a folder next to `out`. If the build is interrupted, calling the
    function again with the same arguments resumes it.

    sources (Sequence[Path]): Files of any kind that `read_texts` reads.
    out (Path): The folder to write.
    titles (Optional[TitleSet]): Resolves titles and ids to names; see `NameResolver`.
    n_process (int): Number of processes that read articles.
    progress (bool): Whether to show progress bars.
    RETURNS (Dict[str, Any]): The manifest.
    RAISES (OSError, ValueError): If a source can't be read, the sources have no gold annotations,
        or the disk is full.
    """
    options.check()
    build = _UnfinishedBuild(unfinished_folder(out), _signature(sources, titles, options))
    resolver = NameResolver(titles, options.missing, build.missing_titles)
    for source in sources[build.n_sources :]:
        items = read_texts(
            source,
            options.articles,
            skip=build.n_items,
            n_process=n_process,
            progress=progress,
            dropped=build.dropped,
            on_end=build.digests.append,
        )
        _add_items(build, items, str(source), resolver, options)
    if build.n_sources == len(sources):
        items = islice(_title_texts(titles, options), build.n_items, None)
        _add_items(build, items, "the title set", resolver, options)
    if not build.counts["mentions"]:
        shutil.rmtree(build.folder)
        n_texts, n_missing = build.counts["read"], build.missing_titles.total()
        paths = ", ".join(map(str, sources))
        raise ValueError(Errors.D004.format(path=paths, n_texts=n_texts, n_missing=n_missing))
    manifest = _write_corpus(build, sources, out, titles, options, progress)
    shutil.rmtree(build.folder)
    return manifest


def unfinished_folder(out: Path) -> Path:
    """RETURNS (Path): The folder in which an interrupted build of a corpus is kept."""
    return out.with_name(f".{out.name}.unfinished")


def _signature(
    sources: Sequence[Path], titles: Optional[TitleSet], options: CorpusOptions
) -> Dict[str, Any]:
    """What must be equal for an unfinished build to be resumed."""
    excluded = "\n".join(sorted(options.exclude)).encode("utf8", "surrogatepass")
    return {
        "sources": [[str(path), *_size_and_time(path)] for path in sources],
        "options": {**_options_to_row(options), "exclude": sha256(excluded).hexdigest()},
        "titles": _checksum(titles) if titles is not None else None,
    }


def _size_and_time(path: Path) -> Tuple[int, int]:
    """The size and modification time of a file. A missing file is an error when it is read."""
    stat = path.stat() if path.exists() else None
    return (stat.st_size, stat.st_mtime_ns) if stat is not None else (0, 0)


def _checksum(titles: TitleSet) -> int:
    """The checksum of a title set with its changes, without a copy of its file in memory."""
    tables = compact_tables(titles.view)
    return checksum(tables.to_arrays(), tables.header)


def _options_to_row(options: CorpusOptions) -> Dict[str, Any]:
    return {**asdict(options), "exclude": len(options.exclude)}


def _title_texts(titles: Optional[TitleSet], options: CorpusOptions) -> Iterator[Texts]:
    """Texts from the aliases, redirects and descriptions of a title set."""
    if titles is None:
        return
    view = titles.view
    if options.aliases:
        aliases = ((alias, view.name_at(row)) for alias, row, _ in view.base.aliases.pairs())
        for alias, name in [*aliases, *view.base.redirect_items()]:
            if alias != name:
                yield [GoldText(alias, (GoldMention(0, len(alias), name, kind=ALIAS),))]
    if options.descriptions:
        for name in view:
            if description := view.description_at(view.find(name)):
                yield [GoldText(description, evidence=((name,),), kind=DESCRIPTION)]


def _add_items(
    build: "_UnfinishedBuild",
    items: Iterable[Texts],
    source: str,
    resolver: NameResolver,
    options: CorpusOptions,
) -> None:
    """Add all items of a source, or those that an interrupted build has not added yet."""
    for texts in items:
        item = f"{source}, item {build.n_items + 1}"
        for text in texts:
            _add_text(build, resolver(text, item), options)
        build.end_item()
    build.end_source()


def _add_text(build: "_UnfinishedBuild", text: GoldText, options: CorpusOptions) -> None:
    build.counts["read"] += 1
    if text.page in options.exclude:
        build.counts["texts of excluded pages"] += 1
        return
    part = "train"
    # All texts of a page are in the same part.
    if options.dev and _hash_to_unit(f"{options.seed}:{text.page or text.text}") < options.dev:
        part = "dev"
        links = [mention for mention in text.mentions if mention.kind == LINK]
        is_complete = text.complete and len(links) == len(text.mentions)
        text = replace(text, mentions=tuple(links), complete=is_complete)
    elif options.max_per_title and not text.complete:
        text = text.with_mentions(build.limit_titles(text.mentions, options.max_per_title))
    if not text.mentions and not text.evidence and not text.complete:
        build.counts["texts without mentions"] += 1
        return
    shard = 0
    if part == "train":
        n_texts = build.counts["train"] + build.counts["dev"]
        shard = int(_hash_to_unit(f"{options.seed}:{n_texts}") * options.shards)
    build.write(f"{part}/{shard:05}.jsonl", text)
    build.counts[part] += 1
    named = [m for m in text.mentions if m.title or m.id != NIL]
    for kind in [m.kind for m in named] + [text.kind] * bool(text.evidence):
        build.counts["mentions"] += 1
        build.counts[kind] += 1


def _hash_to_unit(text: str) -> float:
    """A hash of a text, from 0 to below 1, the same in all processes."""
    return zlib.crc32(text.encode("utf8", "surrogatepass")) / 2**32


class _UnfinishedBuild:
    """The texts that were read so far, in unshuffled files, with checkpoints for resuming.

    folder (Path): The folder of the files.
    n_sources (int): Number of finished sources.
    n_items (int): Number of finished items of the next source.
    counts (Counter[str]): Number of texts and mentions by kind.
    missing_titles (Counter[str]): The titles that are not in the title set.
    dropped (Counter[str]): Number of items left out of articles, by reason.
    per_title (Counter[str]): Number of mentions of each title or id in `train`, if it is limited.
    digests (List[str]): The SHA-256 of each finished source.
    """

    def __init__(self, folder: Path, signature: Dict[str, Any]) -> None:
        """Start a build, or load the last checkpoint in the folder.

        RAISES (ValueError): If the folder has a build with another signature.
        """
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
        self.missing_titles: Counter[str] = Counter(state.get("missing_titles"))
        self.dropped: Counter[str] = Counter(state.get("dropped"))
        self.per_title: Counter[str] = Counter(state.get("per_title"))
        self.sizes: Dict[str, int] = state.get("sizes", {})
        self.pending: Dict[str, List[bytes]] = {}
        self.last_checkpoint = time.monotonic()

    def limit_titles(self, mentions: Sequence[GoldMention], limit: int) -> List[GoldMention]:
        """Count mentions by title, and return those that are within the limit."""
        kept = []
        for mention in mentions:
            key = mention.title or mention.id
            if self.per_title[key] < limit:
                self.per_title[key] += 1
                kept.append(mention)
            else:
                self.counts["above the limit per title"] += 1
        return kept

    def write(self, name: str, text: GoldText) -> None:
        """Add a text to a file; it is written at the next checkpoint.

        name (str): The file, relative to the folder.
        """
        line = srsly.json_dumps(text.to_row()).encode("utf8", "surrogatepass") + b"\n"
        self.pending.setdefault(name, []).append(line)

    def end_item(self) -> None:
        """Count an item as finished."""
        self.n_items += 1
        if time.monotonic() - self.last_checkpoint > CHECKPOINT_INTERVAL:
            self._checkpoint()

    def end_source(self) -> None:
        """Count a source as finished."""
        self.n_sources, self.n_items = self.n_sources + 1, 0
        self._checkpoint()

    def _checkpoint(self) -> None:
        """Write the pending texts, then the state with the sizes of the files. What was written
        after the last state is overwritten when the build is resumed."""
        for name, lines in self.pending.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("r+b" if path.exists() else "wb") as file:
                file.seek(self.sizes.get(name, 0))
                file.writelines(lines)
                file.truncate()
                self.sizes[name] = file.tell()
        self.pending.clear()
        keys = ("signature", "n_sources", "n_items", "digests", "counts", "missing_titles")
        state = {key: getattr(self, key) for key in (*keys, "dropped", "per_title", "sizes")}
        write_atomically(self.state_path, srsly.json_dumps(state).encode("utf8", "surrogatepass"))
        self.last_checkpoint = time.monotonic()


def _write_corpus(
    build: _UnfinishedBuild,
    sources: Sequence[Path],
    out: Path,
    titles: Optional[TitleSet],
    options: CorpusOptions,
    progress: bool,
) -> Dict[str, Any]:
    """Shuffle the texts, write the corpus, and return its manifest."""
    manifest = _make_manifest(build, sources, titles, options)
    with atomic_folder(out) as folder:
        for name in tqdm(sorted(build.sizes), desc="shuffle", disable=not progress):
            content = (build.folder / name).read_bytes()[: build.sizes[name]]
            lines = content.splitlines(keepends=True)
            Random(f"{options.seed}:{name}").shuffle(lines)
            path = folder / f"{name}.gz"
            # Without a time stamp, so that the same corpus has the same bytes.
            write_atomically(path, gzip.compress(b"".join(lines), mtime=0))
            manifest["shards"].append({"file": f"{name}.gz", "texts": len(lines)})
        rows = ({"title": title, "count": n} for title, n in build.missing_titles.most_common())
        write_atomically(folder / "missing.jsonl", _to_jsonl(rows))
        write_atomically(folder / MANIFEST, srsly.json_dumps(manifest, indent=2).encode("utf8"))
    return manifest


def _make_manifest(
    build: _UnfinishedBuild,
    sources: Sequence[Path],
    titles: Optional[TitleSet],
    options: CorpusOptions,
) -> Dict[str, Any]:
    counts = dict(sorted(build.counts.items()))
    return {
        "format": FORMAT,
        "version": version("spacy_genre"),
        "sources": [
            {"file": path.name, "bytes": path.stat().st_size, "sha256": digest}
            for path, digest in zip(sources, build.digests, strict=True)
        ],
        "titles": {"names": len(titles), **titles.header} if titles is not None else None,
        "options": _options_to_row(options),
        "counts": {**counts, "not in the title set": build.missing_titles.total()},
        "dropped": dict(build.dropped.most_common()),
        "shards": [],
    }


def _to_jsonl(rows: Iterable[Dict[str, Any]]) -> bytes:
    return "".join(f"{srsly.json_dumps(row)}\n" for row in rows).encode("utf8", "surrogatepass")
