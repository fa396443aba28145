"""One module for each claim; see :mod:`lab.ledger`."""
