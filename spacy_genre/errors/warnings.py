"""Messages of warnings: codes W."""


class Warnings:
    """Messages of warnings, filled in with `.format`. Their codes are stable."""

    W001 = (
        "[W001] {component!r} got a Doc whose entities were never set, so there is nothing to "
        "link. Put a component that sets doc.ents before it, such as 'ner' (in any trained "
        "pipeline with named entities) or 'entity_ruler', or set doc.ents yourself."
    )
    W003 = (
        "[W003] The model is a {kind}, so it is decoded by transformers' own code. This is several "
        "times slower than the decoder of spacy_genre, which supports BART and mBART without "
        "adapters and quantized layers. The results are the same."
    )
    W004 = (
        "[W004] Some mentions in {path} were left out: {lost}. (Entities of a Doc can't overlap, "
        "and must begin and end at token boundaries.)"
    )
    W005 = (
        "[W005] The config of {component!r} has settings of an earlier version: {changes}. To "
        "remove this warning, remove them from the config, or save the pipeline again with "
        "nlp.to_disk()."
    )
    W006 = (
        "[W006] {count} of {total} names look like {what}, such as {example!r}. They are used as "
        "they are. {way_out}"
    )
    W007 = (
        "[W007] These columns of {path} are not used: {columns}. To use one as the name or the id, "
        "give --name-column or --id-column."
    )
    W010 = (
        "[W010] {n} of the {n_items} texts of {path} have annotations without a title or an id, "
        "and are not used (number {rows}). Keys found: {keys}. Spans need a title or an id: see "
        "the table of formats in docs/training.md."
    )
    W011 = (
        "[W011] None of the {n} entities of the first examples has a gold kb_id, so {component!r} "
        "learns nothing from them. Link them to titles or ids, or, if only other components should "
        "be trained, add this one to [training.frozen_components]."
    )
    W012 = (
        "[W012] None of the {n} gold mentions of {path} is in the title set, so all of them count "
        "as wrong. Are titles and ids those of this title set?"
    )
    W013 = (
        "[W013] The model {name!r} of {component!r} is not in the local cache of the hub. It will "
        "be downloaded when it is first needed, at initialize or the first Doc. To download it "
        "before: 'huggingface-cli download {name}' ('hf download' in newer versions)."
    )
    W014 = (
        "[W014] {component!r} got a Doc without doc.spans[{key!r}], so there is nothing to read; "
        "its groups of spans: {keys}. Put a component that sets this group before it, such as "
        "'spancat' or 'span_ruler', or set spans_key to another group, or to null for doc.ents."
    )
    W015 = (
        "[W015] The search gives at most num_beams = {num_beams} results, fewer than top_k = "
        "{top_k} of {component!r}. To get all, set num_beams to {top_k}; the search takes longer "
        "then."
    )
    W016 = (
        "[W016] {component!r} can't annotate texts yet. {reason} (If from_disk or from_bytes is to "
        "load a model and a title set into this component, this warning can be ignored.)"
    )
    W020 = (
        "[W020] There is a GPU that torch can use, but spaCy can't, since the package CuPy is "
        "missing: the model runs on the CPU, and spacy.prefer_gpu() returns False. Install CuPy "
        'for your version of CUDA (pip install "spacy_genre[cuda12x]"), and call '
        "spacy.prefer_gpu() before the pipeline is created."
    )
    W021 = (
        "[W021] {n} of the {n_all} hourly files of pageviews are missing at {url}, so the titles "
        "are ranked by the others."
    )
    W022 = (
        "[W022] The model of {component!r} was not trained for {task}, but for {found}, so its "
        "results are poor. Give a model that was trained for it ('tasks' in the 'genre' block of "
        "its config.json), or train this one: see docs/training.md."
    )
