"""Messages about the conversion of other programs' files: codes V."""


class ConversionErrors:
    """Files and knowledge bases that can't be converted."""

    X050 = (
        "[X050] {path} can't be read: {reason}. Nothing of it was executed. Only plain data is "
        "read from a pickle (numbers, strings, lists, tuples, dicts, sets), and the tries of the "
        "official GENRE code. If the file is damaged, download it again; if you trust its source, "
        "unpickle it with the program that wrote it, and save its content as JSON."
    )
    X051 = (
        "[X051] {path} is none of the files of the official GENRE code that can be converted: a "
        "prefix tree (nested dicts of token ids, Trie, MarisaTrie), a table (language, title) -> "
        "QIDs, or a table mention -> titles or QIDs."
    )
    X052 = "[X052] {path} has nothing that can be converted. Check the languages that are kept."
    X053 = (
        "[X053] The prefix tree is damaged or not a tree of token ids (near {token!r}). Download "
        "the file again."
    )
    X054 = (
        "[X054] This prefix tree needs the package marisa-trie. Run: pip install "
        '"spacy_genre[convert]"'
    )
    X055 = (
        "[X055] The table has {key!r}: {value!r}. Expected is (language, title): set of QIDs, or "
        "mention: list of titles, or mention: dict of titles or QIDs with their counts."
    )
    X056 = (
        "[X056] A knowledge base of the type {kind} can't list its entities and aliases. Give an "
        "InMemoryLookupKB, or build a title set from a list: 'python -m spacy genre titles build'."
    )
    X057 = "[X057] The knowledge base has no entities. Add them, or load it, before the conversion."
    X058 = (
        "[X058] {path} is not the database of spacy-entity-linker: {reason}. It is "
        "wikidb_filtered.db in the folder data_spacy_entity_linker next to the package."
    )
    X059 = (
        "[X059] {path} can't be read as a checkpoint of fairseq: {reason}. Nothing of it was "
        "executed. If the file is damaged, download it again."
    )
    X060 = (
        "[X060] The weights of {path} do not fit an encoder-decoder of the type {kind}: {reason}."
    )
    X061 = (
        "[X061] The tokenizer {name!r} has the token id {largest}, but the checkpoint has {rows} "
        "embeddings, so it is not the tokenizer of this checkpoint. Give its own one: --tokenizer "
        "FOLDER (for the English checkpoints that of facebook/bart-large, for mGENRE the folder or "
        "file of spm_256000.model)."
    )
    X062 = (
        "[X062] The tokenizer {name!r} can't be loaded: {reason}\nGive a folder with the "
        "tokenizer's files or a SentencePiece model: --tokenizer FOLDER. A SentencePiece model "
        '(mGENRE) needs pip install "spacy_genre[convert]".'
    )
    X063 = (
        "[X063] The pipeline has no component {component!r}. It has {names}. Name the one with the "
        "knowledge base: --component NAME."
    )
    X064 = "[X064] The task is {task!r}; it must be one of {allowed}."
