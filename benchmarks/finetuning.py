"""Fine-tuning on 500 examples for the knowledge base of a made-up company. None of its names is in
Wikipedia, and every mention can stand for four of them.

    python benchmarks/finetuning.py [--steps N] [--examples N]

The sentences are made from patterns; the patterns of the test sentences are not in the training
sentences. Prints the accuracy before and after, and the time.
"""

import json
import random
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, Dict, List

import spacy
import typer
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config

from spacy_genre import TitleSet
from spacy_genre.corpora.readers import texts_in
from spacy_genre.evaluation.linking import evaluate
from spacy_genre.model.loading import load_name_tokenizer

CONFIG = Path(__file__).parents[1] / "configs" / "finetune.cfg"
WORDS = (
    "Aurora Basalt Comet Dahlia Ember Falcon Garnet Harbor Indigo Juniper Kestrel Lumen Meridian "
    "Nimbus Onyx Pelican Quartz Raven Saffron Tundra Umber Vesper Willow Xenon Yarrow Zephyr"
)
# The types of entities that share each word, with the patterns of their sentences: five for
# training and two for the test.
KINDS = {
    "database": """
        Run the query on {} again. | {} lost two of its replicas last night. |
        The schema of {} has changed. | Rows in {} are encrypted. | {} takes writes from one disk. |
        The backup of {} could not be restored. | An index is missing in {}.""",
    "sales team": """
        {} closed three contracts with banks. | The quota of {} was raised. |
        Two account managers joined {}. | {} met its customers in Lyon. | Spain belongs to {}. |
        The commission of {} is paid in May. | A customer complained about {}.""",
    "meeting room": """
        The projector in {} is broken. | We meet in {} on the second floor. |
        {} is booked until noon. | There are twelve chairs in {}. | Turn the light off in {}. |
        The whiteboard in {} must be cleaned. | Is {} free at three?""",
    "delivery van": """
        {} needs new tyres. | The driver of {} took the motorway. |
        {} carries forty parcels. | {} ran out of fuel near the depot. | Load the boxes into {}. |
        The windscreen of {} is cracked. | {} is parked behind the warehouse.""",
}
N_TRAINING_PATTERNS = 5


def names() -> Dict[str, str]:
    """The names of all entities of the company, with their ids."""
    return {
        f"{word} ({kind})": f"ACME-{100 * j + i}"
        for i, word in enumerate(WORDS.split())
        for j, kind in enumerate(KINDS)
    }


def sentences(part: slice) -> List[Dict]:
    """Sentences with every word, from some patterns of each type."""
    rows = []
    for word in WORDS.split():
        for kind, patterns in KINDS.items():
            for pattern in patterns.split("|")[part]:
                left, right = pattern.strip().split("{}")
                start, end = len(left), len(left) + len(word)
                mention = {"start": start, "end": end, "title": f"{word} ({kind})"}
                rows.append({"text": f"{left}{word}{right}", "mentions": [mention]})
    return rows


def main(
    steps: Annotated[int, typer.Option(help="Training steps of 32 sentences each.")] = 100,
    examples: Annotated[int, typer.Option(help="Training sentences.")] = 500,
) -> None:
    """Fine-tune the model in the package and print the accuracy before and after."""
    rows = random.Random(0).sample(sentences(slice(N_TRAINING_PATTERNS)), examples)
    test = sentences(slice(N_TRAINING_PATTERNS, None))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, content in (("train", rows), ("test", test)):
            lines = "".join(json.dumps(row) + "\n" for row in content)
            (folder / f"{name}.jsonl").write_text(lines, encoding="utf8")
        ids = names()
        titles = TitleSet.build(list(ids), load_name_tokenizer(None), ids=list(ids.values()))
        titles.save(folder / "titles")
        print(f"{len(titles)} names, {len(rows)} examples, {len(test)} held-out sentences")
        before = spacy.blank("en")
        linker: Any = before.add_pipe("genre_linker")
        linker.titles = titles
        print(f"accuracy before: {accuracy(before, folder):.3f}", flush=True)
        start = time.perf_counter()
        after = finetune(folder, steps)
        print(f"fine-tuned in {time.perf_counter() - start:.0f} s")
        print(f"accuracy after:  {accuracy(after, folder):.3f}")


def finetune(folder: Path, steps: int) -> spacy.language.Language:
    """Fine-tune for a number of steps and return the last weights. The test sentences are not used
    to choose weights: the dev corpus is a part of the training sentences."""
    overrides = {
        "paths.titles": str(folder / "titles"),
        "paths.train": str(folder / "train.jsonl"),
        "paths.dev": str(folder / "train.jsonl"),
        "corpora.dev.limit": 20,
        "training.max_steps": steps,
        "training.eval_frequency": steps,
        "training.optimizer.learn_rate.warmup_steps": steps // 10,
    }
    nlp = init_nlp(load_config(CONFIG, overrides=overrides, interpolate=False))
    (folder / "out").mkdir()
    train(nlp, folder / "out")
    return spacy.load(folder / "out" / "model-last")


def accuracy(nlp: spacy.language.Language, folder: Path) -> float:
    """The share of test sentences whose mention is linked correctly."""
    linker: Any = nlp.get_pipe("genre_linker")
    texts = texts_in(folder / "test.jsonl")
    return float(evaluate(nlp, linker.pipe, linker.titles, texts)["micro_f"])


if __name__ == "__main__":
    typer.run(main)
