"""Texts as images, with a text for those who cannot see them."""
