"""The checkpoints that the authors published (licence CC-BY-NC), whose config.json has no `genre`
block: their settings, by the name on the hub or of the folder."""

from pathlib import Path
from typing import Any, Dict, Optional

# Without a start token before names: the authors' prefix trees are [2] + encode(name)[1:], where 2
# is the decoder's start token and the start token of the encoded name is cut off.
LINKING: Dict[str, Any] = {"name_bos": False, "tasks": ["linking"]}
# KILT has entity linking, too.
RETRIEVAL: Dict[str, Any] = {"name_bos": False, "tasks": ["linking", "retrieval"]}
# Names stand in running text, after a space.
ANNOTATION: Dict[str, Any] = {"name_bos": False, "name_space": True, "tasks": ["annotation"]}
MULTILINGUAL: Dict[str, Any] = {
    "start_delimiter": "[START]",
    "end_delimiter": "[END]",
    "name_bos": False,
    # The default of the authors' `marginalize`, which differs from that of the search.
    "marginal_length_penalty": 0.5,
    "tasks": ["linking"],
}
BLOCKS_OF_TASK: Dict[str, Dict[str, Any]] = {
    "linking": LINKING,
    "retrieval": RETRIEVAL,
    "annotation": ANNOTATION,
    "multilingual": MULTILINGUAL,
}
# On the hub (facebook/…), and the folders in the archives of the repository.
CHECKPOINTS: Dict[str, Dict[str, Any]] = {
    **dict.fromkeys(("genre-linking-blink", "genre-linking-aidayago2"), LINKING),
    **dict.fromkeys(
        ("hf_entity_disambiguation_blink", "hf_entity_disambiguation_aidayago"), LINKING
    ),
    **dict.fromkeys(("genre-kilt", "hf_wikipage_retrieval"), RETRIEVAL),
    **dict.fromkeys(
        ("hf_e2e_entity_linking_wiki_abs", "hf_e2e_entity_linking_aidayago"), ANNOTATION
    ),
    "mgenre-wiki": MULTILINGUAL,
}


def published_block(folder: Path) -> Optional[Dict[str, Any]]:
    """The `genre` block of a published checkpoint.

    folder (Path): Its folder: a snapshot in the cache of the hub, or a folder with the
        checkpoint's name.
    RETURNS (Optional[Dict[str, Any]]): The block; None if the checkpoint is another one.
    """
    folder = folder.absolute()
    if folder.parent.name == "snapshots":  # models--facebook--genre-kilt/snapshots/REVISION
        _, _, repository = folder.parents[1].name.partition("models--")
        owner, _, name = repository.partition("--")
        return CHECKPOINTS.get(name) if owner == "facebook" else None
    return CHECKPOINTS.get(folder.name)
