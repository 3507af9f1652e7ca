# Copyright: Contributors to koverse.runbook
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of others on this host."""

from __future__ import annotations

import os
import tempfile


def rewrite(path: str, content: bytes) -> None:
    """Writes a file that is there in one step, with the owner and the mode that it has; a link stays one. Raises OSError."""
    path = os.path.realpath(path)
    about = os.stat(path)
    with tempfile.NamedTemporaryFile("wb", dir=os.path.dirname(path), prefix=f".{os.path.basename(path)}.", delete=False) as draft:
        try:
            draft.write(content)
            draft.flush()
            os.fsync(draft.fileno())
            os.fchown(draft.fileno(), about.st_uid, about.st_gid)
            os.fchmod(draft.fileno(), about.st_mode & 0o7777)
            os.replace(draft.name, path)
        except OSError:
            os.unlink(draft.name)
            raise
