"""Voices: what a plugin is, how a trained one speaks, and the bundled styles."""
