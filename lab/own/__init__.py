"""What is not the lab's: an application and a database that somebody else runs, measured and observed as they are.

``place``    the database that a DSN leads to: what may be seen there, and where the observer sits
``eyes``     who looks while a run goes on: the observer beside a database, or a look at this machine alone
``observe``  a record of a database beside any load
``load``     a record of a load on an application, with or without its database
``folder``   what both kinds of record have in common: begun, sealed, marked as failed

Such a run has a folder as every run of the lab, and its manifest's ``own`` says what it was made of:

=================  =====================================================================================
``what``           ``observe`` or ``run``
``database``       name and version of the database; null if none was observed
``asked_s``        the seconds that were asked for; null: until it is stopped
``interrupted``    whether it was stopped before these were over
``hidden``         what the role may not see, in words
``absent``         what could not be had here, in words
``lacks``          the tables that such a record does not have
=================  =====================================================================================

These are there if ``what`` is ``run``, and only then:

=================  =====================================================================================
``url``            the application's address
``locustfile``     the name of the file whose users made the load; null if the lab made it
``ended_after_s``  when a locustfile ended its load itself, from its start; null if it did not
``app``            the process that listens at the address: pid and name; null if it cannot be seen
``locust``         what happened in a locustfile besides its requests; null if the lab made the load
``unanswered``     how many requests had no answer, by kind of reason
=================  =====================================================================================
"""
