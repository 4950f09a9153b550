"""Stand-in platforms: real servers, a real database and real files that speak as the county's platforms do, over a made-up year.

``python -m platforms --help`` tells how to start them. Nothing here imports the library in ``plugins/``: what the two agree on is the
description of the platforms, not code.
"""
