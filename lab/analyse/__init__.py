"""Pure functions on recorded runs: what was measured, what it says, and whether it may be believed.

``warmup``       where the first transient of a run ends
``measured``     the requests of one run that count, as arrays
``percentiles``  exact, and only where there is enough to rank
``split``        where the time of a mean request went
``summary``      one run, and one variant over its runs, in numbers
``gates``        what makes a comparison invalid, and what is only worth a note
``comparison``   two variants: effect, interval, verdict
"""
