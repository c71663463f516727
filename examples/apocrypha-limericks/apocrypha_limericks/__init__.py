"""The voice limericks, for Apocrypha."""
