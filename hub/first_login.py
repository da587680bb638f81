"""Lays out a participant's folder; run by the participant's own account, so that no link of theirs leads root anywhere.

The folder looks like the clone to a notebook: `crate` and `data` are links to what all share, and the
notebooks and `target/models` are the person's own. What is there already stays as it is.
"""

import os
import shutil
import sys
from pathlib import Path


def lay_out(root, folder):
    """root: the clone; folder: the person's, which is there."""
    for name in ["crate", "data"]:
        link = folder / name
        if not os.path.lexists(link):
            link.symlink_to(root / name)
    (folder / "target/models").mkdir(parents=True, exist_ok=True)
    for source in sorted((root / "notebooks").rglob("*")):
        hidden = ".ipynb_checkpoints" in source.parts
        if source.is_file() and not hidden and not source.name.startswith("facilitators"):
            copy_missing(source, folder / source.relative_to(root))


def copy_missing(source, target):
    if os.path.lexists(target):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # Half a notebook would stay half for ever.
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.copyfile(source, unfinished)
    unfinished.rename(target)


if __name__ == "__main__":
    lay_out(Path(sys.argv[1]), Path(sys.argv[2]))
