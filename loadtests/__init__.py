"""Locustfiles of the lab, and the recorder that runs inside Locust.

``closed.py`` and ``open.py`` are the locustfiles; both also work with plain ``locust -f``. This is the only place that
imports Locust, because importing it patches the process.
"""
