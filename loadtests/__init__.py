"""What runs inside Locust: two locustfiles, and the recorder that they share.

``closed``     users who ask, wait for the answer, think, and ask again
``open``       Poisson arrivals at a fixed rate, whatever the server does
``conductor``  the start, the end and the books of a load
``exchange``   one connection, one request at a time, stamped right around it
``recorder``   40 bytes for each request, and the books that must balance
``journey``    which request comes next, and when, by seed
``alarm``      waking up on time
``stock``      what Locust's own statistics say, to be shown beside the truth

Both locustfiles work with plain Locust: ``locust -f loadtests/closed.py --host http://127.0.0.1:PORT``. Importing
them imports Locust, which patches the process: the lab starts them as a child (:mod:`lab.load`).
"""
