"""``python -m streamvision`` is ``streamvision``."""

from streamvision.cli.main import main

main()
