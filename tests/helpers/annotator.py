"""Models that count as trained to annotate texts, and pipelines with an annotator."""

import json
import shutil
from typing import Any

import spacy

from helpers.docs import NAMES
from spacy_genre import TitleSet

ANNOTATION = {
    "marker": "[unused1]",
    "open_mention": "[unused3]",
    "close_mention": "[unused4]",
    "open_name": "[unused5]",
    "close_name": "[unused6]",
}


def set_genre_block(folder, block):
    """Replace the `genre` block of a model's config.json."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "genre": block}))


def annotation_model(source, target):
    """A copy of a model that counts as trained to annotate texts."""
    path = shutil.copytree(source, target)
    set_genre_block(path, {"tasks": ["annotation"], "annotation": ANNOTATION})
    return path


def make_annotator(folder, tokenizer, **config):
    """A blank pipeline with an annotator and a small title set."""
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy_genre.Seq2Seq.v1", "name": str(folder)}
    config = {"model": model, "dtype": "float32", "num_beams": 2, **config}
    pipe: Any = nlp.add_pipe("genre_annotator", config=config)
    ids = [f"Q{i}" for i in range(len(NAMES))]
    pipe.titles = TitleSet.build(NAMES, tokenizer, ids=ids, redirects={"Einstein": NAMES[0]})
    return nlp
