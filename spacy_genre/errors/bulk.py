"""Messages about linking files (codes B)."""


class BulkErrors:
    """Inputs, outputs and options of `genre link`."""

    B050 = (
        "[B050] There is nothing to link: {paths} has no texts or names. If it is a folder, files "
        "with these endings are read: {endings}."
    )
    B051 = (
        "[B051] {path}: {reason}. Give the column or key of the texts (--text-column NAME), or "
        "that of bare names, each of which is a mention (--name-column NAME)."
    )
    B052 = (
        "[B052] The format of {path} can't be seen from its name. Files with these endings are "
        "read and written: {endings}. For another name, give the format: {option} FORMAT."
    )
    B053 = (
        "[B053] {path} is not a format of the output: {reason}. Give another output: a file with "
        "one of the endings {endings}, or a folder and --output-format FORMAT."
    )
    B054 = (
        "[B054] {where}: the text has no entities, and nothing in the pipeline finds any, so "
        "genre_linker has nothing to link. Give a pipeline with a named entity recognizer "
        "(--pipeline en_core_web_sm; get it with 'python -m spacy download en_core_web_sm'), or "
        "the entities ('mentions' in JSONL, doc.ents in .spacy), or use --task annotator with a "
        "model that finds mentions itself. If each text is a bare name, such as a cell of a table, "
        "give its column: --name-column NAME."
    )
    B055 = (
        "[B055] {path} has an unfinished run with other {changed}. Use the same ones to continue "
        "it, or --force to begin anew."
    )
    B056 = (
        "[B056] Another process is writing {path}. Wait until it has ended, or give another output."
    )
    B057 = (
        "[B057] The output {path} is one of the inputs, which would be lost. Give another output."
    )
    B058 = (
        "[B058] The inputs have the columns or keys {keys}, which the output uses for links. "
        "Rename them, or write another format."
    )
    B059 = (
        "[B059] {where}: the text has {length:,} characters; the limit is {limit:,}. Split it into "
        "several texts. If each line of the file is a text, give --lines."
    )
    B060 = "[B060] {option} can't be used with --task {task}. {way_out}"
    B061 = (
        "[B061] {path} was changed while it was read. The links of its first version are in an "
        "unfinished run. Begin anew with --force."
    )
    B062 = (
        "[B062] The package 'pyarrow' is missing, and without it Parquet can't be read or written. "
        'Install it: pip install "spacy_genre[parquet]"'
    )
    B063 = (
        "[B063] The pipeline {pipeline} has the component {component!r}, and so a model of its "
        "own. Leave out --model, or give a pipeline without this component."
    )
    B064 = "[B064] {path} can't be read: {reason}."
    B065 = (
        "[B065] {where}: the text is not valid Unicode: it has {character!a}, half of a pair of "
        "surrogates. Replace it in the text."
    )
