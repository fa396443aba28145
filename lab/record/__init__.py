"""The record: what the parts of a run write down, and the folder in which it ends.

``raw``     the bytes that the load generator and the observer write while they work (standard library only)
``tables``  the columns of each Parquet file of a run
``files``   small files that are replaced in one step
``progress``  how far a run in progress has come
``experiment``  the folder that holds the runs of one question
``run``     the run folder: begun, sealed, read back, refused when it is incomplete
``sweep``   the folder that holds the runs of a sweep
``frames``  everything recorded as pandas tables: ``lab.record.load(folder)``
"""

from lab.record.frames import Frames, load

__all__ = ["Frames", "load"]
