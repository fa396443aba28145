"""A module beside the locustfile, which that imports."""

ODD = "search [bold] 'ü' <x>"
NUMBERS = (2, 3, 4)
