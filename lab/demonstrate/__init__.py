"""Small experiments that show one thing each: what lessons run, and what the ledger's claims stand on.

Each is a function that takes a :class:`~lab.demonstrate.bench.Bench` first and returns a frozen value with what it
counted or timed; it prints nothing, draws nothing and judges nothing. What it varies is an argument, so that a test can
give it the opposite and see the conclusion fall. Whatever it starts has ended when it returns.

A demonstration that compares the latency or throughput of two pools is an experiment of :mod:`lab.experiment`, with its
pairs and gates, and not one of these.
"""
