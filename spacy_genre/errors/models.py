"""Messages about models and their tokenizers: codes M."""


class ModelErrors:
    """A model that can't be loaded or used."""

    M001 = (
        "[M001] There is no model at {name!r}: the folder has no config.json. Give a folder that "
        "transformers' save_pretrained wrote, the name of a model on the hub, or leave out "
        "'name' for the model that comes with the package."
    )
    M002 = (
        "[M002] The model {name!r} can't be loaded: {reason}\nA hub model is downloaded once, "
        "with a network; later loads need none. Without a network, copy the model's folder here "
        "and give its path, or leave out 'name' for the model that comes with the package."
    )
    M003 = (
        "[M003] The folder {name!r} can't be loaded as an encoder-decoder model: {reason}\nIt "
        "needs config.json, the weights (model.safetensors) and the tokenizer's files, as "
        "transformers' save_pretrained writes them."
    )
    M004 = (
        "[M004] {name!r} is a model of type {model_type!r}, which is not an encoder-decoder. "
        "spacy_genre needs an encoder-decoder such as BART, mBART or T5."
    )
    M005 = (
        "[M005] The setting {key!r} in 'genre' in the model's config.json is {value!r}; it must "
        "be {allowed}."
    )
    M006 = (
        "[M006] The model's output has NaN or infinite values: its weights are broken or overflow "
        'in {dtype}. Load the weights again, or set dtype = "float32".'
    )
    M007 = (
        "[M007] The title set's longest name has {found} tokens, but the model can generate "
        "only {limit}. Build the set with the tokenizer of this model, without such names."
    )
    M008 = "[M008] The bytes are not those of a spacy_genre model ({reason}). Nothing was changed."
    M009 = (
        "[M009] The token id {found} is beyond the model's vocabulary of {size}: the tokenizer or "
        "the title set belongs to another model. Load a folder in which model and tokenizer were "
        "saved together."
    )
    M010 = (
        "[M010] the tokenizer's vocabulary is missing (tokenizer.json, or for example vocab.txt): "
        "copy the files to the folder of config.json."
    )
    M011 = (
        "[M011] The tokenizer {tokenizer} does not say which characters its tokens stand for, so "
        "mentions can't be found in a text. Install the package 'tokenizers' and give a model with "
        "a fast tokenizer (tokenizer.json)."
    )
    M012 = (
        "[M012] {key} = {value!r} in the 'genre' block of the model's config.json must be one "
        "token: a token that no text contains, or one of the brackets {{ }} [ ] in plain text."
    )
    M013 = (
        "[M013] {component!r} finds and links mentions in a text, but its model was trained for "
        "{found}. Give a model that was trained for it, or train this one (see "
        "docs/annotator.md), and list \"annotation\" under 'tasks' in the 'genre' block of its "
        "config.json. To link entities that another component finds, use 'genre_linker'."
    )
