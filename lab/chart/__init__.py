"""Recorded runs become figures: one style, the finding in the title, and nothing read but the runs.

``style``       colours, marks and sizes, and the little that every figure does with text
``labels``      the variants, the load and the finding in words
``panels``      the four parts of the main figure
``comparison``  the main figure: two variants, every request and every repeat
``pool``        one run: what the app's pool held and who waited, above what the server saw at the same time
``own``         a run on what is not the lab's: how long requests took, and what the connections did
``live``        the small figure that is drawn while the runs go on
"""
