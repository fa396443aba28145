"""Healthy means: something answers HTTP on this port of the container. ``answers.py PORT [PATH]``"""

import http.client
import sys

connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=4)  # never through a proxy
connection.request("GET", sys.argv[2] if len(sys.argv) > 2 else "/")
sys.exit(connection.getresponse().status >= 400)
