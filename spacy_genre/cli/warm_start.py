"""`python -m spacy genre warm-start`: an encoder-decoder to train, from a pretrained encoder."""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from ..errors import Errors
from .output import fail, reason_of


def warm_start_cli(
    encoder: Annotated[str, typer.Argument(help="A folder, or the name of a model on the hub.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    decoder_layers: Annotated[int, typer.Option(help="Layers of the decoder.")] = 3,
    context_tokens: Annotated[
        int, typer.Option(help="Context on each side of a mention, in tokens.")
    ] = 32,
    opening_tokens: Annotated[
        int, typer.Option(help="How many of the document's first tokens precede the context.")
    ] = 0,
    dropout: Annotated[float, typer.Option(help="Dropout rate in training.")] = 0.1,
    force: Annotated[bool, typer.Option("--force", "-F", help="Replace OUT.")] = False,
) -> None:
    """Create an encoder-decoder (BART) from an encoder (BERT, RoBERTa, MiniLM and similar).

    Its encoder computes the same as ENCODER. The model must be trained before use, for example with
    the config 'small' (genre init-config small).
    """
    # This import takes seconds.
    from ..model.warm_start import warm_start

    try:
        if out.exists() and not force:
            raise ValueError(Errors.T015.format(path=out))
        warm_start(
            encoder,
            out,
            decoder_layers=decoder_layers,
            context_tokens=context_tokens,
            opening_tokens=opening_tokens,
            dropout=dropout,
        )
    except (OSError, ValueError) as err:
        fail("No model was written", reason_of(err))
    msg.good(f"Wrote {out}")
