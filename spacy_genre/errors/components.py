"""Messages about the settings of the search (codes S) and of components (codes C)."""


class ComponentErrors:
    """Inputs and settings that a component or its search can't work with."""

    # The search
    S001 = "[S001] num_beams must be an integer from 1 to {limit}, not {value!r}."
    S002 = "[S002] length_penalty must be a number from -10 to 10, not {value!r}."
    S003 = '[S003] early_stopping must be True, False or "never", not {value!r}.'
    S004 = (
        "[S004] The constraint is for {found} inputs, but there are {inputs}. Give one start state "
        "or one trie for each input."
    )
    S006 = (
        "[S006] {inputs} inputs are too many for one search; the limit is {limit}. Search them in "
        "parts."
    )
    S007 = (
        "[S007] A text of {found} tokens, its end token included, is longer than the longest "
        "output of {limit} tokens. Split it into shorter windows."
    )
    S008 = (
        "[S008] The text contains the token id {token}, which marks mentions, names or the end. "
        "Replace it in the text, or use markers that no text contains."
    )
    S009 = "[S009] {tokens} tokens of text are too many for one search. Search them in parts."
    S010 = (
        "[S010] The table of mentions has {found} rows for a text of {tokens} tokens. Give one row "
        "for each token."
    )

    # The components
    C001 = "[C001] The setting {key!r} of {component!r} is {value!r}; it must be {allowed}."
    C002 = (
        '[C002] kb_id = "id" needs a title set with ids, and this one has none. Build it with '
        'ids, or set kb_id = "title".'
    )
    C003 = (
        '[C003] dtype = "float16" works on a GPU only. Call spacy.require_gpu() before the '
        'pipeline is loaded, or set dtype to "auto", "float32" or "bfloat16".'
    )
    C004 = (
        "[C004] The function 'get_candidates' returned {found!r} for the entity {ent!r}. It must "
        "return a list of names, or None to search the whole title set."
    )
    C005 = (
        '[C005] {component!r} has unit = "sentence", but a Doc has no sentence boundaries. Put a '
        "component that sets them before it, such as 'sentencizer' or 'parser', or set unit = "
        '"doc".'
    )
    C006 = (
        "[C006] {component!r} has windows of {window} tokens that overlap by {overlap}. Set "
        "overlap_tokens to at most half of window_tokens."
    )
    C007 = (
        "[C007] {component!r} has windows of {window} tokens, but its model can write {limit} "
        "tokens, of which a mention with the longest name takes {name}. Set window_tokens to at "
        "most {room}."
    )
    C008 = (
        '[C008] {component!r} has mentions = "ents", so it links doc.ents, but also spans_key = '
        '{key!r}. Set spans_key to null, or mentions to "free" or "aliases".'
    )
    C009 = (
        "[C009] {component!r} has no setting or other attribute {key!r}. Its settings are "
        "{settings}. (A subclass must define its own attributes in the class: {key} = None.)"
    )
