"""``python -m streamvision`` is ``streamvision``."""

import sys
from pathlib import Path

# Python puts the current folder first, where a user's own folder named pipelines or exporters would hide ours.
if Path(sys.path[0]).resolve() == Path.cwd() != Path(__file__).resolve().parents[1]:
    sys.path.append(sys.path.pop(0))  # stages of the user's own, module:function, are still found there

from streamvision_edge import main

main()
