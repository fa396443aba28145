"""A performance laboratory for PostgreSQL behind a FastAPI application.

::

    server  ->  app  ->  load  ->  observe  ->  record  ->  analyse  ->  chart  ->  notebook / CLI

``server``      a PostgreSQL: embedded, or attached
``app``         the sample application, with the pool under test
``load``        Locust as a child process, with a recorder in it
``observe``     what the server and the machine saw meanwhile
``record``      the run folder
``analyse``     recorded runs become numbers and verdicts
``chart``       recorded runs become figures
``experiment``  the one place where all of these meet
``lesson``      what the notebooks use; ``cli`` is the command ``lab``
"""
