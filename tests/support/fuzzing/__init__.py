"""Feeds readers with files that are nearly right, and watches what they do.

``PYTHONPATH=.:tests python -m support.fuzzing GROUP --minutes 30`` runs one of the groups for as long as is asked, in
a child process whose memory is limited; the suite runs each of them shortly.
"""
