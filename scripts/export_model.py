"""Write a trained model as the package carries it: weights in float16, and how scores become
probabilities.

    python scripts/export_model.py PIPELINE OUT [--temperature 0.4] [--nil-score -1.2]

PIPELINE is what training wrote (`model-best`). What else is in OUT (the model card) stays.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Optional

import spacy
import typer
from transformers import GenerationConfig

from spacy_genre.atomic import write_atomically


def main(
    pipeline: Annotated[Path, typer.Argument(help="A pipeline with a genre_linker.")],
    out: Annotated[Path, typer.Argument(help="The folder to write the model to.")],
    temperature: Annotated[
        Optional[float], typer.Option(help="Divides scores before they become probabilities.")
    ] = None,
    nil_score: Annotated[
        Optional[float], typer.Option(help='The score of "none of these names".')
    ] = None,
) -> None:
    """Write config.json, model.safetensors and the tokenizer's files."""
    linker: Any = spacy.load(pipeline).get_pipe("genre_linker")
    module = linker.shim.transformer.half()
    chosen = {"temperature": temperature, "nil_score": nil_score}
    given = {key: value for key, value in chosen.items() if value is not None}
    module.config.genre = {**module.config.genre, **given}
    # Nothing of how others might want to generate; the search has its own settings.
    module.generation_config = GenerationConfig.from_model_config(module.config)
    with TemporaryDirectory() as folder:
        module.save_pretrained(folder, safe_serialization=True)
        linker.tokenizer.save_pretrained(folder)
        for file in sorted(Path(folder).iterdir()):
            write_atomically(out / file.name, file.read_bytes())
    print(f"Wrote {out}, {size_of(out) / 1e6:.1f} MB")


def size_of(folder: Path) -> int:
    """The size of its files, in bytes."""
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


if __name__ == "__main__":
    typer.run(main)
