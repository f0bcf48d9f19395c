"""Average the weights of a model from before and after a training.

    python average_models.py BEFORE AFTER OUT [--share 0.33] [--embeddings 1.0]

All three are folders of transformers models. Such an average is often better than both (Wortsman et
al., Robust fine-tuning of zero-shot models, CVPR 2022). The word embeddings have a share of their
own: a training on few texts changes the embeddings of rare words at random.
"""

import shutil
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from transformers import AutoConfig

from spacy_genre.atomic import atomic_folder
from spacy_genre.model.loading import load_pretrained


def main(
    before: Annotated[Path, typer.Argument(help="The model before the training.")],
    after: Annotated[Path, typer.Argument(help="The model after the training.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    share: Annotated[float, typer.Option(min=0, max=1, help="The share of BEFORE.")] = 1 / 3,
    embeddings: Annotated[
        float, typer.Option(min=0, max=1, help="The share of its word embeddings.")
    ] = 1.0,
) -> None:
    """Write the average, with the tokenizer, the settings and the dtype of AFTER."""
    model: Any = load_pretrained(str(after)).transformer
    before_weights = dict(load_pretrained(str(before)).transformer.named_parameters())
    words = model.get_input_embeddings().weight
    with torch.no_grad():
        for name, weight in model.named_parameters():  # tied weights come once
            weight.lerp_(before_weights[name], embeddings if weight is words else share)
    model.to(AutoConfig.from_pretrained(after, local_files_only=True).torch_dtype)
    with atomic_folder(out) as folder:
        shutil.copytree(after, folder, dirs_exist_ok=True)
        model.save_pretrained(folder, safe_serialization=True)


if __name__ == "__main__":
    typer.run(main)
