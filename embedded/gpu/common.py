import gzip, json, os, sys, time, unicodedata
from pathlib import Path
sys.path.insert(0, "/work/trainer/benchmarks"); sys.path.insert(0, "/work/trainer")
import numpy as np, spacy, torch
from spacy_genre import TitleSet
from spacy_genre.training.examples import ExampleMaker
from spacy_genre.training.gold import GoldText
from datasets import normalize, read_gold, read_names, resolve
W = Path("/work/trainer/work")

def make(model=None, titles=W / "titles_old", training=None, **config):
    nlp = spacy.blank("en")
    training = {"@misc": "spacy_genre.Training.v1", **(training or {})}
    linker = nlp.add_pipe("genre_linker", config={"model": {"name": str(model) if model else None}, "dtype": "float32", "training": training, "cache_size": 0, **config})
    if titles is not None: linker.titles = TitleSet.open(titles)
    return nlp, linker

def old_titles(linker, cache=W / "old_titles"):
    """The 503,498 names with redirects, as benchmarks/accuracy.py builds them."""
    if cache.exists(): return TitleSet.open(cache)
    names, targets = resolve(read_names(Path("/work/base/in/titles.tsv.gz")), [Path("/work/base/emb/redirects.tsv.gz")])
    t = TitleSet.build(names, linker.tokenizer, redirects=targets, on_invalid="skip")
    t.save(cache) if hasattr(t, "save") else t.to_disk(cache)
    return t

def encode_dev(nlp, linker, path, limit=None, seed=0):
    """Inputs, gold names (normalized, redirects resolved) and the class of each mention."""
    view = linker.titles.view
    names = None
    inputs, golds, meta = [], [], []
    for gold in read_gold(Path(path), nlp.vocab):
        ents = list(gold.doc.ents)
        ids = linker._encode(ents)
        for ent, i, t in zip(ents, ids, gold.titles):
            found = linker.titles.resolve(t) or linker.titles.resolve(normalize(t))
            inputs.append(i); golds.append(found or ""); meta.append(ent.text)
    if limit and len(inputs) > limit:
        keep = np.random.default_rng(seed).permutation(len(inputs))[:limit]
        inputs, golds, meta = ([x[k] for k in keep] for x in (inputs, golds, meta))
    return inputs, golds, meta

def predict(linker, inputs, chunk=256):
    from spacy_genre.titles.choice import choose_name
    view = linker._searchable(); out = []
    for i in range(0, len(inputs), chunk):
        part = inputs[i:i + chunk]
        for paths in linker.find_paths(part, [view] * len(part), view):
            out.append(paths)
    return out, view

def accuracy(linker, data):
    """Accuracy among those in the set; of copies and others."""
    inputs, golds, meta = data
    at = [k for k, g in enumerate(golds) if g]
    paths, view = predict(linker, [inputs[k] for k in at])
    from spacy_genre.titles.choice import choose_name
    right = []; cp = []
    for k, p in zip(at, paths):
        name = choose_name(view, p[0].node, "") if p else ""
        right.append(name_str(view, name) == golds[k]); cp.append(meta[k].lower() == golds[k].lower())
    right, cp = np.array(right), np.array(cp)
    f = lambda m: float(right[m].mean()) if m.any() else float("nan")
    return float(right.mean()), f(cp), f(~cp), len(at)

def name_str(view, name):
    return name if isinstance(name, str) else view.name_at(name)
