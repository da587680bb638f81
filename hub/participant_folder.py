"""Prepares a participant's folder. The participant's account runs it: root would follow links that lie there.

To a notebook, the folder looks like the clone. `crate` and `data` are links to the clone; the notebooks and
`target/models` belong to the participant. Files that exist already are not changed.
"""

import os
import shutil
import sys
from pathlib import Path


def prepare(root, folder):
    """root: the clone; folder: the participant's, which exists."""
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
    # A partial copy under the final name would never be completed.
    temporary = target.with_name(f".{target.name}.unfinished")
    shutil.copyfile(source, temporary)
    temporary.rename(target)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), Path(sys.argv[2]))
