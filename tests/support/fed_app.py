"""``app`` is the Flask application of two fed streams, for WSGI servers that import it."""

from streamvision.web.app import create_app
from support.live_feed import LiveFeed

_feed = LiveFeed("gate", "yard")
_feed.__enter__()  # publishes until the process ends
app = create_app(_feed.view)
