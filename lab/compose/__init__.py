"""What stands around Docker Compose. ``env.py`` runs before anything is installed, so it imports nothing of the lab."""
