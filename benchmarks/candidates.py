"""The model alone, the title set's aliases alone, and both: accuracy and the share of gold titles
among the candidates, on mentions whose title is in the title set.

    python benchmarks/calibration.py gather TITLES OUT.jsonl DATA/wned_wiki.jsonl.gz ...
    python benchmarks/candidates.py OUT.jsonl [--model MODEL]

TITLES is a title set with aliases. "Aliases alone" takes the most frequent title of the mention's
text; "candidates only" ranks these titles by the model, as `get_candidates` with
`spacy_genre.AliasCandidates.v1` and `missing = "nil"` does without weights for aliases.
"""

from pathlib import Path
from typing import Annotated, Dict, List, Optional, Tuple

import numpy as np
import typer
from datasets import make_linker
from evidence import Evidence, probabilities, read

from spacy_genre.model.settings import GenreSettings


def main(
    evidence: Annotated[Path, typer.Argument(help="What `calibration.py gather` wrote.")],
    model: Annotated[
        Optional[str], typer.Option(help="The folder of a model. [default: the one in the package]")
    ] = None,
) -> None:
    """Print a table for each data set."""
    settings = make_linker(None, model={"name": model})[1].shim.settings
    items = [item for item in read(evidence) if item.in_set]
    for source in sorted({item.source for item in items}):
        part = [item for item in items if item.source == source]
        print(f"{source}, {len(part):,} mentions with a title in the set")
        print(f"  {'':18} {'correct':>8} {'gold among candidates':>22}")
        for name, (correct, found) in compare(part, settings).items():
            print(f"  {name:18} {correct:8.3f} {found:22.3f}")


def compare(items: List[Evidence], settings: GenreSettings) -> Dict[str, Tuple[float, float]]:
    """The accuracy, and the share of gold titles among the candidates, of each way."""
    ways: Dict[str, List[Tuple[bool, bool]]] = {}
    for item in items:
        aliases = item.only([i for i, share in enumerate(item.shares) if share])
        alone = item.alone()
        answers = {
            "model alone": (best(alone.scores), alone.gold),
            "aliases alone": (item.table_top, item.gold if aliases.gold >= 0 else -1),
            "candidates only": (best(aliases.scores), aliases.gold),
            "both": (best(probabilities(item, settings)), item.gold),
        }
        for name, (answer, gold) in answers.items():
            ways.setdefault(name, []).append((answer == gold >= 0, gold >= 0))
    return {
        name: (float(np.mean([c for c, _ in pairs])), float(np.mean([g for _, g in pairs])))
        for name, pairs in ways.items()
    }


def best(scores: List[float]) -> int:
    """The index of the highest score; -1 for none."""
    return max(range(len(scores)), key=scores.__getitem__, default=-1)


if __name__ == "__main__":
    typer.run(main)
