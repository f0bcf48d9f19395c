"""The effect of each kind of training pairs: one training on links alone, one for each kind added
to the links, and one with all kinds, with the same number of steps from the same warm start.

    python benchmarks/pair_kinds.py BUILD PAGES... [--steps N] [--limit N]

BUILD is the build folder of the workflow `model` in `embedded` (it has names.jsonl, a title set, a
warm start, described.jsonl, bare.jsonl and excluded.txt). PAGES are files of pages with links. All
models are evaluated on the links of pages that none was trained on. Since the number of steps is
the same, pairs of another kind take the place of links.
"""

import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Dict, List

import spacy
import typer
from accelerate import Accelerator
from spacy.util import load_config

from spacy_genre.corpora.readers import texts_in
from spacy_genre.evaluation.linking import TrainingCounts, evaluate
from spacy_genre.training.distributed import DistributedTraining

CONFIG = Path(__file__).parents[1] / "configs" / "small.cfg"
OPTIONS = ["--copies", "0.3", "--lists", "0.9", "--dev", "0.06", "--force"]
# The file of pairs with other names, made from the links of the first corpus.
SWAPPED = "swapped.jsonl"
SWAP_NAMES = Path(__file__).parents[1] / "embedded" / "swapped_names.py"
# For each kind the option of `corpus build`, or the file of pairs, that adds it.
KINDS = {
    "links": [],
    "+ names of the page itself": ["--own-title"],
    "+ repeats of a link's text": ["--repeats"],
    "+ last words of names": ["--short-forms"],
    "+ descriptions": ["described.jsonl"],
    "+ link texts by themselves": ["bare.jsonl"],
    "+ other names in a link's place": [SWAPPED],
}
COLUMNS = ("the title", "another form", "never seen", "rare, 1 to 9", "seen, 10 or more")


def main(
    build: Annotated[Path, typer.Argument(help="The build folder of the workflow.")],
    pages: Annotated[List[Path], typer.Argument(help="Files of pages with links.")],
    steps: Annotated[int, typer.Option(help="Training steps of 96 pairs each.")] = 250,
    limit: Annotated[int, typer.Option(help="Texts to evaluate on, 0 for all.")] = 0,
) -> None:
    """Print the accuracy of each model on mentions whose title is in the title set."""
    kinds = {**KINDS, "all of these": [part for parts in KINDS.values() for part in parts]}
    print(f"{'trained on':32} {'all':>8} " + " ".join(f"{name:>17}" for name in COLUMNS))
    with tempfile.TemporaryDirectory() as temporary:
        first, swapped = Path(temporary) / "0" / "corpus", Path(temporary) / SWAPPED
        for i, (name, parts) in enumerate(kinds.items()):
            folder = Path(temporary) / str(i)
            options = [part for part in parts if part.startswith("--")]
            files = [build / part for part in parts if part not in (*options, SWAPPED)]
            files += [swapped] * (SWAPPED in parts)
            make_corpus(build, [*pages, *files], options, folder / "corpus")
            if not swapped.exists():
                run(SWAP_NAMES, first, build / "names.jsonl", swapped)
            nlp = train(build, folder, steps)
            # The gold links and the frequencies are always those of the first corpus.
            metrics = measure(nlp, first, limit)
            tables = {**metrics["by_form"], **metrics["by_frequency"]}
            shares = [tables.get(key, {}).get("accuracy_in_set") for key in COLUMNS]
            cells = ["-" if share is None else f"{share:.3f}" for share in shares]
            counts = f"of {metrics['mentions']:,}" if not i else ""
            print(f"{name:32} {metrics['accuracy_in_set']:8.3f} ", end="")
            print(" ".join(f"{cell:>17}" for cell in cells), counts, flush=True)


def make_corpus(build: Path, files: List[Path], options: List[str], out: Path) -> None:
    excluded = ["--exclude-pages", build / "excluded.txt"]
    command = ["-m", "spacy", "genre", "corpus", "build", *files, out]
    run(*command, "--titles", build / "titles", *options, *OPTIONS, *excluded)


def run(*command: Any) -> None:
    command = (sys.executable, *map(str, command))
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def train(build: Path, folder: Path, steps: int) -> spacy.language.Language:
    overrides: Dict[str, Any] = {
        "paths.model": str(build / "warm"),
        "paths.titles": str(build / "titles"),
        "paths.train": str(folder / "corpus" / "train"),
        "paths.dev": str(folder / "corpus" / "dev"),
        "corpora.dev.limit": 1,
        "components.genre_linker.training.batch_tokens": 8192,
        "training.max_steps": steps,
        "training.eval_frequency": steps,
        "training.optimizer.learn_rate.initial_rate": 0.0004,
        "training.optimizer.learn_rate.warmup_steps": steps // 5,
    }
    config = load_config(CONFIG, overrides=overrides, interpolate=True)
    accelerator = Accelerator(cpu=True)
    DistributedTraining(config, folder, accelerator, batch_size=96, minutes=60)()
    return spacy.load(folder / "model-last")


def measure(nlp: spacy.language.Language, corpus: Path, limit: int) -> Dict[str, Any]:
    linker: Any = nlp.get_pipe("genre_linker")
    counts = TrainingCounts.from_texts(texts_in(corpus / "train"), linker.titles)
    texts = islice(texts_in(corpus / "dev"), limit or None)
    return evaluate(nlp, linker.pipe, linker.titles, texts, counts)


if __name__ == "__main__":
    typer.run(main)
