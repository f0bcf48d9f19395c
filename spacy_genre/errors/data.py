"""Messages about gold data, training and evaluation: codes D."""


class DataErrors:
    """Gold data that can't be used, and training or evaluation that can't be done."""

    # Gold data
    D001 = (
        "[D001] The format of {path} is unknown. Gold annotations are read from a dump of "
        "Wikipedia (*-pages-articles*.xml.bz2), from JSON and JSONL (our own format: text, "
        "mentions; pages: title, paragraphs; the formats of KILT, BLINK, Prodigy, doccano and "
        "spaCy), from a DocBin (.spacy), AIDA's TSV (it begins with -DOCSTART-) and NIF (Turtle). "
        "The table in docs/training.md has examples."
    )
    D002 = "[D002] {path}, line {line}: {reason}. Correct the line or remove it."
    D003 = "[D003] {path} can't be read: {reason}."
    D004 = (
        "[D004] {path} has no usable gold annotations: {n_texts} texts were read, and {n_missing} "
        "mentions have titles that are not in the title set."
    )
    D005 = (
        "[D005] {title!r} ({where}) is not in the title set. Add it, build the title set with the "
        'redirects of the same date, or leave such mentions out with missing="skip" (on the '
        "command line: --missing skip)."
    )
    D006 = "[D006] {key} is {value!r}; it must be {allowed}."
    D007 = (
        "[D007] {path} has an unfinished corpus of other sources or options. Use the same ones to "
        "resume it, or --force to start again."
    )
    D008 = (
        "[D008] The mention {mention!r} of {title!r} does not begin and end at token boundaries, "
        'in {text!r}. Correct its offsets, or set misaligned to "expand" or "skip".'
    )
    D009 = "[D009] {path} is not a corpus: it has no files *.jsonl.gz, *.jsonl or *.spacy."
    D020 = (
        "[D020] {path} is the folder of a corpus with several parts, but a reader reads one part. "
        "Give one of these instead: {parts}."
    )
    D030 = (
        "[D030] {path} has no gold annotations: none of its {n} texts has a mention with a title "
        "or an id. Keys found: {keys}. Expected is one of: "
        "mentions[start, end, title or id]; spans[start, end, kb_id] (Prodigy); "
        "entities[start_offset, end_offset, title or kb_id] (doccano); links of "
        "spaCy, {{'(start, end)': {{id: 1.0}}}}; context_left, mention, context_right, label_title "
        "(BLINK); entities with a kb_id (.spacy). Add titles or ids to the spans: see the table of "
        "formats in docs/training.md."
    )
    D033 = (
        "[D033] A corpus has no path. Set it in the config, or on the command line: --paths.train "
        "FILE --paths.dev FILE."
    )
    D043 = (
        "[D043] {path} can't be read: it is {kind}. Gold annotations are read from JSON, JSONL, "
        "AIDA's TSV, NIF, DocBin and Wikipedia's XML, plain or compressed with gzip or bzip2. The "
        "table in docs/training.md has examples."
    )

    # Training
    D010 = (
        "[D010] The loss is {value} after {steps} steps; the weights were not changed. The first "
        "of the {count} pairs of the batch: {pairs}. Check them, and try a lower learning rate, a "
        'longer warm-up, or dtype = "float32".'
    )
    D011 = (
        "[D011] The norm of the gradient is {value} after {steps} steps; the weights were not "
        'changed. Try a lower learning rate, a longer warm-up, or dtype = "float32".'
    )
    D012 = (
        '[D012] [training.optimizer] must be "Adam.v1" (with beta2 above 0) to train this '
        "component."
    )
    D013 = (
        "[D013] {name!r} is a model of type {found!r}; a warm start needs an encoder of type bert, "
        "roberta or xlm-roberta."
    )
    D014 = (
        "[D014] The pipeline {path} has no suitable component of spacy_genre; its components are: "
        "{names}. Give a pipeline with one, such as genre_linker, or no pipeline to use the model "
        "that comes with the package."
    )
    D016 = (
        "[D016] {path} holds pairs that were encoded before a change of: {changed}. Delete it to "
        "encode them again, or write to another folder."
    )
    D017 = (
        "[D017] A {kind} has no mask token, so context can't be masked. Set mask_context = 0 in "
        "the training block."
    )
    D021 = (
        "[D021] The {part} of the encoder {name!r} can't be loaded: {reason}\nIt needs "
        "config.json, the weights (model.safetensors) and the tokenizer's files (tokenizer.json or "
        "vocab.txt), all of one model, as transformers' save_pretrained writes them."
    )
    D022 = (
        "[D022] The encoder {name!r} has positions of type {found!r} (position_embedding_type in "
        "its config.json), which BART does not have. Give an encoder with absolute positions."
    )
    D023 = (
        "[D023] {name} has no training pairs: no mention has a title or id that is in the title "
        "set. Correct the corpus, the title set, or the settings that select mentions. The pairs "
        "of {component!r} depend on: {settings}."
    )
    D024 = (
        "[D024] The components {names} are trained but not saved in checkpoints, so this training "
        "can't be resumed. Freeze them (training.frozen_components), or train them separately with "
        "'spacy train'. Remove {path} to start again."
    )
    D025 = (
        "[D025] [training.frozen_components] lists all components that can be trained: {names}. "
        "Remove one of them from the list. (To freeze a part of a model, set 'frozen' in the "
        "component's training block.)"
    )
    D026 = (
        "[D026] The corpus {name} has no examples, so the pipeline can't be evaluated. Check its "
        "block in the config, and the files that it reads."
    )
    D031 = (
        "[D031] {component!r} can't be trained on this corpus: none of the {n} gold kb_ids of the "
        "first examples ({examples}, ...) is in its title set. Its kb_id is {kb_id!r}. If these "
        "are ids, set kb_id = 'id' and use a title set with these ids; if they are titles, set "
        "kb_id = 'title'. To convert ids to titles, use a title set that has both: genre corpus "
        "build FILE OUT --titles TITLES."
    )
    D032 = (
        "[D032] {component!r} has no training pairs: in the last {n} texts no entity has a gold "
        "kb_id that is in its title set (its kb_id is {kb_id!r}). Link the entities of the "
        "corpus; or, if only other components should be trained, add this one to "
        "[training.frozen_components]."
    )
    D034 = (
        "[D034] {component!r} had no training pairs in {n} steps, so its loss is 0: no entity of "
        "the training corpus has a gold kb_id that is in its title set. Link the entities of the "
        "corpus, and check the component's kb_id and labels_discard; or, if only other components "
        "should be trained, add this one to [training.frozen_components]."
    )
    D036 = "[D036] There is no config {name!r} in the package. Its configs are: {names}."
    D037 = "[D037] {path} exists; nothing was written. Replace it with --force."

    # Evaluation
    D018 = "[D018] Only one of --model and --pipeline can be evaluated. Leave out the other one."
    D035 = (
        "[D035] {path} has no gold mentions in the texts that were read, so there is nothing to "
        "evaluate. Increase --limit if it is set. (Texts with gold pages, for document retrieval, "
        "have no mentions.)"
    )
    D038 = (
        "[D038] {path} has no text with gold pages. Gold pages are 'title' or 'evidence' (own "
        "format) or provenance with titles (KILT); a page with paragraphs is the gold page of its "
        "first paragraph. See docs/retriever.md."
    )
    D039 = (
        "[D039] {path} has titles only, so {keys} can't identify its pages. Use --rank-key title."
    )
    D040 = (
        "[D040] {path} has no prediction for {n} texts of {gold}, the first one with the id "
        "{first!r}. Each text needs a prediction; its 'provenance' may be empty."
    )
    D041 = (
        "[D041] --retrieval can't be combined with {options}. These options are for the evaluation "
        "of entity linking."
    )
    D042 = "[D042] {options} need --retrieval, the evaluation of document retrieval."
