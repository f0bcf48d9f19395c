"""Write a trained model in the form that the package contains: float16 weights, and the settings
that turn scores into probabilities.

    python export_model.py PIPELINE OUT [--temperature 0.4] [--nil-score -1.2]

PIPELINE is the output of training (`model-best`). Other files in OUT, such as the model card, are
kept.
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
        Optional[float], typer.Option(help="The divisor of scores before the softmax.")
    ] = None,
    nil_score: Annotated[
        Optional[float], typer.Option(help="The score of the answer that no candidate is right.")
    ] = None,
) -> None:
    """Write config.json, model.safetensors and the tokenizer's files."""
    linker: Any = spacy.load(pipeline).get_pipe("genre_linker")
    module = linker.shim.transformer.half()
    options = {"temperature": temperature, "nil_score": nil_score}
    changes = {key: value for key, value in options.items() if value is not None}
    module.config.genre = {**module.config.genre, **changes}
    # No settings for `generate`: the component's search has its own.
    module.generation_config = GenerationConfig.from_model_config(module.config)
    with TemporaryDirectory() as folder:
        module.save_pretrained(folder, safe_serialization=True)
        linker.tokenizer.save_pretrained(folder)
        for file in sorted(Path(folder).iterdir()):
            write_atomically(out / file.name, file.read_bytes())
    print(f"Wrote {out}, {size_of(out) / 1e6:.1f} MB")


def size_of(folder: Path) -> int:
    """The size of the files in a folder, in bytes."""
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


if __name__ == "__main__":
    typer.run(main)
