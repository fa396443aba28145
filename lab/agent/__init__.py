"""An agent: the lab's hand in another container.

``python -m lab.agent app`` runs where the sample app is to run, ``python -m lab.agent load`` where the load is led.
Each starts fresh processes as the lab orders over HTTP, with a token, and tells how they fare; a lab that never orders
anything finds the app under its default pool, and Locust's own web page.

``app``     keeps the sample app     ``load``    leads the load's workers
``web``     orders over HTTP         ``client``  the lab's side: what runs elsewhere, seen as if it ran here
"""
